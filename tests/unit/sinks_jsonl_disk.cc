#include "tests/unit/jsonl_fixture.h"

namespace rowtide::test {
namespace {

class JsonlDisk : public JsonlTest {
 protected:
  void SetUp() override {
    if (!disk_.mounted()) {
      GTEST_SKIP() << disk_.why_not();
    }
    config_.path = (disk_.path() / "events").string();
  }
  void TearDown() override { sink_.reset(); }

  SmallDisk disk_{2 << 20};
};

TEST_F(JsonlDisk, AFullDiskIsARetryAndNothingIsLostOnceThereIsRoom) {
  ASSERT_TRUE(open());
  TestBatches source;
  const std::string note(100'000, 'x');
  std::vector<BatchPtr> batches;
  std::optional<Error> failure;
  std::optional<ResumePoint> durable;
  for (int id = 1; id < 100 && !failure; ++id) {
    batches.push_back(
        source.begin().insert(orders_schema(), {id, "Ann", "1.00", true, note}).commit().take());
    auto done = sink_->submit(batches.back(), clock_.time);
    if (done) {
      done = sink_->flush(clock_.time);
    }
    if (done) {
      durable = poll().durable;
    } else {
      failure = done.error();
    }
  }
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code, Code::kDiskFull) << failure->to_text();
  EXPECT_EQ(failure->disposition, Disposition::kRetry);
  EXPECT_FALSE(failure->remedy.empty());
  ASSERT_TRUE(durable);

  ASSERT_TRUE(disk_.resize(16 << 20));
  const auto marker = open(2);
  ASSERT_TRUE(marker) << marker.error().to_text();
  EXPECT_EQ(*marker, durable);
  for (const auto& batch : batches) {
    if (batch->last_position() > durable->position) {
      submit(batch);
    }
  }
  flush();
  EXPECT_EQ(positions_in(config_.path).size(), batches.size());
}

TEST_F(JsonlDisk, AReadOnlyFileSystemNeedsAnOperator) {
  ASSERT_TRUE(open());
  submit(TestBatches().orders({1}).take());
  flush();
  sink_.reset();
  ASSERT_TRUE(disk_.make_read_only(true));
  const auto refused = open(2);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kReadOnly) << refused.error().to_text();
  EXPECT_EQ(refused.error().disposition, Disposition::kOperator);
  ASSERT_TRUE(disk_.make_read_only(false));
  EXPECT_EQ(open(2).value(), TestBatches::resume_after(1));
}

TEST_F(JsonlTest, APathThatIsAFileNeedsAnOperator) {
  std::ofstream(config_.path) << "precious";
  const auto refused = open();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().disposition, Disposition::kOperator) << refused.error().to_text();
  EXPECT_EQ(file_content(config_.path), "precious");
}

TEST_F(JsonlTest, AnEmptyPathIsAConfigError) {
  config_.path.clear();
  EXPECT_EQ(make_jsonl_sink(config_, runtime()).error().code, Code::kConfig);
}

}  // namespace
}  // namespace rowtide::test
