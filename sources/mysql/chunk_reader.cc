#include "sources/mysql/chunk_reader.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "engine/base/assert.h"
#include "sources/mysql/text_cell.h"

namespace rowtide::mysql {
namespace {

constexpr BatchBuilder::Limits kSliceLimits{.batch_bytes = std::size_t{256} << 10,
                                            .batch_events = 1024};

Error does_not_fit(const TableSchema& table) {
  return operator_error(Code::kSchema,
                        fmt::format("table {} was changed: its backfill cannot go on where it was",
                                    table.qualified_name()),
                        "Cancel the backfill and start it anew");
}

ScanKey place_of(std::span<const std::uint32_t> key_columns, std::span<const Value> cells) {
  ScanKey key;
  for (const std::uint32_t column : key_columns) {
    key.push_back(key_text(cells[column]));
  }
  return key;
}

// Indexes of the columns that are read.
Result<std::vector<std::uint32_t>> chosen_columns(const TableShape& shape,
                                                  const ScanFilter& filter) {
  const TableSchema& schema = *shape.schema;
  std::vector<bool> chosen(schema.columns.size(), filter.columns.empty());
  for (const std::string& name : filter.columns) {
    const auto found = std::ranges::find(schema.columns, name, &Column::name);
    if (found == schema.columns.end()) {
      return fail(operator_error(
          Code::kConfig, fmt::format("table {} has no column {}", schema.qualified_name(), name),
          "See the table's columns"));
    }
    chosen[static_cast<std::size_t>(found - schema.columns.begin())] = true;
  }
  std::vector<std::uint32_t> indexes;
  for (std::uint32_t i = 0; i < chosen.size(); ++i) {
    if (chosen[i] || shape.is_key[i]) {
      indexes.push_back(i);
    }
  }
  return indexes;
}

ScanQuery query_of(const ScanRelation& relation, const ScanFilter& filter) {
  ScanQuery query;
  query.table = relation.sql_name;
  if (!filter.where.empty()) {
    query.conditions.push_back(filter.where);
  }
  return query;
}

std::string column_name(const Column& column) {
  return "t." + quote_identifier(column.name);
}

bool may_see_sessions(const SqlRows& grants) {
  return std::ranges::any_of(grants.rows, [](const SqlRow& row) {
    const std::string text = row.empty() ? std::string() : row.front().value_or("");
    const auto on_all = text.find(" ON *.*");
    return on_all != std::string::npos &&
           (text.find(" PROCESS") < on_all || text.find("ALL PRIVILEGES") < on_all);
  });
}

}  // namespace

MysqlChunkReader::MysqlChunkReader(const MysqlSourceConfig& config, ConnectOptions connect,
                                   CapturedTables captured,
                                   std::shared_ptr<DeliveredState> delivered,
                                   const Runtime& runtime)
    : config_(config),
      captured_(std::move(captured)),
      delivered_(delivered),
      runtime_(runtime),
      session_(std::move(connect), std::move(delivered), runtime) {}

void MysqlChunkReader::drop() noexcept {
  chunk_.reset();
  session_.drop();
}

// A chunk that was left in its middle leaves rows in the connection.
Result<void> MysqlChunkReader::connect() {
  if (chunk_) {
    drop();
  }
  return session_.connect();
}

// Nothing is kept of a connection in a state that is not known, and little is lost with it.
Error MysqlChunkReader::give_up(Error error) {
  drop();
  return error;
}

Result<std::vector<ScanTable>> MysqlChunkReader::tables(std::span<const std::string> patterns) {
  const auto load = [&]() -> Result<std::vector<ScanTable>> {
    ROWTIDE_TRY(connect());
    return load_scan_tables(session_.control(), config_, captured_, patterns);
  };
  auto tables = load();
  return tables ? std::move(tables) : fail(give_up(std::move(tables).error()));
}

Result<ScanRelation> MysqlChunkReader::relation_of(const ScanTable& table) {
  const SchemaPtr announced = delivered_->latest_schema(table.table_id);
  ROWTIDE_TRY_ASSIGN(auto relation,
                     load_scan_relation(session_.control(), config_, table, announced.get()));
  // So that a TRUNCATE of a table of which the stream has seen no row is told as one.
  if (announced == nullptr) {
    delivered_->announced(relation.schema());
  }
  return relation;
}

Result<ScanPlan> MysqlChunkReader::plan(const ScanTable& table, const ScanFilter& filter,
                                        std::size_t parts) {
  auto plan = make_plan(table, filter, parts);
  return plan ? std::move(plan) : fail(give_up(std::move(plan).error()));
}

Result<ScanPlan> MysqlChunkReader::make_plan(const ScanTable& table, const ScanFilter& filter,
                                             std::size_t parts) {
  ROWTIDE_TRY(connect());
  ROWTIDE_TRY_ASSIGN(const ScanRelation relation, relation_of(table));
  ROWTIDE_TRY(chosen_columns(*relation.shape, filter));
  if (!filter.where.empty()) {
    // Before anything is read, so that a condition that cannot be is told at once.
    ScanQuery probe = query_of(relation, filter);
    probe.outputs = {"1"};
    probe.limit_rows = 0;
    if (auto probed = session_.rows().run(scan_sql(probe)); !probed) {
      return fail(std::move(probed).error().with_context("the condition of the backfill"));
    }
  }
  ScanPlan plan;
  plan.schema = relation.schema();
  if (table.method == ScanMethod::kKeyRange) {
    if (relation.key.empty()) {
      return fail(does_not_fit(*relation.schema()));
    }
    ROWTIDE_TRY_ASSIGN(plan.cuts,
                       load_key_cuts(session_.control(), relation, table.estimated_rows, parts));
    plan.key_of = [columns = relation.key_columns](std::span<const Value> cells) {
      return place_of(columns, cells);
    };
  }
  return plan;
}

Result<std::uint64_t> MysqlChunkReader::load() {
  auto counted = count_active();
  return counted ? std::move(counted) : fail(give_up(std::move(counted).error()));
}

Result<std::uint64_t> MysqlChunkReader::count_active() {
  ROWTIDE_TRY(connect());
  ROWTIDE_TRY_ASSIGN(const auto grants, session_.control().query("SHOW GRANTS"));
  if (!may_see_sessions(grants)) {
    return fail(operator_error(
        Code::kPermission,
        "max_load is set, but the user may not see what the sessions of others do",
        "GRANT PROCESS ON *.* to the user, or take max_load out; then resume the backfill"));
  }
  ROWTIDE_TRY_ASSIGN(const auto active,
                     session_.control().query_value(fmt::format(
                         "SELECT COUNT(*) FROM information_schema.PROCESSLIST\n"
                         "WHERE COMMAND IN ('Query', 'Execute') AND ID <> CONNECTION_ID()\n"
                         "  AND (INFO IS NULL OR INFO NOT LIKE '{}%')",
                         kScanMark)));
  std::uint64_t sessions = 0;
  const std::string& text = active.value_or("0");
  std::from_chars(text.data(), text.data() + text.size(), sessions);
  return sessions;
}

Result<std::vector<std::size_t>> MysqlChunkReader::order(const ScanTable& table,
                                                         std::span<const ScanKey> keys) {
  auto ordered = make_order(table, keys);
  return ordered ? std::move(ordered) : fail(give_up(std::move(ordered).error()));
}

Result<std::vector<std::size_t>> MysqlChunkReader::make_order(const ScanTable& table,
                                                              std::span<const ScanKey> keys) {
  std::vector<std::size_t> ordered;
  if (keys.empty()) {
    return ordered;
  }
  ROWTIDE_TRY(connect());
  ROWTIDE_TRY_ASSIGN(const ScanRelation relation, relation_of(table));
  const bool fit = std::ranges::all_of(
      keys, [&](const ScanKey& key) { return !key.empty() && key.size() <= relation.key.size(); });
  if (!fit) {
    return fail(does_not_fit(*relation.schema()));
  }
  ROWTIDE_TRY_ASSIGN(const std::string sql, order_sql(relation.key, keys));
  ROWTIDE_TRY_ASSIGN(const auto rows, session_.control().query(sql));
  for (const SqlRow& row : rows.rows) {
    std::size_t index = 0;
    const std::string& text = row.front().value_or("0");
    std::from_chars(text.data(), text.data() + text.size(), index);
    ordered.push_back(index);
  }
  return ordered;
}

Result<void> MysqlChunkReader::open_chunk(const ChunkRequest& request, Deadline until) {
  auto opened = start_chunk(request, until);
  return opened ? std::move(opened) : fail(give_up(std::move(opened).error()));
}

Result<void> MysqlChunkReader::start_chunk(const ChunkRequest& request, Deadline until) {
  ROWTIDE_TRY(connect());
  ROWTIDE_TRY(session_.begin_snapshot(
      quote_identifier(request.table.schema) + "." + quote_identifier(request.table.table), until));
  ROWTIDE_TRY_ASSIGN(ScanRelation relation, relation_of(request.table));
  chunk_.emplace(Chunk{.relation = std::move(relation),
                       .method = request.table.method,
                       .outputs = {},
                       .builder = BatchBuilder(kSliceLimits, nullptr),
                       .limit_rows = request.keys.empty()
                                         ? std::max<std::uint64_t>(1, request.limit_rows)
                                         : std::numeric_limits<std::uint64_t>::max(),
                       .last_row = {},
                       .place = {},
                       .scratch = {}});
  ScanQuery scan = query_of(chunk_->relation, request.filter);
  ROWTIDE_TRY_ASSIGN(chunk_->outputs, chosen_columns(*chunk_->relation.shape, request.filter));
  for (const std::uint32_t column : chunk_->outputs) {
    scan.outputs.push_back(
        cell_expression(chunk_->relation.shape->columns[column],
                        column_name(chunk_->relation.schema()->columns[column])));
  }
  if (request.table.method == ScanMethod::kKeyRange) {
    ROWTIDE_TRY(limit_by_key(request, scan));
  }
  return session_.rows().start(scan_sql(scan));
}

Result<void> MysqlChunkReader::limit_by_key(const ChunkRequest& request, ScanQuery& query) const {
  const ScanRelation& relation = chunk_->relation;
  const auto fits = [&](const std::optional<ScanKey>& key) {
    return !key || (!key->empty() && key->size() <= relation.key.size());
  };
  if (relation.key.empty() || !fits(request.after) || !fits(request.up_to) ||
      !std::ranges::all_of(request.keys, fits)) {
    return fail(does_not_fit(*relation.schema()));
  }
  if (!request.keys.empty()) {
    std::vector<std::string> rows;
    for (const ScanKey& key : request.keys) {
      ROWTIDE_TRY_ASSIGN(const auto from, key_condition(relation.key, KeySide::kFrom, key));
      ROWTIDE_TRY_ASSIGN(const auto up_to, key_condition(relation.key, KeySide::kUpTo, key));
      rows.push_back(fmt::format("({} AND {})", from, up_to));
    }
    query.conditions.push_back(fmt::format("{}", fmt::join(rows, " OR ")));
  }
  if (request.after) {
    ROWTIDE_TRY_ASSIGN(auto condition,
                       key_condition(relation.key, KeySide::kBehind, *request.after));
    query.conditions.push_back(std::move(condition));
  }
  if (request.up_to) {
    ROWTIDE_TRY_ASSIGN(auto condition, key_condition(relation.key, KeySide::kUpTo, *request.up_to));
    query.conditions.push_back(std::move(condition));
  }
  for (const ScanKeyColumn& column : relation.key) {
    query.order.push_back("t." + quote_identifier(column.name));
  }
  if (request.keys.empty()) {
    query.limit_rows = chunk_->limit_rows;
  }
  return {};
}

Result<ChunkSlice> MysqlChunkReader::read() {
  ROWTIDE_ASSERT(chunk_.has_value());
  auto slice = read_slice();
  return slice ? std::move(slice) : fail(give_up(std::move(slice).error()));
}

Result<ChunkSlice> MysqlChunkReader::read_slice() {
  Chunk& chunk = *chunk_;
  chunk.builder.reset();
  chunk.builder.begin_transaction({});
  while (!chunk.builder.full()) {
    ROWTIDE_TRY_ASSIGN(const auto cells, session_.rows().next());
    if (!cells) {
      break;
    }
    ROWTIDE_TRY(take_row(*cells));
  }
  ChunkSlice slice;
  if (chunk.builder.rows_in_transaction() == 0) {
    if (chunk.rows_read >= chunk.limit_rows) {
      slice.next = chunk.place;
    }
    return slice;
  }
  if (chunk.method == ScanMethod::kKeyRange) {
    chunk.place = place_of(chunk.relation.key_columns, chunk.last_row);
  }
  chunk.builder.end_transaction({});
  slice.rows = chunk.builder.take();
  slice.next = chunk.place;
  return slice;
}

Result<void> MysqlChunkReader::take_row(RowQuery::Cells texts) {
  Chunk& chunk = *chunk_;
  const TableShape& shape = *chunk.relation.shape;
  const std::span<Value> cells = chunk.builder.allocate_cells(shape.columns.size());
  DecodeContext context;
  context.arena = &chunk.builder.arena();
  context.options = shape.options;
  context.scratch.swap(chunk.scratch);
  for (std::size_t i = 0; i < chunk.outputs.size(); ++i) {
    const std::uint32_t column = chunk.outputs[i];
    if (!texts[i]) {
      cells[column] = Value::null();
      continue;
    }
    const CellError error =
        decode_text_cell(shape.columns[column], *texts[i], context, cells[column]);
    if (error != CellError::kNone) {
      const std::string where = fmt::format("table {}, column {}", shape.schema->qualified_name(),
                                            shape.schema->columns[column].name);
      if (error == CellError::kLeftOut) {
        return fail(operator_error(
            Code::kData,
            where + ": the server sent nothing of a document whose text is longer than its "
                    "max_allowed_packet",
            "SET GLOBAL max_allowed_packet = 1073741824 on the server and resume the backfill, or "
            "leave the column or table out"));
      }
      return fail(operator_error(
          Code::kData,
          where + (error == CellError::kText ? ": the text is not valid in its character set"
                                             : ": the server sent no value of its type"),
          "Correct the row, or leave the column or table out"));
    }
  }
  context.scratch.swap(chunk.scratch);
  Event event;
  event.op = Op::kRead;
  event.after = cells;
  chunk.builder.add_row(event, shape.schema);
  ++chunk.rows_read;
  chunk.last_row = cells;
  return {};
}

Result<Position> MysqlChunkReader::finish_chunk() {
  ROWTIDE_ASSERT(chunk_.has_value());
  auto position = end_chunk();
  if (!position) {
    return fail(give_up(std::move(position).error()));
  }
  chunk_.reset();
  return position;
}

Result<Position> MysqlChunkReader::end_chunk() {
  while (true) {
    ROWTIDE_TRY_ASSIGN(const auto cells, session_.rows().next());
    if (!cells) {
      break;
    }
  }
  return session_.finish();
}

}  // namespace rowtide::mysql
