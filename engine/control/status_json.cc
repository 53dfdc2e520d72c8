#include "engine/control/status_json.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "engine/model/text_forms.h"

namespace rowtide {
namespace {

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json error_or_null(const std::optional<Error>& error) {
  return error ? error_json(*error) : Json(nullptr);
}

Json source_json(const PipelineStatus& status) {
  const SourceStatus& source = status.source;
  return Json{
      {"type", status.source_type},
      {"server", source.server},
      {"connected", source.connected},
      {"position", source.position_text},
      {"lag_bytes", or_null(source.lag_bytes)},
      {"lag_seconds", or_null(source.lag_seconds)},
      {"retained_bytes", or_null(source.retained_bytes)},
      {"spilled_bytes", source.spilled_bytes},
      {"events_read", status.events_read},
      {"transactions_read", status.transactions_read},
      {"bytes_read", status.bytes_read},
      {"notices", source.notices},
  };
}

Json lane_json(const LaneStatus& lane) {
  return Json{
      {"name", lane.name},
      {"type", lane.type},
      {"guarantee", std::string(to_string(lane.guarantee))},
      {"state", std::string(to_string(lane.state))},
      {"position", lane.position ? Json(to_text(*lane.position)) : Json(nullptr)},
      {"rows_delivered", lane.rows_delivered},
      {"bytes_delivered", lane.bytes_delivered},
      {"transactions_split", lane.transactions_split},
      {"lag_seconds", lane.lag_seconds},
      {"retries", lane.retries},
      {"last_error", error_or_null(lane.last_error)},
  };
}

// "2026-11-21T16:53:56Z"; null for 0, which stands for a moment that has not come.
Json moment_json(std::int64_t wall_us) {
  if (wall_us == 0) {
    return nullptr;
  }
  using namespace std::chrono;
  const auto moment = floor<seconds>(microseconds(wall_us));
  const auto day = floor<days>(moment);
  std::string text;
  append_date_text(text, day.count());
  text.push_back('T');
  append_time_text(text, microseconds(moment - day).count());
  return text + "Z";
}

// An estimate comes from a planner and may be anything.
std::uint64_t whole_rows(double estimate) {
  constexpr double kMost = 1e18;
  return estimate > 0 ? static_cast<std::uint64_t>(std::llround(std::min(estimate, kMost))) : 0;
}

double rows_done(const BackfillStatus& backfill) {
  return static_cast<double>(backfill.rows_delivered) + static_cast<double>(backfill.rows_outdated);
}

Json progress_json(const BackfillStatus& backfill) {
  // An estimate that was too low must not look like the end.
  constexpr double kAlmostAll = 0.99;
  if (backfill.state == BackfillState::kFinished) {
    return 1;
  }
  if (whole_rows(backfill.estimated_rows) == 0) {
    return nullptr;
  }
  return std::min(rows_done(backfill) / backfill.estimated_rows, kAlmostAll);
}

Json remaining_json(const BackfillStatus& backfill) {
  const double left = backfill.estimated_rows - rows_done(backfill);
  const bool known = backfill.state == BackfillState::kRunning && left > 0 &&
                     backfill.rows_per_second > 0 && std::isfinite(backfill.rows_per_second);
  return known ? Json(left / backfill.rows_per_second) : Json(nullptr);
}

Json spec_json(const BackfillSpec& spec) {
  return Json{
      {"tables", spec.tables},
      {"where", spec.filter.where.empty() ? Json(nullptr) : Json(spec.filter.where)},
      {"replace", spec.replace},
      {"columns", spec.filter.columns},
  };
}

Json table_json(const BackfillTableStatus& table) {
  return Json{
      {"name", table.name},
      {"method", std::string(to_string(table.method))},
      {"reason", table.reason},
      {"started", table.started},
      {"finished", table.finished},
      {"estimated_rows", whole_rows(table.estimated_rows)},
      {"rows_delivered", table.rows_delivered},
  };
}

}  // namespace

Json backfill_json(const BackfillStatus& backfill) {
  Json tables = Json::array();
  for (const auto& table : backfill.tables) {
    tables.push_back(table_json(table));
  }
  return Json{
      {"id", backfill.id},
      {"pipeline", backfill.pipeline},
      {"state", std::string(to_string(backfill.state))},
      {"spec", spec_json(backfill.spec)},
      {"progress", progress_json(backfill)},
      {"estimated_rows", whole_rows(backfill.estimated_rows)},
      {"rows_delivered", backfill.rows_delivered},
      {"rows_outdated", backfill.rows_outdated},
      {"rows_per_second", backfill.rows_per_second},
      {"remaining_seconds", remaining_json(backfill)},
      {"chunks_read", backfill.chunks_read},
      {"chunks_discarded", backfill.chunks_discarded},
      {"created_at", moment_json(backfill.created_at_us)},
      {"ended_at", moment_json(backfill.ended_at_us)},
      {"last_error", error_or_null(backfill.last_error)},
      {"tables", std::move(tables)},
  };
}

Json error_json(const Error& error) {
  return Json{
      {"code", std::string(to_string(error.code))},
      {"disposition", std::string(to_string(error.disposition))},
      {"message", error.message},
      {"remedy", error.remedy},
  };
}

Json pipeline_json(const PipelineStatus& status) {
  Json sinks = Json::array();
  for (const auto& lane : status.lanes) {
    sinks.push_back(lane_json(lane));
  }
  Json backfills = Json::array();
  for (const auto& backfill : status.backfills) {
    backfills.push_back(backfill_json(backfill));
  }
  return Json{
      {"name", status.name},
      {"state", std::string(to_string(status.state))},
      {"last_error", error_or_null(status.last_error)},
      {"retries", status.retries},
      {"buffered_bytes", status.buffered_bytes},
      {"buffer_limit_bytes", status.buffer_limit_bytes},
      {"source", source_json(status)},
      {"sinks", std::move(sinks)},
      {"backfills", std::move(backfills)},
  };
}

Json status_json(std::span<const PipelineStatus> pipelines) {
  Json list = Json::array();
  for (const auto& pipeline : pipelines) {
    list.push_back(pipeline_json(pipeline));
  }
  return Json{{"pipelines", std::move(list)}};
}

Json reload_json(const ReloadReport& report) {
  Json list = Json::array();
  for (const auto& pipeline : report.pipelines) {
    list.push_back(Json{{"name", pipeline.name},
                        {"action", std::string(to_string(pipeline.action))},
                        {"backfilled_tables", pipeline.backfilled_tables},
                        {"note", pipeline.note.empty() ? Json(nullptr) : Json(pipeline.note)},
                        {"error", error_or_null(pipeline.error)}});
  }
  return Json{{"pipelines", std::move(list)}};
}

std::string dump_json(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace rowtide
