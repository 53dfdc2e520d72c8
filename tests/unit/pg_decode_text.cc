#include <cmath>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "engine/model/text_forms.h"
#include "sources/postgres/value_decode_binary.h"
#include "sources/postgres/value_decode_text.h"
#include "tests/unit/pg_decode_wire.h"

namespace rowtide::postgres {
namespace {

constexpr std::int64_t kDayUs = 86'400'000'000;

class TextCells : public testing::Test {
 protected:
  // Nothing = refused.
  std::optional<Value> decode(std::uint32_t type_oid, std::string_view cell) {
    context_.catalog = &catalog_;
    context_.arena = &arena_;
    Value value;
    if (!text_decoder(catalog_, type_oid)(cell, type_oid, context_, value)) {
      return std::nullopt;
    }
    return value;
  }

  void expect_integer(std::uint32_t type_oid, std::string_view cell, ValueKind kind,
                      std::int64_t expected) {
    const auto value = decode(type_oid, cell);
    ASSERT_TRUE(value) << cell;
    EXPECT_EQ(value->kind(), kind) << cell;
    EXPECT_EQ(value->integer(), expected) << cell;
  }

  void expect_refused(std::uint32_t type_oid, std::initializer_list<std::string_view> cells) {
    for (const std::string_view cell : cells) {
      EXPECT_FALSE(decode(type_oid, cell)) << cell;
    }
  }

  TypeCatalog catalog_;
  Arena arena_;
  DecodeContext context_;
};

TEST_F(TextCells, OfIntegersKeepTheTypesRange) {
  expect_integer(oid::kInt2, "-32768", ValueKind::kInteger, -32768);
  expect_integer(oid::kInt8, "-9223372036854775808", ValueKind::kInteger, INT64_MIN);
  expect_integer(oid::kOid, "4294967295", ValueKind::kInteger, 4294967295);
  expect_refused(oid::kInt2, {"32768", "", "1 ", " 1", "+1", "1.0", "0x1"});
  expect_refused(oid::kInt4, {"2147483648", "-2147483649"});
  expect_refused(oid::kInt8, {"9223372036854775808"});
  expect_refused(oid::kOid, {"-1", "4294967296"});
}

TEST_F(TextCells, OfBooleansAreOneLetter) {
  expect_integer(oid::kBool, "t", ValueKind::kBoolean, 1);
  expect_integer(oid::kBool, "f", ValueKind::kBoolean, 0);
  expect_refused(oid::kBool, {"", "true", "1"});
}

TEST_F(TextCells, OfFloatsKnowTheSpecialValues) {
  EXPECT_TRUE(std::isnan(decode(oid::kFloat8, "NaN")->real()));
  EXPECT_TRUE(std::isinf(decode(oid::kFloat4, "-Infinity")->real()));
  EXPECT_TRUE(std::signbit(decode(oid::kFloat8, "-0")->real()));
  EXPECT_EQ(decode(oid::kFloat8, "5e-324")->real(), 5e-324);
  EXPECT_EQ(decode(oid::kFloat4, "1e+06")->real(), 1e6);
  expect_refused(oid::kFloat8, {"", "1,5", "1.5x"});
}

TEST_F(TextCells, OfDecimalsAreKeptDigitByDigit) {
  for (const std::string_view cell :
       {"0", "-0.01", "12345678901234567890.1234500", "NaN", "Infinity", "-Infinity"}) {
    const auto value = decode(oid::kNumeric, cell);
    ASSERT_TRUE(value) << cell;
    EXPECT_EQ(value->kind(), ValueKind::kDecimal);
    EXPECT_EQ(value->bytes(), cell);
  }
  expect_refused(oid::kNumeric, {"", "-", ".", "1.", ".5", "1.2.3", "1e5", "-NaN", "nan", "1 "});
}

TEST_F(TextCells, OfDatesReachFromErasToInfinity) {
  expect_integer(oid::kDate, "1970-01-01", ValueKind::kDate, 0);
  expect_integer(oid::kDate, "0001-12-31 BC", ValueKind::kDate, days_from_civil({0, 12, 31}));
  expect_integer(oid::kDate, "5874897-12-31", ValueKind::kDate, days_from_civil({5874897, 12, 31}));
  expect_integer(oid::kDate, "infinity", ValueKind::kDate, kDateInfinity);
  expect_integer(oid::kDate, "-infinity", ValueKind::kDate, kDateMinusInfinity);
  expect_refused(oid::kDate, {"", "2024-13-01", "2024-00-01", "2024-02-30", "2024-04-31",
                              "0000-01-01", "24-01-01", "2024/01/01", "2024-01-01 AD",
                              "99999999-01-01", "2024-1-1", "01-02-2024"});
}

TEST_F(TextCells, OfTimesHaveUpToSixDigitsOfFraction) {
  expect_integer(oid::kTime, "24:00:00", ValueKind::kTime, kDayUs);
  expect_integer(oid::kTime, "00:00:00.5", ValueKind::kTime, 500'000);
  expect_integer(oid::kTime, "00:00:01.000001", ValueKind::kTime, 1'000'001);
  expect_refused(oid::kTime, {"24:00:01", "12:60:00", "12:00:61", "12:00", "12:00:00.",
                              "12:00:00.1234567", "1:00:00", "12:00:00+00"});
}

TEST_F(TextCells, OfTimestampsWithAZoneAreMovedToUtc) {
  const std::int64_t noon = days_from_civil({2024, 2, 29}) * kDayUs + kDayUs / 2;
  for (const std::string_view cell :
       {"2024-02-29 12:00:00+00", "2024-02-29 14:00:00+02", "2024-02-29 08:30:00-03:30",
        "2024-02-29 17:53:28+05:53:28", "2024-03-01 02:00:00+14"}) {
    expect_integer(oid::kTimestamptz, cell, ValueKind::kTimestampTz, noon);
  }
  expect_integer(oid::kTimestamp, "2024-02-29 12:00:00", ValueKind::kTimestamp, noon);
  expect_integer(oid::kTimestamptz, "0001-12-31 00:00:00+00 BC", ValueKind::kTimestampTz,
                 days_from_civil({0, 12, 31}) * kDayUs);
  expect_refused(oid::kTimestamptz, {"2024-02-29 12:00:00", "2024-02-29 12:00:00+2",
                                     "2024-02-29 12:00:00 BC+00", "2024-02-29 12:00:00 UTC"});
  expect_refused(oid::kTimestamp, {"2024-02-29 12:00:00+00", "2024-02-29T12:00:00", "2024-02-29"});
}

TEST_F(TextCells, OfTimestampsBeyondSixtyFourBitsStayText) {
  expect_integer(oid::kTimestamp, "294247-01-10 04:00:54.775806", ValueKind::kTimestamp,
                 INT64_MAX - 1);
  for (const std::string_view cell :
       {"294247-01-10 04:00:54.775807", "294247-01-10 04:00:54.775808", "294276-12-31 23:59:59"}) {
    const auto value = decode(oid::kTimestamp, cell);
    ASSERT_TRUE(value);
    EXPECT_EQ(value->kind(), ValueKind::kLiteral);
    EXPECT_EQ(value->bytes(), cell);
  }
}

TEST_F(TextCells, OfBytesAreDecodedFromHex) {
  EXPECT_EQ(decode(oid::kBytea, "\\x00fF10")->bytes(), std::string_view("\x00\xff\x10", 3));
  EXPECT_EQ(decode(oid::kBytea, "\\x")->bytes(), "");
  expect_refused(oid::kBytea, {"", "\\", "\\x0", "\\xzz", "\\000", "\\x0g"});
  EXPECT_EQ(decode(oid::kUuid, "00112233-4455-6677-8899-aabbccddeeff")->bytes().substr(0, 3),
            std::string_view("\x00\x11\x22", 3));
  expect_refused(oid::kUuid,
                 {"", "00112233445566778899aabbccddeeff", "00112233-4455-6677-8899_aabbccddeeff",
                  "0011223g-4455-6677-8899-aabbccddeeff"});
}

TEST_F(TextCells, OfOtherTypesAreTheServersOwnWords) {
  EXPECT_EQ(decode(oid::kInterval, "1 day")->kind(), ValueKind::kLiteral);
  EXPECT_EQ(decode(99999, "anything")->kind(), ValueKind::kLiteral);
  EXPECT_EQ(decode(oid::kJsonb, "{}")->kind(), ValueKind::kJson);
  EXPECT_EQ(decode(oid::kXml, "<a/>")->kind(), ValueKind::kText);
}

// Binary values that no server sends, which the recorded values therefore do not show.
class HostileBinary : public TextCells {
 protected:
  bool prints(std::uint32_t type_oid, const std::string& cell) {
    std::string out;
    return append_text_form(catalog_, type_oid, cell, out);
  }
};

TEST_F(HostileBinary, ArraysAreRefusedBeforeTheyGrow) {
  using namespace wire;
  const std::string head = u32(1) + u32(0) + u32(oid::kInt4);
  EXPECT_TRUE(prints(1007, head + u32(1) + u32(1) + u32(4) + u32(7)));
  EXPECT_FALSE(prints(1007, head + u32(0x7fffffff) + u32(1)));
  EXPECT_FALSE(prints(1007, head + u32(0xffffffff) + u32(1)));
  EXPECT_FALSE(prints(1007, u32(7) + u32(0) + u32(oid::kInt4)));
  EXPECT_FALSE(prints(1007, u32(1) + u32(0) + u32(oid::kInt8) + u32(1) + u32(1) + u32(4) + u32(7)));
  EXPECT_FALSE(prints(1007, head + u32(1) + u32(1) + u32(0xfffffffe)));
  EXPECT_FALSE(prints(1007, head + u32(1) + u32(1) + u32(4) + u32(7) + "x"));
}

TEST_F(HostileBinary, CompositesThatHoldThemselvesEnd) {
  using namespace wire;
  TypeInfo type;
  type.oid = 20001;
  type.kind = TypeKind::kComposite;
  type.attributes = {{"self", 20001}};
  catalog_.add(type);
  EXPECT_FALSE(binary_supported(catalog_, 20001));
  std::string cell = u32(0);
  for (int i = 0; i < 100; ++i) {
    cell = u32(1) + u32(20001) + u32(cell.size()) + cell;
  }
  EXPECT_FALSE(prints(20001, cell));
}

TEST_F(HostileBinary, ScalarsOfTheWrongShapeAreRefused) {
  using namespace wire;
  EXPECT_FALSE(prints(oid::kNumeric, u16(1) + u16(0) + u16(0) + u16(0) + u16(10000)));
  EXPECT_FALSE(prints(oid::kNumeric, u16(0) + u16(0) + u16(0x1234) + u16(0)));
  EXPECT_FALSE(prints(oid::kNumeric, u16(0) + u16(0) + u16(0) + u16(0xffff)));
  EXPECT_FALSE(prints(oid::kTime, u64(static_cast<std::uint64_t>(kDayUs) + 1)));
  EXPECT_FALSE(prints(oid::kTimetz, u64(0) + u32(99999999)));
  EXPECT_FALSE(prints(oid::kInet, u8(2) + u8(33) + u8(0) + u8(4) + u32(0)));
  EXPECT_FALSE(prints(oid::kInet, u8(9) + u8(32) + u8(0) + u8(4) + u32(0)));
  EXPECT_FALSE(prints(oid::kVarbit, u32(9) + u8(0)));
  EXPECT_FALSE(prints(oid::kPath, u8(1) + u32(0x10000000)));
  EXPECT_FALSE(prints(oid::kJsonb, u8(2) + "{}"));
  EXPECT_FALSE(prints(oid::kJsonb, ""));
}

}  // namespace
}  // namespace rowtide::postgres
