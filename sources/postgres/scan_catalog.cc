#include "sources/postgres/scan_catalog.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "engine/client/postgres_client.h"
#include "sources/postgres/catalog.h"
#include "sources/postgres/relation_cache.h"
#include "sources/postgres/value_decode_binary.h"

namespace rowtide::postgres {
namespace {

constexpr int kWithLocationRanges = 140000;
constexpr int kWithColumnLists = 150000;
constexpr int kWithGeneratedColumns = 180000;
// A table with fewer rows is read in one part.
constexpr double kWorthCutting = 200'000;
// Rows on a page of a table that was never analyzed.
constexpr double kGuessedRowsPerBlock = 60;

double number(std::string_view text) {
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// What the publication says of the table beside publishing it. One FOR ALL TABLES or of the whole
// schema narrows nothing.
std::string narrowing_join(const std::string& publication) {
  return fmt::format(
      " LEFT JOIN pg_catalog.pg_publication p ON p.pubname = {}"
      " LEFT JOIN pg_catalog.pg_publication_rel r ON r.prpubid = p.oid AND r.prrelid = c.oid"
      " AND NOT p.puballtables AND NOT EXISTS (SELECT FROM pg_catalog.pg_publication_namespace s"
      " WHERE s.pnpubid = p.oid AND s.pnnspid = c.relnamespace)",
      quote_literal(publication));
}

// $1 is the relation's id, here and below.
std::string table_sql(const std::string& publication, int server_version) {
  const bool narrowed = server_version >= kWithColumnLists;
  return fmt::format(
      "SELECT n.nspname, c.relname, c.relkind, c.relreplident,"
      " pg_catalog.pg_relation_filenode(c.oid), c.reltuples, c.relpages,"
      " CASE c.relkind WHEN 'r' THEN pg_catalog.pg_relation_size(c.oid) /"
      " pg_catalog.current_setting('block_size')::int8 ELSE 0 END, {}"
      " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace{}"
      " WHERE c.oid = $1::pg_catalog.oid",
      narrowed ? "pg_catalog.pg_get_expr(r.prqual, r.prrelid)" : "NULL",
      narrowed ? narrowing_join(publication) : "");
}

// Published columns in the order of the table, with their place in the index that the replica
// identity names.
std::string columns_sql(const std::string& publication, int server_version) {
  std::string published = "a.attgenerated = ''";
  if (server_version >= kWithGeneratedColumns) {
    published = "(a.attgenerated = '' OR (a.attgenerated = 's' AND p.pubgencols = 's'))";
  }
  if (server_version >= kWithColumnLists) {
    published = "CASE WHEN r.prattrs IS NULL THEN " + published +
                " ELSE a.attnum = ANY (r.prattrs::pg_catalog.int2[]) END";
  }
  return fmt::format(
      "SELECT a.attname, a.atttypid, a.atttypmod,"
      " pg_catalog.format_type(a.atttypid, a.atttypmod), a.attstorage, k.place, k.of,"
      " pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(co.collname),"
      " k.collation <> a.attcollation"
      " FROM pg_catalog.pg_class c"
      " JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"
      " AND NOT a.attisdropped{}"
      " LEFT JOIN (SELECT i.indrelid, u.attnum, u.place, i.indnkeyatts AS of,"
      " i.indcollation[(u.place - 1)::int4] AS collation FROM pg_catalog.pg_index i"
      " JOIN pg_catalog.pg_class t ON t.oid = i.indrelid"
      " CROSS JOIN LATERAL pg_catalog.unnest(i.indkey::pg_catalog.int2[])"
      " WITH ORDINALITY AS u(attnum, place)"
      " WHERE i.indrelid = $1::pg_catalog.oid AND i.indisvalid AND u.place <= i.indnkeyatts AND"
      " CASE t.relreplident WHEN 'd' THEN i.indisprimary AND i.indimmediate"
      " WHEN 'i' THEN i.indisreplident ELSE i.indisprimary END)"
      " AS k ON k.attnum = a.attnum"
      " LEFT JOIN pg_catalog.pg_collation co ON co.oid = k.collation"
      " LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace"
      " WHERE c.oid = $1::pg_catalog.oid AND {} ORDER BY a.attnum",
      server_version >= kWithColumnLists ? narrowing_join(publication) : "", published);
}

Error gone(std::string_view table) {
  return operator_error(Code::kNotFound, fmt::format("table {} does not exist any more", table),
                        "Leave it out, or start a new backfill for what took its place");
}

// The message that the stream would send; its texts point into `table` and `columns`.
RelationMessage relation_message(std::uint32_t relation_id, const QueryResult& table,
                                 const QueryResult& columns) {
  RelationMessage message;
  message.relation_id = relation_id;
  message.schema = table.text(0, 0);
  message.table = table.text(0, 1);
  message.replica_identity = table.text(0, 3).front();
  for (int row = 0; row < columns.rows(); ++row) {
    RelationColumn& column = message.columns.emplace_back();
    const bool in_key = !columns.is_null(row, 5);
    column.is_key = message.replica_identity == 'f' || (message.replica_identity != 'n' && in_key);
    column.name = columns.text(row, 0);
    column.type_oid = static_cast<std::uint32_t>(columns.integer(row, 1));
    column.type_modifier = static_cast<std::int32_t>(columns.integer(row, 2));
  }
  return message;
}

// The key in the index's order; nothing of it when a part is not published.
void take_key(const QueryResult& columns, ScanRelation& relation) {
  std::vector<std::pair<std::int64_t, std::uint32_t>> places;
  std::int64_t of = 0;
  for (int row = 0; row < columns.rows(); ++row) {
    if (!columns.is_null(row, 5)) {
      places.emplace_back(columns.integer(row, 5), static_cast<std::uint32_t>(row));
      of = columns.integer(row, 6);
    }
  }
  if (places.size() != static_cast<std::size_t>(of)) {
    return;
  }
  std::ranges::sort(places);
  for (const auto& [place, index] : places) {
    const int row = static_cast<int>(index);
    relation.key_columns.push_back(index);
    relation.key.push_back(ScanKeyColumn{
        .name = std::string(columns.text(row, 0)),
        .type = std::string(columns.text(row, 3)),
        .collation = std::string(columns.text(row, 7)),
        .collation_differs = !columns.is_null(row, 7) && columns.boolean(row, 8),
    });
  }
}

Result<void> take_columns(PGconn* connection, const QueryResult& table, const QueryResult& columns,
                          TypeCatalog& types, ScanRelation& relation) {
  const RelationMessage message = relation_message(relation.relation_id, table, columns);
  // Types are looked up each time: what the server says of one may have changed.
  std::vector<std::uint32_t> foreign;
  bool toastable = false;
  for (int row = 0; row < columns.rows(); ++row) {
    toastable = toastable || columns.text(row, 4) != "p";
    const std::uint32_t type = message.columns[static_cast<std::size_t>(row)].type_oid;
    if (!TypeCatalog::builtin(type) || types.find(type) == nullptr) {
      foreign.push_back(type);
    }
  }
  ROWTIDE_TRY(load_types(connection, foreign, types));
  ROWTIDE_TRY_ASSIGN(relation.decoder,
                     make_decoder(message, types, [&] { return Result<PGconn*>(connection); }));
  for (const RelationColumn& column : message.columns) {
    relation.binary.push_back(binary_supported(types, types.base_of(column.type_oid)));
  }
  relation.changes_are_whole = !toastable || message.replica_identity == 'f';
  take_key(columns, relation);
  return {};
}

struct TableEstimate {
  double rows = 0;
  std::uint64_t blocks = 0;
};

// Of a table and all partitions of it.
Result<TableEstimate> load_estimate(PGconn* connection, std::uint32_t relation_id) {
  ROWTIDE_TRY_ASSIGN(
      const auto rows,
      query(connection,
            fmt::format("SELECT coalesce(sum(CASE WHEN l.reltuples > 0 AND l.relpages > 0 THEN"
                        " l.reltuples::float8 / l.relpages ELSE {} END * l.blocks), 0),"
                        " coalesce(sum(l.blocks), 0)::int8 FROM (SELECT reltuples, relpages,"
                        " pg_catalog.pg_relation_size(oid) /"
                        " pg_catalog.current_setting('block_size')::int8 AS blocks"
                        " FROM pg_catalog.pg_class WHERE relkind = 'r' AND oid = ANY (ARRAY(SELECT"
                        " relid FROM pg_catalog.pg_partition_tree({}) WHERE isleaf)"
                        " || {}::pg_catalog.oid::pg_catalog.regclass)) AS l",
                        kGuessedRowsPerBlock, relation_id, relation_id)));
  return TableEstimate{number(rows.text(0, 0)), static_cast<std::uint64_t>(rows.integer(0, 1))};
}

// One row of the statistics of the key's first column.
Result<std::optional<std::string>> load_statistic(PGconn* connection, const ScanRelation& relation,
                                                  std::string_view expression) {
  ROWTIDE_TRY_ASSIGN(
      const auto rows,
      query(connection,
            fmt::format("SELECT {} FROM pg_catalog.pg_stats WHERE schemaname = {} AND tablename = "
                        "{} AND attname = {} AND inherited = {}",
                        expression, quote_literal(relation.schema), quote_literal(relation.table),
                        quote_literal(relation.key.front().name), relation.partitioned)));
  return rows.rows() == 0 ? std::nullopt : rows.optional_text(0, 0);
}

Result<ScanTable> describe_table(PGconn* connection, const ScanRelation& relation) {
  ScanTable table;
  table.table_id = relation.relation_id;
  table.schema = relation.schema;
  table.table = relation.table;
  ROWTIDE_TRY_ASSIGN(const TableEstimate estimate, load_estimate(connection, relation.relation_id));
  table.estimated_rows = estimate.rows;
  TableShape shape;
  shape.partitioned = relation.partitioned;
  shape.has_key = !relation.key.empty();
  shape.changes_are_whole = relation.changes_are_whole;
  shape.finds_locations = PQserverVersion(connection) >= kWithLocationRanges;
  shape.blocks = estimate.blocks;
  if (shape.has_key) {
    ROWTIDE_TRY_ASSIGN(const auto correlation, load_statistic(connection, relation, "correlation"));
    if (correlation) {
      shape.correlation = number(*correlation);
    }
  }
  ScanChoice choice = choose_scan(shape);
  table.method = choice.method;
  table.reason = std::move(choice.reason);
  return table;
}

// Whether the patterns name the table, or a partitioned table above it.
bool named(const TablePatterns& patterns, const TableInfo& table,
           const std::vector<TableInfo>& all) {
  return patterns.matches(table.schema, table.table) ||
         std::ranges::any_of(all, [&](const TableInfo& above) {
           return above.partitioned &&
                  std::ranges::find(table.ancestors, above.relation_id) != table.ancestors.end() &&
                  patterns.matches(above.schema, above.table);
         });
}

struct CapturedTable {
  TableInfo info;
  std::vector<std::pair<std::string, std::string>> above;
};

std::vector<std::pair<std::string, std::string>> names_above(const TableInfo& table,
                                                             const std::vector<TableInfo>& all) {
  std::vector<std::pair<std::string, std::string>> names;
  for (const TableInfo& above : all) {
    if (above.partitioned &&
        std::ranges::find(table.ancestors, above.relation_id) != table.ancestors.end()) {
      names.emplace_back(above.schema, above.table);
    }
  }
  return names;
}

Result<std::vector<CapturedTable>> load_captured(PGconn* connection,
                                                 const PostgresSourceConfig& config,
                                                 const std::string& publication,
                                                 std::span<const std::string> patterns) {
  ROWTIDE_TRY_ASSIGN(const auto configured, TablePatterns::parse(config.tables));
  ROWTIDE_TRY_ASSIGN(const auto asked, TablePatterns::parse(patterns));
  ROWTIDE_TRY_ASSIGN(const auto all, load_tables(connection));
  ROWTIDE_TRY_ASSIGN(auto published, published_tables(connection, publication));
  std::vector<TableInfo> captured;
  for (const TableInfo& table : all) {
    const PublishedTable name{table.schema, table.table};
    if (std::ranges::find(published, name) != published.end() && table.publishable() &&
        named(configured, table, all)) {
      captured.push_back(table);
    }
  }
  for (const std::string& pattern : patterns) {
    if (pattern.starts_with('!')) {
      continue;
    }
    ROWTIDE_TRY_ASSIGN(const auto alone, TablePatterns::parse(std::span(&pattern, 1)));
    if (std::ranges::none_of(captured,
                             [&](const TableInfo& table) { return named(alone, table, all); })) {
      return fail(operator_error(Code::kNotFound,
                                 fmt::format("\"{}\" names no captured table", pattern),
                                 "See the source's tables and the publication"));
    }
  }
  std::vector<CapturedTable> chosen;
  for (TableInfo& table : captured) {
    if (named(asked, table, all)) {
      auto above = names_above(table, all);
      chosen.push_back({std::move(table), std::move(above)});
    }
  }
  return chosen;
}

constexpr const char* kTableStatement = "rowtide_table";
constexpr const char* kColumnsStatement = "rowtide_columns";

}  // namespace

Result<void> RelationQueries::plan(PGconn* connection) {
  if (planned_) {
    return {};
  }
  const int version = PQserverVersion(connection);
  ROWTIDE_TRY(prepare(connection, kTableStatement, table_sql(publication_, version)));
  ROWTIDE_TRY(prepare(connection, kColumnsStatement, columns_sql(publication_, version)));
  planned_ = true;
  return {};
}

Result<ScanRelation> RelationQueries::load(PGconn* connection, std::uint32_t relation_id,
                                           TypeCatalog& types) {
  ROWTIDE_TRY(plan(connection));
  const std::optional<std::string> id(std::to_string(relation_id));
  ROWTIDE_TRY_ASSIGN(const auto table, run_prepared(connection, kTableStatement, {&id, 1}));
  if (table.rows() == 0) {
    return fail(gone(fmt::format("with id {}", relation_id)));
  }
  ROWTIDE_TRY_ASSIGN(const auto columns, run_prepared(connection, kColumnsStatement, {&id, 1}));
  ScanRelation relation;
  relation.relation_id = relation_id;
  relation.schema = table.text(0, 0);
  relation.table = table.text(0, 1);
  relation.partitioned = table.text(0, 2) == "p";
  relation.file = table.text(0, 4);
  relation.blocks = static_cast<std::uint64_t>(table.integer(0, 7));
  const double analyzed_rows = number(table.text(0, 5));
  const double analyzed_blocks = number(table.text(0, 6));
  relation.rows_per_block = analyzed_rows > 0 && analyzed_blocks > 0
                                ? analyzed_rows / analyzed_blocks
                                : kGuessedRowsPerBlock;
  relation.row_filter = table.text(0, 8);
  ROWTIDE_TRY(take_columns(connection, table, columns, types, relation));
  return relation;
}

Result<std::vector<ScanTable>> load_scan_tables(PGconn* connection,
                                                const PostgresSourceConfig& config,
                                                std::span<const std::string> patterns,
                                                RelationQueries& relations, TypeCatalog& types) {
  ROWTIDE_TRY_ASSIGN(const auto captured,
                     load_captured(connection, config, relations.publication(), patterns));
  std::vector<ScanTable> tables;
  for (const auto& [info, above] : captured) {
    auto relation = relations.load(connection, info.relation_id, types);
    if (!relation && relation.error().code == Code::kNotFound) {
      continue;  // dropped since the list was read
    }
    if (!relation) {
      return fail(std::move(relation).error());
    }
    ROWTIDE_TRY_ASSIGN(auto table, describe_table(connection, *relation));
    table.above = above;
    tables.push_back(std::move(table));
  }
  return tables;
}

Result<std::vector<ScanKey>> load_key_cuts(PGconn* connection, const ScanRelation& relation,
                                           std::size_t parts) {
  std::vector<ScanKey> cuts;
  ROWTIDE_TRY_ASSIGN(const TableEstimate estimate, load_estimate(connection, relation.relation_id));
  if (parts < 2 || estimate.rows < kWorthCutting || relation.key.empty()) {
    return cuts;
  }
  const auto rows =
      query(connection,
            fmt::format("SELECT b.bound FROM pg_catalog.pg_stats s CROSS JOIN LATERAL"
                        " pg_catalog.unnest(s.histogram_bounds::text::text[]) WITH ORDINALITY AS"
                        " b(bound, place) WHERE schemaname = {} AND tablename = {} AND attname = {}"
                        " AND inherited = {} ORDER BY b.place",
                        quote_literal(relation.schema), quote_literal(relation.table),
                        quote_literal(relation.key.front().name), relation.partitioned));
  if (!rows) {
    return fail(rows.error());
  }
  std::vector<std::string> bounds;
  for (int row = 0; row < rows->rows(); ++row) {
    bounds.emplace_back(rows->text(row, 0));
  }
  for (std::string& bound : spread(bounds, parts)) {
    cuts.push_back({std::move(bound)});
  }
  return cuts;
}

}  // namespace rowtide::postgres
