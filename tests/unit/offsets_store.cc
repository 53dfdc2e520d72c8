#include <functional>

#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <sys/wait.h>
#include <unistd.h>

#include "offsets/keys.h"
#include "offsets/memory_store.h"
#include "offsets/records.h"
#include "offsets/rocks_store.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_batches.h"

namespace rowtide {
namespace {

using test::TempDir;

LaneState lane_at(std::uint64_t commit) {
  return {.durable = {{1, commit, kWholeTransaction}, "token-" + std::to_string(commit)},
          .marker = std::nullopt};
}

std::unique_ptr<RocksStore> open_store(const std::string& path) {
  auto opened = RocksStore::open(path, Log::silent());
  EXPECT_TRUE(opened) << opened.error().to_text();
  return opened ? std::move(*opened) : nullptr;
}

// Changes the database behind the store's back.
void tamper(const std::string& path, const std::function<void(rocksdb::DB&)>& change) {
  rocksdb::DB* raw = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open({}, path, &raw).ok());
  const std::unique_ptr<rocksdb::DB> database(raw);
  change(*database);
  ASSERT_TRUE(database->Close().ok());
}

// What both stores promise.
void keeps_its_promises(StateStore& store) {
  EXPECT_EQ(store.begin_epoch("shop", Epoch(0)).value(), Epoch(1));
  EXPECT_EQ(store.begin_epoch("shop", Epoch(0)).value(), Epoch(2));
  EXPECT_EQ(store.begin_epoch("other", Epoch(0)).value(), Epoch(1));
  const std::vector<Commit> commits{
      {"shop", {{"files", lane_at(100)}, {"lake", lane_at(90)}}, {test::orders_schema()}},
      {"other", {{"files", lane_at(7)}}, {}}};
  ASSERT_TRUE(store.commit(commits));
  ASSERT_TRUE(store.commit(std::vector<Commit>{{"shop", {{"files", lane_at(200)}}, {}}}));

  auto shop = store.load("shop").value();
  EXPECT_EQ(shop.epoch, Epoch(2));
  EXPECT_EQ(shop.lanes.size(), 2U);
  EXPECT_EQ(shop.lanes["files"], lane_at(200));
  EXPECT_EQ(shop.lanes["lake"], lane_at(90));
  EXPECT_EQ(shop.schemas.at(1001), *test::orders_schema());
  EXPECT_EQ(store.load("other").value().lanes["files"], lane_at(7));
  EXPECT_TRUE(store.load("nobody").value().lanes.empty());

  EXPECT_EQ(shop.captured, std::nullopt);
  Commit grown{"shop", {}, {}};
  grown.backfills = {{"shop-2", "what is new"}};
  grown.captured = std::vector<std::string>{"public.*", "!public.audit"};
  ASSERT_TRUE(store.commit(std::span(&grown, 1)));
  shop = store.load("shop").value();
  EXPECT_EQ(shop.captured, grown.captured);
  EXPECT_EQ(shop.backfills, grown.backfills);
  EXPECT_EQ(store.load("other").value().captured, std::nullopt);
  ASSERT_TRUE(store.commit(std::vector<Commit>{{"shop", {{"files", lane_at(201)}}, {}}}));
  EXPECT_EQ(store.load("shop").value().captured, grown.captured);

  ASSERT_TRUE(store.set_lane("shop", "files", lane_at(50)));
  ASSERT_TRUE(store.erase_lane("shop", "lake"));
  shop = store.load("shop").value();
  EXPECT_EQ(shop.lanes["files"], lane_at(50));
  EXPECT_EQ(shop.lanes.count("lake"), 0U);
}

TEST(MemoryStore, KeepsItsPromises) {
  MemoryStore store;
  keeps_its_promises(store);
}

TEST(RocksStore, KeepsItsPromises) {
  const TempDir dir;
  keeps_its_promises(*open_store(dir / "state"));
}

TEST(RocksStore, FindsEverythingAgainAfterReopening) {
  const TempDir dir;
  keeps_its_promises(*open_store(dir / "state"));
  const auto store = open_store(dir / "state");
  auto shop = store->load("shop").value();
  EXPECT_EQ(shop.epoch, Epoch(2));
  EXPECT_EQ(shop.lanes["files"], lane_at(50));
  EXPECT_EQ(shop.captured, (std::vector<std::string>{"public.*", "!public.audit"}));
  EXPECT_EQ(shop.backfills.at("shop-2"), "what is new");
  EXPECT_EQ(shop.schemas.at(1001), *test::orders_schema());
  EXPECT_EQ(store->begin_epoch("shop", Epoch(0)).value(), Epoch(3));
  EXPECT_EQ(store->begin_epoch("shop", Epoch(1000)).value(), Epoch(1000));
  EXPECT_EQ(store->begin_epoch("shop", Epoch(500)).value(), Epoch(1001));
}

TEST(RocksStore, WhatACommitReturnedForSurvivesAKill) {
  const TempDir dir;
  const auto path = dir / "state";
  const pid_t child = ::fork();
  if (child == 0) {
    auto store = RocksStore::open(path, Log::silent());
    const bool stored = store && (*store)->begin_epoch("shop", Epoch(0)) &&
                        (*store)->commit(std::vector<Commit>{
                            {"shop", {{"files", lane_at(300)}}, {test::orders_schema()}}});
    ::_exit(stored ? 0 : 1);  // without any closing, like a kill
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  auto shop = open_store(path)->load("shop").value();
  EXPECT_EQ(shop.epoch, Epoch(1));
  EXPECT_EQ(shop.lanes["files"], lane_at(300));
  EXPECT_EQ(shop.schemas.size(), 1U);
}

TEST(RocksStore, ACommitWithABadNameStoresNothingAtAll) {
  const TempDir dir;
  const auto store = open_store(dir / "state");
  const std::vector<Commit> commits{{"shop", {{"files", lane_at(100)}}, {test::orders_schema()}},
                                    {std::string("b\0ad", 4), {{"files", lane_at(1)}}, {}}};
  const auto committed = store->commit(commits);
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().code, Code::kConfig);
  EXPECT_TRUE(store->load("shop").value().lanes.empty());
  ASSERT_TRUE(store->commit(std::span(commits).first(1)));
  EXPECT_EQ(store->load("shop").value().schemas.size(), 1U);
}

TEST(RocksStore, StoresTheLastSchemaOfATable) {
  const TempDir dir;
  const auto path = dir / "state";
  const auto copy = std::make_shared<const TableSchema>(*test::orders_schema());
  {
    const auto store = open_store(path);
    const auto commit = [&](std::vector<SchemaPtr> schemas) {
      ASSERT_TRUE(store->commit(std::vector<Commit>{{"shop", {}, std::move(schemas)}}));
    };
    commit({test::orders_schema()});
    commit({copy, test::orders_with_channel_schema()});
    EXPECT_EQ(store->load("shop").value().schemas.at(1001), *test::orders_with_channel_schema());
    commit({copy});
    EXPECT_EQ(store->load("shop").value().schemas.at(1001), *test::orders_schema());
    commit({test::orders_with_channel_schema()});
  }
  EXPECT_EQ(open_store(path)->load("shop").value().schemas.at(1001),
            *test::orders_with_channel_schema());
}

TEST(RocksStore, DoesNotWriteASchemaThatItHas) {
  const TempDir dir;
  const auto path = dir / "state";
  const auto key = schema_key("shop", 1001);
  {
    const auto store = open_store(path);
    ASSERT_TRUE(store->commit(std::vector<Commit>{{"shop", {}, {test::orders_schema()}}}));
  }
  tamper(path, [&](rocksdb::DB& database) { ASSERT_TRUE(database.Delete({}, key).ok()); });
  const auto store = open_store(path);
  // The new store knows of no schema, so it writes; from then on it does not.
  ASSERT_TRUE(store->commit(std::vector<Commit>{{"shop", {}, {test::orders_schema()}}}));
  const auto before = store->load("shop").value();
  EXPECT_EQ(before.schemas.size(), 1U);
}

TEST(RocksStore, ASecondOpenerIsToldThatTheDirectoryIsLocked) {
  const TempDir dir;
  const auto path = dir / "state";
  const auto store = open_store(path);
  const auto second = RocksStore::open(path, Log::silent());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kLocked);
  EXPECT_NE(second.error().message.find(path), std::string::npos);
}

TEST(RocksStore, AnotherProcessIsToldThatTheDirectoryIsLocked) {
  const TempDir dir;
  const auto path = dir / "state";
  int ready[2];
  int done[2];
  ASSERT_EQ(::pipe(ready), 0);
  ASSERT_EQ(::pipe(done), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    char byte = 0;
    auto store = RocksStore::open(path, Log::silent());
    const bool held = store && ::write(ready[1], "x", 1) == 1 && ::read(done[0], &byte, 1) == 1;
    ::_exit(held ? 0 : 1);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  const auto second = RocksStore::open(path, Log::silent());
  ASSERT_EQ(::write(done[1], "x", 1), 1);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kLocked) << second.error().to_text();
  for (const int fd : {ready[0], ready[1], done[0], done[1]}) {
    ::close(fd);
  }
  EXPECT_NE(open_store(path), nullptr);
}

TEST(RocksStore, ANewerFormatIsRefusedAndLeftAlone) {
  const TempDir dir;
  const auto path = dir / "state";
  ASSERT_TRUE(open_store(path)->begin_epoch("shop", Epoch(0)));
  const auto newer = encode_format(kFormatKey, kStoreFormat + 1);
  tamper(path, [&](rocksdb::DB& database) {
    ASSERT_TRUE(database.Put({}, std::string(kFormatKey), newer).ok());
  });
  const auto refused = RocksStore::open(path, Log::silent());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kNewerFormat);
  EXPECT_EQ(refused.error().disposition, Disposition::kOperator);
  EXPECT_NE(refused.error().remedy.find("newer build"), std::string::npos);
  tamper(path, [&](rocksdb::DB& database) {
    std::string record;
    ASSERT_TRUE(database.Get({}, epoch_key("shop"), &record).ok());
    ASSERT_TRUE(
        database.Put({}, std::string(kFormatKey), encode_format(kFormatKey, kStoreFormat)).ok());
  });
  EXPECT_EQ(open_store(path)->load("shop").value().epoch, Epoch(1));
}

TEST(RocksStore, ADatabaseOfSomebodyElseIsRefused) {
  const TempDir dir;
  const auto path = dir / "state";
  {
    rocksdb::Options options;
    options.create_if_missing = true;
    rocksdb::DB* raw = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(options, path, &raw).ok());
    const std::unique_ptr<rocksdb::DB> database(raw);
    ASSERT_TRUE(database->Put({}, "their", "data").ok());
  }
  const auto refused = RocksStore::open(path, Log::silent());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kCorrupt);
}

TEST(RocksStore, ADamagedRecordIsNamedWithItsPipeline) {
  const TempDir dir;
  const auto path = dir / "state";
  ASSERT_TRUE(open_store(path)->set_lane("shop", "files", lane_at(1)));
  tamper(path, [&](rocksdb::DB& database) {
    ASSERT_TRUE(database.Put({}, lane_key("shop", "files"), "R\x01\x03 rubbish rubbish").ok());
  });
  const auto store = open_store(path);
  const auto loaded = store->load("shop");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Code::kCorrupt);
  EXPECT_NE(loaded.error().message.find("shop"), std::string::npos);
  EXPECT_NE(loaded.error().remedy.find("move the state directory away"), std::string::npos);
  EXPECT_TRUE(store->load("other"));
}

}  // namespace
}  // namespace rowtide
