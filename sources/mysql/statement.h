#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sources/mysql/binlog_messages.h"

namespace rowtide::mysql {

// What a statement in the binary log means to a reader of rows.
enum class StatementKind : std::uint8_t {
  kBegin,
  kCommit,
  kRollback,
  kRollbackToSavepoint,
  kSavepoint,  // also RELEASE SAVEPOINT
  kXaStart,
  kXaEnd,
  kXaPrepare,
  kXaCommit,
  kXaRollback,
  kTruncate,           // also DELETE without WHERE
  kTruncatePartition,  // ALTER TABLE .. TRUNCATE, DROP or EXCHANGE PARTITION: rows go untold
  kRename,
  kDropTable,
  kDropDatabase,
  kCreateTable,
  kAlterTable,  // also CREATE INDEX and DROP INDEX
  // Changes rows by itself: statement format. The rows are not in the log.
  kRowChange,
  kOther,
};

struct StatementTable {
  std::string database;  // empty = the statement's default database
  std::string table;

  friend bool operator==(const StatementTable&, const StatementTable&) = default;
};

struct Statement {
  StatementKind kind = StatementKind::kOther;
  // The tables named, in order. kRename: pairs of the old and the new name. kRowChange: the one
  // that changes, or empty when that cannot be told without a grammar. kDropDatabase: one without a
  // table.
  std::vector<StatementTable> tables;
  // kCreateTable with a SELECT. Where the rows follow as events the server has taken it out.
  bool with_select = false;
  XaId xa_id;
};

// Recognises a statement by its first words: comments, version comments (whose content counts),
// quotes and white space in all places. Anything else is kOther; there is no error.
Statement parse_statement(std::string_view sql);

}  // namespace rowtide::mysql
