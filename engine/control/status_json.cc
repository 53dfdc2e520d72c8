#include "engine/control/status_json.h"

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

}  // namespace

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
  return Json{
      {"name", status.name},
      {"state", std::string(to_string(status.state))},
      {"last_error", error_or_null(status.last_error)},
      {"retries", status.retries},
      {"buffered_bytes", status.buffered_bytes},
      {"buffer_limit_bytes", status.buffer_limit_bytes},
      {"source", source_json(status)},
      {"sinks", std::move(sinks)},
      {"backfills", Json::array()},
  };
}

Json status_json(std::span<const PipelineStatus> pipelines) {
  Json list = Json::array();
  for (const auto& pipeline : pipelines) {
    list.push_back(pipeline_json(pipeline));
  }
  return Json{{"pipelines", std::move(list)}};
}

std::string dump_json(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace rowtide
