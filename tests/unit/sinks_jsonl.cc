#include "tests/unit/jsonl_fixture.h"

namespace rowtide::test {
namespace {

using Jsonl = JsonlTest;

constexpr const char* kFirst = "0000000001.jsonl";
constexpr const char* kMarker = ".rowtide-marker.json";

TEST_F(Jsonl, NothingIsDurableBeforeTheFlushIntervalIsOver) {
  ASSERT_TRUE(open());
  submit(TestBatches().orders({1}).take());
  EXPECT_EQ(poll().durable, std::nullopt);
  clock_.time += config_.flush_interval - std::chrono::milliseconds(1);
  EXPECT_EQ(poll().durable, std::nullopt);
  clock_.time += std::chrono::milliseconds(1);
  const auto report = poll();
  EXPECT_EQ(report.durable, TestBatches::resume_after(1));
  EXPECT_EQ(report.rows_delivered, 1U);
  EXPECT_EQ(report.bytes_delivered, file_content(path(kFirst)).size());
}

TEST_F(Jsonl, ManyBytesAreMadeDurableAtOnce) {
  config_.buffer_bytes = 1000;
  ASSERT_TRUE(open());
  TestBatches source;
  submit(source.orders({1}).take());
  EXPECT_EQ(poll().durable, std::nullopt);
  submit(source.orders({2, 3, 4}).take());
  EXPECT_EQ(poll().durable, TestBatches::resume_after(2));
}

TEST_F(Jsonl, FilesAreRotatedBySizeAndHoldEveryEventOnceInOrder) {
  config_.rotate_bytes = 1000;
  ASSERT_TRUE(open());
  TestBatches source;
  std::vector<std::string> expected;
  for (int i = 1; i <= 40; ++i) {
    const auto batch = source.orders({2 * i, 2 * i + 1}).take();
    for (const auto& event : batch->events()) {
      expected.push_back(to_text(batch->position_of(event)));
    }
    submit(batch);
  }
  flush();
  EXPECT_EQ(positions_in(config_.path), expected);
  const auto files = data_files(config_.path);
  EXPECT_GT(files.size(), 10U);
  EXPECT_EQ(files.begin()->first, kFirst);
  for (const auto& [name, content] : files) {
    EXPECT_LE(content.size(), 1000U);
    EXPECT_TRUE(content.ends_with('\n'));
  }
}

TEST_F(Jsonl, AnEventLargerThanAFileGetsOneOfItsOwn) {
  config_.rotate_bytes = 1000;
  ASSERT_TRUE(open());
  TestBatches source;
  submit(source.orders({1})
             .begin()
             .insert(orders_schema(), {2, std::string(5000, 'x'), "1.00", true, nullptr})
             .commit()
             .orders({3})
             .take());
  flush();
  const auto files = data_files(config_.path);
  ASSERT_EQ(files.size(), 3U);
  EXPECT_GT(files.at("0000000002.jsonl").size(), 5000U);
}

TEST_F(Jsonl, RecoveryCutsTheTailAndRemovesLaterFiles) {
  config_.rotate_bytes = 1000;
  ASSERT_TRUE(open());
  TestBatches source;
  submit(source.orders({1, 2, 3, 4, 5}).take());
  flush();
  const auto before = data_files(config_.path);
  source.begin();
  for (int id = 10; id < 1000; ++id) {
    source.orders_row(id);
  }
  submit(source.take());  // the transaction stays open
  EXPECT_NE(data_files(config_.path), before);
  EXPECT_EQ(open(2).value(), TestBatches::resume_after(1));
  EXPECT_EQ(data_files(config_.path), before);
}

TEST_F(Jsonl, ATransactionBeyondTheLimitBecomesDurableInParts) {
  config_.split_transaction_rows = 3;
  ASSERT_TRUE(open());
  TestBatches source;
  submit(source.begin().orders_row(1).orders_row(2).take());
  flush();
  EXPECT_EQ(poll().durable, std::nullopt);
  submit(source.orders_row(3).orders_row(4).take());
  flush();
  const auto report = poll();
  const ResumePoint inside{{1, 100, 4}, TestBatches::token_of(0)};
  EXPECT_EQ(report.durable, inside);
  EXPECT_EQ(report.transactions_split, 1U);
  EXPECT_EQ(open(2).value(), inside);
  submit(source.orders_row(5).commit().take());
  flush();
  EXPECT_EQ(poll().durable, TestBatches::resume_after(1));
  EXPECT_EQ(poll().rows_delivered, 1U);
  EXPECT_EQ(positions_in(config_.path).size(), 5U);
}

TEST_F(Jsonl, ASecondSinkIsToldThatTheDirectoryIsInUse) {
  ASSERT_TRUE(open());
  auto second = make_jsonl_sink(config_, runtime()).value();
  const auto refused = second.sink->open(context(2));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kLocked);
  EXPECT_NE(refused.error().message.find(config_.path), std::string::npos);
}

TEST_F(Jsonl, AWriterOnAnotherMachineIsFencedByTheMarker) {
  ASSERT_TRUE(open(3));
  submit(TestBatches().orders({1}).take());
  auto marker = nlohmann::json::parse(file_content(path(kMarker)));
  marker["epoch"] = 4;
  std::ofstream(path(kMarker)) << marker.dump();
  const auto flushed = sink_->flush(clock_.time);
  ASSERT_FALSE(flushed);
  EXPECT_EQ(flushed.error().code, Code::kFenced);
}

TEST_F(Jsonl, SomebodyElsesDirectoryIsNotTouched) {
  std::filesystem::create_directories(config_.path);
  std::ofstream(path("0000000007.jsonl")) << "theirs\n";
  const auto refused = open();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kConflict);
  EXPECT_EQ(file_content(path("0000000007.jsonl")), "theirs\n");
}

TEST_F(Jsonl, TheDirectoryOfAnotherSinkIsRefused) {
  ASSERT_TRUE(open());
  sink_.reset();
  auto other = make_jsonl_sink(config_, runtime()).value();
  auto lane = context(2);
  lane.sink = "others";
  const auto refused = other.sink->open(lane);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kConflict);
  EXPECT_NE(refused.error().message.find("files"), std::string::npos);
}

TEST_F(Jsonl, DataThatDoesNotFitTheMarkerStopsTheSink) {
  ASSERT_TRUE(open());
  submit(TestBatches().orders({1, 2}).take());
  flush();
  const auto content = file_content(path(kFirst));
  const auto refused_with = [&](const std::string& replaced) {
    sink_.reset();
    std::ofstream(path(kFirst), std::ios::binary | std::ios::trunc) << replaced;
    const auto refused = open(2);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kCorrupt);
    EXPECT_FALSE(refused.error().remedy.empty());
    EXPECT_EQ(file_content(path(kFirst)), replaced);
  };
  refused_with(content.substr(0, content.size() - 1));
  refused_with(std::string(content.size(), 'x'));
  refused_with(content.substr(content.find('\n') + 1) + content.substr(0, content.find('\n') + 1));
  sink_.reset();
  std::filesystem::remove(path(kFirst));
  EXPECT_EQ(open(2).error().code, Code::kCorrupt);
}

TEST_F(Jsonl, ADamagedOrNewerMarkerIsNamedAsSuch) {
  ASSERT_TRUE(open());
  const auto marker = nlohmann::json::parse(file_content(path(kMarker)));
  const auto code_with = [&](const std::string& text) {
    sink_.reset();
    std::ofstream(path(kMarker), std::ios::trunc) << text;
    return open(2).error().code;
  };
  EXPECT_EQ(code_with(""), Code::kCorrupt);
  EXPECT_EQ(code_with("[]"), Code::kCorrupt);
  EXPECT_EQ(code_with("{\"format\":1}"), Code::kCorrupt);
  auto changed = marker;
  changed["file"] = 0;
  EXPECT_EQ(code_with(changed.dump()), Code::kCorrupt);
  changed = marker;
  changed["last_event"] = "nonsense";
  EXPECT_EQ(code_with(changed.dump()), Code::kCorrupt);
  changed = marker;
  changed["format"] = 2;
  EXPECT_EQ(code_with(changed.dump()), Code::kNewerFormat);
}

}  // namespace
}  // namespace rowtide::test
