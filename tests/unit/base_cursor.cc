#include <string>

#include <gtest/gtest.h>

#include "engine/base/cursor.h"
#include "engine/base/strong_id.h"

namespace rowtide {
namespace {

using std::string_view_literals::operator""sv;

TEST(Cursors, ReadBigEndianNumbersOfEveryWidth) {
  Cursor cursor("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"sv);
  EXPECT_EQ(cursor.u8(), 0x01);
  EXPECT_EQ(cursor.u16_be(), 0x0203);
  EXPECT_EQ(cursor.u32_be(), 0x04050607U);
  EXPECT_EQ(cursor.u64_be(), 0x08090a0b0c0d0e0fU);
  EXPECT_TRUE(cursor.ok());
  EXPECT_EQ(cursor.remaining(), 0U);
  EXPECT_EQ(cursor.offset(), 15U);
}

TEST(Cursors, ReadNegativeNumbers) {
  Cursor cursor("\xff\xfe\xff\xff\xff\xfd\xff\xff\xff\xff\xff\xff\xff\xfc"sv);
  EXPECT_EQ(cursor.i16_be(), -2);
  EXPECT_EQ(cursor.i32_be(), -3);
  EXPECT_EQ(cursor.i64_be(), -4);
  EXPECT_TRUE(cursor.ok());
}

// One byte less than is needed, for each read.
template <class Read>
void expect_failure_at_the_end(std::size_t size_bytes, Read read) {
  const std::string bytes(size_bytes - 1, '\x11');
  Cursor cursor(bytes);
  EXPECT_EQ(read(cursor), 0U) << size_bytes;
  EXPECT_FALSE(cursor.ok()) << size_bytes;
  EXPECT_EQ(cursor.remaining(), 0U) << size_bytes;
  const std::string enough(size_bytes, '\x11');
  Cursor fits(enough);
  EXPECT_NE(read(fits), 0U) << size_bytes;
  EXPECT_TRUE(fits.ok()) << size_bytes;
}

TEST(Cursors, FailInsteadOfLeavingTheirBytes) {
  expect_failure_at_the_end(1, [](Cursor& cursor) { return std::uint64_t{cursor.u8()}; });
  expect_failure_at_the_end(2, [](Cursor& cursor) { return std::uint64_t{cursor.u16_be()}; });
  expect_failure_at_the_end(4, [](Cursor& cursor) { return std::uint64_t{cursor.u32_be()}; });
  expect_failure_at_the_end(8, [](Cursor& cursor) { return cursor.u64_be(); });
  expect_failure_at_the_end(7, [](Cursor& cursor) { return cursor.take(7).size(); });
}

TEST(Cursors, StayFailed) {
  Cursor cursor("\x01\x02\x03"sv);
  EXPECT_EQ(cursor.u32_be(), 0U);
  // Enough bytes for these would have been there before.
  EXPECT_EQ(cursor.u8(), 0);
  EXPECT_EQ(cursor.take(1), "");
  EXPECT_EQ(cursor.c_string(), "");
  EXPECT_FALSE(cursor.ok());
  // Nothing was asked for, nothing is refused, but the failure stands.
  EXPECT_EQ(cursor.take(0), "");
  EXPECT_FALSE(cursor.ok());
}

TEST(Cursors, CannotBeTalkedIntoAnOverflow) {
  Cursor cursor("abc"sv);
  cursor.u8();
  EXPECT_EQ(cursor.take(SIZE_MAX), "");
  EXPECT_FALSE(cursor.ok());
}

TEST(Cursors, TakeViewsOfTheBytesThemselves) {
  const std::string bytes = "header body";
  Cursor cursor(bytes);
  EXPECT_EQ(cursor.take(7), "header ");
  EXPECT_EQ(cursor.position(), bytes.data() + 7);
  const auto body = cursor.take(4);
  EXPECT_EQ(body.data(), bytes.data() + 7);
  EXPECT_TRUE(cursor.ok());
}

TEST(Cursors, ReadTextUpToItsNul) {
  Cursor cursor("one\0\0two"sv);
  EXPECT_EQ(cursor.c_string(), "one");
  EXPECT_EQ(cursor.c_string(), "");
  EXPECT_TRUE(cursor.ok());
  EXPECT_EQ(cursor.offset(), 5U);
  EXPECT_EQ(cursor.c_string(), "");
  EXPECT_FALSE(cursor.ok());
}

TEST(Cursors, OverNothingFailAtTheFirstRead) {
  Cursor cursor(nullptr, 0);
  EXPECT_TRUE(cursor.ok());
  EXPECT_EQ(cursor.remaining(), 0U);
  EXPECT_EQ(cursor.c_string(), "");
  EXPECT_FALSE(cursor.ok());
}

TEST(StrongIds, CompareByTheirNumberAndDoNotMix) {
  EXPECT_LT(Epoch(1), Epoch(2));
  EXPECT_EQ(Epoch(), Epoch(0));
  EXPECT_EQ(std::max(Epoch(7), Epoch(3)).value, 7U);
  static_assert(!std::is_convertible_v<std::uint64_t, Epoch>);
  static_assert(!std::is_convertible_v<Epoch, std::uint64_t>);
  static_assert(!std::is_convertible_v<Epoch, BatchSequence>);
  static_assert(!std::is_constructible_v<Epoch, BatchSequence>);
}

}  // namespace
}  // namespace rowtide
