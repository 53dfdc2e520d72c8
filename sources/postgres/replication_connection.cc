#include "sources/postgres/replication_connection.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "engine/base/cursor.h"
#include "sources/postgres/value_decode_text.h"

namespace rowtide::postgres {
namespace {

constexpr std::size_t kShortReadBytes = 8192;
// Of the receive buffer; the kernel doubles it.
constexpr int kLoopbackWindowBytes = 48 * 1024;

constexpr std::chrono::seconds kLongestWait(60);

// Microseconds between 1970-01-01 and 2000-01-01, where the wire counts from.
constexpr std::int64_t kWireEpochUs = 946'684'800'000'000;

void receive_notice(void* board, const PGresult* notice) {
  static_cast<NoticeBoard*>(board)->add(notice);
}

// Of a connected, unencrypted socket.
Transport transport_of(int socket) noexcept {
  sockaddr_storage peer{};
  socklen_t length = sizeof(peer);
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &length) != 0) {
    return Transport::kNetwork;
  }
  switch (peer.ss_family) {
    case AF_UNIX:
      return Transport::kUnixSocket;
    case AF_INET: {
      const auto address = ntohl(reinterpret_cast<const sockaddr_in&>(peer).sin_addr.s_addr);
      return address >> 24U == IN_LOOPBACKNET ? Transport::kLoopback : Transport::kNetwork;
    }
    case AF_INET6:
      return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr)
                 ? Transport::kLoopback
                 : Transport::kNetwork;
    default:
      return Transport::kNetwork;
  }
}

void append_u64_be(std::string& out, std::uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(value >> static_cast<unsigned>(shift)));
  }
}

}  // namespace

void NoticeBoard::add(const PGresult* notice) {
  const auto field = [&](int code) {
    const char* text = PQresultErrorField(notice, code);
    return std::string(text == nullptr ? "" : text);
  };
  const std::string severity = field(PG_DIAG_SEVERITY_NONLOCALIZED);
  if (severity == "DEBUG" || severity == "LOG" || severity == "INFO") {
    return;
  }
  std::string text = severity + ": " + field(PG_DIAG_MESSAGE_PRIMARY);
  if (const auto detail = field(PG_DIAG_MESSAGE_DETAIL); !detail.empty()) {
    text += " (" + detail + ")";
  }
  if (text.find("skipped loading publication") != std::string::npos) {
    publication_skipped_.store(true);
  }
  log_.warn("server says: {}", text);
  const std::scoped_lock lock(mutex_);
  if (!texts_.empty() && texts_.back() == text) {
    return;
  }
  texts_.push_back(std::move(text));
  if (texts_.size() > kKept) {
    texts_.pop_front();
  }
}

std::vector<std::string> NoticeBoard::latest() const {
  const std::scoped_lock lock(mutex_);
  return {texts_.begin(), texts_.end()};
}

int protocol_version(int server_version) noexcept {
  const int major = server_version / 10000;
  return std::clamp(major - 12, 1, 4);
}

std::string start_replication_sql(const StreamOptions& options) {
  const int protocol = protocol_version(options.server_version);
  std::string sql =
      fmt::format("START_REPLICATION SLOT {} LOGICAL {} (proto_version '{}', publication_names {}",
                  quote_identifier(options.slot), lsn_text(options.start_lsn), protocol,
                  quote_literal(quote_identifier(options.publication)));
  if (options.binary && protocol >= 2) {
    sql += ", binary 'on'";
  }
  if (options.messages && protocol >= 2) {
    sql += ", messages 'on'";
  }
  if (options.streaming && protocol >= 2) {
    sql += protocol >= 4 ? ", streaming 'parallel'" : ", streaming 'on'";
  }
  if (options.two_phase && protocol >= 3) {
    sql += ", two_phase 'on'";
  }
  if (options.origin_none && protocol >= 4) {
    sql += ", origin 'none'";
  }
  return sql + ")";
}

ReplicationConnection::ReplicationConnection(const Clock& clock, NoticeBoard& notices)
    : clock_(clock), notices_(notices) {}

Result<void> ReplicationConnection::connect(const PostgresSourceConfig& config) {
  close();
  ConnectOptions options;
  options.url = config.url;
  options.password = config.password;
  options.replication = true;
  options.application_name = "rowtide";
  options.connect_timeout_seconds =
      std::max(2, static_cast<int>(config.connect_timeout.count() / 1000));
  options.session_settings = kTextFormSettings;
  if (config.wal_sender_timeout.count() > 0) {
    options.session_settings +=
        fmt::format(" -c wal_sender_timeout={}", config.wal_sender_timeout.count());
  }
  if (config.logical_decoding_work_mem_bytes > 0) {
    options.session_settings += fmt::format(" -c logical_decoding_work_mem={}",
                                            config.logical_decoding_work_mem_bytes / 1024);
  }
  auto connected = postgres::connect(options);
  if (!connected) {
    return fail(std::move(connected).error());
  }
  connection_ = std::move(*connected);
  PQsetNoticeReceiver(connection_.get(), receive_notice, &notices_);
  return {};
}

Result<StreamIdentity> ReplicationConnection::identify(
    const std::optional<StreamIdentity>& stored) {
  return stored ? verify_timeline(connection_.get(), *stored) : identify_system(connection_.get());
}

Result<void> ReplicationConnection::start(const StreamOptions& options) {
  ROWTIDE_TRY(grow_read_buffer(connection_.get()));
  auto started = query(connection_.get(), start_replication_sql(options));
  if (!started) {
    return fail(std::move(started).error());
  }
  if (PQresultStatus(started->get()) != PGRES_COPY_BOTH) {
    return fail(fatal_error(Code::kProtocol, "the server did not start to stream"));
  }
  if (PQsetnonblocking(connection_.get(), 1) != 0) {
    return fail(to_error(connection_.get(), nullptr));
  }
  tune_socket();
  return {};
}

void ReplicationConnection::close() noexcept {
  end_drain();
  buffer_.reset();
  connection_.reset();
}

void ReplicationConnection::end_drain() noexcept {
  bytes_since_read_ = kShortReadBytes;
}

// A walsender that finds the window open sends every message as a segment of its own, and over
// loopback it does the receiver's half of TCP as well. Behind a closed window its kernel appends to
// what is queued already, which costs both sides a fraction. Only here, where opening the window
// brings the next bytes at once: with any distance in between a narrow window limits the rate.
void ReplicationConnection::tune_socket() noexcept {
  const bool encrypted = PQsslInUse(connection_.get()) != 0;
  transport_ = encrypted ? Transport::kNetwork : transport_of(PQsocket(connection_.get()));
  short_read_ends_ = !encrypted;
  if (transport_ != Transport::kLoopback) {
    return;
  }
  const int bytes = kLoopbackWindowBytes;
  ::setsockopt(PQsocket(connection_.get()), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

Result<bool> ReplicationConnection::next(Frame& frame) {
  char* raw = nullptr;
  int size = PQgetCopyData(connection_.get(), &raw, 1);
  if (size == 0) {
    // A read that came back short has emptied the socket. Asking again at once would chase a sender
    // that writes row by row, with a system call for every few of them. TLS may hold back bytes of
    // a record, which poll() does not see, so there the socket is asked until it has nothing.
    if (short_read_ends_ && bytes_since_read_ < kShortReadBytes) {
      end_drain();
      return false;
    }
    bytes_since_read_ = 0;
    if (PQconsumeInput(connection_.get()) == 0) {
      return fail(to_error(connection_.get(), nullptr));
    }
    size = PQgetCopyData(connection_.get(), &raw, 1);
    if (size == 0) {
      end_drain();
      return false;
    }
  }
  if (size < 0) {
    return fail(copy_ended());
  }
  bytes_since_read_ += static_cast<std::size_t>(size);
  buffer_.reset(raw);
  Cursor cursor(raw, static_cast<std::size_t>(size));
  switch (cursor.u8()) {
    case 'w':
      cursor.take(24);
      frame.kind = Frame::Kind::kData;
      frame.message = cursor.take(cursor.remaining());
      break;
    case 'k':
      frame.kind = Frame::Kind::kKeepalive;
      frame.wal_end = cursor.u64_be();
      cursor.take(8);
      frame.reply_requested = cursor.u8() != 0;
      break;
    default:
      cursor.set_failed();
  }
  if (!cursor.ok()) {
    return fail(retry_error(Code::kProtocol, "the server sent a malformed replication frame"));
  }
  return true;
}

Result<void> ReplicationConnection::wait(Deadline until) {
  const auto left = std::clamp<std::chrono::nanoseconds>(until - clock_.now(), {}, kLongestWait);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
  const timespec timeout{.tv_sec = seconds.count(), .tv_nsec = (left - seconds).count()};
  pollfd poll_for{PQsocket(connection_.get()), POLLIN, 0};
  const int ready = ::ppoll(&poll_for, 1, &timeout, nullptr);
  if (ready < 0 && errno != EINTR) {
    return fail(retry_error(
        Code::kConnection, fmt::format("waiting for the server failed: {}", std::strerror(errno))));
  }
  return {};
}

Result<void> ReplicationConnection::send_status(std::uint64_t flush_lsn) {
  std::string message;
  message.reserve(34);
  message.push_back('r');
  append_u64_be(message, flush_lsn);
  append_u64_be(message, flush_lsn);
  append_u64_be(message, flush_lsn);
  append_u64_be(message, static_cast<std::uint64_t>(clock_.wall_us() - kWireEpochUs));
  message.push_back(0);
  const int put =
      PQputCopyData(connection_.get(), message.data(), static_cast<int>(message.size()));
  if (put < 0) {
    return fail(to_error(connection_.get(), nullptr));
  }
  // A full socket keeps the message in libpq's buffer; the next flush sends it.
  return flush();
}

Result<void> ReplicationConnection::flush() {
  if (PQflush(connection_.get()) < 0) {
    return fail(to_error(connection_.get(), nullptr));
  }
  return {};
}

// PQgetCopyData's -1 and -2 say only that it is over; the reason is in the result behind it.
Error ReplicationConnection::copy_ended() {
  std::unique_ptr<PGresult, PgResultDeleter> result(PQgetResult(connection_.get()));
  if (result != nullptr && PQresultStatus(result.get()) == PGRES_FATAL_ERROR) {
    return to_error(connection_.get(), result.get());
  }
  if (PQstatus(connection_.get()) != CONNECTION_OK) {
    return to_error(connection_.get(), nullptr);
  }
  return retry_error(Code::kConnection, "the server ended the stream");
}

}  // namespace rowtide::postgres
