#include "sources/postgres/provision.h"

#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "engine/client/postgres_client.h"
#include "sources/postgres/catalog.h"
#include "sources/postgres/replication_objects.h"

namespace rowtide::postgres {
namespace {

// Nothing the server can do mends these, so retrying by itself would only hide them.
Error position_lost(const Names& names, std::string why) {
  return operator_error(
      Code::kPositionLost, fmt::format("slot {} {}", names.slot, why),
      fmt::format("Changes since the last delivered position cannot be read any more: drop the "
                  "slot with {}, forget the pipeline's position and load the tables again",
                  drop_slot_sql(names.slot)));
}

Result<void> check_slot(const ServerInfo& server, const SlotInfo& slot, const Names& names) {
  const std::string other_slot = "Set source.slot to another name";
  if (slot.plugin != "pgoutput") {
    return fail(operator_error(
        Code::kConflict,
        slot.plugin.empty()
            ? fmt::format("slot {} is a physical slot", names.slot)
            : fmt::format("slot {} uses the plugin {}, not pgoutput", names.slot, slot.plugin),
        other_slot + ", or drop it with " + drop_slot_sql(names.slot)));
  }
  if (slot.database != server.database) {
    return fail(operator_error(Code::kConflict,
                               fmt::format("slot {} belongs to database {}, not {}", names.slot,
                                           slot.database, server.database),
                               other_slot));
  }
  if (slot.lost()) {
    return fail(position_lost(
        names, fmt::format("was invalidated by the server ({})", slot.invalidation_reason.empty()
                                                                     ? slot.wal_status
                                                                     : slot.invalidation_reason)));
  }
  if (slot.synced && server.in_recovery) {
    return fail(operator_error(
        Code::kReadOnly,
        fmt::format("slot {} is being synchronized from the primary and cannot be read here",
                    names.slot),
        "Connect to the primary, or promote this server"));
  }
  return {};
}

Result<void> check_wal_level(const ServerInfo& server) {
  if (server.wal_level == "logical") {
    return {};
  }
  return fail(operator_error(
      Code::kUnsupported,
      fmt::format("wal_level is {}; logical decoding needs logical", server.wal_level),
      wal_level_fix(server)));
}

// Ends a statement that waits for other transactions. The setting is the session's, so it is put
// back whatever happens in between.
class StatementTimeout {
 public:
  StatementTimeout(PGconn* connection, std::chrono::milliseconds timeout)
      : connection_(connection) {
    ignore_error(query(connection_, fmt::format("SET statement_timeout = {}", timeout.count())),
                 "without it the statement only waits longer");
  }
  StatementTimeout(const StatementTimeout&) = delete;
  StatementTimeout& operator=(const StatementTimeout&) = delete;
  ~StatementTimeout() {
    ignore_error(query(connection_, "RESET statement_timeout"), "a broken connection shows next");
  }

 private:
  PGconn* connection_;
};

Error slot_wait_error(const ServerInfo& server, const PostgresSourceConfig& config,
                      const Names& names) {
  return retry_error(
      Code::kTimeout,
      fmt::format("creating slot {} waited {} s for transactions that are running", names.slot,
                  config.slot_timeout.count() / 1000),
      server.in_recovery
          ? "Run SELECT pg_log_standby_snapshot() on the primary"
          : "End the oldest ones: SELECT pid, xact_start, state FROM pg_stat_activity WHERE "
            "xact_start IS NOT NULL ORDER BY xact_start; and look at pg_prepared_xacts");
}

Result<std::uint64_t> create_slot(PGconn* connection, const ServerInfo& server,
                                  const PostgresSourceConfig& config, const Names& names) {
  const StatementTimeout timeout(connection, config.slot_timeout);
  auto created = query(connection, create_slot_sql(server, config, names.slot));
  if (!created) {
    Error error = std::move(created).error();
    if (error.message.find("[SQLSTATE 57014]") != std::string::npos) {
      return fail(slot_wait_error(server, config, names));
    }
    if (error.message.find("[SQLSTATE 53400]") != std::string::npos) {
      return fail(operator_error(
          Code::kConflict, std::move(error.message),
          fmt::format("Drop a slot that nobody uses (pg_replication_slots), or ALTER SYSTEM SET "
                      "max_replication_slots = {}; and restart the server",
                      server.max_replication_slots + 5)));
    }
    if (error.code == Code::kPermission) {
      error.remedy = fmt::format("ALTER ROLE {} REPLICATION", quote_identifier(server.role));
    }
    return fail(std::move(error).with_context("creating slot " + names.slot));
  }
  return parse_lsn(created->text(0, 0));
}

// Only tables that the statement would add count: an operator's own publication stays as it is.
Result<void> refuse_unidentified(const std::vector<TableInfo>& all,
                                 const std::vector<TableInfo>& added) {
  for (const TableInfo& table : with_leaves(all, added)) {
    if (table.publishable() && !table.has_identity()) {
      return fail(operator_error(
          Code::kSchema,
          fmt::format("table {} has no replica identity: publishing it would make UPDATE and "
                      "DELETE of it fail on the server",
                      table.display_name()),
          fmt::format("ALTER TABLE {} REPLICA IDENTITY FULL, or leave it out with tables: "
                      "[\"!{}\"], or create the publication yourself with publish = 'insert'",
                      table.sql_name(), table.display_name())));
    }
  }
  return {};
}

// How long writers of a table may queue up behind us.
constexpr std::chrono::milliseconds kLockTimeout(1'000);

// The one statement that is missing for the publication; empty when it is as it should be.
struct PublicationStep {
  std::string sql;
  bool creates = false;
  // The tables that are added to a publication that is there.
  std::vector<TableInfo> added;
  // The role owns all that it takes.
  bool owned = true;

  Error needs_owner() const {
    return operator_error(Code::kPermission, "the role may not publish every captured table",
                          "Run as the owner of the tables or a superuser: " + sql);
  }
};

Result<PublicationStep> next_publication_step(PGconn* connection, const ServerInfo& server,
                                              const PostgresSourceConfig& config,
                                              const Names& names) {
  ROWTIDE_TRY_ASSIGN(const auto patterns, TablePatterns::parse(config.tables));
  ROWTIDE_TRY_ASSIGN(const auto publication, load_publication(connection, names.publication));
  ROWTIDE_TRY_ASSIGN(const auto all, load_tables(connection));
  std::vector<TableInfo> wanted = select_tables(all, patterns);
  std::erase_if(wanted, [](const TableInfo& table) { return !table.publishable(); });
  if (!publication) {
    if (wanted.empty()) {
      return fail(operator_error(
          Code::kNotFound,
          fmt::format("no table of database {} matches {}", server.database, patterns.text()),
          "Correct source.tables, or create the tables first"));
    }
    ROWTIDE_TRY(refuse_unidentified(all, wanted));
    return PublicationStep{
        .sql = create_publication_sql(server, config, names.publication,
                                      wants_all_tables(server, patterns), wanted),
        .creates = true,
        .added = {},
        .owned = std::ranges::all_of(wanted, &TableInfo::owned)};
  }
  ROWTIDE_TRY_ASSIGN(auto missing, not_covered(connection, names.publication, wanted));
  if (missing.empty()) {
    return PublicationStep{};
  }
  ROWTIDE_TRY(refuse_unidentified(all, missing));
  const bool owned = publication->owned && std::ranges::all_of(missing, &TableInfo::owned);
  std::string sql = add_tables_sql(names.publication, missing);
  return PublicationStep{std::move(sql), false, std::move(missing), owned};
}

// Whether the step may be taken from here at all.
Result<void> check_step(const ServerInfo& server, const PostgresSourceConfig& config,
                        const Names& names, const PublicationStep& step) {
  if (!step.sql.empty() && (!config.create || server.in_recovery)) {
    return fail(operator_error(
        Code::kNotFound,
        fmt::format("publication {} {}", names.publication,
                    step.creates ? "does not exist" : "lacks captured tables"),
        (server.in_recovery ? "Run on the primary: " : "Run as the owner of the tables: ") +
            step.sql));
  }
  return {};
}

// A transaction that has written to a table before it was published, and commits afterwards, is
// neither in the stream nor in a snapshot that is taken meanwhile. So writers are waited for: what
// they wrote is committed, and whoever writes next is published.
std::string locked_sql(const PublicationStep& step) {
  std::string tables;
  for (const TableInfo& table : step.added) {
    tables += (tables.empty() ? "" : ", ") + table.sql_name();
  }
  return tables.empty() ? step.sql
                        : fmt::format(
                              "SET LOCAL lock_timeout = {}; LOCK TABLE {} IN SHARE ROW "
                              "EXCLUSIVE MODE; {}",
                              kLockTimeout.count(), tables, step.sql);
}

Result<bool> ensure_publication(PGconn* connection, const ServerInfo& server,
                                const PostgresSourceConfig& config, const Names& names,
                                const decltype(StreamStart::joining)& joining) {
  ROWTIDE_TRY_ASSIGN(const auto step, next_publication_step(connection, server, config, names));
  if (step.sql.empty()) {
    return false;
  }
  ROWTIDE_TRY(check_step(server, config, names, step));
  if (joining && !step.added.empty()) {
    std::vector<TableName> added;
    for (const TableInfo& table : step.added) {
      added.emplace_back(table.schema, table.table);
    }
    ROWTIDE_TRY(joining(added));
  }
  auto done = query(connection, locked_sql(step));
  if (!done) {
    Error error = std::move(done).error();
    if (error.message.find("[SQLSTATE 55P03]") != std::string::npos) {
      error = retry_error(
          Code::kTimeout,
          "a transaction that is running has written to a table that is to be added",
          "It is added once no such transaction is left: SELECT pid, xact_start, query FROM "
          "pg_stat_activity WHERE xact_start IS NOT NULL ORDER BY xact_start");
    }
    if (error.code == Code::kPermission) {
      error.remedy = step.needs_owner().remedy;
    }
    return fail(std::move(error).with_context("publication " + names.publication));
  }
  return step.creates;
}

}  // namespace

Result<void> check_publication(PGconn* connection, const PostgresSourceConfig& config,
                               const Names& names) {
  ROWTIDE_TRY_ASSIGN(const auto server, load_server(connection));
  ROWTIDE_TRY_ASSIGN(const auto step, next_publication_step(connection, server, config, names));
  ROWTIDE_TRY(check_step(server, config, names, step));
  if (!step.owned && !server.superuser) {
    return fail(step.needs_owner().with_context("publication " + names.publication));
  }
  return {};
}

Result<Provisioned> provision(PGconn* connection, const PostgresSourceConfig& config,
                              const Names& names, bool has_position,
                              const decltype(StreamStart::joining)& joining) {
  ROWTIDE_TRY_ASSIGN(const auto server, load_server(connection));
  ROWTIDE_TRY(check_wal_level(server));
  ROWTIDE_TRY_ASSIGN(const auto existing, load_slot(connection, names.slot));
  if (existing) {
    ROWTIDE_TRY(check_slot(server, *existing, names));
  } else if (has_position) {
    return fail(position_lost(names, "does not exist any more"));
  }
  Provisioned result;
  result.wal_sender_timeout = config.wal_sender_timeout.count() > 0
                                  ? config.wal_sender_timeout
                                  : std::chrono::milliseconds(server.wal_sender_timeout_ms);
  ROWTIDE_TRY_ASSIGN(result.publication_created,
                     ensure_publication(connection, server, config, names, joining));
  if (existing) {
    result.start_lsn = existing->confirmed_flush_lsn.value_or(0);
    result.two_phase = existing->two_phase;
    result.failover = existing->failover;
    return result;
  }
  if (!config.create) {
    return fail(operator_error(Code::kNotFound, fmt::format("slot {} does not exist", names.slot),
                               create_slot_sql(server, config, names.slot)));
  }
  ROWTIDE_TRY_ASSIGN(result.start_lsn, create_slot(connection, server, config, names));
  result.slot_created = true;
  result.two_phase = config.two_phase && server.major() >= 15;
  result.failover = wants_failover(server, config);
  return result;
}

}  // namespace rowtide::postgres
