#include "sources/postgres/binary_forms.h"

#include <array>
#include <bit>
#include <cstdint>
#include <iterator>
#include <limits>

#include <fmt/format.h>

#include "engine/model/text_forms.h"

namespace rowtide::postgres {
namespace {

constexpr std::int64_t kSecondUs = 1'000'000;
constexpr std::int64_t kMinuteUs = 60 * kSecondUs;
constexpr std::int64_t kHourUs = 60 * kMinuteUs;
constexpr std::int64_t kDayUs = 24 * kHourUs;

template <class... Args>
void print(std::string& out, fmt::format_string<Args...> format, Args&&... args) {
  fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
}

// One part of an interval. A positive part gets a sign only right after a negative one.
class IntervalWriter {
 public:
  explicit IntervalWriter(std::string& out) : out_(out) {}

  void part(std::int64_t value, std::string_view unit) {
    if (value == 0) {
      return;
    }
    print(out_, "{}{}{} {}{}", empty_ ? "" : " ", after_negative_ && value > 0 ? "+" : "", value,
          unit, value == 1 ? "" : "s");
    after_negative_ = value < 0;
    empty_ = false;
  }

  void time(std::int64_t time_us) {
    if (time_us == 0 && !empty_) {
      return;
    }
    const auto magnitude =
        time_us < 0 ? 0 - static_cast<std::uint64_t>(time_us) : static_cast<std::uint64_t>(time_us);
    print(out_, "{}{}{:02}", empty_ ? "" : " ",
          time_us < 0       ? "-"
          : after_negative_ ? "+"
                            : "",
          magnitude / static_cast<std::uint64_t>(kHourUs));
    // The rest of the hour prints like a time of day of the hour zero.
    std::string rest;
    append_time_text(rest, static_cast<std::int64_t>(magnitude % std::uint64_t{kHourUs}));
    out_.append(rest, 2);
  }

 private:
  std::string& out_;
  bool after_negative_ = false;
  bool empty_ = true;
};

double read_float8(Cursor& in) {
  return std::bit_cast<double>(in.u64_be());
}

// "x,y" of `count` floats.
void append_floats(Cursor& in, int count, std::string& out) {
  for (int i = 0; i < count; ++i) {
    if (i > 0) {
      out.push_back(',');
    }
    append_float8_text(out, read_float8(in));
  }
}

bool append_points(Cursor& in, std::uint32_t count, std::string& out) {
  constexpr std::size_t kPointBytes = 16;
  if (!in.ok() || in.remaining() / kPointBytes < count) {
    return false;
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    if (i > 0) {
      out.push_back(',');
    }
    append_point_form(in, out);
  }
  return in.ok();
}

void append_ipv4(std::string_view address, std::string& out) {
  for (std::size_t i = 0; i < address.size(); ++i) {
    print(out, "{}{}", i == 0 ? "" : ".",
          static_cast<unsigned>(static_cast<unsigned char>(address[i])));
  }
}

struct ZeroRun {
  std::size_t begin = 0;
  std::size_t length = 0;
};

// Compresses the first longest run of two or more zero words, and writes an address whose first
// words are zero (or ::ffff) as an embedded IPv4 address, both as the server does.
void append_ipv6(std::string_view address, std::string& out) {
  constexpr std::size_t kWords = 8;
  std::array<unsigned, kWords> words{};
  Cursor in(address);
  for (unsigned& word : words) {
    word = in.u16_be();
  }
  ZeroRun best;
  ZeroRun run;
  for (std::size_t i = 0; i < kWords; ++i) {
    run = words[i] != 0 ? ZeroRun{i + 1, 0} : ZeroRun{run.begin, run.length + 1};
    if (run.length > best.length) {
      best = run;
    }
  }
  if (best.length < 2) {
    best = {kWords, 0};
  }
  const bool embeds_ipv4 =
      best.begin == 0 && (best.length == 6 || (best.length == 5 && words[5] == 0xffff));
  for (std::size_t i = 0; i < kWords; ++i) {
    if (i >= best.begin && i < best.begin + best.length) {
      if (i == best.begin) {
        out.push_back(':');
      }
      continue;
    }
    if (i != 0) {
      out.push_back(':');
    }
    if (i == 6 && embeds_ipv4) {
      append_ipv4(address.substr(12), out);
      return;
    }
    print(out, "{:x}", words[i]);
  }
  if (best.begin + best.length == kWords && best.length > 0) {
    out.push_back(':');
  }
}

}  // namespace

bool append_interval_form(Cursor& in, std::string& out) {
  const std::int64_t time_us = in.i64_be();
  const std::int32_t days = in.i32_be();
  const std::int32_t months = in.i32_be();
  if (!in.ok()) {
    return false;
  }
  // Servers from 17 on spell infinity with the extremes of all three fields.
  using Int64 = std::numeric_limits<std::int64_t>;
  using Int32 = std::numeric_limits<std::int32_t>;
  if (time_us == Int64::max() && days == Int32::max() && months == Int32::max()) {
    out += "infinity";
    return true;
  }
  if (time_us == Int64::min() && days == Int32::min() && months == Int32::min()) {
    out += "-infinity";
    return true;
  }
  IntervalWriter writer(out);
  writer.part(months / 12, "year");
  writer.part(months % 12, "mon");
  writer.part(days, "day");
  writer.time(time_us);
  return true;
}

bool append_timetz_form(Cursor& in, std::string& out) {
  const std::int64_t time_us = in.i64_be();
  const std::int32_t west_seconds = in.i32_be();
  constexpr std::int32_t kMostOffsetSeconds = 16 * 3600;
  if (!in.ok() || time_us < 0 || time_us > kDayUs || west_seconds < -kMostOffsetSeconds ||
      west_seconds > kMostOffsetSeconds) {
    return false;
  }
  append_time_text(out, time_us);
  const std::int32_t offset = west_seconds < 0 ? -west_seconds : west_seconds;
  print(out, "{}{:02}", west_seconds <= 0 ? '+' : '-', offset / 3600);
  if (offset % 3600 != 0) {
    print(out, ":{:02}", offset / 60 % 60);
  }
  if (offset % 60 != 0) {
    print(out, ":{:02}", offset % 60);
  }
  return true;
}

bool append_bits_form(Cursor& in, std::string& out) {
  const std::uint32_t bit_count = in.u32_be();
  const std::string_view bytes = in.take(in.remaining());
  if (!in.ok() || bytes.size() != (std::size_t{bit_count} + 7) / 8) {
    return false;
  }
  const std::size_t start = out.size();
  out.resize(start + bit_count);
  for (std::size_t i = 0; i < bit_count; ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i / 8]);
    out[start + i] = static_cast<char>('0' + (byte >> (7 - i % 8) & 1));
  }
  return true;
}

bool append_network_form(Cursor& in, std::string& out) {
  constexpr std::uint8_t kIpv4 = 2;
  constexpr std::uint8_t kIpv6 = 3;
  const std::uint8_t family = in.u8();
  const std::uint8_t prefix_bits = in.u8();
  const bool is_cidr = in.u8() != 0;
  const std::uint8_t address_bytes = in.u8();
  const std::string_view address = in.take(address_bytes);
  const std::size_t expected_bytes = family == kIpv4 ? 4 : 16;
  if (!in.ok() || (family != kIpv4 && family != kIpv6) || address_bytes != expected_bytes ||
      prefix_bits > expected_bytes * 8) {
    return false;
  }
  if (family == kIpv4) {
    append_ipv4(address, out);
  } else {
    append_ipv6(address, out);
  }
  if (is_cidr || prefix_bits != expected_bytes * 8) {
    print(out, "/{}", prefix_bits);
  }
  return true;
}

bool append_mac_form(Cursor& in, std::string& out) {
  const std::string_view address = in.take(in.remaining());
  for (std::size_t i = 0; i < address.size(); ++i) {
    print(out, "{}{:02x}", i == 0 ? "" : ":",
          static_cast<unsigned>(static_cast<unsigned char>(address[i])));
  }
  return address.size() == 6 || address.size() == 8;
}

bool append_tid_form(Cursor& in, std::string& out) {
  const std::uint32_t block = in.u32_be();
  const std::uint16_t offset = in.u16_be();
  print(out, "({},{})", block, offset);
  return in.ok();
}

bool append_lsn_form(Cursor& in, std::string& out) {
  const std::uint64_t lsn = in.u64_be();
  print(out, "{:X}/{:X}", lsn >> 32, lsn & 0xffffffff);
  return in.ok();
}

bool append_point_form(Cursor& in, std::string& out) {
  out.push_back('(');
  append_floats(in, 2, out);
  out.push_back(')');
  return in.ok();
}

bool append_lseg_form(Cursor& in, std::string& out) {
  out.push_back('[');
  const bool valid = append_points(in, 2, out);
  out.push_back(']');
  return valid;
}

bool append_box_form(Cursor& in, std::string& out) {
  return append_points(in, 2, out);
}

bool append_path_form(Cursor& in, std::string& out) {
  const bool closed = in.u8() != 0;
  const std::uint32_t count = in.u32_be();
  out.push_back(closed ? '(' : '[');
  const bool valid = append_points(in, count, out);
  out.push_back(closed ? ')' : ']');
  return valid;
}

bool append_polygon_form(Cursor& in, std::string& out) {
  const std::uint32_t count = in.u32_be();
  out.push_back('(');
  const bool valid = append_points(in, count, out);
  out.push_back(')');
  return valid;
}

bool append_line_form(Cursor& in, std::string& out) {
  out.push_back('{');
  append_floats(in, 3, out);
  out.push_back('}');
  return in.ok();
}

bool append_circle_form(Cursor& in, std::string& out) {
  out.push_back('<');
  append_point_form(in, out);
  out.push_back(',');
  append_floats(in, 1, out);
  out.push_back('>');
  return in.ok();
}

}  // namespace rowtide::postgres
