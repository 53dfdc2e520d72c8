#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/error.h"
#include "sources/mysql/binlog_event.h"

namespace rowtide::mysql {

// What one event may grow to when it is decompressed: the servers' own limit for a packet.
inline constexpr std::size_t kMaxUncompressedBytes = std::size_t{1} << 30;

// The events inside a TRANSACTION_PAYLOAD, one after the other. Holds one inner event and a window
// of the compressed stream, however large the transaction is. Used again for the next payload.
class PayloadReader {
 public:
  PayloadReader();
  ~PayloadReader();
  PayloadReader(const PayloadReader&) = delete;
  PayloadReader& operator=(const PayloadReader&) = delete;

  // `body` must live until the last event was taken.
  Result<void> start(std::string_view body);
  // The next inner event, valid until the next call; nullopt at the end. Inner events have no
  // checksum.
  Result<std::optional<BinlogEvent>> next();

 private:
  struct Decompressor;

  // Makes `size_bytes` unread bytes available. False when the stream ends before.
  Result<bool> fill(std::size_t size_bytes);

  std::unique_ptr<Decompressor> zstd_;
  bool compressed_ = false;
  // What this payload can hold at most, going by its own size.
  std::size_t most_bytes_ = 0;
  std::string_view in_;
  std::string buffer_;
  std::size_t read_at_ = 0;
  std::size_t filled_ = 0;
};

// Turns a compressed QUERY or rows event of MariaDB into what it was. The body is written to
// `buffer`, which the result points into; another event is returned as it is.
Result<BinlogEvent> uncompress_event(const BinlogEvent& event, std::string& buffer);

}  // namespace rowtide::mysql
