#include "sinks/warehouse/marker.h"

#include <fmt/format.h>

namespace rowtide::warehouse {
namespace {

std::string table_name(const Dialect& dialect) {
  return dialect.traits().catalog_prefix + "\"rowtide\".\"markers\"";
}

}  // namespace

Result<std::optional<ResumePoint>> Marker::take_over(const LaneContext& context) {
  context_ = context;
  ROWTIDE_TRY(backend_.run("BEGIN"));
  ROWTIDE_TRY(make_table());
  ROWTIDE_TRY_ASSIGN(auto point, take_row());
  ROWTIDE_TRY(backend_.run("COMMIT"));
  return point;
}

Result<void> Marker::make_table() {
  const auto& traits = dialect_.traits();
  const auto queries = dialect_.catalog_queries("rowtide", "markers");
  ROWTIDE_TRY_ASSIGN(auto found, backend_.run(queries.columns));
  if (!found.rows.empty()) {
    return {};
  }
  if (!traits.setup_lock.empty()) {
    ROWTIDE_TRY(backend_.run(traits.setup_lock));
  }
  ROWTIDE_TRY_ASSIGN(const auto schemas, backend_.run(queries.schemas));
  if (schemas.rows.empty()) {
    ROWTIDE_TRY(
        backend_.run("CREATE SCHEMA IF NOT EXISTS " + traits.catalog_prefix + "\"rowtide\""));
  }
  ROWTIDE_TRY(backend_.run(fmt::format(
      "CREATE TABLE IF NOT EXISTS {} (pipeline {} NOT NULL, sink {} NOT NULL, epoch BIGINT NOT "
      "NULL, position {}, token {}, updated_at {} NOT NULL{})",
      table_name(dialect_), traits.text_type, traits.text_type, traits.text_type, traits.text_type,
      traits.timestamptz_type, traits.upserts ? ", PRIMARY KEY (pipeline, sink)" : "")));
  return {};
}

Result<std::optional<ResumePoint>> Marker::take_row() {
  const std::string table = table_name(dialect_);
  const std::string where = fmt::format("pipeline = {} AND sink = {}", literal(context_.pipeline),
                                        literal(context_.sink));
  const std::string mine = fmt::format("{}", context_.epoch.value);
  ROWTIDE_TRY_ASSIGN(const auto taken,
                     backend_.run(fmt::format(
                         "UPDATE {} SET epoch = {}, updated_at = now() WHERE {} AND epoch <= {}",
                         table, mine, where, mine)));
  ROWTIDE_TRY_ASSIGN(
      const auto stored,
      backend_.run(fmt::format("SELECT epoch, position, token FROM {} WHERE {}", table, where)));
  if (stored.rows.empty()) {
    ROWTIDE_TRY(backend_.run(
        fmt::format("INSERT INTO {} (pipeline, sink, epoch, updated_at) VALUES ({}, {}, {}, now())",
                    table, literal(context_.pipeline), literal(context_.sink), mine)));
    return std::optional<ResumePoint>();
  }
  const auto& row = stored.rows.front();
  if (taken.affected_rows != 1) {
    return fail(operator_error(
        Code::kFenced,
        fmt::format("the destination belongs to epoch {} of this pipeline, this is epoch {}",
                    row[0].value_or(""), mine),
        "Another daemon runs this pipeline: stop one of the two"));
  }
  if (!row[1]) {
    return std::optional<ResumePoint>();
  }
  ROWTIDE_TRY_ASSIGN(const auto position, parse_position(*row[1]));
  return std::optional(ResumePoint{position, row[2].value_or("")});
}

Result<void> Marker::advance(const ResumePoint& point) {
  const std::string position = literal(to_text(point.position));
  ROWTIDE_TRY_ASSIGN(
      const auto moved,
      backend_.run(fmt::format(
          "UPDATE {} SET epoch = {}, position = {}, token = {}, updated_at = now() WHERE pipeline "
          "= {} AND sink = {} AND epoch <= {} AND (position IS NULL OR position < {})",
          table_name(dialect_), context_.epoch.value, position, literal(point.token),
          literal(context_.pipeline), literal(context_.sink), context_.epoch.value, position)));
  if (moved.affected_rows == 1) {
    return {};
  }
  return fail(operator_error(
      Code::kFenced, "the marker in the destination was moved by someone else; nothing was written",
      "Another daemon runs this pipeline: stop one of the two"));
}

}  // namespace rowtide::warehouse
