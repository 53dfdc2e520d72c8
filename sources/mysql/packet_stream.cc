#include "sources/mysql/packet_stream.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include "sources/mysql/server_error.h"

namespace rowtide::mysql {
namespace {

constexpr std::size_t kHeaderBytes = 4;
// A part of this length is followed by another one of the same packet.
constexpr std::size_t kFullPartBytes = 0xFFFFFF;
constexpr std::size_t kBufferBytes = std::size_t{256} * 1024;
// The most that a server can send, and room for what is around it.
constexpr std::size_t kMaxPacketBytes = (std::size_t{1} << 30U) + (std::size_t{1} << 24U);
constexpr std::chrono::seconds kLongestWait(60);

constexpr unsigned kConnectionLost = 2013;

Error lost(std::string_view why) {
  return server_error(kConnectionLost,
                      fmt::format("the connection to the server was lost: {}", why));
}

std::size_t part_bytes(const char* header) noexcept {
  const auto byte = [&](int at) { return std::size_t{static_cast<unsigned char>(header[at])}; };
  return byte(0) | byte(1) << 8U | byte(2) << 16U;
}

std::uint8_t part_number(const char* header) noexcept {
  return static_cast<std::uint8_t>(header[3]);
}

}  // namespace

void PacketStream::Free::operator()(char* bytes) const noexcept {
  std::free(bytes);
}

PacketStream::PacketStream(int socket, void* tls, std::uint8_t first_number, const Clock& clock)
    : socket_(socket), tls_(tls), clock_(clock), next_number_(first_number), buffer_(kBufferBytes) {
  const int flags = ::fcntl(socket_, F_GETFL);
  ::fcntl(socket_, F_SETFL, flags | O_NONBLOCK);
}

Result<std::optional<std::string_view>> PacketStream::next(Deadline until) {
  if (!joining_ && joined_ != nullptr) {
    joined_.reset();
    joined_capacity_ = 0;
    joined_bytes_ = 0;
  }
  while (true) {
    auto packet = joining_ ? take_joined() : take_small();
    if (!packet || *packet) {
      return packet;
    }
    if (joining_ && available() >= kHeaderBytes) {
      continue;  // it turned out to be a packet that must be joined
    }
    ROWTIDE_TRY_ASSIGN(bool progress, fill());
    while (!progress) {
      ROWTIDE_TRY_ASSIGN(const bool ready, wait(until));
      if (!ready) {
        return std::optional<std::string_view>();
      }
      ROWTIDE_TRY_ASSIGN(progress, fill());
    }
  }
}

Result<std::optional<std::string_view>> PacketStream::take_small() {
  if (available() < kHeaderBytes) {
    return std::optional<std::string_view>();
  }
  const char* header = buffer_.data() + begin_;
  const std::size_t size_bytes = part_bytes(header);
  if (size_bytes <= available() - kHeaderBytes && size_bytes != kFullPartBytes) {
    ROWTIDE_TRY(check_number(part_number(header)));
    begin_ += kHeaderBytes + size_bytes;
    return std::optional(std::string_view(header + kHeaderBytes, size_bytes));
  }
  joining_ = size_bytes > buffer_.size() - kHeaderBytes;
  return std::optional<std::string_view>();
}

Result<std::optional<std::string_view>> PacketStream::take_joined() {
  while (true) {
    if (part_left_bytes_ == 0 && !last_part_) {
      if (available() < kHeaderBytes) {
        return std::optional<std::string_view>();
      }
      const char* header = buffer_.data() + begin_;
      ROWTIDE_TRY(check_number(part_number(header)));
      part_left_bytes_ = part_bytes(header);
      last_part_ = part_left_bytes_ != kFullPartBytes;
      begin_ += kHeaderBytes;
      ROWTIDE_TRY(grow_joined(part_left_bytes_));
    }
    const std::size_t taken_bytes = std::min(part_left_bytes_, available());
    std::memcpy(joined_.get() + joined_bytes_, buffer_.data() + begin_, taken_bytes);
    begin_ += taken_bytes;
    joined_bytes_ += taken_bytes;
    part_left_bytes_ -= taken_bytes;
    if (part_left_bytes_ > 0) {
      return std::optional<std::string_view>();
    }
    if (last_part_) {
      joining_ = false;
      last_part_ = false;
      return std::optional(std::string_view(joined_.get(), joined_bytes_));
    }
  }
}

Result<void> PacketStream::check_number(std::uint8_t number) {
  if (number != next_number_) {
    return fail(retry_error(
        Code::kProtocol,
        fmt::format("the server sent packet {} where {} was due", number, next_number_)));
  }
  ++next_number_;
  return {};
}

Result<void> PacketStream::grow_joined(std::size_t more_bytes) {
  const std::size_t wanted_bytes = joined_bytes_ + more_bytes;
  if (wanted_bytes > kMaxPacketBytes) {
    return fail(event_too_large(wanted_bytes, kMaxPacketBytes));
  }
  // One byte more, so that an empty packet has a place too.
  if (wanted_bytes + 1 > joined_capacity_) {
    // Memory of this size is moved by the kernel and not copied.
    char* const before = joined_.release();
    char* const grown = static_cast<char*>(std::realloc(before, wanted_bytes + 1));
    joined_.reset(grown == nullptr ? before : grown);
    if (grown == nullptr) {
      return fail(retry_error(Code::kInternal,
                              fmt::format("no memory for an event of {} bytes", wanted_bytes)));
    }
    joined_capacity_ = wanted_bytes + 1;
  }
  return {};
}

Result<bool> PacketStream::fill() {
  if (joining_ && part_left_bytes_ > 0) {
    // The buffer is empty here: the part goes to its place without a detour.
    ROWTIDE_TRY_ASSIGN(const std::size_t bytes,
                       read_some(joined_.get() + joined_bytes_, part_left_bytes_));
    joined_bytes_ += bytes;
    part_left_bytes_ -= bytes;
    return bytes > 0;
  }
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, available());
    end_ -= begin_;
    begin_ = 0;
  }
  ROWTIDE_TRY_ASSIGN(const std::size_t bytes,
                     read_some(buffer_.data() + end_, buffer_.size() - end_));
  end_ += bytes;
  return bytes > 0;
}

Result<std::size_t> PacketStream::read_some(char* into, std::size_t size_bytes) {
  std::size_t bytes = 0;
  if (tls_ != nullptr) {
    ROWTIDE_TRY_ASSIGN(bytes, read_tls(into, size_bytes));
  } else {
    wait_ = Wait::kRead;
    ssize_t received = 0;
    do {
      received = ::recv(socket_, into, size_bytes, MSG_DONTWAIT);
    } while (received < 0 && errno == EINTR);
    if (received == 0) {
      return fail(lost("the server closed it"));
    }
    if (received < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
      return fail(lost(std::generic_category().message(errno)));
    }
    bytes = received < 0 ? 0 : static_cast<std::size_t>(received);
  }
  if (bytes > 0) {
    quiet_since_.reset();
  } else if (!quiet_since_) {
    quiet_since_ = clock_.now();
  }
  return bytes;
}

Result<std::size_t> PacketStream::read_tls(char* into, std::size_t size_bytes) {
  SSL* const tls = static_cast<SSL*>(tls_);
  ::ERR_clear_error();
  std::size_t bytes = 0;
  if (::SSL_read_ex(tls, into, size_bytes, &bytes) == 1) {
    return bytes;
  }
  const int saved_errno = errno;
  switch (::SSL_get_error(tls, 0)) {
    case SSL_ERROR_WANT_READ:
      wait_ = Wait::kRead;
      return std::size_t{0};
    case SSL_ERROR_WANT_WRITE:
      wait_ = Wait::kWrite;
      return std::size_t{0};
    case SSL_ERROR_ZERO_RETURN:
      return fail(lost("the server closed it"));
    case SSL_ERROR_SYSCALL:
      return fail(lost(saved_errno == 0 ? "the server closed it"
                                        : std::generic_category().message(saved_errno)));
    default: {
      const char* reason = ::ERR_reason_error_string(::ERR_peek_last_error());
      return fail(lost(reason == nullptr ? "broken TLS" : reason));
    }
  }
}

Result<bool> PacketStream::wait(Deadline until) {
  while (true) {
    const auto left = until - clock_.now();
    if (left <= std::chrono::nanoseconds(0)) {
      return false;
    }
    const auto left_ms = std::chrono::ceil<std::chrono::milliseconds>(
        std::min<std::chrono::nanoseconds>(left, kLongestWait));
    pollfd watched{socket_, static_cast<short>(wait_ == Wait::kRead ? POLLIN : POLLOUT), 0};
    const int ready = ::poll(&watched, 1, static_cast<int>(left_ms.count()));
    if (ready > 0) {
      return true;
    }
    if (ready < 0 && errno != EINTR) {
      return fail(lost(std::generic_category().message(errno)));
    }
  }
}

}  // namespace rowtide::mysql
