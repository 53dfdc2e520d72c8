#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/clock.h"
#include "engine/base/failpoints.h"
#include "offsets/memory_store.h"
#include "tests/contract/source_contract.h"

namespace rowtide::test {

using Lines = std::vector<std::string>;
using Batches = std::vector<BatchPtr>;

// The row changes of these batches, less the sentinels, a line each: "c orders 1 note", with a
// truncate as "t orders". Long notes are cut short.
Lines rows_of(const Batches& batches);
// The same with their positions in front.
Lines positioned_rows_of(const Batches& batches);
// Every event, schemas ("s orders id,note") and messages ("m prefix content") included.
Lines events_of(const Batches& batches);
template <class T>
std::vector<T> behind(const std::vector<T>& all, std::size_t first) {
  return {all.begin() + static_cast<std::ptrdiff_t>(first), all.end()};
}

// One database and the source over it, driven the way a reader does. On every batch it checks what
// holds for all of them: rows ascend, each comes under the shape that was announced last, and what
// poll left behind can be cut.
class SourceContract : public ::testing::TestWithParam<SourceEntry> {
 protected:
  using Variant = SourceSubject::Variant;

  void SetUp() override;
  void TearDown() override;

  // A new source over the database, as after a restart of the daemon. What was announced before is
  // known to it.
  void restart(Variant variant = Variant::kUsual);
  // Forgets what was announced, as after the loss of a store.
  void forget_announcements() { announced_.clear(); }
  // From now on a batch is full at so many events.
  void cut_at(std::size_t events);

  // open() until it succeeds or fails with more than a retry. Clears batches().
  Result<void> open(const StreamStart& start);
  // open() that must succeed.
  void opened_at(const StreamStart& start);
  void opened() { opened_at({}); }
  void opened_behind(const ResumePoint& from) {
    opened_at({.from = from, .highest = from, .owed_from = {}, .lowest = from});
  }
  // What a reader does before it opens again: what is not cut is dropped.
  void close();

  // One step of a reader: poll, cut, acknowledge.
  Result<PollOutcome> step();
  // step() until the condition holds; fails the test when it takes too long or poll fails.
  void read_until(const std::function<bool()>& done);
  // Reads all that is in the log now.
  void read_all();
  // step() until it fails.
  Error read_until_error();
  // Why the server cannot take this stream: what open() says, or what comes in place of events.
  Error refusal_of(const StreamStart& start);
  // Acknowledges without reading until the condition holds.
  void acknowledge_until(const std::function<bool()>& done);
  // Acknowledges `durable` until the server has confirmed it, where it is told of that.
  void acknowledge_until_confirmed();
  // Waits without touching the source.
  static void wait_until(const std::function<bool()>& done);

  // What came since the stream was opened, less what lies at or below its start.
  const Batches& batches() const { return batches_; }
  Lines rows() const { return rows_of(batches_); }
  ResumePoint last_point() const { return batches_.back()->resume_point(); }

  WriterSession& writer() { return *writer_; }
  void reconnect_writer() { writer_ = subject_->session(); }
  // Inserts `count` rows, each some 300 bytes, with one statement.
  static void insert_many(WriterSession& session, const std::string& table, int first, int count);
  // insert_many(), and behind it the wait for a source that is sent it before the commit.
  void insert_many_and_see_them_sent(int first, int count);

  SourceSubject& subject() { return *subject_; }
  Source& source() { return *source_; }
  BatchBuilder& builder() { return builder_; }
  MonotonicTime now() const { return clock_.now(); }
  // What step() acknowledges.
  std::optional<ResumePoint> durable;

 private:
  void take();
  void check(const Batch& batch);

  SystemClock clock_;
  Failpoints failpoints_;
  MemoryStore store_;
  std::unique_ptr<SourceSubject> subject_;
  std::unique_ptr<Source> source_;
  std::unique_ptr<WriterSession> writer_;
  std::size_t batch_events_ = 8192;
  BatchBuilder builder_{{}, nullptr};
  std::optional<Position> from_;
  std::optional<Position> last_row_;
  std::map<std::uint64_t, TableSchema> announced_;
  Batches batches_;
  int sentinels_ = 0;
};

}  // namespace rowtide::test
