#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "sources/mysql/server_address.h"

namespace rowtide::mysql {

// Who reads the binary log. A server knows its readers apart by these: the older one of two with
// the same identity is thrown out.
struct ReplicaIdentity {
  std::uint32_t server_id = 0;
  std::string uuid;
};

struct BinlogPosition {
  std::string file;
  std::uint64_t offset = 4;

  friend bool operator==(const BinlogPosition&, const BinlogPosition&) = default;
};

// MySQL: everything that is not in the set.
struct GtidSetStart {
  // As COM_BINLOG_DUMP_GTID wants it; empty = the empty set. Never a uuid without intervals, which
  // crashes servers: GtidSet encodes it.
  std::string encoded_set;
  // Where the stored set ended in the server's files. Saves the server reading the file from its
  // start; a file that is gone is only a reason to do without.
  std::optional<BinlogPosition> hint;
};
// MariaDB: behind the last GTID of each domain, as in @@gtid_slave_pos; empty = everything.
struct GtidStateStart {
  std::string slave_connect_state;
};
// Either: at a place in a file. For a server without GTIDs.
struct FileStart {
  BinlogPosition position;
};
using DumpStart = std::variant<GtidSetStart, GtidStateStart, FileStart>;

struct BinlogOptions {
  ConnectOptions connect;
  ReplicaIdentity identity;
  // A server that has nothing to send sends a heartbeat this often. One that has sent nothing for
  // three of them (at least 10 s) is taken for gone.
  std::chrono::milliseconds heartbeat{5'000};
};

// The dump of a server's binary log. Reader thread only. What next_packet() does not take stays
// with the server and in the socket: not calling it is back pressure, which a server bears for 10
// minutes (net_write_timeout, set for this session).
class BinlogConnection {
 public:
  explicit BinlogConnection(const Clock& clock);
  ~BinlogConnection();
  BinlogConnection(const BinlogConnection&) = delete;
  BinlogConnection& operator=(const BinlogConnection&) = delete;

  // Connects and sets the session up: checksums as the server writes them, heartbeats, GTID events,
  // a name for us. Never semi-synchronous: our pauses would become the writers' waits.
  Result<void> connect(const BinlogOptions& options);
  // Asks for the dump. What is wrong with the place to start is told by the first next_packet(), as
  // Code::kPositionLost when the events behind it are gone or the server has another history.
  Result<void> start(const DumpStart& start);

  // The next event: one packet without the leading zero byte, whatever its size, header to
  // checksum. Valid until the next call. nullopt when none is at hand by `until`; one that has
  // passed takes only what is here already. After an error only close() and connect() are of use.
  Result<std::optional<std::string_view>> next_packet(Deadline until);

  // Ends the connection at once, without waiting for the server. The destructor does too.
  void close() noexcept;
  bool is_open() const noexcept { return impl_ != nullptr; }

  const ServerVersion& server() const noexcept { return server_; }
  // SERVER_ID and, on MySQL, SERVER_UUID of the connected server.
  std::uint32_t server_id() const noexcept { return server_id_; }
  const std::string& server_uuid() const noexcept { return server_uuid_; }

 private:
  struct Impl;

  const Clock& clock_;
  std::unique_ptr<Impl> impl_;
  ServerVersion server_;
  std::uint32_t server_id_ = 0;
  std::string server_uuid_;
};

}  // namespace rowtide::mysql
