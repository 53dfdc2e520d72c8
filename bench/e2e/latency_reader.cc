// Reads flat JSON lines from standard input as they come and measures their age: the wall clock
// when the line could be read, minus its committed_at. Server and reader must share a clock.
//
// usage: rowtide_latency_reader SKIP_LINES LINES
//
// Leaves the first SKIP_LINES out, ends after LINES more or at the end of the input, and prints one
// line of JSON with percentiles in milliseconds.

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace {

constexpr std::string_view kKey = "\"committed_at\":\"";

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::optional<std::int64_t> digits(std::string_view text, std::size_t at, std::size_t length) {
  std::int64_t value = 0;
  if (at + length > text.size()) {
    return std::nullopt;
  }
  const auto [end, code] = std::from_chars(text.data() + at, text.data() + at + length, value);
  return code == std::errc() && end == text.data() + at + length ? std::optional(value)
                                                                 : std::nullopt;
}

// "2026-11-20T12:00:00.123456Z", with zero to six digits after the point -> microseconds since
// 1970.
std::optional<std::int64_t> parse_instant(std::string_view text) {
  const auto year = digits(text, 0, 4);
  const auto month = digits(text, 5, 2);
  const auto day = digits(text, 8, 2);
  const auto hour = digits(text, 11, 2);
  const auto minute = digits(text, 14, 2);
  const auto second = digits(text, 17, 2);
  if (!year || !month || !day || !hour || !minute || !second) {
    return std::nullopt;
  }
  const auto date = std::chrono::sys_days(std::chrono::year(static_cast<int>(*year)) /
                                          static_cast<int>(*month) / static_cast<int>(*day));
  std::int64_t fraction_us = 0;
  std::int64_t unit = 100'000;
  for (std::size_t at = 20; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    fraction_us += unit * (text[at] - '0');
    unit /= 10;
  }
  const std::int64_t seconds =
      std::chrono::duration_cast<std::chrono::seconds>(date.time_since_epoch()).count() +
      *hour * 3600 + *minute * 60 + *second;
  return seconds * 1'000'000 + fraction_us;
}

struct Ages {
  std::int64_t skip = 0;
  std::int64_t wanted = 0;
  std::vector<std::int64_t> all_us;

  bool done() const { return static_cast<std::int64_t>(all_us.size()) >= wanted; }

  void add(std::string_view line, std::int64_t read_at_us) {
    const std::size_t at = line.find(kKey);
    if (at == std::string_view::npos) {
      return;
    }
    if (skip > 0) {
      --skip;
      return;
    }
    const std::string_view text = line.substr(at + kKey.size(), 32);
    if (const auto committed = parse_instant(text.substr(0, text.find('"')))) {
      all_us.push_back(read_at_us - *committed);
    }
  }

  double percentile_ms(double part) const {
    const auto index = static_cast<std::size_t>(part * static_cast<double>(all_us.size() - 1));
    return static_cast<double>(all_us[index]) / 1000.0;
  }
};

bool parse_count(std::string_view text, std::int64_t& out) {
  return std::from_chars(text.data(), text.data() + text.size(), out).ec == std::errc();
}

}  // namespace

int main(int count, char** arguments) {
  Ages ages;
  if (count != 3 || !parse_count(arguments[1], ages.skip) ||
      !parse_count(arguments[2], ages.wanted)) {
    std::fprintf(stderr, "usage: rowtide_latency_reader SKIP_LINES LINES\n");
    return 64;
  }
  ages.all_us.reserve(static_cast<std::size_t>(ages.wanted));
  // A pipe that is full would make the writer wait for us and hide what is measured.
  ::fcntl(0, F_SETPIPE_SZ, 1 << 20);
  std::vector<char> buffer(1 << 20);
  std::string rest;
  while (!ages.done()) {
    const ssize_t size = ::read(0, buffer.data(), buffer.size());
    const std::int64_t read_at_us = now_us();
    if (size <= 0) {
      break;
    }
    rest.append(buffer.data(), static_cast<std::size_t>(size));
    std::size_t begin = 0;
    for (std::size_t end = rest.find('\n'); end != std::string::npos;
         end = rest.find('\n', begin)) {
      ages.add(std::string_view(rest).substr(begin, end - begin), read_at_us);
      begin = end + 1;
    }
    rest.erase(0, begin);
  }
  if (ages.all_us.empty()) {
    std::fprintf(stderr, "latency_reader: no line had a committed_at\n");
    return 1;
  }
  std::ranges::sort(ages.all_us);
  std::printf(
      "{\"lines\": %zu, \"p50_ms\": %.3f, \"p90_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f}\n",
      ages.all_us.size(), ages.percentile_ms(0.5), ages.percentile_ms(0.9),
      ages.percentile_ms(0.99), ages.percentile_ms(1.0));
  return 0;
}
