#include "engine/control/admin_routes.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "engine/control/backfill_routes.h"
#include "engine/control/metrics.h"
#include "engine/control/status_json.h"

namespace rowtide {
namespace {

// A query's answer is kept whole until it is known to be one; beyond this its rows are left out.
constexpr std::size_t kMaxQueryBytes = std::size_t{16} << 20;

constexpr std::string_view kPipelines = "/api/v1/pipelines/";
constexpr std::string_view kBackfills = "/api/v1/backfills";
constexpr std::string_view kReload = "/api/v1/reload";

// Reads the members of a JSON object that may all only be text.
class TextMembers {
 public:
  static Result<TextMembers> parse(std::string_view body) {
    TextMembers members;
    members.json_ = nlohmann::json::parse(body, nullptr, false);
    if (!members.json_.is_object()) {
      return fail(operator_error(Code::kData, "the request's body is not a JSON object",
                                 "Send an object such as {\"sql\":\"select 1\"}"));
    }
    for (const auto& [key, value] : members.json_.items()) {
      if (!value.is_string()) {
        return fail(operator_error(Code::kData, "member '" + key + "' is not text",
                                   "Send every member as a JSON string"));
      }
    }
    return members;
  }

  // Empty when it is missing.
  std::string get(const char* key) const { return json_.value(key, std::string{}); }

  Result<std::string> require(const char* key) const {
    auto value = get(key);
    if (value.empty()) {
      return fail(operator_error(Code::kData, std::string("member '") + key + "' is missing",
                                 std::string("Send {\"") + key + "\":\"...\"}"));
    }
    return value;
  }

 private:
  nlohmann::json json_;
};

// Collects a query's answer as JSON text.
class QueryText final : public QueryOutput {
 public:
  void columns(std::span<const std::string> names) override {
    columns_ = Json(std::vector<std::string>(names.begin(), names.end()));
  }

  void row(std::span<const std::optional<std::string>> cells) override {
    if (rows_.size() > kMaxQueryBytes) {
      truncated_ = true;
      return;
    }
    rows_.append(rows_.empty() ? "[" : ",[");
    for (std::size_t i = 0; i < cells.size(); ++i) {
      rows_.append(i == 0 ? "" : ",");
      rows_.append(cells[i] ? dump_json(Json(*cells[i])) : "null");
    }
    rows_.push_back(']');
  }

  std::string take() const {
    return "{\"columns\":" + dump_json(columns_) + ",\"rows\":[" + rows_ +
           "],\"truncated\":" + (truncated_ ? "true" : "false") + "}\n";
  }

 private:
  Json columns_ = Json::array();
  std::string rows_;
  bool truncated_ = false;
};

AdminReply ready(const ControlPlane& control) {
  std::string waiting;
  for (const auto& pipeline : control.status()) {
    if (pipeline.state != RunState::kRunning && pipeline.state != RunState::kPaused &&
        pipeline.state != RunState::kFinished) {
      waiting.append(pipeline.name).append(": ").append(to_string(pipeline.state)).append("\n");
    }
  }
  const bool is_ready = waiting.empty();
  return {is_ready ? 200 : 503, "text/plain; charset=utf-8", is_ready ? "ok\n" : waiting, {}};
}

Result<AdminReply> act(std::string_view name, std::string_view verb, ControlPlane& control) {
  const auto action = verb == "pause"    ? ControlPlane::Action::kPause
                      : verb == "resume" ? ControlPlane::Action::kResume
                                         : ControlPlane::Action::kRestart;
  ROWTIDE_TRY(control.act(name, action));
  return json_reply(202, Json{{"pipeline", name}, {"action", verb}});
}

Result<AdminReply> show_offsets(std::string_view name, const ControlPlane& control) {
  ROWTIDE_TRY_ASSIGN(const auto offsets, control.offsets(name));
  Json list = Json::array();
  for (const auto& offset : offsets) {
    list.push_back(Json{{"sink", offset.sink},
                        {"position", to_text(offset.durable.position)},
                        {"token", offset.durable.token}});
  }
  return json_reply(200, Json{{"pipeline", name}, {"offsets", std::move(list)}});
}

Result<AdminReply> set_offsets(std::string_view name, std::string_view body,
                               ControlPlane& control) {
  ROWTIDE_TRY_ASSIGN(const auto members, TextMembers::parse(body));
  ROWTIDE_TRY_ASSIGN(const auto text, members.require("position"));
  ResumePoint point;
  ROWTIDE_TRY_ASSIGN(point.position, parse_position(text));
  point.token = members.get("token");
  ROWTIDE_TRY(control.set_offset(name, members.get("sink"), point));
  return show_offsets(name, control);
}

Result<AdminReply> query(std::string_view name, std::string_view body, ControlPlane& control) {
  ROWTIDE_TRY_ASSIGN(const auto members, TextMembers::parse(body));
  ROWTIDE_TRY_ASSIGN(const auto sql, members.require("sql"));
  QueryText out;
  ROWTIDE_TRY(control.query(name, members.get("sink"), sql, out));
  return AdminReply{200, "application/json", out.take(), {}};
}

Result<AdminReply> pipeline_status(std::string_view name, const ControlPlane& control) {
  ROWTIDE_TRY_ASSIGN(const auto status, find_pipeline(name, control));
  return json_reply(200, pipeline_json(status));
}

Result<AdminReply> tail(std::string_view name, const ControlPlane& control) {
  ROWTIDE_TRY_ASSIGN(const auto status, find_pipeline(name, control));
  return AdminReply{200, "application/x-ndjson", {}, status.name};
}

Result<AdminReply> pipeline_resource(const AdminRequest& request, std::string_view name,
                                     std::string_view resource, ControlPlane& control,
                                     BackfillControl& backfills) {
  const bool get = request.is_get();
  const bool post = request.is_post();
  if (resource == "status") {
    return get ? pipeline_status(name, control) : wrong_method(request, "GET");
  }
  if (resource == "tail") {
    return request.method == "GET" ? tail(name, control) : wrong_method(request, "GET");
  }
  if (resource == "query") {
    return post ? query(name, request.body, control) : wrong_method(request, "POST");
  }
  if (resource == "pause" || resource == "resume" || resource == "restart") {
    return post ? act(name, resource, control) : wrong_method(request, "POST");
  }
  if (resource == "backfills") {
    return post ? start_backfill(request, name, backfills) : wrong_method(request, "POST");
  }
  if (resource == "offsets") {
    return get                         ? show_offsets(name, control)
           : (request.method == "PUT") ? set_offsets(name, request.body, control)
                                       : wrong_method(request, "GET or PUT");
  }
  return not_found(request.path);
}

AdminReply global_resource(const AdminRequest& request, ControlPlane& control) {
  static constexpr std::array<std::string_view, 4> kKnown = {"/livez", "/readyz", "/metrics",
                                                             "/api/v1/status"};
  if (std::ranges::find(kKnown, request.path) == kKnown.end()) {
    return not_found(request.path);
  }
  if (!request.is_get()) {
    return wrong_method(request, "GET");
  }
  if (request.path == "/livez") {
    return {200, "text/plain; charset=utf-8", "ok\n", {}};
  }
  if (request.path == "/readyz") {
    return ready(control);
  }
  if (request.path == "/metrics") {
    return {
        200, kPrometheusContentType, prometheus_text(control.status(), read_process_figures()), {}};
  }
  return json_reply(200, status_json(control.status()));
}

Result<AdminReply> reload(const AdminRequest& request, ConfigControl& config) {
  if (!request.is_post()) {
    return wrong_method(request, "POST");
  }
  ROWTIDE_TRY_ASSIGN(const auto report, config.reload());
  return json_reply(200, reload_json(report));
}

Result<AdminReply> route(const AdminRequest& request, ControlPlane& control,
                         BackfillControl& backfills, ConfigControl& config) {
  if (request.path == kReload) {
    return reload(request, config);
  }
  if (request.path == kBackfills) {
    return list_backfills(request, control, backfills);
  }
  if (request.path.starts_with(kBackfills) && request.path[kBackfills.size()] == '/') {
    return backfill_resource(request, request.path.substr(kBackfills.size() + 1), backfills);
  }
  if (!request.path.starts_with(kPipelines)) {
    return global_resource(request, control);
  }
  const std::string_view rest = request.path.substr(kPipelines.size());
  const auto slash = rest.rfind('/');
  if (slash == std::string_view::npos || slash == 0) {
    return not_found(request.path);
  }
  return pipeline_resource(request, rest.substr(0, slash), rest.substr(slash + 1), control,
                           backfills);
}

}  // namespace

Result<PipelineStatus> find_pipeline(std::string_view name, const ControlPlane& control) {
  auto pipelines = control.status();
  const auto found = std::ranges::find(pipelines, name, &PipelineStatus::name);
  if (found != pipelines.end()) {
    return std::move(*found);
  }
  std::string known;
  for (const auto& pipeline : pipelines) {
    known.append(known.empty() ? "" : ", ").append(pipeline.name);
  }
  return fail(operator_error(
      Code::kNotFound, "there is no pipeline '" + std::string(name.substr(0, 200)) + "'",
      known.empty() ? "The daemon runs no pipelines" : "Known pipelines: " + known));
}

AdminReply answer(const AdminRequest& request, ControlPlane& control, BackfillControl& backfills,
                  ConfigControl& config) {
  auto reply = route(request, control, backfills, config);
  return reply ? std::move(*reply) : problem(reply.error());
}

}  // namespace rowtide
