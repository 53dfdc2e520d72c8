#include "sinks/postgres/postgres_query.h"

#include <optional>
#include <string>
#include <vector>

#include "engine/client/postgres_client.h"
#include "sinks/postgres/postgres_backend.h"

namespace rowtide::postgres {
namespace {

constexpr std::string_view kQuerySettings =
    "-c default_transaction_read_only=on -c statement_timeout=60s";

void write_names(const QueryResult& result, QueryOutput& out) {
  std::vector<std::string> names;
  for (int i = 0; i < result.columns(); ++i) {
    names.push_back(result.column_name(i));
  }
  out.columns(names);
}

void write_rows(const QueryResult& result, QueryOutput& out) {
  const int columns = result.columns();
  std::vector<std::optional<std::string>> cells(static_cast<std::size_t>(columns));
  for (int row = 0; row < result.rows(); ++row) {
    for (int i = 0; i < columns; ++i) {
      cells[static_cast<std::size_t>(i)] = result.optional_text(row, i);
    }
    out.row(cells);
  }
}

}  // namespace

Result<void> run_read_only(const PostgresSinkConfig& config, std::string_view sql,
                           QueryOutput& out) {
  ROWTIDE_TRY_ASSIGN(const auto connection, connect(sink_connect_options(config, kQuerySettings)));
  // A transaction that has run a statement can no longer be made writable.
  ROWTIDE_TRY(query(connection.get(), "BEGIN READ ONLY; SELECT 1"));
  // A cursor takes a SELECT only, and with parameters the server takes one statement only.
  ROWTIDE_TRY(query(connection.get(),
                    "DECLARE rowtide_query NO SCROLL CURSOR FOR " + std::string(sql),
                    std::span<const std::optional<std::string>>()));
  for (bool first = true;; first = false) {
    ROWTIDE_TRY_ASSIGN(const auto rows, query(connection.get(), "FETCH 1000 FROM rowtide_query"));
    if (first) {
      write_names(rows, out);
    }
    if (rows.rows() == 0) {
      return {};
    }
    write_rows(rows, out);
  }
}

}  // namespace rowtide::postgres
