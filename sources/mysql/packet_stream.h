#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/base/clock.h"
#include "engine/base/error.h"

namespace rowtide::mysql {

// Reads the packets that a server sends on a connection that a client library has made, from the
// moment that nothing else is asked on it. The library reads a packet whole or waits; this waits
// until a deadline and takes what is there in large pieces. One thread at a time.
class PacketStream {
 public:
  // Neither is owned. `tls` is the SSL of the connection, null for one that is not encrypted; the
  // socket is switched to not blocking. The first packet has the number `first_number`.
  PacketStream(int socket, void* tls, std::uint8_t first_number, const Clock& clock);

  // The content of the next packet, joined where it came in parts of 16 MiB; valid until the next
  // call. nullopt when it is not whole by `until`; the parts that came are kept.
  Result<std::optional<std::string_view>> next(Deadline until);

  // Since when it is waited for a byte in vain; nullopt after one came. A pause between two calls
  // does not count.
  std::optional<MonotonicTime> quiet_since() const noexcept { return quiet_since_; }

 private:
  struct Free {
    void operator()(char* bytes) const noexcept;
  };
  enum class Wait : std::uint8_t { kRead, kWrite };

  // A packet that lies whole in the buffer.
  Result<std::optional<std::string_view>> take_small();
  // Goes on joining a packet that does not fit into the buffer.
  Result<std::optional<std::string_view>> take_joined();
  Result<void> check_number(std::uint8_t number);
  Result<void> grow_joined(std::size_t more_bytes);
  // Reads once, where the bytes are wanted; false = nothing was there.
  Result<bool> fill();
  // 0 = nothing is there.
  Result<std::size_t> read_some(char* into, std::size_t size_bytes);
  Result<std::size_t> read_tls(char* into, std::size_t size_bytes);
  // Returns at the deadline at the latest; false = it has passed.
  Result<bool> wait(Deadline until);
  std::size_t available() const noexcept { return end_ - begin_; }

  int socket_;
  void* tls_;
  const Clock& clock_;
  std::uint8_t next_number_;
  Wait wait_ = Wait::kRead;
  std::optional<MonotonicTime> quiet_since_;

  // What was read and not yet returned is [begin_, end_).
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;

  // A packet that is being joined.
  bool joining_ = false;
  std::unique_ptr<char, Free> joined_;
  std::size_t joined_capacity_ = 0;
  std::size_t joined_bytes_ = 0;
  std::size_t part_left_bytes_ = 0;
  bool last_part_ = false;
};

}  // namespace rowtide::mysql
