#include "sinks/duckdb/duckdb_file.h"

#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "engine/base/assert.h"
#include "sinks/duckdb/duckdb_dialect.h"
#include "sinks/warehouse/sql_backend.h"

namespace rowtide::duckdb {
namespace {

// DuckDB's limit covers what its buffer manager counts. Measured on large loads it holds about an
// eighth more: catalog, string heaps in flight, freed memory that was not given back yet.
std::uint64_t counted_bytes(std::uint64_t configured_bytes) {
  return configured_bytes - configured_bytes / 8;
}

}  // namespace

using warehouse::literal;
using warehouse::quoted;

Result<void> execute(duckdb_connection connection, const std::string& sql) {
  QueryResult result;
  if (duckdb_query(connection, sql.c_str(), result.get()) != DuckDBSuccess) {
    return fail(
        to_error(duckdb_result_error_type(result.get()), duckdb_result_error(result.get())));
  }
  return {};
}

DuckdbFile::DuckdbFile(const DuckdbConfig& config)
    : config_(config), lock_(config.path + ".rowtide-lock") {}

Result<void> DuckdbFile::start() {
  const std::scoped_lock lock(mutex_);
  if (database_) {
    return {};
  }
  char* message = nullptr;
  if (duckdb_open_ext(":memory:", database_.out(), nullptr, &message) != DuckDBSuccess) {
    Error error = to_error(DUCKDB_ERROR_INVALID, message);
    duckdb_free(message);
    database_ = Database();
    return fail(std::move(error));
  }
  if (duckdb_connect(database_.get(), control_.out()) != DuckDBSuccess) {
    return fail(to_error(DUCKDB_ERROR_INVALID, "cannot connect"));
  }
  return configure();
}

Result<void> DuckdbFile::configure() {
  const std::string& path = config_.path;
  for (const auto& statement :
       {fmt::format("SET memory_limit = '{}B'", counted_bytes(config_.memory_limit_bytes)),
        std::string("SET allocator_flush_threshold = '16MiB'"),
        std::string("SET allocator_bulk_deallocation_flush_threshold = '64MiB'"),
        fmt::format("SET threads = {}", config_.threads),
        fmt::format("SET temp_directory = {}", literal(path + ".tmp")),
        std::string("SET preserve_insertion_order = false"),
        std::string("SET autoinstall_known_extensions = false"),
        std::string("SET autoload_known_extensions = false"),
        // Statements of operators reach this database and no other file.
        fmt::format("SET allowed_paths = [{}, {}, {}, {}]", literal(path), literal(path + ".wal"),
                    literal(path + ".wal.checkpoint"), literal(path + ".wal.recovery")),
        fmt::format("SET allowed_directories = [{}]", literal(path + ".tmp/")),
        std::string("SET enable_external_access = false"),
        std::string("SET lock_configuration = true")}) {
    ROWTIDE_TRY(execute(control_.get(), statement));
  }
  return {};
}

void DuckdbFile::stop() noexcept {
  const std::scoped_lock lock(mutex_);
  if (users_ > 0) {
    return;
  }
  control_.reset();
  database_.reset();
  lock_.release();
}

std::string DuckdbFile::attach_statement() const {
  std::string sql = fmt::format("ATTACH {} AS {} (ROW_GROUP_SIZE {}", literal(config_.path),
                                quoted(kCatalog), kRowGroupRows);
  std::error_code ignored;
  if (!std::filesystem::exists(config_.path, ignored)) {
    // An open transaction needs one block of memory per column that it adds rows to, and a commit
    // writes at least that. The usual 256 KiB are made for bulk loads: a commit over 200 tables of
    // 20 columns takes 1 GB and 30 times as long with them.
    sql += ", BLOCK_SIZE 16384";
  }
  return sql + ")";
}

Result<bool> DuckdbFile::try_attach() {
  const std::scoped_lock lock(mutex_);
  if (!database_) {
    return fail(retry_error(Code::kConnection, "the sink has not opened the database"));
  }
  if (users_ == 0) {
    ROWTIDE_TRY_ASSIGN(const bool locked, lock_.try_acquire());
    if (!locked) {
      return false;
    }
    if (auto attached = execute(control_.get(), attach_statement()); !attached) {
      lock_.release();
      if (is_locked(attached.error())) {
        return false;
      }
      return fail(std::move(attached).error().with_context(config_.path));
    }
  }
  ++users_;
  return true;
}

Result<void> DuckdbFile::detach() {
  const std::scoped_lock lock(mutex_);
  if (users_ == 0 || --users_ > 0) {
    return {};
  }
  auto detached = execute(control_.get(), "DETACH " + quoted(kCatalog));
  lock_.release();
  return detached;
}

Result<Connection> DuckdbFile::connect() {
  const std::scoped_lock lock(mutex_);
  Connection connection;
  if (!database_ || duckdb_connect(database_.get(), connection.out()) != DuckDBSuccess) {
    return fail(to_error(DUCKDB_ERROR_INVALID, "cannot connect"));
  }
  return connection;
}

}  // namespace rowtide::duckdb
