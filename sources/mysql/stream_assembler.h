#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/api/state_store.h"
#include "engine/base/runtime.h"
#include "engine/batch/batch.h"
#include "sources/mysql/binlog_event.h"
#include "sources/mysql/binlog_messages.h"
#include "sources/mysql/delivered_state.h"
#include "sources/mysql/payload.h"
#include "sources/mysql/row_event.h"
#include "sources/mysql/schema_announcements.h"
#include "sources/mysql/spilled_events.h"
#include "sources/mysql/statement.h"
#include "sources/mysql/stream_position.h"
#include "sources/mysql/table_shape.h"

namespace rowtide::mysql {

// Turns the events of one dump into transactions of a batch builder: numbers transactions and rows,
// leaves out what was delivered before, keeps prepared (XA) transactions aside until their end.
// Everything else is committed when it is in the binary log, so its rows are handed out as they are
// read. Reader thread only; reset() for each new connection.
//
// While a prepared transaction waits for its end, tokens stay before its XA PREPARE, so that the
// server sends it again after a restart; what was delivered behind it is recognised by its
// position. Positions are numbers of transactions, so that those which were delivered come again,
// and no others, is checked on the way.
class StreamAssembler {
 public:
  // Which tables are captured.
  using Wanted = std::function<bool(std::string_view database, std::string_view table)>;

  StreamAssembler(std::string pipeline, Wanted wanted, SchemaAnnouncements& announcements,
                  SpillStore& store, Runtime runtime);

  struct Start {
    // Where the dump begins.
    StreamPosition position;
    // What was delivered to the lane that is furthest behind.
    std::optional<Position> delivered;
    // What lanes were delivered, by the GTIDs themselves: the server must send just these before
    // anything beyond. In any order; those without GTIDs are not looked at.
    std::vector<StreamPosition> histories;
    // SERVER_UUID of the server; empty on MariaDB.
    std::string server_uuid;
    // The server writes the names of tables in lower case, whatever a statement says.
    bool lower_case_names = false;
    // Of the flavour that is read; outlives the stream.
    ShapeCache* shapes = nullptr;
    // Where announced schemas are shared with readers of tables; null = with nobody.
    DeliveredState* shared = nullptr;
  };
  Result<void> reset(Start start);

  // Takes one event of the dump in; `event` must live until !busy(). Precondition: !busy().
  Result<void> take(const BinlogEvent& event, BatchBuilder& out);

  // The builder was full before all of an event was handed out: resume with room before taking the
  // next one.
  bool busy() const noexcept { return rows_ || in_payload_ || release_; }
  Result<void> resume(BatchBuilder& out);

  // Says in `out` where the stream stands, when that is not said by a transaction. Does nothing
  // inside one.
  void advance(BatchBuilder& out);

  // An error of reading the next event, with the transaction and table that it is of.
  Error not_read(Error error) const {
    const bool may_pass = error.disposition == Disposition::kRetry;
    return may_pass ? error : in_place(of_table(std::move(error)));
  }

  // Of all that was taken in, prepared transactions included.
  const StreamPosition& position() const noexcept { return position_; }
  // When the newest transaction was committed on the server that is read; 0 = none came yet.
  std::int64_t last_commit_us() const noexcept { return last_commit_us_; }
  // Of everything handed out, or about to be: what an acknowledgement never goes beyond.
  Position handed_out() const noexcept {
    return open_ && open_->begun ? Position{0, open_->commit, kWholeTransaction} : handed_out_;
  }
  std::uint64_t spilled_bytes() const;
  // For readers of tables beside the stream. Views are valid until the next event.
  StreamProgress progress() const;

 private:
  // A transaction between its GTID and its end.
  struct Open {
    // Which it is: GTID of either flavour, or none of both.
    Uuid uuid{};
    std::string tag;
    std::int64_t gno = 0;
    std::optional<MariaDbGtid> mariadb;
    std::uint64_t commit = 0;
    std::int64_t committed_at_us = 0;
    // Ends with COMMIT, XID or XA PREPARE; else with its first statement.
    bool block = false;
    bool begun = false;    // in the builder
    bool skipped = false;  // delivered before, as a whole
    // Rows that were counted before it was begun.
    std::uint64_t uncounted_rows = 0;
    // Being prepared: kept aside under this id.
    XaId xa_id;
    std::optional<SpilledEvents> xa_rows;
  };
  // What a lane was delivered: whole transactions, and the one that it is inside of.
  struct History {
    StreamPosition delivered;
    std::string inside;
    std::uint64_t commit = 0;
  };
  struct Prepared {
    SpilledEvents rows;
    std::uint64_t commit = 0;
    std::string token_before;
  };
  struct MappedTable {
    std::uint64_t table_id = 0;
    const TableShape* shape = nullptr;
    bool wanted = false;
  };

  // An event of the dump, of a payload, or of what was kept aside.
  Result<void> apply(const BinlogEvent& event, BatchBuilder& out);
  Result<void> apply_gtid(const BinlogEvent& event, BatchBuilder& out);
  Result<void> apply_mariadb_gtid(const BinlogEvent& event, BatchBuilder& out);
  Result<void> apply_query(const BinlogEvent& event, BatchBuilder& out);
  Result<void> apply_statement(const QueryEvent& query, const Statement& statement,
                               BatchBuilder& out);
  Result<void> apply_ddl(const QueryEvent& query, const Statement& statement, BatchBuilder& out);
  Result<void> apply_truncate(std::string_view database, std::string_view table, BatchBuilder& out);
  Result<void> apply_row_change(const QueryEvent& query, const Statement& statement) const;
  Result<void> apply_xa_prepare(const BinlogEvent& event, BatchBuilder& out);
  Result<void> apply_xa_outcome(const Statement& statement, BatchBuilder& out);
  Result<void> apply_table_map(const BinlogEvent& event);
  Result<void> apply_rows(const BinlogEvent& event, BatchBuilder& out);
  Result<void> apply_incident(const BinlogEvent& event) const;
  Result<void> apply_unknown(const BinlogEvent& event) const;
  Result<void> apply_rotate(const BinlogEvent& event);
  Result<void> apply_heartbeat(const BinlogEvent& event);

  // Hands rows of the event at hand out until done or the builder is full.
  Result<void> hand_out_rows(BatchBuilder& out);
  Result<void> count_rows(RowReader rows, BatchBuilder& out);
  void count_row(BatchBuilder& out);
  const MappedTable* mapped(std::uint64_t table_id) const;
  Result<MappedTable> resolve(std::string_view table_map_body);
  void announce(const SchemaPtr& schema, BatchBuilder& out);
  bool row_was_delivered(const BatchBuilder& out) const;

  Result<void> open(Open transaction, BatchBuilder& out);
  // Code::kPositionLost when the open transaction shows that the server's history is not the one
  // that lanes were delivered.
  Result<void> check_history();
  std::string_view transaction_id();
  // Puts the open transaction into the builder, unless it is there.
  void begin(BatchBuilder& out);
  void end(BatchBuilder& out);
  void note_file_position(std::uint32_t log_pos);
  // Of the position, unless a prepared transaction holds it back.
  std::string_view base_token() const;
  // With what tells the transactions that were delivered behind it; `inside` is the open one's id,
  // or empty. Valid until the next call.
  std::string_view token(std::string_view inside = {});
  Error in_place(Error error) const;
  Error of_table(Error error) const;

  const std::string pipeline_;
  const Wanted wanted_;
  SchemaAnnouncements& announcements_;
  SpillStore& store_;
  const Runtime runtime_;

  ShapeCache* shapes_ = nullptr;
  StreamPosition position_{GtidSet()};
  // What is left to compare with.
  std::vector<History> histories_;
  std::optional<Position> delivered_;
  std::string server_uuid_;
  bool lower_case_names_ = false;
  Position handed_out_;
  // The position moved by something that is no transaction of the builder.
  bool advance_due_ = false;
  std::int64_t last_commit_us_ = 0;
  BinlogPosition file_;  // end of the last event of the dump
  // End of the last transaction of which rows were handed out.
  BinlogPosition delivered_end_{.file = {}, .offset = 0};
  DeliveredState* shared_ = nullptr;

  std::optional<Open> open_;
  std::vector<MappedTable> tables_;
  // The table map of the statement before, which is often the next one's too.
  std::string last_map_;
  MappedTable last_table_;
  // The rows event at hand.
  std::optional<RowReader> rows_;
  const TableShape* rows_shape_ = nullptr;
  bool rows_end_statement_ = false;
  std::string uncompressed_;
  std::string statement_;

  PayloadReader payload_;
  bool in_payload_ = false;
  std::map<XaId, Prepared> prepared_;
  std::optional<SpilledEvents> release_;
  std::uint64_t next_spill_key_ = 1;
  // Counts rows of transactions that are not in the builder.
  BatchBuilder counter_{{}, nullptr};
  std::string id_;
  Uuid id_uuid_{};
  std::string token_;  // of a position that is held back, or that lies inside a transaction
};

}  // namespace rowtide::mysql
