#include "sources/mysql/scan_key.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "engine/base/assert.h"
#include "engine/model/text_forms.h"
#include "sources/mysql/sql_session.h"
#include "sources/mysql/temporal.h"

namespace rowtide::mysql {
namespace {

constexpr std::int64_t kSecondUs = 1'000'000;
constexpr std::int64_t kDaySeconds = 86'400;
constexpr unsigned kFractionDigits = 6;

std::string hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out.push_back(kDigits[static_cast<unsigned char>(c) >> 4U]);
    out.push_back(kDigits[static_cast<unsigned char>(c) & 15U]);
  }
  return out;
}

DatetimeParts parts_of(std::int64_t days, std::int64_t time_us) {
  const CivilDate date = civil_from_days(days);
  DatetimeParts parts;
  parts.year = static_cast<std::uint32_t>(date.year);
  parts.month = date.month;
  parts.day = date.day;
  const auto seconds = static_cast<std::uint32_t>(time_us / kSecondUs);
  parts.hour = seconds / 3600;
  parts.minute = seconds / 60 % 60;
  parts.second = seconds % 60;
  parts.fraction_us = static_cast<std::uint32_t>(time_us % kSecondUs);
  return parts;
}

std::string datetime_text(std::int64_t timestamp_us) {
  constexpr std::int64_t kDayUs = kDaySeconds * kSecondUs;
  std::int64_t days = timestamp_us / kDayUs;
  std::int64_t rest = timestamp_us % kDayUs;
  if (rest < 0) {
    rest += kDayUs;
    --days;
  }
  std::array<char, kMaxTemporalText> text;
  return {text.data(), write_datetime(parts_of(days, rest), kFractionDigits, text.data())};
}

std::string date_text(std::int64_t days) {
  std::array<char, kMaxTemporalText> text;
  return {text.data(), write_date(parts_of(days, 0), text.data())};
}

std::string real_text(double value) {
  std::array<char, 40> text;
  // Both zeros are the same key.
  const auto done = std::to_chars(text.data(), text.data() + text.size(), value == 0 ? 0.0 : value);
  return {text.data(), done.ptr};
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789.-+e") == std::string_view::npos;
}

Error bad_text(const ScanKeyColumn& column) {
  return operator_error(
      Code::kSchema,
      fmt::format("a stored place of the scan is no value of key column {}", column.name),
      "The table was changed: cancel the backfill and start it anew");
}

// "0101" as a number.
Result<std::string> bits_literal(const ScanKeyColumn& column, std::string_view text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number, 2);
  if (error != std::errc{} || at != end) {
    return fail(bad_text(column));
  }
  return std::to_string(number);
}

Result<std::string> enum_literal(const ScanKeyColumn& column, std::string_view text) {
  const auto& labels = *column.decoder.labels;
  const auto found = std::ranges::find(labels, text);
  if (found == labels.end() && !text.empty()) {
    return fail(bad_text(column));
  }
  return std::to_string(found == labels.end() ? 0 : found - labels.begin() + 1);
}

Result<std::string> set_literal(const ScanKeyColumn& column, std::string_view text) {
  const auto& labels = *column.decoder.labels;
  std::uint64_t members = 0;
  while (!text.empty()) {
    const auto label = text.substr(0, text.find(','));
    const auto found = std::ranges::find(labels, label);
    if (found == labels.end()) {
      return fail(bad_text(column));
    }
    members |= std::uint64_t{1} << static_cast<unsigned>(found - labels.begin());
    text.remove_prefix(std::min(text.size(), label.size() + 1));
  }
  return std::to_string(members);
}

std::string text_literal(const ScanKeyColumn& column, std::string_view text) {
  return fmt::format("CONVERT(_utf8mb4 x'{}' USING {}) COLLATE {}", hex(text), column.charset,
                     column.collation);
}

}  // namespace

std::string key_text(const Value& cell) {
  switch (cell.kind()) {
    case ValueKind::kInteger:
      return std::to_string(cell.integer());
    case ValueKind::kUnsigned:
      return std::to_string(cell.unsigned_integer());
    case ValueKind::kFloat32:
    case ValueKind::kFloat64:
      return real_text(cell.real());
    case ValueKind::kDate:
      return date_text(cell.integer());
    case ValueKind::kTimestamp:
    case ValueKind::kTimestampTz:
      return datetime_text(cell.integer());
    case ValueKind::kUuid: {
      std::string text;
      append_uuid_text(text, cell.bytes());
      return text;
    }
    case ValueKind::kBytes:
      return hex(cell.bytes());
    case ValueKind::kDecimal:
    case ValueKind::kText:
    case ValueKind::kJson:
    case ValueKind::kLiteral:
      return std::string(cell.bytes());
    case ValueKind::kAbsent:
    case ValueKind::kUnchanged:
    case ValueKind::kNull:
    case ValueKind::kBoolean:
    case ValueKind::kTime:
      break;
  }
  ROWTIDE_ASSERT(false);
  return {};
}

std::string key_expression(const ScanKeyColumn& column) {
  const std::string name = "t." + quote_identifier(column.name);
  const bool by_number =
      column.decoder.codec == Codec::kEnum || column.decoder.codec == Codec::kSet;
  return by_number ? fmt::format("CAST({} AS UNSIGNED)", name) : name;
}

Result<std::string> key_literal(const ScanKeyColumn& column, std::string_view text) {
  const auto quoted = [&] { return quote_literal(text); };
  switch (column.decoder.codec) {
    case Codec::kInt8:
    case Codec::kUint8:
    case Codec::kInt16:
    case Codec::kUint16:
    case Codec::kInt24:
    case Codec::kUint24:
    case Codec::kInt32:
    case Codec::kUint32:
    case Codec::kInt64:
    case Codec::kUint64:
    case Codec::kYear:
    case Codec::kDecimal:
      return is_number(text) ? Result<std::string>(std::string(text)) : fail(bad_text(column));
    case Codec::kFloat32:
    case Codec::kFloat64:
      if (!is_number(text)) {
        return fail(bad_text(column));
      }
      // Without an exponent it were a decimal.
      return std::string(text) + (text.find('e') == std::string_view::npos ? "e0" : "");
    case Codec::kDate:
    case Codec::kOldDatetime:
    case Codec::kDatetime:
    case Codec::kOldTimestamp:
    case Codec::kTimestamp:
      return quoted();
    case Codec::kOldTime:
    case Codec::kTime:
      return fmt::format("CAST({} AS TIME(6))", quoted());
    case Codec::kUuid:
      return fmt::format("CAST({} AS UUID)", quoted());
    case Codec::kInet4:
      return fmt::format("CAST({} AS INET4)", quoted());
    case Codec::kInet6:
      return fmt::format("CAST({} AS INET6)", quoted());
    case Codec::kBit:
      return bits_literal(column, text);
    case Codec::kEnum:
      return enum_literal(column, text);
    case Codec::kSet:
      return set_literal(column, text);
    case Codec::kText:
    case Codec::kCompressedText:
    case Codec::kJsonText:
      return text_literal(column, text);
    case Codec::kBytes:
    case Codec::kFixedBytes:
    case Codec::kCompressedBytes:
    case Codec::kVector:
      return fmt::format("x'{}'", text);
    case Codec::kJson:
      break;
  }
  return fail(bad_text(column));
}

Result<std::string> key_condition(std::span<const ScanKeyColumn> columns, KeySide side,
                                  const ScanKey& key) {
  ROWTIDE_ASSERT(!key.empty() && key.size() <= columns.size());
  const std::string_view strict = side == KeySide::kUpTo ? "<" : ">";
  const std::string_view last = side == KeySide::kUpTo ? "<=" : side == KeySide::kFrom ? ">=" : ">";
  std::string condition;
  for (std::size_t i = key.size(); i-- > 0;) {
    const std::string name = key_expression(columns[i]);
    ROWTIDE_TRY_ASSIGN(const std::string value, key_literal(columns[i], key[i]));
    if (condition.empty()) {
      condition = fmt::format("{} {} {}", name, last, value);
    } else {
      condition =
          fmt::format("({0} {1} {2} OR ({0} = {2} AND {3}))", name, strict, value, condition);
    }
    // Bounds the range, which the servers do not take from the condition above.
    if (i == 0 && key.size() > 1) {
      condition += fmt::format(" AND {} {}= {}", name, strict, value);
    }
  }
  return condition;
}

std::string scan_sql(const ScanQuery& query) {
  std::string sql =
      fmt::format("{}{} FROM {} AS t", kScanMark, fmt::join(query.outputs, ", "), query.table);
  if (!query.order.empty()) {
    sql += " FORCE INDEX (PRIMARY)";
  }
  std::string_view before = " WHERE (";
  for (const std::string& condition : query.conditions) {
    sql += before;
    sql += condition;
    // A condition of the operator's may end with a comment.
    sql += "\n)";
    before = " AND (";
  }
  if (!query.order.empty()) {
    sql += fmt::format(" ORDER BY {}", fmt::join(query.order, ", "));
  }
  if (query.limit_rows) {
    sql += fmt::format(" LIMIT {}", *query.limit_rows);
  }
  return sql;
}

Result<std::string> order_sql(std::span<const ScanKeyColumn> columns,
                              std::span<const ScanKey> keys) {
  std::string sql;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    sql += i == 0 ? "SELECT i FROM (SELECT " : " UNION ALL SELECT ";
    sql += fmt::format("{} AS i", i);
    for (std::size_t k = 0; k < columns.size(); ++k) {
      const bool given = k < keys[i].size();
      // A place without the last cells stands behind all that begin with the others.
      sql += fmt::format(", {} AS n{}", given ? 0 : 1, k);
      std::string value = "NULL";
      if (given) {
        ROWTIDE_TRY_ASSIGN(value, key_literal(columns[k], keys[i][k]));
      }
      sql += fmt::format(", {} AS k{}", value, k);
    }
  }
  sql += ") AS v ORDER BY ";
  for (std::size_t k = 0; k < columns.size(); ++k) {
    sql += fmt::format("n{0}, k{0}{1}, ", k,
                       columns[k].collation.empty() ? "" : " COLLATE " + columns[k].collation);
  }
  return sql + "i";
}

}  // namespace rowtide::mysql
