#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "engine/base/error.h"

namespace rowtide::testing {

// A PostgreSQL server of this test alone: a fresh data directory, a unix socket in a temporary
// directory, no password for the superuser "postgres". It stops, and everything is removed, with
// the object. The programs come from ROWTIDE_TEST_POSTGRES_BIN, by default Debian's PostgreSQL 15.
// Run as root, the server runs as user postgres.
class PostgresServer {
 public:
  struct Options {
    // Lines of postgresql.conf; wal_level is logical unless it says otherwise.
    std::map<std::string, std::string> settings;
    // Also listens on 127.0.0.1 at a free port.
    bool tcp = false;
    // Where the server's programs are, in place of the ones above.
    std::filesystem::path programs;
    // Makes a physical standby of this server, which runs.
    const PostgresServer* primary = nullptr;
  };

  static Result<std::unique_ptr<PostgresServer>> start(const Options& options);
  static Result<std::unique_ptr<PostgresServer>> start() { return start(Options{}); }
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  // "host=... port=... dbname=... user=..."
  std::string url(const std::string& database = "postgres",
                  const std::string& user = "postgres") const;
  int port() const noexcept { return port_; }
  const std::filesystem::path& directory() const noexcept { return directory_; }

  // pg_ctl stop modes; immediate is a crash. Both wait until the server is gone.
  enum class StopMode { kFast, kImmediate };
  Result<void> stop(StopMode mode);
  // Starts a stopped server on the same data; waits until it accepts connections.
  Result<void> start_again();

 private:
  PostgresServer() = default;
  Result<void> initialize(const Options& options);
  // Runs one of the server's programs as the right user; output goes to a log in the directory.
  Result<void> run(const std::string& program, const std::string& arguments) const;

  std::filesystem::path directory_;
  std::filesystem::path programs_;
  int port_ = 5432;
  bool running_ = false;
};

}  // namespace rowtide::testing
