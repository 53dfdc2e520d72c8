#include "sources/mysql/gtid_set.h"

#include <algorithm>
#include <charconv>
#include <compare>
#include <cstring>
#include <optional>

#include <fmt/format.h>

#include "engine/base/assert.h"
#include "sources/mysql/wire_reader.h"

namespace rowtide::mysql {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

Error malformed_text(std::string_view what) {
  return operator_error(Code::kData, fmt::format("a GTID set is malformed: {}", what),
                        "It reads UUID:1-5:7,UUID:.., as SELECT @@GLOBAL.gtid_executed shows it");
}

Error malformed_bytes() {
  return retry_error(Code::kProtocol, "a GTID set in a binary log event is malformed");
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

std::optional<std::int64_t> parse_gno(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 1 || number > kMaxGno) {
    return std::nullopt;
  }
  return number;
}

bool is_tag(std::string_view text) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  return !text.empty() && text.size() <= kMaxTagBytes && is_letter(text.front()) &&
         std::ranges::all_of(text, [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

// The part of `rest` before `separator`, which is taken off together with it.
std::string_view take_part(std::string_view& rest, char separator) {
  const auto at = rest.find(separator);
  const auto part = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + 1);
  return part;
}

std::strong_ordering compare(const Uuid& uuid_a, std::string_view tag_a, const Uuid& uuid_b,
                             std::string_view tag_b) {
  const int order = std::memcmp(uuid_a.data(), uuid_b.data(), uuid_a.size());
  return order != 0 ? order <=> 0 : tag_a <=> tag_b;
}

void append_u64(std::string& out, std::uint64_t number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof(number));
}

}  // namespace

std::string to_text(const Uuid& uuid) {
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < uuid.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) {
      text += '-';
    }
    text += kHexDigits[uuid[i] >> 4];
    text += kHexDigits[uuid[i] & 0xF];
  }
  return text;
}

Result<Uuid> parse_uuid(std::string_view text) {
  Uuid uuid{};
  std::size_t digits = 0;
  for (const char c : text) {
    if (c == '-' || c == '{' || c == '}') {
      continue;
    }
    const int value = hex_value(c);
    if (value < 0 || digits == 2 * uuid.size()) {
      return fail(malformed_text("a part of it does not begin with a uuid"));
    }
    auto& byte = uuid[digits / 2];
    byte = static_cast<std::uint8_t>((byte << 4) | value);
    ++digits;
  }
  if (digits != 2 * uuid.size()) {
    return fail(malformed_text("a part of it does not begin with a uuid"));
  }
  return uuid;
}

Result<GtidSet> GtidSet::parse(std::string_view text) {
  std::string packed;
  for (const char c : text) {
    if (c != ' ' && c != '\n' && c != '\r' && c != '\t') {
      packed += c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    }
  }
  GtidSet set;
  std::string_view rest = packed;
  while (!rest.empty()) {
    std::string_view part = take_part(rest, ',');
    if (part.empty()) {
      continue;
    }
    ROWTIDE_TRY_ASSIGN(const Uuid uuid, parse_uuid(take_part(part, ':')));
    std::string_view tag;
    while (!part.empty()) {
      std::string_view item = take_part(part, ':');
      if (is_tag(item)) {
        tag = item;
        continue;
      }
      const bool range = item.find('-') != std::string_view::npos;
      const auto first = parse_gno(take_part(item, '-'));
      const auto last = range ? parse_gno(item) : first;
      if (!first || !last || *last < *first) {
        return fail(malformed_text("an interval is no pair of numbers in order"));
      }
      set.add_range(uuid, tag, *first, *last);
    }
  }
  return set;
}

Result<GtidSet> GtidSet::decode(std::string_view bytes) {
  WireReader in(bytes);
  std::uint64_t count = in.u64();
  // The tagged form says so in its first and its last byte; a plain count is never that large.
  const bool tagged = (count >> 56) == 1;
  if (tagged) {
    count = (count >> 8) & 0xFFFF'FFFF'FFFF;
  }
  GtidSet set;
  for (; count > 0 && in.ok(); --count) {
    Uuid uuid{};
    const std::string_view uuid_bytes = in.take(uuid.size());
    std::ranges::copy(uuid_bytes, uuid.begin());
    std::string_view tag;
    if (tagged) {
      const auto tag_size = in.u8();
      tag = in.take(tag_size >> 1);
      if ((tag_size & 1) != 0 || (!tag.empty() && !is_tag(tag))) {
        return fail(malformed_bytes());
      }
    }
    for (auto intervals = in.u64(); intervals > 0 && in.ok(); --intervals) {
      const auto first = static_cast<std::int64_t>(in.u64());
      const auto end = static_cast<std::int64_t>(in.u64());
      if (!in.ok() || first < 1 || end <= first) {
        return fail(malformed_bytes());
      }
      set.add_range(uuid, tag, first, end - 1);
    }
  }
  if (!in.ok() || in.remaining() > 0) {
    return fail(malformed_bytes());
  }
  return set;
}

std::size_t GtidSet::lower_bound(const Uuid& uuid, std::string_view tag) const {
  const auto found = std::ranges::partition_point(
      entries_, [&](const Entry& entry) { return compare(entry.uuid, entry.tag, uuid, tag) < 0; });
  return static_cast<std::size_t>(found - entries_.begin());
}

const GtidSet::Entry* GtidSet::find(const Uuid& uuid, std::string_view tag) const {
  const auto at = lower_bound(uuid, tag);
  const bool found = at < entries_.size() && entries_[at].uuid == uuid && entries_[at].tag == tag;
  return found ? &entries_[at] : nullptr;
}

bool GtidSet::add(const Uuid& uuid, std::string_view tag, std::int64_t gno) {
  ROWTIDE_ASSERT(gno >= 1 && gno <= kMaxGno);
  if (last_ < entries_.size() && entries_[last_].uuid == uuid && entries_[last_].tag == tag) {
    return add_to(entries_[last_], gno);
  }
  last_ = lower_bound(uuid, tag);
  if (last_ == entries_.size() || entries_[last_].uuid != uuid || entries_[last_].tag != tag) {
    entries_.insert(entries_.begin() + static_cast<std::ptrdiff_t>(last_),
                    Entry{uuid, std::string(tag), {}});
  }
  return add_to(entries_[last_], gno);
}

// The next number of an interval that nothing follows closely.
void GtidSet::extend(Interval& interval) {
  ++interval.last;
  if (!text_fresh_) {
    return;
  }
  // A lone number becomes a range, or digits are added: written anew when asked for.
  std::uint32_t digit = interval.text_digits;
  if (interval.first + 1 == interval.last) {
    text_fresh_ = false;
    return;
  }
  while (digit > 0) {
    char& c = text_[interval.text_at + --digit];
    if (c != '9') {
      ++c;
      return;
    }
    c = '0';
  }
  text_fresh_ = false;
}

bool GtidSet::add_to(Entry& entry, std::int64_t gno) {
  auto& intervals = entry.intervals;
  if (!intervals.empty() && gno == intervals.back().last + 1) {
    extend(intervals.back());
    ++count_;
    return true;
  }
  // The first interval that ends at or behind the number just before it.
  const auto at = std::ranges::partition_point(
      intervals, [&](const Interval& interval) { return interval.last < gno - 1; });
  if (at != intervals.end() && at->first <= gno && gno <= at->last) {
    return false;
  }
  ++count_;
  const auto next = at != intervals.end() && at->last == gno - 1 ? at + 1 : at;
  const bool joins_next = next != intervals.end() && next->first == gno + 1;
  if (next != at) {
    if (joins_next) {
      at->last = next->last;
      intervals.erase(next);
      text_fresh_ = false;
    } else {
      extend(*at);
    }
    return true;
  }
  text_fresh_ = false;
  if (joins_next) {
    next->first = gno;
  } else {
    intervals.insert(next, Interval{gno, gno});
  }
  return true;
}

void GtidSet::add_range(const Uuid& uuid, std::string_view tag, std::int64_t first,
                        std::int64_t last) {
  text_fresh_ = false;
  const auto at = lower_bound(uuid, tag);
  if (at == entries_.size() || entries_[at].uuid != uuid || entries_[at].tag != tag) {
    entries_.insert(entries_.begin() + static_cast<std::ptrdiff_t>(at),
                    Entry{uuid, std::string(tag), {}});
  }
  auto& intervals = entries_[at].intervals;
  auto from = std::ranges::partition_point(
      intervals, [&](const Interval& interval) { return interval.last < first - 1; });
  auto to = from;
  while (to != intervals.end() && to->first <= last + 1) {
    count_ -= static_cast<std::uint64_t>(to->last - to->first) + 1;
    first = std::min(first, to->first);
    last = std::max(last, to->last);
    ++to;
  }
  intervals.insert(intervals.erase(from, to), Interval{first, last});
  count_ += static_cast<std::uint64_t>(last - first) + 1;
}

bool GtidSet::contains(const Uuid& uuid, std::string_view tag, std::int64_t gno) const {
  const Entry* entry = find(uuid, tag);
  if (entry == nullptr) {
    return false;
  }
  const auto at = std::ranges::partition_point(
      entry->intervals, [&](const Interval& interval) { return interval.last < gno; });
  return at != entry->intervals.end() && at->first <= gno;
}

bool GtidSet::is_subset_of(const GtidSet& other) const {
  return std::ranges::all_of(entries_, [&](const Entry& entry) {
    const Entry* there = other.find(entry.uuid, entry.tag);
    if (there == nullptr) {
      return false;
    }
    auto at = there->intervals.begin();
    return std::ranges::all_of(entry.intervals, [&](const Interval& interval) {
      while (at != there->intervals.end() && at->last < interval.last) {
        ++at;
      }
      return at != there->intervals.end() && at->first <= interval.first;
    });
  });
}

std::string_view GtidSet::text() const {
  if (text_fresh_) {
    return text_;
  }
  text_.clear();
  const Uuid* uuid = nullptr;
  for (const Entry& entry : entries_) {
    if (uuid == nullptr || *uuid != entry.uuid) {
      text_ += uuid == nullptr ? "" : ",";
      text_ += to_text(entry.uuid);
      uuid = &entry.uuid;
    }
    if (!entry.tag.empty()) {
      text_ += ':';
      text_ += entry.tag;
    }
    for (const Interval& interval : entry.intervals) {
      fmt::format_to(std::back_inserter(text_), ":{}", interval.first);
      if (interval.last == interval.first) {
        continue;
      }
      text_ += '-';
      interval.text_at = static_cast<std::uint32_t>(text_.size());
      fmt::format_to(std::back_inserter(text_), "{}", interval.last);
      interval.text_digits = static_cast<std::uint32_t>(text_.size()) - interval.text_at;
    }
  }
  text_fresh_ = true;
  return text_;
}

std::string GtidSet::encode() const {
  const bool tagged =
      std::ranges::any_of(entries_, [](const Entry& entry) { return !entry.tag.empty(); });
  std::string bytes;
  const std::uint64_t count = entries_.size();
  append_u64(bytes, tagged ? (std::uint64_t{1} << 56) | (count << 8) | 1 : count);
  for (const Entry& entry : entries_) {
    ROWTIDE_ASSERT(!entry.intervals.empty());
    bytes.append(reinterpret_cast<const char*>(entry.uuid.data()), entry.uuid.size());
    if (tagged) {
      bytes += static_cast<char>(entry.tag.size() << 1);
      bytes += entry.tag;
    }
    append_u64(bytes, entry.intervals.size());
    for (const Interval& interval : entry.intervals) {
      append_u64(bytes, static_cast<std::uint64_t>(interval.first));
      append_u64(bytes, static_cast<std::uint64_t>(interval.last) + 1);
    }
  }
  return bytes;
}

}  // namespace rowtide::mysql
