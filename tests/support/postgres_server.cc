#include "tests/support/postgres_server.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <system_error>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace rowtide::testing {
namespace {

std::string program_directory() {
  const char* configured = std::getenv("ROWTIDE_TEST_POSTGRES_BIN");
  return configured == nullptr ? "/usr/lib/postgresql/15/bin" : configured;
}

Error server_error(std::string message) {
  return fatal_error(Code::kInternal, std::move(message), "See tools/setup");
}

// Free at the moment of asking, which is as good as it gets without handing over the socket.
int free_port() {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  if (listener < 0) {
    return 0;
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size_bytes = sizeof(address);
  int port = 0;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener, generic, sizeof(address)) == 0 &&
      ::getsockname(listener, generic, &size_bytes) == 0) {
    port = ntohs(address.sin_port);
  }
  ::close(listener);
  return port;
}

std::string tail_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  constexpr std::size_t kShown = 2000;
  return text.size() > kShown ? text.substr(text.size() - kShown) : text;
}

}  // namespace

Result<void> PostgresServer::run(const std::string& program, const std::string& arguments) const {
  const auto log = directory_ / "programs.log";
  const std::string user = ::geteuid() == 0 ? "runuser -u postgres -- " : "";
  const std::string command =
      fmt::format("cd {} && {}{}/{} {} >>{} 2>&1 </dev/null", directory_.string(), user,
                  programs_.string(), program, arguments, log.string());
  if (std::system(command.c_str()) != 0) {
    return fail(server_error(
        fmt::format("{} failed: {}{}", program, tail_of(log), tail_of(directory_ / "server.log"))));
  }
  return {};
}

Result<void> PostgresServer::initialize(const Options& options) {
  const auto pattern = (std::filesystem::temp_directory_path() / "rowtide-pg-XXXXXX").string();
  std::vector<char> name(pattern.begin(), pattern.end());
  name.push_back('\0');
  if (::mkdtemp(name.data()) == nullptr) {
    return fail(server_error("no temporary directory"));
  }
  directory_ = name.data();
  programs_ =
      options.programs.empty() ? std::filesystem::path(program_directory()) : options.programs;
  if (::geteuid() == 0) {
    const std::string command = "chown postgres " + directory_.string();
    if (std::system(command.c_str()) != 0) {
      return fail(server_error("there is no user postgres to run a server as"));
    }
  }
  if (options.primary == nullptr) {
    ROWTIDE_TRY(run("initdb", "-D data -U postgres -A trust -E UTF8 --no-locale --no-sync"));
  } else {
    ROWTIDE_TRY(run("pg_basebackup",
                    fmt::format("-h {} -p {} -U postgres -D data -R -c fast -N",
                                options.primary->directory().string(), options.primary->port())));
  }
  if (options.tcp) {
    port_ = free_port();
  }
  std::map<std::string, std::string> settings = {
      {"wal_level", "logical"},        {"fsync", "off"},
      {"shared_buffers", "16MB"},      {"max_connections", "50"},
      {"max_wal_senders", "10"},       {"max_replication_slots", "10"},
      {"autovacuum", "off"},           {"listen_addresses", options.tcp ? "127.0.0.1" : ""},
      {"port", std::to_string(port_)}, {"unix_socket_directories", directory_.string()},
  };
  for (const auto& [key, value] : options.settings) {
    settings[key] = value;
  }
  std::ofstream file(directory_ / "data" / "postgresql.conf", std::ios::app);
  for (const auto& [key, value] : settings) {
    file << key << " = '" << value << "'\n";
  }
  file.close();
  if (!file) {
    return fail(server_error("postgresql.conf cannot be written"));
  }
  return start_again();
}

Result<std::unique_ptr<PostgresServer>> PostgresServer::start(const Options& options) {
  std::unique_ptr<PostgresServer> server(new PostgresServer());
  ROWTIDE_TRY(server->initialize(options));
  return server;
}

Result<void> PostgresServer::start_again() {
  ROWTIDE_TRY(run("pg_ctl", "start -D data -w -t 60 -l server.log"));
  running_ = true;
  return {};
}

Result<void> PostgresServer::stop(StopMode mode) {
  running_ = false;
  return run("pg_ctl", mode == StopMode::kFast ? "stop -D data -w -t 60 -m fast"
                                               : "stop -D data -w -t 60 -m immediate");
}

PostgresServer::~PostgresServer() {
  if (running_) {
    ignore_error(stop(StopMode::kImmediate), "the directory goes away in any case");
  }
  if (!directory_.empty()) {
    std::error_code failed;
    std::filesystem::remove_all(directory_, failed);
  }
}

std::string PostgresServer::url(const std::string& database, const std::string& user) const {
  return fmt::format("host={} port={} dbname='{}' user='{}'", directory_.string(), port_, database,
                     user);
}

}  // namespace rowtide::testing
