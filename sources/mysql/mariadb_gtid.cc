#include "sources/mysql/mariadb_gtid.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

namespace rowtide::mysql {
namespace {

Error malformed() {
  return operator_error(Code::kData, "a MariaDB GTID position is malformed",
                        "It reads DOMAIN-SERVER-SEQUENCE, one per domain, separated by commas, as "
                        "SELECT @@GLOBAL.gtid_binlog_pos shows it");
}

void append_number(std::string& out, std::uint64_t number) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

void append(std::string& out, const MariaDbGtid& gtid) {
  append_number(out, gtid.domain);
  out += '-';
  append_number(out, gtid.server);
  out += '-';
  append_number(out, gtid.sequence);
}

// Reads a number and the character behind it off the front; '\0' = the end.
template <class T>
bool take_number(std::string_view& text, T& number, char behind) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) {
    return false;
  }
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (behind == '\0') {
    return text.empty();
  }
  if (!text.starts_with(behind)) {
    return false;
  }
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::string to_text(const MariaDbGtid& gtid) {
  std::string text;
  append(text, gtid);
  return text;
}

Result<MariaDbGtidState> MariaDbGtidState::parse(std::string_view text) {
  std::string packed;
  std::ranges::copy_if(text, std::back_inserter(packed),
                       [](char c) { return c != ' ' && c != '\n' && c != '\r' && c != '\t'; });
  MariaDbGtidState state;
  std::string_view rest = packed;
  while (!rest.empty()) {
    const auto comma = rest.find(',');
    std::string_view part = rest.substr(0, comma);
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    MariaDbGtid gtid;
    if (!take_number(part, gtid.domain, '-') || !take_number(part, gtid.server, '-') ||
        !take_number(part, gtid.sequence, '\0')) {
      return fail(malformed());
    }
    state.add(gtid);
  }
  return state;
}

bool MariaDbGtidState::add(const MariaDbGtid& gtid) {
  const auto at = std::ranges::lower_bound(gtids_, gtid.domain, {}, &MariaDbGtid::domain);
  if (at != gtids_.end() && at->domain == gtid.domain) {
    if (gtid.sequence <= at->sequence) {
      return false;
    }
    weight_ += gtid.sequence - at->sequence;
    *at = gtid;
  } else {
    weight_ += gtid.sequence;
    gtids_.insert(at, gtid);
  }
  text_fresh_ = false;
  return true;
}

std::optional<MariaDbGtid> MariaDbGtidState::last(std::uint32_t domain) const {
  const auto at = std::ranges::lower_bound(gtids_, domain, {}, &MariaDbGtid::domain);
  return at != gtids_.end() && at->domain == domain ? std::optional(*at) : std::nullopt;
}

bool MariaDbGtidState::is_covered_by(const MariaDbGtidState& other) const {
  return std::ranges::all_of(gtids_, [&](const MariaDbGtid& gtid) {
    const auto there = other.last(gtid.domain);
    return there && there->sequence >= gtid.sequence;
  });
}

std::string_view MariaDbGtidState::text() const {
  if (!text_fresh_) {
    text_.clear();
    for (const MariaDbGtid& gtid : gtids_) {
      text_ += text_.empty() ? "" : ",";
      append(text_, gtid);
    }
    text_fresh_ = true;
  }
  return text_;
}

}  // namespace rowtide::mysql
