#include "sources/mysql/internet_address.h"

#include <array>
#include <charconv>
#include <cstddef>

namespace rowtide::mysql {
namespace {

constexpr std::size_t kGroups = 8;

unsigned byte_at(std::string_view address, std::size_t i) {
  return static_cast<unsigned char>(address[i]);
}

void append_number(unsigned value, int base, std::string& out) {
  std::array<char, 8> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, base).ptr;
  out.append(digits.data(), end);
}

void append_ipv4(std::string_view address, std::string& out) {
  for (std::size_t i = 0; i < 4; ++i) {
    if (i > 0) {
      out.push_back('.');
    }
    append_number(byte_at(address, i), 10, out);
  }
}

struct Gap {
  std::size_t first = kGroups;
  std::size_t length = 0;
};

Gap longest_gap(const std::array<unsigned, kGroups>& groups) {
  Gap best;
  for (std::size_t i = 0; i < kGroups;) {
    std::size_t end = i;
    while (end < kGroups && groups[end] == 0) {
      ++end;
    }
    if (end - i > best.length) {
      best = {i, end - i};
    }
    i = end == i ? i + 1 : end;
  }
  return best;
}

}  // namespace

void append_internet_address(std::string_view address, std::string& out) {
  if (address.size() == 4) {
    return append_ipv4(address, out);
  }
  std::array<unsigned, kGroups> groups;
  for (std::size_t i = 0; i < kGroups; ++i) {
    groups[i] = byte_at(address, 2 * i) << 8 | byte_at(address, 2 * i + 1);
  }
  const Gap gap = longest_gap(groups);
  for (std::size_t i = 0; i < kGroups; ++i) {
    if (i == gap.first) {
      // The group before it has put a colon already.
      out += i == 0 ? "::" : ":";
      i += gap.length - 1;
      continue;
    }
    const bool mapped =
        i == 6 && gap.first == 0 && (gap.length == 6 || (gap.length == 5 && groups[5] == 0xffff));
    if (mapped) {
      return append_ipv4(address.substr(12), out);
    }
    append_number(groups[i], 16, out);
    if (i + 1 < kGroups) {
      out.push_back(':');
    }
  }
}

}  // namespace rowtide::mysql
