#include "sinks/format/civil_text.h"

#include "engine/model/digits.h"
#include "engine/model/text_forms.h"
#include "sinks/format/civil.h"

namespace rowtide {
namespace {

// A date, a time and a zone are at most this long.
constexpr std::size_t kRoomBytes = 64;

// Writes the date without its era and says whether that is BC.
char* date_digits(char* to, std::int64_t days, bool& before_christ) noexcept {
  const CivilDate date = civil_from_days(days);
  before_christ = date.year <= 0;
  const std::int64_t year = before_christ ? 1 - date.year : date.year;
  if (year < 10'000) [[likely]] {
    to = put_two_digits(to, static_cast<std::uint32_t>(year / 100));
    to = put_two_digits(to, static_cast<std::uint32_t>(year % 100));
  } else {
    to = std::to_chars(to, to + 20, year).ptr;
  }
  *to++ = '-';
  to = put_two_digits(to, date.month);
  *to++ = '-';
  return put_two_digits(to, date.day);
}

char* time_digits(char* to, std::int64_t time_us) noexcept {
  const auto seconds = static_cast<std::uint32_t>(time_us / 1'000'000);
  const auto fraction = static_cast<std::uint32_t>(time_us % 1'000'000);
  to = put_two_digits(to, seconds / 3600);
  *to++ = ':';
  to = put_two_digits(to, seconds / 60 % 60);
  *to++ = ':';
  to = put_two_digits(to, seconds % 60);
  if (fraction != 0) {
    *to++ = '.';
    to = put_two_digits(to, fraction / 10'000);
    to = put_two_digits(to, fraction / 100 % 100);
    to = put_two_digits(to, fraction % 100);
    while (to[-1] == '0') {
      --to;
    }
  }
  return to;
}

char* copy(char* to, std::string_view text) noexcept {
  std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

}  // namespace

void put_date(TextWriter& out, std::int64_t days) {
  out.reserve(kRoomBytes);
  bool before_christ = false;
  char* to = date_digits(out.cursor(), days, before_christ);
  out.advance_to(before_christ ? copy(to, " BC") : to);
}

void put_time(TextWriter& out, std::int64_t time_us) {
  out.reserve(kRoomBytes);
  out.advance_to(time_digits(out.cursor(), time_us));
}

void put_timestamp(TextWriter& out, std::int64_t microseconds, TimestampStyle style) {
  out.reserve(kRoomBytes);
  const auto [days, time_us] = split_timestamp(microseconds);
  bool before_christ = false;
  char* to = date_digits(out.cursor(), days, before_christ);
  *to++ = style.separator;
  to = copy(time_digits(to, time_us), style.zone);
  out.advance_to(before_christ ? copy(to, " BC") : to);
}

}  // namespace rowtide
