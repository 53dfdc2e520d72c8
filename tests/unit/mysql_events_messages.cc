#include <gtest/gtest.h>

#include "tests/unit/mysql_events_wire.h"

namespace rowtide::mysql {
namespace {

// Each prefix of a body that a parser takes is an error or at least no crash.
template <class Parse>
void expect_no_prefix_crashes(const std::string& body, const Parse& parse, std::size_t whole_from) {
  for (std::size_t size = 0; size < body.size(); ++size) {
    const std::string part = body.substr(0, size);
    if (size < whole_from) {
      EXPECT_FALSE(parse(part)) << size;
    } else {
      parse(part);
    }
  }
}

TEST(BinlogMessages, GtidOfMysql) {
  const auto uuid = *parse_uuid("267ec25e-e4db-11f1-94e3-02fc00000001");
  const auto body = wire::gtid_body(uuid, 4711, 1'795'176'651'886'235);
  const auto event = parse_gtid(EventType::kGtid, body);
  ASSERT_TRUE(event);
  EXPECT_EQ(to_text(event->uuid), "267ec25e-e4db-11f1-94e3-02fc00000001");
  EXPECT_EQ(event->gno, 4711);
  EXPECT_EQ(event->committed_at_us, 1'795'176'651'886'235);
  const auto anonymous = parse_gtid(EventType::kAnonymousGtid, body);
  ASSERT_TRUE(anonymous);
  EXPECT_EQ(anonymous->gno, 0);
  EXPECT_FALSE(parse_gtid(EventType::kGtid, wire::gtid_body(uuid, 0)));
  EXPECT_FALSE(parse_gtid(EventType::kGtid, wire::gtid_body(uuid, INT64_MAX)));
  expect_no_prefix_crashes(
      body, [](const std::string& part) { return parse_gtid(EventType::kGtid, part).has_value(); },
      25);
}

TEST(BinlogMessages, GtidWithTheTimeOfItsFirstCommit) {
  const auto uuid = *parse_uuid("267ec25e-e4db-11f1-94e3-02fc00000001");
  const std::string body = wire::gtid_body(uuid, 1, (std::int64_t{1} << 55) | 1'795'176'651'886'235)
                               .substr(0, 1 + 16 + 8 + 17 + 7) +
                           wire::number(1'795'000'000'000'000, 7);
  const auto event = parse_gtid(EventType::kGtid, body);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->committed_at_us, 1'795'176'651'886'235);
  EXPECT_EQ(event->originally_committed_at_us, 1'795'000'000'000'000);
}

// As a 9.7 server wrote it.
const std::string& tagged_body() {
  static const std::string body = wire::bytes(
      "02 70 00 00 00 02 4cfc0903bc91036d0322c50351028d0304f10300000002 04 04 06 06746167 08 10"
      "0a 18 0c 7f9b0ea522b46006 10 8504 12 83120b");
  return body;
}

TEST(BinlogMessages, GtidTagged) {
  const auto event = parse_gtid(EventType::kGtidTagged, tagged_body());
  ASSERT_TRUE(event);
  EXPECT_EQ(to_text(event->uuid), "267ec25e-e4db-11f1-94e3-02fc00000001");
  EXPECT_EQ(event->tag, "tag");
  EXPECT_EQ(event->gno, 1);
  EXPECT_EQ(event->committed_at_us, 1'795'176'651'886'235);
  expect_no_prefix_crashes(
      tagged_body(),
      [](const std::string& part) { return parse_gtid(EventType::kGtidTagged, part).has_value(); },
      tagged_body().size());
}

TEST(BinlogMessages, GtidTaggedStopsAtAFieldThatItMustKnow) {
  // A field 12 that may be ignored, and the same one when it may not.
  auto body = tagged_body() + wire::bytes("18 00");
  body[1] = static_cast<char>(body.size() << 1);
  EXPECT_TRUE(parse_gtid(EventType::kGtidTagged, body));
  body[2] = 12 << 1;
  const auto refused = parse_gtid(EventType::kGtidTagged, body);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnsupported);
}

TEST(BinlogMessages, GtidOfMariaDb) {
  EventHeader header;
  header.server_id = 9;
  const auto event = parse_mariadb_gtid(header, wire::mariadb_gtid_body(3, 4711, 0x0C));
  ASSERT_TRUE(event);
  EXPECT_EQ(to_text(event->gtid), "3-9-4711");
  EXPECT_FALSE(event->has(MariaDbGtidEvent::kStandalone));
  EXPECT_TRUE(event->xa_id.empty());
  const auto xa = parse_mariadb_gtid(header, wire::mariadb_gtid_body(3, 4712, 0x4C, "o2q"));
  ASSERT_TRUE(xa);
  EXPECT_TRUE(xa->has(MariaDbGtidEvent::kPreparedXa));
  EXPECT_EQ(xa->xa_id, make_xa_id(1, "o2q", ""));
  EXPECT_FALSE(parse_mariadb_gtid(header, wire::mariadb_gtid_body(3, 0, 0)));
  EXPECT_FALSE(
      parse_mariadb_gtid(header, wire::mariadb_gtid_body(3, 1, 0x4C, "o2q").substr(0, 20)));
}

TEST(BinlogMessages, ListOfMariaDbGtids) {
  const auto body = wire::number(2, 4) + wire::number(0, 4) + wire::number(1, 4) +
                    wire::number(8, 8) + wire::number(1, 4) + wire::number(2, 4) +
                    wire::number(77, 8);
  const auto state = parse_gtid_list(body);
  ASSERT_TRUE(state);
  EXPECT_EQ(state->text(), "0-1-8,1-2-77");
  expect_no_prefix_crashes(
      body, [](const std::string& part) { return parse_gtid_list(part).has_value(); }, body.size());
}

TEST(BinlogMessages, Query) {
  // flags2, sql_mode, catalog, auto_increment, character sets, and one nobody knows.
  const auto variables = wire::bytes(
      "00 00000000 01 0000000000000000 06 03 737464 03 01000100"
      "04 2d00 2d00 0800 c8 00");
  const auto body = wire::query_body("shop", "truncate t", variables);
  const auto event = parse_query(body);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->database, "shop");
  EXPECT_EQ(event->statement, "truncate t");
  EXPECT_EQ(event->client_collation, 45);
  EXPECT_EQ(event->thread_id, 7U);
  EXPECT_EQ(parse_query(wire::query_body("", "x", wire::bytes("04")))->client_collation, 0);
  expect_no_prefix_crashes(
      body, [](const std::string& part) { return parse_query(part).has_value(); },
      body.size() - std::string_view("truncate t").size());
}

TEST(BinlogMessages, XaPrepare) {
  const auto body = wire::bytes("00 03000000 02000000 01000000 6f3271");
  const auto event = parse_xa_prepare(body);
  ASSERT_TRUE(event);
  EXPECT_FALSE(event->one_phase);
  EXPECT_EQ(event->id, make_xa_id(3, "o2", "q"));
  EXPECT_NE(event->id, make_xa_id(3, "o", "2q"));
  expect_no_prefix_crashes(
      body, [](const std::string& part) { return parse_xa_prepare(part).has_value(); },
      body.size());
}

TEST(BinlogMessages, Heartbeats) {
  EventHeader header;
  header.type = EventType::kHeartbeat;
  header.log_pos = 77;
  EXPECT_EQ(parse_heartbeat(header, "binlog.000003")->position, 77U);
  header.type = EventType::kHeartbeatV2;
  const auto body =
      wire::bytes("01 0d") + "binlog.000003" + wire::bytes("02 09 fe 0500000001000000 00");
  const auto event = parse_heartbeat(header, body);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->file, "binlog.000003");
  EXPECT_EQ(event->position, 0x1'0000'0005U);
  EXPECT_FALSE(parse_heartbeat(header, wire::bytes("01 0d 41")));
}

TEST(BinlogMessages, Incident) {
  const auto event = parse_incident(wire::bytes("0100 04") + "lost");
  ASSERT_TRUE(event);
  EXPECT_EQ(event->kind, 1U);
  EXPECT_EQ(event->message, "lost");
  EXPECT_FALSE(parse_incident("x"));
}

TEST(BinlogMessages, EveryKnownEventHasAName) {
  EXPECT_EQ(to_string(EventType::kTransactionPayload), "TRANSACTION_PAYLOAD");
  EXPECT_EQ(to_string(static_cast<EventType>(200)), "unknown");
}

}  // namespace
}  // namespace rowtide::mysql
