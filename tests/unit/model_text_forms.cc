#include <charconv>
#include <cstdint>
#include <limits>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "engine/model/text_forms.h"
#include "engine/model/value.h"

namespace rowtide {
namespace {

template <class Value>
std::string text(void (*append)(std::string&, Value), Value value) {
  std::string out;
  append(out, value);
  return out;
}

TEST(CivilDates, GoThereAndBackOverTheWholeRangeOfTheServer) {
  // 4714 BC to 5874897, the server's dates, in steps that hit every part of the calendar.
  for (std::int64_t days = -2'440'588; days < 2'145'031'949; days += 9'973) {
    ASSERT_EQ(days_from_civil(civil_from_days(days)), days);
  }
}

TEST(CivilDates, CountDayByDayAcrossLeapYears) {
  CivilDate date = civil_from_days(days_from_civil({1899, 12, 31}));
  for (std::int64_t days = days_from_civil({1900, 1, 1}); days <= days_from_civil({2000, 12, 31});
       ++days) {
    const CivilDate next = civil_from_days(days);
    const bool same_month = next.year == date.year && next.month == date.month;
    ASSERT_EQ(next.day, same_month ? date.day + 1 : 1u);
    date = next;
  }
  EXPECT_EQ(date.year, 2000);
  EXPECT_EQ(days_from_civil({1970, 1, 1}), 0);
  EXPECT_EQ(days_from_civil({2000, 3, 1}) - days_from_civil({2000, 2, 28}), 2);
  EXPECT_EQ(days_from_civil({1900, 3, 1}) - days_from_civil({1900, 2, 28}), 1);
}

TEST(DateText, HasErasAndInfinities) {
  EXPECT_EQ(text(append_date_text, days_from_civil({2024, 2, 29})), "2024-02-29");
  EXPECT_EQ(text(append_date_text, days_from_civil({0, 12, 31})), "0001-12-31 BC");
  EXPECT_EQ(text(append_date_text, days_from_civil({-43, 3, 15})), "0044-03-15 BC");
  EXPECT_EQ(text(append_date_text, days_from_civil({12345, 1, 2})), "12345-01-02");
  EXPECT_EQ(text(append_date_text, kDateInfinity), "infinity");
  EXPECT_EQ(text(append_date_text, kDateMinusInfinity), "-infinity");
}

TEST(TimeText, DropsTrailingZerosOfTheFraction) {
  EXPECT_EQ(text(append_time_text, std::int64_t{0}), "00:00:00");
  EXPECT_EQ(text(append_time_text, std::int64_t{86'400'000'000}), "24:00:00");
  EXPECT_EQ(text(append_time_text, std::int64_t{1}), "00:00:00.000001");
  EXPECT_EQ(text(append_time_text, std::int64_t{45'296'700'000}), "12:34:56.7");
  EXPECT_EQ(text(append_time_text, std::int64_t{86'399'999'999}), "23:59:59.999999");
}

TEST(TimestampText, CountsDownBeforeTheEpoch) {
  EXPECT_EQ(text(append_timestamp_text, std::int64_t{-1}), "1969-12-31 23:59:59.999999");
  EXPECT_EQ(text(append_timestamp_text, std::int64_t{0}), "1970-01-01 00:00:00");
  EXPECT_EQ(text(append_timestamptz_text, std::int64_t{1'500'000}), "1970-01-01 00:00:01.5+00");
  EXPECT_EQ(text(append_timestamptz_text, days_from_civil({-43, 3, 15}) * 86'400'000'000),
            "0044-03-15 00:00:00+00 BC");
  EXPECT_EQ(text(append_timestamp_text, kTimestampInfinity), "infinity");
  EXPECT_EQ(text(append_timestamptz_text, kTimestampMinusInfinity), "-infinity");
  EXPECT_EQ(text(append_timestamp_text, kTimestampMinusInfinity + 1),
            "290309-12-21 19:59:05.224193 BC");
}

// Each expectation was printed by a server.
TEST(FloatText, IsTheServersShortestForm) {
  const std::pair<double, const char*> kDoubles[] = {
      {0.0, "0"},
      {-0.0, "-0"},
      {0.1, "0.1"},
      {1e14, "100000000000000"},
      {1e15, "1e+15"},
      {0.0001, "0.0001"},
      {0.00001, "1e-05"},
      {123456789012345678.0, "1.2345678901234568e+17"},
      {5e-324, "5e-324"},
      {1.7976931348623157e308, "1.7976931348623157e+308"},
      {-12.75, "-12.75"},
      {1e23, "9.999999999999999e+22"},
      {9007199254740992.0, "9.007199254740992e+15"},
  };
  for (const auto& [value, expected] : kDoubles) {
    EXPECT_EQ(text(append_float8_text, value), expected);
  }
  const std::pair<float, const char*> kFloats[] = {
      {1e5F, "100000"},
      {1e6F, "1e+06"},
      {123456.0F, "123456"},
      {1234567.0F, "1.234567e+06"},
      {0.0001F, "0.0001"},
      {1e-45F, "1e-45"},
      {16777216.0F, "1.6777216e+07"},
      {8.5e9F, "8.4999997e+09"},
      {-std::numeric_limits<float>::infinity(), "-Infinity"},
      {std::numeric_limits<float>::quiet_NaN(), "NaN"},
  };
  for (const auto& [value, expected] : kFloats) {
    EXPECT_EQ(text(append_float4_text, value), expected);
  }
}

TEST(FloatText, ReadsBackAsTheSameValue) {
  std::mt19937_64 random(20);
  for (int i = 0; i < 200'000; ++i) {
    const std::uint64_t bits = random();
    const auto wide = std::bit_cast<double>(bits);
    const auto narrow = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    if (wide != wide || narrow != narrow) {
      continue;
    }
    const std::string wide_text = text(append_float8_text, wide);
    const std::string narrow_text = text(append_float4_text, narrow);
    double wide_read = 0;
    float narrow_read = 0;
    std::from_chars(wide_text.data(), wide_text.data() + wide_text.size(), wide_read);
    std::from_chars(narrow_text.data(), narrow_text.data() + narrow_text.size(), narrow_read);
    ASSERT_EQ(wide_read, wide) << wide_text;
    ASSERT_EQ(narrow_read, narrow) << narrow_text;
  }
}

TEST(ByteText, IsHexadecimal) {
  EXPECT_EQ(text(append_bytea_text, std::string_view("\x00\xff\x10", 3)), "\\x00ff10");
  EXPECT_EQ(text(append_uuid_text, std::string_view("\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa"
                                                    "\xbb\xcc\xdd\xee\xff",
                                                    16)),
            "00112233-4455-6677-8899-aabbccddeeff");
}

}  // namespace
}  // namespace rowtide
