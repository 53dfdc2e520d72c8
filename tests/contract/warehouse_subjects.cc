// The sinks that keep tables, in both of their modes.

#include <algorithm>
#include <map>

#include <gtest/gtest.h>

#include "engine/client/postgres_client.h"
#include "sinks/duckdb/duckdb_sink.h"
#include "sinks/postgres/postgres_sink.h"
#include "sinks/warehouse/settings.h"
#include "tests/contract/sink_subjects.h"
#include "tests/support/postgres_server.h"
#include "tests/support/temp_dir.h"

namespace rowtide::test {
namespace {

using warehouse::Mode;
using Cell = std::optional<std::string>;

class Collect final : public QueryOutput {
 public:
  void columns(std::span<const std::string>) override {}
  void row(std::span<const Cell> cells) override { rows.emplace_back(cells.begin(), cells.end()); }
  std::vector<std::vector<Cell>> rows;
};

warehouse::Settings settings_of(Mode mode) {
  warehouse::Settings settings;
  settings.mode = mode;
  settings.flush_interval = std::chrono::milliseconds(1);
  return settings;
}

// Reads tables back through the query interface of a sink that is not open.
class WarehouseSubject : public SinkSubject {
 public:
  explicit WarehouseSubject(Mode mode) : mode_(mode) {}

  std::vector<std::string> read_back() override {
    std::map<std::string, std::string> lines;  // by what they are ordered by
    for (const auto& table : select("SELECT table_name FROM information_schema.tables WHERE "
                                    "table_schema = 'public' ORDER BY 1")) {
      read_table(table[0].value_or(""), lines);
    }
    std::vector<std::string> out;
    for (auto& [order, line] : lines) {
      out.push_back(std::move(line));
    }
    return out;
  }

 private:
  std::vector<std::vector<Cell>> select(const std::string& sql) {
    Failpoints failpoints;
    const SystemClock clock;
    auto sink = make(Runtime{clock, failpoints, Log::silent()});
    Collect out;
    const auto done = sink->queryable->query(sql, out);
    if (!done) {
      return {{"query failed: " + done.error().to_text()}};
    }
    return out.rows;
  }

  static bool is_key(const std::string& column) {
    return column == "id" || column == "order_id" || column == "line";
  }

  void read_table(const std::string& table, std::map<std::string, std::string>& lines) {
    std::vector<std::string> names;
    std::string cells;
    for (const auto& column :
         select("SELECT column_name, lower(data_type) FROM information_schema.columns WHERE "
                "table_schema = 'public' AND table_name = '" +
                table + "' ORDER BY ordinal_position")) {
      const std::string name = column[0].value_or("");
      if (name.starts_with('_')) {
        continue;
      }
      names.push_back(name);
      cells += column.size() > 1 && column[1] == "boolean"
                   ? ", CASE WHEN " + name + " THEN 't' WHEN NOT " + name + " THEN 'f' END"
                   : ", " + name;
    }
    const std::string head = mode_ == Mode::kHistory ? "_op, _position" : "'', ''";
    for (const auto& row : select("SELECT " + head + cells + " FROM public." + table)) {
      add_line(table, names, row, lines);
    }
  }

  void add_line(const std::string& table, const std::vector<std::string>& names,
                const std::vector<Cell>& row, std::map<std::string, std::string>& lines) {
    const std::string op = row[0].value_or("");
    if (op == "t") {
      return;
    }
    std::vector<std::pair<std::string, Cell>> cells;
    for (std::size_t i = 0; i < names.size() && i + 2 < row.size(); ++i) {
      if (op != "d" || is_key(names[i])) {
        cells.emplace_back(names[i], row[i + 2]);
      }
    }
    const std::string line = row_line("public." + table, cells);
    if (mode_ == Mode::kMirror) {
      // A row that is there twice must not hide behind itself.
      lines[line + std::to_string(lines.size())] = line;
    } else {
      const std::string position = row[1].value_or("");
      lines[position + std::to_string(lines.size())] = op + " " + position + " " + line;
    }
  }

  const Mode mode_;
};

class DuckdbSubject final : public WarehouseSubject {
 public:
  explicit DuckdbSubject(Mode mode) : WarehouseSubject(mode) {
    config_.path = dir_ / "warehouse.duckdb";
    config_.settings = settings_of(mode);
  }
  Result<SinkHandle> make(const Runtime& runtime) override {
    return duckdb::make_duckdb_sink(config_, runtime);
  }

 private:
  TempDir dir_;
  duckdb::DuckdbConfig config_;
};

// One server for all tests of the program, stopped at its end.
class SharedServer : public ::testing::Environment {
 public:
  void TearDown() override { server_.reset(); }
  testing::PostgresServer* get(std::string& why_not) {
    if (server_ == nullptr) {
      auto started = testing::PostgresServer::start();
      if (!started) {
        why_not = started.error().to_text();
        return nullptr;
      }
      server_ = std::move(*started);
    }
    return server_.get();
  }

 private:
  std::unique_ptr<testing::PostgresServer> server_;
};

SharedServer& shared_server() {
  static auto* const server =
      static_cast<SharedServer*>(::testing::AddGlobalTestEnvironment(new SharedServer));
  return *server;
}

class PostgresSubject final : public WarehouseSubject {
 public:
  PostgresSubject(Mode mode, testing::PostgresServer& server, std::string database)
      : WarehouseSubject(mode), server_(server), database_(std::move(database)) {
    run("CREATE DATABASE " + database_);
    config_.url = server_.url(database_);
    config_.settings = settings_of(mode);
  }
  ~PostgresSubject() override { run("DROP DATABASE " + database_ + " WITH (FORCE)"); }

  Result<SinkHandle> make(const Runtime& runtime) override {
    return postgres::make_postgres_sink(config_, runtime);
  }

 private:
  void run(const std::string& sql) {
    postgres::ConnectOptions options;
    options.url = server_.url();
    auto connection = postgres::connect(options);
    ASSERT_TRUE(connection) << connection.error().to_text();
    const auto done = postgres::query(connection->get(), sql);
    ASSERT_TRUE(done) << done.error().to_text();
  }

  testing::PostgresServer& server_;
  const std::string database_;
  postgres::PostgresSinkConfig config_;
};

SinkEntry duckdb_in(std::string name, Mode mode) {
  return {std::move(name), mode == Mode::kMirror ? Keeps::kRows : Keeps::kEvents, true,
          [mode](std::string&) { return std::make_unique<DuckdbSubject>(mode); }};
}

SinkEntry postgres_in(std::string name, Mode mode) {
  return {std::move(name), mode == Mode::kMirror ? Keeps::kRows : Keeps::kEvents, true,
          [mode](std::string& why_not) -> std::unique_ptr<SinkSubject> {
            static int counter = 0;
            auto* server = shared_server().get(why_not);
            if (server == nullptr) {
              return nullptr;
            }
            return std::make_unique<PostgresSubject>(mode, *server,
                                                     "contract_" + std::to_string(++counter));
          }};
}

}  // namespace

SinkEntry duckdb_mirror_entry() {
  return duckdb_in("duckdb_mirror", Mode::kMirror);
}
SinkEntry duckdb_history_entry() {
  return duckdb_in("duckdb_history", Mode::kHistory);
}
SinkEntry postgres_mirror_entry() {
  return postgres_in("postgres_mirror", Mode::kMirror);
}
SinkEntry postgres_history_entry() {
  return postgres_in("postgres_history", Mode::kHistory);
}

}  // namespace rowtide::test
