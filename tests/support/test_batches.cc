#include "tests/support/test_batches.h"

#include <cstdlib>
#include <iterator>

#include "engine/base/assert.h"

namespace rowtide::test {
namespace {

ValueKind integer_kind(LogicalType type) {
  switch (type) {
    case LogicalType::kDate:
      return ValueKind::kDate;
    case LogicalType::kTime:
      return ValueKind::kTime;
    case LogicalType::kTimestamp:
      return ValueKind::kTimestamp;
    case LogicalType::kTimestampTz:
      return ValueKind::kTimestampTz;
    default:
      return ValueKind::kInteger;
  }
}

ValueKind bytes_kind(LogicalType type) {
  switch (type) {
    case LogicalType::kDecimal:
      return ValueKind::kDecimal;
    case LogicalType::kUuid:
      return ValueKind::kUuid;
    case LogicalType::kBytes:
      return ValueKind::kBytes;
    case LogicalType::kJson:
      return ValueKind::kJson;
    case LogicalType::kDate:
    case LogicalType::kTimestamp:
    case LogicalType::kTimestampTz:
    case LogicalType::kLiteral:
      return ValueKind::kLiteral;
    default:
      return ValueKind::kText;
  }
}

Column column(std::string name, LogicalType type, std::string source_type) {
  Column made;
  made.name = std::move(name);
  made.type = type;
  made.source_type = std::move(source_type);
  made.builtin = true;
  return made;
}

std::vector<Column> orders_columns() {
  auto columns = std::vector<Column>{
      column("id", LogicalType::kInt64, "bigint"), column("customer", LogicalType::kText, "text"),
      column("amount", LogicalType::kDecimal, "numeric(12,2)"),
      column("paid", LogicalType::kBoolean, "boolean"), column("note", LogicalType::kText, "text")};
  columns[2].precision = 12;
  columns[2].scale = 2;
  return columns;
}

}  // namespace

Value Cell::to_value(LogicalType type, Arena& arena) const {
  struct Visitor {
    LogicalType type;
    Arena& arena;
    Value operator()(AbsentCell) const { return Value::absent(); }
    Value operator()(UnchangedCell) const { return Value::unchanged(); }
    Value operator()(std::nullptr_t) const { return Value::null(); }
    Value operator()(bool v) const { return Value::boolean(v); }
    Value operator()(std::int64_t v) const { return Value::integer_of(integer_kind(type), v); }
    Value operator()(std::uint64_t v) const { return Value::unsigned_integer(v); }
    Value operator()(double v) const {
      return type == LogicalType::kFloat32 ? Value::float32(static_cast<float>(v))
                                           : Value::float64(v);
    }
    Value operator()(const std::string& v) const {
      return Value::bytes_of(bytes_kind(type), arena.copy(v));
    }
  };
  return std::visit(Visitor{type, arena}, content_);
}

SchemaPtr make_schema(std::uint64_t table_id, std::string schema, std::string table,
                      std::vector<Column> columns, std::vector<std::uint32_t> key_columns) {
  auto made = std::make_shared<TableSchema>();
  made->table_id = table_id;
  made->schema = std::move(schema);
  made->table = std::move(table);
  made->columns = std::move(columns);
  made->key_is_unique = !key_columns.empty();
  made->key_columns = std::move(key_columns);
  return made;
}

SchemaPtr orders_schema() {
  static const SchemaPtr made = make_schema(1001, "public", "orders", orders_columns(), {0});
  return made;
}

SchemaPtr orders_with_channel_schema() {
  static const SchemaPtr made = [] {
    auto columns = orders_columns();
    columns.push_back(column("channel", LogicalType::kText, "text"));
    return make_schema(1001, "public", "orders", std::move(columns), {0});
  }();
  return made;
}

SchemaPtr items_schema() {
  static const SchemaPtr made = make_schema(
      1002, "public", "items",
      {column("order_id", LogicalType::kInt64, "bigint"),
       column("line", LogicalType::kInt32, "integer"), column("sku", LogicalType::kText, "text"),
       column("quantity", LogicalType::kInt32, "integer")},
      {0, 1});
  return made;
}

SchemaPtr keyless_schema() {
  static const SchemaPtr made =
      make_schema(1003, "public", "visits",
                  {column("page", LogicalType::kText, "text"),
                   column("seen_at", LogicalType::kTimestampTz, "timestamp with time zone")},
                  {});
  return made;
}

namespace {

SchemaPtr make_everything() {
  using enum LogicalType;
  std::vector<Column> columns{column("id", kInt64, "bigint")};
  const std::pair<LogicalType, const char*> types[] = {{kBoolean, "boolean"},
                                                       {kInt16, "smallint"},
                                                       {kInt32, "integer"},
                                                       {kInt64, "bigint"},
                                                       {kUint64, "bigint unsigned"},
                                                       {kFloat32, "real"},
                                                       {kFloat64, "double precision"},
                                                       {kDecimal, "numeric"},
                                                       {kDate, "date"},
                                                       {kTime, "time without time zone"},
                                                       {kTimestamp, "timestamp without time zone"},
                                                       {kTimestampTz, "timestamp with time zone"},
                                                       {kUuid, "uuid"},
                                                       {kBytes, "bytea"},
                                                       {kText, "text"},
                                                       {kJson, "jsonb"},
                                                       {kLiteral, "integer[]"}};
  for (const auto& [type, source_type] : types) {
    columns.push_back(column(std::string(to_string(type)), type, source_type));
  }
  return make_schema(1004, "public", "everything", std::move(columns), {0});
}

}  // namespace

SchemaPtr everything_schema() {
  static const SchemaPtr made = make_everything();
  return made;
}

TestBatches& TestBatches::begin() {
  builder_.begin_transaction(
      {.id = std::to_string(next_),
       .timeline = 1,
       .commit = 100 * next_,
       .committed_at_us = first_commit_us() + static_cast<std::int64_t>(next_) * 1'000'000,
       .start_token = token_of(next_ - 1)});
  return *this;
}

std::span<Value> TestBatches::cells_of(const TableSchema& schema, const Cells& cells) {
  ROWTIDE_ASSERT(cells.size() == schema.columns.size());
  auto values = builder_.allocate_cells(cells.size());
  for (std::size_t i = 0; i < cells.size(); ++i) {
    values[i] = cells[i].to_value(schema.columns[i].type, builder_.arena());
  }
  return values;
}

TestBatches& TestBatches::insert(const SchemaPtr& schema, const Cells& after) {
  Event event;
  event.op = Op::kCreate;
  event.after = cells_of(*schema, after);
  builder_.add_row(event, schema);
  return *this;
}

TestBatches& TestBatches::read(const SchemaPtr& schema, const Cells& after) {
  Event event;
  event.op = Op::kRead;
  event.after = cells_of(*schema, after);
  builder_.add_row(event, schema);
  return *this;
}

TestBatches& TestBatches::update(const SchemaPtr& schema, const Cells& after, const Cells& before,
                                 BeforeImage image) {
  Event event;
  event.op = Op::kUpdate;
  event.after = cells_of(*schema, after);
  if (!before.empty()) {
    event.before = cells_of(*schema, before);
    event.before_image = image;
  }
  builder_.add_row(event, schema);
  return *this;
}

TestBatches& TestBatches::remove(const SchemaPtr& schema, const Cells& before, BeforeImage image) {
  Event event;
  event.op = Op::kDelete;
  event.before = cells_of(*schema, before);
  event.before_image = image;
  builder_.add_row(event, schema);
  return *this;
}

TestBatches& TestBatches::truncate(const SchemaPtr& schema) {
  Event event;
  event.op = Op::kTruncate;
  builder_.add_row(event, schema);
  return *this;
}

TestBatches& TestBatches::message(std::string_view prefix, std::string_view content) {
  Event event;
  event.op = Op::kMessage;
  event.message_prefix = builder_.arena().copy(prefix);
  event.message_content = builder_.arena().copy(content);
  builder_.add_attached(event, nullptr);
  return *this;
}

TestBatches& TestBatches::announce(const SchemaPtr& schema) {
  Event event;
  event.op = Op::kSchema;
  builder_.add_attached(event, schema);
  return *this;
}

TestBatches& TestBatches::commit() {
  builder_.end_transaction(token_of(next_++));
  return *this;
}

TestBatches& TestBatches::advance() {
  builder_.advance(end_of(next_), token_of(next_));
  ++next_;
  return *this;
}

TestBatches& TestBatches::orders(std::initializer_list<int> ids) {
  begin();
  for (const int id : ids) {
    orders_row(id);
  }
  return commit();
}

TestBatches& TestBatches::orders_row(int id) {
  const auto number = std::to_string(id);
  return insert(orders_schema(), {id, "customer-" + number, number + ".50", true, nullptr});
}

}  // namespace rowtide::test
