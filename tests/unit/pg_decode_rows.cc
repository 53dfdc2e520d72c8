#include <array>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "sources/postgres/row_decoder.h"
#include "tests/unit/pg_decode_wire.h"

namespace rowtide::postgres {
namespace {

using namespace wire;

// id int, note text, big text
RelationMessage notes(char replica_identity) {
  const bool full = replica_identity == 'f';
  RelationMessage relation;
  relation.relation_id = 42;
  relation.schema = "shop";
  relation.table = "notes";
  relation.replica_identity = replica_identity;
  relation.columns = {{full || replica_identity == 'd', "id", oid::kInt4, -1},
                      {full, "note", oid::kText, -1},
                      {full, "big", oid::kText, -1}};
  return relation;
}

class Rows : public testing::Test {
 protected:
  Rows() { builder_.begin_transaction({}); }

  std::unique_ptr<RelationDecoder> decoder_for(const RelationMessage& relation) {
    auto made = RelationDecoder::create(relation, catalog_);
    EXPECT_TRUE(made);
    return std::move(*made);
  }

  // The message is freed before the event is looked at: events must not point into it.
  Event decode(RelationDecoder& decoder, std::string message) {
    Event event;
    {
      const auto row = parse_row(message, false);
      EXPECT_TRUE(row);
      const auto done = decoder.decode_row(*row, builder_, event);
      EXPECT_TRUE(done) << done.error().to_text();
    }
    message.assign(message.size(), '#');
    return event;
  }

  Error decode_error(RelationDecoder& decoder, const std::string& tuple_bytes) {
    Event event;
    RowMessage row;
    row.new_tuple = tuple_bytes;
    const auto done = decoder.decode_row(row, builder_, event);
    EXPECT_FALSE(done);
    return done ? Error{} : done.error();
  }

  TypeCatalog catalog_;
  BatchBuilder builder_{{}, nullptr};
};

const std::string kHead = u32(42);

TEST_F(Rows, InsertedHaveOnlyAnAfterImage) {
  const auto decoder = decoder_for(notes('d'));
  const Event event =
      decode(*decoder, "I" + kHead + "N" + tuple({text_cell("7"), text_cell("hi"), kNullCell}));
  EXPECT_EQ(event.op, Op::kCreate);
  EXPECT_EQ(event.before_image, BeforeImage::kNone);
  EXPECT_TRUE(event.before.empty());
  ASSERT_EQ(event.after.size(), 3u);
  EXPECT_EQ(event.after[0].integer(), 7);
  EXPECT_EQ(event.after[1].bytes(), "hi");
  EXPECT_TRUE(event.after[2].is_null());
  EXPECT_EQ(event.schema, decoder->schema().get());
}

TEST_F(Rows, UpdatedWithoutAnOldTupleKeepUnchangedCells) {
  const auto decoder = decoder_for(notes('d'));
  const Event event = decode(
      *decoder, "U" + kHead + "N" + tuple({text_cell("7"), text_cell("ho"), kUnchangedCell}));
  EXPECT_EQ(event.op, Op::kUpdate);
  EXPECT_TRUE(event.before.empty());
  EXPECT_EQ(event.after[2].kind(), ValueKind::kUnchanged);
}

TEST_F(Rows, WithAChangedKeySayNothingOfTheOtherOldColumns) {
  const auto decoder = decoder_for(notes('d'));
  const Event event =
      decode(*decoder, "U" + kHead + "K" + tuple({text_cell("7"), kNullCell, kNullCell}) + "N" +
                           tuple({text_cell("8"), text_cell("ho"), kUnchangedCell}));
  EXPECT_EQ(event.before_image, BeforeImage::kKey);
  EXPECT_EQ(event.before[0].integer(), 7);
  EXPECT_EQ(event.before[1].kind(), ValueKind::kAbsent);
  EXPECT_EQ(event.before[2].kind(), ValueKind::kAbsent);
  // Nobody sent the old value, so it may not be invented.
  EXPECT_EQ(event.after[2].kind(), ValueKind::kUnchanged);
  EXPECT_EQ(event.after[0].integer(), 8);
}

TEST_F(Rows, WithFullIdentityTakeUnchangedCellsFromTheOldRow) {
  const auto decoder = decoder_for(notes('f'));
  const Event event =
      decode(*decoder, "U" + kHead + "O" + tuple({text_cell("7"), kNullCell, text_cell("long")}) +
                           "N" + tuple({text_cell("7"), text_cell("new"), kUnchangedCell}));
  EXPECT_EQ(event.before_image, BeforeImage::kFull);
  EXPECT_TRUE(event.before[1].is_null());
  EXPECT_EQ(event.after[2].kind(), ValueKind::kText);
  EXPECT_EQ(event.after[2].bytes(), "long");
}

TEST_F(Rows, DeletedHaveOnlyABeforeImage) {
  const auto decoder = decoder_for(notes('d'));
  const Event event =
      decode(*decoder, "D" + kHead + "K" + tuple({text_cell("7"), kNullCell, kNullCell}));
  EXPECT_EQ(event.op, Op::kDelete);
  EXPECT_EQ(event.before_image, BeforeImage::kKey);
  EXPECT_TRUE(event.after.empty());
  EXPECT_EQ(key_cell(event, 0).integer(), 7);
}

TEST_F(Rows, OverwriteWhatTheEventHeldBefore) {
  const auto decoder = decoder_for(notes('f'));
  const std::string row = tuple({text_cell("7"), kNullCell, kNullCell});
  Event event = decode(*decoder, "D" + kHead + "O" + row);
  const std::string insert = "I" + kHead + "N" + row;
  const auto parsed = parse_row(insert, false);
  ASSERT_TRUE(decoder->decode_row(*parsed, builder_, event));
  EXPECT_EQ(event.before_image, BeforeImage::kNone);
  EXPECT_TRUE(event.before.empty());
}

TEST_F(Rows, OfAnotherWidthAreProtocolErrors) {
  const auto decoder = decoder_for(notes('d'));
  const Error error = decode_error(*decoder, tuple({text_cell("7"), kNullCell}));
  EXPECT_EQ(error.code, Code::kProtocol);
  EXPECT_NE(error.message.find("shop.notes"), std::string::npos);
}

TEST_F(Rows, ThatAreMalformedAreProtocolErrors) {
  const auto decoder = decoder_for(notes('d'));
  const std::string good = tuple({text_cell("7"), text_cell("abc"), kNullCell});
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(decode_error(*decoder, good.substr(0, size)).code, Code::kProtocol) << size;
  }
  EXPECT_EQ(decode_error(*decoder, good + "n").code, Code::kProtocol);
  EXPECT_EQ(decode_error(*decoder, tuple({"x", kNullCell, kNullCell})).code, Code::kProtocol);
  EXPECT_EQ(decode_error(*decoder, u16(3) + "t" + u32(0xffffffff) + "7" + std::string("nn")).code,
            Code::kProtocol);
}

TEST_F(Rows, WithABadCellNameTheColumnButNotTheValue) {
  const auto decoder = decoder_for(notes('d'));
  const Error error =
      decode_error(*decoder, tuple({text_cell("secret-value"), kNullCell, kNullCell}));
  EXPECT_EQ(error.code, Code::kData);
  EXPECT_NE(error.message.find("column id"), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("integer"), std::string::npos);
  EXPECT_EQ(error.to_text().find("secret"), std::string::npos);
}

TEST_F(Rows, OfCopyDecodeLikeThoseOfTheStream) {
  const auto decoder = decoder_for(notes('d'));
  std::array<Value, 3> cells;
  const std::string good = u16(3) + u32(4) + u32(7) + u32(2) + "hi" + u32(0xffffffff);
  ASSERT_TRUE(decoder->decode_copy_tuple(good, builder_.arena(), cells));
  EXPECT_EQ(cells[0].integer(), 7);
  EXPECT_EQ(cells[1].bytes(), "hi");
  EXPECT_TRUE(cells[2].is_null());
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(decoder->decode_copy_tuple(good.substr(0, size), builder_.arena(), cells)) << size;
  }
  EXPECT_FALSE(decoder->decode_copy_tuple(good + "x", builder_.arena(), cells));
  EXPECT_FALSE(decoder->decode_copy_tuple(
      u16(3) + u32(0xfffffffe) + u32(0xffffffff) + u32(0xffffffff), builder_.arena(), cells));
}

TEST_F(Rows, HaveTheKeyThatTheIdentityNames) {
  using Columns = std::vector<std::uint32_t>;
  const std::string id = "id";
  const auto by_default = decoder_for(notes('d'));
  EXPECT_EQ(by_default->schema()->key_columns, Columns{0});
  EXPECT_TRUE(by_default->schema()->key_is_unique);

  const auto full = decoder_for(notes('f'));
  EXPECT_EQ(full->schema()->key_columns, (Columns{0, 1, 2}));
  EXPECT_FALSE(full->schema()->key_is_unique);
  ASSERT_TRUE(full->set_primary_key({&id, 1}));
  EXPECT_EQ(full->schema()->key_columns, Columns{0});
  EXPECT_TRUE(full->schema()->key_is_unique);
  ASSERT_TRUE(full->set_primary_key({}));
  EXPECT_EQ(full->schema()->key_columns, (Columns{0, 1, 2}));
  EXPECT_FALSE(full->schema()->key_is_unique);
  const std::string unknown = "nowhere";
  EXPECT_EQ(full->set_primary_key({&unknown, 1}).error().code, Code::kSchema);

  const auto nothing = decoder_for(notes('n'));
  EXPECT_TRUE(nothing->schema()->key_columns.empty());
  EXPECT_FALSE(nothing->schema()->key_is_unique);

  RelationMessage keyless = notes('d');
  keyless.columns[0].is_key = false;
  EXPECT_FALSE(decoder_for(keyless)->schema()->key_is_unique);
}

TEST_F(Rows, DescribeTheirColumns) {
  TypeInfo mood;
  mood.oid = 20001;
  mood.schema = "shop";
  mood.name = "mood";
  mood.kind = TypeKind::kEnum;
  catalog_.add(mood);
  RelationMessage relation = notes('d');
  relation.columns = {{true, "price", oid::kNumeric, 655366},
                      {false, "mood", 20001, -1},
                      {false, "tags", 1009, -1},
                      {false, "paid", 790, -1}};
  const auto decoder = decoder_for(relation);
  const std::vector<Column>& columns = decoder->schema()->columns;
  EXPECT_EQ(columns[0], (Column{"price", LogicalType::kDecimal, "numeric(10,2)", true, 10, 2}));
  EXPECT_EQ(columns[1], (Column{"mood", LogicalType::kLiteral, "shop.mood", false, 0, 0}));
  EXPECT_EQ(columns[2], (Column{"tags", LogicalType::kLiteral, "text[]", true, 0, 0}));
  // money prints by the server's locale.
  EXPECT_FALSE(decoder->binary_supported());
  EXPECT_TRUE(decoder_for(notes('d'))->binary_supported());
}

}  // namespace
}  // namespace rowtide::postgres
