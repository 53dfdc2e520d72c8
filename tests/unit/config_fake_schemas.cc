#include "tests/unit/config_fake_schemas.h"

#include <memory>
#include <utility>

#include "engine/config/object_spec.h"

namespace rowtide::config::fake {
namespace {

template <class Config, class Bind>
ConnectorSchema schema(std::string type, std::string doc, Bind bind) {
  return ConnectorSchema{
      .type = std::move(type), .doc = std::move(doc), .describe = [bind](ObjectSpec& spec) {
        auto config = std::make_unique<Config>();
        bind(spec, *config);
        return std::unique_ptr<ConnectorConfig>(std::move(config));
      }};
}

void bind_postgres_source(ObjectSpec& spec, PostgresSource& config) {
  spec.text("url", config.url, "Where the database is").required();
  spec.secret("password", config.password, "The role's password");
  spec.text("slot", config.slot, "Replication slot");
  spec.text("publication", config.publication, "Publication");
  spec.text_list("tables", config.tables, "Table patterns");
  spec.text("start", config.start, "Where a new pipeline begins");
}

void bind_duckdb(ObjectSpec& spec, DuckdbSink& config) {
  using std::chrono::milliseconds;
  spec.text("path", config.path, "The database file").required();
  spec.choice<DuckdbSink::Mode>(
      "mode", config.mode,
      {{"mirror", DuckdbSink::Mode::kMirror}, {"history", DuckdbSink::Mode::kHistory}},
      "Current state, or every change");
  spec.choice<DuckdbSink::Lock>(
      "lock", config.lock, {{"flush", DuckdbSink::Lock::kFlush}, {"hold", DuckdbSink::Lock::kHold}},
      "When the file is locked");
  spec.size_bytes("memory_limit", config.memory_limit_bytes, std::uint64_t{16} << 20,
                  std::uint64_t{1} << 40, "Memory of the database");
  spec.duration("flush_interval", config.flush_interval, milliseconds(10), milliseconds(3'600'000),
                "Longest time between two flushes");
}

void bind_postgres_sink(ObjectSpec& spec, PostgresSink& config) {
  spec.text("url", config.url, "Where the database is").required();
  spec.secret("password", config.password, "The role's password");
  spec.choice<PostgresSink::Mode>(
      "mode", config.mode,
      {{"mirror", PostgresSink::Mode::kMirror}, {"history", PostgresSink::Mode::kHistory}},
      "Current state, or every change");
}

void bind_jsonl(ObjectSpec& spec, JsonlSink& config) {
  spec.text("path", config.path, "The folder of the files").required();
  spec.size_bytes("rotate_bytes", config.rotate_bytes, 1024, std::uint64_t{1} << 40,
                  "Size at which a new file begins");
}

void bind_stdout(ObjectSpec& spec, StdoutSink& config) {
  spec.boolean("pretty", config.pretty, "Indent the output");
  spec.integer("limit", config.limit, 0, 1000, "Stop after so many rows; 0 = never");
}

void bind_blackhole(ObjectSpec& spec, BlackholeSink& config) {
  spec.text("format", config.format, "What rows are encoded as");
}

}  // namespace

Result<void> PostgresSource::validate() const {
  if (start != "latest" && start != "earliest") {
    return fail(operator_error(Code::kConfig, "start is not a place in the stream",
                               "Write latest or earliest"));
  }
  return {};
}

std::vector<ConnectorSchema> sources() {
  return {schema<PostgresSource>("postgres", "PostgreSQL", bind_postgres_source)};
}

std::vector<ConnectorSchema> sinks() {
  return {schema<DuckdbSink>("duckdb", "A DuckDB file", bind_duckdb),
          schema<PostgresSink>("postgres", "Tables in PostgreSQL", bind_postgres_sink),
          schema<JsonlSink>("jsonl", "Files of JSON lines", bind_jsonl),
          schema<StdoutSink>("stdout", "Standard output", bind_stdout),
          schema<BlackholeSink>("blackhole", "Nowhere", bind_blackhole)};
}

}  // namespace rowtide::config::fake
