#include "sinks/duckdb/duckdb_query.h"

#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "sinks/duckdb/duckdb_dialect.h"

namespace rowtide::duckdb {
namespace {

constexpr int kAttachTries = 100;
constexpr auto kAttachPause = std::chrono::milliseconds(20);

Error prepare_error(duckdb_prepared_statement statement) {
  const char* message = duckdb_prepare_error(statement);
  return operator_error(
      Code::kSchema, std::string("DuckDB: ") + (message == nullptr ? "not a statement" : message),
      "Correct the statement");
}

std::string_view without_end(std::string_view sql) {
  while (!sql.empty() && (sql.back() == ';' || sql.back() == ' ' || sql.back() == '\n' ||
                          sql.back() == '\t' || sql.back() == '\r')) {
    sql.remove_suffix(1);
  }
  return sql;
}

// The statement's column names, once it is clear that it is one SELECT.
Result<std::vector<std::string>> inspect(duckdb_connection connection, const std::string& sql) {
  Extracted statements;
  const auto count = duckdb_extract_statements(connection, sql.c_str(), statements.out());
  if (count == 0) {
    const char* message = duckdb_extract_statements_error(statements.get());
    return fail(operator_error(
        Code::kSchema, std::string("DuckDB: ") + (message == nullptr ? "no statement" : message),
        "Correct the statement"));
  }
  Prepared prepared;
  if (count > 1 || duckdb_prepare_extracted_statement(connection, statements.get(), 0,
                                                      prepared.out()) != DuckDBSuccess) {
    return fail(count > 1 ? operator_error(Code::kUnsupported, "more than one statement",
                                           "Send one SELECT at a time")
                          : prepare_error(prepared.get()));
  }
  if (duckdb_prepared_statement_type(prepared.get()) != DUCKDB_STATEMENT_TYPE_SELECT) {
    return fail(operator_error(Code::kReadOnly, "only a SELECT can be run here",
                               "Open the file with another program to change it"));
  }
  std::vector<std::string> names;
  const auto columns = duckdb_prepared_statement_column_count(prepared.get());
  for (idx_t i = 0; i < columns; ++i) {
    const char* name = duckdb_prepared_statement_column_name(prepared.get(), i);
    names.emplace_back(name == nullptr ? "" : name);
    duckdb_free(const_cast<char*>(name));
  }
  return names;
}

void write_chunk(duckdb_data_chunk chunk, std::size_t columns, QueryOutput& out) {
  std::vector<std::optional<std::string>> cells(columns);
  const auto rows = duckdb_data_chunk_get_size(chunk);
  for (idx_t row = 0; row < rows; ++row) {
    for (idx_t column = 0; column < columns; ++column) {
      const auto vector = duckdb_data_chunk_get_vector(chunk, column);
      auto* validity = duckdb_vector_get_validity(vector);
      if (validity != nullptr && !duckdb_validity_row_is_valid(validity, row)) {
        cells[column].reset();
        continue;
      }
      auto& text = static_cast<duckdb_string_t*>(duckdb_vector_get_data(vector))[row];
      cells[column].emplace(duckdb_string_t_data(&text), duckdb_string_t_length(text));
    }
    out.row(cells);
  }
}

Result<void> select(duckdb_connection connection, std::string_view sql, QueryOutput& out) {
  ROWTIDE_TRY(execute(connection, "USE " + std::string(kCatalog)));
  ROWTIDE_TRY(execute(connection, "BEGIN TRANSACTION READ ONLY"));
  const std::string statement(without_end(sql));
  ROWTIDE_TRY_ASSIGN(const auto names, inspect(connection, statement));
  QueryResult result;
  const std::string as_text = "SELECT CAST(COLUMNS(*) AS VARCHAR) FROM (" + statement + "\n)";
  if (duckdb_query(connection, as_text.c_str(), result.get()) != DuckDBSuccess) {
    const char* message = duckdb_result_error(result.get());
    return fail(operator_error(Code::kSchema,
                               std::string("DuckDB: ") + (message == nullptr ? "failed" : message),
                               "Correct the statement"));
  }
  out.columns(names);
  while (const DataChunk chunk{duckdb_fetch_chunk(*result.get())}) {
    write_chunk(chunk.get(), names.size(), out);
  }
  return {};
}

}  // namespace

Result<void> run_query(DuckdbFile& file, std::string_view sql, QueryOutput& out) {
  ROWTIDE_TRY(file.start());
  bool attached = false;
  for (int i = 0; i < kAttachTries && !attached; ++i) {
    ROWTIDE_TRY_ASSIGN(attached, file.try_attach());
    if (!attached) {
      std::this_thread::sleep_for(kAttachPause);
    }
  }
  if (!attached) {
    return fail(retry_error(Code::kLocked, "another process has the database file open",
                            "Close the program that has it open"));
  }
  Result<void> outcome;
  if (auto connection = file.connect(); !connection) {
    outcome = fail(std::move(connection).error());
  } else {
    outcome = select(connection->get(), sql, out);
  }
  auto detached = file.detach();
  return outcome ? std::move(detached) : std::move(outcome);
}

}  // namespace rowtide::duckdb
