#include "tests/unit/config_bad_table.h"

#include <string_view>

namespace rowtide::config {
namespace {

// `line` is line 2 of an otherwise good file.
std::string top(std::string_view line) {
  return "state_dir: /s\n" + std::string(line) +
         "\npipelines: [{name: a, source: {type: postgres, url: u}, sinks: [{name: o, type: "
         "stdout}]}]\n";
}

// `lines` start on line 4, indented by 4, in the first pipeline; source and sinks are missing.
std::string pipeline(std::string_view lines) {
  return "state_dir: /s\npipelines:\n  - name: shop\n" + std::string(lines) + "\n";
}

// `lines` start on line 5, indented by 6, below "source:".
std::string source(std::string_view lines) {
  return pipeline("    source:\n" + std::string(lines) +
                  "\n    sinks: [{name: out, type: stdout}]");
}

// `lines` start on line 6, indented by 6, below "sinks:".
std::string sink(std::string_view lines) {
  return pipeline("    source: {type: postgres, url: u}\n    sinks:\n" + std::string(lines));
}

void add_yaml_cases(std::vector<BadConfig>& out) {
  out.push_back({"EmptyFile", "", "1:1: the file holds no settings", "rowtide init"});
  out.push_back({"OnlyComments", "# nothing\n", "1:1: the file holds no settings", "state_dir"});
  out.push_back(
      {"NullDocument", "~\n", "1:1: expected a group of keys, found nothing", "state_dir"});
  out.push_back({"ListAtTheTop", "- a\n", "1:1: expected a group of keys, found a list",
                 "state_dir, admin, memory_limit, log, pipelines"});
  out.push_back({"TextAtTheTop", "hello\n", "1:1: expected a group of keys, found a single value",
                 "Write keys here"});
  out.push_back({"RepeatedKeyAtTheTop", "state_dir: /a\nlog: {}\nstate_dir: /b\n",
                 "3:1: key \"state_dir\" is repeated", "the first is on line 1"});
  out.push_back({"RepeatedKeyDeepInside",
                 source("      type: postgres\n      url: u\n      url: v"),
                 "7:7: pipelines[0].source: key \"url\" is repeated", "the first is on line 6"});
  out.push_back({"RepeatedKeyInFlow", top("admin: {token: x, token: y}"),
                 "2:19: admin: key \"token\" is repeated", "Keep one of the two"});
  out.push_back({"Anchor", top("log: &l {level: info}"),
                 "2:6: YAML anchors (&name) are not accepted", "Remove the anchor"});
  out.push_back({"AnchorOnText", top("memory_limit: &m 64MiB"),
                 "2:15: YAML anchors (&name) are not accepted", "Remove the anchor"});
  out.push_back({"AliasOfNothing", top("memory_limit: *m"),
                 "2:15: YAML aliases (*name) are not accepted", "in quotes"});
  out.push_back({"MergeKey", top("log: {<<: {level: info}}"),
                 "2:7: log: YAML merge keys (<<) are not accepted", "Write the keys out here"});
  out.push_back({"LocalTag", top("memory_limit: !size 64MiB"),
                 "2:15: YAML tags (!name) are not accepted", "Remove the tag"});
  out.push_back({"StandardTag", top("memory_limit: !!str 64MiB"),
                 "2:15: YAML tags (!name) are not accepted", "Remove the tag"});
  out.push_back({"BareTag", top("memory_limit: ! 64MiB"),
                 "2:15: YAML tags (!name) are not accepted", "Remove the tag"});
  out.push_back({"TagOnAGroup", top("log: !!map {level: info}"),
                 "2:6: YAML tags (!name) are not accepted", "Remove the tag"});
  out.push_back({"SecondDocument", "state_dir: /s\n---\nstate_dir: /t\n",
                 "2:1: a second YAML document starts here", "Keep one document"});
  out.push_back(
      {"KeyIsAList", top("[a, b]: c"), "2:1: a key is a list or a group of keys", "plain text"});
  out.push_back({"KeyIsMissing", top(": c"), "2:1: a key is missing before \":\"", "as text"});
  out.push_back({"KeyIsTooLong", top(std::string(129, 'k') + ": c"),
                 "2:1: a key of 129 bytes is not accepted", "1 to 128 bytes"});
  out.push_back({"OpenBracket", "state_dir: [/s\n", "2:1: not valid YAML: ", "Correct the YAML"});
  out.push_back({"OpenQuote", "state_dir: \"/s\n",
                 "1:12: the quote that opens here is never closed", "Close it"});
  out.push_back({"OpenSingleQuoteInAList", "state_dir: [a, 'it''s\n",
                 "1:16: state_dir[1]: the quote", "Close it"});
  out.push_back({"EscapedClosingQuote", "state_dir: \"/s\\\"\n", "1:12: the quote", "Close it"});
  out.push_back({"OpenQuoteOfAKey", "\"state_dir: /s\n", "1:1: the quote", "Close it"});
  out.push_back({"OpenBrace", "log: {level: info\n", "2:1: not valid YAML: ", "Correct the YAML"});
  out.push_back({"BracketTooMany", "state_dir: [/s]]\n", "1:16: ", "Correct the YAML"});
  out.push_back({"TextAfterAQuote", "state_dir: \"/s\" x\n", "1:17: ", "Correct the YAML"});
  out.push_back({"ListAfterKeys", "state_dir: /s\n- a\n", "2:1: ", "Correct the YAML"});
  out.push_back({"ColonInsideText", "state_dir: a: b\n", "1:13: not valid YAML: ", "in quotes"});
  out.push_back({"WrongIndentation", "state_dir: /s\n  admin: {}\n",
                 "2:8: not valid YAML: ", "indent with spaces"});
  out.push_back({"TabIndentation", "log:\n\tlevel: info\n", "2:1: a tab is used for indentation",
                 "Indent with spaces"});
  out.push_back({"TooDeep", top("log: " + std::string(32, '[') + std::string(32, ']')),
                 "2:37: log[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]"
                 "[0][0][0][0][0][0]: the file nests deeper than 32 levels",
                 "Check the indentation"});
  out.push_back({"TooLarge", std::string((1U << 20U) + 1, ' '),
                 "1:1: the file is larger than 1048576 bytes", "Rowtide configuration file"});
  out.push_back({"NotUtf8", top("log: {level: \"\xFF\"}"), "2:15: this byte is neither UTF-8",
                 "plain UTF-8"});
  out.push_back({"ZeroByte", top(std::string_view("log: {level: \0}", 15)),
                 "2:14: this byte is neither UTF-8", "plain UTF-8"});
}

void add_key_cases(std::vector<BadConfig>& out) {
  out.push_back({"UnknownKeyAtTheTop", top("memory_limits: 64MiB"),
                 "2:1: memory_limits: unknown key \"memory_limits\"",
                 "Did you mean \"memory_limit\"?"});
  out.push_back({"UnknownKeyWithNoNearOne", top("zzz: 1"), "2:1: zzz: unknown key \"zzz\"",
                 "Use one of: state_dir, admin, memory_limit, log, pipelines"});
  out.push_back({"UnknownKeyWithADash", top("state-dirs: /x"),
                 "2:1: state-dirs: unknown key \"state-dirs\"", "Did you mean \"state_dir\"?"});
  out.push_back(
      {"UnknownKeyOfTheSource", source("      type: postgres\n      url: u\n      pasword: x"),
       "7:7: pipelines[0].source.pasword: unknown key \"pasword\"", "Did you mean \"password\"?"});
  out.push_back({"UnknownKeyWithSwappedLetters", source("      type: postgres\n      ulr: u"),
                 "6:7: pipelines[0].source.ulr: unknown key \"ulr\"", "Did you mean \"url\"?"});
  out.push_back({"UnknownKeyOfASink", sink("      - name: a\n        type: duckdb\n        pth: x"),
                 "8:9: pipelines[0].sinks[0].pth: unknown key \"pth\"", "Did you mean \"path\"?"});
  out.push_back({"KeyOfAnotherSink", sink("      - {name: a, type: stdout, flush_interval: 1s}"),
                 "6:33: pipelines[0].sinks[0].flush_interval: unknown key \"flush_interval\"",
                 "Use one of: type, name, tables, delivery, required, pretty, limit"});
  out.push_back({"SinkKeyOnTheSource",
                 source("      type: postgres\n      url: u\n      delivery: exactly_once"),
                 "7:7: pipelines[0].source.delivery: unknown key \"delivery\"", "Use one of"});
  out.push_back({"KeyWithoutValue", top("memory_limit:"), "2:1: memory_limit: the value is missing",
                 "or remove the key"});
  out.push_back({"KeyWithNull", top("memory_limit: null"),
                 "2:1: memory_limit: the value is missing", "or remove the key"});
  out.push_back({"KeyWithTilde", top("admin: {listen: ~}"),
                 "2:9: admin.listen: the value is missing", "or remove the key"});
  out.push_back({"StateDirMissing",
                 "pipelines: [{name: a, source: {type: postgres, url: u}, sinks: [{name: o, type: "
                 "stdout}]}]\n",
                 "1:1: required key \"state_dir\" is missing", "Add state_dir"});
  out.push_back({"StateDirEmpty", "state_dir: ''\n", "1:12: state_dir: the value is empty",
                 "the key is required"});
  out.push_back({"PipelinesMissing", "state_dir: /s\n",
                 "1:1: required key \"pipelines\" is missing", "Add pipelines"});
  out.push_back({"UrlMissing", source("      type: postgres"),
                 "5:7: pipelines[0].source: required key \"url\" is missing", "Add url"});
  out.push_back({"PathMissing", sink("      - {name: a, type: jsonl}"),
                 "6:9: pipelines[0].sinks[0]: required key \"path\" is missing", "Add path"});
}

void add_value_cases(std::vector<BadConfig>& out) {
  out.push_back({"SizeWithoutUnit", top("memory_limit: 268435456"),
                 "2:15: memory_limit: \"268435456\" is not a size: it has no unit", "64MiB"});
  out.push_back({"SizeWithUnknownUnit", top("memory_limit: 64mb"),
                 "2:15: memory_limit: \"64mb\" is not a size: \"mb\" is not a unit", "KiB, MiB"});
  out.push_back({"SizeWithFraction", top("memory_limit: 1.5GiB"),
                 "2:15: memory_limit: \"1.5GiB\" is not a size: \".5GiB\" is not a unit",
                 "whole number"});
  out.push_back({"SizeWithBlank", top("memory_limit: 64 MiB"),
                 "2:15: memory_limit: \"64 MiB\" is not a size", "such as 64MiB"});
  out.push_back({"SizeNegative", top("memory_limit: -1MiB"),
                 "2:15: memory_limit: \"-1MiB\" is not a size: it does not start with", "64MiB"});
  out.push_back({"SizeTooSmall", top("memory_limit: 31MiB"),
                 "2:15: memory_limit: \"31MiB\" is out of range", "from 32MiB to 1TiB"});
  out.push_back({"SizeBeyondNumbers", top("memory_limit: 99999999999999999999TiB"),
                 "2:15: memory_limit: \"99999999999999999999TiB\" is not a size: it is too large",
                 "64MiB"});
  out.push_back({"SizeIsAList", top("memory_limit: [64MiB]"),
                 "2:15: memory_limit: expected a size from 32MiB to 1TiB, found a list", "Write"});
  const std::string duckdb = "      - name: a\n        type: duckdb\n        path: p\n        ";
  out.push_back({"DurationWithoutUnit", sink(duckdb + "flush_interval: 10"),
                 "9:25: pipelines[0].sinks[0].flush_interval: \"10\" is not a duration: it has no "
                 "unit",
                 "500ms, 10s, 5m or 2h"});
  out.push_back({"DurationWithUnknownUnit", sink(duckdb + "flush_interval: 10sec"),
                 "9:25: pipelines[0].sinks[0].flush_interval: \"10sec\" is not a duration: "
                 "\"sec\" is not a unit",
                 "500ms"});
  out.push_back({"DurationOfTwoUnits", sink(duckdb + "flush_interval: 1m30s"),
                 "9:25: pipelines[0].sinks[0].flush_interval: \"1m30s\" is not a duration",
                 "such as 500ms"});
  out.push_back({"DurationTooShort", sink(duckdb + "flush_interval: 1ms"),
                 "9:25: pipelines[0].sinks[0].flush_interval: \"1ms\" is out of range",
                 "from 10ms to 1h"});
  out.push_back({"ChoiceMisspelled", sink(duckdb + "mode: miror"),
                 "9:15: pipelines[0].sinks[0].mode: \"miror\" is not one of mirror, history",
                 "Did you mean \"mirror\"?"});
  out.push_back({"ChoiceUnknown", sink(duckdb + "lock: 7"),
                 "9:15: pipelines[0].sinks[0].lock: \"7\" is not one of flush, hold",
                 "Use one of: flush, hold"});
  const std::string out_sink = "      - name: a\n        type: stdout\n        ";
  out.push_back({"BooleanYes", sink(out_sink + "pretty: yes"),
                 "8:17: pipelines[0].sinks[0].pretty: \"yes\" is not a boolean", "true or false"});
  out.push_back({"BooleanInQuotes", sink(out_sink + "pretty: 'true'"),
                 "8:17: pipelines[0].sinks[0].pretty: \"true\" is not a boolean",
                 "without quotes"});
  out.push_back({"BooleanCapital", sink(out_sink + "required: True"),
                 "8:19: pipelines[0].sinks[0].required: \"True\" is not a boolean",
                 "true or false"});
  out.push_back({"IntegerOutOfRange", sink(out_sink + "limit: 1001"),
                 "8:16: pipelines[0].sinks[0].limit: \"1001\" is out of range", "from 0 to 1000"});
  out.push_back({"IntegerBeyondNumbers", sink(out_sink + "limit: 99999999999999999999"),
                 "8:16: pipelines[0].sinks[0].limit: \"99999999999999999999\" is out of range",
                 "from 0 to 1000"});
  out.push_back({"IntegerIsAFraction", sink(out_sink + "limit: 1.5"),
                 "8:16: pipelines[0].sinks[0].limit: \"1.5\" is not a whole number", "from 0"});
  out.push_back({"IntegerIsText", sink(out_sink + "limit: many"),
                 "8:16: pipelines[0].sinks[0].limit: \"many\" is not a whole number", "from 0"});
  out.push_back({"IntegerInQuotes", sink(out_sink + "limit: '5'"),
                 "8:16: pipelines[0].sinks[0].limit: \"5\" is text", "without quotes"});
  out.push_back({"NumberWhereTextIsWanted", top("admin: {token: 12345}"),
                 "2:16: admin.token: text is wanted, and this is a number", "in quotes"});
  out.push_back({"FloatWhereTextIsWanted", source("      type: postgres\n      url: 1e5"),
                 "6:12: pipelines[0].source.url: text is wanted, and this is a number",
                 "in quotes"});
  out.push_back({"BooleanWhereTextIsWanted", source("      type: postgres\n      url: true"),
                 "6:12: pipelines[0].source.url: text is wanted, and this is a boolean",
                 "in quotes"});
  out.push_back({"GroupWhereTextIsWanted", source("      type: postgres\n      url: {a: b}"),
                 "6:12: pipelines[0].source.url: expected text, found a group of keys",
                 "Write text"});
  out.push_back({"TextWhereAListIsWanted",
                 source("      type: postgres\n      url: u\n      tables: public.*"),
                 "7:15: pipelines[0].source.tables: expected a list of texts, found a single value",
                 "[\"one\", \"two\"]"});
  out.push_back({"ListItemIsEmpty",
                 source("      type: postgres\n      url: u\n      tables: [a.b, '']"),
                 "7:21: pipelines[0].source.tables[1]: the text is empty", "remove the item"});
  out.push_back(
      {"ListItemIsNull",
       source("      type: postgres\n      url: u\n      tables:\n        - a.b\n        -"),
       "8:9: pipelines[0].source.tables[1]: the value is missing", "Write text"});
  out.push_back(
      {"ListItemIsANumber", source("      type: postgres\n      url: u\n      tables: [7]"),
       "7:16: pipelines[0].source.tables[0]: text is wanted, and this is a number", "in quotes"});
}

void add_meaning_cases(std::vector<BadConfig>& out) {
  out.push_back({"PipelinesEmpty", "state_dir: /s\npipelines: []\n",
                 "2:12: pipelines: the list is empty", "at least one pipeline"});
  out.push_back({"PipelinesIsAGroup", "state_dir: /s\npipelines:\n  shop: {}\n",
                 "3:3: pipelines: expected a list of pipelines, found a group of keys", "- name:"});
  out.push_back({"PipelineIsText", "state_dir: /s\npipelines: [shop]\n",
                 "2:13: pipelines[0]: expected a group of keys, found a single value", "name"});
  out.push_back({"SourceMissing", pipeline("    sinks: [{name: o, type: stdout}]"),
                 "3:5: pipelines[0]: required key \"source\" is missing", "Add source"});
  out.push_back({"SinksMissing", pipeline("    source: {type: postgres, url: u}"),
                 "3:5: pipelines[0]: required key \"sinks\" is missing", "Add sinks"});
  out.push_back({"SinksEmpty", pipeline("    source: {type: postgres, url: u}\n    sinks: []"),
                 "5:12: pipelines[0].sinks: the list is empty", "at least one sink"});
  out.push_back({"SourceIsText", pipeline("    source: postgres"),
                 "4:13: pipelines[0].source: expected the keys of a source, found a single value",
                 "Write type"});
  out.push_back({"SourceTypeMissing", source("      url: u"),
                 "5:7: pipelines[0].source: required key \"type\" is missing", "one of postgres"});
  out.push_back({"SourceTypeUnknown", source("      type: oracle"),
                 "5:13: pipelines[0].source.type: \"oracle\" is not a known source type",
                 "Use one of: postgres"});
  out.push_back(
      {"SinkTypeMisspelled", sink("      - {name: a, type: duckbd}"),
       "6:25: pipelines[0].sinks[0].type: \"duckbd\" is not a known sink type",
       "Did you mean \"duckdb\"? Use one of: duckdb, postgres, jsonl, stdout, blackhole"});
  out.push_back({"SinkTypeUnknown", sink("      - {name: a, type: kafka}"),
                 "6:25: pipelines[0].sinks[0].type: \"kafka\" is not a known sink type",
                 "Use one of: duckdb, postgres, jsonl, stdout, blackhole"});
  out.push_back({"PipelineNameWithCapitals", "state_dir: /s\npipelines: [{name: Shop}]\n",
                 "2:20: pipelines[0].name: \"Shop\" is not a name", "a-z, 0-9, _ and -"});
  out.push_back({"PipelineNameTooLong",
                 "state_dir: /s\npipelines: [{name: " + std::string(64, 'n') + "}]\n",
                 "2:20: pipelines[0].name: \"nnnn", "1 to 63"});
  out.push_back({"SinkNameIsANumber", sink("      - {name: 1, type: stdout}"),
                 "6:16: pipelines[0].sinks[0].name: text is wanted, and this is a number",
                 "in quotes"});
  out.push_back({"SinkNameMissing", sink("      - type: stdout"),
                 "6:9: pipelines[0].sinks[0]: required key \"name\" is missing", "Add name"});
  out.push_back(
      {"SinkNameTwice", sink("      - {name: a, type: stdout}\n      - {name: a, type: stdout}"),
       "7:16: pipelines[0].sinks[1].name: the name \"a\" is used twice", "a name of its own"});
  out.push_back(
      {"PipelineNameTwice",
       "state_dir: /s\npipelines:\n"
       "  - {name: a, source: {type: postgres, url: u}, sinks: [{name: o, type: stdout}]}\n"
       "  - {name: a, source: {type: postgres, url: u}, sinks: [{name: o, type: stdout}]}\n",
       "4:12: pipelines[1].name: the name \"a\" is used twice", "a name of its own"});
  out.push_back({"NoSinkIsRequired", sink("      - {name: a, type: stdout, required: false}"),
                 "6:7: pipelines[0].sinks: no sink is required", "Remove required: false"});
  out.push_back({"DeliveryUnknown", sink("      - {name: a, type: stdout, delivery: exactly-one}"),
                 "6:43: pipelines[0].sinks[0].delivery: \"exactly-one\" is not one of "
                 "exactly_once, at_least_once",
                 "Did you mean \"exactly_once\"?"});
  std::string crowd;
  for (int i = 0; i < 65; ++i) {
    crowd += (i == 0 ? "" : "\n") + ("      - {name: s" + std::to_string(i) + ", type: stdout}");
  }
  out.push_back({"SinksTooMany", sink(crowd),
                 "6:7: pipelines[0].sinks: a pipeline has at most 64 sinks, and here are 65",
                 "Divide them over two pipelines"});
  out.push_back({"SnapshotUnknown", pipeline("    snapshot: always"),
                 "4:15: pipelines[0].snapshot: \"always\" is not one of initial, never, only",
                 "Use one of: initial, never, only"});
  out.push_back(
      {"SinkTablePatternWithoutSchema",
       sink("      - {name: a, type: stdout, tables: [public.*, orders]}"),
       "6:52: pipelines[0].sinks[0].tables[1]: table pattern \"orders\": it has no schema",
       "public.orders"});
  out.push_back(
      {"SinkTablePatternWithOpenQuote", sink("      - {name: a, type: stdout, tables: ['\"a.b']}"),
       "6:42: pipelines[0].sinks[0].tables[0]: table pattern \"\"a.b\": a quoted name has "
       "no closing quote",
       "double quotes"});
  out.push_back({"RetryUpsideDown", pipeline("    retry: {initial: 10s, max: 1s}"),
                 "4:12: pipelines[0].retry: initial is longer than max",
                 "at least as long as initial"});
  out.push_back(
      {"ConnectorRefuses", source("      type: postgres\n      url: u\n      start: middle"),
       "5:7: pipelines[0].source: start is not a place in the stream", "latest or earliest"});
  out.push_back({"LogLevelUnknown", top("log: {level: warning}"),
                 "2:14: log.level: \"warning\" is not one of debug, info, warn, error",
                 "Use one of: debug, info, warn, error"});
  out.push_back({"ListenWithoutPort", top("admin: {listen: localhost}"),
                 "2:17: admin.listen: \"localhost\" is no address: the port is missing",
                 "HOST:PORT"});
  out.push_back({"ListenWithBadPort", top("admin: {listen: \"localhost:70000\"}"),
                 "2:17: admin.listen: \"localhost:70000\" is no address: the port is not a number",
                 "127.0.0.1:7070"});
  out.push_back({"ListenWithBareIpv6", top("admin: {listen: \"::1:7070\"}"),
                 "2:17: admin.listen: \"::1:7070\" is no address: an IPv6 address needs brackets",
                 "HOST:PORT"});
  out.push_back({"ListenWithoutSocketPath", top("admin: {listen: \"unix:\"}"),
                 "2:17: admin.listen: \"unix:\" is no address: the path of the socket is missing",
                 "unix:PATH"});
  out.push_back({"ListenForAllWithoutToken", top("admin: {listen: \"0.0.0.0:7070\"}"),
                 "2:17: admin.listen: other machines can connect here, and there is no token",
                 "Set admin.token"});
  out.push_back({"ListenOnANameThatLooksLocal", top("admin: {listen: \"127.example.com:7070\"}"),
                 "2:17: admin.listen: other machines can connect here", "Set admin.token"});
}

void add_substitution_cases(std::vector<BadConfig>& out) {
  out.push_back({"VariableUnset", top("admin: {token: \"${env:ROWTIDE_TEST_UNSET}\"}"),
                 "2:16: admin.token: environment variable ROWTIDE_TEST_UNSET is not set",
                 "Set ROWTIDE_TEST_UNSET"});
  out.push_back({"VariableEmpty", top("admin: {token: \"${env:ROWTIDE_TEST_EMPTY}\"}"),
                 "2:16: admin.token: environment variable ROWTIDE_TEST_EMPTY is empty",
                 "Give it a value"});
  out.push_back({"VariableOfTwoLines", top("admin: {token: \"${env:ROWTIDE_TEST_TWO_LINES}\"}"),
                 "2:16: admin.token: environment variable ROWTIDE_TEST_TWO_LINES holds more than "
                 "one line",
                 "on one line"});
  out.push_back({"VariableWithoutName", top("admin: {token: \"${env:}\"}"),
                 "2:16: admin.token: \"\" is not the name of an environment variable",
                 "${env:NAME}"});
  out.push_back({"FileMissing", top("admin: {token: \"${file:/nonexistent/rowtide}\"}"),
                 "2:16: admin.token: file \"/nonexistent/rowtide\" does not exist",
                 "Create the file"});
  out.push_back({"FileIsRelative", top("admin: {token: \"${file:secret}\"}"),
                 "2:16: admin.token: file \"secret\" is not an absolute path", "from the root"});
  out.push_back({"FileIsADevice", top("admin: {token: \"${file:/dev/zero}\"}"),
                 "2:16: admin.token: file \"/dev/zero\" is not a readable regular file",
                 "regular file"});
  out.push_back({"SubstitutionUnknown", top("admin: {token: \"${HOME}\"}"),
                 "2:16: admin.token: \"${HOME}\" is not a known substitution", "${file:/path}"});
  out.push_back({"SubstitutionOpen", top("admin: {token: \"${env:X\"}"),
                 "2:16: admin.token: \"${\" has no closing \"}\"", "written $$"});
  out.push_back({"SubstitutedValueIsNotShown", top("memory_limit: ${env:ROWTIDE_TEST_SECRET}"),
                 "2:15: memory_limit: the substituted value is not a size", "64MiB"});
  out.push_back({"SubstitutedAddressIsNotShown",
                 top("admin: {listen: \"${env:ROWTIDE_TEST_SECRET}\"}"),
                 "2:17: admin.listen: the substituted value is not valid", "HOST:PORT"});
  out.push_back({"SubstitutedChoiceIsNotShown", top("log: {level: \"${env:ROWTIDE_TEST_SECRET}\"}"),
                 "2:14: log.level: the substituted value is not one of debug", "Use one of"});
}

}  // namespace

std::vector<BadConfig> bad_configs() {
  std::vector<BadConfig> out;
  add_yaml_cases(out);
  add_key_cases(out);
  add_value_cases(out);
  add_meaning_cases(out);
  add_substitution_cases(out);
  return out;
}

}  // namespace rowtide::config
