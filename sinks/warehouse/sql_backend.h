#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/model/table_schema.h"
#include "engine/model/value.h"

namespace rowtide::warehouse {

// What one statement gave back.
struct StatementResult {
  std::int64_t affected_rows = 0;
  std::vector<std::vector<std::optional<std::string>>> rows;
};

struct LoadColumn {
  // The destination's column, unquoted.
  std::string name;
  // Which cell of each row goes into it.
  std::uint32_t cell = 0;
  // The source's column, for error messages.
  std::string source_name;
};

// Rows for one table of the destination. A cell that is not known becomes NULL.
struct Load {
  // The source's table, for error messages.
  std::string_view source_table;
  // A temporary table of this session instead of a table in `schema`.
  bool temporary = false;
  std::string_view schema;
  std::string_view table;
  std::span<const LoadColumn> columns;
  std::span<const Value* const> rows;
};

// One session with a destination that speaks SQL. Transactions are opened and ended with run().
//
// Thread: one lane. Lifecycle: open -> (acquire -> (run | load)* -> release)* -> close, and again
// from open. After an error the session is good for close() only.
class SqlBackend {
 public:
  virtual ~SqlBackend() = default;

  virtual Result<void> open() = 0;
  // Makes the destination ready for a transaction; false when somebody else holds it until `until`.
  // Does nothing when it is ready already.
  virtual Result<bool> acquire(Deadline until) = 0;
  // Lets others have the destination until the next acquire; only between transactions.
  virtual Result<void> release() = 0;
  virtual Result<StatementResult> run(const std::string& sql) = 0;
  // Adds the rows to a table, fast. Code::kData when a value has no place in its column.
  virtual Result<void> load(const Load& load) = 0;
  virtual void close() noexcept = 0;
};

// How a destination is asked what it has. Names that differ only in case may come along.
struct CatalogQueries {
  // Rows (exact name) of the schemas with this name.
  std::string schemas;
  // Rows (column, type, exact schema, exact table) in column order of the tables with this name.
  std::string columns;
  // Rows (column names sorted bytewise and joined with '\n') of every unique index; empty where
  // nothing depends on them.
  std::string unique_keys;
};

// What differs between the destinations' SQL.
class Dialect {
 public:
  struct Traits {
    // Goes before a schema or table name: "\"catalog\"." or empty.
    std::string catalog_prefix;
    // How the name of a temporary table is qualified.
    std::string temporary_prefix;
    // Goes behind the columns of a CREATE TEMP TABLE.
    std::string temporary_suffix;
    std::string text_type;
    std::string timestamptz_type;
    // INSERT ... ON CONFLICT over a primary key; otherwise rows are deleted and inserted.
    bool upserts = false;
    // A temporary table is dropped after use; otherwise it stays and empties itself at commit.
    bool drops_stages = false;
    // ALTER TABLE fails for a table that the open transaction has changed rows of.
    bool alters_before_writes_only = false;
    // A table can take the place of another by its name. Where grants, views and readers hang on
    // the table itself, its rows are exchanged instead.
    bool renames_into_place = false;
    // A commit should have so many rows, where the source gives them faster than they can be
    // stored; 0 = any number does.
    std::uint64_t good_commit_rows = 0;
    // A statement that makes others who set up the marker table wait; empty = not needed.
    std::string setup_lock;
  };

  virtual ~Dialect() = default;
  virtual const Traits& traits() const = 0;
  // The type of the destination that holds every value of the column.
  virtual std::string column_type(const Column& column) const = 0;
  // Two names are the same to the destination when their folded forms are.
  virtual std::string folded(std::string_view name) const = 0;
  // The destination's limits on a name; `what` says whose name it is.
  virtual Result<void> check_name(std::string_view what, std::string_view name) const = 0;
  virtual CatalogQueries catalog_queries(std::string_view schema, std::string_view table) const = 0;
};

std::string quoted(std::string_view identifier);
// 'text' with inner quotes doubled; for destinations where a backslash is an ordinary character.
std::string literal(std::string_view text);

}  // namespace rowtide::warehouse
