#include "tests/unit/pipeline_fixture.h"

// What the source is told, and when: never more than every sink that counts has durable and the
// store has synced.
namespace rowtide::test {
namespace {

ResumePoint after(std::uint64_t n) {
  return TestBatches::resume_after(n);
}

using Acknowledgements = PipelineTest;

// Waits until the reader has gone round several times, so that what it was going to acknowledge it
// has.
void let_the_reader_come_round(FakeDatabase& database) {
  std::size_t polls = 0;
  {
    const std::scoped_lock lock(database.mutex);
    polls = database.polls;
  }
  ASSERT_TRUE(eventually([&] {
    const std::scoped_lock lock(database.mutex);
    return database.polls >= polls + 3;
  }));
}

TEST_F(Acknowledgements, FollowWhatIsDurable) {
  auto& warehouse = add_sink("warehouse");
  warehouse.durable_limit = TestBatches::end_of(2);
  start();
  ASSERT_TRUE(confirms(2));
  warehouse.hold_above(std::nullopt);
  ASSERT_TRUE(confirms(6));
  EXPECT_EQ(database->last_acknowledged(), after(6));
}

TEST_F(Acknowledgements, WaitForTheSlowestRequiredSink) {
  add_sink("fast");
  auto& slow = add_sink("slow");
  slow.durable_limit = TestBatches::end_of(1);
  start();
  ASSERT_TRUE(stored_at("fast", after(6)));
  ASSERT_TRUE(confirms(1));
  let_the_reader_come_round(*database);
  EXPECT_EQ(database->confirmed_now(), 1U);
  slow.hold_above(TestBatches::end_of(4));
  ASSERT_TRUE(confirms(4));
}

TEST_F(Acknowledgements, WaitForARequiredSinkThatStandsNowhere) {
  add_sink("fast");
  auto& stuck = add_sink("stuck");
  stuck.durable_limit = Position{};
  start();
  ASSERT_TRUE(stored_at("fast", after(6)));
  let_the_reader_come_round(*database);
  EXPECT_FALSE(database->last_acknowledged());
  stuck.hold_above(std::nullopt);
  ASSERT_TRUE(confirms(6));
}

TEST_F(Acknowledgements, WaitForARequiredSinkThatStopped) {
  auto& broken = add_sink("broken");
  add_sink("fast");
  broken.before_submit = [](const Batch& batch) -> Result<void> {
    return batch.last_position() <= TestBatches::end_of(2)
               ? Result<void>()
               : Result<void>(fail(operator_error(Code::kPermission, "no", "Grant it")));
  };
  limits.batch_events = 1;
  start();
  ASSERT_TRUE(stored_at("fast", after(6)));
  ASSERT_TRUE(eventually([&] { return lane(0).state == RunState::kStopped; }));
  let_the_reader_come_round(*database);
  // Behind transaction 2 only an empty step lies before the rows that it refused.
  EXPECT_LE(database->confirmed_now(), 3U);
}

TEST_F(Acknowledgements, WaitForTheStore) {
  add_sink("warehouse");
  store.fail_with(retry_error(Code::kDiskFull, "no room"));
  start();
  ASSERT_TRUE(eventually([&] { return lane(0).position == TestBatches::end_of(6); }));
  ASSERT_TRUE(eventually([&] { return store.refused() >= 2; }));
  let_the_reader_come_round(*database);
  EXPECT_FALSE(database->last_acknowledged());
  EXPECT_EQ(pipeline->status().last_error->code, Code::kDiskFull);
  store.fail_with(std::nullopt);
  ASSERT_TRUE(confirms(6));
  EXPECT_FALSE(pipeline->status().last_error);
}

TEST_F(Acknowledgements, WaitForAnOptionalSinkThatWorks) {
  auto& spare = add_sink("spare", false);
  add_sink("warehouse");
  spare.durable_limit = TestBatches::end_of(1);
  start();
  ASSERT_TRUE(stored_at("warehouse", after(6)));
  ASSERT_TRUE(confirms(1));
  let_the_reader_come_round(*database);
  EXPECT_EQ(database->confirmed_now(), 1U);
}

TEST_F(Acknowledgements, WaitForAnOptionalSinkThatFailsForAGraceOnly) {
  auto& spare = add_sink("spare", false);
  add_sink("warehouse");
  spare.before_submit = [](const Batch& batch) -> Result<void> {
    return batch.last_position() <= TestBatches::end_of(1)
               ? Result<void>()
               : Result<void>(fail(retry_error(Code::kConnection, "gone away")));
  };
  // From the second life on it does not even open, so its failing has one beginning.
  spare.before_open = [opens = 0]() mutable -> Result<void> {
    return opens++ == 0 ? Result<void>() : fail(retry_error(Code::kConnection, "gone away"));
  };
  database->committed = 1;
  start();
  ASSERT_TRUE(confirms(1));
  database->commit_up_to(5);
  ASSERT_TRUE(stored_at("warehouse", after(5)));
  ASSERT_TRUE(eventually([&] { return lane(0).state == RunState::kRetrying; }));
  let_the_reader_come_round(*database);
  EXPECT_EQ(database->confirmed_now(), 1U);
  fake.clock.advance(kOptionalLaneGrace);
  // Whatever is stored next finds that the grace is over.
  database->commit_up_to(6);
  ASSERT_TRUE(confirms(6));
}

TEST_F(Acknowledgements, DoNotWaitForAnOptionalSinkThatStopped) {
  auto& spare = add_sink("spare", false);
  add_sink("warehouse");
  spare.before_open = []() -> Result<void> {
    return fail(operator_error(Code::kPermission, "no", "Grant it"));
  };
  start();
  ASSERT_TRUE(confirms(6));
}

TEST_F(Acknowledgements, FollowAStreamThatBringsNothing) {
  database = std::make_unique<FakeDatabase>(std::vector<int>{0, 0, 0, 0});
  database->committed = 1;
  auto& warehouse = add_sink("warehouse");
  start();
  for (std::size_t n = 1; n <= 4; ++n) {
    database->commit_up_to(n);
    ASSERT_TRUE(confirms(n));
  }
  EXPECT_EQ(warehouse.submissions(), 0U);
}

TEST_F(Acknowledgements, NeverGoBeyondWhatTheStoreHolds) {
  // Every acknowledgement is compared with the store at the moment it comes.
  add_sink("one");
  add_sink("two", true, [](const Event& event) { return event.after[0].integer() % 2 == 0; });
  database = std::make_unique<FakeDatabase>(std::vector<int>(200, 2));
  database->committed = 0;
  limits.batch_events = 3;
  start();
  for (std::size_t n = 1; n <= 200; ++n) {
    database->commit_up_to(n);
    const auto confirmed = database->confirmed_now();
    const auto state = store.load("shop");
    for (const auto& name : {"one", "two"}) {
      const auto found = state->lanes.find(name);
      const auto held =
          found == state->lanes.end() ? 0 : transaction_of_token(found->second.durable.token);
      ASSERT_LE(confirmed, held) << name;
    }
  }
  ASSERT_TRUE(confirms(200));
}

}  // namespace
}  // namespace rowtide::test
