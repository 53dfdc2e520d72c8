#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <libpq-fe.h>

#include "engine/base/error.h"
#include "sources/postgres/table_patterns.h"
#include "sources/postgres/type_catalog.h"

namespace rowtide::postgres {

// What the system catalogs say. Everything here is "now": it may be ahead of the place in the
// stream that is being decoded. One call = at most three statements, whatever the number of tables.
// The connection is used by the calling thread only and may also be a replication connection.

// Adds the types to `catalog`, and the types that they are made of, down to the builtin ones.
Result<void> load_types(PGconn* connection, std::span<const std::uint32_t> oids,
                        TypeCatalog& catalog);

enum class ReplicaIdentity : char {
  kDefault = 'd',  // the primary key
  kNothing = 'n',
  kFull = 'f',
  kIndex = 'i',
};

// One ordinary, partitioned or foreign table of a user.
struct TableInfo {
  std::uint32_t relation_id = 0;
  std::string schema;
  std::string table;
  std::string owner;
  bool partitioned = false;
  bool foreign = false;
  bool unlogged = false;
  ReplicaIdentity identity = ReplicaIdentity::kDefault;
  // Of a partition: every partitioned table above it, nearest first.
  std::vector<std::uint32_t> ancestors;
  // In the order of the key; not in the order of the table.
  std::vector<std::string> primary_key;
  // A deferrable key cannot identify rows in replication.
  bool primary_key_deferrable = false;
  std::vector<std::string> identity_index;
  std::vector<std::string> stored_generated_columns;
  // Whether the connected role owns it (or is a member of its owner), and may read it.
  bool owned = false;
  bool readable = false;
  // The planner's estimate; negative = never analyzed.
  double estimated_rows = -1;

  bool publishable() const { return !foreign && !unlogged; }
  // True when an UPDATE or DELETE tells which row it was. A server refuses both, on the application
  // that runs them, once a table without identity is published.
  bool has_identity() const;
  // "schema"."table", ready for a statement.
  std::string sql_name() const;
  // schema.table, for people.
  std::string display_name() const { return schema + "." + table; }
};

// Every table outside the system's schemas, temporary ones left out, ordered by name.
Result<std::vector<TableInfo>> load_tables(PGconn* connection);

// The tables that the publication must name so that `patterns` are captured: a partition is left
// out when a table above it is taken. Unlogged and foreign tables are included; see publishable().
std::vector<TableInfo> select_tables(const std::vector<TableInfo>& tables,
                                     const TablePatterns& patterns);

// (schema, table) of every partitioned table above a partition, nearest first. A stream that does
// not publish via the root names leaf partitions; patterns may name what is above them.
Result<std::vector<std::pair<std::string, std::string>>> partition_ancestors(
    PGconn* connection, std::uint32_t relation_id);

// Names of the primary key's columns in the order of the key; empty = no primary key. A Relation
// message of a table with identity FULL marks every column as key, so the stream alone cannot tell.
Result<std::vector<std::string>> load_primary_key(PGconn* connection, std::uint32_t relation_id);

struct PublishedTable {
  std::string schema;
  std::string table;
  friend bool operator==(const PublishedTable&, const PublishedTable&) = default;
};

// What the server would send for the publication: partition roots or leaves as it is set.
Result<std::vector<PublishedTable>> published_tables(PGconn* connection,
                                                     std::string_view publication);

// "{1,2,3}", the text form of an oid array parameter.
std::string oid_array(std::span<const std::uint32_t> oids);

}  // namespace rowtide::postgres
