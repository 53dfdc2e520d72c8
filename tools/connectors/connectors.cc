#include "tools/connectors/connectors.h"

#include <set>
#include <utility>

#include <fmt/format.h>

#include "sinks/blackhole/blackhole_sink.h"
#include "sinks/jsonl/jsonl_sink.h"
#include "sinks/stdout/stdout_sink.h"
#include "sinks/warehouse/check.h"
#ifdef ROWTIDE_WITH_DUCKDB
#include "sinks/duckdb/duckdb_sink.h"
#endif
#ifdef ROWTIDE_WITH_MYSQL
#include "sources/mysql/catalog.h"
#include "sources/mysql/mysql_source.h"
#include "sources/mysql/preflight.h"
#include "sources/mysql/scan_catalog.h"
#include "sources/mysql/starter_config.h"
#endif
#ifdef ROWTIDE_WITH_POSTGRES
#include "engine/client/postgres_client.h"
#include "sinks/postgres/postgres_sink.h"
#include "sources/postgres/captured_tables.h"
#include "sources/postgres/postgres_source.h"
#include "sources/postgres/preflight.h"
#include "sources/postgres/provision.h"
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

#if defined(ROWTIDE_WITH_POSTGRES) || defined(ROWTIDE_WITH_MYSQL)
// How a backfill would read the table. `fix`: how to give it a key.
Finding scan_finding(const ScanTable& table, std::string_view fix) {
  Finding finding;
  finding.subject = "table " + table.qualified_name();
  finding.message =
      fmt::format("a backfill reads it by {}: {}", to_string(table.method), table.reason);
  if (table.method == ScanMethod::kWhole) {
    finding.severity = Finding::Severity::kWarning;
    finding.message += "; a restart in its middle begins anew and repeats rows in a history";
    finding.fix = fix;
  }
  return finding;
}
#endif

#ifdef ROWTIDE_WITH_POSTGRES

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
  postgres::RelationQueries relations(names.publication);
  // Empty before the publication was made, as it is before the first start.
  if (auto scans = postgres::load_scan_tables(connection->get(), source, {}, relations, types)) {
    for (const ScanTable& table : *scans) {
      check.findings.push_back(
          scan_finding(table,
                       "Give it a primary key, or a unique index on NOT NULL columns as REPLICA "
                       "IDENTITY"));
    }
  }
  return check;
}

Result<std::vector<std::string>> new_postgres_tables(const config::ConnectorConfig& before,
                                                     const config::ConnectorConfig& after,
                                                     const std::string& pipeline) {
  const auto& source = dynamic_cast<const postgres::PostgresSourceConfig&>(after);
  postgres::ConnectOptions options;
  options.url = source.url;
  options.password = source.password;
  options.application_name = "rowtide reload";
  ROWTIDE_TRY_ASSIGN(const auto connection, postgres::connect(options));
  ROWTIDE_TRY(postgres::check_publication(connection.get(), source,
                                          postgres::effective_names(source, pipeline)));
  postgres::PostgresSourceConfig as_before = source;
  as_before.tables = dynamic_cast<const postgres::PostgresSourceConfig&>(before).tables;
  ROWTIDE_TRY_ASSIGN(const auto known, postgres::captured_tables(connection.get(), as_before));
  ROWTIDE_TRY_ASSIGN(const auto taken, postgres::captured_tables(connection.get(), source));
  std::set<std::uint64_t> known_ids;
  for (const TableSchema& table : known) {
    known_ids.insert(table.table_id);
  }
  std::vector<std::string> tables;
  for (const TableSchema& table : taken) {
    if (!known_ids.contains(table.table_id)) {
      tables.push_back(table.schema + "." + table.table);
    }
  }
  return tables;
}
#endif

#ifdef ROWTIDE_WITH_MYSQL
Result<std::vector<mysql::TableInfo>> mysql_tables(mysql::SqlSession& session,
                                                   const mysql::MysqlSourceConfig& source) {
  ROWTIDE_TRY_ASSIGN(const auto captured, mysql::CapturedTables::parse(source));
  return mysql::load_tables(session, captured);
}

// Name and key are what sinks look at.
TableSchema schema_of(const mysql::TableInfo& table) {
  TableSchema schema;
  schema.table_id = mysql::stable_table_id(table.database, table.table);
  schema.schema = table.database;
  schema.table = table.table;
  for (const auto& name : table.primary_key) {
    schema.key_columns.push_back(static_cast<std::uint32_t>(schema.columns.size()));
    schema.columns.emplace_back().name = name;
  }
  schema.key_is_unique = !schema.key_columns.empty();
  return schema;
}

SourceCheck check_mysql(const config::ConnectorConfig& config, const std::string& pipeline) {
  const auto& source = dynamic_cast<const mysql::MysqlSourceConfig&>(config);
  const auto error_finding = [](std::string subject, const Error& error) {
    return Finding{Finding::Severity::kError, std::move(subject), error.message, error.remedy};
  };
  const auto options = mysql::connect_options(source);
  if (!options) {
    return {{error_finding("connection", options.error())}, {}};
  }
  const auto session = mysql::SqlSession::connect(*options);
  if (!session) {
    return {{error_finding("connection", session.error())}, {}};
  }
  SourceCheck check;
  check.findings = mysql::preflight(**session, source, pipeline);
  if (const auto tables = mysql_tables(**session, source)) {
    for (const auto& table : *tables) {
      check.tables.push_back(schema_of(table));
      if (table.system_versioned()) {
        check.findings.push_back({Finding::Severity::kWarning, "table " + table.display_name(),
                                  "it is system-versioned: its changes are delivered, history rows "
                                  "among them, but a backfill refuses it",
                                  "Leave it out of source.tables, or use snapshot: never"});
      }
    }
  } else {
    check.findings.push_back(error_finding("tables", tables.error()));
  }
  const auto captured = mysql::CapturedTables::parse(source);
  if (const auto scans = captured ? mysql::load_scan_tables(**session, source, *captured, {})
                                  : fail(captured.error())) {
    for (const ScanTable& table : *scans) {
      check.findings.push_back(scan_finding(table, "Give it a primary key"));
    }
  }
  return check;
}

Result<std::vector<std::string>> new_mysql_tables(const config::ConnectorConfig& before,
                                                  const config::ConnectorConfig& after,
                                                  const std::string& /*pipeline*/) {
  const auto& source = dynamic_cast<const mysql::MysqlSourceConfig&>(after);
  ROWTIDE_TRY_ASSIGN(const auto options, mysql::connect_options(source));
  ROWTIDE_TRY_ASSIGN(const auto session, mysql::SqlSession::connect(options));
  ROWTIDE_TRY_ASSIGN(const auto known, mysql::CapturedTables::parse(
                                           dynamic_cast<const mysql::MysqlSourceConfig&>(before)));
  ROWTIDE_TRY_ASSIGN(const auto taken, mysql_tables(*session, source));
  std::vector<std::string> tables;
  for (const auto& table : taken) {
    if (!known.matches(table.database, table.table)) {
      tables.push_back(table.display_name());
    }
  }
  return tables;
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
  postgres.tables = [](const config::ConnectorConfig& config) {
    return dynamic_cast<const postgres::PostgresSourceConfig&>(config).tables;
  };
  postgres.new_tables = new_postgres_tables;
  postgres.starter_config = postgres::starter_config;
  postgres.url_schemes = {"postgresql://", "postgres://"};
#else
  postgres.schema =
      absent_schema("postgres", not_compiled_in("PostgreSQL source", "ROWTIDE_WITH_POSTGRES"));
#endif
  entries.push_back(std::move(postgres));
  SourceEntry mysql;
#ifdef ROWTIDE_WITH_MYSQL
  mysql.schema = {"mysql", "MySQL 8.0 and later, and MariaDB 10.6 and later, by the binary log.",
                  describer<mysql::MysqlSourceConfig>()};
  mysql.make = [](const config::ConnectorConfig& config, const std::string& pipeline,
                  SpillStore& store, std::map<std::uint64_t, TableSchema> schemas,
                  const Runtime& runtime) {
    return mysql::MysqlSource::create(dynamic_cast<const mysql::MysqlSourceConfig&>(config),
                                      pipeline, store, std::move(schemas), runtime);
  };
  mysql.check = check_mysql;
  mysql.tables = [](const config::ConnectorConfig& config) {
    return dynamic_cast<const mysql::MysqlSourceConfig&>(config).tables;
  };
  mysql.new_tables = new_mysql_tables;
  mysql.starter_config = mysql::starter_config;
  mysql.url_schemes = {"mysql://", "mariadb://"};
#else
  mysql.schema = absent_schema("mysql", not_compiled_in("MySQL source", "ROWTIDE_WITH_MYSQL"));
#endif
  entries.push_back(std::move(mysql));
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
