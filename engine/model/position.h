#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/error.h"

namespace rowtide {

// The row index of a position that covers a whole transaction.
inline constexpr std::uint64_t kWholeTransaction = (std::uint64_t{1} << 40) - 1;

// Row indexes above this belong to rows that a backfill put between two transactions.
inline constexpr std::uint64_t kFirstBackfillRow = std::uint64_t{1} << 39;

// A row index for people: a backfill's rows are counted from 1 too.
constexpr std::uint64_t row_number(std::uint64_t row) {
  return row >= kFirstBackfillRow && row != kWholeTransaction ? row - kFirstBackfillRow : row;
}

// A place in one source's stream. Ordered: everything at or below a durable position has been
// delivered, everything above has not.
struct Position {
  // The source's history: PostgreSQL timeline, or a counter that steps when commit positions
  // restart.
  std::uint32_t timeline = 0;
  // PostgreSQL: commit_lsn. Strictly increasing from transaction to transaction within a timeline,
  // by at least 2: what a backfill adds behind a transaction takes the number after it.
  std::uint64_t commit = 0;
  // 1-based index of the row change within its transaction, counting inserts, updates, deletes and
  // truncates only; kWholeTransaction = the transaction is complete.
  std::uint64_t row = 0;

  bool is_whole() const { return row == kWholeTransaction; }
  bool is_backfill() const { return row >= kFirstBackfillRow && !is_whole(); }
  // True between two transactions, as far as the position alone can tell.
  bool is_boundary() const { return is_whole() || is_backfill(); }
  friend auto operator<=>(const Position&, const Position&) = default;
};

// Fixed-width hexadecimal "TTTTTTTT-CCCCCCCCCCCCCCCC-RRRRRRRRRR": sorts as text in delivery order.
inline constexpr std::size_t kPositionTextBytes = 8 + 1 + 16 + 1 + 10;
void append_position(std::string& out, const Position& position);
std::string to_text(const Position& position);
Result<Position> parse_position(std::string_view text);

// All that a source needs to go on: where delivery ended and the source's own token for that place
// (PostgreSQL: system id, timeline and end LSN; MySQL: GTID set). Opaque to everyone but the
// source.
struct ResumePoint {
  Position position;
  std::string token;

  friend bool operator==(const ResumePoint&, const ResumePoint&) = default;
};

}  // namespace rowtide
