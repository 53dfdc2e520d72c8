#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "tests/unit/snapshot_fixture.h"

namespace rowtide::test {
namespace {

using Names = std::vector<std::string>;

class BackfillErrors : public BackfillRunnerTest {
 protected:
  BackfillErrors() { settings.workers = 1; }

  // The outcome of a hook until it is cleared.
  void break_with(std::optional<Error> error) {
    const std::scoped_lock lock(mutex_);
    error_ = std::move(error);
  }
  Result<void> outcome() {
    const std::scoped_lock lock(mutex_);
    return error_ ? Result<void>(fail(*error_)) : Result<void>();
  }
  // Time passes, so that whoever waits to try again does.
  bool runs_on_until(const std::function<bool()>& holds) {
    return runs_until([&] {
      fake.clock.advance(std::chrono::milliseconds(50));
      return holds();
    });
  }
  bool shows(Code code) {
    return runs_on_until([&] {
      const auto error = status().last_error;
      return error && error->code == code;
    });
  }

 private:
  std::mutex mutex_;
  std::optional<Error> error_;
};

TEST_F(BackfillErrors, OfTheBarrierAreShownAndTriedAgain) {
  shop.add_table("orders", 5);
  std::atomic<int> attempts = 0;
  shop.on_open = [&](const ChunkRequest&) {
    ++attempts;
    return outcome();
  };
  break_with(retry_error(Code::kTimeout, "delivered transactions stay invisible"));
  start();
  ASSERT_TRUE(shows(Code::kTimeout));
  ASSERT_TRUE(runs_on_until([&] { return attempts >= 3; }));
  EXPECT_EQ(status().state, BackfillState::kRunning);
  EXPECT_TRUE(lanes["lake"].reads.empty());
  break_with(std::nullopt);
  ASSERT_TRUE(runs_on_until([&] { return is_finished(); }));
  EXPECT_EQ(status().last_error, std::nullopt);
  EXPECT_EQ(sorted_reads("lake"), all_rows());
}

TEST_F(BackfillErrors, InTheMiddleOfAChunkForgetItsRows) {
  shop.add_table("orders", 8);
  shop.on_read = [&](const ChunkRequest&) {
    return shop.rows_read_now() >= 6 ? outcome() : Result<void>();
  };
  break_with(retry_error(Code::kConnection, "the connection is gone"));
  start();
  ASSERT_TRUE(shows(Code::kConnection));
  // The chunk before it was whole.
  ASSERT_TRUE(runs_on_until([&] { return lanes["lake"].reads.size() == 4; }));
  break_with(std::nullopt);
  ASSERT_TRUE(runs_on_until([&] { return is_finished(); }));
  EXPECT_EQ(sorted_reads("lake"), all_rows());
}

TEST_F(BackfillErrors, OfTheListOfTablesAreTriedAgain) {
  shop.add_table("orders", 5);
  shop.on_tables = [&] { return outcome(); };
  break_with(retry_error(Code::kConnection, "nobody is there"));
  start();
  ASSERT_TRUE(shows(Code::kConnection));
  break_with(std::nullopt);
  ASSERT_TRUE(runs_on_until([&] { return is_finished(); }));
  EXPECT_EQ(sorted_reads("lake"), all_rows());
}

TEST_F(BackfillErrors, LeaveATableOutThatIsGone) {
  shop.add_table("customers", 2);
  shop.add_table("orders", 5);
  shop.on_plan = [](const ScanTable& table) {
    return table.table == "customers"
               ? Result<void>(fail(operator_error(Code::kNotFound, "no such table", "Leave it")))
               : Result<void>();
  };
  start();
  ASSERT_TRUE(runs_on_until([&] { return is_finished(); }));
  EXPECT_EQ(status().state, BackfillState::kFinished);
  EXPECT_EQ(lanes["lake"].reads.size(), 5U);
}

TEST_F(BackfillErrors, LeaveTheRestOfATableOutThatIsGoneMeanwhile) {
  shop.add_table("customers", 12);
  shop.add_table("orders", 5);
  shop.on_open = [&](const ChunkRequest& request) {
    return request.table.table == "customers" && request.after
               ? Result<void>(fail(operator_error(Code::kNotFound, "no such table", "Leave it")))
               : Result<void>();
  };
  settings.workers = 2;
  start();
  ASSERT_TRUE(runs_on_until([&] { return is_finished(); }));
  EXPECT_EQ(status().state, BackfillState::kFinished);
  EXPECT_EQ(lanes["lake"].tables["orders"].size(), 5U);
}

TEST_F(BackfillErrors, ThatNeedTheOperatorFailItUntilItIsResumed) {
  shop.add_table("orders", 12);
  shop.on_open = [&](const ChunkRequest& request) {
    return request.after ? outcome() : Result<void>();
  };
  break_with(operator_error(Code::kPermission, "permission denied", "Grant SELECT"));
  start();
  ASSERT_TRUE(runs_on_until([&] { return status().state == BackfillState::kFailed; }));
  EXPECT_FALSE(runner->finished());
  EXPECT_EQ(status().last_error->code, Code::kPermission);
  EXPECT_TRUE(becomes_stored("shop-1", BackfillState::kFailed));
  start_again();
  ASSERT_TRUE(status().last_error);
  EXPECT_EQ(status().last_error->to_text(), "permission denied. Grant SELECT");
  ASSERT_TRUE(runner->act("shop-1", BackfillControl::Action::kResume));
  ASSERT_TRUE(shows(Code::kPermission));
  const int made = readers_made;
  break_with(std::nullopt);
  ASSERT_TRUE(runner->act("shop-1", BackfillControl::Action::kResume));
  EXPECT_EQ(status().last_error, std::nullopt);
  ASSERT_TRUE(runs_on_until([&] { return is_finished(); }));
  EXPECT_EQ(readers_made, made + 1) << "what was granted may count for new connections alone";
  EXPECT_EQ(sorted_reads("lake"), all_rows());
}

TEST_F(BackfillErrors, ThatFailedItStayWhateverElseWasUnderWay) {
  shop.add_table("customers", 3);
  shop.add_table("orders", 3);
  settings.workers = 2;
  std::atomic<bool> held = false;
  shop.on_read = [&](const ChunkRequest& request) {
    if (request.table.table == "customers") {
      held = true;
      gate.pass();
      return Result<void>();
    }
    return held ? Result<void>(fail(operator_error(Code::kPermission, "denied", "Grant SELECT")))
                : Result<void>(fail(retry_error(Code::kConnection, "not yet")));
  };
  start();
  ASSERT_TRUE(runs_on_until([&] { return status().state == BackfillState::kFailed; }));
  gate.open();
  ASSERT_TRUE(runs_on_until([&] { return status().chunks_read == 1; }));
  ASSERT_TRUE(status().last_error);
  EXPECT_EQ(status().last_error->code, Code::kPermission);
}

TEST_F(BackfillErrors, OfOneLeaveTheNextAlone) {
  shop.add_table("customers", 3);
  shop.add_table("orders", 3);
  shop.on_plan = [](const ScanTable& table) {
    return table.table == "customers"
               ? Result<void>(fail(operator_error(Code::kPermission, "denied", "Grant SELECT")))
               : Result<void>();
  };
  start();
  BackfillSpec spec;
  spec.tables = {"public.orders"};
  ASSERT_TRUE(runner->add(spec));
  ASSERT_TRUE(runs_on_until([&] { return status("shop-2").state == BackfillState::kFinished; }));
  EXPECT_EQ(status("shop-1").state, BackfillState::kFailed);
}

TEST_F(BackfillErrors, AreNotMadeByStoppingWhileAReadBlocks) {
  shop.add_table("orders", 5);
  shop.on_read = [this](const ChunkRequest&) {
    gate.pass();
    return Result<void>(fail(operator_error(Code::kPermission, "denied", "Grant SELECT")));
  };
  start();
  ASSERT_TRUE(gate.reached(1));
  std::atomic<bool> stopped = false;
  std::thread stopping([&] {
    runner->stop();
    stopped = true;
  });
  // The worker comes back once its read does; until then nothing else is held up.
  deliver_stream();
  EXPECT_EQ(runner->status().size(), 1U);
  EXPECT_FALSE(stopped);
  gate.open();
  stopping.join();
  EXPECT_TRUE(stopped);
  runner->stop();
}

TEST_F(BackfillErrors, AreNotMadeByStoppingWhileTheBufferIsFull) {
  auto& table = shop.add_table("visits", 20);
  table.scan.method = ScanMethod::kWhole;
  settings.buffer_bytes = 1;
  start();
  ASSERT_TRUE(eventually([&] { return shop.rows_read_now() >= 4; }));
  runner->stop();
  // One slice waited for the stream, one for room, and one may have come before its reader saw that
  // it is to end.
  EXPECT_LE(shop.rows_read_now(), 6U);
}

TEST_F(BackfillErrors, OfAnEarlierStreamSayNothing) {
  shop.add_table("orders", 5);
  shop.on_read = [this](const ChunkRequest&) {
    auto made = outcome();
    gate.pass();
    return made;
  };
  break_with(operator_error(Code::kPermission, "denied", "Grant SELECT"));
  start();
  ASSERT_TRUE(gate.reached(1));
  const std::vector<std::optional<std::string>> tokens = {lanes["lake"].token};
  ASSERT_TRUE(runner->restart(tokens, stream.builder()));
  gate.open();
  break_with(std::nullopt);
  runner->stream_opened();
  ASSERT_TRUE(runs_on_until([&] { return is_finished(); }));
  EXPECT_EQ(sorted_reads("lake"), all_rows());
}

}  // namespace
}  // namespace rowtide::test
