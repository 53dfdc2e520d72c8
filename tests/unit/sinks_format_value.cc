#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "engine/model/text_forms.h"
#include "sinks/format/civil.h"
#include "sinks/format/value_json.h"
#include "sinks/format/value_text.h"

namespace rowtide {
namespace {

std::string json(const Value& value, const ValueJsonOptions& options = {}) {
  std::string text;
  {
    TextWriter out(text);
    put_value_json(out, value, options);
  }
  return text;
}

Value bytes(ValueKind kind, std::string_view content) {
  return Value::bytes_of(kind, content);
}
Value at(ValueKind kind, std::int64_t value) {
  return Value::integer_of(kind, value);
}

constexpr std::string_view kUuidBytes(
    "\x12\x34\x56\x78\x9a\xbc\xde\xf0\x00\x01\x02\x03\x04\x05\x06\xff", 16);
const std::int64_t kLeapDay = days_from_civil({2024, 2, 29});
const std::int64_t kMoment = kLeapDay * kMicrosecondsPerDay + 45'296'789'000;

TEST(ValueText, IsWhatPostgresPrints) {
  EXPECT_EQ(value_text(Value::boolean(true)), "t");
  EXPECT_EQ(value_text(Value::boolean(false)), "f");
  EXPECT_EQ(value_text(Value::integer(INT64_MIN)), "-9223372036854775808");
  EXPECT_EQ(value_text(Value::unsigned_integer(UINT64_MAX)), "18446744073709551615");
  EXPECT_EQ(value_text(bytes(ValueKind::kDecimal, "12.50")), "12.50");
  EXPECT_EQ(value_text(at(ValueKind::kDate, kLeapDay)), "2024-02-29");
  EXPECT_EQ(value_text(at(ValueKind::kDate, kDateInfinity)), "infinity");
  EXPECT_EQ(value_text(at(ValueKind::kTime, kMicrosecondsPerDay)), "24:00:00");
  EXPECT_EQ(value_text(at(ValueKind::kTimestamp, kMoment)), "2024-02-29 12:34:56.789");
  EXPECT_EQ(value_text(at(ValueKind::kTimestampTz, kMoment)), "2024-02-29 12:34:56.789+00");
  EXPECT_EQ(value_text(at(ValueKind::kTimestampTz, kTimestampMinusInfinity)), "-infinity");
  EXPECT_EQ(value_text(bytes(ValueKind::kUuid, kUuidBytes)),
            "12345678-9abc-def0-0001-0203040506ff");
  EXPECT_EQ(value_text(bytes(ValueKind::kBytes, std::string_view("\0\xAB\n", 3))), "\\x00ab0a");
  EXPECT_EQ(value_text(bytes(ValueKind::kBytes, "")), "\\x");
  EXPECT_EQ(value_text(bytes(ValueKind::kText, "a\tb")), "a\tb");
  EXPECT_EQ(value_text(bytes(ValueKind::kLiteral, "{1,NULL,3}")), "{1,NULL,3}");
}

// The right-hand sides were printed by PostgreSQL 15.
TEST(ValueText, LaysOutFloatsAsPostgresDoes) {
  const auto real = [](double value) { return value_text(Value::float64(value)); };
  EXPECT_EQ(real(0), "0");
  EXPECT_EQ(real(-0.0), "-0");
  EXPECT_EQ(real(1), "1");
  EXPECT_EQ(real(-1.5), "-1.5");
  EXPECT_EQ(real(100), "100");
  EXPECT_EQ(real(123456.789), "123456.789");
  EXPECT_EQ(real(0.0001), "0.0001");
  EXPECT_EQ(real(0.00012345), "0.00012345");
  EXPECT_EQ(real(0.00001), "1e-05");
  EXPECT_EQ(real(1e14), "100000000000000");
  EXPECT_EQ(real(123456789012345.6), "123456789012345.6");
  EXPECT_EQ(real(1e15), "1e+15");
  EXPECT_EQ(real(1234567890123456), "1.234567890123456e+15");
  EXPECT_EQ(real(1e100), "1e+100");
  EXPECT_EQ(real(5e-324), "5e-324");
  EXPECT_EQ(real(1.7976931348623157e308), "1.7976931348623157e+308");
  EXPECT_EQ(real(std::nan("")), "NaN");
  EXPECT_EQ(real(std::numeric_limits<double>::infinity()), "Infinity");
  EXPECT_EQ(real(-std::numeric_limits<double>::infinity()), "-Infinity");
  const auto single = [](float value) { return value_text(Value::float32(value)); };
  EXPECT_EQ(single(0.1F), "0.1");
  EXPECT_EQ(single(123456.0F), "123456");
  EXPECT_EQ(single(1234567.0F), "1.234567e+06");
  EXPECT_EQ(single(1e6F), "1e+06");
  EXPECT_EQ(single(0.00001F), "1e-05");
  EXPECT_EQ(single(3.4028235e38F), "3.4028235e+38");
}

TEST(ValueText, FloatsReadBackToTheSameBits) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 50'000; ++round) {
    const auto bits = random();
    double value = 0;
    std::memcpy(&value, &bits, sizeof value);
    if (!std::isfinite(value)) {
      continue;
    }
    ASSERT_EQ(std::strtod(value_text(Value::float64(value)).c_str(), nullptr), value);
  }
}

TEST(ValueJson, EveryKindHasItsForm) {
  EXPECT_EQ(json(Value::null()), "null");
  EXPECT_EQ(json(Value::boolean(true)), "true");
  EXPECT_EQ(json(Value::integer(9'007'199'254'740'993)), "9007199254740993");
  EXPECT_EQ(json(Value::unsigned_integer(UINT64_MAX)), "18446744073709551615");
  EXPECT_EQ(json(Value::float32(0.1F)), "0.1");
  EXPECT_EQ(json(Value::float64(std::nan(""))), "\"NaN\"");
  EXPECT_EQ(json(bytes(ValueKind::kDecimal, "12.50")), "\"12.50\"");
  EXPECT_EQ(json(at(ValueKind::kDate, kLeapDay)), "\"2024-02-29\"");
  EXPECT_EQ(json(at(ValueKind::kDate, days_from_civil({-43, 3, 15}))), "\"0044-03-15 BC\"");
  EXPECT_EQ(json(at(ValueKind::kDate, kDateMinusInfinity)), "\"-infinity\"");
  EXPECT_EQ(json(at(ValueKind::kTime, kMicrosecondsPerDay)), "\"24:00:00\"");
  EXPECT_EQ(json(at(ValueKind::kTimestamp, kMoment)), "\"2024-02-29T12:34:56.789\"");
  EXPECT_EQ(json(at(ValueKind::kTimestampTz, kMoment)), "\"2024-02-29T12:34:56.789Z\"");
  EXPECT_EQ(json(at(ValueKind::kTimestampTz, days_from_civil({-43, 3, 15}) * kMicrosecondsPerDay)),
            "\"0044-03-15T00:00:00Z BC\"");
  EXPECT_EQ(json(at(ValueKind::kTimestamp, kTimestampInfinity)), "\"infinity\"");
  EXPECT_EQ(json(bytes(ValueKind::kUuid, kUuidBytes)), "\"12345678-9abc-def0-0001-0203040506ff\"");
  EXPECT_EQ(json(bytes(ValueKind::kBytes, "foobar")), "\"Zm9vYmFy\"");
  EXPECT_EQ(json(bytes(ValueKind::kText, "a\"b")), "\"a\\\"b\"");
  EXPECT_EQ(json(bytes(ValueKind::kJson, "{\"a\":\n[1]}")), "{\"a\": [1]}");
  EXPECT_EQ(json(bytes(ValueKind::kLiteral, "{1,2}")), "\"{1,2}\"");
}

TEST(ValueJson, OptionsChangeDecimalsAndTimestamps) {
  const ValueJsonOptions options{.decimals = DecimalJson::kNumber,
                                 .timestamps = TimestampJson::kEpochUs};
  EXPECT_EQ(json(bytes(ValueKind::kDecimal, "12.50"), options), "12.50");
  EXPECT_EQ(json(bytes(ValueKind::kDecimal, "NaN"), options), "\"NaN\"");
  EXPECT_EQ(json(at(ValueKind::kTimestamp, 5), options), "5");
  EXPECT_EQ(json(at(ValueKind::kTimestampTz, -5), options), "-5");
  EXPECT_EQ(json(at(ValueKind::kTimestampTz, kTimestampInfinity), options), "\"infinity\"");
  EXPECT_EQ(json(at(ValueKind::kDate, kLeapDay), options), "\"2024-02-29\"");
}

}  // namespace
}  // namespace rowtide
