#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/model/position.h"
#include "engine/model/table_schema.h"
#include "sources/mysql/binlog_connection.h"
#include "sources/mysql/server_address.h"

namespace rowtide::mysql {

// The server that a stream reads. MariaDB has no uuid.
struct StreamServer {
  Flavour flavour = Flavour::kMysql;
  std::uint32_t server_id = 0;
  std::string server_uuid;

  friend bool operator==(const StreamServer&, const StreamServer&) = default;
};

// How far a stream has come, as its assembler tells it after each poll. Views are valid during the
// call only.
struct StreamProgress {
  // GTIDs of all that was taken in, as the server writes them; empty without GTIDs.
  std::string_view executed;
  // Of a transaction of which rows were handed out and more are to come; empty = none.
  std::string open_gtid;
  // Behind the last event of the last transaction of which rows were handed out.
  BinlogPosition delivered;
  // Behind the last event that was taken in whole; nullopt while one is at hand.
  std::optional<BinlogPosition> taken;
  // Of all that was taken in.
  Position position;
};

// Earlier in the log: by the number of the file, then by the offset.
bool is_before(const BinlogPosition& a, const BinlogPosition& b);

// What a stream has delivered, for those who read tables beside it. The source's thread writes,
// chunk readers of any thread read.
class DeliveredState {
 public:
  // What a new snapshot must see before it may be read.
  struct Barrier {
    // Changes with each connection of the stream.
    std::uint64_t generation = 0;
    StreamServer server;
    bool has_gtids = false;
    // MySQL: the GTID set that was delivered.
    std::string gtid_set;
    // MariaDB: what was delivered before this connection of the stream, as a GTID position..
    std::string gtid_position;
    // ..and behind which place of its files the rows of this connection end; no file = none came.
    BinlogPosition delivered;
  };

  // --- the source's thread

  // Before the first event of a new connection. `executed` are the GTIDs from which the stream goes
  // on, `highest` those of the furthest that was ever delivered; empty = none.
  void stream_opened(StreamServer server, bool has_gtids, std::string_view executed,
                     std::string_view highest);
  void stream_closed() noexcept;
  // Before what a poll brought is handed on.
  void publish(const StreamProgress& progress);
  // A shape of a table that the stream, or a backfill, announced: the latest counts.
  void announced(const SchemaPtr& schema);

  // --- any thread

  // Null when there was none.
  SchemaPtr latest_schema(std::uint64_t table_id) const;
  // Code::kConnection while no stream is open.
  Result<Barrier> barrier() const;
  // Waits until the stream has taken in everything before `end` and returns where it stands then.
  // nullopt when that did not come by `until`. An error when the stream was opened anew since.
  Result<std::optional<Position>> wait_past(std::uint64_t generation, const BinlogPosition& end,
                                            Deadline until);
  // The GTIDs taken in so far, and the position that stands for them.
  std::pair<std::string, Position> taken_in() const;
  // Somebody found out that the stream has passed `end` in ways that it does not show itself.
  void passed(std::uint64_t generation, const BinlogPosition& end);

 private:
  mutable std::mutex mutex_;
  std::condition_variable moved_;
  // All below is guarded by mutex_.
  bool open_ = false;
  std::uint64_t generation_ = 0;
  StreamServer server_;
  bool has_gtids_ = false;
  // Delivered by former connections.
  std::string before_;
  std::string executed_;
  std::string open_gtid_;
  BinlogPosition delivered_{.file = {}, .offset = 0};
  BinlogPosition taken_{.file = {}, .offset = 0};
  Position position_;
  int waiting_ = 0;
  std::unordered_map<std::uint64_t, SchemaPtr> schemas_;
};

}  // namespace rowtide::mysql
