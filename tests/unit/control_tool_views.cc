#include <sstream>

#include "control_fake_plane.h"
#include <gtest/gtest.h>

#include "engine/control/status_json.h"
#include "tools/rowtide/admin_client.h"
#include "tools/rowtide/completion.h"
#include "tools/rowtide/findings_view.h"
#include "tools/rowtide/status_view.h"
#include "tools/rowtide/tail_view.h"
#include "tools/rowtide/terminal.h"

namespace rowtide::testing {
namespace {

TEST(Terminal, FiguresReadWell) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(1024), "1.0 KiB");
  EXPECT_EQ(format_bytes((1 << 20) - 1), "1.0 MiB");
  EXPECT_EQ(format_bytes(UINT64_MAX), "16.0 EiB");
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(1000), "1,000");
  EXPECT_EQ(format_count(1234567), "1,234,567");
  EXPECT_EQ(format_seconds(0), "0.0 s");
  EXPECT_EQ(format_seconds(59.96), "1 min 0 s");
  EXPECT_EQ(format_seconds(75), "1 min 15 s");
  EXPECT_EQ(format_seconds(7500), "2 h 5 min");
  EXPECT_EQ(format_seconds(90000), "1 d 1 h");
  EXPECT_EQ(format_seconds(-1), "?");
}

TEST(Terminal, ControlCharactersAreMadeVisible) {
  EXPECT_EQ(printable("a\x1b[2Jb\n\tc\x7f"), "a\\x1b[2Jb\\n\\tc\\x7f");
  EXPECT_EQ(printable("\xC2\x9B"
                      "31m caf\xC3\xA9"),
            "\\x9b31m caf\xC3\xA9");
}

TEST(Terminal, TablesAlignByCharactersAndLeaveNoTrailingSpaces) {
  Table table;
  table.row({{"caf\xC3\xA9"}, {"1", Colour::kNone, true}, {""}});
  table.line("a line that is wider than every column");
  table.row({{"b"}, {"100", Colour::kNone, true}, {"x"}});
  std::ostringstream out;
  table.print(out, false);
  EXPECT_EQ(out.str(), "caf\xC3\xA9    1\na line that is wider than every column\nb     100  x\n");
}

TEST(StatusView, ShowsPipelinesSinksAndErrorsWithTheirRemedy) {
  const std::vector<PipelineStatus> pipelines{shop_status()};
  std::ostringstream out;
  print_status(status_json(pipelines), out, false);
  EXPECT_EQ("\n" + out.str(), R"(
PIPELINE     STATE     TYPE      POSITION                              LAG                  ROWS    BYTES
shop         running   postgres  0/1A2B3C4                             2.0 KiB, 0.5 s     12,345  4.0 KiB
  notice: a notice
  warehouse  running   duckdb    00000001-0000000001A2B3C4-FFFFFFFFFF  0.2 s           1,234,567  3.0 MiB
  events     retrying  kafka                                           1 min 15 s              0      0 B
    error: k1:9092 does not answer
    remedy: Check that the broker runs
)");
}

TEST(StatusView, ColoursOnlyWhenAsked) {
  const std::vector<PipelineStatus> pipelines{shop_status()};
  std::ostringstream plain;
  std::ostringstream coloured;
  print_status(status_json(pipelines), plain, false);
  print_status(status_json(pipelines), coloured, true);
  EXPECT_EQ(plain.str().find('\x1b'), std::string::npos);
  EXPECT_NE(coloured.str().find("\x1b[32mrunning\x1b[0m"), std::string::npos);
}

TEST(StatusView, SurvivesAnswersOfAnotherVersion) {
  for (const char* text : {"{}", "[]", "null", R"({"pipelines":7})", R"({"pipelines":[7,{}]})",
                           R"({"pipelines":[{"name":7,"sinks":{"a":1},"source":[]}]})"}) {
    std::ostringstream out;
    print_status(Json::parse(text), out, false);
    print_offsets(Json::parse(text), out, false);
    print_rows(Json::parse(text), out, false);
  }
}

TEST(RowsView, IsATableWithItsCount) {
  std::ostringstream out;
  print_rows(Json::parse(R"({"columns":["id","note"],"rows":[["1","a\nb"],["22",null]],
                             "truncated":true})"),
             out, false);
  EXPECT_EQ(out.str(),
            "id  note\n1   a\\nb\n22  NULL\n2 rows\n"
            "the answer is longer than the daemon sends; add a LIMIT\n");
}

TEST(FindingsView, MarksEachAndIndentsTheFix) {
  const Findings findings{
      {Finding::Severity::kOk, "wal_level", "is logical", ""},
      {Finding::Severity::kWarning, "table public.t", "has no key", "ALTER TABLE t\n  ADD k;"},
      {Finding::Severity::kError, "role r", "may not replicate", "ALTER ROLE r REPLICATION;"}};
  std::ostringstream out;
  print_findings(findings, out, false);
  EXPECT_EQ(out.str(),
            "[ok]      wal_level: is logical\n"
            "[warning] table public.t: has no key\n"
            "            ALTER TABLE t\n"
            "              ADD k;\n"
            "[error]   role r: may not replicate\n"
            "            ALTER ROLE r REPLICATION;\n"
            "3 checks: 1 error, 1 warning\n");
  EXPECT_TRUE(has_error(findings));
  std::ostringstream text;
  print_findings_json(findings, text);
  const Json list = Json::parse(text.str());
  EXPECT_EQ(list.size(), 3U);
  EXPECT_EQ(list.at(2).at("severity"), "error");
  EXPECT_EQ(list.at(2).at("fix"), "ALTER ROLE r REPLICATION;");
}

TEST(TailView, ShowsWhatChanged) {
  const Json update = Json::parse(R"({"op":"u","schema":"public","table":"orders","key":{"id":5},
      "before":{"id":5,"qty":1,"note":"a"},"after":{"id":5,"qty":2,"note":"a"},
      "committed_at":"2026-11-20T12:00:00.123456Z"})");
  EXPECT_EQ(render_event(update, false),
            "2026-11-20T12:00:00.123456Z UPDATE   public.orders id=5 | qty: 1 -> 2");
  const Json insert = Json::parse(
      R"({"op":"c","schema":"s","table":"t","after":{"id":1,"n":null,"x":"\u001b[2J"}})");
  EXPECT_EQ(render_event(insert, false), "INSERT   s.t id=1 n=null x=\"\\u001b[2J\"");
  const Json remove =
      Json::parse(R"({"op":"d","schema":"s","table":"t","key":{"id":1},"before":{"id":1,"n":2}})");
  EXPECT_EQ(render_event(remove, false), "DELETE   s.t id=1");
  const Json bare = Json::parse(R"({"op":"u","table":"t","before":null,"after":{"n":2}})");
  EXPECT_EQ(render_event(bare, false), "UPDATE   t | n: 2");
}

TEST(PathSegment, EncodesWhatIsNotPlain) {
  EXPECT_EQ(path_segment("shop-1_a.b~"), "shop-1_a.b~");
  EXPECT_EQ(path_segment("a/b c\xC3\xA9"), "a%2Fb%20c%C3%A9");
}

CommandShape sample_shape() {
  return {"rowtide",
          "",
          {"--admin"},
          {{"status", "Show it's state", {"--json", "--watch"}, {}},
           {"offsets", "Offsets", {}, {{"show", "Show", {"--json"}, {}}}}}};
}

TEST(Completion, KnowsEveryShellThatItNames) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const std::string script = completion_script(shell, sample_shape());
    for (const char* word : {"status", "offsets", "show", "watch", "admin"}) {
      EXPECT_NE(script.find(word), std::string::npos) << shell << " " << word;
    }
  }
  EXPECT_EQ(completion_script("tcsh", sample_shape()), "");
}

}  // namespace
}  // namespace rowtide::testing
