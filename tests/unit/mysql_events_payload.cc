#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include "sources/mysql/payload.h"
#include "tests/unit/mysql_events_wire.h"

namespace rowtide::mysql {
namespace {

std::string zstd(std::string_view plain) {
  std::string packed(ZSTD_compressBound(plain.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), plain.data(), plain.size(), 3));
  return packed;
}

std::string payload_body(std::string_view plain, bool compress = true) {
  const std::string packed = compress ? zstd(plain) : std::string(plain);
  const auto field = [](int id, std::uint64_t value) {
    const auto bytes = wire::lenenc(value);
    return wire::lenenc(static_cast<std::uint64_t>(id)) + wire::lenenc(bytes.size()) + bytes;
  };
  return field(2, compress ? 0 : 255) + field(3, plain.size()) + field(1, packed.size()) +
         wire::number(0, 1) + packed;
}

// Types and sizes of the inner events, then how it ended.
std::string events_of(std::string_view body) {
  PayloadReader reader;
  std::string out;
  auto started = reader.start(body);
  if (!started) {
    return "error";
  }
  while (true) {
    const auto event = reader.next();
    if (!event) {
      return out + "error";
    }
    if (!*event) {
      return out;
    }
    out += std::string(to_string((*event)->header.type)) + " " +
           std::to_string((*event)->body.size()) + ",";
  }
}

std::string transaction(std::size_t rows_bytes) {
  return wire::event(EventType::kQuery, wire::query_body("shop", "BEGIN"), false) +
         wire::event(EventType::kWriteRows, std::string(rows_bytes, 'x'), false) +
         wire::event(EventType::kXid, wire::number(5, 8), false);
}

TEST(PayloadReader, HandsTheInnerEventsOut) {
  const auto query = std::to_string(wire::query_body("shop", "BEGIN").size());
  for (const bool compress : {true, false}) {
    for (const std::size_t size : {10U, 100'000U, 5'000'000U}) {
      EXPECT_EQ(events_of(payload_body(transaction(size), compress)),
                "QUERY " + query + ",WRITE_ROWS " + std::to_string(size) + ",XID 8,");
    }
  }
  EXPECT_EQ(events_of(payload_body("")), "");
}

TEST(PayloadReader, CanBeUsedAgain) {
  PayloadReader reader;
  for (int round = 0; round < 3; ++round) {
    const auto body = payload_body(transaction(1000));
    ASSERT_TRUE(reader.start(body));
    // Left in the middle, as when the connection breaks.
    ASSERT_TRUE(reader.next());
    ASSERT_TRUE(reader.start(body));
    const auto event = reader.next();
    ASSERT_TRUE(event && *event);
    EXPECT_EQ((*event)->header.type, EventType::kQuery);
  }
}

TEST(PayloadReader, RefusesWhatIsDamaged) {
  const auto body = payload_body(transaction(1000));
  for (std::size_t size = 0; size < body.size(); ++size) {
    EXPECT_TRUE(events_of(std::string_view(body).substr(0, size)).ends_with("error")) << size;
  }
  auto other_method = body;
  other_method[2] = 7;
  EXPECT_EQ(events_of(other_method), "error");
  // The last inner event is cut off.
  const auto plain = transaction(1000);
  EXPECT_TRUE(events_of(payload_body(std::string_view(plain).substr(0, plain.size() - 3)))
                  .ends_with("error"));
  EXPECT_TRUE(events_of(payload_body(std::string_view(plain).substr(0, 10))).ends_with("error"));
}

TEST(PayloadReader, RefusesASizeThatItsBytesCannotHold) {
  for (const bool compress : {true, false}) {
    // The second event, so that the buffer already holds something.
    auto plain = transaction(1000);
    const auto second = wire::event(EventType::kQuery, wire::query_body("shop", "BEGIN"), false);
    plain.replace(second.size() + 9, 4, wire::number(900'000'000, 4));
    const auto body = payload_body(plain, compress);
    PayloadReader reader;
    ASSERT_TRUE(reader.start(body));
    ASSERT_TRUE(reader.next());
    const auto refused = reader.next();
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("impossible size"), std::string::npos);
  }
  // As small as zstd gets it, and still true.
  EXPECT_NE(events_of(payload_body(transaction(64'000'000))).find("WRITE_ROWS 64000000"),
            std::string::npos);
}

std::string zlib(std::string_view plain) {
  uLongf size = compressBound(plain.size());
  std::string packed(size, '\0');
  compress(reinterpret_cast<Bytef*>(packed.data()), &size,
           reinterpret_cast<const Bytef*>(plain.data()), plain.size());
  packed.resize(size);
  std::string head = wire::bytes("82");
  head += static_cast<char>(plain.size() >> 8);
  head += static_cast<char>(plain.size());
  return head + packed;
}

BinlogEvent event_of(EventType type, std::string_view body) {
  BinlogEvent event;
  event.header.type = type;
  event.body = body;
  return event;
}

TEST(UncompressEvent, GivesBackWhatMariaDbCompressed) {
  std::string buffer;
  const std::string rows(5000, 'r');
  const auto head = wire::number(77, 6) + wire::number(1, 2) + wire::number(9, 1);
  const std::string one(2, '\xFF');
  const auto check = [&](EventType type, EventType plain_type, const std::string& front,
                         const std::string& tail) {
    const auto packed = front + zlib(tail);
    const auto plain = uncompress_event(event_of(type, packed), buffer);
    ASSERT_TRUE(plain);
    EXPECT_EQ(plain->header.type, plain_type);
    EXPECT_EQ(plain->body, front + tail);
    for (std::size_t size = 0; size < packed.size(); size += size < 60 ? 1 : 7) {
      EXPECT_FALSE(uncompress_event(event_of(type, packed.substr(0, size)), buffer));
    }
  };
  check(EventType::kWriteRowsCompressedV1, EventType::kWriteRowsV1, head + one, rows);
  check(EventType::kUpdateRowsCompressedV1, EventType::kUpdateRowsV1, head + one + one, rows);
  const auto head_v2 = wire::number(77, 6) + wire::number(1, 2) + wire::bytes("0300 55 09");
  check(EventType::kDeleteRowsCompressed, EventType::kDeleteRows, head_v2 + one, rows);
  check(EventType::kQueryCompressed, EventType::kQuery, wire::query_body("shop", ""),
        "truncate table t");
}

TEST(UncompressEvent, LeavesOthersAlone) {
  std::string buffer;
  const auto plain = uncompress_event(event_of(EventType::kXid, "12345678"), buffer);
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->body, "12345678");
}

TEST(UncompressEvent, RefusesASizeThatCannotBe) {
  std::string buffer;
  const auto front = wire::query_body("shop", "");
  for (const std::string_view hex :
       {"84 7fffffff 00", "84 3fffffff 00", "92 0010 00", "02 0010 00", "87 00000000000010 00"}) {
    EXPECT_FALSE(
        uncompress_event(event_of(EventType::kQueryCompressed, front + wire::bytes(hex)), buffer))
        << hex;
  }
  EXPECT_LT(buffer.capacity(), std::size_t{1} << 20);
}

}  // namespace
}  // namespace rowtide::mysql
