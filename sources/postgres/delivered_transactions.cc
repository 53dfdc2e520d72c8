#include "sources/postgres/delivered_transactions.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace rowtide::postgres {
namespace {

// True when `a` comes before `b` in an order that wraps around.
bool is_before(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::int32_t>(a - b) < 0;
}

bool take_number(std::string_view& text, std::uint64_t& number) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc()) {
    return false;
  }
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool take_sign(std::string_view& text, char sign) {
  if (!text.starts_with(sign)) {
    return false;
  }
  text.remove_prefix(1);
  return true;
}

}  // namespace

Result<TransactionSnapshot> TransactionSnapshot::parse(std::string_view text) {
  TransactionSnapshot snapshot;
  std::uint64_t xmin = 0;
  std::uint64_t xmax = 0;
  bool good = take_number(text, xmin) && take_sign(text, ':') && take_number(text, xmax) &&
              take_sign(text, ':');
  snapshot.xmax = static_cast<std::uint32_t>(xmax);
  while (good && !text.empty()) {
    std::uint64_t xid = 0;
    good = take_number(text, xid) && (text.empty() || take_sign(text, ','));
    snapshot.in_progress.push_back(static_cast<std::uint32_t>(xid));
  }
  if (!good) {
    return fail(retry_error(Code::kProtocol, "the server's snapshot cannot be read"));
  }
  std::ranges::sort(snapshot.in_progress);
  return snapshot;
}

bool TransactionSnapshot::sees(std::uint32_t xid) const {
  return is_before(xid, xmax) && !std::ranges::binary_search(in_progress, xid);
}

void DeliveredTransactions::stream_started(std::uint32_t timeline, std::uint64_t log_end,
                                           std::string system_id) {
  const std::scoped_lock lock(mutex_);
  if (timeline_ != 0 && timeline_ != timeline) {
    fresh_.clear();
    ++streams_;
    ++lost_;
    commit_lsn_ = 0;
    log_end_ = 0;
  }
  timeline_ = timeline;
  log_end_ = std::max(log_end_, log_end);
  system_id_ = std::move(system_id);
}

void DeliveredTransactions::add(std::uint32_t xid, std::uint64_t commit_lsn) {
  const std::scoped_lock lock(mutex_);
  commit_lsn_ = std::max(commit_lsn_, commit_lsn);
  if (xid == 0) {
    return;
  }
  if (fresh_.size() >= most_noted_) {
    fresh_.clear();
    ++lost_;
  }
  fresh_.push_back(Noted{xid, static_cast<std::uint32_t>(added_)});
  ++added_;
}

std::uint32_t DeliveredTransactions::timeline() const {
  const std::scoped_lock lock(mutex_);
  return timeline_;
}

std::uint64_t DeliveredTransactions::commit_lsn() const {
  const std::scoped_lock lock(mutex_);
  return commit_lsn_;
}

std::string DeliveredTransactions::system_id() const {
  const std::scoped_lock lock(mutex_);
  return system_id_;
}

std::uint64_t DeliveredTransactions::log_end() const {
  const std::scoped_lock lock(mutex_);
  return log_end_;
}

void DeliveredTransactions::learned_at(std::uint64_t log_end) {
  const std::scoped_lock lock(mutex_);
  log_end_ = std::max(log_end_, log_end);
}

DeliveredTransactions::Mark DeliveredTransactions::mark() const {
  const std::scoped_lock lock(mutex_);
  return added_;
}

std::uint64_t DeliveredTransactions::survey_mark() const {
  const std::scoped_lock lock(mutex_);
  return lost_;
}

bool DeliveredTransactions::survey_due() const {
  const std::scoped_lock looking(looking_);
  const std::scoped_lock lock(mutex_);
  return surveyed_ < lost_;
}

bool DeliveredTransactions::in_doubt() const {
  const std::scoped_lock looking(looking_);
  return !in_doubt_.empty();
}

void DeliveredTransactions::surveyed(std::uint64_t begun,
                                     std::vector<std::uint32_t> may_be_committing) {
  std::ranges::sort(may_be_committing);
  const std::scoped_lock looking(looking_);
  if (begun > surveyed_) {
    surveyed_ = begun;
    in_doubt_ = std::move(may_be_committing);
    return;
  }
  // Whoever has begun since then is none of those in doubt.
  std::erase_if(in_doubt_, [&](std::uint32_t xid) {
    return !std::ranges::binary_search(may_be_committing, xid);
  });
}

void DeliveredTransactions::take_fresh() {
  const std::scoped_lock lock(mutex_);
  if (streams_seen_ != streams_) {
    streams_seen_ = streams_;
    waiting_.clear();
    in_doubt_.clear();
  }
  if (waiting_.size() >= most_noted_) {
    waiting_.clear();
    ++lost_;
  }
  waiting_.insert(waiting_.end(), fresh_.begin(), fresh_.end());
  fresh_.clear();
}

bool DeliveredTransactions::all_visible(const TransactionSnapshot& snapshot, Mark mark) {
  const std::scoped_lock looking(looking_);
  take_fresh();
  bool all = in_doubt_.empty();
  std::erase_if(waiting_, [&](const Noted& noted) {
    if (snapshot.sees(noted.xid)) {
      return true;
    }
    all = all && !is_before(noted.order, static_cast<std::uint32_t>(mark));
    return false;
  });
  const std::scoped_lock lock(mutex_);
  return all && surveyed_ >= lost_;
}

std::size_t DeliveredTransactions::noted() const {
  const std::scoped_lock looking(looking_);
  const std::scoped_lock lock(mutex_);
  return waiting_.size() + fresh_.size();
}

}  // namespace rowtide::postgres
