#include <gtest/gtest.h>
#include <zlib.h>

#include "sources/mysql/crc32.h"
#include "tests/unit/mysql_events_wire.h"

namespace rowtide::mysql {
namespace {

TEST(EventFramer, KnowsTheFlavourAndWhetherThereAreChecksums) {
  EventFramer framer;
  ASSERT_TRUE(framer.take(wire::format_description("10.11.19-MariaDB-deb12-log", true, 77)));
  EXPECT_EQ(framer.format().flavour, Flavour::kMariaDb);
  EXPECT_EQ(framer.format().server_version, "10.11.19-MariaDB-deb12-log");
  EXPECT_TRUE(framer.format().checksums);
  EXPECT_TRUE(framer.format().server_started);
  ASSERT_TRUE(framer.take(wire::format_description("9.7.4", false)));
  EXPECT_EQ(framer.format().flavour, Flavour::kMysql);
  EXPECT_FALSE(framer.format().checksums);
  EXPECT_FALSE(framer.format().server_started);
}

TEST(EventFramer, TakesTheChecksumOffAndVerifiesIt) {
  EventFramer framer;
  ASSERT_TRUE(framer.take(wire::format_description("9.7.4")));
  auto packet = wire::event(EventType::kXid, wire::number(5, 8));
  const auto event = framer.take(packet);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->header.type, EventType::kXid);
  EXPECT_EQ(event->body, wire::number(5, 8));
  for (const std::size_t at : {std::size_t{1}, packet.size() - 6, packet.size() - 1}) {
    auto damaged = packet;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    const auto refused = framer.take(damaged);
    ASSERT_FALSE(refused) << at;
    EXPECT_EQ(refused.error().code, Code::kCorrupt);
    EXPECT_EQ(refused.error().disposition, Disposition::kOperator);
  }
}

TEST(EventFramer, ReadsWithoutChecksumsWhereTheServerWritesNone) {
  EventFramer framer;
  ASSERT_TRUE(framer.take(wire::format_description("9.7.4", false)));
  const auto packet = wire::event(EventType::kXid, wire::number(5, 8), false);
  const auto event = framer.take(packet);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->body, wire::number(5, 8));
}

TEST(EventFramer, TakesTheRotateThatComesBeforeTheFormatWithOrWithoutItsChecksum) {
  EventFramer framer;
  for (const bool checksum : {true, false}) {
    const auto packet = wire::event(EventType::kRotate, wire::number(4, 8) + "binlog.000007",
                                    checksum, kFlagArtificial, 1, 0, 0);
    const auto event = framer.take(packet);
    ASSERT_TRUE(event);
    const auto rotate = parse_rotate(event->body);
    ASSERT_TRUE(rotate);
    EXPECT_EQ(rotate->file, "binlog.000007");
    EXPECT_EQ(rotate->position, 4U);
  }
}

TEST(EventFramer, VerifiesTheFormatOfAFileThatIsBeingWritten) {
  EventFramer framer;
  auto packet = wire::format_description("9.7.4");
  // The server sets this bit when the checksum is there already.
  packet[17] = static_cast<char>(packet[17] | 1);
  EXPECT_TRUE(framer.take(packet));
  packet[25] = static_cast<char>(packet[25] ^ 1);
  EXPECT_FALSE(framer.take(packet));
}

TEST(EventFramer, RefusesWhatIsNoEvent) {
  EventFramer framer;
  EXPECT_FALSE(framer.take(""));
  EXPECT_FALSE(framer.take(wire::bytes("00112233")));
  // Nothing can be read before the format is known.
  EXPECT_FALSE(framer.take(wire::event(EventType::kXid, wire::number(5, 8))));
  ASSERT_TRUE(framer.take(wire::format_description("9.7.4")));
  EXPECT_FALSE(framer.take(wire::event(EventType::kXid, wire::number(5, 8)) + "x"));
  EXPECT_FALSE(framer.take(wire::event(EventType::kXid, "", false)));
}

TEST(Crc32, IsThatOfZlibForEverySizeAndStart) {
  std::string bytes;
  for (int i = 0; i < 700; ++i) {
    bytes += static_cast<char>(i * 31 + i / 7);
  }
  for (std::size_t start = 0; start < 17; ++start) {
    for (std::size_t size = 0; start + size <= bytes.size(); ++size) {
      const auto part = std::string_view(bytes).substr(start, size);
      const auto wanted = static_cast<std::uint32_t>(
          crc32_z(77, reinterpret_cast<const Bytef*>(part.data()), part.size()));
      ASSERT_EQ(crc32_of(part, 77), wanted) << size;
      ASSERT_EQ(crc32::by_tables(part, 77), wanted) << size;
      if (size >= 64 && crc32::can_multiply()) {
        ASSERT_EQ(crc32::carryless(part, 77), wanted) << size;
      }
    }
  }
}

TEST(FormatDescription, NeedsVersionFourAndAKnownChecksum) {
  EXPECT_FALSE(parse_format_description(""));
  const auto body = wire::format_description("5.0.1").substr(kEventHeaderBytes);
  auto old = body;
  old[0] = 3;
  ASSERT_FALSE(parse_format_description(old));
  EXPECT_EQ(parse_format_description(old).error().code, Code::kUnsupported);
  auto other = body;
  other[body.size() - 5] = 2;
  EXPECT_FALSE(parse_format_description(other));
}

}  // namespace
}  // namespace rowtide::mysql
