#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/batch/arena.h"
#include "engine/model/value.h"
#include "sources/mysql/charset.h"
#include "sources/mysql/wire_reader.h"

namespace rowtide::mysql {

struct DecodeOptions {
  // A date that no calendar has (0000-00-00, 2024-00-00, 2024-02-31, any of the year 0) becomes
  // NULL; otherwise a kLiteral with the server's text, in a column whose type says date, timestamp
  // or timestamptz.
  bool zero_dates_as_null = false;
  // A byte that means nothing in its column's character set becomes U+FFFD; otherwise decoding
  // stops with an error that names the column.
  bool replace_bad_text = false;
};

// What the bytes of a cell are and what they become.
enum class Codec : std::uint8_t {
  kInt8,
  kUint8,
  kInt16,
  kUint16,
  kInt24,
  kUint24,
  kInt32,
  kUint32,
  kInt64,
  kUint64,
  kFloat32,
  kFloat64,
  kDecimal,
  kYear,
  kDate,
  kOldTime,
  kOldDatetime,
  kOldTimestamp,
  kTime,
  kDatetime,
  kTimestamp,
  kBit,
  kEnum,
  kSet,
  kText,
  kBytes,
  // Cut off trailing zero bytes are put back.
  kFixedBytes,
  kUuid,
  kInet4,
  kInet6,
  kCompressedText,
  kCompressedBytes,
  kJson,
  // JSON that travels as text.
  kJsonText,
  kVector,
};

// One column, ready to be read.
struct ColumnDecoder {
  Codec codec = Codec::kInt32;
  // Of the length in front of the bytes; 0 = every cell has `size_bytes` bytes.
  std::uint8_t length_bytes = 0;
  // Digits of a time's fraction.
  std::uint8_t fraction_digits = 0;
  std::uint8_t precision = 0;
  std::uint8_t scale = 0;
  // kBit.
  std::uint8_t bits = 0;
  std::uint16_t size_bytes = 0;
  // kFixedBytes: what a value has.
  std::uint16_t value_bytes = 0;
  // Of text; never null there.
  const Charset* charset = nullptr;
  // kEnum and kSet, in UTF-8; never null there.
  std::shared_ptr<const std::vector<std::string>> labels = {};
};

// What cells are decoded with and into.
struct DecodeContext {
  Arena* arena = nullptr;
  DecodeOptions options;
  // Where text is put together before it is copied into the arena.
  std::string scratch;
};

enum class CellError : std::uint8_t {
  kNone,
  // The bytes are not a value of the type.
  kDamaged,
  // The text is not valid in its character set.
  kText,
  // The text that stands for it has more than kMaxValueBytes.
  kTooLong,
  // Of a query only: the server left all of it out, for its text has more than max_allowed_packet.
  kLeftOut,
};

// The bytes of the next cell, which is not NULL; moves past it. A cell that leaves the row's bytes
// makes `in` fail instead, which the caller checks.
inline std::string_view take_cell(const ColumnDecoder& column, WireReader& in) {
  return in.take(column.length_bytes == 0
                     ? column.size_bytes
                     : static_cast<std::size_t>(in.unsigned_le(column.length_bytes)));
}

// Decodes the bytes of one cell; with length_bytes == 0 they are exactly size_bytes.
CellError decode_cell(const ColumnDecoder& column, std::string_view cell, DecodeContext& context,
                      Value& out);

}  // namespace rowtide::mysql
