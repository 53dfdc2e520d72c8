#include "sources/mysql/payload.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>

#include "sources/mysql/server_error.h"
#include "sources/mysql/wire_reader.h"

namespace rowtide::mysql {
namespace {

// zstd never does better than a block of 128 KiB in four bytes.
constexpr std::size_t kBestZstdRatio = 33'000;

Error malformed(std::string_view what) {
  return retry_error(Code::kProtocol, fmt::format("a TRANSACTION_PAYLOAD event {}", what));
}

Error malformed_event(EventType type) {
  return retry_error(Code::kProtocol, fmt::format("a {} event is malformed", to_string(type)));
}

// What an uncompressed event is called.
EventType uncompressed_type(EventType type) {
  switch (type) {
    case EventType::kQueryCompressed:
      return EventType::kQuery;
    case EventType::kWriteRowsCompressedV1:
      return EventType::kWriteRowsV1;
    case EventType::kUpdateRowsCompressedV1:
      return EventType::kUpdateRowsV1;
    case EventType::kDeleteRowsCompressedV1:
      return EventType::kDeleteRowsV1;
    case EventType::kWriteRowsCompressed:
      return EventType::kWriteRows;
    case EventType::kUpdateRowsCompressed:
      return EventType::kUpdateRows;
    case EventType::kDeleteRowsCompressed:
      return EventType::kDeleteRows;
    default:
      return type;
  }
}

// Bytes of a QUERY body before the statement.
void skip_query_head(WireReader& in) {
  in.take(8);
  const auto database_bytes = in.u8();
  in.u16();
  in.take(in.u16());
  in.take(database_bytes + std::size_t{1});
}

// Bytes of a rows body before the rows.
void skip_rows_head(EventType type, WireReader& in) {
  in.take(8);
  if (type == EventType::kWriteRows || type == EventType::kUpdateRows ||
      type == EventType::kDeleteRows) {
    const auto extra_bytes = in.u16();
    if (extra_bytes < 2) {
      in.set_failed();
      return;
    }
    in.take(extra_bytes - std::size_t{2});
  }
  const auto columns = in.length_encoded();
  if (columns > 0xFFFF) {
    in.set_failed();
    return;
  }
  const auto bitmap_bytes = static_cast<std::size_t>(columns + 7) / 8;
  const bool update = type == EventType::kUpdateRows || type == EventType::kUpdateRowsV1;
  in.take(update ? 2 * bitmap_bytes : bitmap_bytes);
}

}  // namespace

struct PayloadReader::Decompressor {
  ZSTD_DCtx* context = ZSTD_createDCtx();
  Decompressor() = default;
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;
  ~Decompressor() { ZSTD_freeDCtx(context); }
};

PayloadReader::PayloadReader() = default;
PayloadReader::~PayloadReader() = default;

Result<void> PayloadReader::start(std::string_view body) {
  WireReader in(body);
  std::uint64_t compression = 255;
  std::uint64_t size_bytes = 0;
  while (true) {
    const auto field = in.length_encoded();
    if (field == 0 || !in.ok()) {
      break;
    }
    WireReader value(in.length_encoded_string());
    const auto number = value.length_encoded();
    if (!value.ok()) {
      return fail(malformed("has a malformed head"));
    }
    if (field == 1) {
      size_bytes = number;
    } else if (field == 2) {
      compression = number;
    }
  }
  if (!in.ok() || size_bytes != in.remaining()) {
    return fail(malformed("has a malformed head"));
  }
  if (compression != 0 && compression != 255) {
    return fail(operator_error(Code::kUnsupported,
                               fmt::format("a transaction is compressed by method {}", compression),
                               "SET GLOBAL binlog_transaction_compression = OFF, or use a newer "
                               "build"));
  }
  in_ = in.rest();
  compressed_ = compression == 0;
  most_bytes_ = compressed_ ? in_.size() * kBestZstdRatio : in_.size();
  read_at_ = 0;
  filled_ = 0;
  if (compressed_) {
    if (zstd_ == nullptr) {
      zstd_ = std::make_unique<Decompressor>();
    }
    ZSTD_DCtx_reset(zstd_->context, ZSTD_reset_session_only);
  }
  return {};
}

Result<bool> PayloadReader::fill(std::size_t size_bytes) {
  if (filled_ - read_at_ >= size_bytes) {
    return true;
  }
  std::memmove(buffer_.data(), buffer_.data() + read_at_, filled_ - read_at_);
  filled_ -= read_at_;
  read_at_ = 0;
  const std::size_t room = std::max(size_bytes, ZSTD_DStreamOutSize());
  // A large event's buffer is given back by the next one.
  if (buffer_.size() < room || buffer_.size() > 4 * room) {
    buffer_.resize(room);
    buffer_.shrink_to_fit();
  }
  while (filled_ < size_bytes) {
    if (in_.empty() && !compressed_) {
      return false;
    }
    if (!compressed_) {
      const auto part = std::min(buffer_.size() - filled_, in_.size());
      std::memcpy(buffer_.data() + filled_, in_.data(), part);
      filled_ += part;
      in_.remove_prefix(part);
      continue;
    }
    ZSTD_inBuffer input{in_.data(), in_.size(), 0};
    ZSTD_outBuffer output{buffer_.data() + filled_, buffer_.size() - filled_, 0};
    const auto left = ZSTD_decompressStream(zstd_->context, &output, &input);
    if (ZSTD_isError(left) != 0) {
      return fail(malformed(fmt::format("cannot be decompressed: {}", ZSTD_getErrorName(left))));
    }
    in_.remove_prefix(input.pos);
    filled_ += output.pos;
    if (output.pos == 0 && input.pos == 0) {
      return false;
    }
  }
  return true;
}

Result<std::optional<BinlogEvent>> PayloadReader::next() {
  ROWTIDE_TRY_ASSIGN(const bool more, fill(kEventHeaderBytes));
  if (!more) {
    if (filled_ != read_at_) {
      return fail(malformed("ends inside an event"));
    }
    return std::optional<BinlogEvent>();
  }
  // The header says how long the event is: it is read for that, and checked with all of it here.
  constexpr std::size_t kSizeOffset = 9;
  WireReader size(std::string_view(buffer_).substr(read_at_ + kSizeOffset, 4));
  const std::size_t size_bytes = size.u32();
  // A buffer of this size is about to be made, so it has to be one that the payload can fill.
  if (size_bytes < kEventHeaderBytes || size_bytes > most_bytes_) {
    return fail(malformed("has an event of an impossible size"));
  }
  if (size_bytes > kMaxUncompressedBytes) {
    return fail(event_too_large(size_bytes, kMaxUncompressedBytes));
  }
  ROWTIDE_TRY_ASSIGN(const bool whole, fill(size_bytes));
  if (!whole) {
    return fail(malformed("ends inside an event"));
  }
  const std::string_view bytes = std::string_view(buffer_).substr(read_at_, size_bytes);
  ROWTIDE_TRY_ASSIGN(const EventHeader header, parse_event_header(bytes));
  read_at_ += size_bytes;
  return BinlogEvent{header, bytes.substr(kEventHeaderBytes)};
}

Result<BinlogEvent> uncompress_event(const BinlogEvent& event, std::string& buffer) {
  const EventType type = uncompressed_type(event.header.type);
  if (type == event.header.type) {
    return event;
  }
  WireReader in(event.body);
  if (type == EventType::kQuery) {
    skip_query_head(in);
  } else {
    skip_rows_head(type, in);
  }
  const auto head = event.body.substr(0, in.offset());
  // One byte: 0x80, the method (0 = zlib) in the next three bits, and how many bytes the size has.
  const auto method = in.u8();
  const auto size_bytes = static_cast<std::size_t>(in.unsigned_be(std::min(method & 0x07U, 4U)));
  // zlib never does better than about 1:1030, so a size beyond that is a lie.
  if (!in.ok() || (method & 0xF0) != 0x80 || (method & 0x07) > 4 ||
      size_bytes / 1100 > in.remaining()) {
    return fail(malformed_event(event.header.type));
  }
  if (size_bytes > kMaxUncompressedBytes) {
    return fail(event_too_large(size_bytes, kMaxUncompressedBytes));
  }
  if (buffer.size() < head.size() + size_bytes ||
      buffer.size() > 4 * (head.size() + size_bytes) + (std::size_t{64} << 10)) {
    buffer.resize(head.size() + size_bytes);
    buffer.shrink_to_fit();
  }
  std::memcpy(buffer.data(), head.data(), head.size());
  uLongf written = size_bytes;
  const auto done = ::uncompress(reinterpret_cast<Bytef*>(buffer.data() + head.size()), &written,
                                 reinterpret_cast<const Bytef*>(in.rest().data()), in.remaining());
  if (done != Z_OK || written != size_bytes) {
    return fail(malformed_event(event.header.type));
  }
  BinlogEvent plain = event;
  plain.header.type = type;
  plain.body = std::string_view(buffer).substr(0, head.size() + size_bytes);
  return plain;
}

}  // namespace rowtide::mysql
