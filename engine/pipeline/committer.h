#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "engine/api/state_store.h"
#include "engine/base/runtime.h"
#include "engine/pipeline/retry_policy.h"

namespace rowtide {

// A pipeline as the committer sees it. Called on the committer's thread.
class CommitParticipant {
 public:
  virtual ~CommitParticipant() = default;
  // What has become durable since the last commit that was stored; nullopt = nothing. Until
  // committed() the same (or more) is returned again.
  virtual std::optional<Commit> collect() = 0;
  // `commit` is synced: the source may be told.
  virtual void committed(const Commit& commit) = 0;
  // The store refused; nothing is acknowledged until it works again.
  virtual void commit_failed(const Error& error) = 0;
};

// Stores what every pipeline of the daemon has made durable: one synced write for all of them, at
// most every `interval`, and retried with backoff while the store refuses (disk full).
//
// Thread safe. Owns one thread until stop(); participants must be removed before they go.
class Committer {
 public:
  Committer(StateStore& store, std::chrono::milliseconds interval, Runtime runtime);
  ~Committer();
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  void add(CommitParticipant& participant);
  // Returns when no call to the participant is running or will come.
  void remove(CommitParticipant& participant);
  // Something may have become durable.
  void notify();
  // Stores what is durable now, on the caller's thread; for a drain.
  Result<void> commit_now();
  void stop();

 private:
  void run();

  StateStore& store_;
  const std::chrono::milliseconds interval_;
  const Runtime runtime_;
  RetryPolicy retry_;

  std::mutex mutex_;
  std::condition_variable woken_;
  bool dirty_ = false;
  bool stopping_ = false;
  // Held while participants are called, so that remove() can wait for the end of a round.
  std::mutex round_mutex_;
  std::vector<CommitParticipant*> participants_;  // guarded by round_mutex_
  std::thread thread_;
};

}  // namespace rowtide
