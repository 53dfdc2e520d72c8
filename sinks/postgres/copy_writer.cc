#include "sinks/postgres/copy_writer.h"

#include <algorithm>

#include "sinks/format/value_text.h"
#include "sinks/postgres/postgres_error.h"

namespace rowtide::postgres {
namespace {

constexpr std::size_t kSendBytes = std::size_t{1} << 20;
// libpq takes the size of one piece as an int.
constexpr std::size_t kMaxPieceBytes = std::size_t{1} << 28;

void append_escaped(std::string& out, std::string_view text) {
  std::size_t plain = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c != '\\' && c != '\n' && c != '\r' && c != '\t') [[likely]] {
      continue;
    }
    out.append(text, plain, i - plain);
    out.push_back('\\');
    out.push_back(c == '\n' ? 'n' : c == '\r' ? 'r' : c == '\t' ? 't' : '\\');
    plain = i + 1;
  }
  out.append(text, plain);
}

void append_cell(std::string& out, const Value& value) {
  switch (value.kind()) {
    case ValueKind::kAbsent:
    case ValueKind::kUnchanged:
    case ValueKind::kNull:
      out += "\\N";
      return;
    case ValueKind::kText:
    case ValueKind::kJson:
    case ValueKind::kLiteral:
      append_escaped(out, value.bytes());
      return;
    case ValueKind::kBytes:
      // The text form begins with a backslash, which COPY wants doubled.
      out.push_back('\\');
      break;
    default:
      break;
  }
  append_value_text(out, value);
}

Result<void> send(PGconn* connection, std::string& buffer) {
  for (std::size_t at = 0; at < buffer.size(); at += kMaxPieceBytes) {
    const auto size_bytes = std::min(kMaxPieceBytes, buffer.size() - at);
    if (PQputCopyData(connection, buffer.data() + at, static_cast<int>(size_bytes)) != 1) {
      return fail(statement_error(connection, nullptr));
    }
  }
  buffer.clear();
  return {};
}

}  // namespace

void append_copy_row(std::string& out, const Value* cells,
                     std::span<const warehouse::LoadColumn> columns) {
  bool first = true;
  for (const auto& column : columns) {
    if (!first) {
      out.push_back('\t');
    }
    first = false;
    append_cell(out, cells[column.cell]);
  }
  out.push_back('\n');
}

Result<void> send_copy(PGconn* connection, const warehouse::Load& load) {
  std::string buffer;
  for (const Value* row : load.rows) {
    append_copy_row(buffer, row, load.columns);
    if (buffer.size() >= kSendBytes) {
      ROWTIDE_TRY(send(connection, buffer));
    }
  }
  ROWTIDE_TRY(send(connection, buffer));
  if (PQputCopyEnd(connection, nullptr) != 1) {
    return fail(statement_error(connection, nullptr));
  }
  Result<void> outcome;
  while (PGresult* raw = PQgetResult(connection)) {
    const QueryResult result(raw);
    if (PQresultStatus(raw) != PGRES_COMMAND_OK && outcome) {
      outcome = fail(statement_error(connection, raw));
    }
  }
  return outcome;
}

}  // namespace rowtide::postgres
