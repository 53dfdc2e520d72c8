#include "sources/postgres/row_decoder.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "engine/base/assert.h"
#include "engine/base/cursor.h"
#include "sources/postgres/value_decode_binary.h"
#include "sources/postgres/value_decode_text.h"

namespace rowtide::postgres {
namespace {

Column describe_column(const RelationColumn& wire, const TypeCatalog& catalog) {
  Column column;
  column.name = wire.name;
  column.type = logical_type(catalog, wire.type_oid);
  column.source_type = format_type(catalog, wire.type_oid, wire.type_modifier);
  const TypeInfo* type = catalog.find(wire.type_oid);
  column.builtin =
      type != nullptr && TypeCatalog::builtin(wire.type_oid) && type->schema == "pg_catalog";
  const DecimalLimits limits = decimal_limits(catalog, wire.type_oid, wire.type_modifier);
  column.precision = limits.precision;
  column.scale = limits.scale;
  return column;
}

void set_all_columns_as_key(TableSchema& schema) {
  schema.key_columns.resize(schema.columns.size());
  for (std::uint32_t i = 0; i < schema.key_columns.size(); ++i) {
    schema.key_columns[i] = i;
  }
  schema.key_is_unique = false;
}

}  // namespace

Result<std::unique_ptr<RelationDecoder>> RelationDecoder::create(const RelationMessage& relation,
                                                                 const TypeCatalog& catalog) {
  std::unique_ptr<RelationDecoder> decoder(new RelationDecoder);
  decoder->context_.catalog = &catalog;
  decoder->replica_identity_ = relation.replica_identity;
  auto schema = std::make_shared<TableSchema>();
  schema->table_id = relation.relation_id;
  schema->schema = relation.schema;
  schema->table = relation.table;
  const bool flags_name_key = relation.replica_identity == 'd' || relation.replica_identity == 'i';
  for (const RelationColumn& wire : relation.columns) {
    if (wire.is_key && flags_name_key) {
      schema->key_columns.push_back(static_cast<std::uint32_t>(schema->columns.size()));
    }
    schema->columns.push_back(describe_column(wire, catalog));
    ColumnPlan plan;
    plan.type_oid = catalog.base_of(wire.type_oid);
    plan.text = text_decoder(catalog, plan.type_oid);
    plan.binary = binary_decoder(catalog, plan.type_oid);
    plan.in_identity = wire.is_key;
    decoder->plan_.push_back(plan);
    decoder->binary_supported_ =
        decoder->binary_supported_ && postgres::binary_supported(catalog, plan.type_oid);
  }
  schema->key_is_unique = !schema->key_columns.empty();
  if (relation.replica_identity == 'f') {
    set_all_columns_as_key(*schema);
  }
  decoder->schema_ = std::move(schema);
  return decoder;
}

Result<void> RelationDecoder::set_primary_key(std::span<const std::string> column_names) {
  if (replica_identity_ == 'd' || replica_identity_ == 'i') {
    return {};
  }
  auto schema = std::make_shared<TableSchema>(*schema_);
  schema->key_columns.clear();
  for (const std::string& name : column_names) {
    const auto found = std::ranges::find(schema->columns, name, &Column::name);
    if (found == schema->columns.end()) {
      return fail(
          operator_error(Code::kSchema,
                         fmt::format("table {}: key column {} is not among its published columns",
                                     schema->qualified_name(), name),
                         "Publish every column of the table's primary key"));
    }
    schema->key_columns.push_back(static_cast<std::uint32_t>(found - schema->columns.begin()));
  }
  schema->key_is_unique = !schema->key_columns.empty();
  if (schema->key_columns.empty() && replica_identity_ == 'f') {
    set_all_columns_as_key(*schema);
  }
  schema_ = std::move(schema);
  return {};
}

Result<void> RelationDecoder::decode_row(const RowMessage& row, BatchBuilder& out, Event& event) {
  event.schema = schema_.get();
  event.before_image = BeforeImage::kNone;
  event.before = {};
  event.after = {};
  if (row.old_kind != 0) {
    const std::span<Value> before = out.allocate_cells(plan_.size());
    ROWTIDE_TRY(decode_tuple(row.old_tuple, out.arena(), before));
    const bool whole_row = row.old_kind == 'O';
    if (!whole_row) {
      keep_identity_only(before);
    }
    event.before_image = whole_row ? BeforeImage::kFull : BeforeImage::kKey;
    event.before = before;
  }
  if (row.type == MessageType::kDelete) {
    event.op = Op::kDelete;
    return {};
  }
  event.op = row.type == MessageType::kInsert ? Op::kCreate : Op::kUpdate;
  const std::span<Value> after = out.allocate_cells(plan_.size());
  ROWTIDE_TRY(decode_tuple(row.new_tuple, out.arena(), after));
  if (event.before_image == BeforeImage::kFull) {
    for (std::size_t i = 0; i < after.size(); ++i) {
      if (after[i].kind() == ValueKind::kUnchanged) {
        after[i] = event.before[i];
      }
    }
  }
  event.after = after;
  return {};
}

// In a key tuple the columns outside the identity are sent as NULL, which says nothing about them.
void RelationDecoder::keep_identity_only(std::span<Value> cells) const {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (!plan_[i].in_identity) {
      cells[i] = Value::absent();
    }
  }
}

Result<void> RelationDecoder::decode_tuple(std::string_view tuple, Arena& arena,
                                           std::span<Value> cells) {
  ROWTIDE_ASSERT(cells.size() == plan_.size());
  context_.arena = &arena;
  Cursor cursor(arena.copy(tuple));
  if (cursor.u16_be() != plan_.size()) {
    return fail(tuple_error(0, "another number of columns than its relation message"));
  }
  const ColumnPlan* plan = plan_.data();
  for (Value& cell : cells) {
    const std::size_t column_at = cursor.offset();
    const auto format = static_cast<char>(cursor.u8());
    switch (format) {
      case 't':
      case 'b': {
        const std::string_view bytes = cursor.take(cursor.u32_be());
        if (!cursor.ok()) [[unlikely]] {
          return fail(tuple_error(column_at, "the tuple ends inside a column"));
        }
        const CellDecoder decoder = format == 't' ? plan->text : plan->binary;
        if (!decoder(bytes, plan->type_oid, context_, cell)) [[unlikely]] {
          return fail(cell_error(static_cast<std::size_t>(plan - plan_.data()), format));
        }
        break;
      }
      case 'n':
        cell = Value::null();
        break;
      case 'u':
        cell = Value::unchanged();
        break;
      default:
        return fail(tuple_error(column_at, cursor.ok() ? "unknown column format"
                                                       : "the tuple ends before its last column"));
    }
    ++plan;
  }
  if (cursor.remaining() != 0) {
    return fail(tuple_error(cursor.offset(), "bytes left over"));
  }
  return {};
}

Result<void> RelationDecoder::decode_copy_tuple(std::string_view tuple, Arena& arena,
                                                std::span<Value> cells) {
  ROWTIDE_ASSERT(cells.size() == plan_.size());
  context_.arena = &arena;
  Cursor cursor(arena.copy(tuple));
  if (cursor.u16_be() != plan_.size()) {
    return fail(tuple_error(0, "another number of fields than the table has columns"));
  }
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::size_t column_at = cursor.offset();
    const std::int32_t size_bytes = cursor.i32_be();
    if (cursor.ok() && size_bytes == -1) {
      cells[i] = Value::null();
      continue;
    }
    const std::string_view bytes = cursor.take(static_cast<std::uint32_t>(size_bytes));
    if (!cursor.ok()) {
      return fail(tuple_error(column_at, "the tuple ends inside a field"));
    }
    if (!plan_[i].binary(bytes, plan_[i].type_oid, context_, cells[i])) {
      return fail(cell_error(i, 'b'));
    }
  }
  if (cursor.remaining() != 0) {
    return fail(tuple_error(cursor.offset(), "bytes left over"));
  }
  return {};
}

Result<void> RelationDecoder::decode_cell(std::size_t column, char format, std::string_view bytes,
                                          Arena& arena, Value& cell) {
  ROWTIDE_ASSERT(column < plan_.size() && (format == 't' || format == 'b'));
  context_.arena = &arena;
  const ColumnPlan& plan = plan_[column];
  const CellDecoder decoder = format == 't' ? plan.text : plan.binary;
  if (!decoder(bytes, plan.type_oid, context_, cell)) {
    return fail(cell_error(column, format));
  }
  return {};
}

Error RelationDecoder::tuple_error(std::size_t offset, std::string_view what) const {
  return fatal_error(
      Code::kProtocol,
      fmt::format("row of table {} is malformed at byte {} of its tuple: {}",
                  schema_->qualified_name(), offset, what),
      "Check that nothing between this host and the PostgreSQL server alters the connection");
}

Error RelationDecoder::cell_error(std::size_t column, char format) const {
  const Column& description = schema_->columns[column];
  return fatal_error(
      Code::kData,
      fmt::format("table {} column {}: the {} form of a value is not one of type {}",
                  schema_->qualified_name(), description.name, format == 't' ? "text" : "binary",
                  description.source_type),
      "Exclude the column or the table, and report the column's type and the server's version");
}

}  // namespace rowtide::postgres
