#include <gtest/gtest.h>

#include "offsets/checksum.h"
#include "offsets/keys.h"
#include "offsets/records.h"
#include "tests/support/test_batches.h"

namespace rowtide {
namespace {

LaneState some_lane() {
  return {.durable = {{1, 500, kWholeTransaction}, "token-5"},
          .marker = ResumePoint{{1, 400, 17}, std::string("to\0ken", 6)}};
}

TEST(Checksum, AgreesWithTheVectorsOfRfc3720) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(crc32c("6789", crc32c("12345")), 0xE3069283U);
}

TEST(Records, SurviveTheRoundTrip) {
  EXPECT_EQ(decode_format("k", encode_format("k", 7)).value(), 7U);
  EXPECT_EQ(decode_epoch("k", encode_epoch("k", Epoch(9))).value(), Epoch(9));
  EXPECT_EQ(decode_lane("k", encode_lane("k", some_lane())).value(), some_lane());
  LaneState bare;
  EXPECT_EQ(decode_lane("k", encode_lane("k", bare)).value(), bare);
  const auto schema = test::everything_schema();
  const auto decoded = decode_schema_record("k", encode_schema_record("k", 42, *schema));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->content_hash, 42U);
  EXPECT_EQ(decoded->schema, *schema);
  for (const auto& patterns : std::vector<std::vector<std::string>>{
           {}, {"public.*"}, {"public.*", std::string("!a\0b", 4), ""}}) {
    EXPECT_EQ(decode_captured("k", encode_captured("k", patterns)).value(), patterns);
  }
}

TEST(Records, AnyFlippedBitIsFound) {
  const auto record = encode_lane("k", some_lane());
  for (std::size_t i = 0; i < record.size() * 8; ++i) {
    auto damaged = record;
    damaged[i / 8] = static_cast<char>(damaged[i / 8] ^ (1 << (i % 8)));
    const auto decoded = decode_lane("k", damaged);
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().code, Code::kCorrupt);
    EXPECT_NE(decoded.error().remedy.find("markers"), std::string::npos);
  }
}

TEST(Records, AnyCutIsFound) {
  const auto record = encode_lane("k", some_lane());
  for (std::size_t size = 0; size < record.size(); ++size) {
    ASSERT_FALSE(decode_lane("k", record.substr(0, size)));
  }
}

TEST(Records, ARecordUnderAnotherKeyIsFound) {
  EXPECT_FALSE(decode_lane("other", encode_lane("k", some_lane())));
}

TEST(Records, ARecordOfAnotherTypeIsFound) {
  EXPECT_EQ(decode_lane("k", encode_epoch("k", Epoch(1))).error().code, Code::kCorrupt);
}

TEST(Records, ANewerVersionIsNotCalledDamage) {
  auto record = encode_epoch("k", Epoch(1));
  record.resize(record.size() - 4);
  record[1] = kRecordVersion + 1;
  const auto sum = crc32c(record, crc32c("k"));
  for (const unsigned shift : {24U, 16U, 8U, 0U}) {
    record.push_back(static_cast<char>(sum >> shift));
  }
  const auto decoded = decode_epoch("k", record);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code, Code::kNewerFormat);
  EXPECT_EQ(decoded.error().disposition, Disposition::kOperator);
}

TEST(Records, ALengthThatLiesIsDamage) {
  for (const std::string& body : {std::string(20, '\0') + "\xFF\xFF\xFF\xFF",
                                  std::string(25, '\x02'), std::string(26, '\0'), std::string()}) {
    EXPECT_EQ(decode_lane("k", seal("k", RecordType::kLane, body)).error().code, Code::kCorrupt);
  }
  EXPECT_EQ(decode_captured("k", seal("k", RecordType::kCaptured, "\xFF\xFF\xFF\xFF")).error().code,
            Code::kCorrupt);
  EXPECT_FALSE(decode_schema_record(
      "k", seal("k", RecordType::kSchema, std::string(8, '\0') + std::string("\0\0\0\2{}", 6))));
}

TEST(Keys, NoPipelineReachesIntoAnother) {
  EXPECT_FALSE(lane_key("shop2", "x").starts_with(lane_prefix("shop")));
  EXPECT_TRUE(lane_key("shop", "x").starts_with(lane_prefix("shop")));
  EXPECT_EQ(name_of_key(lane_prefix("shop"), lane_key("shop", "files")), "files");
  EXPECT_EQ(table_of_schema_key(schema_prefix("shop"), schema_key("shop", 1001)), 1001U);
  EXPECT_FALSE(table_of_schema_key(schema_prefix("shop"), schema_prefix("shop") + "abc"));
}

TEST(Keys, BlocksOfATransactionLieTogetherInOrder) {
  EXPECT_LT(spill_key("p", 1, 255), spill_key("p", 1, 256));
  EXPECT_LT(spill_key("p", 1, UINT64_MAX), spill_end_key("p", 1));
  EXPECT_LT(spill_end_key("p", 1), spill_key("p", 2, 0));
}

}  // namespace
}  // namespace rowtide
