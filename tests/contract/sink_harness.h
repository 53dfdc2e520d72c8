#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/clock.h"
#include "engine/base/failpoints.h"
#include "tests/contract/sink_contract.h"
#include "tests/support/test_batches.h"

namespace rowtide::test {

// The lines that a destination must hold once it was given these batches, in its own way of
// keeping.
std::vector<std::string> expected_lines(Keeps keeps, const std::vector<BatchPtr>& batches);
// The same, up to a position only.
std::vector<std::string> expected_lines(Keeps keeps, const std::vector<BatchPtr>& batches,
                                        const std::optional<ResumePoint>& until);

// One destination and the sink over it, driven the way a lane does.
class SinkContract : public ::testing::TestWithParam<SinkEntry> {
 protected:
  void SetUp() override;

  // A new sink over the destination; what was submitted and not made durable is forgotten.
  void restart();
  // The same without close(), as a kill leaves it.
  void crash() { sink_.reset(); }
  Result<std::optional<ResumePoint>> open(std::uint64_t epoch = 1);
  // open() that must succeed.
  std::optional<ResumePoint> opened(std::uint64_t epoch = 1);

  void submit(const BatchPtr& batch);
  // What a lane does after a restart: everything again, less what the marker covers.
  void submit_behind(const std::optional<ResumePoint>& marker,
                     const std::vector<BatchPtr>& batches);
  DurableReport poll();
  DurableReport flush_and_poll();

  Keeps keeps() const { return GetParam().keeps; }
  bool keeps_marker() const { return GetParam().keeps_marker; }
  // Compares the destination with what these batches must have left there.
  void expect_held(const std::vector<BatchPtr>& batches);
  void expect_held_until(const std::vector<BatchPtr>& batches,
                         const std::optional<ResumePoint>& until);

  Sink& sink() { return *sink_; }
  Result<SinkHandle> make_another() { return subject_->make(runtime()); }
  static LaneContext context(std::uint64_t epoch);
  Deadline soon() const { return clock_.now() + std::chrono::seconds(30); }

 private:
  Runtime runtime() { return Runtime{clock_, failpoints_, Log::silent()}; }

  SystemClock clock_;
  Failpoints failpoints_;
  std::unique_ptr<SinkSubject> subject_;
  std::unique_ptr<Sink> sink_;
};

}  // namespace rowtide::test
