#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "engine/api/chunk_reader.h"
#include "engine/base/runtime.h"
#include "sources/mysql/delivered_state.h"
#include "sources/mysql/row_query.h"
#include "sources/mysql/sql_session.h"

namespace rowtide::mysql {

// The connections that a chunk is read on, and what ties its snapshot to the stream: the visibility
// barrier before it, and the high watermark behind it. One thread at a time.
class ChunkSession {
 public:
  ChunkSession(ConnectOptions connect, std::shared_ptr<DeliveredState> delivered,
               const Runtime& runtime);

  // Does nothing when connected.
  Result<void> connect();
  void drop() noexcept;

  // For catalogs; never inside the snapshot.
  SqlSession& control() noexcept { return *control_; }
  RowQuery& rows() noexcept { return rows_; }

  // Waits until all that the stream had delivered when it was called is visible, and then begins
  // the transaction that sees it. The shape of the table stays as it is until the end of it.
  // Code::kTimeout when delivered transactions stay invisible until `until`.
  Result<void> begin_snapshot(const std::string& table, Deadline until);
  // Ends the transaction and returns a position that is not below anything that it saw, as soon as
  // the stream stands there.
  Result<Position> finish();

 private:
  Result<void> check_server(const DeliveredState::Barrier& barrier);
  Result<void> begin_mysql(const DeliveredState::Barrier& barrier, Deadline until);
  Result<void> begin_mariadb(const DeliveredState::Barrier& barrier, Deadline until);
  Result<bool> mariadb_sees(const DeliveredState::Barrier& barrier);
  Result<BinlogPosition> end_of_log();
  // Whether the stream stands behind `end`, by the GTIDs before it.
  Result<bool> passed_by_gtids(const BinlogPosition& end, Position& position);
  bool skips_barrier() const;

  const ConnectOptions connect_;
  const std::shared_ptr<DeliveredState> delivered_;
  const Runtime runtime_;
  std::unique_ptr<SqlSession> control_;
  RowQuery rows_;
  StreamServer server_;
  // Of the stream when the snapshot was taken.
  std::uint64_t generation_ = 0;
  // The connection of the stream of which all former deliveries were seen.
  std::uint64_t verified_generation_ = 0;
  // A chunk was read in vain, because the stream was behind.
  bool stream_was_behind_ = false;
};

}  // namespace rowtide::mysql
