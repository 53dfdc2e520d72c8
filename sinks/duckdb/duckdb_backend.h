#pragma once

#include <string>

#include "engine/base/runtime.h"
#include "sinks/duckdb/duckdb_config.h"
#include "sinks/duckdb/duckdb_file.h"
#include "sinks/warehouse/sql_backend.h"

namespace rowtide::duckdb {

// The lane's session with the database file. `file` outlives it.
class DuckdbBackend final : public warehouse::SqlBackend {
 public:
  DuckdbBackend(DuckdbFile& file, DuckdbConfig::Lock lock, const Clock& clock)
      : file_(file), lock_(lock), clock_(clock) {}

  Result<void> open() override;
  Result<bool> acquire(Deadline until) override;
  Result<void> release() override;
  Result<warehouse::StatementResult> run(const std::string& sql) override;
  Result<void> load(const warehouse::Load& load) override;
  void close() noexcept override;

 private:
  DuckdbFile& file_;
  const DuckdbConfig::Lock lock_;
  const Clock& clock_;
  Connection connection_;
  bool attached_ = false;
};

}  // namespace rowtide::duckdb
