#include <algorithm>

#include <gtest/gtest.h>

#include "engine/client/postgres_client.h"
#include "sources/postgres/catalog.h"
#include "sources/postgres/preflight.h"
#include "sources/postgres/provision.h"
#include "sources/postgres/replication_objects.h"
#include "sources/postgres/starter_config.h"
#include "sources/postgres/timeline.h"
#include "tests/support/postgres_server.h"

namespace rowtide::postgres {
namespace {

using rowtide::testing::PostgresServer;

constexpr const char* kSchema = R"sql(
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TYPE point3 AS (x int, y numeric(6,2), moods mood[]);
CREATE DOMAIN positive AS numeric(10,2) CHECK (VALUE > 0);
CREATE TABLE orders (id bigint PRIMARY KEY, note text);
CREATE TABLE lines (note text, line int, order_id bigint, PRIMARY KEY (order_id, line));
CREATE TABLE typed (id int PRIMARY KEY, m mood, ms mood[], p point3, d positive, ds positive[],
                    r int4range, pt point, total int GENERATED ALWAYS AS (id*2) STORED);
CREATE TABLE events (at date, n int, PRIMARY KEY (at, n)) PARTITION BY RANGE (at);
CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE SCHEMA odd;
CREATE TABLE odd.keyless (note text);
CREATE UNLOGGED TABLE odd.scratch (id int PRIMARY KEY);
CREATE TABLE odd."Strange.Name *" (id int PRIMARY KEY DEFERRABLE);
)sql";

// One server for all tests; each has a database of its own.
class PgSql : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto started = PostgresServer::start();
    ASSERT_TRUE(started) << started.error().to_text();
    server_ = std::move(*started).release();
  }
  static void TearDownTestSuite() {
    delete server_;
    server_ = nullptr;
  }

  void SetUp() override {
    ASSERT_NE(server_, nullptr);
    static int count = 0;
    database_ = "shop" + std::to_string(++count);
    auto admin = open("postgres");
    run(admin.get(), "CREATE DATABASE " + database_);
    connection_ = open(database_);
    run(connection_.get(), kSchema);
  }
  void TearDown() override {
    // Slots outlive their test otherwise and would use up the server's.
    run(connection_.get(),
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active");
  }

  static PgConn open(const std::string& database, const std::string& user = "postgres",
                     bool replication = false) {
    ConnectOptions options;
    options.url = server_->url(database, user);
    options.replication = replication;
    auto connected = connect(options);
    EXPECT_TRUE(connected) << connected.error().to_text();
    return connected ? std::move(*connected) : PgConn();
  }
  static QueryResult run(PGconn* connection, const std::string& sql) {
    auto done = query(connection, sql);
    EXPECT_TRUE(done) << sql << ": " << done.error().to_text();
    return done ? std::move(*done) : QueryResult(nullptr);
  }
  std::uint32_t type_of(const std::string& name) {
    return static_cast<std::uint32_t>(
        run(connection_.get(), "SELECT '" + name + "'::regtype::oid").integer(0, 0));
  }
  PGconn* db() { return connection_.get(); }

  static PostgresServer* server_;
  std::string database_;
  PgConn connection_;
  PostgresSourceConfig config_;
  Names names_{"rowtide_shop", "rowtide_shop"};
};

PostgresServer* PgSql::server_ = nullptr;

const TableInfo* find(const std::vector<TableInfo>& tables, const std::string& name) {
  const auto found = std::ranges::find(tables, name, &TableInfo::display_name);
  return found == tables.end() ? nullptr : &*found;
}

std::vector<std::string> names_of(const std::vector<TableInfo>& tables) {
  std::vector<std::string> names;
  for (const TableInfo& table : tables) {
    names.push_back(table.display_name());
  }
  return names;
}

int count(const Findings& findings, Finding::Severity severity) {
  return static_cast<int>(std::ranges::count(findings, severity, &Finding::severity));
}

TEST_F(PgSql, LoadsTypesDownToTheBuiltinOnes) {
  TypeCatalog catalog;
  const std::uint32_t moods = type_of("mood[]");
  const std::uint32_t point3 = type_of("point3");
  const std::uint32_t positives = type_of("positive[]");
  const std::uint32_t point3s = type_of("point3[]");
  ASSERT_TRUE(load_types(db(), std::vector{moods, positives, point3s}, catalog));
  ASSERT_NE(catalog.find(moods), nullptr);
  EXPECT_EQ(catalog.find(moods)->kind, TypeKind::kArray);
  EXPECT_EQ(catalog.find(catalog.find(moods)->element)->kind, TypeKind::kEnum);
  EXPECT_EQ(catalog.find(catalog.find(moods)->element)->name, "mood");
  const TypeInfo* composite = catalog.find(point3);
  ASSERT_NE(composite, nullptr);
  EXPECT_EQ(composite->kind, TypeKind::kComposite);
  ASSERT_EQ(composite->attributes.size(), 3U);
  EXPECT_EQ(composite->attributes[1].first, "y");
  EXPECT_EQ(composite->attributes[1].second, oid::kNumeric);
  EXPECT_EQ(composite->attributes[2].second, moods);
  const TypeInfo* domain = catalog.find(catalog.find(positives)->element);
  ASSERT_NE(domain, nullptr);
  EXPECT_EQ(domain->kind, TypeKind::kDomain);
  EXPECT_EQ(domain->element, oid::kNumeric);
  EXPECT_EQ(domain->domain_typmod, ((10 << 16) | 2) + 4);
}

TEST_F(PgSql, LoadsMultirangesWhereTheServerHasThem) {
  if (PQserverVersion(db()) < 140000) {
    GTEST_SKIP() << "multiranges came with 14";
  }
  run(db(), "CREATE TYPE span AS RANGE (subtype = numeric, multirange_type_name = spans)");
  TypeCatalog catalog;
  ASSERT_TRUE(load_types(db(), std::vector{type_of("spans")}, catalog));
  const TypeInfo* multirange = catalog.find(type_of("spans"));
  ASSERT_NE(multirange, nullptr);
  EXPECT_EQ(multirange->kind, TypeKind::kMultirange);
  ASSERT_NE(catalog.find(multirange->element), nullptr);
  EXPECT_EQ(catalog.find(multirange->element)->kind, TypeKind::kRange);
  EXPECT_EQ(catalog.find(multirange->element)->element, oid::kNumeric);
}

TEST_F(PgSql, LoadsTablesWithKeysAndIdentity) {
  run(db(), "ALTER TABLE orders REPLICA IDENTITY FULL");
  run(db(),
      "CREATE UNIQUE INDEX by_line ON lines (line, order_id);"
      "ALTER TABLE lines REPLICA IDENTITY USING INDEX by_line");
  const auto tables = load_tables(db());
  ASSERT_TRUE(tables) << tables.error().to_text();
  const TableInfo* orders = find(*tables, "public.orders");
  ASSERT_NE(orders, nullptr);
  EXPECT_EQ(orders->identity, ReplicaIdentity::kFull);
  EXPECT_TRUE(orders->owned);
  const TableInfo* lines = find(*tables, "public.lines");
  EXPECT_EQ(lines->primary_key, (std::vector<std::string>{"order_id", "line"}));
  EXPECT_EQ(lines->identity_index, (std::vector<std::string>{"line", "order_id"}));
  EXPECT_EQ(find(*tables, "public.typed")->stored_generated_columns,
            std::vector<std::string>{"total"});
  EXPECT_TRUE(find(*tables, "odd.scratch")->unlogged);
  EXPECT_FALSE(find(*tables, "odd.keyless")->has_identity());
  EXPECT_FALSE(find(*tables, "odd.Strange.Name *")->has_identity());
  EXPECT_TRUE(find(*tables, "public.events")->partitioned);
  EXPECT_EQ(find(*tables, "public.events_2025")->ancestors,
            std::vector<std::uint32_t>{find(*tables, "public.events")->relation_id});
  const auto key = load_primary_key(db(), lines->relation_id);
  ASSERT_TRUE(key);
  EXPECT_EQ(*key, (std::vector<std::string>{"order_id", "line"}));
  const auto above = partition_ancestors(db(), find(*tables, "public.events_2025")->relation_id);
  ASSERT_TRUE(above) << above.error().to_text();
  EXPECT_EQ(*above, (std::vector<std::pair<std::string, std::string>>{{"public", "events"}}));
}

TEST_F(PgSql, SelectsThePartitionedTableInsteadOfItsPartitions) {
  const auto tables = load_tables(db());
  ASSERT_TRUE(tables);
  const auto select = [&](std::vector<std::string> texts) {
    return names_of(select_tables(*tables, TablePatterns::parse(texts).value()));
  };
  EXPECT_EQ(select({"public.e*"}), std::vector<std::string>{"public.events"});
  EXPECT_EQ(select({"public.events_2025"}), std::vector<std::string>{"public.events_2025"});
  EXPECT_EQ(
      names_of(with_leaves(
          *tables,
          select_tables(*tables,
                        TablePatterns::parse(std::vector<std::string>{"public.events"}).value()))),
      (std::vector<std::string>{"public.events_2025", "public.events_2026"}));
}

TEST_F(PgSql, ProvisionsOnceAndFindsItAgain) {
  config_.tables = {"public.*"};
  const auto first = provision(db(), config_, names_, false);
  ASSERT_TRUE(first) << first.error().to_text();
  EXPECT_TRUE(first->publication_created);
  EXPECT_TRUE(first->slot_created);
  EXPECT_GT(first->start_lsn, 0U);
  const auto second = provision(db(), config_, names_, true);
  ASSERT_TRUE(second) << second.error().to_text();
  EXPECT_FALSE(second->publication_created);
  EXPECT_FALSE(second->slot_created);
  EXPECT_EQ(second->start_lsn, first->start_lsn);
  const auto published = published_tables(db(), names_.publication);
  ASSERT_TRUE(published);
  EXPECT_EQ(
      *published,
      (std::vector<PublishedTable>{
          {"public", "events"}, {"public", "lines"}, {"public", "orders"}, {"public", "typed"}}));
  for (const Finding& finding : preflight(db(), config_, names_)) {
    EXPECT_NE(finding.severity, Finding::Severity::kError) << finding.subject << finding.message;
  }
}

TEST_F(PgSql, AddsTablesThatTheConfigurationWantsLater) {
  config_.tables = {"public.orders"};
  ASSERT_TRUE(provision(db(), config_, names_, false));
  config_.tables = {"public.orders", "public.events"};
  std::vector<TableName> joined;
  const auto note = [&](std::span<const TableName> tables) -> Result<void> {
    EXPECT_EQ(published_tables(db(), names_.publication)->size(), 1U);
    joined.assign(tables.begin(), tables.end());
    return fail(retry_error(Code::kTimeout, "cannot be noted"));
  };
  EXPECT_FALSE(provision(db(), config_, names_, true, note));
  EXPECT_EQ(joined, (std::vector<TableName>{{"public", "events"}}));
  EXPECT_EQ(published_tables(db(), names_.publication)->size(), 1U);
  ASSERT_TRUE(provision(db(), config_, names_, true));
  EXPECT_EQ(published_tables(db(), names_.publication)->size(), 2U);
  config_.create = false;
  config_.tables = {"public.*"};
  const auto refused = provision(db(), config_, names_, true);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().remedy.find("ALTER PUBLICATION \"rowtide_shop\" ADD TABLE"),
            std::string::npos);
}

TEST_F(PgSql, PublishesAllTablesOnlyWhenEveryTableHasAnIdentity) {
  const auto refused = provision(db(), config_, names_, false);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kSchema);
  EXPECT_EQ(refused.error().disposition, Disposition::kOperator);
  run(db(), "DROP SCHEMA odd CASCADE");
  ASSERT_TRUE(provision(db(), config_, names_, false));
  const auto publication = load_publication(db(), names_.publication);
  ASSERT_TRUE(publication && *publication);
  EXPECT_TRUE((*publication)->all_tables);
  EXPECT_TRUE((*publication)->via_root);
}

TEST_F(PgSql, SaysThatTheSlotIsGoneInsteadOfMakingANewOne) {
  config_.tables = {"public.orders"};
  const auto lost = provision(db(), config_, names_, true);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, Code::kPositionLost);
  EXPECT_EQ(lost.error().disposition, Disposition::kOperator);
  EXPECT_FALSE(load_slot(db(), names_.slot)->has_value());
}

TEST_F(PgSql, RefusesASlotOfAnotherPluginOrDatabase) {
  config_.tables = {"public.orders"};
  run(db(), "SELECT pg_create_logical_replication_slot('rowtide_shop', 'test_decoding')");
  const auto plugin = provision(db(), config_, names_, false);
  ASSERT_FALSE(plugin);
  EXPECT_EQ(plugin.error().code, Code::kConflict);
  run(db(), "SELECT pg_drop_replication_slot('rowtide_shop')");
  auto other = open("postgres");
  run(other.get(), "SELECT pg_create_logical_replication_slot('rowtide_shop', 'pgoutput')");
  const auto database = provision(db(), config_, names_, false);
  ASSERT_FALSE(database);
  EXPECT_EQ(database.error().code, Code::kConflict);
  run(other.get(), "SELECT pg_drop_replication_slot('rowtide_shop')");
}

TEST_F(PgSql, TellsWhichTransactionTheSlotWaitsFor) {
  config_.tables = {"public.orders"};
  config_.slot_timeout = std::chrono::milliseconds(1000);
  auto busy = open(database_);
  run(busy.get(), "BEGIN");
  run(busy.get(), "INSERT INTO orders VALUES (1, 'x')");
  const auto waited = provision(db(), config_, names_, false);
  run(busy.get(), "ROLLBACK");
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().code, Code::kTimeout);
  EXPECT_EQ(waited.error().disposition, Disposition::kRetry);
  EXPECT_TRUE(provision(db(), config_, names_, false));
}

TEST_F(PgSql, ExplainsWhatAPoorRoleLacks) {
  run(db(), "DROP ROLE IF EXISTS poor; CREATE ROLE poor LOGIN");
  auto poor = open(database_, "poor");
  config_.tables = {"public.orders"};
  const Findings findings = preflight(poor.get(), config_, names_);
  EXPECT_EQ(count(findings, Finding::Severity::kError), 2);
  const auto has_fix = [&](const std::string& fix) {
    return std::ranges::any_of(findings, [&](const Finding& finding) {
      return finding.fix.find(fix) != std::string::npos;
    });
  };
  EXPECT_TRUE(has_fix("ALTER ROLE \"poor\" REPLICATION;"));
  EXPECT_TRUE(has_fix("GRANT CREATE ON DATABASE"));
  EXPECT_TRUE(has_fix("GRANT SELECT ON \"public\".\"orders\" TO \"poor\""));
}

TEST_F(PgSql, ReportsAPublicationThatLacksTablesAndActions) {
  config_.create = false;
  config_.tables = {"public.orders", "public.lines"};
  // Column lists came with 15.
  const std::string columns = PQserverVersion(db()) >= 150000 ? " (id)" : "";
  run(db(),
      "CREATE PUBLICATION rowtide_shop FOR TABLE orders" + columns + " WITH (publish = 'insert')");
  run(db(), "SELECT pg_create_logical_replication_slot('rowtide_shop', 'pgoutput')");
  const Findings findings = preflight(db(), config_, names_);
  EXPECT_EQ(count(findings, Finding::Severity::kError), 1);
  EXPECT_EQ(count(findings, Finding::Severity::kWarning), 1);
}

TEST_F(PgSql, WritesAStarterThatNamesTablesProblemsAndNoPassword) {
  const std::string url = server_->url(database_) + " password=hunter2";
  const auto text = starter_config(url);
  ASSERT_TRUE(text) << text.error().to_text();
  EXPECT_EQ(text->find("hunter2"), std::string::npos);
  EXPECT_NE(text->find("        - \"public.orders\"  # "), std::string::npos) << *text;
  EXPECT_NE(text->find("key (order_id, line)"), std::string::npos);
  EXPECT_NE(text->find("        # - \"odd.keyless\""), std::string::npos);
  EXPECT_NE(text->find("fix: ALTER TABLE \"odd\".\"keyless\" REPLICA IDENTITY FULL;"),
            std::string::npos);
  EXPECT_NE(text->find("password: ${env:"), std::string::npos);
  EXPECT_NE(text->find(R"(# - "odd.\"Strange.Name *\"")"), std::string::npos) << *text;
}

TEST_F(PgSql, IdentifiesTheServerOnAReplicationConnection) {
  auto replication = open(database_, "postgres", true);
  auto identity = identify_system(replication.get());
  ASSERT_TRUE(identity) << identity.error().to_text();
  EXPECT_EQ(identity->timeline, 1U);
  EXPECT_GT(identity->lsn, 0U);
  EXPECT_TRUE(verify_timeline(replication.get(), *identity));
  StreamIdentity ahead = *identity;
  ahead.lsn += std::uint64_t{1} << 40;
  const auto refused = verify_timeline(replication.get(), ahead);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kPositionLost);
}

}  // namespace
}  // namespace rowtide::postgres
