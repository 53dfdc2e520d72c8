// Statements and prepared transactions: the part of StreamAssembler that reads QUERY events.

#include <utility>

#include <fmt/format.h>

#include "sources/mysql/charset.h"
#include "sources/mysql/out_of_place.h"
#include "sources/mysql/stream_assembler.h"

namespace rowtide::mysql {
namespace {

std::string_view database_of(const StatementTable& table, const QueryEvent& query) {
  return table.database.empty() ? query.database : std::string_view(table.database);
}

std::string name_of(const StatementTable& table, const QueryEvent& query) {
  return fmt::format("{}.{}", database_of(table, query), table.table);
}

// The statement as the log's own names are written. `buffer` holds it where it was not so.
std::string_view in_utf8(const QueryEvent& query, std::string& buffer) {
  const Charset* charset = charset_of_collation(query.client_collation);
  if (charset == nullptr || is_utf8_as_it_is(*charset, query.statement)) {
    return query.statement;
  }
  buffer.clear();
  append_utf8(*charset, query.statement, true, buffer);
  return buffer;
}

void to_lower(std::string& name) {
  for (char& c : name) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
}

}  // namespace

Result<void> StreamAssembler::apply_query(const BinlogEvent& packed, BatchBuilder& out) {
  ROWTIDE_TRY_ASSIGN(const BinlogEvent event, uncompress_event(packed, uncompressed_));
  ROWTIDE_TRY_ASSIGN(const QueryEvent query, parse_query(event.body));
  if (!open_) {
    return fail(out_of_place("QUERY"));
  }
  Statement statement = parse_statement(in_utf8(query, statement_));
  if (lower_case_names_) {
    for (auto& table : statement.tables) {
      to_lower(table.database);
      to_lower(table.table);
    }
  }
  return apply_statement(query, statement, out);
}

Result<void> StreamAssembler::apply_statement(const QueryEvent& query, const Statement& statement,
                                              BatchBuilder& out) {
  switch (statement.kind) {
    case StatementKind::kBegin:
      open_->block = true;
      return {};
    case StatementKind::kCommit:
      end(out);
      return {};
    case StatementKind::kRollback:
    case StatementKind::kRollbackToSavepoint:
      // Written only when a table without transactions changed as well, between rows that were
      // rolled back with nothing to tell them by.
      if (!open_->skipped && (open_->begun || open_->uncounted_rows > 0)) {
        return fail(operator_error(
            Code::kUnsupported,
            "a transaction that changed tables with and without transactions was rolled back",
            "Its rows cannot be told apart: set a position behind it (rowtide offsets set), "
            "backfill the tables it touched, and use InnoDB throughout"));
      }
      if (statement.kind == StatementKind::kRollback) {
        end(out);
      }
      return {};
    case StatementKind::kXaStart:
      open_->block = true;
      open_->xa_id = statement.xa_id;
      if (!open_->xa_rows) {
        open_->xa_rows.emplace(next_spill_key_++, pipeline_, store_);
      }
      return {};
    case StatementKind::kSavepoint:
    case StatementKind::kXaEnd:
    case StatementKind::kXaPrepare:
      return {};
    case StatementKind::kXaCommit:
    case StatementKind::kXaRollback:
      return apply_xa_outcome(statement, out);
    default:
      break;
  }
  if (!open_->skipped) {
    ROWTIDE_TRY(apply_ddl(query, statement, out));
  }
  if (!open_->block) {
    end(out);
  }
  return {};
}

Result<void> StreamAssembler::apply_ddl(const QueryEvent& query, const Statement& statement,
                                        BatchBuilder& out) {
  const bool rows_inside = statement.with_select && !open_->block;
  if (statement.kind == StatementKind::kRowChange || rows_inside) {
    return apply_row_change(query, statement);
  }
  if (statement.kind == StatementKind::kTruncate) {
    for (const auto& table : statement.tables) {
      ROWTIDE_TRY(apply_truncate(database_of(table, query), table.table, out));
    }
    return {};
  }
  if (statement.kind == StatementKind::kOther) {
    return {};
  }
  for (const auto& table : statement.tables) {
    const auto database = database_of(table, query);
    shapes_->forget(database, table.table);
    if (!table.table.empty() && !wanted_(database, table.table)) {
      continue;
    }
    if (statement.kind == StatementKind::kTruncatePartition) {
      runtime_.log.warn(
          "a statement took a partition's rows from table {} or gave it others; the binary log "
          "does "
          "not tell which: backfill it",
          name_of(table, query));
    } else if (statement.kind == StatementKind::kRename) {
      runtime_.log.info("table {} takes part in a rename; what was delivered of it stays as it is",
                        name_of(table, query));
    }
  }
  // What a known table map stands for may have changed.
  last_map_.clear();
  tables_.clear();
  return {};
}

Result<void> StreamAssembler::apply_truncate(std::string_view database, std::string_view table,
                                             BatchBuilder& out) {
  const bool wanted = wanted_(database, table);
  const auto table_id = stable_table_id(database, table);
  SchemaPtr schema = wanted ? announcements_.latest(table_id) : nullptr;
  if (wanted && schema == nullptr && shared_ != nullptr) {
    // A backfill may have brought its rows, of which the stream has seen none.
    schema = shared_->latest_schema(table_id);
  }
  if (schema == nullptr) {
    if (wanted) {
      runtime_.log.info("table {}.{} was truncated before any of its rows was delivered", database,
                        table);
    }
    count_row(out);
    return {};
  }
  begin(out);
  if (row_was_delivered(out)) {
    out.skip_row();
    return {};
  }
  Event event;
  event.op = Op::kTruncate;
  out.add_row(event, schema);
  return {};
}

Result<void> StreamAssembler::apply_row_change(const QueryEvent& query,
                                               const Statement& statement) const {
  if (open_ && open_->skipped) {
    return {};
  }
  const bool known = !statement.tables.empty();
  if (known && !wanted_(database_of(statement.tables[0], query), statement.tables[0].table)) {
    return {};
  }
  return fail(operator_error(
      Code::kUnsupported,
      fmt::format(
          "the binary log holds a statement that changes {} in place of the rows that it "
          "changed",
          known ? "table " + name_of(statement.tables[0], query) : std::string("rows of a table")),
      "A session wrote with binlog_format STATEMENT or MIXED: SET GLOBAL binlog_format = ROW, let "
      "clients connect again, then set a position behind it (rowtide offsets set) and backfill "
      "the table"));
}

Result<void> StreamAssembler::apply_xa_prepare(const BinlogEvent& event, BatchBuilder& out) {
  ROWTIDE_TRY_ASSIGN(XaPrepareEvent prepare, parse_xa_prepare(event.body));
  if (!open_ || !open_->xa_rows) {
    return fail(out_of_place("XA_PREPARE"));
  }
  SpilledEvents rows = *std::move(open_->xa_rows);
  open_->xa_rows.reset();
  if (!prepare.one_phase) {
    std::string token_before(base_token());
    prepared_.insert_or_assign(std::move(prepare.id),
                               Prepared{std::move(rows), open_->commit, std::move(token_before)});
    end(out);
    return {};
  }
  if (open_->skipped) {
    ROWTIDE_TRY(rows.drop());
    end(out);
    return {};
  }
  begin(out);
  release_ = std::move(rows);
  return {};
}

Result<void> StreamAssembler::apply_xa_outcome(const Statement& statement, BatchBuilder& out) {
  const auto found = prepared_.find(statement.xa_id);
  if (found == prepared_.end()) {
    if (!open_->skipped) {
      runtime_.log.warn(
          "an XA transaction ended whose XA PREPARE lies before the start of this stream: rows "
          "that "
          "it brought are not delivered");
    }
    end(out);
    return {};
  }
  if (open_->skipped || statement.kind == StatementKind::kXaRollback) {
    ROWTIDE_TRY(found->second.rows.drop());
    prepared_.erase(found);
    end(out);
    return {};
  }
  // Until its end is delivered the transaction begins before its XA PREPARE.
  begin(out);
  release_ = std::move(found->second.rows);
  prepared_.erase(found);
  return {};
}

}  // namespace rowtide::mysql
