#pragma once

#include "engine/client/postgres_client.h"
#include "sinks/postgres/postgres_config.h"
#include "sinks/warehouse/sql_backend.h"

namespace rowtide::postgres {

// How the sink's sessions connect; `settings` are more of libpq's "-c name=value".
ConnectOptions sink_connect_options(const PostgresSinkConfig& config, std::string_view settings);

// The lane's session with the server.
class PostgresBackend final : public warehouse::SqlBackend {
 public:
  explicit PostgresBackend(const PostgresSinkConfig& config) : config_(config) {}

  Result<void> open() override;
  Result<bool> acquire(Deadline /*until*/) override { return true; }
  Result<void> release() override { return {}; }
  Result<warehouse::StatementResult> run(const std::string& sql) override;
  Result<void> load(const warehouse::Load& load) override;
  void close() noexcept override { connection_.reset(); }

 private:
  const PostgresSinkConfig config_;
  PgConn connection_;
};

}  // namespace rowtide::postgres
