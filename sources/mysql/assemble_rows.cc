// Table maps and rows: the part of StreamAssembler that millions of rows pass.

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "sources/mysql/out_of_place.h"
#include "sources/mysql/stream_assembler.h"
#include "sources/mysql/wire_reader.h"

namespace rowtide::mysql {

Result<void> StreamAssembler::apply_table_map(const BinlogEvent& event) {
  if (!open_) {
    return fail(out_of_place("TABLE_MAP"));
  }
  if (open_->skipped) {
    return {};
  }
  WireReader in(event.body);
  const auto table_id = in.u48();
  const std::string_view content = in.rest();
  if (last_map_.empty() || content != last_map_) {
    last_map_.clear();
    ROWTIDE_TRY_ASSIGN(last_table_, resolve(event.body));
    last_map_ = content;
  }
  MappedTable table = last_table_;
  table.table_id = table_id;
  const auto known = std::ranges::find(tables_, table_id, &MappedTable::table_id);
  if (known != tables_.end()) {
    *known = table;
  } else {
    tables_.push_back(table);
  }
  return {};
}

Result<StreamAssembler::MappedTable> StreamAssembler::resolve(std::string_view table_map_body) {
  ROWTIDE_TRY_ASSIGN(const TableMapName name, parse_table_map_name(table_map_body));
  MappedTable table;
  table.wanted = wanted_(name.database, name.table);
  auto shape =
      table.wanted ? shapes_->shape(table_map_body) : shapes_->shape_to_skip(table_map_body);
  if (!shape) {
    return fail(std::move(shape).error().with_context(
        fmt::format("table {}.{}", name.database, name.table)));
  }
  table.shape = *shape;
  table.wanted = table.wanted && !table.shape->is_sequence;
  return table;
}

const StreamAssembler::MappedTable* StreamAssembler::mapped(std::uint64_t table_id) const {
  const auto found = std::ranges::find(tables_, table_id, &MappedTable::table_id);
  return found == tables_.end() ? nullptr : &*found;
}

Result<void> StreamAssembler::apply_rows(const BinlogEvent& packed, BatchBuilder& out) {
  if (!open_) {
    return fail(out_of_place(to_string(packed.header.type)));
  }
  if (open_->skipped) {
    return {};
  }
  auto uncompressed = uncompress_event(packed, uncompressed_);
  if (!uncompressed) {
    return fail(of_table(std::move(uncompressed).error()));
  }
  const BinlogEvent event = *uncompressed;
  ROWTIDE_TRY_ASSIGN(const RowsEvent rows,
                     parse_rows_event(static_cast<std::uint8_t>(event.header.type), event.body));
  if (rows.is_dummy()) {
    tables_.clear();
    return {};
  }
  const MappedTable* table = mapped(rows.table_id);
  if (table == nullptr) {
    return fail(out_of_place(to_string(packed.header.type)));
  }
  ROWTIDE_TRY_ASSIGN(RowReader reader, RowReader::create(*table->shape, rows));
  if (!table->wanted) {
    ROWTIDE_TRY(count_rows(std::move(reader), out));
    if (rows.ends_statement()) {
      tables_.clear();
    }
    return {};
  }
  begin(out);
  rows_ = std::move(reader);
  rows_shape_ = table->shape;
  rows_end_statement_ = rows.ends_statement();
  return {};
}

Result<void> StreamAssembler::hand_out_rows(BatchBuilder& out) {
  bool may_announce = true;
  while (!out.full()) {
    const bool keep = !row_was_delivered(out);
    if (keep && may_announce) {
      announce(rows_shape_->schema, out);
      may_announce = false;
    }
    auto more = rows_->next(out, keep);
    if (!more) {
      return fail(
          std::move(more).error().with_context("table " + rows_shape_->schema->qualified_name()));
    }
    if (!*more) {
      rows_.reset();
      if (rows_end_statement_) {
        tables_.clear();
      }
      return {};
    }
    runtime_.failpoints.hit(Failpoint::kSourceAfterRow);
  }
  return {};
}

Result<void> StreamAssembler::count_rows(RowReader rows, BatchBuilder& out) {
  BatchBuilder& counter = open_->begun ? out : counter_;
  const auto before = counter.rows_in_transaction();
  while (true) {
    ROWTIDE_TRY_ASSIGN(const bool more, rows.next(counter, false));
    if (!more) {
      break;
    }
  }
  if (!open_->begun) {
    open_->uncounted_rows += counter.rows_in_transaction() - before;
  }
  return {};
}

void StreamAssembler::count_row(BatchBuilder& out) {
  if (open_->begun) {
    out.skip_row();
  } else {
    ++open_->uncounted_rows;
  }
}

void StreamAssembler::announce(const SchemaPtr& schema, BatchBuilder& out) {
  if (!announcements_.due(schema)) {
    return;
  }
  Event event;
  event.op = Op::kSchema;
  out.add_attached(event, schema);
  announcements_.announced(schema);
  if (shared_ != nullptr) {
    shared_->announced(schema);
  }
}

bool StreamAssembler::row_was_delivered(const BatchBuilder& out) const {
  return delivered_ && open_->commit == delivered_->commit &&
         out.rows_in_transaction() < delivered_->row;
}

}  // namespace rowtide::mysql
