#include "sinks/duckdb/duckdb_backend.h"

#include <algorithm>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "sinks/duckdb/chunk_writer.h"
#include "sinks/duckdb/duckdb_dialect.h"

namespace rowtide::duckdb {
namespace {

// How often a file that somebody else has open is tried again.
constexpr auto kRetryPause = std::chrono::milliseconds(20);

Error appender_error(duckdb_appender appender) {
  const ErrorData data(duckdb_appender_error_data(appender));
  return to_error(duckdb_error_data_error_type(data.get()), duckdb_error_data_message(data.get()));
}

// Text of the small results that catalog and marker queries give.
void copy_rows(duckdb_result* result, warehouse::StatementResult& out) {
  const auto columns = duckdb_column_count(result);
  const auto rows = duckdb_row_count(result);
  for (idx_t row = 0; row < rows; ++row) {
    auto& cells = out.rows.emplace_back();
    for (idx_t column = 0; column < columns; ++column) {
      char* text = duckdb_value_varchar(result, column, row);
      cells.push_back(text == nullptr ? std::nullopt : std::optional<std::string>(text));
      duckdb_free(text);
    }
  }
}

// Appends rows to one table, a vector of each column at a time.
class ChunkLoader {
 public:
  Result<void> open(duckdb_connection connection, const warehouse::Load& load) {
    const std::string catalog(load.temporary ? std::string_view("temp") : kCatalog);
    const std::string schema(load.temporary ? std::string_view("main") : load.schema);
    const std::string table(load.table);
    if (duckdb_appender_create_ext(connection, catalog.c_str(), schema.c_str(), table.c_str(),
                                   appender_.out()) != DuckDBSuccess) {
      return fail(appender_error(appender_.get()));
    }
    for (const auto& column : load.columns) {
      if (duckdb_appender_add_column(appender_.get(), column.name.c_str()) != DuckDBSuccess) {
        return fail(appender_error(appender_.get()));
      }
    }
    std::vector<duckdb_logical_type> types;
    for (idx_t i = 0; i < load.columns.size(); ++i) {
      types_.emplace_back(duckdb_appender_column_type(appender_.get(), i));
      types.push_back(types_.back().get());
    }
    chunk_ = DataChunk(duckdb_create_data_chunk(types.data(), types.size()));
    return {};
  }

  Result<void> append(const warehouse::Load& load, std::span<const Value* const> rows) {
    duckdb_data_chunk_reset(chunk_.get());
    for (idx_t i = 0; i < load.columns.size(); ++i) {
      const auto& column = load.columns[i];
      if (auto written = write_vector(duckdb_data_chunk_get_vector(chunk_.get(), i),
                                      types_[i].get(), rows, column.cell);
          !written) {
        return fail(std::move(written).error().with_context(
            fmt::format("table {} column {}", load.source_table, column.source_name)));
      }
    }
    duckdb_data_chunk_set_size(chunk_.get(), rows.size());
    if (duckdb_append_data_chunk(appender_.get(), chunk_.get()) != DuckDBSuccess) {
      return fail(failed(load));
    }
    return {};
  }

  Result<void> finish(const warehouse::Load& load) {
    if (duckdb_appender_close(appender_.get()) != DuckDBSuccess) {
      return fail(failed(load));
    }
    return {};
  }

 private:
  Error failed(const warehouse::Load& load) const {
    return appender_error(appender_.get()).with_context(fmt::format("table {}", load.source_table));
  }

  Appender appender_;
  std::vector<LogicalTypeHandle> types_;
  DataChunk chunk_;
};

}  // namespace

Result<void> DuckdbBackend::open() {
  ROWTIDE_TRY(file_.start());
  ROWTIDE_TRY_ASSIGN(connection_, file_.connect());
  return {};
}

Result<bool> DuckdbBackend::acquire(Deadline until) {
  while (!attached_) {
    ROWTIDE_TRY_ASSIGN(attached_, file_.try_attach());
    if (!attached_) {
      const auto now = clock_.now();
      if (now >= until) {
        return false;
      }
      std::this_thread::sleep_for(std::min<MonotonicTime::duration>(kRetryPause, until - now));
    }
  }
  return true;
}

Result<void> DuckdbBackend::release() {
  if (lock_ == DuckdbConfig::Lock::kHold || !attached_) {
    return {};
  }
  attached_ = false;
  return file_.detach();
}

Result<warehouse::StatementResult> DuckdbBackend::run(const std::string& sql) {
  QueryResult result;
  if (duckdb_query(connection_.get(), sql.c_str(), result.get()) != DuckDBSuccess) {
    return fail(
        to_error(duckdb_result_error_type(result.get()), duckdb_result_error(result.get())));
  }
  warehouse::StatementResult out;
  if (duckdb_result_return_type(*result.get()) == DUCKDB_RESULT_TYPE_CHANGED_ROWS) {
    out.affected_rows = static_cast<std::int64_t>(duckdb_rows_changed(result.get()));
  } else if (duckdb_result_return_type(*result.get()) == DUCKDB_RESULT_TYPE_QUERY_RESULT) {
    copy_rows(result.get(), out);
  }
  return out;
}

Result<void> DuckdbBackend::load(const warehouse::Load& load) {
  ChunkLoader loader;
  ROWTIDE_TRY(loader.open(connection_.get(), load));
  const auto step = static_cast<std::size_t>(duckdb_vector_size());
  for (std::size_t at = 0; at < load.rows.size(); at += step) {
    ROWTIDE_TRY(loader.append(load, load.rows.subspan(at, std::min(step, load.rows.size() - at))));
  }
  return loader.finish(load);
}

void DuckdbBackend::close() noexcept {
  // Disconnecting rolls an open transaction back, which must come before the detach.
  connection_.reset();
  if (attached_) {
    attached_ = false;
    ignore_error(file_.detach(), "the next opening replays the log that a failed detach leaves");
  }
  file_.stop();
}

}  // namespace rowtide::duckdb
