// MySQL and MariaDB by their binary log. Their server is told nothing of what is durable.

#include <algorithm>
#include <chrono>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sources/mysql/mysql_source.h"
#include "sources/mysql/sql_session.h"
#include "sources/mysql/stream_position.h"
#include "tests/contract/source_subjects.h"
#include "tests/support/mysql_server.h"

namespace rowtide::test {
namespace {

using mysql::MysqlSourceConfig;
using testing::MysqlFlavour;
using Server = testing::MysqlServer;

class MysqlSession final : public WriterSession {
 public:
  MysqlSession(const std::string& url, const std::string& database) {
    MysqlSourceConfig config;
    config.url = url;
    const auto options = mysql::connect_options(config);
    EXPECT_TRUE(options) << options.error().to_text();
    auto connected = mysql::SqlSession::connect(*options);
    EXPECT_TRUE(connected) << connected.error().to_text();
    if (connected) {
      session_ = std::move(*connected);
    }
    run("USE " + database);
  }

  void run(const std::string& sql) override {
    if (session_ != nullptr) {
      const auto done = session_->query(sql);
      EXPECT_TRUE(done) << sql.substr(0, 200) << ": " << done.error().to_text();
    }
  }
  bool message(const std::string& /*prefix*/, const std::string& /*content*/) override {
    return false;
  }

 private:
  std::unique_ptr<mysql::SqlSession> session_;
};

class MysqlSubject final : public SourceSubject {
 public:
  MysqlSubject(Server& server, std::string database)
      : server_(server), database_(std::move(database)) {
    select("CREATE DATABASE " + database_);
    for (const auto* table : {"orders", "items", "sentinels", "unwanted", "elsewhere"}) {
      select(
          fmt::format("CREATE TABLE {}.{} (id bigint PRIMARY KEY, note text)", database_, table));
    }
    usual_.url = server_.url("root", "", database_);
    usual_.heartbeat = std::chrono::seconds(1);
    // Here, so that a stream without a position begins at the same place each time.
    usual_.start = executed();
    for (const auto* table : {"orders", "items", "sentinels"}) {
      usual_.tables.push_back(database_ + "." + table);
    }
    other_ = usual_;
    other_.tables.push_back(database_ + ".unwanted");
    latest_ = usual_;
    latest_.start = "latest";
  }

  ~MysqlSubject() override {
    start_server();
    select("DROP DATABASE " + database_);
  }

  Result<std::unique_ptr<Source>> make(const Runtime& runtime, SpillStore& store,
                                       std::map<std::uint64_t, TableSchema> schemas,
                                       Variant variant) override {
    const auto& config = variant == Variant::kUsual   ? usual_
                         : variant == Variant::kOther ? other_
                                                      : latest_;
    return mysql::MysqlSource::create(config, database_, store, std::move(schemas), runtime);
  }
  std::unique_ptr<WriterSession> session() override {
    return std::make_unique<MysqlSession>(server_.url(), database_);
  }

  std::uint64_t log_end() override {
    const auto* kind = mariadb() ? "mariadb:" : "gtid:";
    const auto position = mysql::StreamPosition::parse(kind + executed());
    EXPECT_TRUE(position) << position.error().to_text();
    return position ? position->commit() : 0;
  }
  std::uint64_t confirmed() override { return 0; }
  std::uint64_t confirmed_by(const ResumePoint& point) override { return point.position.commit; }
  std::int64_t last_heard_us() override { return 0; }
  std::string connection() override {
    return select(
        "SELECT MAX(id) FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'");
  }
  void cut_off_after(std::chrono::milliseconds /*silence*/) override {}

  void kill_connection() override {
    const auto dump = connection();
    ASSERT_FALSE(dump.empty()) << "there is no stream to kill";
    select("KILL " + dump);
  }
  void crash_server() override { stop(Server::StopMode::kImmediate); }
  void shut_server_down() override { stop(Server::StopMode::kFast); }
  void start_server() override {
    if (running_) {
      return;
    }
    const auto started = server_.start_again();
    ASSERT_TRUE(started) << started.error().to_text();
    running_ = true;
  }

  // Files with rows that nobody has read are gone. Who begins anew begins with what is there.
  void lose_position() override {
    release();
    select(fmt::format("INSERT INTO {}.elsewhere VALUES (-1, 'never read')", database_));
    select("FLUSH BINARY LOGS");
    const auto newest = select(server_.log_end_statement());
    // A file that the engine still needs is kept, for a moment.
    wait_until([&] {
      select("PURGE BINARY LOGS TO '" + newest + "'");
      return select("SHOW BINARY LOGS") == newest;
    });
    usual_.start = "latest";
  }
  // A server that never had these transactions.
  void misuse_position() override {
    release();
    const std::string reset = "RESET BINARY LOGS AND GTIDS";
    if (!server_.execute(reset)) {
      select("RESET MASTER");
    }
  }
  void skip_position() override { FAIL() << "the server keeps no position for the source"; }

 private:
  bool mariadb() const { return server_.flavour() == MysqlFlavour::kMariaDb; }
  std::string select(const std::string& sql) {
    const auto cell = server_.value(sql);
    EXPECT_TRUE(cell) << cell.error().to_text();
    return cell ? *cell : std::string();
  }
  // All that was committed.
  std::string executed() {
    auto text =
        select(mariadb() ? "SELECT @@GLOBAL.gtid_binlog_pos" : "SELECT @@GLOBAL.gtid_executed");
    std::erase(text, '\n');
    return text;
  }
  template <class Condition>
  static void wait_until(const Condition& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!done() && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_TRUE(done());
  }
  // A server notices only when it sends that its reader has gone.
  void release() {
    wait_until([&] {
      const auto dump = connection();
      if (!dump.empty()) {
        ignore_error(server_.execute("KILL " + dump), "it may have ended meanwhile");
      }
      return dump.empty();
    });
  }
  void stop(Server::StopMode mode) {
    running_ = false;
    const auto stopped = server_.stop(mode);
    ASSERT_TRUE(stopped) << stopped.error().to_text();
  }

  Server& server_;
  const std::string database_;
  bool running_ = true;
  MysqlSourceConfig usual_;
  MysqlSourceConfig other_;
  MysqlSourceConfig latest_;
};

// One server of a flavour for all tests of the program, stopped at its end.
class SharedServer : public ::testing::Environment {
 public:
  explicit SharedServer(MysqlFlavour flavour) : flavour_(flavour) {}
  void TearDown() override { server_.reset(); }
  Server* get(std::string& why_not) {
    if (!Server::installed(flavour_)) {
      why_not = "not installed; run tools/setup test";
      return nullptr;
    }
    if (server_ == nullptr) {
      auto started = Server::start({.flavour = flavour_, .settings = {}});
      if (!started) {
        ADD_FAILURE() << started.error().to_text();
        return nullptr;
      }
      server_ = std::move(*started);
    }
    return server_.get();
  }

 private:
  const MysqlFlavour flavour_;
  std::unique_ptr<Server> server_;
};

template <MysqlFlavour Of>
SharedServer& shared_server() {
  static auto* const server =
      static_cast<SharedServer*>(::testing::AddGlobalTestEnvironment(new SharedServer(Of)));
  return *server;
}

SourceEntry entry_of(std::string name, SharedServer& (*shared)()) {
  return {.name = std::move(name),
          .server_is_told = false,
          .truncate_commits = true,
          .create = [shared](std::string& why_not) -> std::unique_ptr<SourceSubject> {
            static int counter = 0;
            auto* server = shared().get(why_not);
            if (server == nullptr) {
              return nullptr;
            }
            return std::make_unique<MysqlSubject>(*server, "contract_" + std::to_string(++counter));
          }};
}

}  // namespace

SourceEntry mariadb_entry() {
  return entry_of("mariadb", shared_server<MysqlFlavour::kMariaDb>);
}
SourceEntry mysql_entry() {
  return entry_of("mysql", shared_server<MysqlFlavour::kMysql>);
}

}  // namespace rowtide::test
