#include <string>

#include <gtest/gtest.h>

#include "engine/snapshot/window.h"
#include "tests/support/test_batches.h"

namespace rowtide::test {
namespace {

// The id, customer, amount, paid and note of a row of orders, where only customer and note matter.
Cells order(const Cell& id, const Cell& customer, const Cell& note) {
  return {id, customer, "1.50", true, note};
}

Cells key_only(int id) {
  return {id, kAbsentCell, kAbsentCell, kAbsentCell, kAbsentCell};
}

// An update that says `customer` and `note` where they are known, and nothing of the rest.
Cells partial(const Cell& id, const Cell& customer, const Cell& note) {
  return {id, customer, kUnchangedCell, kUnchangedCell, note};
}

std::string text_of(const Value& value) {
  switch (value.kind()) {
    case ValueKind::kAbsent:
      return "absent";
    case ValueKind::kUnchanged:
      return "unchanged";
    case ValueKind::kNull:
      return "null";
    case ValueKind::kInteger:
    case ValueKind::kBoolean:
      return std::to_string(value.integer());
    default:
      return std::string(value.bytes());
  }
}

class WindowTest : public testing::Test {
 protected:
  // Ends the transaction that `stream` is in and shows it to the window.
  void pass() { window.observe(*stream.commit().take()); }

  // What becomes of a row of the chunk: "dropped", "as read", or its cells.
  static std::string outcome(const Window& window, const SchemaPtr& schema, const Cells& cells) {
    const auto chunk = TestBatches().begin().read(schema, cells).commit().take();
    Arena arena;
    const auto settled = window.settle(chunk->events()[0], arena);
    if (!settled) {
      return "dropped";
    }
    if (settled->empty()) {
      return "as read";
    }
    std::string all;
    for (const Value& value : *settled) {
      all += (all.empty() ? "" : " ") + text_of(value);
    }
    return all;
  }
  std::string outcome(const Cell& id) const {
    return outcome(window, orders_schema(), order(id, "read", "old"));
  }

  TestBatches stream;
  Window window{orders_schema()};
};

TEST_F(WindowTest, LeavesRowsAloneThatNothingHappenedTo) {
  EXPECT_FALSE(window.touched());
  EXPECT_EQ(outcome(1), "as read");
  stream.begin().insert(orders_schema(), order(2, "new", nullptr));
  pass();
  EXPECT_TRUE(window.touched());
  EXPECT_EQ(outcome(1), "as read");
}

TEST_F(WindowTest, DropsWhatTheStreamBroughtWholeOrEnded) {
  stream.begin()
      .insert(orders_schema(), order(1, "new", nullptr))
      .update(orders_schema(), order(2, "new", "new"))
      .remove(orders_schema(), key_only(3));
  pass();
  EXPECT_EQ(outcome(1), "dropped");
  EXPECT_EQ(outcome(2), "dropped");
  EXPECT_EQ(outcome(3), "dropped");
  EXPECT_FALSE(window.is_void());
}

TEST_F(WindowTest, MergesPartialUpdatesInTheirOrder) {
  stream.begin().update(orders_schema(), partial(1, "first", kUnchangedCell));
  pass();
  EXPECT_EQ(outcome(1), "1 first 1.50 1 old");
  stream.begin().update(orders_schema(), partial(1, kUnchangedCell, "second"));
  pass();
  EXPECT_EQ(outcome(1), "1 first 1.50 1 second");
  stream.begin().update(orders_schema(), partial(1, nullptr, kUnchangedCell));
  pass();
  EXPECT_EQ(outcome(1), "1 null 1.50 1 second");
  EXPECT_EQ(outcome(2), "as read");
}

TEST_F(WindowTest, KeepsTheBytesOfABatchThatIsGone) {
  const std::string wide(5000, 'w');
  {
    TestBatches other;
    window.observe(
        *other.begin().update(orders_schema(), partial(1, wide, kUnchangedCell)).commit().take());
  }
  EXPECT_EQ(outcome(1), "1 " + wide + " 1.50 1 old");
}

TEST_F(WindowTest, DropsARowThatIsBroughtWholeBehindAPart) {
  stream.begin()
      .update(orders_schema(), partial(1, "part", kUnchangedCell))
      .update(orders_schema(), order(1, "whole", "whole"));
  pass();
  EXPECT_EQ(outcome(1), "dropped");
  // A part behind the whole row changes what the sink has by then.
  stream.begin().update(orders_schema(), partial(1, "later", kUnchangedCell));
  pass();
  EXPECT_EQ(outcome(1), "dropped");
}

TEST_F(WindowTest, DropsADeletedRowBehindAPart) {
  stream.begin()
      .update(orders_schema(), partial(1, "part", kUnchangedCell))
      .remove(orders_schema(), key_only(1));
  pass();
  EXPECT_EQ(outcome(1), "dropped");
}

TEST_F(WindowTest, IsVoidOnceTheTableWasTruncated) {
  stream.begin().truncate(items_schema());
  pass();
  EXPECT_FALSE(window.is_void());
  stream.begin().truncate(orders_schema());
  pass();
  EXPECT_TRUE(window.is_void());
}

TEST_F(WindowTest, IsVoidOnceTheTableHasAnotherShape) {
  stream.begin().announce(orders_with_channel_schema());
  pass();
  EXPECT_TRUE(window.is_void());

  Window by_row(orders_schema());
  by_row.observe(*stream.begin()
                      .insert(orders_with_channel_schema(), {1, "a", "1", true, nullptr, "web"})
                      .commit()
                      .take());
  EXPECT_TRUE(by_row.is_void());
}

TEST_F(WindowTest, TakesTheSameShapeAtAnotherAddress) {
  for (int i = 1; i <= 2; ++i) {
    const auto copy = std::make_shared<const TableSchema>(*orders_schema());
    stream.begin().announce(copy).insert(copy, order(i, "new", nullptr));
    pass();
    EXPECT_FALSE(window.is_void());
    EXPECT_EQ(outcome(i), "dropped");
  }
}

TEST_F(WindowTest, IsVoidOnceTooMuchHappened) {
  const std::string wide(1 << 20, 'w');
  for (int i = 0; i < 40 && !window.is_void(); ++i) {
    stream.begin().update(orders_schema(), partial(i, wide, kUnchangedCell));
    pass();
  }
  EXPECT_TRUE(window.is_void());
}

TEST_F(WindowTest, DropsBothKeysOfARowThatMoved) {
  stream.begin()
      .update(orders_schema(), order(8, "moved", nullptr), key_only(1), BeforeImage::kKey)
      .update(orders_schema(), partial(9, "moved", kUnchangedCell), key_only(2), BeforeImage::kKey);
  pass();
  EXPECT_EQ(outcome(1), "dropped");
  EXPECT_EQ(outcome(8), "dropped");
  EXPECT_EQ(outcome(2), "dropped");
  EXPECT_EQ(outcome(9), "dropped");
  EXPECT_EQ(outcome(3), "as read");
}

TEST_F(WindowTest, MergesWhenTheKeyIsSentAlongAndIsTheSame) {
  stream.begin().update(orders_schema(), partial(1, "new", kUnchangedCell), key_only(1),
                        BeforeImage::kKey);
  // A key that is stored outside of its row is only in the old image.
  stream.update(orders_schema(), partial(kUnchangedCell, "newer", kUnchangedCell), key_only(2),
                BeforeImage::kKey);
  pass();
  EXPECT_EQ(outcome(1), "1 new 1.50 1 old");
  EXPECT_EQ(outcome(2), "2 newer 1.50 1 old");
}

TEST_F(WindowTest, IgnoresOtherTables) {
  stream.begin()
      .insert(items_schema(), {1, 1, "sku", 2})
      .message("audit", "1")
      .remove(items_schema(), {2, 1, kAbsentCell, kAbsentCell});
  pass();
  EXPECT_FALSE(window.touched());
  stream.begin().insert(items_schema(), {1, 1, "sku", 2}).orders_row(5);
  pass();
  EXPECT_EQ(outcome(1), "as read");
  EXPECT_EQ(outcome(5), "dropped");
}

TEST_F(WindowTest, LeavesColumnsOutThatTheChunkDoesNotRead) {
  stream.begin().update(orders_schema(), partial(1, "new", "new"));
  pass();
  EXPECT_EQ(outcome(window, orders_schema(), {1, kAbsentCell, kAbsentCell, kAbsentCell, "old"}),
            "1 absent absent absent new");
}

TEST_F(WindowTest, TellsCompositeKeysApart) {
  Window items(items_schema());
  items.observe(*stream.begin()
                     .remove(items_schema(), {1, 23, kAbsentCell, kAbsentCell})
                     .update(items_schema(), {12, 4, kUnchangedCell, 9})
                     .commit()
                     .take());
  EXPECT_EQ(outcome(items, items_schema(), {1, 23, "a", 1}), "dropped");
  EXPECT_EQ(outcome(items, items_schema(), {12, 3, "a", 1}), "as read");
  EXPECT_EQ(outcome(items, items_schema(), {1, 24, "a", 1}), "as read");
  EXPECT_EQ(outcome(items, items_schema(), {23, 1, "a", 1}), "as read");
  EXPECT_EQ(outcome(items, items_schema(), {12, 4, "a", 1}), "12 4 a 9");
}

SchemaPtr names_schema() {
  Column first;
  first.name = "first";
  Column last = first;
  last.name = "last";
  static const SchemaPtr made = make_schema(7, "public", "names", {first, last}, {0, 1});
  return made;
}

TEST_F(WindowTest, TellsKeysOfBytesApart) {
  Window names(names_schema());
  names.observe(*stream.begin()
                     .remove(names_schema(), {"ab", "c"})
                     .remove(names_schema(), {std::string("a\0b", 3), ""})
                     .remove(names_schema(), {nullptr, "x"})
                     .remove(names_schema(), {"", nullptr})
                     .remove(names_schema(), {"k", "\x0Fk"})
                     .commit()
                     .take());
  EXPECT_EQ(outcome(names, names_schema(), {"ab", "c"}), "dropped");
  EXPECT_EQ(outcome(names, names_schema(), {"a", "bc"}), "as read");
  EXPECT_EQ(outcome(names, names_schema(), {std::string("a\0b", 3), ""}), "dropped");
  EXPECT_EQ(outcome(names, names_schema(), {"a", ""}), "as read");
  // A byte that is the kind of a text is a byte like any other.
  EXPECT_EQ(outcome(names, names_schema(), {"k\x0F", "k"}), "as read");
  // Where the whole row is the key, null is a value like any other, and no empty text.
  EXPECT_EQ(outcome(names, names_schema(), {nullptr, "x"}), "dropped");
  EXPECT_EQ(outcome(names, names_schema(), {"", "x"}), "as read");
  EXPECT_EQ(outcome(names, names_schema(), {"", nullptr}), "dropped");
  EXPECT_EQ(outcome(names, names_schema(), {nullptr, ""}), "as read");
}

TEST_F(WindowTest, OfATableWithoutAKeyOnlyKnowsTruncates) {
  Window visits(keyless_schema());
  visits.observe(*stream.begin().insert(keyless_schema(), {"/home", 5}).commit().take());
  EXPECT_EQ(outcome(visits, keyless_schema(), {"/home", 5}), "as read");
  EXPECT_FALSE(visits.is_void());
  visits.observe(*stream.begin().truncate(keyless_schema()).commit().take());
  EXPECT_TRUE(visits.is_void());
}

bool brings(const Cells& after, const Cells& before) {
  const auto batch = TestBatches()
                         .begin()
                         .update(orders_schema(), after, before,
                                 before.empty() ? BeforeImage::kNone : BeforeImage::kKey)
                         .commit()
                         .take();
  return brings_values_along(batch->events()[0]);
}

TEST(MovedRows, BringValuesAlongThatNoEventSays) {
  EXPECT_TRUE(brings(partial(2, "a", kUnchangedCell), key_only(1)));
  EXPECT_FALSE(brings(order(2, "a", "b"), key_only(1)));
  EXPECT_FALSE(brings(partial(1, "a", kUnchangedCell), key_only(1)));
  EXPECT_FALSE(brings(partial(1, "a", kUnchangedCell), {}));
  EXPECT_FALSE(brings(partial(kUnchangedCell, "a", "b"), key_only(1)));
}

TEST(MovedRows, AreUpdates) {
  TestBatches stream;
  stream.begin().remove(orders_schema(), key_only(1)).orders_row(2).truncate(orders_schema());
  stream.message("audit", "x");
  const auto batch = stream.commit().take();
  for (const Event& event : batch->events()) {
    EXPECT_FALSE(brings_values_along(event));
  }
}

}  // namespace
}  // namespace rowtide::test
