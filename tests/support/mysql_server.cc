#include "tests/support/mysql_server.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <mysql.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace rowtide::testing {
namespace {

Error broken(std::string message) {
  return fatal_error(Code::kInternal, std::move(message), "See tools/setup");
}

// Where the files of a flavour are.
struct Installation {
  std::filesystem::path base;  // empty where the server finds its files by itself
  std::filesystem::path program;
  std::string scripts;  // the beginning of their names; MySQL needs none
};

Installation installation(MysqlFlavour flavour) {
  if (flavour == MysqlFlavour::kMysql) {
    const char* configured = std::getenv("ROWTIDE_TEST_MYSQL");
    const std::filesystem::path base =
        configured == nullptr ? ROWTIDE_TEST_MYSQL_DIR : std::filesystem::absolute(configured);
    return {base, base / "bin" / "mysqld", {}};
  }
  const char* configured = std::getenv("ROWTIDE_TEST_MARIADB");
  if (configured == nullptr) {
    return {{}, "/usr/sbin/mariadbd", "/usr/share/mysql/mysql_"};
  }
  const auto base = std::filesystem::absolute(configured);
  return {base, base / "bin" / "mariadbd", (base / "share" / "mariadb" / "mariadb_").string()};
}

// The program and what it must be told first.
std::vector<std::string> command(const Installation& installed) {
  std::vector<std::string> arguments = {installed.program.string(), "--no-defaults"};
  if (!installed.base.empty()) {
    arguments.push_back("--basedir=" + installed.base.string());
  }
  return arguments;
}

// Free at the moment of asking, which is as good as it gets without handing over the socket.
int free_port() {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size_bytes = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  const bool bound = listener >= 0 && ::bind(listener, generic, sizeof(address)) == 0 &&
                     ::getsockname(listener, generic, &size_bytes) == 0;
  ::close(listener);
  return bound ? ntohs(address.sin_port) : 0;
}

std::string tail_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  constexpr std::size_t kShown = 3000;
  return text.size() > kShown ? text.substr(text.size() - kShown) : text;
}

// Whom a server runs as, since it refuses to run as root; null for whoever runs the test.
const passwd* server_user() {
  return ::geteuid() == 0 ? ::getpwnam("postgres") : nullptr;
}

// Starts a program in `directory`, with its output in the file `log` there; its end with ours.
pid_t launch(const std::vector<std::string>& arguments, const std::filesystem::path& directory,
             const std::string& input) {
  std::vector<char*> raw;
  for (const std::string& argument : arguments) {
    raw.push_back(const_cast<char*>(argument.c_str()));
  }
  raw.push_back(nullptr);
  const passwd* user = server_user();
  const pid_t child = ::fork();
  if (child != 0) {
    return child;
  }
  const int in = ::open(input.c_str(), O_RDONLY);
  const int log = ::open((directory / "log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
  ::dup2(in, STDIN_FILENO);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  if (user != nullptr && (::setgroups(0, nullptr) != 0 || ::setgid(user->pw_gid) != 0 ||
                          ::setuid(user->pw_uid) != 0)) {
    ::_exit(126);
  }
  ::setsid();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::chdir(directory.c_str()) == 0) {
    ::execv(raw[0], raw.data());
  }
  ::_exit(127);
}

struct ClientDeleter {
  void operator()(MYSQL* client) const noexcept { ::mysql_close(client); }
};
using Client = std::unique_ptr<MYSQL, ClientDeleter>;

Client connect_root(const std::string& socket) {
  Client client(::mysql_init(nullptr));
  const unsigned protocol = MYSQL_PROTOCOL_SOCKET;
  ::mysql_optionsv(client.get(), MYSQL_OPT_PROTOCOL, &protocol);
  ::mysql_optionsv(client.get(), MYSQL_SET_CHARSET_NAME, "utf8mb4");
  if (::mysql_real_connect(client.get(), nullptr, "root", "", nullptr, 0, socket.c_str(), 0) ==
      nullptr) {
    client.reset();
  }
  return client;
}

Result<std::string> run(MYSQL* client, const std::string& sql) {
  if (::mysql_real_query(client, sql.data(), sql.size()) != 0) {
    return fail(broken(fmt::format("{}: {}", sql.substr(0, 80), ::mysql_error(client))));
  }
  std::string cell;
  if (MYSQL_RES* rows = ::mysql_store_result(client); rows != nullptr) {
    if (const MYSQL_ROW row = ::mysql_fetch_row(rows); row != nullptr && row[0] != nullptr) {
      cell.assign(row[0], ::mysql_fetch_lengths(rows)[0]);
    }
    ::mysql_free_result(rows);
  }
  return cell;
}

}  // namespace

bool MysqlServer::installed(MysqlFlavour flavour) {
  std::error_code failed;
  return std::filesystem::exists(installation(flavour).program, failed);
}

std::map<std::string, std::string> MysqlServer::settings() const {
  std::map<std::string, std::string> all = {
      {"datadir", (directory_ / "data").string()},
      {"port", std::to_string(port_)},
      {"socket", socket()},
      {"pid_file", (directory_ / "pid").string()},
      {"tmpdir", directory_.string()},
      {"bind_address", "127.0.0.1"},
      {"log_bin", "binlog"},
      {"server_id", "1"},
      {"binlog_format", "ROW"},
      {"binlog_row_image", "FULL"},
      {"binlog_row_metadata", "FULL"},
      {"binlog_checksum", "CRC32"},
      {"sync_binlog", "0"},
      {"innodb_flush_log_at_trx_commit", "2"},
      {"innodb_buffer_pool_size", "64M"},
      {"max_allowed_packet", "256M"},
      {"character_set_server", "utf8mb4"},
      {"default_time_zone", "+00:00"},
  };
  if (options_.flavour == MysqlFlavour::kMysql) {
    all["gtid_mode"] = "ON";
    all["enforce_gtid_consistency"] = "ON";
    all["mysqlx"] = "OFF";
    all["secure_file_priv"] = "NULL";
  } else {
    all["gtid_strict_mode"] = "ON";
  }
  for (const auto& [key, value] : options_.settings) {
    all[key] = value;
  }
  std::erase_if(all, [](const auto& setting) { return setting.second.empty(); });
  return all;
}

Result<void> MysqlServer::bootstrap() const {
  const auto installed = installation(options_.flavour);
  auto arguments = command(installed);
  arguments.push_back("--datadir=" + (directory_ / "data").string());
  // Not the system's: MariaDB takes away the temporary tables that it finds when it starts.
  arguments.push_back("--tmpdir=" + directory_.string());
  std::string input = "/dev/null";
  if (options_.flavour == MysqlFlavour::kMysql) {
    arguments.emplace_back("--initialize-insecure");
  } else {
    input = directory_ / "bootstrap.sql";
    std::ofstream script(input);
    script << "CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket = NULL;\n";
    for (const char* part : {"system_tables", "performance_tables", "system_tables_data"}) {
      script << std::ifstream(installed.scripts + part + ".sql").rdbuf();
    }
    for (const char* option :
         {"--bootstrap", "--skip-log-bin", "--skip-grant-tables", "--enforce-storage-engine="}) {
      arguments.emplace_back(option);
    }
  }
  const pid_t child = launch(arguments, directory_, input);
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || status != 0) {
    return fail(broken(fmt::format("no system tables: {}", tail_of(directory_ / "log"))));
  }
  return {};
}

Result<void> MysqlServer::initialize() {
  const auto pattern = (std::filesystem::temp_directory_path() / "rowtide-my-XXXXXX").string();
  std::vector<char> name(pattern.begin(), pattern.end());
  name.push_back('\0');
  if (::mkdtemp(name.data()) == nullptr) {
    return fail(broken("no temporary directory"));
  }
  directory_ = name.data();
  std::filesystem::create_directory(directory_ / "data");
  if (::geteuid() == 0) {
    const passwd* user = server_user();
    if (user == nullptr || ::chown(directory_.c_str(), user->pw_uid, user->pw_gid) != 0 ||
        ::chown((directory_ / "data").c_str(), user->pw_uid, user->pw_gid) != 0) {
      return fail(broken("there is no user postgres to run a server as"));
    }
  }
  port_ = free_port();
  ROWTIDE_TRY(bootstrap());
  ROWTIDE_TRY(start_again());
  // Not in the binary log, which the tests find empty.
  const Client client = connect_root(socket());
  for (const char* sql : {"SET sql_log_bin = 0", "CREATE USER root@'%'",
                          "GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION"}) {
    ROWTIDE_TRY(run(client.get(), sql));
  }
  return {};
}

Result<std::unique_ptr<MysqlServer>> MysqlServer::start(const Options& options) {
  std::unique_ptr<MysqlServer> server(new MysqlServer(options));
  ROWTIDE_TRY(server->initialize());
  return server;
}

Result<void> MysqlServer::start_again() {
  auto arguments = command(installation(options_.flavour));
  for (const auto& [key, value] : settings()) {
    arguments.push_back(fmt::format("--{}={}", key, value));
  }
  std::error_code failed;
  std::filesystem::remove(socket(), failed);
  process_ = launch(arguments, directory_, "/dev/null");
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (connect_root(socket()) == nullptr) {
    int status = 0;
    if (process_ < 0 || ::waitpid(process_, &status, WNOHANG) == process_ ||
        std::chrono::steady_clock::now() > deadline) {
      return fail(broken("the server does not start: " + tail_of(directory_ / "log")));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return {};
}

Result<void> MysqlServer::stop(StopMode mode) {
  if (process_ < 0) {
    return {};
  }
  const pid_t process = std::exchange(process_, -1);
  ::kill(process, mode == StopMode::kFast ? SIGTERM : SIGKILL);
  int status = 0;
  if (::waitpid(process, &status, 0) != process) {
    return fail(broken("the server is gone already"));
  }
  return {};
}

MysqlServer::~MysqlServer() {
  ignore_error(stop(StopMode::kImmediate), "the directory goes away in any case");
  if (!directory_.empty()) {
    std::error_code failed;
    std::filesystem::remove_all(directory_, failed);
  }
}

std::string MysqlServer::url(const std::string& user, const std::string& password,
                             const std::string& database) const {
  return fmt::format("mysql://{}{}{}@127.0.0.1:{}/{}", user, password.empty() ? "" : ":", password,
                     port_, database);
}

Result<void> MysqlServer::execute(const std::string& sql) {
  ROWTIDE_TRY(value(sql));
  return {};
}

Result<std::string> MysqlServer::value(const std::string& sql) {
  const Client client = connect_root(socket());
  if (client == nullptr) {
    return fail(broken("the server does not answer: " + tail_of(directory_ / "log")));
  }
  return run(client.get(), sql);
}

std::string MysqlServer::log_end_statement() {
  const std::string renamed = "SHOW BINARY LOG STATUS";
  return execute(renamed) ? renamed : "SHOW MASTER STATUS";
}

}  // namespace rowtide::testing
