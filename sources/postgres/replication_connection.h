#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/client/postgres_client.h"
#include "sources/postgres/postgres_config.h"
#include "sources/postgres/read_pacer.h"
#include "sources/postgres/timeline.h"

namespace rowtide::postgres {

// The server's notices and warnings on a walsender connection, kept for status. Some of them are
// the only sign of trouble: a publication that does not exist on 18, a standby that the walsender
// waits for. Written by the reader thread, read by any.
class NoticeBoard {
 public:
  explicit NoticeBoard(Log log) : log_(std::move(log)) {}
  void add(const PGresult* notice);
  std::vector<std::string> latest() const;
  // A warning that rows of a missing publication are being skipped: the stream must not go on.
  bool publication_skipped() const noexcept { return publication_skipped_.load(); }
  void clear_skipped() noexcept { publication_skipped_.store(false); }

 private:
  static constexpr std::size_t kKept = 16;

  Log log_;
  mutable std::mutex mutex_;
  std::deque<std::string> texts_;
  std::atomic<bool> publication_skipped_{false};
};

struct StreamOptions {
  std::string slot;
  std::string publication;
  std::uint64_t start_lsn = 0;
  int server_version = 0;
  bool binary = false;
  bool streaming = false;
  bool two_phase = false;
  bool messages = false;
  bool origin_none = false;
};

// pgoutput protocol version for a server: 1 on 13, 2 on 14, 3 on 15, 4 from 16 on.
int protocol_version(int server_version) noexcept;
// The START_REPLICATION statement (documentation: "Streaming Replication Protocol" and "Logical
// Streaming Replication Parameters").
std::string start_replication_sql(const StreamOptions& options);

// One XLogData payload or keepalive of the walsender.
struct Frame {
  enum class Kind : std::uint8_t { kData, kKeepalive };
  Kind kind = Kind::kData;
  // kData: the pgoutput message; valid until the next call of next().
  std::string_view message;
  // kKeepalive: the server's position, and whether it asks for an answer.
  std::uint64_t wal_end = 0;
  bool reply_requested = false;
};

// A walsender connection in copy mode. Reader thread only. What next() does not return stays with
// the server: not calling it is back pressure.
class ReplicationConnection {
 public:
  ReplicationConnection(const Clock& clock, NoticeBoard& notices);

  Result<void> connect(const PostgresSourceConfig& config);
  Result<StreamIdentity> identify(const std::optional<StreamIdentity>& stored);
  Result<void> start(const StreamOptions& options);
  void close() noexcept;
  bool is_open() const noexcept { return connection_ != nullptr; }

  // The next frame that is already here; false when there is none.
  Result<bool> next(Frame& frame);
  // Waits for bytes until `until`.
  Result<void> wait(Deadline until);
  // Standby status update: everything below `flush_lsn` may be forgotten by the server.
  Result<void> send_status(std::uint64_t flush_lsn);

  Transport transport() const noexcept { return transport_; }
  PGconn* get() const noexcept { return connection_.get(); }

 private:
  struct CopyBufferDeleter {
    void operator()(char* buffer) const noexcept { PQfreemem(buffer); }
  };

  Result<void> flush();
  Error copy_ended();
  void tune_socket() noexcept;
  void end_drain() noexcept;

  const Clock& clock_;
  NoticeBoard& notices_;
  PgConn connection_;
  std::unique_ptr<char, CopyBufferDeleter> buffer_;
  Transport transport_ = Transport::kNetwork;
  // What the last read of this drain brought, of which frames were returned; see next().
  std::size_t bytes_since_read_ = 0;
  bool short_read_ends_ = true;
};

}  // namespace rowtide::postgres
