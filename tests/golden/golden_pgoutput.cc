#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/golden/pgoutput_text.h"
#include "tests/golden/wire_file.h"

namespace rowtide::postgres {
namespace {

const std::filesystem::path kFolder = std::filesystem::path(ROWTIDE_GOLDEN_FOLDER) / "pgoutput";

// Values that have no decoder for their binary form; the rest of that recording is compared cell by
// cell with the text recording in golden_pg_values.cc.
constexpr std::string_view kBinaryRecording = "02-types-binary-pg18";

std::vector<std::string> recordings() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() == ".wire" && entry.path().stem() != kBinaryRecording) {
      names.push_back(entry.path().stem().string());
    }
  }
  std::ranges::sort(names);
  return names;
}

// Fails the test on any error.
PgoutputReader read_all(const WireFile& file, std::string& text) {
  PgoutputReader reader(file.catalog);
  for (const std::string& message : file.messages) {
    const auto line = reader.describe(message);
    if (!line) {
      ADD_FAILURE() << line.error().to_text();
      break;
    }
    text += *line + '\n';
  }
  return reader;
}

class Recording : public testing::TestWithParam<std::string> {};

TEST_P(Recording, DecodesToTheExpectedEvents) {
  const auto file = read_wire_file(kFolder / (GetParam() + ".wire"));
  ASSERT_TRUE(file) << file.error().to_text();
  ASSERT_FALSE(file->messages.empty());
  std::string text;
  read_all(*file, text);
  if (const char* folder = std::getenv("ROWTIDE_GOLDEN_WRITE"); folder != nullptr) {
    std::ofstream(std::filesystem::path(folder) / (GetParam() + ".expected")) << text;
    GTEST_SKIP() << "wrote what was decoded: read it before it becomes an expectation";
  }
  const auto expected = read_text_file(kFolder / (GetParam() + ".expected"));
  ASSERT_TRUE(expected) << expected.error().to_text();
  EXPECT_EQ(text, *expected);
}

TEST_P(Recording, RefusesEveryMessageThatIsCutShortOrLengthened) {
  const auto file = read_wire_file(kFolder / (GetParam() + ".wire"));
  ASSERT_TRUE(file) << file.error().to_text();
  PgoutputReader reader(file->catalog);
  for (const std::string& message : file->messages) {
    ASSERT_TRUE(reader.describe(message));
    const auto type = static_cast<MessageType>(message.front());
    // A type byte alone is a whole stream stop, which would also end the block.
    if (type == MessageType::kStreamStop) {
      continue;
    }
    for (std::size_t size = 0; size < message.size(); ++size) {
      // The short form of a stream abort is a prefix of the long one.
      const bool other_form = type == MessageType::kStreamAbort && size == 9;
      // A copy of its own, so that a sanitizer sees a read past the end.
      const std::string cut(message.data(), size);
      const auto line = reader.describe(cut);
      EXPECT_TRUE(!line || other_form) << "cut to " << size << " bytes: " << *line;
    }
    EXPECT_FALSE(reader.describe(message + '\0'));
    if (::testing::Test::HasFailure()) {
      return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Pgoutput, Recording, testing::ValuesIn(recordings()),
                         [](const testing::TestParamInfo<std::string>& parameter) {
                           std::string name = parameter.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

// Row changes that survive, sorted: transactions that overlap may commit in another order in
// another recording.
std::multiset<std::string> surviving_rows(const std::string& name) {
  const auto file = read_wire_file(kFolder / (name + ".wire"));
  EXPECT_TRUE(file);
  if (!file) {
    return {};
  }
  std::string text;
  const PgoutputReader reader = read_all(*file, text);
  const std::set<std::uint32_t> aborted(reader.aborted_xids().begin(), reader.aborted_xids().end());
  std::multiset<std::string> rows;
  for (const RecordedChange& change : reader.changes()) {
    if (change.is_row && !aborted.contains(change.xid) && !aborted.contains(change.stream_xid)) {
      rows.insert(change.text);
    }
  }
  return rows;
}

TEST(StreamedTransactions, LeaveTheSameRowsAsWholeOnesOnceAbortedPartsAreDropped) {
  const std::multiset<std::string> whole = surviving_rows("03-stream-off-pg18");
  EXPECT_FALSE(whole.empty());
  for (const char* name :
       {"03-stream-on-pg18", "03-stream-parallel-pg16", "03-stream-parallel-pg18"}) {
    EXPECT_EQ(surviving_rows(name), whole) << name;
  }
}

}  // namespace
}  // namespace rowtide::postgres
