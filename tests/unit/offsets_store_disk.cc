#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "offsets/rocks_store.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_batches.h"

namespace rowtide {
namespace {

using test::SmallDisk;
using test::TempDir;

std::vector<Commit> one_commit(std::uint64_t commit) {
  LaneState lane;
  lane.durable = {{1, commit, kWholeTransaction}, "token"};
  return {{"shop", {{"files", lane}}, {}}};
}

std::uint64_t durable_commit(StateStore& store) {
  return store.load("shop").value().lanes["files"].durable.position.commit;
}

void fill_disk(const std::filesystem::path& file) {
  std::ofstream out(file, std::ios::binary);
  const std::string block(4096, 'x');
  while (out.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
  }
}

TEST(StateDirectory, APathThatIsAFileIsRefused) {
  const TempDir dir;
  const auto path = dir / "file";
  std::ofstream(path) << "precious";
  const auto opened = RocksStore::open(path, Log::silent());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kConfig);
  EXPECT_NE(opened.error().message.find("not a directory"), std::string::npos);
  EXPECT_FALSE(opened.error().remedy.empty());
  EXPECT_EQ(std::filesystem::file_size(path), 8U);
}

TEST(StateDirectory, APathBelowAFileIsRefused) {
  const TempDir dir;
  std::ofstream(dir / "file") << "precious";
  const auto opened = RocksStore::open(dir / "file/state", Log::silent());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().disposition, Disposition::kOperator);
  EXPECT_FALSE(opened.error().remedy.empty());
}

TEST(StateDirectory, AReadOnlyFileSystemIsNamedAsSuch) {
  SmallDisk disk(8 << 20);
  if (!disk.mounted()) {
    GTEST_SKIP() << disk.why_not();
  }
  const auto path = (disk.path() / "state").string();
  ASSERT_TRUE(disk.make_read_only(true));
  const auto fresh = RocksStore::open(path, Log::silent());
  ASSERT_FALSE(fresh);
  EXPECT_EQ(fresh.error().code, Code::kReadOnly) << fresh.error().to_text();
  ASSERT_TRUE(disk.make_read_only(false));
  ASSERT_TRUE(RocksStore::open(path, Log::silent()).value()->commit(one_commit(5)));
  ASSERT_TRUE(disk.make_read_only(true));
  const auto existing = RocksStore::open(path, Log::silent());
  ASSERT_FALSE(existing);
  EXPECT_EQ(existing.error().code, Code::kReadOnly) << existing.error().to_text();
  ASSERT_TRUE(disk.make_read_only(false));
  EXPECT_EQ(durable_commit(*RocksStore::open(path, Log::silent()).value()), 5U);
}

TEST(StateDirectory, AFullDiskFailsTheCommitAndALaterOneWorks) {
  SmallDisk disk(16 << 20);
  if (!disk.mounted()) {
    GTEST_SKIP() << disk.why_not();
  }
  const auto path = (disk.path() / "state").string();
  auto store = RocksStore::open(path, Log::silent()).value();
  ASSERT_TRUE(store->commit(one_commit(1)));
  fill_disk(disk.path() / "filler");
  std::uint64_t stored = 1;
  std::optional<Error> failure;
  for (std::uint64_t commit = 2; commit < 100'000 && !failure; ++commit) {
    const auto committed = store->commit(one_commit(commit));
    if (committed) {
      stored = commit;
    } else {
      failure = committed.error();
    }
  }
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code, Code::kDiskFull) << failure->to_text();
  EXPECT_EQ(failure->disposition, Disposition::kRetry);
  EXPECT_GE(durable_commit(*store), stored);

  std::filesystem::remove(disk.path() / "filler");
  const auto again = store->commit(one_commit(1'000'000));
  ASSERT_TRUE(again) << again.error().to_text();
  EXPECT_EQ(durable_commit(*store), 1'000'000U);
  store.reset();
  EXPECT_EQ(durable_commit(*RocksStore::open(path, Log::silent()).value()), 1'000'000U);
}

TEST(StateDirectory, AFullDiskFailsTheSpillAndDroppingItGivesTheRoomBack) {
  SmallDisk disk(48 << 20);
  if (!disk.mounted()) {
    GTEST_SKIP() << disk.why_not();
  }
  const auto store = RocksStore::open((disk.path() / "state").string(), Log::silent()).value();
  std::uint32_t noise = 1;
  std::string block(256 << 10, '\0');
  std::optional<Error> failure;
  for (std::uint64_t sequence = 0; sequence < 1000 && !failure; ++sequence) {
    for (char& c : block) {
      noise = noise * 1'664'525 + 1'013'904'223;
      c = static_cast<char>(noise >> 24U);
    }
    if (const auto appended = store->append("shop", 7, sequence, block); !appended) {
      failure = appended.error();
    }
  }
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code, Code::kDiskFull) << failure->to_text();
  ASSERT_TRUE(store->drop("shop", 7));
  const auto committed = store->commit(one_commit(3));
  ASSERT_TRUE(committed) << committed.error().to_text();
  for (std::uint64_t sequence = 0; sequence < 40; ++sequence) {
    const auto appended = store->append("shop", 8, sequence, block);
    ASSERT_TRUE(appended) << appended.error().to_text();
  }
  EXPECT_EQ(store->read("shop", 8, 0).value(), block);
}

}  // namespace
}  // namespace rowtide
