// Rows events that real servers logged, against the servers' own text of the same rows.

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/model/text_forms.h"
#include "sources/mysql/row_event.h"
#include "sources/mysql/table_shape.h"
#include "tests/golden/mysql_rows_file.h"

namespace rowtide::mysql {
namespace {

const std::filesystem::path kFolder = ROWTIDE_GOLDEN_FOLDER;
constexpr std::uint8_t kTableMap = 19;

// How much of what the servers log and the catalog knows a test lets the decoder see.
enum class Knowledge : std::uint8_t { kLogAndCatalog, kLogOnly, kNamesFromCatalog };

class RecordedCatalog final : public ColumnCatalog {
 public:
  explicit RecordedCatalog(const TableColumns& columns) : columns_(columns) {}
  Result<TableColumns> columns(std::string_view, std::string_view) override { return columns_; }

 private:
  const TableColumns& columns_;
};

std::string hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : bytes) {
    out.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
    out.push_back(kDigits[static_cast<unsigned char>(c) & 15U]);
  }
  return out;
}

// The declared digits of the fraction: of "datetime(3)" 3.
unsigned fraction_digits(const Column& column) {
  const auto open = column.source_type.find('(');
  return open == std::string::npos
             ? 0
             : static_cast<unsigned>(std::atoi(column.source_type.c_str() + open + 1));
}

// The server prints all declared digits of a fraction, the engine none that are zeros at the end.
std::string with_fraction(std::string text, unsigned digits) {
  if (digits == 0) {
    return text;
  }
  const auto point = text.find('.');
  if (point == std::string::npos) {
    text.push_back('.');
  }
  const std::size_t have = text.size() - text.find('.') - 1;
  return text.append(digits - std::min<std::size_t>(have, digits), '0');
}

// The value as make_mysql_rows.py asks the server for it.
std::string server_text(const Column& column, const Value& value) {
  std::string text;
  switch (value.kind()) {
    case ValueKind::kNull:
      return "\\N";
    case ValueKind::kInteger:
      // What MySQL prints of the year 0.
      return column.source_type.starts_with("year") && value.integer() == 0
                 ? "0000"
                 : std::to_string(value.integer());
    case ValueKind::kUnsigned:
      return std::to_string(value.unsigned_integer());
    case ValueKind::kDecimal:
    case ValueKind::kLiteral:
      return std::string(value.bytes());
    case ValueKind::kDate:
      append_date_text(text, value.integer());
      return text;
    case ValueKind::kTimestamp:
    case ValueKind::kTimestampTz:
      append_timestamp_text(text, value.integer());
      return with_fraction(text, fraction_digits(column));
    case ValueKind::kUuid:
      append_uuid_text(text, value.bytes());
      return text;
    case ValueKind::kBytes:
    case ValueKind::kText:
    case ValueKind::kJson:
      return hex(value.bytes());
    default:
      return "kind " + std::to_string(static_cast<int>(value.kind()));
  }
}

bool same(const Column& column, const Value& value, const std::string& expected) {
  if (value.kind() == ValueKind::kFloat32 || value.kind() == ValueKind::kFloat64) {
    return value.real() == std::strtod(expected.c_str(), nullptr);
  }
  return server_text(column, value) == expected;
}

// A map without its optional metadata, as MariaDB logs it unless told otherwise.
std::string without_metadata(std::string_view body) {
  WireReader in(body);
  in.u48();
  in.u16();
  in.take(in.u8() + 1U);
  in.take(in.u8() + 1U);
  const std::uint64_t columns = in.length_encoded();
  in.take(columns);
  in.length_encoded_string();
  in.take((columns + 7) / 8);
  EXPECT_TRUE(in.ok());
  return std::string(body.substr(0, in.offset()));
}

// Every event of one table, in the order of the log.
class Replay {
 public:
  Replay(const RecordedTable& table, bool is_mariadb, Knowledge knowledge)
      : table_(table),
        knowledge_(knowledge),
        catalog_(table.catalog),
        cache_({.decode = {}, .is_mariadb = is_mariadb},
               knowledge == Knowledge::kLogOnly ? nullptr : &catalog_, {}) {}

  void run() {
    const TableShape* shape = nullptr;
    builder_.begin_transaction({});
    for (const auto& event : table_.events) {
      if (event.type == kTableMap) {
        const auto found = cache_.shape(
            knowledge_ == Knowledge::kNamesFromCatalog ? without_metadata(event.body) : event.body);
        ASSERT_TRUE(found) << table_.name << ": " << found.error().to_text();
        shape = *found;
      } else {
        ASSERT_NE(shape, nullptr);
        read_rows(*shape, event);
      }
    }
    builder_.end_transaction({});
    batch_ = builder_.take();
    shape_ = shape;
  }

  const TableShape& shape() const { return *shape_; }

  // The images of all rows, as the recording has them.
  void compare() {
    std::size_t next = 0;
    for (const Event& event : batch_->events()) {
      compare_image(event, event.before, true, next);
      compare_image(event, event.after, false, next);
    }
    EXPECT_EQ(next, table_.images.size()) << table_.name;
  }

 private:
  void read_rows(const TableShape& shape, const RecordedTable::LogEvent& event) {
    const auto rows = parse_rows_event(event.type, event.body);
    ASSERT_TRUE(rows) << rows.error().to_text();
    auto reader = RowReader::create(shape, *rows);
    ASSERT_TRUE(reader) << reader.error().to_text();
    auto skipper = RowReader::create(shape, *rows);
    ASSERT_TRUE(skipper);
    BatchBuilder skipped({}, nullptr);
    skipped.begin_transaction({});
    for (;;) {
      const auto more = reader->next(builder_, true);
      ASSERT_TRUE(more) << table_.name << ": " << more.error().to_text();
      const auto skipped_more = skipper->next(skipped, false);
      ASSERT_TRUE(skipped_more) << skipped_more.error().to_text();
      ASSERT_EQ(*more, *skipped_more);
      if (!*more) {
        break;
      }
    }
  }

  void compare_image(const Event& event, std::span<const Value> cells, bool before,
                     std::size_t& next) {
    if (cells.empty()) {
      return;
    }
    ASSERT_LT(next, table_.images.size()) << table_.name;
    const RecordedTable::Image& image = table_.images[next++];
    EXPECT_EQ(op_letter(event.op), image.letter);
    EXPECT_EQ(before, image.before);
    ASSERT_EQ(cells.size(), image.cells.size()) << table_.name;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const Column& column = event.schema->columns[i];
      if (!cells[i].is_known()) {
        EXPECT_TRUE(table_.name == "minimal" || table_.name == "noblob") << table_.name;
        continue;
      }
      EXPECT_TRUE(same(column, cells[i], image.cells[i]))
          << table_.name << '.' << column.name << ' ' << column.source_type << ": "
          << server_text(column, cells[i]) << " instead of " << image.cells[i];
    }
  }

  const RecordedTable& table_;
  Knowledge knowledge_;
  RecordedCatalog catalog_;
  ShapeCache cache_;
  BatchBuilder builder_{{.batch_bytes = 1 << 26, .batch_events = 1 << 20}, nullptr};
  BatchPtr batch_;
  const TableShape* shape_ = nullptr;
};

class RecordedRows : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    auto read = read_rows_recording(kFolder / "mysql_rows" / GetParam());
    ASSERT_TRUE(read) << read.error().to_text();
    recording_ = std::move(*read);
    ASSERT_GE(recording_.tables.size(), 15u);
  }

  RowsRecording recording_;
};

TEST_P(RecordedRows, AreWhatTheServerPrints) {
  for (const RecordedTable& table : recording_.tables) {
    Replay replay(table, recording_.is_mariadb, Knowledge::kLogAndCatalog);
    ASSERT_NO_FATAL_FAILURE(replay.run());
    replay.compare();
  }
}

TEST_P(RecordedRows, AreWhatTheServerPrintsWhenTheCatalogSaysNothing) {
  for (const RecordedTable& table : recording_.tables) {
    // uuid, inet and json of MariaDB are not told apart from bytes and text by the log.
    if (table.name == "mariadb_types") {
      continue;
    }
    Replay replay(table, recording_.is_mariadb, Knowledge::kLogOnly);
    ASSERT_NO_FATAL_FAILURE(replay.run());
    replay.compare();
  }
}

TEST_P(RecordedRows, AreWhatTheServerPrintsWhenOnlyTheCatalogHasNames) {
  for (const RecordedTable& table : recording_.tables) {
    Replay replay(table, recording_.is_mariadb, Knowledge::kNamesFromCatalog);
    ASSERT_NO_FATAL_FAILURE(replay.run());
    replay.compare();
  }
}

TEST_P(RecordedRows, HaveTheTypesAndKeysThatTheCatalogShows) {
  for (const RecordedTable& table : recording_.tables) {
    Replay replay(table, recording_.is_mariadb, Knowledge::kLogAndCatalog);
    ASSERT_NO_FATAL_FAILURE(replay.run());
    const TableSchema& schema = *replay.shape().schema;
    ASSERT_EQ(schema.columns.size(), table.catalog.columns.size());
    for (std::size_t i = 0; i < schema.columns.size(); ++i) {
      const CatalogColumn& expected = table.catalog.columns[i];
      EXPECT_EQ(schema.columns[i].name, expected.name);
      const bool alias = recording_.is_mariadb && expected.json;
      EXPECT_EQ(schema.columns[i].source_type, alias ? "json" : expected.column_type);
    }
    const bool has_key = !table.catalog.primary_key.empty();
    EXPECT_EQ(schema.key_is_unique, has_key) << table.name;
    if (has_key) {
      EXPECT_EQ(schema.key_columns, table.catalog.primary_key) << table.name;
    } else {
      EXPECT_EQ(schema.key_columns.size(), schema.columns.size());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Servers, RecordedRows,
                         testing::Values("mariadb-10.11.txt", "mariadb-11.8.txt", "mysql-8.0.txt",
                                         "mysql-9.7.txt"),
                         [](const auto& server) {
                           std::string name(server.param);
                           name.resize(name.rfind('.'));
                           std::ranges::replace_if(
                               name, [](char c) { return c == '-' || c == '.'; }, '_');
                           return name;
                         });

}  // namespace
}  // namespace rowtide::mysql
