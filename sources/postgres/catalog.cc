#include "sources/postgres/catalog.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <unordered_map>

#include "engine/client/postgres_client.h"

namespace rowtide::postgres {
namespace {

using Parameters = std::array<std::optional<std::string>, 1>;

std::uint32_t oid_of(const QueryResult& rows, int row, int column) {
  return static_cast<std::uint32_t>(rows.integer(row, column));
}

// "1,2,3" -> numbers.
std::vector<std::uint32_t> split_oids(std::string_view text) {
  std::vector<std::uint32_t> oids;
  while (!text.empty()) {
    std::uint32_t oid = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), oid);
    if (code != std::errc()) {
      break;
    }
    oids.push_back(oid);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (!text.empty()) {
      text.remove_prefix(1);
    }
  }
  return oids;
}

constexpr const char* kTablesSql = R"sql(
SELECT c.oid, n.nspname, c.relname, pg_catalog.pg_get_userbyid(c.relowner), c.relkind,
       c.relpersistence, c.relreplident,
       CASE WHEN c.relispartition THEN
         (SELECT pg_catalog.string_agg(a.relid::pg_catalog.oid::text, ',' ORDER BY a.ordinality)
          FROM pg_catalog.pg_partition_ancestors(c.oid) WITH ORDINALITY AS a(relid, ordinality)
          WHERE a.relid <> c.oid) END,
       pg_catalog.pg_has_role(c.relowner, 'USAGE'),
       pg_catalog.has_table_privilege(c.oid, 'SELECT') AND
         pg_catalog.has_schema_privilege(n.oid, 'USAGE'),
       c.reltuples
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C")sql";

constexpr const char* kKeysSql = R"sql(
SELECT i.indrelid, i.indisprimary, i.indisreplident, i.indimmediate, a.attname
FROM pg_catalog.pg_index i
  CROSS JOIN LATERAL pg_catalog.unnest(i.indkey::pg_catalog.int2[])
    WITH ORDINALITY AS k(attnum, ordinality)
  JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
  JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE (i.indisprimary OR i.indisreplident) AND i.indisvalid AND k.ordinality <= i.indnkeyatts
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY i.indexrelid, k.ordinality)sql";

constexpr const char* kGeneratedSql = R"sql(
SELECT a.attrelid, a.attname
FROM pg_catalog.pg_attribute a
WHERE a.attgenerated = 's' AND NOT a.attisdropped AND a.attnum > 0
ORDER BY a.attrelid, a.attnum)sql";

constexpr const char* kPrimaryKeySql = R"sql(
SELECT a.attname
FROM pg_catalog.pg_index i
  CROSS JOIN LATERAL pg_catalog.unnest(i.indkey::pg_catalog.int2[])
    WITH ORDINALITY AS k(attnum, ordinality)
  JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indrelid = $1::pg_catalog.oid AND i.indisprimary AND i.indisvalid
  AND k.ordinality <= i.indnkeyatts
ORDER BY k.ordinality)sql";

constexpr const char* kAncestorsSql = R"sql(
SELECT n.nspname, c.relname
FROM pg_catalog.pg_partition_ancestors($1::pg_catalog.oid) WITH ORDINALITY AS a(relid, ordinality)
  JOIN pg_catalog.pg_class c ON c.oid = a.relid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE a.relid <> $1::pg_catalog.oid
ORDER BY a.ordinality)sql";

constexpr const char* kAttributesSql = R"sql(
SELECT t.oid, a.attname, a.atttypid
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.typrelid
WHERE t.oid = ANY ($1::pg_catalog.oid[]) AND t.typtype = 'c'
  AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY t.oid, a.attnum)sql";

// Walks from the asked types to what they are made of. Multiranges exist from 14 on.
std::string types_sql(int server_version) {
  const bool multiranges = server_version >= 140000;
  std::string parts = R"sql(
    SELECT t.typelem AS oid FROM pg_catalog.pg_type t WHERE t.oid = n.oid AND t.typelem <> 0
    UNION ALL
    SELECT t.typbasetype FROM pg_catalog.pg_type t WHERE t.oid = n.oid AND t.typbasetype <> 0
    UNION ALL
    SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngtypid = n.oid
    UNION ALL
    SELECT a.atttypid FROM pg_catalog.pg_type t
      JOIN pg_catalog.pg_attribute a ON a.attrelid = t.typrelid
    WHERE t.oid = n.oid AND t.typtype = 'c' AND a.attnum > 0 AND NOT a.attisdropped)sql";
  if (multiranges) {
    parts += R"sql(
    UNION ALL
    SELECT r.rngtypid FROM pg_catalog.pg_range r WHERE r.rngmultitypid = n.oid)sql";
  }
  const std::string range_of_multirange =
      multiranges ? "(SELECT r.rngtypid FROM pg_catalog.pg_range r WHERE r.rngmultitypid = t.oid)"
                  : "NULL";
  return "WITH RECURSIVE need(oid) AS (\n"
         "  SELECT pg_catalog.unnest($1::pg_catalog.oid[]) UNION\n"
         "  SELECT part.oid FROM need n CROSS JOIN LATERAL (" +
         parts +
         ") part)\n"
         "SELECT t.oid, ns.nspname, t.typname, t.typtype, t.typelem, t.typlen, t.typbasetype,\n"
         "  t.typtypmod, t.typdelim,\n"
         "  (SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid),\n  " +
         range_of_multirange +
         "\nFROM need n JOIN pg_catalog.pg_type t ON t.oid = n.oid\n"
         "  JOIN pg_catalog.pg_namespace ns ON ns.oid = t.typnamespace";
}

TypeInfo type_of_row(const QueryResult& rows, int row) {
  TypeInfo type;
  type.oid = oid_of(rows, row, 0);
  type.schema = rows.text(row, 1);
  type.name = rows.text(row, 2);
  const std::string_view kind = rows.text(row, 3);
  const std::uint32_t element = oid_of(rows, row, 4);
  switch (kind.empty() ? 'b' : kind.front()) {
    case 'e':
      type.kind = TypeKind::kEnum;
      break;
    case 'd':
      type.kind = TypeKind::kDomain;
      type.element = oid_of(rows, row, 6);
      type.domain_typmod = static_cast<std::int32_t>(rows.integer(row, 7));
      break;
    case 'c':
      type.kind = TypeKind::kComposite;
      break;
    case 'r':
      type.kind = TypeKind::kRange;
      type.element = oid_of(rows, row, 9);
      break;
    case 'm':
      type.kind = TypeKind::kMultirange;
      type.element = oid_of(rows, row, 10);
      break;
    case 'p':
      type.kind = TypeKind::kPseudo;
      break;
    default:
      // Fixed-length types with an element, such as point, can be subscripted but are no arrays.
      if (element != 0 && rows.integer(row, 5) == -1) {
        type.kind = TypeKind::kArray;
        type.element = element;
      }
      break;
  }
  if (const std::string_view delimiter = rows.text(row, 8); !delimiter.empty()) {
    type.delimiter = delimiter.front();
  }
  return type;
}

Result<std::unordered_map<std::uint32_t, TypeInfo>> read_types(PGconn* connection,
                                                               std::string oids) {
  const Parameters parameters{std::move(oids)};
  ROWTIDE_TRY_ASSIGN(const auto rows,
                     query(connection, types_sql(PQserverVersion(connection)), parameters));
  std::unordered_map<std::uint32_t, TypeInfo> types;
  for (int row = 0; row < rows.rows(); ++row) {
    TypeInfo type = type_of_row(rows, row);
    types.emplace(type.oid, std::move(type));
  }
  return types;
}

void add_keys(const QueryResult& rows, const std::unordered_map<std::uint32_t, TableInfo*>& by_id) {
  for (int row = 0; row < rows.rows(); ++row) {
    const auto found = by_id.find(oid_of(rows, row, 0));
    if (found == by_id.end()) {
      continue;
    }
    TableInfo& table = *found->second;
    if (rows.boolean(row, 1)) {
      table.primary_key.emplace_back(rows.text(row, 4));
      table.primary_key_deferrable = !rows.boolean(row, 3);
    }
    if (rows.boolean(row, 2)) {
      table.identity_index.emplace_back(rows.text(row, 4));
    }
  }
}

TableInfo table_of_row(const QueryResult& rows, int row) {
  TableInfo table;
  table.relation_id = oid_of(rows, row, 0);
  table.schema = rows.text(row, 1);
  table.table = rows.text(row, 2);
  table.owner = rows.text(row, 3);
  table.partitioned = rows.text(row, 4) == "p";
  table.foreign = rows.text(row, 4) == "f";
  table.unlogged = rows.text(row, 5) == "u";
  const std::string_view identity = rows.text(row, 6);
  table.identity = identity == "n"   ? ReplicaIdentity::kNothing
                   : identity == "f" ? ReplicaIdentity::kFull
                   : identity == "i" ? ReplicaIdentity::kIndex
                                     : ReplicaIdentity::kDefault;
  table.ancestors = split_oids(rows.text(row, 7));
  table.owned = rows.boolean(row, 8);
  table.readable = rows.boolean(row, 9);
  const std::string_view estimate = rows.text(row, 10);
  std::from_chars(estimate.data(), estimate.data() + estimate.size(), table.estimated_rows);
  return table;
}

}  // namespace

std::string oid_array(std::span<const std::uint32_t> oids) {
  std::string text = "{";
  for (const std::uint32_t oid : oids) {
    text += (text.size() > 1 ? "," : "") + std::to_string(oid);
  }
  return text + "}";
}

Result<void> load_types(PGconn* connection, std::span<const std::uint32_t> oids,
                        TypeCatalog& catalog) {
  if (oids.empty()) {
    return {};
  }
  ROWTIDE_TRY_ASSIGN(auto types, read_types(connection, oid_array(oids)));
  std::vector<std::uint32_t> composites;
  for (const auto& [oid, type] : types) {
    if (type.kind == TypeKind::kComposite) {
      composites.push_back(oid);
    }
  }
  if (!composites.empty()) {
    const Parameters parameters{oid_array(composites)};
    ROWTIDE_TRY_ASSIGN(const auto rows, query(connection, kAttributesSql, parameters));
    for (int row = 0; row < rows.rows(); ++row) {
      types[oid_of(rows, row, 0)].attributes.emplace_back(rows.text(row, 1), oid_of(rows, row, 2));
    }
  }
  for (auto& [oid, type] : types) {
    catalog.add(std::move(type));
  }
  return {};
}

bool TableInfo::has_identity() const {
  switch (identity) {
    case ReplicaIdentity::kFull:
      return true;
    case ReplicaIdentity::kIndex:
      return !identity_index.empty();
    case ReplicaIdentity::kDefault:
      return !primary_key.empty() && !primary_key_deferrable;
    case ReplicaIdentity::kNothing:
      return false;
  }
  return false;
}

std::string TableInfo::sql_name() const {
  return quote_identifier(schema) + "." + quote_identifier(table);
}

Result<std::vector<TableInfo>> load_tables(PGconn* connection) {
  ROWTIDE_TRY_ASSIGN(const auto rows, query(connection, kTablesSql));
  std::vector<TableInfo> tables;
  tables.reserve(static_cast<std::size_t>(rows.rows()));
  for (int row = 0; row < rows.rows(); ++row) {
    tables.push_back(table_of_row(rows, row));
  }
  std::unordered_map<std::uint32_t, TableInfo*> by_id;
  for (TableInfo& table : tables) {
    by_id.emplace(table.relation_id, &table);
  }
  ROWTIDE_TRY_ASSIGN(const auto keys, query(connection, kKeysSql));
  add_keys(keys, by_id);
  ROWTIDE_TRY_ASSIGN(const auto generated, query(connection, kGeneratedSql));
  for (int row = 0; row < generated.rows(); ++row) {
    if (const auto found = by_id.find(oid_of(generated, row, 0)); found != by_id.end()) {
      found->second->stored_generated_columns.emplace_back(generated.text(row, 1));
    }
  }
  return tables;
}

std::vector<TableInfo> select_tables(const std::vector<TableInfo>& tables,
                                     const TablePatterns& patterns) {
  std::vector<std::uint32_t> taken;
  for (const TableInfo& table : tables) {
    if (table.partitioned && patterns.matches(table.schema, table.table)) {
      taken.push_back(table.relation_id);
    }
  }
  std::ranges::sort(taken);
  std::vector<TableInfo> selected;
  for (const TableInfo& table : tables) {
    const bool covered = std::ranges::any_of(table.ancestors, [&](std::uint32_t above) {
      return std::ranges::binary_search(taken, above);
    });
    if (!covered && patterns.matches(table.schema, table.table)) {
      selected.push_back(table);
    }
  }
  return selected;
}

Result<std::vector<std::pair<std::string, std::string>>> partition_ancestors(
    PGconn* connection, std::uint32_t relation_id) {
  const Parameters parameters{std::to_string(relation_id)};
  ROWTIDE_TRY_ASSIGN(const auto rows, query(connection, kAncestorsSql, parameters));
  std::vector<std::pair<std::string, std::string>> ancestors;
  for (int row = 0; row < rows.rows(); ++row) {
    ancestors.emplace_back(rows.text(row, 0), rows.text(row, 1));
  }
  return ancestors;
}

Result<std::vector<std::string>> load_primary_key(PGconn* connection, std::uint32_t relation_id) {
  const Parameters parameters{std::to_string(relation_id)};
  ROWTIDE_TRY_ASSIGN(const auto rows, query(connection, kPrimaryKeySql, parameters));
  std::vector<std::string> columns;
  for (int row = 0; row < rows.rows(); ++row) {
    columns.emplace_back(rows.text(row, 0));
  }
  return columns;
}

Result<std::vector<PublishedTable>> published_tables(PGconn* connection,
                                                     std::string_view publication) {
  const Parameters parameters{std::string(publication)};
  ROWTIDE_TRY_ASSIGN(const auto rows,
                     query(connection,
                           "SELECT schemaname, tablename FROM pg_catalog.pg_publication_tables "
                           "WHERE pubname = $1 ORDER BY 1, 2",
                           parameters));
  std::vector<PublishedTable> tables;
  for (int row = 0; row < rows.rows(); ++row) {
    tables.push_back({std::string(rows.text(row, 0)), std::string(rows.text(row, 1))});
  }
  return tables;
}

}  // namespace rowtide::postgres
