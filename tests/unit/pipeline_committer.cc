#include <future>

#include <gtest/gtest.h>

#include "engine/pipeline/committer.h"
#include "tests/unit/pipeline_fakes.h"

namespace rowtide::test {
namespace {

class FakeParticipant final : public CommitParticipant {
 public:
  explicit FakeParticipant(std::string pipeline) : pipeline_(std::move(pipeline)) {}

  void reach(std::uint64_t transaction) {
    const std::scoped_lock lock(mutex_);
    durable_ = transaction;
  }
  std::uint64_t stored() const {
    const std::scoped_lock lock(mutex_);
    return stored_;
  }
  int failures() const {
    const std::scoped_lock lock(mutex_);
    return failures_;
  }
  std::optional<Error> last_failure() const {
    const std::scoped_lock lock(mutex_);
    return last_failure_;
  }

  std::optional<Commit> collect() override {
    const std::scoped_lock lock(mutex_);
    if (durable_ == stored_) {
      return std::nullopt;
    }
    Commit commit;
    commit.pipeline = pipeline_;
    commit.lanes["sink"].durable = TestBatches::resume_after(durable_);
    return commit;
  }
  void committed(const Commit& commit) override {
    const std::scoped_lock lock(mutex_);
    stored_ = commit.lanes.at("sink").durable.position.commit / 100;
  }
  void commit_failed(const Error& error) override {
    const std::scoped_lock lock(mutex_);
    ++failures_;
    last_failure_ = error;
  }

 private:
  const std::string pipeline_;
  mutable std::mutex mutex_;
  std::uint64_t durable_ = 0;
  std::uint64_t stored_ = 0;
  int failures_ = 0;
  std::optional<Error> last_failure_;
};

class Committers : public testing::Test {
 protected:
  std::uint64_t in_store(const std::string& pipeline) {
    const auto state = store.load(pipeline);
    const auto lane = state->lanes.find("sink");
    return lane == state->lanes.end() ? 0 : lane->second.durable.position.commit / 100;
  }

  FakeRuntime fake;
  FakeStore store;
  FakeParticipant shop{"shop"};
  FakeParticipant bank{"bank"};
  // Long, so that only what a test triggers is stored.
  Committer committer{store, std::chrono::hours(1), fake.runtime};
};

TEST_F(Committers, StoreAllPipelinesInOneWrite) {
  committer.add(shop);
  committer.add(bank);
  shop.reach(3);
  bank.reach(7);
  ASSERT_TRUE(committer.commit_now());
  EXPECT_EQ(store.commit_sizes(), (std::vector<std::size_t>{2}));
  EXPECT_EQ(in_store("shop"), 3U);
  EXPECT_EQ(in_store("bank"), 7U);
  EXPECT_EQ(shop.stored(), 3U);
  EXPECT_EQ(bank.stored(), 7U);
}

TEST_F(Committers, WriteNothingWhenNothingMoved) {
  committer.add(shop);
  committer.add(bank);
  ASSERT_TRUE(committer.commit_now());
  bank.reach(1);
  ASSERT_TRUE(committer.commit_now());
  EXPECT_EQ(store.commit_sizes(), (std::vector<std::size_t>{1}));
}

TEST_F(Committers, StoreWhenTheyAreTold) {
  committer.add(shop);
  shop.reach(2);
  committer.notify();
  EXPECT_TRUE(eventually([&] { return shop.stored() == 2; }));
}

TEST_F(Committers, LetWhatHappensMeanwhileShareTheNextWrite) {
  committer.add(shop);
  shop.reach(1);
  committer.notify();
  ASSERT_TRUE(eventually([&] { return shop.stored() == 1; }));
  // Within the hour until the next write.
  for (std::uint64_t n = 2; n <= 200; ++n) {
    shop.reach(n);
    committer.notify();
    std::this_thread::yield();
  }
  EXPECT_EQ(shop.stored(), 1U);
  ASSERT_TRUE(committer.commit_now());
  EXPECT_EQ(shop.stored(), 200U);
  EXPECT_EQ(store.commit_sizes().size(), 2U);
}

TEST_F(Committers, ReportAFailingStoreAndTryAgain) {
  store.fail_with(retry_error(Code::kDiskFull, "no room"));
  committer.add(shop);
  committer.add(bank);
  shop.reach(4);
  bank.reach(5);
  committer.notify();
  ASSERT_TRUE(eventually([&] { return shop.failures() >= 2 && bank.failures() >= 2; }));
  EXPECT_EQ(shop.last_failure()->code, Code::kDiskFull);
  EXPECT_EQ(shop.stored(), 0U);
  EXPECT_EQ(bank.stored(), 0U);
  EXPECT_EQ(in_store("shop"), 0U);
  shop.reach(6);
  store.fail_with(std::nullopt);
  // Nobody says anything again: it comes back by itself, with what is durable by then.
  EXPECT_TRUE(eventually([&] { return shop.stored() == 6 && bank.stored() == 5; }));
  EXPECT_EQ(in_store("shop"), 6U);
}

TEST_F(Committers, GiveTheStoresErrorToWhoeverDrains) {
  store.fail_with(retry_error(Code::kDiskFull, "no room"));
  committer.add(shop);
  shop.reach(1);
  EXPECT_EQ(committer.commit_now().error().code, Code::kDiskFull);
  EXPECT_EQ(shop.failures(), 1);
}

TEST_F(Committers, LeaveARemovedPipelineAlone) {
  committer.add(shop);
  committer.add(bank);
  committer.remove(shop);
  shop.reach(1);
  bank.reach(1);
  ASSERT_TRUE(committer.commit_now());
  EXPECT_EQ(shop.stored(), 0U);
  EXPECT_EQ(bank.stored(), 1U);
}

TEST_F(Committers, StopWhileTheStoreRefuses) {
  store.fail_with(retry_error(Code::kDiskFull, "no room"));
  committer.add(shop);
  shop.reach(1);
  committer.notify();
  ASSERT_TRUE(eventually([&] { return shop.failures() >= 1; }));
  auto stopped = std::async(std::launch::async, [&] { committer.stop(); });
  EXPECT_EQ(stopped.wait_for(std::chrono::seconds(30)), std::future_status::ready);
}

}  // namespace
}  // namespace rowtide::test
