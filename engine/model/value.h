#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace rowtide {

// What one cell holds. Absent (the change does not say), unchanged (the row keeps the value it has,
// which the source did not send) and null are three different things all the way to the sink.
enum class ValueKind : std::uint8_t {
  kAbsent,
  kUnchanged,
  kNull,
  kBoolean,      // integer(): 0 or 1
  kInteger,      // integer()
  kUnsigned,     // unsigned_integer(); only beyond what kInteger holds by type
  kFloat32,      // real(): the float, widened
  kFloat64,      // real()
  kDecimal,      // bytes(): digits as the source prints them; also NaN, Infinity, -Infinity
  kDate,         // integer(): days since 1970-01-01, or kDateInfinity / kDateMinusInfinity
  kTime,         // integer(): microseconds since midnight; 24:00:00 is legal
  kTimestamp,    // integer(): microseconds since 1970-01-01 without a zone, or the infinities
  kTimestampTz,  // integer(): microseconds since 1970-01-01 UTC, or the infinities
  kUuid,         // bytes(): 16 raw bytes
  kBytes,        // bytes(): raw
  kText,         // bytes(): UTF-8
  kJson,         // bytes(): JSON text as the source prints it
  kLiteral,      // bytes(): the source's own text form of a type with no kind of its own, and of a
                 // timestamp too late for microseconds since 1970 to fit 64 bits
};

inline constexpr std::int64_t kDateInfinity = INT64_MAX;
inline constexpr std::int64_t kDateMinusInfinity = INT64_MIN;
inline constexpr std::int64_t kTimestampInfinity = INT64_MAX;
inline constexpr std::int64_t kTimestampMinusInfinity = INT64_MIN;

// The most that the bytes of one value can have.
inline constexpr std::size_t kMaxValueBytes = UINT32_MAX;

// One cell: 16 bytes, trivially copyable. Byte values point into the arena of their batch and live
// as long as that batch.
class Value {
 public:
  constexpr Value() = default;

  static constexpr Value absent() { return Value(ValueKind::kAbsent); }
  static constexpr Value unchanged() { return Value(ValueKind::kUnchanged); }
  static constexpr Value null() { return Value(ValueKind::kNull); }
  static constexpr Value boolean(bool v) { return integer_of(ValueKind::kBoolean, v ? 1 : 0); }
  static constexpr Value integer(std::int64_t v) { return integer_of(ValueKind::kInteger, v); }
  static constexpr Value unsigned_integer(std::uint64_t v) {
    Value value(ValueKind::kUnsigned);
    value.payload_.u = v;
    return value;
  }
  // For kBoolean, kInteger, kDate, kTime, kTimestamp and kTimestampTz.
  static constexpr Value integer_of(ValueKind kind, std::int64_t v) {
    Value value(kind);
    value.payload_.i = v;
    return value;
  }
  static constexpr Value float32(float v) { return real_of(ValueKind::kFloat32, v); }
  static constexpr Value float64(double v) { return real_of(ValueKind::kFloat64, v); }
  // For the kinds that carry bytes; at most kMaxValueBytes.
  static constexpr Value bytes_of(ValueKind kind, std::string_view v) {
    Value value(kind);
    value.size_bytes_ = static_cast<std::uint32_t>(v.size());
    value.payload_.p = v.data();
    return value;
  }

  constexpr ValueKind kind() const { return kind_; }
  // False for absent and unchanged: the change says nothing about the new value.
  constexpr bool is_known() const { return kind_ > ValueKind::kUnchanged; }
  constexpr bool is_null() const { return kind_ == ValueKind::kNull; }
  constexpr bool has_bytes() const {
    return kind_ == ValueKind::kDecimal || kind_ >= ValueKind::kUuid;
  }

  constexpr std::int64_t integer() const { return payload_.i; }
  constexpr std::uint64_t unsigned_integer() const { return payload_.u; }
  constexpr double real() const { return payload_.d; }
  constexpr std::string_view bytes() const { return {payload_.p, size_bytes_}; }

 private:
  constexpr explicit Value(ValueKind kind) : kind_(kind) {}
  static constexpr Value real_of(ValueKind kind, double v) {
    Value value(kind);
    value.payload_.d = v;
    return value;
  }

  ValueKind kind_ = ValueKind::kAbsent;
  std::uint32_t size_bytes_ = 0;
  union {
    std::int64_t i;
    std::uint64_t u;
    double d;
    const char* p;
  } payload_ = {0};
};

static_assert(sizeof(Value) == 16);

}  // namespace rowtide
