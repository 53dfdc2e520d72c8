#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/test_batches.h"

namespace rowtide::test {
namespace {

TEST(Arenas, HoldNothingUntilAsked) {
  const Arena arena;
  EXPECT_EQ(arena.reserved_bytes(), 0U);
  EXPECT_EQ(arena.used_bytes(), 0U);
}

TEST(Arenas, NeverMoveWhatTheyHandedOut) {
  Arena arena;
  std::vector<std::pair<std::string, std::string_view>> copies;
  for (int i = 0; i < 5000; ++i) {
    std::string text(static_cast<std::size_t>(i % 300), static_cast<char>('a' + i % 26));
    const auto copy = arena.copy(text);
    copies.emplace_back(std::move(text), copy);
  }
  for (const auto& [text, copy] : copies) {
    ASSERT_EQ(copy, text);
  }
}

TEST(Arenas, AlignWhatIsAskedFor) {
  Arena arena;
  for (const std::size_t alignment : {1U, 2U, 4U, 8U, 16U}) {
    for (int i = 0; i < 100; ++i) {
      arena.allocate(3);
      char* bytes = arena.allocate(24, alignment);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(bytes) % alignment, 0U);
      std::memset(bytes, 0x5a, 24);
    }
  }
}

TEST(Arenas, GrowInBlocksThatDouble) {
  Arena arena;
  arena.allocate(1);
  EXPECT_EQ(arena.reserved_bytes(), Arena::kFirstBlockBytes);
  arena.allocate(Arena::kFirstBlockBytes);
  // Does not fit the rest of the first block; the second is twice as large.
  EXPECT_EQ(arena.reserved_bytes(), 3 * Arena::kFirstBlockBytes);
  std::size_t before = arena.reserved_bytes();
  std::size_t largest = 0;
  for (int i = 0; i < 4000; ++i) {
    arena.allocate(1000);
    largest = std::max(largest, arena.reserved_bytes() - before);
    before = arena.reserved_bytes();
  }
  EXPECT_EQ(largest, Arena::kBlockBytes);
}

TEST(Arenas, GiveLargePiecesABlockOfTheirOwn) {
  Arena arena;
  const std::size_t large = 3 * Arena::kBlockBytes;
  char* bytes = arena.allocate(large, 16);
  std::memset(bytes, 1, large);
  EXPECT_GE(arena.reserved_bytes(), large);
  EXPECT_LT(arena.reserved_bytes(), large + 4096);
}

TEST(Arenas, CountWhatTheyHandedOut) {
  Arena arena;
  arena.allocate(100);
  EXPECT_EQ(arena.used_bytes(), 100U);
  arena.allocate(50);
  EXPECT_EQ(arena.used_bytes(), 150U);
  EXPECT_GE(arena.reserved_bytes(), arena.used_bytes());
}

TEST(Arenas, CopyNothingForNothing) {
  Arena arena;
  EXPECT_TRUE(arena.copy("").empty());
  EXPECT_EQ(arena.reserved_bytes(), 0U);
}

TEST(ByteBudgets, AreFullAtTheirLimit) {
  ByteBudget budget(100);
  EXPECT_FALSE(budget.full());
  budget.charge(99);
  EXPECT_FALSE(budget.full());
  budget.charge(1);
  EXPECT_TRUE(budget.full());
  budget.charge(50);
  EXPECT_EQ(budget.used_bytes(), 150U);
  budget.release(51);
  EXPECT_FALSE(budget.full());
  EXPECT_EQ(budget.limit_bytes(), 100U);
}

TEST(ByteBudgets, CountABatchFromItsTakingToItsEnd) {
  ByteBudget budget(1 << 20);
  BatchBuilder builder({}, &budget);
  const auto build = [&](std::size_t text_bytes) {
    builder.begin_transaction(
        {.id = "1", .timeline = 1, .commit = 100, .committed_at_us = 0, .start_token = "t"});
    Event event;
    auto cells = builder.allocate_cells(1);
    cells[0] =
        Value::bytes_of(ValueKind::kText, builder.arena().copy(std::string(text_bytes, 'x')));
    event.after = cells;
    builder.add_row(event, orders_schema());
    builder.end_transaction("u");
    EXPECT_EQ(budget.used_bytes(), 0U);
    return builder.take();
  };
  BatchPtr small = build(10);
  const auto small_bytes = budget.used_bytes();
  EXPECT_EQ(small_bytes, small->size_bytes());
  BatchPtr shared = small;
  small.reset();
  EXPECT_EQ(budget.used_bytes(), small_bytes);
  shared.reset();
  EXPECT_EQ(budget.used_bytes(), 0U);
  BatchPtr large = build(100'000);
  EXPECT_GT(budget.used_bytes(), 100'000U);
  // A small batch does not weigh like a full one.
  EXPECT_LT(small_bytes, 16'000U);
}

}  // namespace
}  // namespace rowtide::test
