#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <libpq-fe.h>

#include "engine/base/error.h"
#include "sources/postgres/catalog.h"
#include "sources/postgres/postgres_config.h"

namespace rowtide::postgres {

// The server-side objects that a stream needs, as they are now, and the statements that make them.
// Reading is separate from judging (preflight) and from changing (provision).

struct ServerInfo {
  int version = 0;  // 150020 = 15.20
  std::string version_text;
  std::string database;
  std::string role;
  bool superuser = false;
  bool may_replicate = false;
  bool may_create_in_database = false;
  bool in_recovery = false;
  std::string wal_level;
  std::int64_t max_replication_slots = 0;
  std::int64_t used_replication_slots = 0;
  std::int64_t max_wal_senders = 0;
  std::int64_t used_wal_senders = 0;
  std::int64_t wal_sender_timeout_ms = 0;
  std::int64_t logical_decoding_work_mem_kib = 0;
  // Negative = unlimited.
  std::int64_t max_slot_wal_keep_size_mib = -1;
  // 0 = never; servers before 18 never do.
  std::int64_t idle_slot_timeout_seconds = 0;
  bool hot_standby_feedback = false;
  std::string synchronized_standby_slots;

  int major() const { return version / 10000; }
};

// The statement that makes logical decoding possible on the server.
std::string wal_level_fix(const ServerInfo& server);

struct PublicationInfo {
  std::string owner;
  bool owned = false;
  bool all_tables = false;
  bool inserts = true;
  bool updates = true;
  bool deletes = true;
  bool truncates = true;
  bool via_root = false;
  bool stored_generated_columns = false;
};

// One table of a publication with what narrows it.
struct PublicationTable {
  std::uint32_t relation_id = 0;
  // Empty = every column.
  std::vector<std::string> columns;
  bool has_row_filter = false;
};

struct SlotInfo {
  std::string plugin;  // empty for a physical slot
  std::string database;
  bool temporary = false;
  bool active = false;
  std::int64_t active_pid = 0;
  // Who holds it, as application_name and address, where the role may see that.
  std::string active_by;
  std::optional<std::uint64_t> restart_lsn;
  std::optional<std::uint64_t> confirmed_flush_lsn;
  std::string wal_status;
  std::optional<std::int64_t> safe_wal_size_bytes;
  std::optional<std::int64_t> retained_bytes;
  bool two_phase = false;
  bool failover = false;
  bool synced = false;
  // Why the server gave the slot up; empty = it did not.
  std::string invalidation_reason;

  bool lost() const { return wal_status == "lost" || !invalidation_reason.empty(); }
};

Result<ServerInfo> load_server(PGconn* connection);
Result<std::optional<PublicationInfo>> load_publication(PGconn* connection, std::string_view name);
// Only the tables that the publication names itself, not those of a schema or of ALL TABLES.
Result<std::vector<PublicationTable>> load_publication_tables(PGconn* connection,
                                                              std::string_view name);
// Those of `tables` that the publication does not cover, neither by name, nor by a partitioned
// table above, nor by schema, nor as ALL TABLES.
Result<std::vector<TableInfo>> not_covered(PGconn* connection, std::string_view publication,
                                           const std::vector<TableInfo>& tables);
Result<std::optional<SlotInfo>> load_slot(PGconn* connection, std::string_view name);

// Statements without the final semicolon.
std::string create_publication_sql(const ServerInfo& server, const PostgresSourceConfig& config,
                                   std::string_view publication, bool all_tables,
                                   std::span<const TableInfo> tables);
std::string add_tables_sql(std::string_view publication, std::span<const TableInfo> tables);
std::string create_slot_sql(const ServerInfo& server, const PostgresSourceConfig& config,
                            std::string_view slot);
std::string drop_slot_sql(std::string_view slot);

// Whether the slot is to be a failover slot on this server.
bool wants_failover(const ServerInfo& server, const PostgresSourceConfig& config);
// Whether the publication is made FOR ALL TABLES.
bool wants_all_tables(const ServerInfo& server, const TablePatterns& patterns);

// Tables that hold rows: `selected` with partitioned tables replaced by their leaves.
std::vector<TableInfo> with_leaves(const std::vector<TableInfo>& all,
                                   const std::vector<TableInfo>& selected);

}  // namespace rowtide::postgres
