#include "tools/connectors/connectors.h"

#include <utility>

#include <fmt/format.h>

#include "sinks/blackhole/blackhole_sink.h"
#include "sinks/jsonl/jsonl_sink.h"
#include "sinks/stdout/stdout_sink.h"
#include "sinks/warehouse/check.h"
#ifdef ROWTIDE_WITH_DUCKDB
#include "sinks/duckdb/duckdb_sink.h"
#endif
#ifdef ROWTIDE_WITH_POSTGRES
#include "engine/client/postgres_client.h"
#include "sinks/postgres/postgres_sink.h"
#include "sources/postgres/captured_tables.h"
#include "sources/postgres/postgres_source.h"
#include "sources/postgres/preflight.h"
#include "sources/postgres/scan_catalog.h"
#include "sources/postgres/starter_config.h"
#endif

namespace rowtide {
namespace {

// Makes the config of one connector and binds its keys.
template <class Config>
std::function<std::unique_ptr<config::ConnectorConfig>(config::ObjectSpec&)> describer() {
  return [](config::ObjectSpec& spec) {
    auto made = std::make_unique<Config>();
    describe(spec, *made);
    return std::unique_ptr<config::ConnectorConfig>(std::move(made));
  };
}

template <class Config>
SinkEntry sink_entry(std::string type, std::string doc, Guarantee guarantee,
                     Result<SinkHandle> (*make)(const Config&, const Runtime&)) {
  SinkEntry entry;
  entry.schema = {std::move(type), std::move(doc), describer<Config>()};
  entry.guarantee = guarantee;
  entry.make = [make](const config::ConnectorConfig& config, const Runtime& runtime) {
    return make(dynamic_cast<const Config&>(config), runtime);
  };
  return entry;
}

// A sink that keeps tables, whose mode decides which tables it can take.
template <class Config>
[[maybe_unused]] SinkEntry warehouse_entry(SinkEntry entry) {
  entry.check_table = [](const config::ConnectorConfig& config, const TableSchema& table) {
    return warehouse::check_table(table, dynamic_cast<const Config&>(config).settings.mode);
  };
  return entry;
}

[[maybe_unused]] Error not_compiled_in(std::string_view what, std::string_view option) {
  return operator_error(Code::kUnsupported, fmt::format("this build has no {}", what),
                        fmt::format("Use a build with -D{}=ON", option));
}

struct AbsentConfig final : config::ConnectorConfig {
  explicit AbsentConfig(Error why) : why_(std::move(why)) {}
  Result<void> validate() const override { return fail(why_); }

 private:
  Error why_;
};

// A connector that this build leaves out: every use of it says so.
[[maybe_unused]] config::ConnectorSchema absent_schema(std::string type, Error why) {
  return {std::move(type), "Not in this build.", [why = std::move(why)](config::ObjectSpec& spec) {
            spec.accept_any_key();
            return std::unique_ptr<config::ConnectorConfig>(std::make_unique<AbsentConfig>(why));
          }};
}

#ifdef ROWTIDE_WITH_POSTGRES
// How a backfill would read the table.
Finding scan_finding(const ScanTable& table) {
  Finding finding;
  finding.subject = "table " + table.qualified_name();
  finding.message =
      fmt::format("a backfill reads it by {}: {}", to_string(table.method), table.reason);
  if (table.method == ScanMethod::kWhole) {
    finding.severity = Finding::Severity::kWarning;
    finding.message += "; a restart in its middle begins anew and repeats rows in a history";
    finding.fix =
        "Give it a primary key, or a unique index on NOT NULL columns as REPLICA IDENTITY";
  }
  return finding;
}

SourceCheck check_postgres(const config::ConnectorConfig& config, const std::string& pipeline) {
  const auto& source = dynamic_cast<const postgres::PostgresSourceConfig&>(config);
  postgres::ConnectOptions options;
  options.url = source.url;
  options.password = source.password;
  options.application_name = "rowtide check";
  auto connection = postgres::connect(options);
  if (!connection) {
    return {{Finding{Finding::Severity::kError, "connection", connection.error().message,
                     connection.error().remedy}},
            {}};
  }
  SourceCheck check;
  check.findings =
      postgres::preflight(connection->get(), source, postgres::effective_names(source, pipeline));
  if (auto tables = postgres::captured_tables(connection->get(), source)) {
    check.tables = *std::move(tables);
  } else {
    check.findings.push_back(
        {Finding::Severity::kError, "tables", tables.error().message, tables.error().remedy});
  }
  const auto names = postgres::effective_names(source, pipeline);
  postgres::TypeCatalog types;
  // Empty before the publication was made, as it is before the first start.
  if (auto scans =
          postgres::load_scan_tables(connection->get(), source, names.publication, {}, types)) {
    for (const ScanTable& table : *scans) {
      check.findings.push_back(scan_finding(table));
    }
  }
  return check;
}
#endif

Finding delivery_finding(const config::SinkConfig& sink, const SinkEntry& entry) {
  if (sink.delivery == config::Delivery::kExactlyOnce &&
      entry.guarantee == Guarantee::kAtLeastOnce) {
    return {Finding::Severity::kError, "sink " + sink.name,
            fmt::format("delivery: exactly_once, but a {} sink can only deliver at least once",
                        sink.type),
            "Set delivery: at_least_once, or use another sink"};
  }
  return {Finding::Severity::kOk, "sink " + sink.name,
          fmt::format("{}, {}", sink.type, to_string(entry.guarantee)), ""};
}

Findings check_sink_tables(const config::SinkConfig& sink, const std::vector<SinkEntry>& sinks,
                           const std::vector<TableSchema>& tables) {
  Findings all;
  const auto* entry = find_entry(sinks, sink.type);
  if (entry == nullptr || !entry->check_table) {
    return all;
  }
  for (const auto& table : tables) {
    if (!sink.tables.matches(table.schema, table.table)) {
      continue;
    }
    for (auto& finding : entry->check_table(*sink.connector, table)) {
      finding.subject = fmt::format("sink {}: {}", sink.name, finding.subject);
      all.push_back(std::move(finding));
    }
  }
  return all;
}

void check_pipeline(const config::PipelineConfig& pipeline, bool connect,
                    const std::vector<SourceEntry>& sources, const std::vector<SinkEntry>& sinks,
                    Findings& findings) {
  const auto add = [&](Finding finding) {
    finding.subject = fmt::format("pipeline {}: {}", pipeline.name, finding.subject);
    findings.push_back(std::move(finding));
  };
  for (const auto& sink : pipeline.sinks) {
    if (const auto* entry = find_entry(sinks, sink.type)) {
      add(delivery_finding(sink, *entry));
    }
  }
  const auto* source = find_entry(sources, pipeline.source_type);
  if (connect && source != nullptr && source->check) {
    SourceCheck check = source->check(*pipeline.source, pipeline.name);
    for (auto& finding : check.findings) {
      add(std::move(finding));
    }
    for (const auto& sink : pipeline.sinks) {
      for (auto& finding : check_sink_tables(sink, sinks, check.tables)) {
        add(std::move(finding));
      }
    }
  }
}

}  // namespace

std::vector<SourceEntry> all_sources() {
  std::vector<SourceEntry> entries;
  SourceEntry postgres;
#ifdef ROWTIDE_WITH_POSTGRES
  postgres.schema = {"postgres", "PostgreSQL 13 to 18 by logical replication.",
                     describer<postgres::PostgresSourceConfig>()};
  postgres.make = [](const config::ConnectorConfig& config, const std::string& pipeline,
                     SpillStore& store, std::map<std::uint64_t, TableSchema> schemas,
                     const Runtime& runtime) {
    return postgres::PostgresSource::create(
        dynamic_cast<const postgres::PostgresSourceConfig&>(config), pipeline, store,
        std::move(schemas), runtime);
  };
  postgres.check = check_postgres;
  postgres.starter_config = postgres::starter_config;
  postgres.url_schemes = {"postgresql://", "postgres://"};
#else
  postgres.schema =
      absent_schema("postgres", not_compiled_in("PostgreSQL source", "ROWTIDE_WITH_POSTGRES"));
#endif
  entries.push_back(std::move(postgres));
  return entries;
}

std::vector<SinkEntry> all_sinks() {
  std::vector<SinkEntry> entries;
#ifdef ROWTIDE_WITH_DUCKDB
  entries.push_back(warehouse_entry<duckdb::DuckdbConfig>(sink_entry<duckdb::DuckdbConfig>(
      "duckdb", "Tables in a DuckDB file.", Guarantee::kTransactional, &duckdb::make_duckdb_sink)));
#else
  SinkEntry no_duckdb;
  no_duckdb.schema = absent_schema("duckdb", not_compiled_in("DuckDB sink", "ROWTIDE_WITH_DUCKDB"));
  entries.push_back(std::move(no_duckdb));
#endif
#ifdef ROWTIDE_WITH_POSTGRES
  entries.push_back(
      warehouse_entry<postgres::PostgresSinkConfig>(sink_entry<postgres::PostgresSinkConfig>(
          "postgres", "Tables in a PostgreSQL database.", Guarantee::kTransactional,
          &postgres::make_postgres_sink)));
#else
  SinkEntry no_postgres;
  no_postgres.schema =
      absent_schema("postgres", not_compiled_in("PostgreSQL sink", "ROWTIDE_WITH_POSTGRES"));
  entries.push_back(std::move(no_postgres));
#endif
  entries.push_back(sink_entry<JsonlConfig>("jsonl", "Rotating files of JSON lines.",
                                            Guarantee::kIdempotent, &make_jsonl_sink));
  entries.push_back(sink_entry<StdoutConfig>("stdout", "JSON lines on standard output.",
                                             Guarantee::kAtLeastOnce, &make_stdout_sink));
  entries.push_back(sink_entry<BlackholeConfig>("blackhole", "Encodes and drops; for measuring.",
                                                Guarantee::kAtLeastOnce, &make_blackhole_sink));
  return entries;
}

Findings check_config(const config::DaemonConfig& config, bool connect) {
  const auto sources = all_sources();
  const auto sinks = all_sinks();
  Findings findings;
  for (const auto& pipeline : config.pipelines) {
    check_pipeline(pipeline, connect, sources, sinks, findings);
  }
  return findings;
}

Result<std::string> starter_config(const std::string& url) {
  for (const auto& entry : all_sources()) {
    for (const auto& scheme : entry.url_schemes) {
      if (url.starts_with(scheme) && entry.starter_config) {
        return entry.starter_config(url);
      }
    }
  }
  return fail(operator_error(Code::kConfig, "no source understands this url",
                             "Give one like postgresql://user@host:5432/database"));
}

}  // namespace rowtide
