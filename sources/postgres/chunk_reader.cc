#include "sources/postgres/chunk_reader.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "engine/base/assert.h"
#include "engine/base/cursor.h"

namespace rowtide::postgres {
namespace {

constexpr BatchBuilder::Limits kSliceLimits{.batch_bytes = std::size_t{256} << 10,
                                            .batch_events = 1024};
// Fewer rows than this are not worth parting by location either.
constexpr double kWorthCutting = 200'000;
constexpr std::uint32_t kLastItem = 65'535;

// As pg_stat_activity has it; every database counts, as they share the machine. Our own sessions,
// those of our sinks included, are known by their names.
constexpr const char* kActiveSql =
    "SELECT count(*) FILTER (WHERE backend_type = 'client backend' AND state = 'active'),"
    " count(*) FILTER (WHERE backend_type IS NULL)"
    " FROM pg_catalog.pg_stat_activity"
    " WHERE pid <> pg_catalog.pg_backend_pid()"
    " AND (application_name IS NULL OR application_name !~ '^rowtide($| )')";

Error does_not_fit(std::string_view table) {
  return operator_error(
      Code::kSchema,
      fmt::format("table {} was changed: its backfill cannot go on where it was", table),
      "Cancel the backfill and start it anew");
}

Error rewritten(std::string_view table) {
  return operator_error(
      Code::kConflict,
      fmt::format("table {} was truncated or rewritten (VACUUM FULL, CLUSTER, ALTER TABLE): its "
                  "rows are not where they were",
                  table),
      "Cancel the backfill and start it anew");
}

Error renamed(const ScanTable& table) {
  return retry_error(Code::kConflict, fmt::format("table {} was renamed or dropped just now",
                                                  table.qualified_name()));
}

bool is_key(const ScanRelation& relation, std::uint32_t column) {
  const auto& identity = relation.decoder->schema()->key_columns;
  return std::ranges::find(identity, column) != identity.end() ||
         std::ranges::find(relation.key_columns, column) != relation.key_columns.end();
}

// By column of the schema, whether it is read.
Result<std::vector<bool>> chosen_columns(const ScanRelation& relation, const ScanFilter& filter) {
  const auto& columns = relation.decoder->schema()->columns;
  std::vector<bool> chosen(columns.size(), filter.columns.empty());
  for (const std::string& name : filter.columns) {
    const auto found = std::ranges::find(columns, name, &Column::name);
    if (found == columns.end()) {
      return fail(operator_error(
          Code::kConfig,
          fmt::format("table {} has no published column {}", relation.display_name(), name),
          "See the table's columns and the publication's column list"));
    }
    chosen[static_cast<std::size_t>(found - columns.begin())] = true;
  }
  for (std::uint32_t i = 0; i < columns.size(); ++i) {
    chosen[i] = chosen[i] || is_key(relation, i);
  }
  return chosen;
}

// The value's text as the server prints it, whatever casts its type has.
std::string text_of(const std::string& column) {
  return fmt::format(
      "CASE WHEN pg_catalog.num_nulls({0}) = 0 THEN pg_catalog.format('%s', {0}) END", column);
}

ScanQuery query_of(const ScanRelation& relation, const ScanFilter& filter) {
  ScanQuery query;
  query.schema = relation.schema;
  query.table = relation.table;
  query.partitioned = relation.partitioned;
  if (!relation.row_filter.empty()) {
    query.conditions.push_back(relation.row_filter);
  }
  if (!filter.where.empty()) {
    query.conditions.push_back(filter.where);
  }
  return query;
}

}  // namespace

PostgresChunkReader::PostgresChunkReader(const PostgresSourceConfig& config,
                                         const std::string& publication,
                                         std::shared_ptr<DeliveredTransactions> delivered,
                                         const Runtime& runtime)
    : config_(config),
      delivered_(delivered),
      runtime_(runtime),
      server_(config, publication, std::move(delivered), runtime) {}

void PostgresChunkReader::drop() noexcept {
  chunk_.reset();
  server_.drop();
}

Result<std::vector<ScanTable>> PostgresChunkReader::tables(std::span<const std::string> patterns) {
  auto tables = load_tables(patterns);
  if (!tables) {
    drop();
  }
  return tables;
}

// A standby may not know yet which tables are captured.
Result<std::vector<ScanTable>> PostgresChunkReader::load_tables(
    std::span<const std::string> patterns) {
  ROWTIDE_TRY(server_.connect());
  auto tables =
      load_scan_tables(server_.catalog(), config_, patterns, server_.catalog_relations(), types_);
  if (tables) {
    ROWTIDE_TRY(server_.catalog_was_read());
  }
  return tables;
}

Result<ScanPlan> PostgresChunkReader::plan(const ScanTable& table, const ScanFilter& filter,
                                           std::size_t parts) {
  auto plan = make_plan(table, filter, parts);
  if (!plan) {
    drop();
  }
  return plan;
}

Result<ScanPlan> PostgresChunkReader::make_plan(const ScanTable& table, const ScanFilter& filter,
                                                std::size_t parts) {
  ROWTIDE_TRY(server_.connect());
  ROWTIDE_TRY(server_.knows_catalog());
  ROWTIDE_TRY_ASSIGN(const ScanRelation relation, describe(table));
  ROWTIDE_TRY(chosen_columns(relation, filter));
  if (!filter.where.empty()) {
    // Before anything is read, so that a condition that cannot be is told at once.
    ScanQuery probe = query_of(relation, filter);
    probe.outputs = {"1"};
    probe.limit_rows = 0;
    ROWTIDE_TRY(query(server_.reads(), copy_sql(probe)));
    CopyRows rows(server_.reads(), 1);
    ROWTIDE_TRY(rows.next());
  }
  ScanPlan plan;
  plan.schema = relation.decoder->schema();
  if (table.method == ScanMethod::kKeyRange) {
    ROWTIDE_TRY_ASSIGN(plan.cuts, load_key_cuts(server_.reads(), relation, parts));
    plan.key_of = [columns = relation.key_columns](std::span<const Value> cells) {
      ScanKey key;
      for (const std::uint32_t column : columns) {
        key.push_back(key_text(cells[column]));
      }
      return key;
    };
  } else if (table.method == ScanMethod::kLocation && table.estimated_rows >= kWorthCutting) {
    for (std::size_t part = 1; part < parts; ++part) {
      const auto block = static_cast<std::uint32_t>(relation.blocks * part / parts);
      if (block > 0) {
        plan.cuts.push_back({location_text({block - 1, kLastItem}), relation.file});
      }
    }
  }
  return plan;
}

Result<std::uint64_t> PostgresChunkReader::load() {
  auto counted = count_active();
  if (!counted) {
    drop();
  }
  return counted;
}

Result<std::uint64_t> PostgresChunkReader::count_active() {
  ROWTIDE_TRY(server_.connect());
  ROWTIDE_TRY_ASSIGN(const auto rows, query(server_.reads(), kActiveSql));
  // Of sessions that it may not see the server tells neither the state nor what they are.
  if (rows.integer(0, 1) > 0) {
    return fail(operator_error(
        Code::kPermission,
        "max_load is set, but the role may not see what the sessions of others do",
        "GRANT pg_read_all_stats to the role, or take max_load out; then resume the backfill"));
  }
  return static_cast<std::uint64_t>(rows.integer(0, 0));
}

Result<std::vector<std::size_t>> PostgresChunkReader::order(const ScanTable& table,
                                                            std::span<const ScanKey> keys) {
  auto ordered = make_order(table, keys);
  if (!ordered) {
    drop();
  }
  return ordered;
}

Result<std::vector<std::size_t>> PostgresChunkReader::make_order(const ScanTable& table,
                                                                 std::span<const ScanKey> keys) {
  std::vector<std::size_t> ordered;
  if (keys.empty()) {
    return ordered;
  }
  if (table.method == ScanMethod::kLocation) {
    std::vector<std::pair<RowLocation, std::size_t>> places;
    for (const ScanKey& key : keys) {
      ROWTIDE_TRY_ASSIGN(const RowLocation location,
                         parse_location(key.empty() ? std::string() : key.front()));
      places.emplace_back(location, places.size());
    }
    std::ranges::sort(places);
    for (const auto& [location, index] : places) {
      ordered.push_back(index);
    }
    return ordered;
  }
  ROWTIDE_TRY(server_.connect());
  ROWTIDE_TRY_ASSIGN(const ScanRelation relation, describe(table));
  const bool fit = std::ranges::all_of(
      keys, [&](const ScanKey& key) { return !key.empty() && key.size() <= relation.key.size(); });
  if (!fit) {
    return fail(does_not_fit(relation.display_name()));
  }
  ROWTIDE_TRY_ASSIGN(const auto rows, query(server_.reads(), order_sql(relation.key, keys)));
  for (int row = 0; row < rows.rows(); ++row) {
    ordered.push_back(static_cast<std::size_t>(rows.integer(row, 0)));
  }
  return ordered;
}

Error PostgresChunkReader::give_up(Error error) {
  Error told = server_.explain(std::move(error));
  // Whoever only waited has nothing to give up.
  if (told.code == Code::kTimeout) {
    chunk_.reset();
  } else {
    drop();
  }
  return told;
}

Result<void> PostgresChunkReader::open_chunk(const ChunkRequest& request, Deadline until) {
  auto opened = start_chunk(request, until);
  if (!opened) {
    return fail(give_up(std::move(opened).error()));
  }
  return opened;
}

Result<void> PostgresChunkReader::start_chunk(const ChunkRequest& request, Deadline until) {
  if (delivered_->timeline() == 0) {
    return fail(retry_error(Code::kConnection, "the stream has not been opened yet"));
  }
  ROWTIDE_TRY(server_.connect());
  ROWTIDE_TRY(server_.verify());
  if (!runtime_.failpoints.armed(Failpoint::kSkipVisibilityBarrier)) {
    ROWTIDE_TRY(server_.wait_until_visible(until));
  }
  ROWTIDE_TRY_ASSIGN(ScanRelation relation, begin_snapshot(request.table, until));
  chunk_.emplace(Chunk{.relation = std::move(relation),
                       .method = request.table.method,
                       .outputs = {},
                       .whole_binary = false,
                       .rows = nullptr,
                       .builder = BatchBuilder(kSliceLimits, nullptr),
                       .limit_rows = request.keys.empty()
                                         ? std::max<std::uint64_t>(1, request.limit_rows)
                                         : std::numeric_limits<std::uint64_t>::max(),
                       .last_row = {},
                       .last_location = {},
                       .place = {},
                       .end = {}});
  ScanQuery scan = query_of(chunk_->relation, request.filter);
  ROWTIDE_TRY_ASSIGN(const auto chosen, chosen_columns(chunk_->relation, request.filter));
  const auto& columns = chunk_->relation.decoder->schema()->columns;
  for (std::uint32_t i = 0; i < chosen.size(); ++i) {
    if (chosen[i]) {
      const bool binary = chunk_->relation.binary[i];
      const std::string name = "t." + quote_identifier(columns[i].name);
      chunk_->outputs.push_back({i, binary ? 'b' : 't'});
      scan.outputs.push_back(binary ? name : text_of(name));
    }
  }
  chunk_->whole_binary =
      request.table.method != ScanMethod::kLocation && chunk_->outputs.size() == columns.size() &&
      std::ranges::all_of(chunk_->outputs,
                          [](const Output& output) { return output.format == 'b'; });
  if (request.table.method == ScanMethod::kKeyRange) {
    ROWTIDE_TRY(limit_by_key(request, scan));
  } else if (request.table.method == ScanMethod::kLocation) {
    ROWTIDE_TRY(limit_by_location(request, scan));
  }
  ROWTIDE_TRY_ASSIGN(const auto started, query(server_.reads(), copy_sql(scan)));
  if (PQresultStatus(started.get()) != PGRES_COPY_OUT) {
    return fail(retry_error(Code::kProtocol, "the server did not start to copy"));
  }
  chunk_->rows = std::make_unique<CopyRows>(server_.reads(), scan.outputs.size());
  return {};
}

Result<ScanRelation> PostgresChunkReader::describe(const ScanTable& table) {
  return server_.reads_relations().load(server_.reads(), static_cast<std::uint32_t>(table.table_id),
                                        types_);
}

// The lock comes before the snapshot, so that the description holds until the rows are read.
Result<ScanRelation> PostgresChunkReader::begin_snapshot(const ScanTable& table, Deadline until) {
  if (!locked_ || locked_->table_id != table.table_id) {
    ROWTIDE_TRY_ASSIGN(locked_, load_lock_name(table));
  }
  // By the name that it had at the last chunk: one question less. Taken back until it has proven
  // right, so that a name that is not the table's any more is looked up at the next attempt.
  LockName locked = *std::exchange(locked_, std::nullopt);
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - runtime_.clock.now());
  auto begun =
      query(server_.reads(),
            fmt::format("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
                        " SET LOCAL lock_timeout = {}; LOCK TABLE {} IN ACCESS SHARE MODE",
                        std::clamp<std::int64_t>(left.count(), 100, 600'000), locked.quoted));
  if (!begun && begun.error().code == Code::kNotFound) {
    return fail(renamed(table));
  }
  ROWTIDE_TRY(std::move(begun));
  ROWTIDE_TRY_ASSIGN(ScanRelation relation, describe(table));
  if (relation.schema != locked.schema || relation.table != locked.table) {
    return fail(renamed(table));
  }
  locked_ = std::move(locked);
  return relation;
}

Result<PostgresChunkReader::LockName> PostgresChunkReader::load_lock_name(const ScanTable& table) {
  ROWTIDE_TRY_ASSIGN(
      const auto name,
      query(server_.reads(),
            fmt::format("SELECT CASE c.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END ||"
                        " pg_catalog.quote_ident(n.nspname) || '.' ||"
                        " pg_catalog.quote_ident(c.relname), n.nspname, c.relname"
                        " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON"
                        " n.oid = c.relnamespace WHERE c.oid = {}",
                        table.table_id)));
  if (name.rows() == 0) {
    return fail(operator_error(
        Code::kNotFound, fmt::format("table {} does not exist any more", table.qualified_name()),
        "Leave it out, or start a new backfill for what took its place"));
  }
  return LockName{.table_id = table.table_id,
                  .quoted = std::string(name.text(0, 0)),
                  .schema = std::string(name.text(0, 1)),
                  .table = std::string(name.text(0, 2))};
}

Result<void> PostgresChunkReader::limit_by_key(const ChunkRequest& request,
                                               ScanQuery& query) const {
  const ScanRelation& relation = chunk_->relation;
  const auto fits = [&](const std::optional<ScanKey>& key) {
    return !key || (!key->empty() && key->size() <= relation.key.size());
  };
  if (relation.key.empty() || !fits(request.after) || !fits(request.up_to) ||
      !std::ranges::all_of(request.keys, fits)) {
    return fail(does_not_fit(relation.display_name()));
  }
  if (!request.keys.empty()) {
    // Not in order: the server would rather read the whole index than look each of them up.
    std::vector<std::string> rows;
    for (const ScanKey& key : request.keys) {
      rows.push_back(key_condition(relation.key, "=", key));
    }
    query.conditions.push_back(fmt::format("{}", fmt::join(rows, " OR ")));
    return {};
  }
  if (request.after) {
    query.conditions.push_back(key_condition(relation.key, ">", *request.after));
  }
  if (request.up_to) {
    query.conditions.push_back(key_condition(relation.key, "<=", *request.up_to));
  }
  query.order = relation.key;
  query.limit_rows = chunk_->limit_rows;
  return {};
}

Result<void> PostgresChunkReader::limit_by_location(const ChunkRequest& request, ScanQuery& query) {
  const ScanRelation& relation = chunk_->relation;
  if (!relation.changes_are_whole || relation.partitioned) {
    return fail(does_not_fit(relation.display_name()));
  }
  RowLocation after;
  std::uint64_t first_block = 0;
  if (request.after) {
    ROWTIDE_TRY_ASSIGN(after, location_of(*request.after));
    query.conditions.push_back(location_condition(">", after));
    first_block = after.block + std::uint64_t{after.item >= kLastItem ? 1U : 0U};
  }
  const auto blocks = std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(static_cast<double>(request.limit_rows) /
                                    std::max(1.0, relation.rows_per_block)));
  const std::uint64_t end_block = first_block + blocks;
  std::optional<RowLocation> end;
  if (end_block < relation.blocks) {
    end = RowLocation{static_cast<std::uint32_t>(end_block - 1), kLastItem};
  }
  if (request.up_to) {
    ROWTIDE_TRY_ASSIGN(const RowLocation up_to, location_of(*request.up_to));
    if (!end || up_to <= *end) {
      query.conditions.push_back(location_condition("<=", up_to));
      end.reset();
    }
  }
  if (end) {
    query.conditions.push_back(location_condition("<=", *end));
    chunk_->end = ScanKey{location_text(*end), relation.file};
  }
  query.outputs.emplace_back("t.ctid");
  return {};
}

Result<RowLocation> PostgresChunkReader::location_of(const ScanKey& key) const {
  if (key.size() != 2) {
    return fail(does_not_fit(chunk_->relation.display_name()));
  }
  if (key[1] != chunk_->relation.file) {
    return fail(rewritten(chunk_->relation.display_name()));
  }
  return parse_location(key[0]);
}

Result<ChunkSlice> PostgresChunkReader::read() {
  ROWTIDE_ASSERT(chunk_.has_value());
  auto slice = read_slice();
  if (!slice) {
    return fail(give_up(std::move(slice).error()));
  }
  return slice;
}

Result<ChunkSlice> PostgresChunkReader::read_slice() {
  Chunk& chunk = *chunk_;
  chunk.builder.reset();
  chunk.builder.begin_transaction({});
  while (!chunk.builder.full()) {
    ROWTIDE_TRY_ASSIGN(const bool more, chunk.whole_binary ? take_tuple() : take_fields());
    if (!more) {
      break;
    }
  }
  ChunkSlice slice;
  if (chunk.builder.rows_in_transaction() == 0) {
    if (chunk.method == ScanMethod::kLocation) {
      slice.next = chunk.end;
    } else if (chunk.rows_read >= chunk.limit_rows) {
      slice.next = chunk.place;
    }
    return slice;
  }
  chunk.place = place();
  chunk.builder.end_transaction({});
  slice.rows = chunk.builder.take();
  slice.next = chunk.place;
  return slice;
}

Result<bool> PostgresChunkReader::take_tuple() {
  Chunk& chunk = *chunk_;
  ROWTIDE_TRY_ASSIGN(const std::string_view tuple, chunk.rows->next_tuple());
  if (tuple.empty()) {
    return false;
  }
  RelationDecoder& decoder = *chunk.relation.decoder;
  const std::span<Value> cells = chunk.builder.allocate_cells(decoder.schema()->columns.size());
  ROWTIDE_TRY(decoder.decode_copy_tuple(tuple, chunk.builder.arena(), cells));
  add_row(cells);
  return true;
}

Result<bool> PostgresChunkReader::take_fields() {
  Chunk& chunk = *chunk_;
  ROWTIDE_TRY_ASSIGN(const auto* const fields, chunk.rows->next());
  if (fields == nullptr) {
    return false;
  }
  RelationDecoder& decoder = *chunk.relation.decoder;
  const std::span<Value> cells = chunk.builder.allocate_cells(decoder.schema()->columns.size());
  for (std::size_t i = 0; i < chunk.outputs.size(); ++i) {
    const Output& output = chunk.outputs[i];
    const auto& field = (*fields)[i];
    if (!field) {
      cells[output.column] = Value::null();
      continue;
    }
    Arena& arena = chunk.builder.arena();
    ROWTIDE_TRY(decoder.decode_cell(output.column, output.format, arena.copy(*field), arena,
                                    cells[output.column]));
  }
  if (chunk.method == ScanMethod::kLocation) {
    Cursor cursor(fields->back().value_or(std::string_view()));
    chunk.last_location.block = cursor.u32_be();
    chunk.last_location.item = cursor.u16_be();
    if (!cursor.ok()) {
      return fail(retry_error(Code::kProtocol, "a row came without its location"));
    }
  }
  add_row(cells);
  return true;
}

void PostgresChunkReader::add_row(std::span<const Value> cells) {
  Chunk& chunk = *chunk_;
  Event event;
  event.op = Op::kRead;
  event.after = cells;
  chunk.builder.add_row(event, chunk.relation.decoder->schema());
  ++chunk.rows_read;
  chunk.last_row = cells;
}

std::optional<ScanKey> PostgresChunkReader::place() const {
  const Chunk& chunk = *chunk_;
  if (chunk.method == ScanMethod::kWhole) {
    return std::nullopt;
  }
  if (chunk.method == ScanMethod::kLocation) {
    return ScanKey{location_text(chunk.last_location), chunk.relation.file};
  }
  ScanKey key;
  for (const std::uint32_t column : chunk.relation.key_columns) {
    key.push_back(key_text(chunk.last_row[column]));
  }
  return key;
}

Result<Position> PostgresChunkReader::finish_chunk() {
  ROWTIDE_ASSERT(chunk_.has_value());
  auto position = end_chunk();
  if (!position) {
    return fail(give_up(std::move(position).error()));
  }
  chunk_.reset();
  return position;
}

Result<Position> PostgresChunkReader::end_chunk() {
  while (true) {
    ROWTIDE_TRY_ASSIGN(const auto* const fields, chunk_->rows->next());
    if (fields == nullptr) {
      break;
    }
  }
  ROWTIDE_TRY(query(server_.reads(), "COMMIT"));
  return server_.finish();
}

}  // namespace rowtide::postgres
