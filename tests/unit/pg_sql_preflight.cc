#include <algorithm>

#include <gtest/gtest.h>

#include "sources/postgres/preflight_parts.h"

// States of a server that a test cannot easily bring about are written down instead.

namespace rowtide::postgres {
namespace {

const Names kNames{"rowtide_shop", "rowtide_shop"};

TableInfo orders() {
  TableInfo table;
  table.relation_id = 20000;
  table.schema = "public";
  table.table = "orders";
  table.primary_key = {"id"};
  table.owned = true;
  table.readable = true;
  return table;
}

PreflightState sound(int version = 180004) {
  PreflightState state;
  state.server.version = version;
  state.server.version_text = std::to_string(version / 10000);
  state.server.database = "shop";
  state.server.role = "cdc";
  state.server.may_replicate = true;
  state.server.may_create_in_database = true;
  state.server.wal_level = "logical";
  state.server.max_replication_slots = 10;
  state.server.max_wal_senders = 10;
  state.server.wal_sender_timeout_ms = 60000;
  state.server.logical_decoding_work_mem_kib = 65536;
  state.all_tables = {orders()};
  state.selected = state.all_tables;
  return state;
}

SlotInfo sound_slot() {
  SlotInfo slot;
  slot.plugin = "pgoutput";
  slot.database = "shop";
  slot.wal_status = "reserved";
  slot.failover = true;
  return slot;
}

PublicationInfo sound_publication() {
  PublicationInfo publication;
  publication.owner = "cdc";
  publication.owned = true;
  publication.via_root = true;
  return publication;
}

Findings judge(const PreflightState& state, const PostgresSourceConfig& config = {}) {
  Findings findings;
  judge_server(state, config, kNames, findings);
  judge_tables(state, config, kNames, findings);
  judge_publication(state, config, kNames, findings);
  judge_slot(state, config, kNames, findings);
  return findings;
}

// The first finding that is not in order, as "subject: fix"; empty when all is in order.
std::string first_problem(const Findings& findings) {
  for (const Finding& finding : findings) {
    if (finding.severity != Finding::Severity::kOk) {
      return finding.subject + ": " + finding.fix;
    }
  }
  return {};
}

int errors(const Findings& findings) {
  return static_cast<int>(
      std::ranges::count(findings, Finding::Severity::kError, &Finding::severity));
}

TEST(Preflight, FindsNothingWrongWithASoundServer) {
  auto state = sound();
  EXPECT_EQ(first_problem(judge(state)), "");
  state.publication = PublicationInfo{
      .owner = "cdc", .owned = true, .via_root = true, .stored_generated_columns = true};
  state.slot = sound_slot();
  EXPECT_EQ(first_problem(judge(state)), "");
}

TEST(Preflight, GivesEveryProblemAFix) {
  auto state = sound(150013);
  state.server.wal_level = "replica";
  state.server.used_replication_slots = 10;
  state.server.used_wal_senders = 10;
  state.server.may_replicate = false;
  state.server.may_create_in_database = false;
  state.selected.front().readable = false;
  const Findings findings = judge(state);
  EXPECT_EQ(errors(findings), 5);
  for (const Finding& finding : findings) {
    EXPECT_EQ(finding.fix.empty(), finding.severity == Finding::Severity::kOk) << finding.message;
  }
}

TEST(Preflight, RefusesServersOutsideTheSupportedVersions) {
  EXPECT_EQ(errors(judge(sound(190000))), 1);
  Findings findings;
  judge_server(sound(120005), {}, kNames, findings);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings.front().severity, Finding::Severity::kError);
}

TEST(Preflight, WarnsOfMinorVersionsThatLoseChanges) {
  EXPECT_EQ(first_problem(judge(sound(170005))),
            "server version: Upgrade the server to 17.6 or later");
  EXPECT_EQ(first_problem(judge(sound(170006))), "");
  EXPECT_EQ(first_problem(judge(sound(130021))),
            "server version: Upgrade the server to 13.22 or later");
  EXPECT_EQ(first_problem(judge(sound(150014))), "");
}

TEST(Preflight, RefusesToPublishATableWithoutIdentity) {
  auto state = sound();
  state.selected.front().primary_key.clear();
  state.all_tables = state.selected;
  const Findings findings = judge(state);
  EXPECT_EQ(errors(findings), 1);
  EXPECT_TRUE(first_problem(findings).starts_with(
      "table public.orders: ALTER TABLE \"public\".\"orders\" REPLICA IDENTITY FULL;"));
}

TEST(Preflight, OnlyWarnsWhenTheTableIsPublishedAlready) {
  auto state = sound();
  state.selected.front().primary_key.clear();
  state.all_tables = state.selected;
  state.slot = sound_slot();
  state.publication = sound_publication();
  EXPECT_EQ(errors(judge(state)), 0);
  EXPECT_NE(first_problem(judge(state)), "");
  state.publication->updates = false;
  state.publication->deletes = false;
  EXPECT_EQ(first_problem(judge(state)),
            "publication rowtide_shop: ALTER PUBLICATION \"rowtide_shop\" SET (publish = 'insert, "
            "update, delete, truncate');");
}

TEST(Preflight, SeesThatADeferrableKeyIdentifiesNothing) {
  auto state = sound();
  state.all_tables.front().primary_key_deferrable = true;
  state.selected = state.all_tables;
  EXPECT_EQ(errors(judge(state)), 1);
}

TEST(Preflight, LooksAtThePartitionsOfAPartitionedTable) {
  auto state = sound();
  state.all_tables.front().partitioned = true;
  TableInfo leaf = orders();
  leaf.relation_id = 20001;
  leaf.table = "orders_2026";
  leaf.ancestors = {20000};
  leaf.identity = ReplicaIdentity::kNothing;
  state.all_tables.push_back(leaf);
  state.selected = {state.all_tables.front()};
  EXPECT_TRUE(first_problem(judge(state)).starts_with("table public.orders_2026"));
}

TEST(Preflight, KnowsTheTrapOfGeneratedColumnsOn18) {
  auto state = sound();
  state.slot = sound_slot();
  state.publication = sound_publication();
  state.selected.front().identity = ReplicaIdentity::kFull;
  state.selected.front().stored_generated_columns = {"total"};
  state.all_tables = state.selected;
  EXPECT_EQ(first_problem(judge(state)),
            "table public.orders: ALTER PUBLICATION \"rowtide_shop\" SET "
            "(publish_generated_columns = stored);");
  EXPECT_EQ(errors(judge(state)), 1);
  state.server.version = 170006;
  EXPECT_EQ(errors(judge(state)), 0);
}

TEST(Preflight, WantsTheKeyInTheColumnList) {
  auto state = sound();
  state.slot = sound_slot();
  state.publication = sound_publication();
  state.publication_tables = {{20000, {"note"}, false}};
  EXPECT_EQ(first_problem(judge(state)),
            "table public.orders: ALTER PUBLICATION \"rowtide_shop\" DROP TABLE "
            "\"public\".\"orders\"; ALTER PUBLICATION \"rowtide_shop\" ADD TABLE "
            "\"public\".\"orders\" (\"note\", \"id\");");
  state.publication_tables = {{20000, {"id", "note"}, false}};
  EXPECT_EQ(first_problem(judge(state)), "");
}

TEST(Preflight, SaysWhatMakesASlotUseless) {
  const auto problem = [](auto change) {
    auto state = sound();
    state.slot = sound_slot();
    change(*state.slot, state.server);
    const Findings findings = judge(state);
    EXPECT_EQ(errors(findings), 1);
    return first_problem(findings);
  };
  EXPECT_NE(problem([](SlotInfo& slot, ServerInfo&) {
              slot.wal_status = "lost";
            }).find("pg_drop_replication_slot('rowtide_shop')"),
            std::string::npos);
  problem([](SlotInfo& slot, ServerInfo&) { slot.invalidation_reason = "idle_timeout"; });
  problem([](SlotInfo& slot, ServerInfo&) { slot.plugin = "test_decoding"; });
  problem([](SlotInfo& slot, ServerInfo&) { slot.plugin = ""; });
  problem([](SlotInfo& slot, ServerInfo&) { slot.database = "other"; });
  problem([](SlotInfo& slot, ServerInfo&) { slot.temporary = true; });
}

TEST(Preflight, WarnsBeforeTheServerGivesTheSlotUp) {
  auto state = sound();
  state.slot = sound_slot();
  state.slot->retained_bytes = std::int64_t{900} << 20;
  state.server.max_slot_wal_keep_size_mib = 1000;
  state.slot->safe_wal_size_bytes = std::int64_t{500} << 20;
  EXPECT_EQ(first_problem(judge(state)), "");
  state.slot->safe_wal_size_bytes = std::int64_t{100} << 20;
  EXPECT_NE(first_problem(judge(state)), "");
  state.slot->wal_status = "unreserved";
  EXPECT_NE(first_problem(judge(state)), "");
}

TEST(Preflight, KnowsTheRulesOfStandbys) {
  auto state = sound(160010);
  state.server.in_recovery = true;
  state.server.hot_standby_feedback = true;
  state.publication = sound_publication();
  state.slot = sound_slot();
  EXPECT_EQ(first_problem(judge(state)), "");
  state.server.hot_standby_feedback = false;
  EXPECT_TRUE(first_problem(judge(state)).starts_with("hot_standby_feedback"));
  state.server.version = 150014;
  EXPECT_EQ(first_problem(judge(state)), "standby: Connect to the primary");
}

TEST(Preflight, NamesTheStatementThatTheConfigurationForbids) {
  auto state = sound();
  PostgresSourceConfig config;
  config.create = false;
  const Findings findings = judge(state, config);
  EXPECT_EQ(errors(findings), 2);
  EXPECT_EQ(first_problem(findings),
            "publication rowtide_shop: CREATE PUBLICATION \"rowtide_shop\" FOR TABLE "
            "\"public\".\"orders\" WITH (publish_via_partition_root = true, "
            "publish_generated_columns = stored);");
}

TEST(Preflight, SaysThatNoTableMatches) {
  auto state = sound();
  state.selected.clear();
  EXPECT_EQ(errors(judge(state)), 1);
}

}  // namespace
}  // namespace rowtide::postgres
