#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

#include "offsets/memory_store.h"
#include "offsets/rocks_store.h"
#include "tests/support/temp_dir.h"

namespace rowtide {
namespace {

using test::TempDir;

constexpr std::size_t kMiB = std::size_t{1} << 20;

std::unique_ptr<RocksStore> open_store(const std::string& path) {
  auto opened = RocksStore::open(path, Log::silent());
  EXPECT_TRUE(opened) << opened.error().to_text();
  return opened ? std::move(*opened) : nullptr;
}

// A block that does not compress, different for every transaction and sequence.
std::string noise_block(std::uint64_t transaction, std::uint64_t sequence, std::size_t size) {
  std::string block(size, '\0');
  std::uint64_t state = transaction * 1'000'003 + sequence + 1;
  for (std::size_t i = 0; i + 8 <= size; i += 8) {
    state = state * 6'364'136'223'846'793'005U + 1'442'695'040'888'963'407U;
    std::memcpy(block.data() + i, &state, 8);
  }
  return block;
}

std::uintmax_t bytes_on_disk(const std::string& path) {
  std::uintmax_t total = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
    total += entry.is_regular_file() ? entry.file_size() : 0;
  }
  return total;
}

std::size_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t pages = 0;
  statm >> pages >> pages;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

void keeps_its_promises(SpillStore& store) {
  EXPECT_EQ(store.read("a", 1, 0).error().code, Code::kNotFound);
  ASSERT_TRUE(store.append("a", 1, 0, "one"));
  ASSERT_TRUE(store.append("a", 1, 1, std::string("two\0", 4)));
  ASSERT_TRUE(store.append("a", 2, 0, "three"));
  ASSERT_TRUE(store.append("b", 1, 0, "four"));
  ASSERT_TRUE(store.append("a2", 1, 0, "five"));
  EXPECT_EQ(store.read("a", 1, 0).value(), "one");
  EXPECT_EQ(store.read("a", 1, 1).value(), std::string("two\0", 4));
  EXPECT_EQ(store.read("a", 1, 2).error().code, Code::kNotFound);
  ASSERT_TRUE(store.drop("a", 1));
  ASSERT_TRUE(store.drop("a", 99));
  EXPECT_EQ(store.read("a", 1, 0).error().code, Code::kNotFound);
  EXPECT_EQ(store.read("a", 2, 0).value(), "three");
  EXPECT_EQ(store.read("b", 1, 0).value(), "four");
  ASSERT_TRUE(store.append("a", 1, 0, "again"));
  EXPECT_EQ(store.read("a", 1, 0).value(), "again");
  EXPECT_EQ(store.read("a", 1, 1).error().code, Code::kNotFound);
  ASSERT_TRUE(store.clear("a"));
  EXPECT_EQ(store.read("a", 1, 0).error().code, Code::kNotFound);
  EXPECT_EQ(store.read("a", 2, 0).error().code, Code::kNotFound);
  EXPECT_EQ(store.read("b", 1, 0).value(), "four");
  EXPECT_EQ(store.read("a2", 1, 0).value(), "five");
}

TEST(SpillStore, InMemoryKeepsItsPromises) {
  MemoryStore store;
  keeps_its_promises(store);
  EXPECT_EQ(store.spilled_blocks(), 2U);
}

TEST(SpillStore, OnDiskKeepsItsPromises) {
  const TempDir dir;
  keeps_its_promises(*open_store(dir / "state"));
}

TEST(SpillStore, NothingSurvivesReopeningAndTheRoomComesBack) {
  const TempDir dir;
  const auto path = dir / "state";
  {
    const auto store = open_store(path);
    for (std::uint64_t i = 0; i < 30; ++i) {
      ASSERT_TRUE(store->append("a", 1, i, noise_block(1, i, kMiB)));
    }
    EXPECT_GT(bytes_on_disk(path), 8 * kMiB);
  }
  const auto store = open_store(path);
  EXPECT_EQ(store->read("a", 1, 0).error().code, Code::kNotFound);
  EXPECT_LT(bytes_on_disk(path), kMiB);
  ASSERT_TRUE(store->append("a", 1, 0, "new"));
  EXPECT_EQ(store->read("a", 1, 0).value(), "new");
}

// ROWTIDE_TEST_SPILL_MIB=1024 runs the full size.
std::size_t spill_size_mib() {
  const char* wanted = std::getenv("ROWTIDE_TEST_SPILL_MIB");
  return wanted == nullptr ? 200 : static_cast<std::size_t>(std::atoi(wanted));
}

TEST(SpillStore, AHugeTransactionTakesDiskAndNotMemory) {
  const TempDir dir;
  const auto path = dir / "state";
  const auto store = open_store(path);
  const auto blocks = spill_size_mib() * 4;
  const auto before = resident_bytes();
  std::size_t most = before;
  for (std::uint64_t i = 0; i < blocks; ++i) {
    ASSERT_TRUE(store->append("a", 1, i, noise_block(1, i, kMiB / 4)));
    most = std::max(most, resident_bytes());
  }
  for (std::uint64_t i = 0; i < blocks; ++i) {
    ASSERT_EQ(store->read("a", 1, i).value(), noise_block(1, i, kMiB / 4));
    most = std::max(most, resident_bytes());
  }
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  std::cout << "not checked under a sanitizer, whose own memory counts: bytes in memory\n";
#else
  EXPECT_LT(most - before, 64 * kMiB);
#endif
  EXPECT_GT(bytes_on_disk(path), blocks * kMiB / 4 * 9 / 10);
  ASSERT_TRUE(store->drop("a", 1));
  EXPECT_LT(bytes_on_disk(path), 4 * kMiB);
}

TEST(SpillStore, InterleavedTransactionsComeBackWholeAndGiveTheirRoomBack) {
  const TempDir dir;
  const auto path = dir / "state";
  const auto store = open_store(path);
  constexpr std::uint64_t kTransactions = 24;
  for (std::uint64_t sequence = 0; sequence < 20; ++sequence) {
    for (std::uint64_t transaction = 0; transaction < kTransactions; ++transaction) {
      ASSERT_TRUE(
          store->append("a", transaction, sequence, noise_block(transaction, sequence, kMiB / 8)));
    }
  }
  for (std::uint64_t transaction = 0; transaction < kTransactions; ++transaction) {
    for (std::uint64_t sequence = 0; sequence < 20; ++sequence) {
      ASSERT_EQ(store->read("a", transaction, sequence).value(),
                noise_block(transaction, sequence, kMiB / 8));
    }
    ASSERT_TRUE(store->drop("a", transaction));
  }
  // Many small transactions one after the other must not pile up either.
  for (std::uint64_t transaction = 100; transaction < 400; ++transaction) {
    ASSERT_TRUE(store->append("a", transaction, 0, noise_block(transaction, 0, kMiB / 4)));
    ASSERT_TRUE(store->drop("a", transaction));
  }
  EXPECT_LT(bytes_on_disk(path), 64 * kMiB);
}

TEST(SpillStore, PipelinesSpillAtTheSameTimeWhilePositionsAreCommitted) {
  const TempDir dir;
  const auto store = open_store(dir / "state");
  std::vector<std::thread> readers;
  std::atomic<int> failures{0};
  for (int reader = 0; reader < 4; ++reader) {
    readers.emplace_back([&, pipeline = "p" + std::to_string(reader)] {
      for (std::uint64_t transaction = 0; transaction < 30; ++transaction) {
        for (std::uint64_t sequence = 0; sequence < 8; ++sequence) {
          const auto block = noise_block(transaction, sequence, kMiB / 8);
          failures += store->append(pipeline, transaction, sequence, block) ? 0 : 1;
          const auto got = store->read(pipeline, transaction, sequence);
          failures += got && *got == block ? 0 : 1;
        }
        failures += store->drop(pipeline, transaction) ? 0 : 1;
      }
    });
  }
  for (std::uint64_t commit = 1; commit < 200; ++commit) {
    LaneState lane;
    lane.durable.position.commit = commit;
    ASSERT_TRUE(store->commit(std::vector<Commit>{{"shop", {{"files", lane}}, {}}}));
  }
  for (auto& reader : readers) {
    reader.join();
  }
  EXPECT_EQ(failures.load(), 0);
  EXPECT_EQ(store->load("shop").value().lanes["files"].durable.position.commit, 199U);
}

}  // namespace
}  // namespace rowtide
