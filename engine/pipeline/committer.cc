#include "engine/pipeline/committer.h"

#include <algorithm>
#include <utility>

namespace rowtide {

Committer::Committer(StateStore& store, std::chrono::milliseconds interval, Runtime runtime)
    : store_(store),
      interval_(interval),
      runtime_(std::move(runtime)),
      retry_({std::chrono::milliseconds(100), std::chrono::milliseconds(5000)}, 1),
      thread_([this] { run(); }) {}

Committer::~Committer() {
  stop();
}

void Committer::add(CommitParticipant& participant) {
  const std::scoped_lock lock(round_mutex_);
  participants_.push_back(&participant);
}

void Committer::remove(CommitParticipant& participant) {
  const std::scoped_lock lock(round_mutex_);
  std::erase(participants_, &participant);
}

void Committer::notify() {
  {
    const std::scoped_lock lock(mutex_);
    if (dirty_) {
      return;
    }
    dirty_ = true;
  }
  woken_.notify_one();
}

Result<void> Committer::commit_now() {
  const std::scoped_lock lock(round_mutex_);
  std::vector<Commit> commits;
  std::vector<CommitParticipant*> owners;
  for (auto* participant : participants_) {
    if (auto commit = participant->collect()) {
      commits.push_back(std::move(*commit));
      owners.push_back(participant);
    }
  }
  if (commits.empty()) {
    return {};
  }
  runtime_.failpoints.hit(Failpoint::kCommitterBeforeStore);
  for (const auto& commit : commits) {
    if (!commit.schemas.empty()) {
      runtime_.failpoints.hit(Failpoint::kSchemaWrite);
    }
  }
  const auto stored = store_.commit(commits);
  if (stored) {
    runtime_.failpoints.hit(Failpoint::kCommitterAfterStore);
  }
  for (std::size_t i = 0; i < owners.size(); ++i) {
    if (stored) {
      owners[i]->committed(commits[i]);
    } else {
      owners[i]->commit_failed(stored.error());
    }
  }
  return stored;
}

void Committer::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  woken_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void Committer::run() {
  while (true) {
    {
      std::unique_lock lock(mutex_);
      woken_.wait(lock, [&] { return dirty_ || stopping_; });
      if (stopping_) {
        return;
      }
      dirty_ = false;
    }
    auto pause = interval_;
    if (auto stored = commit_now(); !stored) {
      runtime_.log.error("positions could not be stored, nothing is acknowledged meanwhile: {}",
                         stored.error().to_text());
      pause = retry_.next();
      const std::scoped_lock lock(mutex_);
      dirty_ = true;
    } else {
      retry_.succeeded();
    }
    // The pause makes the group: whatever becomes durable meanwhile shares the next sync.
    std::unique_lock lock(mutex_);
    woken_.wait_for(lock, pause, [&] { return stopping_; });
  }
}

}  // namespace rowtide
