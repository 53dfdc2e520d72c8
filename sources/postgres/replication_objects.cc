#include "sources/postgres/replication_objects.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "engine/client/postgres_client.h"

namespace rowtide::postgres {
namespace {

using Parameters = std::array<std::optional<std::string>, 1>;

// Members of a cloud provider's replication role may replicate without the attribute.
constexpr const char* kServerSql = R"sql(
SELECT current_setting('server_version'), current_database(), current_user,
  r.rolsuper,
  r.rolsuper OR r.rolreplication OR EXISTS (
    SELECT 1 FROM pg_catalog.pg_roles cloud
    WHERE cloud.rolname IN ('rds_replication', 'rds_superuser', 'alloydbreplication')
      AND pg_catalog.pg_has_role(r.oid, cloud.oid, 'MEMBER')),
  pg_catalog.has_database_privilege(current_database(), 'CREATE'),
  pg_catalog.pg_is_in_recovery(),
  (SELECT count(*) FROM pg_catalog.pg_replication_slots),
  (SELECT count(*) FROM pg_catalog.pg_stat_replication)
FROM pg_catalog.pg_roles r WHERE r.rolname = current_user)sql";

constexpr const char* kSettingsSql = R"sql(
SELECT name, setting FROM pg_catalog.pg_settings WHERE name IN (
  'wal_level', 'max_replication_slots', 'max_wal_senders', 'wal_sender_timeout',
  'logical_decoding_work_mem', 'max_slot_wal_keep_size', 'idle_replication_slot_timeout',
  'hot_standby_feedback', 'synchronized_standby_slots'))sql";

constexpr const char* kNotCoveredSql = R"sql(
SELECT t.oid FROM pg_catalog.unnest($2::pg_catalog.oid[]) AS t(oid)
  JOIN pg_catalog.pg_publication p ON p.pubname = $1
WHERE NOT p.puballtables AND NOT EXISTS (
  SELECT 1 FROM (
    SELECT t.oid AS relid UNION ALL
    SELECT a.relid::pg_catalog.oid FROM pg_catalog.pg_partition_ancestors(t.oid) AS a(relid)) up
  WHERE EXISTS (SELECT 1 FROM pg_catalog.pg_publication_rel pr
                WHERE pr.prpubid = p.oid AND pr.prrelid = up.relid)))sql";

constexpr const char* kSchemaCoveredSql = R"sql(
  AND NOT EXISTS (
    SELECT 1 FROM pg_catalog.pg_publication_namespace pn
      JOIN pg_catalog.pg_class c ON c.relnamespace = pn.pnnspid
    WHERE pn.pnpubid = p.oid AND c.oid = t.oid))sql";

void set_number(std::int64_t& out, const QueryResult& rows, int row) {
  out = rows.integer(row, 1);
}

void apply_setting(ServerInfo& server, const QueryResult& rows, int row) {
  const std::string_view name = rows.text(row, 0);
  if (name == "wal_level") {
    server.wal_level = rows.text(row, 1);
  } else if (name == "max_replication_slots") {
    set_number(server.max_replication_slots, rows, row);
  } else if (name == "max_wal_senders") {
    set_number(server.max_wal_senders, rows, row);
  } else if (name == "wal_sender_timeout") {
    set_number(server.wal_sender_timeout_ms, rows, row);
  } else if (name == "logical_decoding_work_mem") {
    set_number(server.logical_decoding_work_mem_kib, rows, row);
  } else if (name == "max_slot_wal_keep_size") {
    set_number(server.max_slot_wal_keep_size_mib, rows, row);
  } else if (name == "idle_replication_slot_timeout") {
    set_number(server.idle_slot_timeout_seconds, rows, row);
  } else if (name == "hot_standby_feedback") {
    server.hot_standby_feedback = rows.text(row, 1) == "on";
  } else if (name == "synchronized_standby_slots") {
    server.synchronized_standby_slots = rows.text(row, 1);
  }
}

std::optional<std::uint64_t> optional_lsn(const QueryResult& rows, int row, int column) {
  if (rows.is_null(row, column)) {
    return std::nullopt;
  }
  const auto lsn = parse_lsn(rows.text(row, column));
  return lsn ? std::optional(*lsn) : std::nullopt;
}

std::optional<std::int64_t> optional_integer(const QueryResult& rows, int row, int column) {
  return rows.is_null(row, column) ? std::nullopt : std::optional(rows.integer(row, column));
}

// The columns of pg_replication_slots grew with every version; older servers get constants.
std::string slot_sql(int version) {
  const auto since = [&](int major, const char* column, const char* constant) {
    return version >= major * 10000 ? std::string(column) : std::string(constant);
  };
  // On 16 `conflicting` is also true for plain removal of WAL; from 17 on the reason is told.
  const std::string reason = version >= 170000 ? "s.invalidation_reason"
                             : version >= 160000
                                 ? "CASE WHEN s.conflicting THEN 'conflicting with recovery' END"
                                 : "NULL";
  return "SELECT s.plugin, s.database, s.temporary, s.active, s.active_pid,\n"
         "  (SELECT concat_ws(' ', a.application_name, a.client_addr)\n"
         "   FROM pg_catalog.pg_stat_activity a WHERE a.pid = s.active_pid),\n"
         "  s.restart_lsn, s.confirmed_flush_lsn, s.wal_status, s.safe_wal_size,\n"
         "  pg_catalog.pg_wal_lsn_diff(CASE WHEN pg_catalog.pg_is_in_recovery()\n"
         "    THEN pg_catalog.pg_last_wal_receive_lsn()\n"
         "    ELSE pg_catalog.pg_current_wal_lsn() END, s.restart_lsn)::pg_catalog.int8,\n  " +
         since(14, "s.two_phase", "false") + ", " + since(17, "s.failover", "false") + ", " +
         since(17, "s.synced", "false") + ", " + reason +
         "\nFROM pg_catalog.pg_replication_slots s WHERE s.slot_name = $1";
}

std::string table_list(std::span<const TableInfo> tables) {
  std::string list;
  for (const TableInfo& table : tables) {
    list += (list.empty() ? "" : ", ") + table.sql_name();
  }
  return list;
}

}  // namespace

Result<ServerInfo> load_server(PGconn* connection) {
  ServerInfo server;
  server.version = PQserverVersion(connection);
  ROWTIDE_TRY_ASSIGN(const auto rows, query(connection, kServerSql));
  if (rows.rows() != 1) {
    return fail(operator_error(Code::kPermission, "the session's role is not in pg_roles",
                               "Connect as an existing role"));
  }
  server.version_text = rows.text(0, 0);
  server.database = rows.text(0, 1);
  server.role = rows.text(0, 2);
  server.superuser = rows.boolean(0, 3);
  server.may_replicate = rows.boolean(0, 4);
  server.may_create_in_database = rows.boolean(0, 5);
  server.in_recovery = rows.boolean(0, 6);
  server.used_replication_slots = rows.integer(0, 7);
  server.used_wal_senders = rows.integer(0, 8);
  ROWTIDE_TRY_ASSIGN(const auto settings, query(connection, kSettingsSql));
  for (int row = 0; row < settings.rows(); ++row) {
    apply_setting(server, settings, row);
  }
  return server;
}

Result<std::optional<PublicationInfo>> load_publication(PGconn* connection, std::string_view name) {
  const std::string generated =
      PQserverVersion(connection) >= 180000 ? "p.pubgencols = 's'" : "false";
  const Parameters parameters{std::string(name)};
  ROWTIDE_TRY_ASSIGN(
      const auto rows,
      query(connection,
            "SELECT pg_catalog.pg_get_userbyid(p.pubowner),\n"
            "  pg_catalog.pg_has_role(p.pubowner, 'USAGE'), p.puballtables, p.pubinsert,\n"
            "  p.pubupdate, p.pubdelete, p.pubtruncate, p.pubviaroot, " +
                generated + "\nFROM pg_catalog.pg_publication p WHERE p.pubname = $1",
            parameters));
  if (rows.rows() == 0) {
    return std::optional<PublicationInfo>();
  }
  PublicationInfo publication;
  publication.owner = rows.text(0, 0);
  publication.owned = rows.boolean(0, 1);
  publication.all_tables = rows.boolean(0, 2);
  publication.inserts = rows.boolean(0, 3);
  publication.updates = rows.boolean(0, 4);
  publication.deletes = rows.boolean(0, 5);
  publication.truncates = rows.boolean(0, 6);
  publication.via_root = rows.boolean(0, 7);
  publication.stored_generated_columns = rows.boolean(0, 8);
  return std::optional(std::move(publication));
}

Result<std::vector<PublicationTable>> load_publication_tables(PGconn* connection,
                                                              std::string_view name) {
  // Column lists and row filters came with 15.
  const bool narrowed = PQserverVersion(connection) >= 150000;
  const std::string columns = narrowed ? "a.attname, pr.prqual IS NOT NULL" : "NULL, false";
  const std::string join =
      narrowed ? "LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = pr.prrelid AND "
                 "a.attnum = ANY (pr.prattrs::pg_catalog.int2[])\n"
               : "";
  const Parameters parameters{std::string(name)};
  ROWTIDE_TRY_ASSIGN(const auto rows,
                     query(connection,
                           "SELECT pr.prrelid, " + columns +
                               "\nFROM pg_catalog.pg_publication_rel pr\n"
                               "  JOIN pg_catalog.pg_publication p ON p.oid = pr.prpubid\n" +
                               join + "WHERE p.pubname = $1 ORDER BY 1, 2",
                           parameters));
  std::vector<PublicationTable> tables;
  for (int row = 0; row < rows.rows(); ++row) {
    const auto relation = static_cast<std::uint32_t>(rows.integer(row, 0));
    if (tables.empty() || tables.back().relation_id != relation) {
      tables.push_back({relation, {}, rows.boolean(row, 2)});
    }
    if (!rows.is_null(row, 1)) {
      tables.back().columns.emplace_back(rows.text(row, 1));
    }
  }
  return tables;
}

Result<std::vector<TableInfo>> not_covered(PGconn* connection, std::string_view publication,
                                           const std::vector<TableInfo>& tables) {
  std::vector<std::uint32_t> oids;
  for (const TableInfo& table : tables) {
    if (table.publishable()) {
      oids.push_back(table.relation_id);
    }
  }
  std::string sql = kNotCoveredSql;
  if (PQserverVersion(connection) >= 150000) {
    sql += kSchemaCoveredSql;
  }
  const std::array<std::optional<std::string>, 2> parameters{std::string(publication),
                                                             oid_array(oids)};
  ROWTIDE_TRY_ASSIGN(const auto rows, query(connection, sql, parameters));
  std::vector<std::uint32_t> missing_ids;
  for (int row = 0; row < rows.rows(); ++row) {
    missing_ids.push_back(static_cast<std::uint32_t>(rows.integer(row, 0)));
  }
  std::vector<TableInfo> missing;
  for (const TableInfo& table : tables) {
    if (std::ranges::find(missing_ids, table.relation_id) != missing_ids.end()) {
      missing.push_back(table);
    }
  }
  return missing;
}

Result<std::optional<SlotInfo>> load_slot(PGconn* connection, std::string_view name) {
  const Parameters parameters{std::string(name)};
  ROWTIDE_TRY_ASSIGN(const auto rows,
                     query(connection, slot_sql(PQserverVersion(connection)), parameters));
  if (rows.rows() == 0) {
    return std::optional<SlotInfo>();
  }
  SlotInfo slot;
  slot.plugin = rows.text(0, 0);
  slot.database = rows.text(0, 1);
  slot.temporary = rows.boolean(0, 2);
  slot.active = rows.boolean(0, 3);
  slot.active_pid = rows.integer(0, 4);
  slot.active_by = rows.text(0, 5);
  slot.restart_lsn = optional_lsn(rows, 0, 6);
  slot.confirmed_flush_lsn = optional_lsn(rows, 0, 7);
  slot.wal_status = rows.text(0, 8);
  slot.safe_wal_size_bytes = optional_integer(rows, 0, 9);
  slot.retained_bytes = optional_integer(rows, 0, 10);
  slot.two_phase = rows.boolean(0, 11);
  slot.failover = rows.boolean(0, 12);
  slot.synced = rows.boolean(0, 13);
  slot.invalidation_reason = rows.text(0, 14);
  return std::optional(std::move(slot));
}

std::string create_publication_sql(const ServerInfo& server, const PostgresSourceConfig& config,
                                   std::string_view publication, bool all_tables,
                                   std::span<const TableInfo> tables) {
  std::string sql = "CREATE PUBLICATION " + quote_identifier(publication);
  sql += all_tables ? " FOR ALL TABLES" : " FOR TABLE " + table_list(tables);
  sql += fmt::format(" WITH (publish_via_partition_root = {}", config.publish_via_partition_root);
  if (server.major() >= 18 && config.generated_columns) {
    sql += ", publish_generated_columns = stored";
  }
  return sql + ")";
}

std::string add_tables_sql(std::string_view publication, std::span<const TableInfo> tables) {
  return "ALTER PUBLICATION " + quote_identifier(publication) + " ADD TABLE " + table_list(tables);
}

bool wants_failover(const ServerInfo& server, const PostgresSourceConfig& config) {
  return config.failover != Choice::kOff && server.major() >= 17 && !server.in_recovery;
}

bool wants_all_tables(const ServerInfo& server, const TablePatterns& patterns) {
  return server.superuser && patterns.everything();
}

std::string create_slot_sql(const ServerInfo& server, const PostgresSourceConfig& config,
                            std::string_view slot) {
  std::string arguments = quote_literal(slot) + ", 'pgoutput', false";
  if (server.major() >= 15) {
    arguments += config.two_phase ? ", true" : ", false";
  }
  if (server.major() >= 17) {
    arguments += wants_failover(server, config) ? ", true" : ", false";
  }
  return "SELECT lsn FROM pg_catalog.pg_create_logical_replication_slot(" + arguments + ")";
}

std::string drop_slot_sql(std::string_view slot) {
  return "SELECT pg_drop_replication_slot(" + quote_literal(slot) + ")";
}

std::string wal_level_fix(const ServerInfo& server) {
  return server.in_recovery ? "On the primary: ALTER SYSTEM SET wal_level = logical; and restart it"
                            : "ALTER SYSTEM SET wal_level = logical; and restart the server";
}

std::vector<TableInfo> with_leaves(const std::vector<TableInfo>& all,
                                   const std::vector<TableInfo>& selected) {
  std::vector<std::uint32_t> ids;
  for (const TableInfo& table : selected) {
    ids.push_back(table.relation_id);
  }
  std::ranges::sort(ids);
  const auto chosen = [&](std::uint32_t id) { return std::ranges::binary_search(ids, id); };
  std::vector<TableInfo> leaves;
  for (const TableInfo& table : all) {
    if (!table.partitioned &&
        (chosen(table.relation_id) || std::ranges::any_of(table.ancestors, chosen))) {
      leaves.push_back(table);
    }
  }
  return leaves;
}

}  // namespace rowtide::postgres
