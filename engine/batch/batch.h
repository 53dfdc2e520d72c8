#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/strong_id.h"
#include "engine/batch/arena.h"
#include "engine/batch/byte_budget.h"
#include "engine/model/event.h"
#include "engine/model/position.h"

namespace rowtide {

// One source transaction, or the part of one that is in this batch.
struct Transaction {
  // The source's id of it, for people: PostgreSQL xid as decimal text.
  std::string_view id;
  std::uint32_t timeline = 0;
  std::uint64_t commit = 0;
  // Microseconds since 1970-01-01 UTC.
  std::int64_t committed_at_us = 0;
  // Range of Batch::events().
  std::uint32_t first_event = 0;
  std::uint32_t event_count = 0;
  // The transaction began in an earlier batch.
  bool continued = false;
  // The transaction's commit is in this batch.
  bool complete = false;
  // Resume token of everything before this transaction, and of everything up to its end.
  std::string_view start_token;
  std::string_view end_token;
  // The lanes that it is for, a bit each.
  std::uint64_t lanes = ~std::uint64_t{0};
  // What its end is called in a position. Rows of a backfill share one commit, so there it is the
  // last row's index.
  std::uint64_t end_row = kWholeTransaction;

  Position position_at(std::uint64_t row) const { return {timeline, commit, row}; }
  Position end_position() const { return position_at(end_row); }
};

// Tables of which a sink may not have every row yet, because a backfill is bringing them.
struct FillingTables {
  bool all = false;
  std::vector<std::uint64_t> ids;

  bool contains(std::uint64_t table_id) const {
    return all || std::ranges::find(ids, table_id) != ids.end();
  }
  friend bool operator==(const FillingTables&, const FillingTables&) = default;
};

// Changes in delivery order, immutable and shared from the moment it is built. Views in it live as
// long as any pointer to it. May hold no event at all: then it only says that the source's position
// moved (an idle or fully filtered stream).
class Batch {
 public:
  Batch() = default;
  ~Batch();
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  BatchSequence sequence() const noexcept { return sequence_; }
  std::span<const Event> events() const noexcept { return events_; }
  std::span<const Transaction> transactions() const noexcept { return transactions_; }
  // Every table that an event refers to, once.
  std::span<const SchemaPtr> schemas() const noexcept { return schemas_; }

  // Where delivery stands once all of this batch is durable.
  const Position& last_position() const noexcept { return last_position_; }
  std::string_view last_token() const noexcept { return last_token_; }
  ResumePoint resume_point() const { return {last_position_, std::string(last_token_)}; }
  // False while the batch ends inside a transaction.
  bool ends_on_commit() const noexcept { return last_position_.is_boundary(); }
  // False when no event of it is for this lane.
  bool is_for(std::size_t lane) const noexcept {
    return transactions_.empty() || ((transactions_.front().lanes >> lane) & 1U) != 0;
  }

  // Position of one event of this batch.
  Position position_of(const Event& event) const {
    return transactions_[event.transaction].position_at(event.row);
  }
  // The last row's commit time, or 0 for a batch without transactions.
  std::int64_t last_committed_at_us() const noexcept {
    return transactions_.empty() ? 0 : transactions_.back().committed_at_us;
  }
  std::size_t size_bytes() const noexcept { return size_bytes_; }
  // True when a change of this table may be of a row that a sink does not have yet: a backfill
  // brings it whole.
  bool is_filling(std::uint64_t table_id) const {
    return filling_ != nullptr && filling_->contains(table_id);
  }

 private:
  friend class BatchBuilder;
  friend std::shared_ptr<const Batch> filtered(std::shared_ptr<const Batch> batch,
                                               const std::optional<Position>& after,
                                               const std::function<bool(const Event&)>* keep);

  Arena arena_{0};
  // Set on a filtered copy and on a slice: keeps the bytes of what it was made from.
  std::shared_ptr<const Batch> base_;
  std::shared_ptr<Arena> merged_;
  std::shared_ptr<const FillingTables> filling_;
  std::vector<Event> events_;
  std::vector<Transaction> transactions_;
  std::vector<SchemaPtr> schemas_;
  BatchSequence sequence_;
  Position last_position_;
  std::string_view last_token_;
  std::size_t size_bytes_ = 0;
  ByteBudget* budget_ = nullptr;
};

using BatchPtr = std::shared_ptr<const Batch>;

// The most lanes that Transaction::lanes can tell apart.
inline constexpr std::size_t kMaxLanes = 64;

// Rows of a backfill on their way into the stream, as one transaction of their own.
struct Slice {
  // Where the stream stands: the slice gets the next position behind it.
  Position behind;
  // Transaction::id.
  std::string_view id;
  std::int64_t committed_at_us = 0;
  std::uint64_t lanes = ~std::uint64_t{0};
  // Bytes and cells of the rows; null = none.
  BatchPtr rows;
  // What is left of them, in order. `after` may point into `merged`. No messages.
  std::vector<Event> events;
  std::shared_ptr<Arena> merged;
  SchemaPtr schema;
  // The builder's token suffix from this slice on.
  std::string token_suffix;
};

// What of `batch` lies above `after`, with the events that `keep` (when given) wants; the same
// batch where nothing falls away. A transaction that ends at or below `after` is gone, since a
// marker at its end would lie behind what was delivered, and one that `after` lies in is continued.
// One none of whose events is wanted is still there, empty. Shares the bytes of `batch`.
BatchPtr filtered(BatchPtr batch, const std::optional<Position>& after,
                  const std::function<bool(const Event&)>* keep);

// Builds one batch after the other on the reader's thread.
//
// Order of calls: begin_transaction, events, end_transaction, ...; or advance() between
// transactions. take() may be called whenever can_cut(); a transaction that is open goes on in the
// next batch. Cell and byte storage comes from the batch being built and is valid in events added
// before the next take().
class BatchBuilder {
 public:
  struct Limits {
    std::size_t batch_bytes = std::size_t{1} << 20;
    std::size_t batch_events = 8192;
  };

  BatchBuilder(Limits limits, ByteBudget* budget) : limits_(limits), budget_(budget) {}

  // `end_token` is the resume token once this transaction is delivered, where it is known now.
  struct NewTransaction {
    std::string_view id;
    std::uint32_t timeline = 0;
    std::uint64_t commit = 0;
    std::int64_t committed_at_us = 0;
    std::string_view start_token;
  };
  void begin_transaction(const NewTransaction& info);
  void end_transaction(std::string_view end_token);
  bool in_transaction() const noexcept { return in_transaction_; }

  // Cells, all kAbsent, for the images of the next event.
  std::span<Value> allocate_cells(std::size_t count);
  Arena& arena() { return building_->arena_; }

  // Adds a row change or truncate; `event.transaction` and `event.row` are filled in. The schema is
  // kept alive by the batch.
  void add_row(const Event& event, const SchemaPtr& schema);
  // Adds a message or schema event, which stays together with the row change or commit after it.
  void add_attached(const Event& event, const SchemaPtr& schema);

  // Counts a row change that is not delivered: filtered out, or delivered before.
  void skip_row();
  // The open transaction's beginning was delivered before.
  void mark_continued();

  // Says that everything up to `position` needs no delivery; only between transactions.
  void advance(const Position& position, std::string_view token);

  // Appended to every token from here on; see engine/snapshot/work_left.h.
  void set_token_suffix(std::string suffix) { token_suffix_ = std::move(suffix); }
  // What Batch::is_filling says from the batch on that is being built; null = nothing is filling.
  void set_filling(std::shared_ptr<const FillingTables> filling) { filling_ = std::move(filling); }
  // Makes a batch of a slice, with the token `source_token` and its suffix; only between
  // transactions and while empty(). The next batch comes behind it.
  std::shared_ptr<const Batch> take_slice(Slice slice, std::string_view source_token);

  // Drops all that is being built, e.g. when the source's connection broke; what was taken stays.
  // The next transaction may start over at a row already delivered: the reader filters it.
  void reset();

  // Rows counted so far in the open transaction (delivered in earlier batches included).
  std::uint64_t rows_in_transaction() const noexcept { return rows_in_transaction_; }
  bool empty() const noexcept;
  // A limit was reached and can_cut(); what cannot be cut yet may go over the limits.
  bool full() const noexcept {
    return (building_->events_.size() >= limits_.batch_events ||
            building_->transactions_.size() >= limits_.batch_events ||
            building_->arena_.used_bytes() >= limits_.batch_bytes) &&
           can_cut();
  }
  bool can_cut() const noexcept { return !empty() && !attached_pending_; }
  // Precondition: can_cut().
  std::shared_ptr<const Batch> take();

 private:
  void remember_schema(const SchemaPtr& schema);
  // `token` and the suffix, in the arena.
  std::string_view keep_token(std::string_view token);
  std::string_view start_token(std::string_view token);
  void publish(Batch& batch);

  Limits limits_;
  ByteBudget* budget_;
  std::shared_ptr<Batch> building_ = make_batch();
  BatchSequence next_sequence_{1};
  bool in_transaction_ = false;
  bool attached_pending_ = false;
  bool advanced_ = false;
  std::uint64_t rows_in_transaction_ = 0;
  const TableSchema* last_schema_ = nullptr;
  std::string token_suffix_;
  std::shared_ptr<const FillingTables> filling_;

  static std::shared_ptr<Batch> make_batch();
};

}  // namespace rowtide
