#include "sources/mysql/row_event.h"

#include <algorithm>
#include <bit>
#include <cstddef>

#include <fmt/format.h>

#include "sources/mysql/json_diff.h"

namespace rowtide::mysql {
namespace {

enum class RowsEventType : std::uint8_t {
  kWriteV1 = 23,
  kUpdateV1 = 24,
  kDeleteV1 = 25,
  kWriteV2 = 30,
  kUpdateV2 = 31,
  kDeleteV2 = 32,
  kPartialUpdate = 39,
};

constexpr std::uint64_t kPartialJson = 1;

bool bit_at(std::string_view bits, std::size_t index) {
  return ((static_cast<unsigned char>(bits[index / 8]) >> (index % 8)) & 1U) != 0;
}

bool has_bit(std::string_view bits, std::size_t index) {
  return index / 8 < bits.size() && bit_at(bits, index);
}

std::size_t bitmap_bytes(std::size_t bits) {
  return (bits + 7) / 8;
}

std::optional<RowsKind> rows_kind(std::uint8_t event_type) {
  switch (static_cast<RowsEventType>(event_type)) {
    case RowsEventType::kWriteV1:
    case RowsEventType::kWriteV2:
      return RowsKind::kWrite;
    case RowsEventType::kUpdateV1:
    case RowsEventType::kUpdateV2:
      return RowsKind::kUpdate;
    case RowsEventType::kDeleteV1:
    case RowsEventType::kDeleteV2:
      return RowsKind::kDelete;
    case RowsEventType::kPartialUpdate:
      return RowsKind::kPartialUpdate;
  }
  return std::nullopt;
}

bool is_update(RowsKind kind) {
  return kind == RowsKind::kUpdate || kind == RowsKind::kPartialUpdate;
}

}  // namespace

bool is_rows_event(std::uint8_t event_type) {
  return rows_kind(event_type).has_value();
}

Result<RowsEvent> parse_rows_event(std::uint8_t event_type, std::string_view body) {
  const auto kind = rows_kind(event_type);
  if (!kind) {
    return fail(
        fatal_error(Code::kProtocol, fmt::format("event type {} holds no rows", event_type)));
  }
  WireReader in(body);
  RowsEvent event;
  event.kind = *kind;
  event.table_id = in.u48();
  event.flags = in.u16();
  if (event_type >= static_cast<std::uint8_t>(RowsEventType::kWriteV2)) {
    // Extra data, of partitions for example; its length counts itself.
    const std::uint16_t extra_bytes = in.u16();
    if (extra_bytes < 2) {
      in.set_failed();
    } else {
      in.take(extra_bytes - 2U);
    }
  }
  const std::uint64_t columns = in.length_encoded();
  if (columns > kMaxColumns) {
    in.set_failed();
  }
  event.column_count = static_cast<std::uint32_t>(columns);
  event.present = in.take(bitmap_bytes(event.column_count));
  event.present_after =
      is_update(*kind) ? in.take(bitmap_bytes(event.column_count)) : event.present;
  event.rows = in.rest();
  if (!in.ok()) {
    return fail(fatal_error(Code::kProtocol, "a rows event is cut off in its head"));
  }
  return event;
}

RowReader::RowReader(const TableShape& shape, const RowsEvent& rows)
    : shape_(&shape),
      kind_(rows.kind),
      before_(image_of(rows.present)),
      after_(image_of(rows.present_after)),
      in_(rows.rows) {
  context_.options = shape.options;
  if (kind_ == RowsKind::kPartialUpdate) {
    json_before_.resize(shape.json_columns.size());
  }
}

Result<RowReader> RowReader::create(const TableShape& shape, const RowsEvent& rows) {
  if (rows.column_count != shape.columns.size()) {
    return fail(fatal_error(
        Code::kSchema,
        fmt::format("table {}: a rows event has {} columns, its table map {}",
                    shape.schema->qualified_name(), rows.column_count, shape.columns.size())));
  }
  RowReader reader(shape, rows);
  ROWTIDE_TRY(reader.check_images());
  return reader;
}

RowReader::Image RowReader::image_of(std::string_view present) const {
  Image image;
  image.present = present;
  const std::size_t columns = shape_->columns.size();
  for (std::size_t i = 0; i < columns; ++i) {
    image.present_count += bit_at(present, i) ? 1U : 0U;
  }
  image.all_present = image.present_count == columns;
  return image;
}

Result<void> RowReader::check_images() const {
  if (in_.at_end() && kind_ != RowsKind::kWrite) {
    return {};
  }
  // Rows of no column have no bytes, so that nothing tells how many there are.
  if (before_.present_count == 0) {
    return fail(operator_error(
        Code::kSchema,
        fmt::format("table {}: rows were logged without any column",
                    shape_->schema->qualified_name()),
        "SET GLOBAL binlog_row_image = 'FULL' on the source, and copy the table again"));
  }
  if (kind_ == RowsKind::kWrite || before_.all_present) {
    return {};
  }
  for (std::size_t i = 0; i < shape_->columns.size(); ++i) {
    if (shape_->is_key[i] && !bit_at(before_.present, i)) {
      return fail(operator_error(
          Code::kSchema,
          fmt::format("table {}: rows were changed without logging the key column {}",
                      shape_->schema->qualified_name(), shape_->schema->columns[i].name),
          "SET GLOBAL binlog_row_image = 'FULL' on the source, and copy the table again"));
    }
  }
  return {};
}

Error RowReader::damaged(std::string_view what) const {
  return fatal_error(Code::kProtocol,
                     fmt::format("table {}: {} at byte {} of a rows event's rows",
                                 shape_->schema->qualified_name(), what, in_.offset()));
}

Error RowReader::too_long(std::size_t column) const {
  return operator_error(
      Code::kUnsupported,
      fmt::format("table {}, column {}: the text of a document has more than 4 GiB",
                  shape_->schema->qualified_name(), shape_->schema->columns[column].name),
      "Shorten it, set a position behind the change (rowtide offsets set) and backfill the table, "
      "or leave the table out");
}

Error RowReader::bad_cell(std::size_t column, CellError error) const {
  const std::string& name = shape_->schema->columns[column].name;
  if (error == CellError::kText) {
    return operator_error(
        Code::kData,
        fmt::format("table {}, column {}: a value has bytes that mean nothing in {}",
                    shape_->schema->qualified_name(), name, shape_->columns[column].charset->name),
        "Set bad_text: replace on the source to have such bytes delivered as U+FFFD, or leave the "
        "table out");
  }
  if (error == CellError::kTooLong) {
    return too_long(column);
  }
  return damaged(fmt::format("column {} has a value that its type {} cannot have", name,
                             shape_->schema->columns[column].source_type));
}

Result<void> RowReader::skip_image(const Image& image) {
  const std::string_view nulls = in_.take(bitmap_bytes(image.present_count));
  if (!in_.ok()) {
    return fail(damaged("a row is cut off"));
  }
  std::size_t index = 0;
  for (std::size_t i = 0; i < shape_->columns.size(); ++i) {
    if (!image.all_present && !bit_at(image.present, i)) {
      continue;
    }
    if (!bit_at(nulls, index++)) {
      take_cell(shape_->columns[i], in_);
    }
  }
  return in_.ok() ? Result<void>() : fail(damaged("a row is cut off"));
}

Result<void> RowReader::read_image(const Image& image, std::string_view diff_bits,
                                   std::span<Value> cells) {
  const std::string_view nulls = in_.take(bitmap_bytes(image.present_count));
  if (!in_.ok()) {
    return fail(damaged("a row is cut off"));
  }
  std::size_t index = 0;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (!image.all_present && !bit_at(image.present, i)) {
      continue;
    }
    if (bit_at(nulls, index++)) {
      cells[i] = Value::null();
      continue;
    }
    const ColumnDecoder& column = shape_->columns[i];
    if (column.codec == Codec::kJson && kind_ == RowsKind::kPartialUpdate) {
      ROWTIDE_TRY(read_cell(i, diff_bits, cells[i]));
      continue;
    }
    const std::string_view cell = take_cell(column, in_);
    if (!in_.ok()) [[unlikely]] {
      return fail(damaged("a row is cut off"));
    }
    const CellError error = decode_cell(column, cell, context_, cells[i]);
    if (error != CellError::kNone) [[unlikely]] {
      return fail(bad_cell(i, error));
    }
  }
  return {};
}

// A JSON column of a partial update: in the before image a document to be remembered, in the after
// image a document or the diff to it.
Result<void> RowReader::read_cell(std::size_t column, std::string_view diff_bits, Value& out) {
  const auto json_index = static_cast<std::size_t>(
      std::ranges::lower_bound(shape_->json_columns, column) - shape_->json_columns.begin());
  const std::string_view cell = take_cell(shape_->columns[column], in_);
  if (!in_.ok()) {
    return fail(damaged("a row is cut off"));
  }
  if (has_bit(diff_bits, json_index)) {
    return patch_json(json_index, cell, out);
  }
  json_before_[json_index] = cell;
  const CellError error = decode_cell(shape_->columns[column], cell, context_, out);
  return error == CellError::kNone ? Result<void>() : fail(bad_cell(column, error));
}

Result<void> RowReader::patch_json(std::size_t json_index, std::string_view diffs, Value& out) {
  const std::uint32_t column = shape_->json_columns[json_index];
  const auto where = [&] {
    return fmt::format("table {}, column {}", shape_->schema->qualified_name(),
                       shape_->schema->columns[column].name);
  };
  if (!json_before_[json_index]) {
    return fail(operator_error(
        Code::kUnsupported,
        fmt::format("{}: only the difference to a document was logged that the log does not have",
                    where()),
        "Set binlog_row_value_options = '' or binlog_row_image = 'FULL' on the source, and copy "
        "the table again"));
  }
  context_.scratch.clear();
  if (auto patched = append_patched_json(*json_before_[json_index], diffs, context_.scratch);
      !patched) {
    return fail(std::move(patched).error().with_context(where()));
  }
  if (context_.scratch.size() > kMaxValueBytes) {
    return fail(too_long(column));
  }
  out = Value::bytes_of(ValueKind::kJson, context_.arena->copy(context_.scratch));
  return {};
}

Result<std::string_view> RowReader::read_diff_bits() {
  if (kind_ != RowsKind::kPartialUpdate) {
    return std::string_view();
  }
  const std::uint64_t options = in_.length_encoded();
  std::string_view bits;
  if ((options & kPartialJson) != 0) {
    bits = in_.take(bitmap_bytes(shape_->json_columns.size()));
  }
  if (!in_.ok() || (options & ~kPartialJson) != 0) {
    return fail(damaged("a partial update has unknown options"));
  }
  return bits;
}

Result<void> RowReader::read_event(BatchBuilder& out, Event& event) {
  const std::size_t columns = shape_->columns.size();
  context_.arena = &out.arena();
  std::span<Value> before;
  if (kind_ != RowsKind::kWrite) {
    std::ranges::fill(json_before_, std::nullopt);
    before = out.allocate_cells(columns);
    ROWTIDE_TRY(read_image(before_, {}, before));
    event.before = before;
    event.before_image = before_.all_present ? BeforeImage::kFull : BeforeImage::kKey;
  }
  if (kind_ != RowsKind::kDelete) {
    ROWTIDE_TRY_ASSIGN(const std::string_view diff_bits, read_diff_bits());
    const std::span<Value> after = out.allocate_cells(columns);
    ROWTIDE_TRY(read_image(after_, diff_bits, after));
    for (std::size_t i = 0; !after_.all_present && !before.empty() && i < columns; ++i) {
      if (!bit_at(after_.present, i)) {
        after[i] = before[i].is_known() ? before[i] : Value::unchanged();
      }
    }
    event.after = after;
  }
  for (std::size_t i = 0; event.before_image == BeforeImage::kKey && i < columns; ++i) {
    if (!shape_->is_key[i]) {
      before[i] = Value::absent();
    }
  }
  event.op = kind_ == RowsKind::kWrite    ? Op::kCreate
             : kind_ == RowsKind::kDelete ? Op::kDelete
                                          : Op::kUpdate;
  return {};
}

Result<bool> RowReader::next(BatchBuilder& out, bool keep) {
  if (in_.at_end()) {
    return false;
  }
  if (keep) [[likely]] {
    Event event;
    ROWTIDE_TRY(read_event(out, event));
    out.add_row(event, shape_->schema);
    return true;
  }
  ROWTIDE_TRY(skip_image(before_));
  if (is_update(kind_)) {
    ROWTIDE_TRY(read_diff_bits());
    ROWTIDE_TRY(skip_image(after_));
  }
  out.skip_row();
  return true;
}

}  // namespace rowtide::mysql
