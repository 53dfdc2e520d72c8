#include "sources/mysql/stream_position.h"

#include <array>
#include <charconv>
#include <utility>

#include <fmt/format.h>

namespace rowtide::mysql {
namespace {

constexpr std::string_view kGtidPrefix = "gtid:";
constexpr std::string_view kMariaDbPrefix = "mariadb:";
constexpr std::string_view kFilePrefix = "file:";
constexpr char kReached = '|';
constexpr char kInside = '@';
// Offsets in a file, above which its number stands.
constexpr unsigned kOffsetBits = 40;

Error malformed() {
  return operator_error(Code::kData, "a stored position token is none of MySQL or MariaDB",
                        "It reads gtid:SET, mariadb:GTID-POSITION or file:UUID:FILE:OFFSET; see "
                        "rowtide offsets show");
}

void append_number(std::string& out, std::uint64_t number) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

// UUID:FILE:OFFSET
Result<void> parse_file(std::string_view text, std::string& server_uuid, BinlogPosition& position) {
  const auto first = text.find(':');
  const auto last = text.rfind(':');
  if (first == std::string_view::npos || last == first || last == first + 1) {
    return fail(malformed());
  }
  server_uuid = text.substr(0, first);
  position.file = text.substr(first + 1, last - first - 1);
  const auto offset = text.substr(last + 1);
  const auto [end, error] =
      std::from_chars(offset.data(), offset.data() + offset.size(), position.offset);
  if (error != std::errc{} || end != offset.data() + offset.size()) {
    return fail(malformed());
  }
  return {};
}

}  // namespace

std::optional<std::uint64_t> binlog_file_number(std::string_view file) {
  const auto dot = file.rfind('.');
  if (dot == std::string_view::npos) {
    return std::nullopt;
  }
  const auto digits = file.substr(dot + 1);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool whole = error == std::errc{} && end == digits.data() + digits.size();
  return whole && number >> (63 - kOffsetBits) == 0 ? std::optional(number) : std::nullopt;
}

std::string shortened(std::string_view gtids) {
  constexpr std::size_t kMost = 200;
  return gtids.size() <= kMost ? std::string(gtids) : std::string(gtids.substr(0, kMost)) + "..";
}

StreamPosition StreamPosition::at_file(std::string server_uuid, BinlogPosition position) {
  StreamPosition made;
  made.server_uuid_ = std::move(server_uuid);
  made.file_ = std::move(position);
  return made;
}

// `reached` and the transaction behind it, as one.
template <class Gtids>
Result<void> StreamPosition::parse_delivered(std::string_view reached) {
  std::string text(reached);
  if (!inside_.empty()) {
    text += text.empty() ? "" : ",";
    text += inside_;
  }
  ROWTIDE_TRY_ASSIGN(delivered_, Gtids::parse(text));
  return {};
}

Result<StreamPosition> StreamPosition::parse(std::string_view token) {
  StreamPosition position;
  std::optional<std::string_view> reached;
  if (!token.starts_with(kFilePrefix)) {
    if (const auto at = token.rfind(kInside); at != std::string_view::npos) {
      position.inside_ = token.substr(at + 1);
      token = token.substr(0, at);
    }
    if (const auto bar = token.rfind(kReached); bar != std::string_view::npos) {
      reached = token.substr(bar + 1);
      token = token.substr(0, bar);
    }
  }
  const bool further = reached || !position.inside_.empty();
  if (token.starts_with(kMariaDbPrefix)) {
    token.remove_prefix(kMariaDbPrefix.size());
    ROWTIDE_TRY_ASSIGN(position.executed_, MariaDbGtidState::parse(token));
    if (further) {
      ROWTIDE_TRY(position.parse_delivered<MariaDbGtidState>(reached.value_or(token)));
    }
    return position;
  }
  if (token.starts_with(kFilePrefix)) {
    token.remove_prefix(kFilePrefix.size());
    ROWTIDE_TRY(parse_file(token, position.server_uuid_, position.file_));
    if (!binlog_file_number(position.file_.file)) {
      return fail(malformed());
    }
    return position;
  }
  if (!token.starts_with(kGtidPrefix)) {
    return fail(malformed());
  }
  token.remove_prefix(kGtidPrefix.size());
  const auto semicolon = token.find(';');
  const auto set = token.substr(0, semicolon);
  ROWTIDE_TRY_ASSIGN(position.executed_, GtidSet::parse(set));
  if (further) {
    ROWTIDE_TRY(position.parse_delivered<GtidSet>(reached.value_or(set)));
  }
  if (semicolon != std::string_view::npos) {
    ROWTIDE_TRY(parse_file(token.substr(semicolon + 1), position.server_uuid_, position.file_));
  }
  return position;
}

StreamPosition StreamPosition::delivered() const {
  StreamPosition position = *this;
  position.token_fresh_ = false;
  position.inside_.clear();
  if (auto further = std::exchange(position.delivered_, std::nullopt)) {
    position.executed_ = *std::move(further);
  }
  return position;
}

bool StreamPosition::same_history(const StreamPosition& other) const {
  if (gtid_set() != nullptr && other.gtid_set() != nullptr) {
    return *gtid_set() == *other.gtid_set();
  }
  return gtid_state() != nullptr && other.gtid_state() != nullptr &&
         *gtid_state() == *other.gtid_state();
}

std::uint64_t StreamPosition::commit() const noexcept {
  if (const auto* set = gtid_set()) {
    return 2 * set->count();
  }
  if (const auto* state = gtid_state()) {
    return 2 * state->weight();
  }
  return binlog_file_number(file_.file).value_or(0) << kOffsetBits | file_.offset;
}

std::optional<std::uint64_t> StreamPosition::commit_with(const Uuid& uuid, std::string_view tag,
                                                         std::int64_t gno) const {
  const auto* set = gtid_set();
  if (set == nullptr || set->contains(uuid, tag, gno)) {
    return std::nullopt;
  }
  return commit() + 2;
}

std::optional<std::uint64_t> StreamPosition::commit_with(const MariaDbGtid& gtid) const {
  const auto* state = gtid_state();
  if (state == nullptr) {
    return std::nullopt;
  }
  const auto last = state->last(gtid.domain);
  const auto before = last ? last->sequence : 0;
  // Sequence numbers of that size are not of this world, and would not fit into a position.
  constexpr std::uint64_t kMostCommit = std::uint64_t{1} << 62;
  if (gtid.sequence <= before || gtid.sequence - before > (kMostCommit - commit()) / 2) {
    return std::nullopt;
  }
  return commit() + 2 * (gtid.sequence - before);
}

void StreamPosition::add(const Uuid& uuid, std::string_view tag, std::int64_t gno) {
  if (auto* set = std::get_if<GtidSet>(&executed_)) {
    set->add(uuid, tag, gno);
    token_fresh_ = false;
  }
}

void StreamPosition::add(const MariaDbGtid& gtid) {
  if (auto* state = std::get_if<MariaDbGtidState>(&executed_)) {
    state->add(gtid);
    token_fresh_ = false;
  }
}

void StreamPosition::set_file(std::string_view server_uuid, const BinlogPosition& file) {
  // What stands behind a token is set off by these characters.
  if (gtid_state() != nullptr || file.file.find_first_of("#@|") != std::string::npos) {
    return;
  }
  token_fresh_ = false;
  server_uuid_ = server_uuid;
  file_ = file;
}

std::string_view StreamPosition::token() const {
  if (token_fresh_) {
    return token_;
  }
  token_.clear();
  if (const auto* state = gtid_state()) {
    token_ += kMariaDbPrefix;
    token_ += state->text();
  } else {
    const auto* set = gtid_set();
    token_ += set != nullptr ? kGtidPrefix : kFilePrefix;
    token_ += set != nullptr ? set->text() : std::string_view();
    if (has_file()) {
      token_ += set != nullptr ? ";" : "";
      token_ += server_uuid_;
      token_ += ':';
      token_ += file_.file;
      token_ += ':';
      append_number(token_, file_.offset);
    }
  }
  token_fresh_ = true;
  return token_;
}

std::string StreamPosition::text() const {
  if (const auto* set = gtid_set()) {
    return std::string(set->text());
  }
  if (const auto* state = gtid_state()) {
    return std::string(state->text());
  }
  return fmt::format("{}:{}", file_.file, file_.offset);
}

}  // namespace rowtide::mysql
