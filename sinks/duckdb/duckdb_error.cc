#include <string>
#include <string_view>

#include <fmt/format.h>

#include "sinks/duckdb/duckdb_handles.h"

namespace rowtide::duckdb {
namespace {

// The first line; the rest is an excerpt of the statement.
std::string first_line(const char* message) {
  std::string_view text = message == nullptr ? "unknown failure" : message;
  return std::string(text.substr(0, text.find('\n')));
}

}  // namespace

Error to_error(duckdb_error_type type, const char* message) {
  std::string text = "DuckDB: " + first_line(message);
  const auto has = [&](std::string_view part) { return text.find(part) != std::string::npos; };
  if (has("Could not set lock")) {
    return retry_error(Code::kLocked, std::move(text), "Close the program that has the file open");
  }
  if (has("No space left on device")) {
    return retry_error(Code::kDiskFull, std::move(text), "Free disk space");
  }
  if (has("Permission denied") || has("Read-only file system")) {
    return operator_error(Code::kPermission, std::move(text),
                          "Let the daemon's user read and write the file and its folder");
  }
  if (has("No such file or directory")) {
    return operator_error(Code::kNotFound, std::move(text), "Create the folder of the file");
  }
  if (has("not a valid DuckDB database file")) {
    return operator_error(Code::kCorrupt, std::move(text), "Point path to a DuckDB file");
  }
  if (has("could not allocate block") || has("Out of Memory")) {
    return operator_error(Code::kInternal, std::move(text), "Raise the sink's memory_limit");
  }
  switch (type) {
    case DUCKDB_ERROR_CONVERSION:
    case DUCKDB_ERROR_OUT_OF_RANGE:
    case DUCKDB_ERROR_INVALID_INPUT:
    case DUCKDB_ERROR_CONSTRAINT:
    case DUCKDB_ERROR_DECIMAL:
    case DUCKDB_ERROR_DIVIDE_BY_ZERO:
      // The library's words contain the value.
      return operator_error(
          Code::kData,
          fmt::format("DuckDB refused a value (error type {})", static_cast<int>(type)),
          "Compare the column types of the table with those of the source");
    case DUCKDB_ERROR_OUT_OF_MEMORY:
      return operator_error(Code::kInternal, std::move(text), "Raise the sink's memory_limit");
    case DUCKDB_ERROR_CATALOG:
    case DUCKDB_ERROR_BINDER:
    case DUCKDB_ERROR_PARSER:
    case DUCKDB_ERROR_SYNTAX:
    case DUCKDB_ERROR_DEPENDENCY:
      return operator_error(Code::kSchema, std::move(text),
                            "Correct the object that the message names, then resume");
    case DUCKDB_ERROR_PERMISSION:
      return operator_error(Code::kPermission, std::move(text),
                            "Only the tables of the database file can be read");
    case DUCKDB_ERROR_TRANSACTION:
      return retry_error(Code::kConflict, std::move(text));
    default:
      return retry_error(Code::kConnection, std::move(text));
  }
}

bool is_locked(const Error& error) {
  return error.code == Code::kLocked;
}

}  // namespace rowtide::duckdb
