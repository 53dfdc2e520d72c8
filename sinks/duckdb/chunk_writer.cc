#include "sinks/duckdb/chunk_writer.h"

#include <cstring>
#include <limits>
#include <optional>

#include "sinks/format/utf8.h"
#include "sinks/format/value_text.h"

namespace rowtide::duckdb {
namespace {

// Dates and timestamps of DuckDB: the largest and smallest numbers are the infinities.
constexpr std::int32_t kDuckDateInfinity = INT32_MAX;
constexpr std::int64_t kDuckTimestampInfinity = INT64_MAX;
// 290309-12-22 BC, the first day that DuckDB's timestamps have.
constexpr std::int64_t kFirstTimestampUs = -9223372022400000000;
constexpr std::int64_t kLastTimeUs = std::int64_t{24} * 3600 * 1000000;
__extension__ using Int128 = __int128;

enum class Refusal { kNone, kRange, kNotFinite, kDigits, kKind, kNoDay, kEncoding };

Error refusal_error(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNotFinite:
      return operator_error(Code::kData, "a decimal is NaN or infinite, which DECIMAL cannot hold",
                            "Set decimals: text for this sink");
    case Refusal::kDigits:
      return operator_error(Code::kData, "a decimal has more digits than the column's DECIMAL",
                            "Set decimals: text for this sink");
    case Refusal::kRange:
      return operator_error(Code::kData, "a value lies outside of the range of the column's type",
                            "Correct the value in the source, or alter the column to VARCHAR");
    case Refusal::kNoDay:
      return operator_error(
          Code::kData, "a date is no day of the calendar, as 0000-00-00",
          "Set zero_dates: null for the source, or alter the column to VARCHAR; then resume");
    case Refusal::kEncoding:
      return operator_error(Code::kData, "a text is not valid UTF-8",
                            "Correct the value or the encoding of the source's database");
    case Refusal::kKind:
    case Refusal::kNone:
      break;
  }
  return operator_error(
      Code::kData, "a value is of another kind than the column's type",
      "Alter the column to VARCHAR, or rename the table so that a new one is made");
}

// The steps that are the same for every type: NULLs, then one conversion per cell.
template <class T, class Convert>
Refusal write_fixed(duckdb_vector vector, std::span<const Value* const> rows, std::uint32_t cell,
                    Convert convert) {
  auto* out = static_cast<T*>(duckdb_vector_get_data(vector));
  std::uint64_t* validity = nullptr;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Value& value = rows[i][cell];
    if (!value.is_known() || value.is_null()) {
      if (validity == nullptr) {
        duckdb_vector_ensure_validity_writable(vector);
        validity = duckdb_vector_get_validity(vector);
      }
      validity[i / 64] &= ~(std::uint64_t{1} << (i % 64));
      out[i] = T{};
      continue;
    }
    if (const Refusal refusal = convert(value, out[i]); refusal != Refusal::kNone) {
      return refusal;
    }
  }
  return Refusal::kNone;
}

template <class T>
Refusal to_integer(const Value& value, T& out) {
  if (value.kind() == ValueKind::kInteger) {
    if (!std::in_range<T>(value.integer())) {
      return Refusal::kRange;
    }
    out = static_cast<T>(value.integer());
    return Refusal::kNone;
  }
  if (value.kind() == ValueKind::kUnsigned) {
    if (!std::in_range<T>(value.unsigned_integer())) {
      return Refusal::kRange;
    }
    out = static_cast<T>(value.unsigned_integer());
    return Refusal::kNone;
  }
  return Refusal::kKind;
}

template <class T>
Refusal to_real(const Value& value, T& out) {
  if (value.kind() == ValueKind::kFloat32 ||
      (value.kind() == ValueKind::kFloat64 && sizeof(T) == sizeof(double))) {
    out = static_cast<T>(value.real());
    return Refusal::kNone;
  }
  return Refusal::kKind;
}

// "-12.50" as a number of units of 10^-scale.
struct DecimalShape {
  int precision = 0;
  int scale = 0;
};

Refusal scale_text(std::string_view text, const DecimalShape& shape, Int128& out) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) {
    text.remove_prefix(1);
  }
  if (text.empty() || text.front() == 'N' || text.front() == 'I' || text.front() == 'n' ||
      text.front() == 'i') {
    return Refusal::kNotFinite;
  }
  Int128 number = 0;
  int digits = 0;
  int fraction = -1;
  for (const char c : text) {
    if (c == '.' && fraction < 0) {
      fraction = 0;
      continue;
    }
    if (c < '0' || c > '9') {
      return Refusal::kKind;
    }
    if (fraction == shape.scale) {
      if (c != '0') {
        return Refusal::kDigits;
      }
      continue;
    }
    number = number * 10 + (c - '0');
    digits += number != 0 ? 1 : 0;
    fraction += fraction >= 0 ? 1 : 0;
    if (digits > shape.precision) {
      return Refusal::kDigits;
    }
  }
  for (int i = fraction < 0 ? 0 : fraction; i < shape.scale; ++i) {
    number *= 10;
    digits += number != 0 ? 1 : 0;
    if (digits > shape.precision) {
      return Refusal::kDigits;
    }
  }
  out = negative ? -number : number;
  return Refusal::kNone;
}

Refusal to_decimal(const Value& value, const DecimalShape& shape, Int128& out) {
  if (value.kind() == ValueKind::kDecimal) {
    return scale_text(value.bytes(), shape, out);
  }
  if (value.kind() == ValueKind::kInteger || value.kind() == ValueKind::kUnsigned) {
    return scale_text(value_text(value), shape, out);
  }
  return Refusal::kKind;
}

Refusal write_decimals(duckdb_vector vector, duckdb_logical_type type,
                       std::span<const Value* const> rows, std::uint32_t cell) {
  const DecimalShape shape{duckdb_decimal_width(type), duckdb_decimal_scale(type)};
  const auto write = [&]<class T>(T /*stored as*/) {
    return write_fixed<T>(vector, rows, cell, [&](const Value& value, T& out) {
      Int128 number = 0;
      const Refusal refusal = to_decimal(value, shape, number);
      if constexpr (std::is_same_v<T, duckdb_hugeint>) {
        out.lower = static_cast<std::uint64_t>(number);
        out.upper = static_cast<std::int64_t>(number >> 64);
      } else {
        out = static_cast<T>(number);
      }
      return refusal;
    });
  };
  switch (duckdb_decimal_internal_type(type)) {
    case DUCKDB_TYPE_SMALLINT:
      return write(std::int16_t{});
    case DUCKDB_TYPE_INTEGER:
      return write(std::int32_t{});
    case DUCKDB_TYPE_BIGINT:
      return write(std::int64_t{});
    default:
      return write(duckdb_hugeint{});
  }
}

// What a literal is in a column of days or moments: a time past what microseconds in 64 bits reach,
// or, when its year has four digits, a day that no calendar has.
Refusal refused_moment(const Value& value) {
  if (value.kind() != ValueKind::kLiteral) {
    return Refusal::kKind;
  }
  return value.bytes().find('-') == 4 ? Refusal::kNoDay : Refusal::kRange;
}

Refusal to_date(const Value& value, std::int32_t& out) {
  if (value.kind() != ValueKind::kDate) {
    return refused_moment(value);
  }
  const auto days = value.integer();
  if (days == kDateInfinity || days == kDateMinusInfinity) {
    out = days == kDateInfinity ? kDuckDateInfinity : -kDuckDateInfinity;
    return Refusal::kNone;
  }
  // The bounds themselves are the infinities; one more day is kept away from each.
  if (days >= kDuckDateInfinity || days <= -kDuckDateInfinity) {
    return Refusal::kRange;
  }
  out = static_cast<std::int32_t>(days);
  return Refusal::kNone;
}

Refusal to_time(const Value& value, std::int64_t& out) {
  if (value.kind() != ValueKind::kTime) {
    return Refusal::kKind;
  }
  out = value.integer();
  return out < 0 || out > kLastTimeUs ? Refusal::kRange : Refusal::kNone;
}

Refusal to_timestamp(const Value& value, ValueKind kind, std::int64_t& out) {
  if (value.kind() != kind) {
    return refused_moment(value);
  }
  out = value.integer();
  if (out == kTimestampMinusInfinity) {
    out = -kDuckTimestampInfinity;
    return Refusal::kNone;
  }
  return out == kTimestampInfinity || out >= kFirstTimestampUs ? Refusal::kNone : Refusal::kRange;
}

Refusal to_uuid(const Value& value, duckdb_hugeint& out) {
  if (value.kind() != ValueKind::kUuid || value.bytes().size() != 16) {
    return Refusal::kKind;
  }
  std::uint64_t halves[2];
  std::memcpy(halves, value.bytes().data(), sizeof(halves));
  // DuckDB flips the top bit so that uuids sort as signed numbers.
  out.upper = static_cast<std::int64_t>(__builtin_bswap64(halves[0]) ^ (std::uint64_t{1} << 63));
  out.lower = __builtin_bswap64(halves[1]);
  return Refusal::kNone;
}

Refusal write_strings(duckdb_vector vector, bool blob, std::span<const Value* const> rows,
                      std::uint32_t cell) {
  std::uint64_t* validity = nullptr;
  std::string scratch;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Value& value = rows[i][cell];
    if (!value.is_known() || value.is_null()) {
      if (validity == nullptr) {
        duckdb_vector_ensure_validity_writable(vector);
        validity = duckdb_vector_get_validity(vector);
      }
      validity[i / 64] &= ~(std::uint64_t{1} << (i % 64));
      continue;
    }
    std::string_view bytes;
    if (blob) {
      if (value.kind() != ValueKind::kBytes) {
        return Refusal::kKind;
      }
      bytes = value.bytes();
    } else if (value.kind() == ValueKind::kText || value.kind() == ValueKind::kJson ||
               value.kind() == ValueKind::kLiteral) {
      bytes = value.bytes();
      if (!is_valid_utf8(bytes)) {
        return Refusal::kEncoding;
      }
    } else {
      scratch.clear();
      append_value_text(scratch, value);
      bytes = scratch;
    }
    duckdb_vector_assign_string_element_len(vector, i, bytes.data(), bytes.size());
  }
  return Refusal::kNone;
}

Refusal write_typed(duckdb_vector vector, duckdb_logical_type type,
                    std::span<const Value* const> rows, std::uint32_t cell) {
  switch (duckdb_get_type_id(type)) {
    case DUCKDB_TYPE_BOOLEAN:
      return write_fixed<bool>(vector, rows, cell, [](const Value& value, bool& out) {
        out = value.integer() != 0;
        return value.kind() == ValueKind::kBoolean ? Refusal::kNone : Refusal::kKind;
      });
    case DUCKDB_TYPE_SMALLINT:
      return write_fixed<std::int16_t>(vector, rows, cell, to_integer<std::int16_t>);
    case DUCKDB_TYPE_INTEGER:
      return write_fixed<std::int32_t>(vector, rows, cell, to_integer<std::int32_t>);
    case DUCKDB_TYPE_BIGINT:
      return write_fixed<std::int64_t>(vector, rows, cell, to_integer<std::int64_t>);
    case DUCKDB_TYPE_UBIGINT:
      return write_fixed<std::uint64_t>(vector, rows, cell, to_integer<std::uint64_t>);
    case DUCKDB_TYPE_FLOAT:
      return write_fixed<float>(vector, rows, cell, to_real<float>);
    case DUCKDB_TYPE_DOUBLE:
      return write_fixed<double>(vector, rows, cell, to_real<double>);
    case DUCKDB_TYPE_DECIMAL:
      return write_decimals(vector, type, rows, cell);
    case DUCKDB_TYPE_DATE:
      return write_fixed<std::int32_t>(vector, rows, cell, to_date);
    case DUCKDB_TYPE_TIME:
      return write_fixed<std::int64_t>(vector, rows, cell, to_time);
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_TZ: {
      const auto kind = duckdb_get_type_id(type) == DUCKDB_TYPE_TIMESTAMP ? ValueKind::kTimestamp
                                                                          : ValueKind::kTimestampTz;
      return write_fixed<std::int64_t>(
          vector, rows, cell,
          [kind](const Value& value, std::int64_t& out) { return to_timestamp(value, kind, out); });
    }
    case DUCKDB_TYPE_UUID:
      return write_fixed<duckdb_hugeint>(vector, rows, cell, to_uuid);
    case DUCKDB_TYPE_BLOB:
      return write_strings(vector, true, rows, cell);
    case DUCKDB_TYPE_VARCHAR:
      return write_strings(vector, false, rows, cell);
    default:
      return Refusal::kKind;
  }
}

}  // namespace

Result<void> write_vector(duckdb_vector vector, duckdb_logical_type type,
                          std::span<const Value* const> rows, std::uint32_t cell) {
  const Refusal refusal = write_typed(vector, type, rows, cell);
  if (refusal != Refusal::kNone) {
    return fail(refusal_error(refusal));
  }
  return {};
}

}  // namespace rowtide::duckdb
