#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/cursor.h"
#include "sources/postgres/row_decoder.h"
#include "sources/postgres/value_decode_binary.h"
#include "sources/postgres/value_decode_text.h"
#include "tests/golden/canonical_text.h"
#include "tests/golden/pgoutput_text.h"
#include "tests/golden/wire_file.h"

namespace rowtide::postgres {
namespace {

const std::filesystem::path kFolder = ROWTIDE_GOLDEN_FOLDER;

CellCorpus corpus() {
  auto read = read_cell_corpus(kFolder / "pg_binary_corpus.txt");
  EXPECT_TRUE(read) << read.error().to_text();
  return read ? std::move(*read) : CellCorpus{};
}

// The cell's canonical text, or "refused".
std::string decoded(CellDecoder decoder, std::uint32_t type_oid, const TypeCatalog& catalog,
                    std::string_view bytes) {
  Arena arena;
  DecodeContext context;
  context.catalog = &catalog;
  context.arena = &arena;
  Value value;
  return decoder(bytes, type_oid, context, value) ? canonical_value(value) : "refused";
}

TEST(BinaryValues, PrintAsTheServerPrintsThem) {
  const CellCorpus known = corpus();
  EXPECT_GE(known.cells.size(), 300u);
  for (const CorpusCell& cell : known.cells) {
    std::string printed;
    EXPECT_TRUE(append_text_form(known.catalog, cell.type_oid, cell.binary, printed))
        << cell.declared_type << ' ' << cell.text;
    EXPECT_EQ(printed, cell.text) << cell.declared_type;
  }
}

TEST(BinaryValues, DecodeToTheSameValueAsTheServersText) {
  const CellCorpus known = corpus();
  for (const CorpusCell& cell : known.cells) {
    const std::uint32_t base = known.catalog.base_of(cell.type_oid);
    const std::string from_text =
        decoded(text_decoder(known.catalog, base), base, known.catalog, cell.text);
    EXPECT_NE(from_text, "refused") << cell.declared_type << ' ' << cell.text;
    EXPECT_EQ(decoded(binary_decoder(known.catalog, base), base, known.catalog, cell.binary),
              from_text)
        << cell.declared_type << ' ' << cell.text;
  }
}

// A cut cell of a type with a fixed or a counted size is never a value; types that are bare bytes
// have no such thing as a wrong length.
TEST(BinaryValues, AreRefusedWhenCutShort) {
  const CellCorpus known = corpus();
  for (const CorpusCell& cell : known.cells) {
    const std::uint32_t base = known.catalog.base_of(cell.type_oid);
    const LogicalType type = logical_type(known.catalog, base);
    const TypeInfo* info = known.catalog.find(base);
    if (cell.binary.empty() || type == LogicalType::kBytes || type == LogicalType::kJson ||
        (type == LogicalType::kText && base != oid::kChar) || info->kind == TypeKind::kEnum ||
        base == oid::kRefcursor) {
      continue;
    }
    const std::string cut(cell.binary.data(), cell.binary.size() - 1);
    EXPECT_EQ(decoded(binary_decoder(known.catalog, base), base, known.catalog, cut), "refused")
        << cell.declared_type << ' ' << cell.text;
  }
}

TEST(TypeNames, AreThoseOfTheServersFormatType) {
  const CellCorpus known = corpus();
  for (const CorpusCell& cell : known.cells) {
    EXPECT_EQ(format_type(known.catalog, cell.type_oid, cell.typmod), cell.declared_type);
  }
}

// Every cell of the recording's inserts, by row and column.
std::map<std::string, std::string> cells_of(const std::string& name,
                                            const std::vector<std::string>& refused_columns) {
  const auto file = read_wire_file(kFolder / "pgoutput" / (name + ".wire"));
  EXPECT_TRUE(file);
  std::map<std::string, std::string> cells;
  PgoutputReader reader(file->catalog);
  std::size_t row_count = 0;
  Arena arena;
  for (const std::string& message : file->messages) {
    if (message.front() != 'I') {
      EXPECT_TRUE(reader.describe(message));
      continue;
    }
    const auto row = parse_row(message, false);
    EXPECT_TRUE(row);
    RelationDecoder* decoder = reader.decoder(row->relation_id);
    Cursor tuple(row->new_tuple);
    EXPECT_EQ(tuple.u16_be(), decoder->schema()->columns.size());
    ++row_count;
    for (std::size_t i = 0; i < decoder->schema()->columns.size(); ++i) {
      const std::string& column = decoder->schema()->columns[i].name;
      const auto format = static_cast<char>(tuple.u8());
      std::string text = "null";
      if (format != 'n') {
        Value value;
        const auto done = decoder->decode_cell(i, format, tuple.take(tuple.u32_be()), arena, value);
        text = done ? canonical_value(value) : "refused";
      }
      if (std::ranges::find(refused_columns, column) != refused_columns.end()) {
        EXPECT_TRUE(text == "refused" || text == "null") << column << ' ' << text;
      } else {
        EXPECT_NE(text, "refused") << column;
        cells[std::to_string(row_count) + "." + column] = text;
      }
    }
  }
  EXPECT_EQ(row_count, 7u);
  return cells;
}

TEST(BinaryRecording, HoldsTheSameValuesAsTheTextRecording) {
  // Types whose binary form only the server can print.
  const std::vector<std::string> text_only = {"c_money", "c_tsv", "c_path"};
  const auto binary = cells_of("02-types-binary-pg18", text_only);
  auto text = cells_of("02-types-text-pg18", {});
  EXPECT_GT(binary.size(), 7u * 40);
  for (const auto& [cell, value] : binary) {
    EXPECT_EQ(value, text[cell]) << cell;
  }
}

}  // namespace
}  // namespace rowtide::postgres
