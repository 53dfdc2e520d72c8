#pragma once

#include <mutex>
#include <string>

#include <duckdb.h>

#include "engine/base/error.h"
#include "sinks/duckdb/duckdb_config.h"
#include "sinks/duckdb/duckdb_handles.h"
#include "sinks/duckdb/file_lock.h"

namespace rowtide::duckdb {

// An in-memory DuckDB to which the database file is attached while somebody uses it. The lane and
// queries of operators share the attachment; the last one to leave detaches, which writes the log
// back into the file and lets other processes open it.
//
// Thread safe. Usable from start() to stop().
class DuckdbFile {
 public:
  explicit DuckdbFile(const DuckdbConfig& config);

  // Starts the in-memory database. Does nothing when it runs.
  Result<void> start();
  // Ends it, unless somebody uses the file.
  void stop() noexcept;

  // Makes the file usable for one more user; false when another process or sink has it.
  Result<bool> try_attach();
  Result<void> detach();
  Result<Connection> connect();

 private:
  Result<void> configure();
  std::string attach_statement() const;

  const DuckdbConfig config_;
  std::mutex mutex_;
  Database database_;
  Connection control_;
  FileLock lock_;
  int users_ = 0;
};

// Runs a statement that gives no rows that matter.
Result<void> execute(duckdb_connection connection, const std::string& sql);

}  // namespace rowtide::duckdb
