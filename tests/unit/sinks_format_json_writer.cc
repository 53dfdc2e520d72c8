#include <cmath>
#include <limits>
#include <random>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "sinks/format/json_writer.h"
#include "sinks/format/utf8.h"

namespace rowtide {
namespace {

template <class Put, class... Args>
std::string written(Put put, Args... args) {
  std::string text;
  {
    TextWriter out(text);
    put(out, args...);
  }
  return text;
}

std::string json_string(std::string_view text) {
  return written(put_json_string, text);
}
std::string json_text(std::string_view text) {
  return written(put_json_text, text);
}

TEST(JsonString, EscapesExactlyWhatMustBeEscaped) {
  EXPECT_EQ(json_string(""), "\"\"");
  EXPECT_EQ(json_string("plain text, longer than eight"), "\"plain text, longer than eight\"");
  EXPECT_EQ(json_string("a\"b\\c/d"), "\"a\\\"b\\\\c/d\"");
  EXPECT_EQ(json_string("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\"");
  EXPECT_EQ(json_string(std::string("\0\x1f\x7f", 3)), "\"\\u0000\\u001f\x7f\"");
  EXPECT_EQ(json_string("Größe €😀"), "\"Größe €😀\"");
}

TEST(JsonString, FindsASpecialByteAtEveryOffset) {
  for (const char special : {'"', '\\', '\n', '\x01'}) {
    for (std::size_t length = 1; length < 40; ++length) {
      for (std::size_t at = 0; at < length; ++at) {
        std::string text(length, 'x');
        text[at] = special;
        ASSERT_EQ(nlohmann::json::parse(json_string(text)).get<std::string>(), text);
      }
    }
  }
}

TEST(JsonString, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(json_string("a\xFFz"), "\"a\xEF\xBF\xBDz\"");
  EXPECT_EQ(json_string("\xC3"), "\"\xEF\xBF\xBD\"");
  EXPECT_EQ(json_string("\xC0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");         // overlong NUL
  EXPECT_EQ(json_string("\xED\xA0\x80x").substr(0, 4), "\"\xEF\xBF\xBD");     // surrogate
  EXPECT_EQ(json_string("\xF4\x90\x80\x80").substr(0, 4), "\"\xEF\xBF\xBD");  // beyond U+10FFFF
}

TEST(JsonString, IsValidJsonForAnyBytes) {
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string text(random() % 40, '\0');
    for (char& c : text) {
      c = static_cast<char>(random());
    }
    const auto parsed = nlohmann::json::parse(json_string(text), nullptr, false);
    ASSERT_TRUE(parsed.is_string());
    if (is_valid_utf8(text)) {
      ASSERT_EQ(parsed.get<std::string>(), text);
    }
  }
}

TEST(JsonNumbers, KeepEveryDigit) {
  EXPECT_EQ(written(put_json_float64, 0.1), "0.1");
  EXPECT_EQ(written(put_json_float64, -0.0), "-0");
  EXPECT_EQ(written(put_json_float64, 1e300), "1e+300");
  EXPECT_EQ(written(put_json_float32, 0.1F), "0.1");
  EXPECT_EQ(written(put_json_float64, std::nan("")), "\"NaN\"");
  EXPECT_EQ(written(put_json_float64, -std::numeric_limits<double>::infinity()), "\"-Infinity\"");
  EXPECT_EQ(written(put_json_float32, std::numeric_limits<float>::infinity()), "\"Infinity\"");
  std::mt19937_64 random(11);
  for (int round = 0; round < 20'000; ++round) {
    const auto bits = random();
    double value = 0;
    std::memcpy(&value, &bits, sizeof value);
    if (std::isfinite(value)) {
      ASSERT_EQ(nlohmann::json::parse(written(put_json_float64, value)).get<double>(), value);
    }
  }
}

TEST(JsonNumbers, DecimalsAreNumbersOnlyWhereTheyAreOne) {
  const auto put = [](std::string_view digits) {
    return written(put_json_number_or_string, digits);
  };
  EXPECT_EQ(put("12.50"), "12.50");
  EXPECT_EQ(put("-0.001"), "-0.001");
  EXPECT_EQ(put("123456789012345678901234567890"), "123456789012345678901234567890");
  EXPECT_EQ(put("1e-7"), "1e-7");
  EXPECT_EQ(put("NaN"), "\"NaN\"");
  EXPECT_EQ(put("Infinity"), "\"Infinity\"");
  EXPECT_EQ(put("007"), "\"007\"");
  EXPECT_EQ(put(".5"), "\".5\"");
  EXPECT_EQ(put("5."), "\"5.\"");
  EXPECT_EQ(put(""), "\"\"");
}

TEST(JsonText, IsEmbeddedOnOneLine) {
  EXPECT_EQ(json_text("{\"a\": 1}"), "{\"a\": 1}");
  EXPECT_EQ(json_text("{\n  \"a\":\t1\r\n}"), "{   \"a\": 1  }");
  EXPECT_EQ(json_text(""), "\"\"");
  EXPECT_EQ(json_text("\"Größe \xFF\""), "\"Größe \xEF\xBF\xBD\"");
}

TEST(Base64, FollowsTheTestVectorsOfRfc4648) {
  EXPECT_EQ(written(put_base64, std::string_view("")), "");
  EXPECT_EQ(written(put_base64, std::string_view("f")), "Zg==");
  EXPECT_EQ(written(put_base64, std::string_view("fo")), "Zm8=");
  EXPECT_EQ(written(put_base64, std::string_view("foo")), "Zm9v");
  EXPECT_EQ(written(put_base64, std::string_view("foobar")), "Zm9vYmFy");
  EXPECT_EQ(written(put_base64, std::string_view("\xFF\xFE\xFD")), "//79");
}

TEST(TextWriter, KeepsWhatTheStringHeldAndGrows) {
  std::string text = "before:";
  {
    TextWriter out(text);
    for (int i = 0; i < 1000; ++i) {
      out.put_integer(i);
    }
  }
  EXPECT_EQ(text.substr(0, 17), "before:0123456789");
  EXPECT_EQ(text.size(), 7U + 10 + 180 + 2700);
}

}  // namespace
}  // namespace rowtide
