#include <fmt/format.h>

#include "tests/unit/pg_stream_fixture.h"

namespace rowtide::postgres {
namespace {

using namespace wire;

class SpilledTransactions : public StreamTest {
 protected:
  static constexpr int kRows = 3000;

  // Over a megabyte, every row recognisable.
  static std::string note(int key) {
    return fmt::format("{}-{}", key, std::string(400, static_cast<char>('a' + key % 26)));
  }
  void send_large(std::uint32_t xid) {
    send_all({stream_start(xid), relation(kOrders, xid)});
    for (int key = 1; key <= kRows; ++key) {
      send_all({insert(kOrders, key, note(key), key % 10 == 0 ? xid + 1000 : xid)});
    }
    send_all({stream_stop()});
  }
  static Lines expected(bool with_subtransaction) {
    Lines rows;
    for (int key = 1; key <= kRows; ++key) {
      if (with_subtransaction || key % 10 != 0) {
        rows.push_back(fmt::format("c {} {}", key, note(key)));
      }
    }
    return rows;
  }
  // The commit fails with a retryable error, and no row comes out behind the spoiled block.
  void expect_retry() {
    const auto sent = send(stream_commit(7, 0x200));
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().disposition, Disposition::kRetry) << sent.error().to_text();
    const auto rows = taken_rows();
    const auto all = expected(true);
    ASSERT_LT(rows.size(), all.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      ASSERT_EQ(rows[i], all[i]);
    }
    // The server sends it again.
    store.on_read = {};
    restart();
    send_large(7);
    send_all({stream_commit(7, 0x200)});
    EXPECT_EQ(taken_rows(), expected(true));
  }
};

TEST_F(SpilledTransactions, StayInMemoryWhileSmall) {
  send_all({stream_start(7), relation(kOrders, 7), insert(kOrders, 1, "a", 7), stream_stop()});
  EXPECT_EQ(store.appended, 0U);
  EXPECT_EQ(assembler.spilled_bytes(), 0U);
}

TEST_F(SpilledTransactions, GoToTheStoreAndComeBackIdentical) {
  send_large(7);
  EXPECT_GE(store.appended, 4U);
  EXPECT_GT(assembler.spilled_bytes(), std::size_t{1} << 20);
  send_all({stream_commit(7, 0x200)});
  EXPECT_EQ(taken_rows(), expected(true));
  EXPECT_EQ(store.memory.spilled_blocks(), 0U);
  EXPECT_EQ(assembler.spilled_bytes(), 0U);
}

TEST_F(SpilledTransactions, LeaveOutWhatWasRolledBackAfterItWasSpilled) {
  send_large(7);
  send_all({stream_abort(7, 1007), stream_commit(7, 0x200)});
  EXPECT_EQ(taken_rows(), expected(false));
}

TEST_F(SpilledTransactions, KeepApartInTheStore) {
  send_large(7);
  send_large(8);
  send_all({stream_commit(8, 0x200)});
  EXPECT_EQ(taken_rows(), expected(true));
  EXPECT_GT(store.memory.spilled_blocks(), 0U);
  send_all({stream_commit(7, 0x300)});
  EXPECT_EQ(taken_rows(), expected(true));
  EXPECT_EQ(store.memory.spilled_blocks(), 0U);
}

TEST_F(SpilledTransactions, GiveTheirRoomBackWhenRolledBack) {
  send_large(7);
  send_all({stream_abort(7, 7)});
  EXPECT_EQ(store.memory.spilled_blocks(), 0U);
  send_large(8);
  send_all({stream_prepare(0x180, 8, "g"), rollback_prepared(0x190, 8, "g")});
  EXPECT_EQ(store.memory.spilled_blocks(), 0U);
  send_large(9);
  restart();
  EXPECT_EQ(store.memory.spilled_blocks(), 0U);
  EXPECT_EQ(assembler.spilled_bytes(), 0U);
}

TEST_F(SpilledTransactions, ThatArePreparedComeBackIdentical) {
  send_large(7);
  send_all({stream_prepare(0x180, 7, "g")});
  EXPECT_GT(assembler.spilled_bytes(), std::size_t{1} << 20);
  send_all({commit_prepared(0x200, 7, "g")});
  EXPECT_EQ(taken_rows(), expected(true));
}

TEST_F(SpilledTransactions, ResumeAtTheRowThatWasDeliveredLast) {
  restart(Position{1, 0x200, 2500});
  send_large(7);
  send_all({stream_commit(7, 0x200)});
  auto rows = expected(true);
  rows.erase(rows.begin(), rows.begin() + 2500);
  EXPECT_EQ(taken_rows(), rows);
}

TEST_F(SpilledTransactions, PassOnThatTheStoreIsFull) {
  store.append_error = retry_error(Code::kDiskFull, "no room");
  send_all({stream_start(7), relation(kOrders, 7)});
  Result<void> sent;
  for (int key = 1; key <= kRows && sent; ++key) {
    sent = send(insert(kOrders, key, note(key), 7));
  }
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, Code::kDiskFull);
}

TEST_F(SpilledTransactions, WithALostBlockAreAskedForAgain) {
  send_large(7);
  ASSERT_TRUE(store.memory.clear("shop"));
  expect_retry();
}

TEST_F(SpilledTransactions, WithALostBlockInTheMiddleAreAskedForAgain) {
  send_large(7);
  store.on_read = [](std::uint64_t sequence, std::string block) -> Result<std::string> {
    if (sequence == 2) {
      return fail(retry_error(Code::kNotFound, "no such block"));
    }
    return block;
  };
  expect_retry();
}

TEST_F(SpilledTransactions, WithAnEmptyBlockAreAskedForAgain) {
  send_large(7);
  store.on_read = [](std::uint64_t sequence, std::string block) -> Result<std::string> {
    return sequence == 1 ? std::string() : std::move(block);
  };
  expect_retry();
}

TEST_F(SpilledTransactions, WithATornBlockAreAskedForAgain) {
  for (const std::size_t missing_bytes : {1U, 200U, 5000U}) {
    restart();
    send_large(7);
    store.on_read = [=](std::uint64_t sequence, std::string block) -> Result<std::string> {
      if (sequence == 1) {
        block.resize(block.size() - missing_bytes);
      }
      return block;
    };
    expect_retry();
  }
}

TEST_F(SpilledTransactions, ThatTheStoreFindsDamagedAreAskedForAgain) {
  // Nothing that an operator could mend: the server still has it all.
  send_large(7);
  store.on_read = [](std::uint64_t sequence, std::string block) -> Result<std::string> {
    if (sequence == 1) {
      return fail(operator_error(Code::kCorrupt, "checksum mismatch", "Move it away"));
    }
    return block;
  };
  expect_retry();
}

}  // namespace
}  // namespace rowtide::postgres
