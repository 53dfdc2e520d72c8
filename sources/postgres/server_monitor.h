#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/client/postgres_client.h"
#include "sources/postgres/postgres_config.h"

namespace rowtide::postgres {

// An ordinary connection beside the stream: answers catalog questions, measures how far the stream
// is behind, and notices a server that shuts down while we do not read. A fast shutdown waits for
// every walsender until all that it sent is confirmed; a client that cannot confirm has to leave.
// Reader thread only.
class ServerMonitor {
 public:
  ServerMonitor(const Clock& clock, const PostgresSourceConfig& config);

  Result<void> connect();
  void close() noexcept;
  // The connection right after connect(); settled() later on, which waits for a probe that is under
  // way and connects again where needed.
  PGconn* get() const noexcept { return connection_.get(); }
  Result<PGconn*> settled();

  struct Reading {
    std::uint64_t wal_lsn = 0;  // end of the server's log (what it replayed, on a standby)
    std::optional<std::uint64_t> retained_bytes;
    std::string slot_trouble;  // why the server gave the slot up
  };
  // Never blocks for long: sends a probe when one is due, takes its answer when it is there. An
  // error means that the server is going away, or that the slot is lost.
  Result<void> check(const std::string& slot);
  const std::optional<Reading>& latest() const noexcept { return latest_; }

 private:
  Result<void> send_probe(const std::string& slot);
  Result<void> take_answer();
  Result<void> reconnect();

  const Clock& clock_;
  const PostgresSourceConfig& config_;
  PgConn connection_;
  bool probing_ = false;
  int failed_connects_ = 0;
  bool has_invalidation_reason_ = false;
  MonotonicTime next_probe_{};
  std::optional<Reading> latest_;
};

}  // namespace rowtide::postgres
