#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "engine/model/text_forms.h"
#include "sinks/format/civil.h"
#include "sinks/format/civil_text.h"

namespace rowtide {
namespace {

std::string timestamp(std::int64_t microseconds) {
  std::string text;
  {
    TextWriter out(text);
    put_timestamp(out, microseconds, {.separator = ' ', .zone = "+00"});
  }
  return text;
}

std::string date(std::int64_t days) {
  std::string text;
  {
    TextWriter out(text);
    put_date(out, days);
  }
  return text;
}

std::string time_of_day(std::int64_t microseconds) {
  std::string text;
  {
    TextWriter out(text);
    put_time(out, microseconds);
  }
  return text;
}

TEST(CivilDate, AgreesWithTheStandardLibraryOverEightyThousandYears) {
  using namespace std::chrono;
  const sys_days last = sys_days(year(32767) / December / 31);
  std::int64_t step = 1;
  for (sys_days day = sys_days(year(-32767) / January / 1); day < last; day += days(step)) {
    const year_month_day expected(day);
    const CivilDate got = civil_from_days(day.time_since_epoch().count());
    ASSERT_EQ(got.year, int(expected.year()));
    ASSERT_EQ(got.month, unsigned(expected.month()));
    ASSERT_EQ(got.day, unsigned(expected.day()));
    ASSERT_EQ(days_from_civil(got), day.time_since_epoch().count());
    step = step % 37 + 1;
  }
}

TEST(CivilDate, KnowsEveryDayAroundALeapDay) {
  EXPECT_EQ(date(19'781), "2024-02-28");
  EXPECT_EQ(date(19'782), "2024-02-29");
  EXPECT_EQ(date(19'783), "2024-03-01");
  EXPECT_EQ(date(-25'509), "1900-02-28");
  EXPECT_EQ(date(-25'508), "1900-03-01");
}

TEST(CivilText, WritesBcAndFarYearsAsPostgresDoes) {
  EXPECT_EQ(date(days_from_civil({-43, 3, 15})), "0044-03-15 BC");
  EXPECT_EQ(date(days_from_civil({0, 12, 31})), "0001-12-31 BC");
  EXPECT_EQ(date(days_from_civil({1, 1, 1})), "0001-01-01");
  EXPECT_EQ(date(days_from_civil({5'874'897, 12, 31})), "5874897-12-31");
  EXPECT_EQ(date(days_from_civil({-4712, 1, 1})), "4713-01-01 BC");
  EXPECT_EQ(timestamp(days_from_civil({-43, 3, 15}) * kMicrosecondsPerDay),
            "0044-03-15 00:00:00+00 BC");
  EXPECT_EQ(
      timestamp(days_from_civil({294'246, 12, 31}) * kMicrosecondsPerDay + kMicrosecondsPerDay - 1),
      "294246-12-31 23:59:59.999999+00");
}

TEST(CivilText, TrimsTheFraction) {
  EXPECT_EQ(timestamp(0), "1970-01-01 00:00:00+00");
  EXPECT_EQ(timestamp(789'000), "1970-01-01 00:00:00.789+00");
  EXPECT_EQ(timestamp(1), "1970-01-01 00:00:00.000001+00");
  EXPECT_EQ(timestamp(-1), "1969-12-31 23:59:59.999999+00");
  EXPECT_EQ(timestamp(100'000), "1970-01-01 00:00:00.1+00");
}

TEST(CivilText, WritesTheTimeUpToMidnightOfTheNextDay) {
  EXPECT_EQ(time_of_day(0), "00:00:00");
  EXPECT_EQ(time_of_day(kMicrosecondsPerDay), "24:00:00");
  EXPECT_EQ(time_of_day(45'296'789'000), "12:34:56.789");
}

}  // namespace
}  // namespace rowtide
