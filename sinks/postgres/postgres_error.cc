#include "sinks/postgres/postgres_error.h"

#include <fmt/format.h>

namespace rowtide::postgres {
namespace {

void append_field(std::string& out, const PGresult* result, int field, std::string_view label) {
  if (const char* text = PQresultErrorField(result, field); text != nullptr) {
    out += fmt::format(", {} {}", label, text);
  }
}

// COPY says where it stood: 'COPY stage, line 3, column c2: "the value"'. Without the value.
void append_copy_place(std::string& out, const PGresult* result) {
  const char* context = PQresultErrorField(result, PG_DIAG_CONTEXT);
  if (context == nullptr) {
    return;
  }
  const std::string_view text = context;
  if (text.starts_with("COPY ")) {
    out += fmt::format(", in {}", text.substr(0, text.find(':')));
  }
}

const char* remedy_for(std::string_view state) {
  if (state.starts_with("23")) {
    return "Drop the constraint in the destination, or correct the rows that it protects, then "
           "resume";
  }
  // A date that is no day: which of the two it is depends on the column's type.
  if (state == "22007" || state == "22008") {
    return "If it is a date that no calendar has, as MySQL's 0000-00-00, set zero_dates: null for "
           "the source; else correct the value in the source or the column's type in the "
           "destination; then resume";
  }
  return "Correct the value in the source or the column's type in the destination, then resume";
}

}  // namespace

Error statement_error(PGconn* connection, const PGresult* result) {
  const std::string state = result == nullptr ? std::string() : sqlstate(result);
  const bool quotes_values = state.starts_with("22") || state.starts_with("23");
  if (!quotes_values) {
    return to_error(connection, result);
  }
  std::string message = fmt::format("the server refused a value [SQLSTATE {}]", state);
  append_field(message, result, PG_DIAG_TABLE_NAME, "table");
  append_field(message, result, PG_DIAG_COLUMN_NAME, "column");
  append_field(message, result, PG_DIAG_CONSTRAINT_NAME, "constraint");
  append_field(message, result, PG_DIAG_DATATYPE_NAME, "type");
  append_copy_place(message, result);
  return operator_error(Code::kData, std::move(message), remedy_for(state));
}

}  // namespace rowtide::postgres
