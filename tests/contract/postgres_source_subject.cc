// PostgreSQL by logical replication, on the default server and on version 18.

#include <cstdlib>
#include <filesystem>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/client/postgres_client.h"
#include "sources/postgres/postgres_source.h"
#include "tests/contract/source_subjects.h"
#include "tests/support/postgres_server.h"

namespace rowtide::test {
namespace {

using postgres::PostgresSourceConfig;
using Server = testing::PostgresServer;

constexpr std::uint64_t kWorkMemoryBytes = 65'536;  // the least that servers take

class PostgresSession final : public WriterSession {
 public:
  explicit PostgresSession(const std::string& url) {
    postgres::ConnectOptions options;
    options.url = url;
    options.application_name = "contract";
    auto connected = postgres::connect(options);
    EXPECT_TRUE(connected) << connected.error().to_text();
    if (connected) {
      connection_ = std::move(*connected);
    }
  }

  void run(const std::string& sql) override { select(sql); }
  bool message(const std::string& prefix, const std::string& content) override {
    run(fmt::format("SELECT pg_logical_emit_message(true, {}, {})", postgres::quote_literal(prefix),
                    postgres::quote_literal(content)));
    return true;
  }

  // The first cell; empty when there is none.
  std::string select(const std::string& sql) {
    if (connection_ == nullptr) {
      return {};
    }
    const auto done = postgres::query(connection_.get(), sql);
    EXPECT_TRUE(done) << sql.substr(0, 200) << ": " << done.error().to_text();
    return done && done->rows() > 0 ? std::string(done->text(0, 0)) : std::string();
  }

 private:
  postgres::PgConn connection_;
};

class PostgresSubject final : public SourceSubject {
 public:
  PostgresSubject(Server& server, std::string database, bool streamed)
      : server_(server), database_(std::move(database)) {
    usual_.url = server_.url(database_);
    usual_.tables = {"public.orders", "public.items", "public.sentinels"};
    usual_.streaming = streamed ? postgres::Choice::kOn : postgres::Choice::kOff;
    usual_.logical_decoding_work_mem_bytes = kWorkMemoryBytes;
    other_ = usual_;
    other_.tables.emplace_back("public.unwanted");
    other_.streaming = streamed ? postgres::Choice::kOff : postgres::Choice::kOn;
    other_.binary = postgres::Choice::kOff;
    names_ = postgres::effective_names(usual_, database_);

    select("CREATE DATABASE " + database_, "postgres");
    for (const auto* table : {"orders", "items", "sentinels", "unwanted", "elsewhere"}) {
      select(fmt::format("CREATE TABLE {} (id bigint PRIMARY KEY, note text)", table));
    }
    select(fmt::format("CREATE PUBLICATION {} FOR TABLE orders, items, sentinels, unwanted",
                       names_.publication));
  }

  ~PostgresSubject() override {
    start_server();
    drop_slot();
    select("DROP DATABASE " + database_ + " WITH (FORCE)", "postgres");
  }

  Result<std::unique_ptr<Source>> make(const Runtime& runtime, SpillStore& store,
                                       std::map<std::uint64_t, TableSchema> schemas,
                                       Variant variant) override {
    return postgres::PostgresSource::create(variant == Variant::kOther ? other_ : usual_, database_,
                                            store, std::move(schemas), runtime);
  }
  std::unique_ptr<WriterSession> session() override {
    return std::make_unique<PostgresSession>(server_.url(database_));
  }

  std::uint64_t log_end() override { return lsn(select("SELECT pg_current_wal_lsn()")); }
  std::uint64_t confirmed() override { return lsn(of_slot("confirmed_flush_lsn")); }
  std::uint64_t confirmed_by(const ResumePoint& point) override {
    const auto identity = postgres::parse_token(point.token);
    EXPECT_TRUE(identity) << identity.error().to_text();
    return identity ? identity->lsn : 0;
  }
  std::int64_t last_heard_us() override {
    return std::atoll(select("SELECT (extract(epoch FROM r.reply_time) * 1000000)::bigint FROM "
                             "pg_stat_replication r JOIN pg_replication_slots s ON s.active_pid = "
                             "r.pid WHERE s.slot_name = '" +
                             names_.slot + "'")
                          .c_str());
  }
  std::string connection() override { return of_slot("active_pid"); }
  void cut_off_after(std::chrono::milliseconds silence) override {
    select(
        fmt::format("ALTER DATABASE {} SET wal_sender_timeout = {}", database_, silence.count()));
  }

  void kill_connection() override {
    const auto walsender = connection();
    ASSERT_FALSE(walsender.empty()) << "there is no stream to kill";
    // Not waited for: it tells its client first, which has to read what is on its way before that.
    select("SELECT pg_terminate_backend(" + walsender + ")");
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

  void lose_position() override { drop_slot(); }
  void misuse_position() override {
    drop_slot();
    select("SELECT pg_create_physical_replication_slot('" + names_.slot + "')");
  }
  void skip_position() override {
    wait_for_release();
    select("SELECT pg_replication_slot_advance('" + names_.slot + "', pg_current_wal_lsn())");
  }

 private:
  std::string select(const std::string& sql) { return select(sql, database_); }
  std::string select(const std::string& sql, const std::string& database) {
    return PostgresSession(server_.url(database)).select(sql);
  }
  std::string of_slot(const std::string& column) {
    return select(fmt::format("SELECT {} FROM pg_replication_slots WHERE slot_name = '{}'", column,
                              names_.slot));
  }
  static std::uint64_t lsn(const std::string& text) {
    return postgres::parse_lsn(text).value_or(0);
  }

  // A walsender needs a moment to notice that its client has gone.
  void wait_for_release() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!connection().empty() && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_TRUE(connection().empty()) << "the slot is still in use";
  }
  void drop_slot() {
    wait_for_release();
    select(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = "
        "'" +
        names_.slot + "'");
  }
  void stop(Server::StopMode mode) {
    running_ = false;
    const auto stopped = server_.stop(mode);
    ASSERT_TRUE(stopped) << stopped.error().to_text();
  }

  Server& server_;
  const std::string database_;
  bool running_ = true;
  PostgresSourceConfig usual_;
  PostgresSourceConfig other_;
  postgres::Names names_;
};

// One server of a version for all tests of the program, stopped at its end.
class SharedServer : public ::testing::Environment {
 public:
  explicit SharedServer(std::filesystem::path programs) : programs_(std::move(programs)) {}
  void TearDown() override { server_.reset(); }
  Server* get(std::string& why_not) {
    if (!programs_.empty() && !std::filesystem::exists(programs_ / "postgres")) {
      why_not = "there is no server in " + programs_.string();
      return nullptr;
    }
    if (server_ == nullptr) {
      Server::Options options;
      options.programs = programs_;
      auto started = Server::start(options);
      if (!started) {
        why_not = started.error().to_text();
        return nullptr;
      }
      server_ = std::move(*started);
    }
    return server_.get();
  }

 private:
  const std::filesystem::path programs_;
  std::unique_ptr<Server> server_;
};

// Where tests/servers/fetch_postgres.sh puts it.
std::filesystem::path programs_of_18() {
  const char* configured = std::getenv("ROWTIDE_DEPS");
  return std::filesystem::path(configured == nullptr ? ROWTIDE_TEST_DEPS : configured) /
         "postgres-18" / "bin";
}

SharedServer& default_server() {
  static auto* const server =
      static_cast<SharedServer*>(::testing::AddGlobalTestEnvironment(new SharedServer({})));
  return *server;
}
SharedServer& server_18() {
  static auto* const server = static_cast<SharedServer*>(
      ::testing::AddGlobalTestEnvironment(new SharedServer(programs_of_18())));
  return *server;
}

SourceEntry entry_of(std::string name, SharedServer& (*shared)(), bool streamed) {
  return {.name = std::move(name),
          .sends_before_commit = streamed,
          .create = [shared, streamed](std::string& why_not) -> std::unique_ptr<SourceSubject> {
            static int counter = 0;
            auto* server = shared().get(why_not);
            if (server == nullptr) {
              return nullptr;
            }
            return std::make_unique<PostgresSubject>(
                *server, "contract_" + std::to_string(++counter), streamed);
          }};
}

}  // namespace

SourceEntry postgres_plain_entry() {
  return entry_of("postgres_plain", default_server, false);
}
SourceEntry postgres_streamed_entry() {
  return entry_of("postgres_streamed", default_server, true);
}
SourceEntry postgres_18_plain_entry() {
  return entry_of("postgres_18_plain", server_18, false);
}
SourceEntry postgres_18_streamed_entry() {
  return entry_of("postgres_18_streamed", server_18, true);
}

}  // namespace rowtide::test
