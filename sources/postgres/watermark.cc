#include "sources/postgres/watermark.h"

#include <chrono>
#include <ctime>
#include <optional>

#include <fmt/format.h>

#include "engine/client/postgres_client.h"
#include "sources/postgres/postgres_config.h"
#include "sources/postgres/table_scan.h"

namespace rowtide::postgres {
namespace {

void pause() {
  const timespec time{0, 20'000'000};
  ::nanosleep(&time, nullptr);
}

// The end of the log. A record that nobody waits for may lie in memory for a while, and a stream
// gets only what is on disk: where nothing is written for a second, that much has been seen.
Result<std::uint64_t> quiet_log_end(PGconn* connection, const Clock& clock) {
  constexpr auto kQuiet = std::chrono::seconds(1);
  const auto quiet_at = clock.now() + kQuiet;
  std::optional<std::uint64_t> first;
  while (true) {
    ROWTIDE_TRY_ASSIGN(
        const auto rows,
        query(connection,
              "SELECT pg_catalog.pg_current_wal_insert_lsn(),"
              " pg_catalog.pg_current_wal_flush_lsn(),"
              " (SELECT setting::int8 FROM pg_catalog.pg_settings WHERE name = 'wal_block_size'),"
              " (SELECT setting::int8 FROM pg_catalog.pg_settings WHERE name ="
              " 'wal_segment_size')"));
    ROWTIDE_TRY_ASSIGN(const std::uint64_t insert_lsn, parse_lsn(rows.text(0, 0)));
    ROWTIDE_TRY_ASSIGN(const std::uint64_t flush_lsn, parse_lsn(rows.text(0, 1)));
    const std::uint64_t end =
        end_of_records(insert_lsn, static_cast<std::uint64_t>(rows.integer(0, 2)),
                       static_cast<std::uint64_t>(rows.integer(0, 3)));
    first = first.value_or(end);
    if (flush_lsn >= *first) {
      return *first;
    }
    if (clock.now() >= quiet_at) {
      return end == *first ? flush_lsn : *first;
    }
    pause();
  }
}

}  // namespace

Result<std::uint64_t> Watermark::lsn(PGconn* connection, const Clock& clock) {
  // The message's own commit wakes a stream that has nothing else to read.
  if (may_write_) {
    const auto rows =
        query(connection, fmt::format("SELECT pg_catalog.pg_logical_emit_message(true, {}, '')",
                                      quote_literal(kWatermarkPrefix)));
    if (rows) {
      return parse_lsn(rows->text(0, 0));
    }
    if (rows.error().code != Code::kPermission && rows.error().code != Code::kReadOnly) {
      return fail(rows.error());
    }
    may_write_ = false;
  }
  // A commit begins at least the size of its record below where it ends, and a stream that has
  // received everything up to an LSN stands two below it.
  constexpr std::uint64_t kBelowEnd = 2;
  if (!standby_) {
    ROWTIDE_TRY_ASSIGN(const std::uint64_t end, quiet_log_end(connection, clock));
    return end - kBelowEnd;
  }
  ROWTIDE_TRY_ASSIGN(const auto rows, query(connection,
                                            "SELECT greatest(pg_catalog.pg_last_wal_receive_lsn(),"
                                            " pg_catalog.pg_last_wal_replay_lsn())"));
  ROWTIDE_TRY_ASSIGN(const std::uint64_t end, parse_lsn(rows.text(0, 0)));
  return end - kBelowEnd;
}

}  // namespace rowtide::postgres
