#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include <sys/types.h>

#include "engine/base/error.h"

namespace rowtide::testing {

enum class MysqlFlavour : std::uint8_t { kMariaDb, kMysql };

// A MariaDB or MySQL server of this test alone: fresh data, a free port of 127.0.0.1 and a unix
// socket in a temporary directory, no password for the user root. It ends, and everything is
// removed, with the object. MariaDB is Debian's, or where ROWTIDE_TEST_MARIADB says; MySQL is where
// ROWTIDE_TEST_MYSQL says, by default build/deps/mysql-8.0. Run as root, the server runs as user
// postgres.
class MysqlServer {
 public:
  struct Options {
    MysqlFlavour flavour = MysqlFlavour::kMariaDb;
    // Server variables, on top of what a source wants (row format, full images and metadata,
    // GTIDs); an empty value takes one away.
    std::map<std::string, std::string> settings;
  };

  // Whether the programs of the flavour are installed; `tools/setup test` does.
  static bool installed(MysqlFlavour flavour);
  static Result<std::unique_ptr<MysqlServer>> start(const Options& options);
  ~MysqlServer();
  MysqlServer(const MysqlServer&) = delete;
  MysqlServer& operator=(const MysqlServer&) = delete;

  // mysql://user:password@127.0.0.1:port/database
  std::string url(const std::string& user = "root", const std::string& password = "",
                  const std::string& database = "") const;
  int port() const noexcept { return port_; }
  std::string socket() const { return (directory_ / "sock").string(); }
  const std::filesystem::path& directory() const noexcept { return directory_; }
  MysqlFlavour flavour() const noexcept { return options_.flavour; }

  // One statement as root; an error holds the server's words.
  Result<void> execute(const std::string& sql);
  // The first cell of the first row; empty when there is none.
  Result<std::string> value(const std::string& sql);
  // The statement that shows the file and offset of the end of the binary log, in this version's
  // words.
  std::string log_end_statement();

  // immediate is a crash. Both wait until the server is gone.
  enum class StopMode : std::uint8_t { kFast, kImmediate };
  Result<void> stop(StopMode mode);
  // Starts a stopped server on the same data; waits until it accepts connections.
  Result<void> start_again();

 private:
  explicit MysqlServer(Options options) : options_(std::move(options)) {}
  Result<void> initialize();
  Result<void> bootstrap() const;
  std::map<std::string, std::string> settings() const;

  Options options_;
  std::filesystem::path directory_;
  int port_ = 0;
  pid_t process_ = -1;
};

}  // namespace rowtide::testing
