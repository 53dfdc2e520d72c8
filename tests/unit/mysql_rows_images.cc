#include <string>

#include <gtest/gtest.h>

#include "tests/unit/mysql_rows_wire.h"

namespace rowtide::mysql {
namespace {

using namespace std::string_literals;

std::string id(int value) {
  return little_endian(static_cast<std::uint64_t>(value), 4);
}

std::string text(std::string_view value) {
  return counted(value);
}

std::string json(std::string_view document) {
  return little_endian(document.size(), 4) + std::string(document);
}

const std::string kTrue("\x04\x01", 2);
// {"k": 1}, and the difference that makes it {"k": 2}.
const std::string kDocument("\x00\x01\x00\x0c\x00\x0b\x00\x01\x00\x05\x01\x00k", 13);
const std::string kDiff("\x00\x03$.k\x03\x05\x02\x00", 9);

const Event& only(const BatchPtr& batch) {
  EXPECT_EQ(batch->events().size(), 1u);
  return batch->events().front();
}

TEST(MysqlRowImages, OfAnInsertHaveEveryColumn) {
  const auto batch =
      decode(orders().bytes(), kWriteRows,
             rows_bytes(4, "\x0f",
                        "\x00"s + id(5) + text("héllo") + json(kTrue) + id(-1) + "\x0e"s + id(6)));
  ASSERT_TRUE(batch) << batch.error().to_text();
  ASSERT_EQ((*batch)->events().size(), 2u);
  const Event& first = (*batch)->events()[0];
  EXPECT_EQ(first.op, Op::kCreate);
  EXPECT_EQ(first.before_image, BeforeImage::kNone);
  EXPECT_EQ(show(first.after), "5 'héllo' 'true' -1");
  EXPECT_EQ(show((*batch)->events()[1].after), "6 null null null");
  EXPECT_EQ((*batch)->events()[1].row, 2u);
}

TEST(MysqlRowImages, OfAMinimalInsertLeaveTheOtherColumnsAbsent) {
  const auto batch = decode(orders().bytes(), kWriteRows, rows_bytes(4, "\x03", "\x02"s + id(5)));
  ASSERT_TRUE(batch) << batch.error().to_text();
  EXPECT_EQ(show(only(*batch).after), "5 null absent absent");
  // The bits of NULLs count the columns that are there.
  const auto later = decode(orders().bytes(), kWriteRows, rows_bytes(4, "\x0a", "\x01"s + id(7)));
  ASSERT_TRUE(later) << later.error().to_text();
  EXPECT_EQ(show(only(*later).after), "absent null absent 7");
}

TEST(MysqlRowImages, OfAMinimalUpdateHaveTheKeyBeforeAndTheRestUnchanged) {
  const auto batch = decode(orders().bytes(), kUpdateRows,
                            rows_bytes(4, "\x01\x02", "\x00"s + id(5) + "\x00"s + text("new")));
  ASSERT_TRUE(batch) << batch.error().to_text();
  const Event& event = only(*batch);
  EXPECT_EQ(event.before_image, BeforeImage::kKey);
  EXPECT_EQ(show(event.before), "5 absent absent absent");
  EXPECT_EQ(show(event.after), "5 'new' unchanged unchanged");
}

// Everything but the document; what is known before is known after.
TEST(MysqlRowImages, OfAnUpdateWithoutBlobsAreFilledFromBefore) {
  const auto batch =
      decode(orders().bytes(), kUpdateRows,
             rows_bytes(4, "\x0b\x08", "\x00"s + id(5) + text("old") + id(7) + "\x00"s + id(8)));
  ASSERT_TRUE(batch) << batch.error().to_text();
  const Event& event = only(*batch);
  EXPECT_EQ(event.before_image, BeforeImage::kKey);
  EXPECT_EQ(show(event.before), "5 absent absent absent");
  EXPECT_EQ(show(event.after), "5 'old' unchanged 8");
}

TEST(MysqlRowImages, OfADeleteAreWholeOrTheKey) {
  const auto whole = decode(orders().bytes(), kDeleteRows,
                            rows_bytes(4, "\x0f", "\x04"s + id(5) + text("x") + id(9)));
  ASSERT_TRUE(whole) << whole.error().to_text();
  EXPECT_EQ(only(*whole).before_image, BeforeImage::kFull);
  EXPECT_EQ(show(only(*whole).before), "5 'x' null 9");
  EXPECT_TRUE(only(*whole).after.empty());
  const auto key = decode(orders().bytes(), kDeleteRows, rows_bytes(4, "\x01", "\x00"s + id(5)));
  ASSERT_TRUE(key) << key.error().to_text();
  EXPECT_EQ(only(*key).before_image, BeforeImage::kKey);
}

TEST(MysqlRowImages, WithoutAKeyColumnOrAnyColumnAreRefused) {
  const auto no_key = decode(orders().bytes(), kDeleteRows, rows_bytes(4, "\x08", "\x00"s + id(5)));
  ASSERT_FALSE(no_key);
  EXPECT_EQ(no_key.error().disposition, Disposition::kOperator);
  EXPECT_NE(no_key.error().message.find("key column id"), std::string::npos);
  for (const std::string_view rows : {"", "\x01\x02\x03"}) {
    const auto nothing = decode(orders().bytes(), kWriteRows, rows_bytes(4, "\0"s, rows));
    ASSERT_FALSE(nothing);
    EXPECT_EQ(nothing.error().code, Code::kSchema);
  }
}

TEST(MysqlRowImages, OfAnotherNumberOfColumnsAreRefused) {
  const auto batch = decode(orders().bytes(), kDeleteRows, rows_bytes(3, "\x01", "\x00"s + id(5)));
  ASSERT_FALSE(batch);
  EXPECT_EQ(batch.error().code, Code::kSchema);
}

TEST(MysqlRowImages, CutAnywhereAreAnError) {
  const std::string rows = "\x00"s + id(5) + text("abc") + json(kDocument) + id(1) + "\x00"s +
                           id(5) + text("abc") + json(kTrue) + id(2);
  ASSERT_TRUE(decode(orders().bytes(), kUpdateRows, rows_bytes(4, "\x0f\x0f", rows)));
  for (std::size_t size = 1; size < rows.size(); ++size) {
    const auto cut = decode(orders().bytes(), kUpdateRows,
                            rows_bytes(4, "\x0f\x0f", std::string_view(rows).substr(0, size)));
    EXPECT_FALSE(cut) << size;
  }
}

TEST(MysqlRowImages, ThatAreSkippedAreCountedAndNotDecoded) {
  ShapeCache cache({}, nullptr, {});
  const std::string map = orders().bytes();
  // Bytes that are no text and no document: who skips does not look.
  const std::string body = rows_bytes(
      4, "\x0f", "\x00"s + id(5) + text("\xff") + json("\x63") + id(1) + "\x0e"s + id(6));
  for (const auto& shape : {cache.shape(map), cache.shape_to_skip(map)}) {
    ASSERT_TRUE(shape);
    const auto rows = parse_rows_event(kWriteRows, body);
    ASSERT_TRUE(rows);
    auto reader = RowReader::create(**shape, *rows);
    ASSERT_TRUE(reader);
    BatchBuilder builder({}, nullptr);
    builder.begin_transaction({});
    EXPECT_TRUE(*reader->next(builder, false));
    EXPECT_TRUE(*reader->next(builder, false));
    EXPECT_FALSE(*reader->next(builder, false));
    EXPECT_EQ(builder.rows_in_transaction(), 2u);
    EXPECT_TRUE(builder.empty());
  }
}

TEST(MysqlRowImages, OfAPartialUpdateApplyDifferencesToTheDocumentBefore) {
  const std::string before = "\x00"s + id(5) + text("x") + json(kDocument) + id(1);
  const std::string diff_after = "\x01\x01\x00"s + id(5) + text("x") + json(kDiff) + id(2);
  const std::string same_after = "\x01\x01\x00"s + id(5) + text("x") + json("") + id(3);
  const std::string whole_after = "\x00\x00"s + id(5) + text("x") + json(kTrue) + id(4);
  const auto batch = decode(
      orders().bytes(), kPartialRows,
      rows_bytes(4, "\x0f\x0f", before + diff_after + before + same_after + before + whole_after));
  ASSERT_TRUE(batch) << batch.error().to_text();
  const auto events = (*batch)->events();
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(show(events[0].before), R"(5 'x' '{"k": 1}' 1)");
  EXPECT_EQ(show(events[0].after), R"(5 'x' '{"k": 2}' 2)");
  EXPECT_EQ(show(events[1].after), R"(5 'x' '{"k": 1}' 3)");
  EXPECT_EQ(show(events[2].after), R"(5 'x' 'true' 4)");
}

TEST(MysqlRowImages, OfAPartialUpdateHaveABitPerDocumentNotPerColumn) {
  MapBytes map = orders();
  for (int i = 0; i < 6; ++i) {
    map.columns.push_back({1, "", "t" + std::to_string(i)});
  }
  const std::string before = "\xfb\x03"s + json(kDocument);
  const std::string after = "\x01\x01\xfb\x03"s + json(kDiff);
  map.metadata = metadata_field(2, "\x2d");
  const auto batch =
      decode(map.bytes(), kPartialRows, rows_bytes(10, "\xff\x03\xff\x03", before + after));
  ASSERT_TRUE(batch) << batch.error().to_text();
  EXPECT_EQ(show(only(*batch).after[2]), R"('{"k": 2}')");
}

TEST(MysqlRowImages, HaveLengthsOfTwoBytesFrom256BytesOn) {
  for (const unsigned max_bytes : {255u, 256u}) {
    MapBytes map;
    map.columns = {{15, little_endian(max_bytes, 2), "v"}};
    map.metadata = metadata_field(2, "\x3f");
    const auto batch =
        decode(map.bytes(), kWriteRows,
               rows_bytes(1, "\x01", "\x00"s + little_endian(3, max_bytes / 128) + "abc"));
    ASSERT_TRUE(batch) << batch.error().to_text();
    EXPECT_EQ(show(only(*batch).after), "'abc'");
  }
}

TEST(MysqlRowImages, OfAPartialUpdateWithoutTheDocumentBeforeAreRefused) {
  const auto batch =
      decode(orders().bytes(), kPartialRows,
             rows_bytes(4, "\x01\x04", "\x00"s + id(5) + "\x01\x01\x00"s + json(kDiff)));
  ASSERT_FALSE(batch);
  EXPECT_EQ(batch.error().disposition, Disposition::kOperator);
  EXPECT_NE(batch.error().remedy.find("binlog_row_value_options"), std::string::npos);
}

TEST(MysqlRowImages, WithTextThatMeansNothingStopOrAreReplaced) {
  const std::string body =
      rows_bytes(4, "\x0f", "\x00"s + id(5) + text("a\xff") + json(kTrue) + id(1));
  const auto stopped = decode(orders().bytes(), kWriteRows, body);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Code::kData);
  EXPECT_NE(stopped.error().message.find("column v"), std::string::npos);
  const auto replaced =
      decode(orders().bytes(), kWriteRows, body, {.decode = {.replace_bad_text = true}});
  ASSERT_TRUE(replaced) << replaced.error().to_text();
  EXPECT_EQ(show(only(*replaced).after), "5 'a\xef\xbf\xbd' 'true' 1");
}

TEST(MysqlRowImages, WithZeroDatesKeepTheTextOrBecomeNull) {
  MapBytes map;
  map.columns = {{10, "", "d"}, {18, "\x03", "t"}, {17, std::string(1, '\0'), "s"}};
  const std::string body = rows_bytes(
      3, "\x07",
      "\x00"s + "\x00\xd0\x0f"s + "\x80\x00\x00\x00\x00\x00\x00"s + std::string(4, '\0'));
  const auto kept = decode(map.bytes(), kWriteRows, body);
  ASSERT_TRUE(kept) << kept.error().to_text();
  EXPECT_EQ(show(only(*kept).after),
            "'2024-00-00' '0000-00-00 00:00:00.000' '0000-00-00 00:00:00'");
  EXPECT_EQ(only(*kept).after[0].kind(), ValueKind::kLiteral);
  const auto nulls =
      decode(map.bytes(), kWriteRows, body, {.decode = {.zero_dates_as_null = true}});
  ASSERT_TRUE(nulls) << nulls.error().to_text();
  EXPECT_EQ(show(only(*nulls).after), "null null null");
}

}  // namespace
}  // namespace rowtide::mysql
