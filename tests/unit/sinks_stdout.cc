#include <algorithm>
#include <csignal>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "sinks/blackhole/blackhole_sink.h"
#include "sinks/stdout/stdout_sink.h"
#include "tests/support/test_batches.h"

namespace rowtide::test {
namespace {

class StdoutSinkTest : public ::testing::Test {
 protected:
  StdoutSinkTest() {
    EXPECT_EQ(::pipe2(pipe_, O_CLOEXEC), 0);
    EXPECT_EQ(::fcntl(pipe_[0], F_SETFL, O_NONBLOCK), 0);
    StdoutConfig config;
    config.descriptor = pipe_[1];
    sink_ = std::move(make_stdout_sink(config, runtime()).value().sink);
    LaneContext context;
    context.pipeline = "shop";
    EXPECT_EQ(sink_->open(context).value(), std::nullopt);
  }
  ~StdoutSinkTest() override {
    close_reader();
    ::close(pipe_[1]);
  }

  void close_reader() {
    if (pipe_[0] >= 0) {
      ::close(pipe_[0]);
      pipe_[0] = -1;
    }
  }

  // What is in the pipe now.
  std::string drain() {
    std::string all;
    char buffer[65536];
    for (ssize_t got = 0; (got = ::read(pipe_[0], buffer, sizeof buffer)) > 0;) {
      all.append(buffer, static_cast<std::size_t>(got));
    }
    return all;
  }

  Runtime runtime() { return Runtime{clock_, failpoints_, Log::silent()}; }
  Deadline at_once() const { return clock_.now(); }

  SystemClock clock_;
  Failpoints failpoints_;
  int pipe_[2] = {-1, -1};
  std::unique_ptr<Sink> sink_;
};

TEST_F(StdoutSinkTest, WritesALinePerEventAndReportsTheBatch) {
  ASSERT_TRUE(sink_->submit(TestBatches().orders({1, 2}).take(), at_once()));
  const auto report = sink_->poll_durable(at_once()).value();
  EXPECT_EQ(report.durable, TestBatches::resume_after(1));
  EXPECT_EQ(report.rows_delivered, 2U);
  const auto text = drain();
  EXPECT_EQ(std::ranges::count(text, '\n'), 2);
  EXPECT_EQ(text.size(), report.bytes_delivered);
  EXPECT_TRUE(text.starts_with("{\"op\":\"c\",\"pipeline\":\"shop\""));
}

TEST_F(StdoutSinkTest, ASlowReaderHoldsTheBatchesBackAndGetsEveryLineInTheEnd) {
  TestBatches source;
  std::weak_ptr<const Batch> first_waiting;
  for (int i = 1; i <= 40; ++i) {
    source.begin();
    for (int row = 0; row < 20; ++row) {
      source.insert(orders_schema(), {i * 100 + row, std::string(500, 'x'), "1.00", true, nullptr});
    }
    const auto batch = source.commit().take();
    ASSERT_TRUE(sink_->submit(batch, at_once()));
    first_waiting = batch;
  }
  EXPECT_LT(sink_->poll_durable(at_once()).value().durable->position, TestBatches::end_of(40));
  EXPECT_FALSE(first_waiting.expired()) << "a batch that waits must count against the memory";
  std::string text;
  for (int round = 0; round < 1000; ++round) {
    text += drain();
    const auto report = sink_->poll_durable(at_once()).value();
    if (report.durable == TestBatches::resume_after(40)) {
      break;
    }
  }
  text += drain();
  EXPECT_EQ(std::ranges::count(text, '\n'), 800);
  EXPECT_TRUE(text.ends_with("\n"));
  EXPECT_TRUE(first_waiting.expired());
}

TEST_F(StdoutSinkTest, AReaderThatHasGoneNeedsAnOperator) {
  std::signal(SIGPIPE, SIG_IGN);
  close_reader();
  const auto submitted = sink_->submit(TestBatches().orders({1}).take(), at_once());
  std::signal(SIGPIPE, SIG_DFL);
  ASSERT_FALSE(submitted);
  EXPECT_EQ(submitted.error().code, Code::kConnection);
  EXPECT_EQ(submitted.error().disposition, Disposition::kOperator);
}

TEST(BlackholeSink, CountsWhatItDropsWithAndWithoutAFormat) {
  const SystemClock clock;
  Failpoints failpoints;
  for (const auto format : {FormatKind::kNone, FormatKind::kFlatJson}) {
    BlackholeConfig config;
    config.format.format = format;
    const auto sink =
        make_blackhole_sink(config, Runtime{clock, failpoints, Log::silent()}).value().sink;
    ASSERT_TRUE(sink->open(LaneContext{}));
    ASSERT_TRUE(sink->submit(TestBatches().orders({1, 2, 3}).take(), clock.now()));
    const auto report = sink->poll_durable(clock.now()).value();
    EXPECT_EQ(report.rows_delivered, 3U);
    EXPECT_GT(report.bytes_delivered, 500U);
    EXPECT_EQ(report.durable, TestBatches::resume_after(1));
  }
}

}  // namespace
}  // namespace rowtide::test
