// Good files give the settings that they show, and defaults for the rest.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "engine/config/daemon_config.h"
#include "tests/unit/config_fake_schemas.h"

namespace rowtide::config {
namespace {

using std::chrono::milliseconds;

// A file with `content` that lives as long as the object.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& content) {
    std::string pattern = (std::filesystem::temp_directory_path() / "rowtide_XXXXXX").string();
    const int descriptor = mkstemp(pattern.data());
    EXPECT_GE(descriptor, 0);
    close(descriptor);
    path_ = pattern;
    std::ofstream(path_, std::ios::binary) << content;
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

Result<DaemonConfig> load(const std::string& text) {
  const auto sources = fake::sources();
  const auto sinks = fake::sinks();
  return load_config_text(text, "good.yaml", sources, sinks);
}

DaemonConfig must_load(const std::string& text) {
  auto config = load(text);
  EXPECT_TRUE(config.has_value()) << config.error().to_text();
  return config ? *std::move(config) : DaemonConfig{};
}

// One pipeline whose source has the line `key_line`.
std::string with_source(const std::string& key_line) {
  return "state_dir: /s\npipelines:\n- name: a\n  source:\n    type: postgres\n    " + key_line +
         "\n  sinks: [{name: o, type: stdout}]\n";
}

const fake::PostgresSource& source_of(const DaemonConfig& config) {
  return dynamic_cast<const fake::PostgresSource&>(*config.pipelines.at(0).source);
}

constexpr const char* kExample = R"(
state_dir: /var/lib/rowtide
admin: {listen: "127.0.0.1:7071"}          # or unix:/run/rowtide/admin.sock
memory_limit: 512MiB
log: {format: json, level: debug}
pipelines:
  - name: shop
    source:
      type: postgres
      url: postgresql://repl@db1:5432/shop
      password: ${env:ROWTIDE_TEST_PASSWORD}
      tables: ["public.*", "!public.audit"]
    snapshot: never
    retry: {initial: 100ms, max: 1m}
    sinks:
      - name: warehouse
        type: duckdb
        path: /data/shop.duckdb
        mode: history
        flush_interval: 250ms
        tables: ["public.*", "!public.log_*"]
      - name: events
        type: jsonl
        path: /data/events
        rotate_bytes: 1GB
        delivery: exactly_once
        required: false
)";

TEST(GoodConfig, OfTheManualIsReadKeyByKey) {
  ASSERT_EQ(setenv("ROWTIDE_TEST_PASSWORD", "se: cret #1", 1), 0);
  const DaemonConfig config = must_load(kExample);
  EXPECT_EQ(config.state_dir, "/var/lib/rowtide");
  EXPECT_EQ(config.admin.listen, "127.0.0.1:7071");
  EXPECT_EQ(config.admin.address.port, 7071);
  EXPECT_EQ(config.memory_limit_bytes, std::uint64_t{512} << 20);
  EXPECT_EQ(config.log.format, LogFormat::kJson);
  EXPECT_EQ(config.log.level, "debug");
  ASSERT_EQ(config.pipelines.size(), 1U);
  const PipelineConfig& pipeline = config.pipelines[0];
  EXPECT_EQ(pipeline.name, "shop");
  EXPECT_EQ(pipeline.source_type, "postgres");
  EXPECT_EQ(pipeline.snapshot, SnapshotMode::kNever);
  EXPECT_EQ(pipeline.retry.initial, milliseconds(100));
  EXPECT_EQ(pipeline.retry.max, milliseconds(60'000));
  const fake::PostgresSource& source = source_of(config);
  EXPECT_EQ(source.url, "postgresql://repl@db1:5432/shop");
  EXPECT_EQ(source.password.reveal(), "se: cret #1");
  EXPECT_EQ(source.tables, (std::vector<std::string>{"public.*", "!public.audit"}));
  EXPECT_EQ(pipeline.where, "good.yaml:7:5: pipelines[0]");
}

TEST(GoodConfig, OfTheManualGivesItsSinks) {
  ASSERT_EQ(setenv("ROWTIDE_TEST_PASSWORD", "x", 1), 0);
  const DaemonConfig config = must_load(kExample);
  const std::vector<SinkConfig>& sinks = config.pipelines.at(0).sinks;
  ASSERT_EQ(sinks.size(), 2U);
  EXPECT_EQ(sinks[0].name, "warehouse");
  EXPECT_EQ(sinks[0].type, "duckdb");
  EXPECT_FALSE(sinks[0].delivery.has_value());
  EXPECT_TRUE(sinks[0].required);
  EXPECT_TRUE(sinks[0].tables.matches("public", "orders"));
  EXPECT_FALSE(sinks[0].tables.matches("public", "log_1"));
  const auto& duckdb = dynamic_cast<const fake::DuckdbSink&>(*sinks[0].connector);
  EXPECT_EQ(duckdb.path, "/data/shop.duckdb");
  EXPECT_EQ(duckdb.mode, fake::DuckdbSink::Mode::kHistory);
  EXPECT_EQ(duckdb.lock, fake::DuckdbSink::Lock::kFlush);
  EXPECT_EQ(duckdb.flush_interval, milliseconds(250));
  EXPECT_EQ(sinks[1].delivery, Delivery::kExactlyOnce);
  EXPECT_FALSE(sinks[1].required);
  EXPECT_TRUE(sinks[1].tables.matches("any", "table"));
  const auto& jsonl = dynamic_cast<const fake::JsonlSink&>(*sinks[1].connector);
  EXPECT_EQ(jsonl.rotate_bytes, 1'000'000'000U);
  EXPECT_EQ(sinks[1].where, "good.yaml:22:9: pipelines[0].sinks[1]");
}

TEST(GoodConfig, HasDefaultsForWhatIsLeftOut) {
  const DaemonConfig config = must_load(with_source("url: u"));
  EXPECT_EQ(config.admin.listen, "127.0.0.1:7070");
  EXPECT_EQ(config.admin.address.host, "127.0.0.1");
  EXPECT_EQ(config.admin.address.port, 7070);
  EXPECT_TRUE(config.admin.token.empty());
  EXPECT_EQ(config.memory_limit_bytes, std::uint64_t{256} << 20);
  EXPECT_EQ(config.log.format, LogFormat::kText);
  EXPECT_EQ(config.log.level, "info");
  EXPECT_EQ(config.pipelines.at(0).snapshot, SnapshotMode::kInitial);
  EXPECT_TRUE(config.pipelines.at(0).sinks.at(0).required);
  EXPECT_EQ(source_of(config).start, "latest");
}

TEST(GoodConfig, MayHaveManyPipelinesWithTheSameSinkNames) {
  const std::string one =
      ", source: {type: postgres, url: u}, sinks: [{name: o, type: blackhole}]}\n";
  const DaemonConfig config =
      must_load("state_dir: /s\npipelines:\n- {name: a" + one + "- {name: b-1_2" + one);
  ASSERT_EQ(config.pipelines.size(), 2U);
  EXPECT_EQ(config.pipelines[1].name, "b-1_2");
}

TEST(GoodConfig, TakesPlainWordsThatOnlyLookSpecialAsText) {
  for (const std::string word : {"yes", "on", "12abc", "1.2.3", "0/16B3748", "1_000", "nul",
                                 "-"
                                 "x",
                                 "0x", "a$b", "it's"}) {
    EXPECT_EQ(source_of(must_load(with_source("url: " + word))).url, word);
  }
}

TEST(GoodConfig, TakesQuotedNumbersAndBooleansAsText) {
  EXPECT_EQ(source_of(must_load(with_source("url: \"0123\""))).url, "0123");
  EXPECT_EQ(source_of(must_load(with_source("url: 'true'"))).url, "true");
  EXPECT_EQ(source_of(must_load(with_source("url: 'null'"))).url, "null");
}

TEST(GoodConfig, TakesAByteOrderMarkAndWindowsLineEnds) {
  EXPECT_EQ(source_of(must_load("\xEF\xBB\xBFstate_dir: /s\r\npipelines: [{name: a, source: {type: "
                                "postgres, url: u}, sinks: [{name: o, type: stdout}]}]\r\n"))
                .url,
            "u");
}

TEST(GoodConfig, MayListenForOthersWithAToken) {
  const DaemonConfig config =
      must_load("admin: {listen: \"[::]:9\", token: abc}\n" + with_source("url: u"));
  EXPECT_EQ(config.admin.address.host, "::");
  EXPECT_EQ(config.admin.token.reveal(), "abc");
}

TEST(GoodConfig, MayListenLocallyWithoutAToken) {
  for (const std::string listen :
       {"127.9.9.9:1", "localhost:7070", "[::1]:7070", "unix:/run/rowtide/admin.sock"}) {
    const DaemonConfig config =
        must_load("admin: {listen: \"" + listen + "\"}\n" + with_source("url: u"));
    EXPECT_TRUE(config.admin.address.is_local()) << listen;
  }
}

TEST(GoodConfig, TakesSecretsFromFilesWithoutTheLineEnd) {
  for (const std::string end : {"", "\n", "\r\n"}) {
    const TemporaryFile file("p\"w: [x" + end);
    const DaemonConfig config =
        must_load(with_source("url: u\n    password: ${file:" + file.path() + "}"));
    EXPECT_EQ(source_of(config).password.reveal(), "p\"w: [x");
  }
}

TEST(GoodConfig, RefusesASecretFileWithASecondLine) {
  const TemporaryFile file("one\n\n");
  const auto config = load(with_source("url: u\n    password: ${file:" + file.path() + "}"));
  ASSERT_FALSE(config.has_value());
  EXPECT_EQ(config.error().message, "good.yaml:7:15: pipelines[0].source.password: file \"" +
                                        file.path() + "\" holds more than one line");
}

TEST(GoodConfig, SubstitutesInsideTextAndNeverTwice) {
  ASSERT_EQ(setenv("ROWTIDE_TEST_HOST", "${env:ROWTIDE_TEST_HOST}$$", 1), 0);
  const DaemonConfig config = must_load(with_source("url: $$x-${env:ROWTIDE_TEST_HOST}-$y$${z}"));
  EXPECT_EQ(source_of(config).url, "$x-${env:ROWTIDE_TEST_HOST}$$-$y${z}");
}

TEST(GoodConfig, TakesSubstitutedNumbersBooleansAndSizes) {
  ASSERT_EQ(setenv("ROWTIDE_TEST_NUMBER", "17", 1), 0);
  ASSERT_EQ(setenv("ROWTIDE_TEST_FLAG", "true", 1), 0);
  ASSERT_EQ(setenv("ROWTIDE_TEST_SIZE", "64MiB", 1), 0);
  const DaemonConfig config = must_load(
      "state_dir: ${env:ROWTIDE_TEST_NUMBER}\nmemory_limit: ${env:ROWTIDE_TEST_SIZE}\n"
      "pipelines: [{name: a, source: {type: postgres, url: u}, sinks: [{name: o, type: stdout, "
      "pretty: \"${env:ROWTIDE_TEST_FLAG}\", limit: \"${env:ROWTIDE_TEST_NUMBER}\"}]}]\n");
  EXPECT_EQ(config.state_dir, "17");
  EXPECT_EQ(config.memory_limit_bytes, std::uint64_t{64} << 20);
  const auto& out =
      dynamic_cast<const fake::StdoutSink&>(*config.pipelines.at(0).sinks.at(0).connector);
  EXPECT_TRUE(out.pretty);
  EXPECT_EQ(out.limit, 17);
}

TEST(GoodConfig, IsReadFromAFile) {
  const TemporaryFile file(with_source("url: u"));
  const auto sources = fake::sources();
  const auto sinks = fake::sinks();
  const auto config = load_config_file(file.path(), sources, sinks);
  ASSERT_TRUE(config.has_value()) << config.error().to_text();
  EXPECT_EQ(config->pipelines.at(0).name, "a");
}

}  // namespace
}  // namespace rowtide::config
