#include "sources/mysql/delivered_state.h"

#include <utility>

#include "sources/mysql/stream_position.h"

namespace rowtide::mysql {
namespace {

// Both sets as one text. The server merges what overlaps; what is known to be covered is left out,
// so that the text does not grow with each connection.
std::string joined_sets(std::string a, std::string_view b) {
  if (a.empty() || a == b) {
    return std::string(b);
  }
  if (b.empty()) {
    return a;
  }
  const auto first = GtidSet::parse(a);
  const auto second = GtidSet::parse(b);
  if (first && second) {
    if (first->is_subset_of(*second)) {
      return std::string(b);
    }
    if (second->is_subset_of(*first)) {
      return a;
    }
  }
  return std::move(a) + "," + std::string(b);
}

// The later of both in each domain.
std::string joined_states(std::string_view a, std::string_view b) {
  auto state = MariaDbGtidState::parse(a);
  if (!state || a.empty()) {
    return std::string(b);
  }
  if (!b.empty()) {
    // Of a domain that is named twice the highest counts.
    state = MariaDbGtidState::parse(std::string(a) + "," + std::string(b));
  }
  return state ? std::string(state->text()) : std::string(a);
}

Error not_open() {
  return retry_error(Code::kConnection, "the stream is not open");
}

}  // namespace

bool is_before(const BinlogPosition& a, const BinlogPosition& b) {
  if (a.file == b.file) {
    return a.offset < b.offset;
  }
  return binlog_file_number(a.file).value_or(0) < binlog_file_number(b.file).value_or(0);
}

void DeliveredState::stream_opened(StreamServer server, bool has_gtids, std::string_view executed,
                                   std::string_view highest) {
  const std::scoped_lock lock(mutex_);
  const bool maria = server.flavour == Flavour::kMariaDb;
  const auto join = [&](std::string before, std::string_view more) {
    return maria ? joined_states(before, more) : joined_sets(std::move(before), more);
  };
  // Another flavour is another history.
  if (server.flavour != server_.flavour) {
    before_.clear();
    executed_.clear();
    open_gtid_.clear();
  }
  before_ = join(std::move(before_), executed_);
  before_ = join(std::move(before_), open_gtid_);
  before_ = join(std::move(before_), highest);
  before_ = join(std::move(before_), executed);
  executed_ = executed;
  open_gtid_.clear();
  server_ = std::move(server);
  has_gtids_ = has_gtids;
  delivered_ = {.file = {}, .offset = 0};
  taken_ = {.file = {}, .offset = 0};
  position_ = {};
  ++generation_;
  open_ = true;
  moved_.notify_all();
}

void DeliveredState::stream_closed() noexcept {
  const std::scoped_lock lock(mutex_);
  open_ = false;
  moved_.notify_all();
}

void DeliveredState::publish(const StreamProgress& progress) {
  const std::scoped_lock lock(mutex_);
  // Texts of GTIDs may be long, and an idle stream says the same again and again.
  if (progress.position != position_ || executed_.empty()) {
    executed_ = progress.executed;
  }
  open_gtid_ = progress.open_gtid;
  if (!progress.delivered.file.empty()) {
    delivered_ = progress.delivered;
  }
  position_ = progress.position;
  if (progress.taken && is_before(taken_, *progress.taken)) {
    taken_ = *progress.taken;
    if (waiting_ > 0) {
      moved_.notify_all();
    }
  }
}

void DeliveredState::announced(const SchemaPtr& schema) {
  const std::scoped_lock lock(mutex_);
  schemas_[schema->table_id] = schema;
}

SchemaPtr DeliveredState::latest_schema(std::uint64_t table_id) const {
  const std::scoped_lock lock(mutex_);
  const auto found = schemas_.find(table_id);
  return found == schemas_.end() ? nullptr : found->second;
}

Result<DeliveredState::Barrier> DeliveredState::barrier() const {
  const std::scoped_lock lock(mutex_);
  if (!open_) {
    return fail(not_open());
  }
  Barrier barrier;
  barrier.generation = generation_;
  barrier.server = server_;
  barrier.has_gtids = has_gtids_;
  if (server_.flavour == Flavour::kMariaDb) {
    barrier.gtid_position = before_;
    barrier.delivered = delivered_;
  } else {
    barrier.gtid_set = joined_sets(before_, executed_);
    if (!open_gtid_.empty()) {
      barrier.gtid_set += (barrier.gtid_set.empty() ? "" : ",") + open_gtid_;
    }
  }
  return barrier;
}

Result<std::optional<Position>> DeliveredState::wait_past(std::uint64_t generation,
                                                          const BinlogPosition& end,
                                                          Deadline until) {
  std::unique_lock lock(mutex_);
  ++waiting_;
  const auto over = [&] {
    return !open_ || generation_ != generation || (!taken_.file.empty() && !is_before(taken_, end));
  };
  const bool in_time = moved_.wait_until(lock, until, over);
  --waiting_;
  if (!open_ || generation_ != generation) {
    return fail(retry_error(Code::kConnection, "the stream was opened anew meanwhile"));
  }
  return in_time ? std::optional(position_) : std::nullopt;
}

std::pair<std::string, Position> DeliveredState::taken_in() const {
  const std::scoped_lock lock(mutex_);
  return {executed_, position_};
}

void DeliveredState::passed(std::uint64_t generation, const BinlogPosition& end) {
  const std::scoped_lock lock(mutex_);
  if (generation == generation_ && is_before(taken_, end)) {
    taken_ = end;
    moved_.notify_all();
  }
}

}  // namespace rowtide::mysql
