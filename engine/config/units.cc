#include "engine/config/units.h"

#include <array>
#include <charconv>
#include <limits>
#include <span>
#include <system_error>

#include <fmt/format.h>

#include "engine/config/scalar.h"

namespace rowtide::config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array<Unit, 9> kSizeUnits{{{"B", 1},
                                          {"KB", 1'000},
                                          {"MB", 1'000'000},
                                          {"GB", 1'000'000'000},
                                          {"TB", 1'000'000'000'000},
                                          {"KiB", 1ULL << 10},
                                          {"MiB", 1ULL << 20},
                                          {"GiB", 1ULL << 30},
                                          {"TiB", 1ULL << 40}}};
constexpr std::array<Unit, 4> kDurationUnits{
    {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}}};

constexpr std::string_view kSizeRemedy =
    "Write a whole number and a unit, such as 64MiB; units are B, KB, MB, GB, TB, KiB, MiB, GiB, "
    "TiB";
constexpr std::string_view kDurationRemedy =
    "Write a whole number and a unit, such as 500ms, 10s, 5m or 2h";

Result<std::uint64_t> parse(std::string_view text, std::span<const Unit> units,
                            std::uint64_t largest, std::string_view noun, std::string_view remedy) {
  const auto bad = [&](std::string_view why) {
    return fail(operator_error(Code::kConfig,
                               fmt::format("{} is not a {}: {}", quote(text), noun, why),
                               std::string(remedy)));
  };
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, status] = std::from_chars(text.data(), end, number);
  if (status == std::errc::invalid_argument) {
    return bad("it does not start with a whole number");
  }
  const std::string_view name(stop, static_cast<std::size_t>(end - stop));
  if (name.empty()) {
    return bad("it has no unit");
  }
  for (const Unit& unit : units) {
    if (unit.name == name) {
      if (status == std::errc::result_out_of_range || number > largest / unit.factor) {
        return bad("it is too large");
      }
      return number * unit.factor;
    }
  }
  return bad(fmt::format("{} is not a unit", quote(name)));
}

std::string format(std::uint64_t value, std::span<const Unit> units) {
  Unit best = units.front();
  for (const Unit& unit : units) {
    if (value != 0 && value % unit.factor == 0 && unit.factor > best.factor) {
      best = unit;
    }
  }
  return fmt::format("{}{}", value / best.factor, best.name);
}

}  // namespace

Result<std::uint64_t> parse_size_bytes(std::string_view text) {
  return parse(text, kSizeUnits, std::numeric_limits<std::uint64_t>::max(), "size", kSizeRemedy);
}

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  ROWTIDE_TRY_ASSIGN(const std::uint64_t count_ms,
                     parse(text, kDurationUnits, std::numeric_limits<std::int64_t>::max(),
                           "duration", kDurationRemedy));
  return std::chrono::milliseconds(static_cast<std::int64_t>(count_ms));
}

std::string format_size_bytes(std::uint64_t size_bytes) {
  return format(size_bytes, kSizeUnits);
}

std::string format_duration(std::chrono::milliseconds duration) {
  return format(static_cast<std::uint64_t>(duration.count()), kDurationUnits);
}

}  // namespace rowtide::config
