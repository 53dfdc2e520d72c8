#include <string>

#include <gtest/gtest.h>

#include "sources/postgres/pgoutput_messages.h"
#include "tests/unit/pg_decode_wire.h"

namespace rowtide::postgres {
namespace {

using namespace wire;

template <class T>
void expect_protocol_error(const Result<T>& result, std::string_view name, std::string_view place) {
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kProtocol);
  EXPECT_NE(result.error().message.find(name), std::string::npos) << result.error().message;
  EXPECT_NE(result.error().message.find(place), std::string::npos) << result.error().message;
}

TEST(MessageTypes, AreKnownByTheirLetter) {
  for (const char letter : std::string_view("BCORYIUDTMSEcAbPpKr")) {
    const auto type = message_type(std::string(1, letter));
    ASSERT_TRUE(type) << letter;
    EXPECT_EQ(static_cast<char>(*type), letter);
  }
  EXPECT_FALSE(message_type(""));
  expect_protocol_error(message_type("z123"), "type z", "4 bytes");
  expect_protocol_error(message_type(std::string_view("\x01", 1)), "type 0x01", "1 bytes");
}

TEST(BeginMessages, CarryTimesInUnixMicroseconds) {
  const auto begin = parse_begin("B" + u64(0x123456789A) + u64(5) + u32(77));
  ASSERT_TRUE(begin);
  EXPECT_EQ(begin->final_lsn, 0x123456789Au);
  EXPECT_EQ(begin->committed_at_us, 946'684'800'000'005);
  EXPECT_EQ(begin->xid, 77u);
}

TEST(BeginMessages, ClampATimeBeyondWhatUnixMicrosecondsHold) {
  const auto begin = parse_begin("B" + u64(0) + u64(INT64_MAX) + u32(0));
  ASSERT_TRUE(begin);
  EXPECT_EQ(begin->committed_at_us, INT64_MAX);
}

TEST(MalformedMessages, NameTheMessageAndTheByte) {
  expect_protocol_error(parse_begin("B" + u64(1) + u32(2)), "begin", "byte 9");
  expect_protocol_error(parse_begin("B" + u64(1) + u64(2) + u32(3) + u8(0)), "begin", "byte 21");
  expect_protocol_error(parse_begin("C" + u64(1) + u64(2) + u32(3)), "begin", "byte 0");
  expect_protocol_error(parse_begin(""), "begin", "byte 0");
  expect_protocol_error(parse_commit("C" + u8(9) + u64(1) + u64(2) + u64(3)), "commit", "byte 1");
  expect_protocol_error(parse_origin("O" + u64(1) + "no end"), "origin", "byte 9");
  expect_protocol_error(parse_stream_start("S" + u32(1) + u8(7)), "stream start", "byte 5");
}

TEST(RelationMessages, PutTablesWithoutSchemaIntoPgCatalog) {
  const auto relation = parse_relation("R" + u32(9) + text("") + text("t") + "f" + u16(1) + u8(1) +
                                           text("a") + u32(23) + u32(0xffffffff),
                                       false);
  ASSERT_TRUE(relation) << relation.error().to_text();
  EXPECT_EQ(relation->schema, "pg_catalog");
  EXPECT_EQ(relation->replica_identity, 'f');
  ASSERT_EQ(relation->columns.size(), 1u);
  EXPECT_TRUE(relation->columns[0].is_key);
  EXPECT_EQ(relation->columns[0].type_modifier, -1);
}

TEST(RelationMessages, AreRefusedWithACountThatTheBytesDoNotHold) {
  expect_protocol_error(
      parse_relation("R" + u32(9) + text("s") + text("t") + "d" + u16(65535) + u8(0), false),
      "relation", "byte 13");
  expect_protocol_error(parse_relation("R" + u32(9) + text("s") + text("t") + "x" + u16(0), false),
                        "relation", "byte 9");
}

TEST(RowMessages, SplitKeyAndNewTupleOfAnUpdate) {
  const std::string key = tuple({text_cell("1"), kNullCell});
  const std::string now = tuple({text_cell("2"), kUnchangedCell});
  const std::string message = "U" + u32(500) + u32(9) + "K" + key + "N" + now;
  const auto row = parse_row(message, true);
  ASSERT_TRUE(row) << row.error().to_text();
  EXPECT_EQ(row->type, MessageType::kUpdate);
  EXPECT_EQ(row->xid, 500u);
  EXPECT_EQ(row->relation_id, 9u);
  EXPECT_EQ(row->old_kind, 'K');
  EXPECT_EQ(row->old_tuple, key);
  EXPECT_EQ(row->new_tuple, now);
}

TEST(RowMessages, WithoutAnOldTupleSayNoneOfIt) {
  const std::string message = "U" + u32(9) + "N" + tuple({text_cell("2")});
  const auto row = parse_row(message, false);
  ASSERT_TRUE(row);
  EXPECT_EQ(row->xid, 0u);
  EXPECT_EQ(row->old_kind, 0);
  EXPECT_TRUE(row->old_tuple.empty());
}

TEST(RowMessages, AreRefusedWithTheWrongTuples) {
  const std::string one = tuple({text_cell("2")});
  expect_protocol_error(parse_row("I" + u32(9) + "K" + one, false), "insert", "byte 5");
  expect_protocol_error(parse_row("D" + u32(9) + "N" + one, false), "delete", "byte 5");
  expect_protocol_error(parse_row("U" + u32(9) + "K" + one + "O" + one, false), "update",
                        "byte 14");
  expect_protocol_error(parse_row("U" + u32(9) + "K" + one, false), "update", "byte 14");
  expect_protocol_error(parse_row("U" + u32(9) + "O" + u16(1) + "q", false), "update", "byte 5");
  expect_protocol_error(parse_row("I" + u32(9), false), "insert", "byte 5");
  expect_protocol_error(parse_row("I" + u32(9) + "N", false), "insert", "byte 6");
  expect_protocol_error(parse_row("B" + u32(9) + "N" + one, false), "another", "byte 0");
  expect_protocol_error(parse_row("", false), "another", "byte 0");
}

TEST(TruncateMessages, ListTablesAndOptions) {
  const auto truncate = parse_truncate("T" + u32(2) + u8(2) + u32(10) + u32(11), false);
  ASSERT_TRUE(truncate);
  EXPECT_FALSE(truncate->cascade);
  EXPECT_TRUE(truncate->restart_identity);
  EXPECT_EQ(truncate->relation_ids, (std::vector<std::uint32_t>{10, 11}));
  expect_protocol_error(parse_truncate("T" + u32(0xffffffff) + u8(0) + u32(10), false), "truncate",
                        "byte 10");
}

TEST(LogicalMessages, MayHoldAnyBytes) {
  const std::string content("\0\xff", 2);
  const std::string message =
      "M" + u32(7) + u8(1) + u64(99) + text("p") + u32(content.size()) + content;
  const auto logical = parse_logical_message(message, true);
  ASSERT_TRUE(logical) << logical.error().to_text();
  EXPECT_EQ(logical->xid, 7u);
  EXPECT_TRUE(logical->transactional);
  EXPECT_EQ(logical->prefix, "p");
  EXPECT_EQ(logical->content, content);
}

TEST(StreamAborts, HaveAShortAndALongForm) {
  const std::string head = "A" + u32(1) + u32(2);
  const auto brief = parse_stream_abort(head);
  ASSERT_TRUE(brief);
  EXPECT_FALSE(brief->detail);
  const auto full = parse_stream_abort(head + u64(3) + u64(0));
  ASSERT_TRUE(full);
  ASSERT_TRUE(full->detail);
  EXPECT_EQ(full->detail->abort_lsn, 3u);
  EXPECT_FALSE(parse_stream_abort(head + u64(3)));
}

TEST(PreparedTransactions, CarryTheirName) {
  const std::string message = "p" + u8(0) + u64(1) + u64(2) + u64(3) + u32(4) + text("gid 1");
  const auto prepare = parse_prepare(message);
  ASSERT_TRUE(prepare);
  EXPECT_EQ(prepare->gid, "gid 1");
  const auto rollback =
      parse_rollback_prepared("r" + u8(0) + u64(1) + u64(2) + u64(3) + u64(4) + u32(5) + text("g"));
  ASSERT_TRUE(rollback);
  EXPECT_EQ(rollback->rollback_end_lsn, 2u);
  EXPECT_EQ(rollback->xid, 5u);
  expect_protocol_error(parse_commit_prepared("K" + u8(0) + u64(1)), "commit prepared", "byte 10");
}

}  // namespace
}  // namespace rowtide::postgres
