#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "engine/base/error.h"
#include "sources/mysql/binlog_connection.h"
#include "sources/mysql/gtid_set.h"
#include "sources/mysql/mariadb_gtid.h"

namespace rowtide::mysql {

// Where a stream stands: what was executed up to there, as one number that grows with each
// transaction and as the text to go on from.
//
//   gtid:<set>                               MySQL
//   gtid:<set>;<server uuid>:<file>:<offset> MySQL, with where that is in one server's files: read
//                                            by that server only, which then need not look for it
//   mariadb:<gtid position>                  MariaDB
//   file:<server uuid>:<file>:<offset>       a MySQL server with gtid_mode = OFF
//
// Numbers of transactions say nothing of which ones these were, and a failover may bring another
// server. So a token by GTIDs goes on with what tells that, where the set alone does not:
//
//   ..|<set or gtid position>                while it is held back: everything executed by then
//   ..@<gtid>                                inside a transaction: which one
//
// Commit numbers. With GTIDs twice the number of transactions executed (MariaDB: twice the sum of
// the domains' sequence numbers), so that they are the same on every server and leave room for what
// a backfill puts between. Without, the file's number and the offset behind the transaction's first
// event.
class StreamPosition {
 public:
  explicit StreamPosition(GtidSet set) : executed_(std::move(set)) {}
  explicit StreamPosition(MariaDbGtidState state) : executed_(std::move(state)) {}
  // Without GTIDs.
  static StreamPosition at_file(std::string server_uuid, BinlogPosition position);
  static Result<StreamPosition> parse(std::string_view token);

  bool has_gtids() const noexcept { return !std::holds_alternative<NoGtids>(executed_); }
  // Null for another kind of position.
  const GtidSet* gtid_set() const noexcept { return std::get_if<GtidSet>(&executed_); }
  const MariaDbGtidState* gtid_state() const noexcept {
    return std::get_if<MariaDbGtidState>(&executed_);
  }
  // The transaction that the token lies inside of; empty between two.
  const std::string& inside() const noexcept { return inside_; }
  // Everything of which rows were delivered when the token was made: behind what it lies inside of,
  // and not held back.
  StreamPosition delivered() const;
  // Whether the same transactions were executed. False for positions without GTIDs.
  bool same_history(const StreamPosition& other) const;
  const std::string& server_uuid() const noexcept { return server_uuid_; }
  const BinlogPosition& file() const noexcept { return file_; }
  bool has_file() const noexcept { return !file_.file.empty(); }

  // The number of everything up to here.
  std::uint64_t commit() const noexcept;
  // The number of a transaction that comes next; nullopt when it was there already or has no place
  // in this kind of position.
  std::optional<std::uint64_t> commit_with(const Uuid& uuid, std::string_view tag,
                                           std::int64_t gno) const;
  std::optional<std::uint64_t> commit_with(const MariaDbGtid& gtid) const;
  // Takes a transaction in for which commit_with() gave a number.
  void add(const Uuid& uuid, std::string_view tag, std::int64_t gno);
  void add(const MariaDbGtid& gtid);

  // The reader stands here in the files of this server; without GTIDs that is the position.
  void set_file(std::string_view server_uuid, const BinlogPosition& file);

  // Valid until the position changes. Without what was read behind `|` and `@`.
  std::string_view token() const;
  // What people know it as: the GTIDs, or FILE:OFFSET.
  std::string text() const;

 private:
  struct NoGtids {};
  using Executed = std::variant<GtidSet, MariaDbGtidState, NoGtids>;

  StreamPosition() : executed_(NoGtids{}) {}

  template <class Gtids>
  Result<void> parse_delivered(std::string_view reached);

  Executed executed_;
  std::string inside_;
  // Where it is not what was executed.
  std::optional<Executed> delivered_;
  std::string server_uuid_;
  BinlogPosition file_;
  mutable std::string token_;
  mutable bool token_fresh_ = false;
};

// GTIDs for messages: sets can be long.
std::string shortened(std::string_view gtids);

// The number at the end of a binary log's file name; nullopt when there is none.
std::optional<std::uint64_t> binlog_file_number(std::string_view file);

}  // namespace rowtide::mysql
