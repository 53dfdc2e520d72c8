#include <zstd.h>

#include "tests/unit/mysql_stream_fixture.h"

namespace rowtide::mysql {
namespace {

using MysqlStreamRows = MysqlStreamTest;

TEST_F(MysqlStreamRows, ATransactionIsNumberedByTheSetThatItMakes) {
  EXPECT_EQ(taken(), (Lines{"advance 0 gtid:"}));
  insert(1, {10, 11});
  insert(2, {12});
  const std::string id(kServer);
  EXPECT_EQ(taken(), (Lines{"begin 2 " + id + ":1", "1 c 10", "2 c 11", "commit " + set("1"),
                            "begin 4 " + id + ":2", "1 c 12", "commit " + set("1-2")}));
}

TEST_F(MysqlStreamRows, ATableIsAnnouncedOnceAndWhenItChanges) {
  insert(1, {10});
  insert(2, {11});
  gtid(3);
  query("ALTER TABLE t DROP v");
  gtid(4);
  query("BEGIN");
  must(EventType::kTableMap, wire::table_map(7, "t", 1));
  must(EventType::kWriteRows, wire::write_rows(7, {12}, true, 1));
  xid();
  Lines found;
  for (const auto& line : taken_with_schemas()) {
    if (line.find(" s ") != std::string::npos || line.find(" c ") != std::string::npos) {
      found.push_back(line);
    }
  }
  EXPECT_EQ(found, (Lines{"1 s t", "1 c 10", "1 c 11", "1 s t", "1 c 12"}));
}

TEST_F(MysqlStreamRows, AnAnnouncementThatWasDroppedWithTheBuilderComesAgain) {
  gtid(1);
  query("BEGIN");
  rows("t", {10});
  restart("gtid:");
  insert(1, {10});
  const auto lines = taken_with_schemas();
  EXPECT_EQ(std::ranges::count(lines, "1 s t"), 1);
}

TEST_F(MysqlStreamRows, SeveralTablesOfOneStatementKeepTheirRows) {
  gtid(1);
  query("BEGIN");
  must(EventType::kTableMap, wire::table_map(5, "t"));
  must(EventType::kTableMap, wire::table_map(6, "u"));
  must(EventType::kWriteRows, wire::write_rows(6, {1}, false));
  must(EventType::kWriteRows, wire::write_rows(5, {2}, false));
  must(EventType::kWriteRows, wire::write_rows(6, {3}));
  // The statement has ended: its numbers mean nothing now.
  EXPECT_FALSE(send(EventType::kWriteRows, wire::write_rows(5, {4})));
  builder.reset();
}

TEST_F(MysqlStreamRows, TablesThatAreNotCapturedAreCounted) {
  gtid(1);
  query("BEGIN");
  rows("other", {1, 2});
  rows("t", {3});
  rows("other", {4});
  rows("t", {5});
  xid();
  insert(2, {1}, "other");
  insert(3, {6});
  insert(4, {1}, "other");
  const std::string id(kServer);
  EXPECT_EQ(taken(), (Lines{"begin 2 " + id + ":1", "3 c 3", "5 c 5", "commit " + set("1"),
                            "begin 6 " + id + ":3", "1 c 6", "commit " + set("1-3"),
                            "advance 8 " + set("1-4")}));
}

TEST_F(MysqlStreamRows, ATransactionOfAnySizePassesInParts) {
  builder = BatchBuilder({.batch_bytes = 1 << 20, .batch_events = 3}, nullptr);
  gtid(1);
  query("BEGIN");
  must(EventType::kTableMap, wire::table_map(5, "t"));
  // One event with more rows than a batch may hold.
  must(EventType::kWriteRows, wire::write_rows(5, {1, 2, 3, 4, 5, 6, 7}));
  xid();
  const std::string head = "begin 2 " + std::string(kServer) + ":1";
  EXPECT_EQ(taken(), (Lines{head, "1 c 1", "2 c 2", head + " continued", "3 c 3", "4 c 4", "5 c 5",
                            head + " continued", "6 c 6", "7 c 7", "commit " + set("1")}));
}

TEST_F(MysqlStreamRows, ACompressedTransactionIsHandedOutInPartsToo) {
  builder = BatchBuilder({.batch_bytes = 1 << 20, .batch_events = 2}, nullptr);
  taken();
  std::string plain = wire::event(EventType::kQuery, wire::query_body("shop", "BEGIN"), false) +
                      wire::event(EventType::kTableMap, wire::table_map(5, "t"), false);
  for (std::uint32_t i = 1; i <= 5; ++i) {
    plain += wire::event(EventType::kWriteRows, wire::write_rows(5, {i}, i == 5), false);
  }
  plain += wire::event(EventType::kXid, wire::number(5, 8), false);
  std::string packed(ZSTD_compressBound(plain.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), plain.data(), plain.size(), 3));
  gtid(1);
  must(EventType::kTransactionPayload, wire::bytes("02 01 00 01 03 fc") +
                                           wire::number(packed.size(), 2) + wire::number(0, 1) +
                                           packed);
  insert(2, {6});
  Lines changes;
  for (const auto& line : taken()) {
    if (!line.starts_with("begin")) {
      changes.push_back(line);
    }
  }
  EXPECT_EQ(changes, (Lines{"1 c 1", "2 c 2", "3 c 3", "4 c 4", "5 c 5", "commit " + set("1"),
                            "1 c 6", "commit " + set("1-2")}));
}

TEST_F(MysqlStreamRows, WhatCannotBeReadIsAnError) {
  // Rows without a table map, and a table map outside of a transaction.
  EXPECT_FALSE(send(EventType::kTableMap, wire::table_map(5, "t")));
  gtid(1);
  query("BEGIN");
  EXPECT_FALSE(send(EventType::kWriteRows, wire::write_rows(5, {1})));
  must(EventType::kTableMap, wire::table_map(5, "t"));
  const auto whole_event = wire::write_rows(5, {1});
  const auto cut = send(EventType::kWriteRows, whole_event.substr(0, whole_event.size() - 2));
  ASSERT_FALSE(cut);
  EXPECT_NE(cut.error().message.find("at GTID " + std::string(kServer) + ":1"), std::string::npos)
      << cut.error().message;
  EXPECT_NE(cut.error().message.find("shop.t"), std::string::npos);
  EXPECT_EQ(cut.error().message.find("r1"), std::string::npos);
}

TEST_F(MysqlStreamRows, EventsThatNobodyKnowsStopUnlessTheyMayBeIgnored) {
  must(static_cast<EventType>(99), "x", kFlagIgnorable);
  const auto refused = send(static_cast<EventType>(99), "x");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnsupported);
  EXPECT_EQ(refused.error().disposition, Disposition::kOperator);
  EXPECT_NE(refused.error().message.find("99"), std::string::npos);
  for (const auto type : {EventType::kRowsQuery, EventType::kAnnotateRows, EventType::kGtidList,
                          EventType::kPreviousGtids, EventType::kStop, EventType::kIntvar}) {
    must(type, "x");
  }
}

TEST_F(MysqlStreamRows, AnIncidentStops) {
  const auto refused = send(EventType::kIncident, wire::bytes("0100 04") + "lost");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kPositionLost);
  EXPECT_EQ(refused.error().disposition, Disposition::kOperator);
}

}  // namespace
}  // namespace rowtide::mysql
