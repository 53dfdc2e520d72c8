// Values that no recording has: old forms, damaged bytes, types of servers that are not at hand.

#include <string>

#include <gtest/gtest.h>

#include "sources/mysql/charset.h"
#include "sources/mysql/column_decoder.h"
#include "sources/mysql/compressed_column.h"
#include "sources/mysql/json_diff.h"
#include "sources/mysql/json_text.h"
#include "tests/unit/mysql_rows_wire.h"

namespace rowtide::mysql {
namespace {

using namespace std::string_literals;

// The cell's value, or "damaged".
std::string decoded(const ColumnDecoder& column, std::string_view cell) {
  Arena arena;
  DecodeContext context;
  context.arena = &arena;
  Value value;
  return decode_cell(column, cell, context, value) == CellError::kNone ? show(value) : "damaged";
}

std::string document_text(std::string_view document) {
  std::string out;
  return append_json_text(document, out) ? out : "damaged";
}

TEST(MysqlValues, OfTimesFromOldTables) {
  EXPECT_EQ(decoded({.codec = Codec::kOldTime}, little_endian(8385959, 3)), "'838:59:59'");
  EXPECT_EQ(decoded({.codec = Codec::kOldTime}, little_endian(0xffffff - 100 + 1, 3)),
            "'-00:01:00'");
  EXPECT_EQ(decoded({.codec = Codec::kOldDatetime}, little_endian(19700101000001, 8)), "1000000");
  EXPECT_EQ(decoded({.codec = Codec::kOldDatetime}, little_endian(0, 8)), "'0000-00-00 00:00:00'");
  EXPECT_EQ(decoded({.codec = Codec::kOldDatetime}, little_endian(19701301000000, 8)), "damaged");
  EXPECT_EQ(decoded({.codec = Codec::kOldTimestamp}, little_endian(1, 4)), "1000000");
}

// Measured bytes of MySQL 9.7.
TEST(MysqlValues, OfTimesAndVectorsOfNewerServers) {
  EXPECT_EQ(decoded({.codec = Codec::kTime, .fraction_digits = 1}, "\x7f\xff\xfe\xce"),
            "'-00:00:01.5'");
  EXPECT_EQ(decoded({.codec = Codec::kTime, .fraction_digits = 6}, "\x7f\xff\xff\xff\xff\xff"),
            "'-00:00:00.000001'");
  EXPECT_EQ(decoded({.codec = Codec::kVector}, "\x00\x00\x80\x3f\x00\x00\x20\xc0"s), "'[1,-2.5]'");
  EXPECT_EQ(decoded({.codec = Codec::kVector}, ""), "'[]'");
  EXPECT_EQ(decoded({.codec = Codec::kVector}, "\x00\x00\x80\xff\x00\x00\xc0\x7f"s),
            "'[-inf,nan]'");
  EXPECT_EQ(decoded({.codec = Codec::kVector}, "\x00\x00\x80"s), "damaged");
}

TEST(MysqlValues, ThatTheirTypesCannotHaveAreDamaged) {
  // An hour of 24, nine digits that are ten, a label and a set member that are not there.
  EXPECT_EQ(decoded({.codec = Codec::kDatetime}, "\x99\xb8\xe9\x80\x00"s), "damaged");
  EXPECT_EQ(decoded({.codec = Codec::kDecimal, .precision = 9, .scale = 0}, "\xff\xff\xff\xff"),
            "damaged");
  EXPECT_EQ(decoded({.codec = Codec::kDecimal, .precision = 4, .scale = 2}, "\x7f\xff"), "'0.00'");
  const auto labels =
      std::make_shared<const std::vector<std::string>>(std::vector<std::string>{"a", "b"});
  EXPECT_EQ(decoded({.codec = Codec::kEnum, .labels = labels}, "\x02"), "'b'");
  EXPECT_EQ(decoded({.codec = Codec::kEnum, .labels = labels}, "\x03"), "damaged");
  EXPECT_EQ(decoded({.codec = Codec::kSet, .labels = labels}, "\x03"), "'a,b'");
  EXPECT_EQ(decoded({.codec = Codec::kSet, .labels = labels}, "\x04"), "damaged");
  EXPECT_EQ(decoded({.codec = Codec::kFixedBytes, .value_bytes = 2}, "abc"), "damaged");
  EXPECT_EQ(decoded({.codec = Codec::kUuid}, std::string(17, 'u')), "damaged");
}

TEST(MysqlValues, ThatAreCompressedAreDamagedWhenTheyClaimTooMuch) {
  const ColumnDecoder column{.codec = Codec::kCompressedBytes};
  EXPECT_EQ(decoded(column, ""), "''");
  EXPECT_EQ(decoded(column, "\0plain"s), "'plain'");
  EXPECT_EQ(decoded(column, "\x8c\xff\xff\xff\xff\x03\x00"s), "damaged");
  EXPECT_EQ(decoded(column, "\x89\x01\x03\x00"s), "damaged");
  EXPECT_EQ(decoded(column, "\x90\x01"s), "damaged");
  Arena arena;
  std::string_view plain;
  EXPECT_FALSE(decompress_cell("\x8c\x10\x00\x00\x00\x03\x00"s, arena, plain));
  EXPECT_LT(arena.reserved_bytes(), std::size_t{1} << 20);
}

TEST(MysqlDocuments, PrintNumbersAsTheServerDoes) {
  const auto number = [](double value) {
    return document_text("\x0b" + std::string(reinterpret_cast<const char*>(&value), 8));
  };
  EXPECT_EQ(number(1), "1.0");
  EXPECT_EQ(number(-0.0), "-0.0");
  EXPECT_EQ(number(1e14), "100000000000000.0");
  EXPECT_EQ(number(1e15), "1e15");
  EXPECT_EQ(number(1.5e-7), "0.00000015");
  EXPECT_EQ(number(1e300), "1e300");
  EXPECT_EQ(document_text(""), "null");
}

// Two elements that are the same bytes, each again two of the same: 2^n values in n * 10 bytes.
TEST(MysqlDocuments, WhosePartsOverlapAreDamaged) {
  constexpr int kLevels = 20;
  std::string bomb = little_endian(0, 2) + little_endian(4, 2);
  for (int level = 0; level < kLevels; ++level) {
    bomb = little_endian(2, 2) + little_endian(bomb.size() + 10, 2) + "\x02" +
           little_endian(10, 2) + "\x02" + little_endian(10, 2) + bomb;
  }
  EXPECT_EQ(document_text("\x02" + bomb), "damaged");
}

TEST(MysqlDocuments, AreDamagedBeyondTheServersDepth) {
  const auto nested = [](int depth) {
    std::string bytes = little_endian(0, 2) + little_endian(4, 2);
    for (int i = 1; i < depth; ++i) {
      bytes = little_endian(1, 2) + little_endian(bytes.size() + 7, 2) + "\x02" +
              little_endian(7, 2) + bytes;
    }
    return "\x02" + bytes;
  };
  EXPECT_EQ(document_text(nested(100)), std::string(100, '[') + std::string(100, ']'));
  EXPECT_EQ(document_text(nested(101)), "damaged");
}

TEST(MysqlDocuments, RefuseDifferencesThatDoNotFit) {
  const std::string document("\x00\x01\x00\x0c\x00\x0b\x00\x01\x00\x05\x01\x00k", 13);
  const auto patched = [&](std::string_view diffs) {
    std::string out;
    return append_patched_json(document, diffs, out) ? out : "refused";
  };
  EXPECT_EQ(patched(""), R"({"k": 1})");
  // Replace, insert (short keys first), remove, the whole document.
  EXPECT_EQ(patched("\x00\x03$.k\x02\x04\x01"s), R"({"k": true})");
  EXPECT_EQ(patched("\x01\x04$.aa\x02\x04\x01\x01\x03$.z\x02\x04\x00"s),
            R"({"k": 1, "z": null, "aa": true})");
  EXPECT_EQ(patched("\x02\x03$.k"s), "{}");
  EXPECT_EQ(patched("\x00\x01$\x02\x04\x02"s), "false");
  std::string array;
  const std::string numbers("\x02\x02\x00\x0a\x00\x05\x01\x00\x05\x02\x00", 11);
  ASSERT_TRUE(append_patched_json(numbers, "\x01\x04$[1]\x02\x04\x01"s, array));
  EXPECT_EQ(array, "[1, true, 2]");
  for (const std::string& wrong :
       {"\x00\x03$.x\x02\x04\x01"s, "\x01\x03$.k\x02\x04\x01"s, "\x02\x03$.x"s, "\x02\x04$[0]"s,
        "\x00\x03k.k\x02\x04\x01"s, "\x03\x03$.k"s, "\x00\x03$.k\x05\x04"s, "\x02\x04$.\"k"s}) {
    EXPECT_EQ(patched(wrong), "refused") << wrong;
  }
}

TEST(MysqlDocuments, TakeDifferencesInTheirOrder) {
  // [1, 2, 3, 4, 5]
  const std::string document(
      "\x02\x05\x00\x13\x00\x05\x01\x00\x05\x02\x00\x05\x03\x00\x05\x04\x00\x05\x05\x00", 20);
  const auto at = [](char operation, const std::string& path, const std::string& value) {
    const auto text = [](const std::string& bytes) {
      return std::string(1, static_cast<char>(bytes.size())) + bytes;
    };
    return std::string(1, operation) + text(path) + (operation == 2 ? "" : text(value));
  };
  const auto replace = [&](const std::string& path, const std::string& value) {
    return at(0, path, value);
  };
  const auto insert = [&](const std::string& path, const std::string& value) {
    return at(1, path, value);
  };
  const auto remove = [&](const std::string& path) { return at(2, path, ""); };
  const std::string null("\x04\x00", 2);
  const std::string yes("\x04\x01", 2);
  std::string diffs;
  const auto then = [&](const std::string& diff) {
    diffs += diff;
    std::string out;
    return append_patched_json(document, diffs, out) ? out : "refused";
  };
  EXPECT_EQ(then(replace("$[3]", yes)), "[1, 2, 3, true, 5]");
  EXPECT_EQ(then(remove("$[1]")), "[1, 3, true, 5]");
  EXPECT_EQ(then(insert("$[1]", null)), "[1, null, 3, true, 5]");
  EXPECT_EQ(then(remove("$[0]")), "[null, 3, true, 5]");
  EXPECT_EQ(then(insert("$[9]", yes)), "[null, 3, true, 5, true]");
  EXPECT_EQ(then(insert("$[2]", document)), "[null, 3, [1, 2, 3, 4, 5], true, 5, true]");
  EXPECT_EQ(then(replace("$[2][4]", null)), "[null, 3, [1, 2, 3, 4, null], true, 5, true]");
  EXPECT_EQ(then(remove("$[2]")), "[null, 3, true, 5, true]");
  EXPECT_EQ(then(replace("$[1]", yes)), "[null, true, true, 5, true]");
  for (int i = 0; i < 5; ++i) {
    const auto left = then(remove("$[0]"));
    EXPECT_EQ(left == "[]", i == 4) << left;
  }
  EXPECT_EQ(then(insert("$[0]", yes)), "[true]");
}

TEST(MysqlCharsets, ConvertWhatTheServersConvert) {
  const auto utf8 = [](std::string_view name, std::string_view text, bool replace = false) {
    const Charset* charset = charset_by_name(name);
    std::string out;
    return charset != nullptr && append_utf8(*charset, text, replace, out) ? out : "undefined";
  };
  EXPECT_EQ(utf8("latin1", "\x80\x81\xe9"), "€\xc2\x81é");
  EXPECT_EQ(utf8("utf16", "\xd8\x3d\xde\x00"s), "😀");
  EXPECT_EQ(utf8("utf16", "\xd8\x3d"s), "undefined");
  EXPECT_EQ(utf8("utf16le", "\x41\x00"s), "A");
  EXPECT_EQ(utf8("utf32", "\x00\x01\xf6\x00"s), "😀");
  EXPECT_EQ(utf8("utf32", "\x00\x11\x00\x00"s), "undefined");
  EXPECT_EQ(utf8("utf8", "\xed\xa0\x80"), "undefined");
  EXPECT_EQ(utf8("utf8", "a\xed", true), "a\xef\xbf\xbd");
  EXPECT_EQ(utf8("swe7", "[]"), "ÄÅ");
  EXPECT_EQ(utf8("gbk", "\xd6\xd0"), "中");
  EXPECT_EQ(utf8("gbk", "\xd6"), "undefined");
  EXPECT_EQ(utf8("sjis", "\x81\x5f\xb1"), "\\ｱ");
  EXPECT_EQ(utf8("ujis", "\x8f\xa2\xb7"), "~");
  EXPECT_EQ(utf8("gb18030", "\x90\x30\x81\x30"), "𐀀");
  EXPECT_EQ(utf8("koi8r", "\xc1"), "а");
}

TEST(MysqlCharsets, AreFoundByTheirCollations) {
  EXPECT_EQ(charset_of_collation(255)->name, "utf8mb4");
  EXPECT_EQ(charset_of_collation(63)->name, "binary");
  EXPECT_EQ(charset_of_collation(1070)->name, "utf8mb4");
  EXPECT_EQ(charset_of_collation(2816)->name, "utf16");
  EXPECT_EQ(charset_of_collation(0), nullptr);
  EXPECT_EQ(charset_of_collation(17), nullptr);
  EXPECT_EQ(charset_of_collation(60000), nullptr);
}

}  // namespace
}  // namespace rowtide::mysql
