#include "engine/control/backfill_routes.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/config/nearest.h"
#include "engine/control/admin_routes.h"
#include "engine/model/table_filter.h"

namespace rowtide {
namespace {

// As many ids as a remedy can name and still be read.
constexpr std::size_t kMaxIdsInRemedy = 10;

std::unexpected<Error> bad_request(std::string message, std::string remedy) {
  return fail(operator_error(Code::kData, std::move(message), std::move(remedy)));
}

// A foreign text in a message: short, and in quotes.
std::string in_quotes(std::string_view text) {
  return "'" + std::string(text.substr(0, 200)) + "'";
}

// The pipeline that ?pipeline= names; nullopt for every one.
Result<std::optional<std::string>> wanted_pipeline(const AdminRequest& request) {
  static const std::vector<std::string> kKnown{"pipeline"};
  std::optional<std::string> wanted;
  for (const auto& [key, value] : request.query) {
    if (key != kKnown.front()) {
      return bad_request("the query's member " + in_quotes(key) + " is not known",
                         config::suggest(key, kKnown));
    }
    if (wanted) {
      return bad_request("the query names two pipelines", "Name one, or none for all of them");
    }
    wanted = value;
  }
  return wanted;
}

Result<void> check_members(const nlohmann::json& body) {
  static const std::vector<std::string> kKnown{"tables", "where", "columns", "replace"};
  for (const auto& [key, value] : body.items()) {
    if (std::ranges::find(kKnown, key) == kKnown.end()) {
      return bad_request("member " + in_quotes(key) + " is not known",
                         config::suggest(key, kKnown));
    }
  }
  return {};
}

// A list of texts that is not empty and says nothing twice. An empty list has a meaning for
// BackfillSpec; whoever sends one has more likely lost what belongs into it.
Result<std::vector<std::string>> text_list(const nlohmann::json& body, const char* key,
                                           const char* remedy) {
  const std::string name = std::string("member '") + key + "'";
  const auto found = body.find(key);
  if (found == body.end()) {
    return bad_request(name + " is missing", remedy);
  }
  if (!found->is_array() || found->empty()) {
    return bad_request(name + " is not a list with at least one text", remedy);
  }
  std::vector<std::string> list;
  for (const auto& entry : *found) {
    if (!entry.is_string() || entry.get_ref<const std::string&>().empty()) {
      return bad_request(name + " holds something other than text, or an empty one", remedy);
    }
    const auto& text = entry.get_ref<const std::string&>();
    if (std::ranges::find(list, text) != list.end()) {
      return bad_request(name + " names " + in_quotes(text) + " twice", "Name it once");
    }
    list.push_back(text);
  }
  return list;
}

Result<std::string> where_text(const nlohmann::json& body) {
  const auto found = body.find("where");
  if (found == body.end()) {
    return std::string{};
  }
  const bool says_something =
      found->is_string() &&
      found->get_ref<const std::string&>().find_first_not_of(" \t\r\n") != std::string::npos;
  if (!says_something) {
    return bad_request("member 'where' is not a condition",
                       R"(Send one such as "id > 1000", or leave it out for every row)");
  }
  return found->get<std::string>();
}

Result<bool> replace_flag(const nlohmann::json& body) {
  const auto found = body.find("replace");
  if (found == body.end()) {
    return false;
  }
  if (!found->is_boolean()) {
    return bad_request("member 'replace' is neither true nor false", "Send one of the two");
  }
  return found->get<bool>();
}

Result<BackfillSpec> parse_spec(std::string_view text) {
  const auto body = nlohmann::json::parse(text, nullptr, false);
  if (!body.is_object()) {
    return bad_request("the request's body is not a JSON object",
                       R"(Send an object such as {"tables":["public.orders"]})");
  }
  ROWTIDE_TRY(check_members(body));
  BackfillSpec spec;
  ROWTIDE_TRY_ASSIGN(
      spec.tables,
      text_list(body, "tables", R"(Send {"tables":["public.orders"]}; "*.*" is every table)"));
  ROWTIDE_TRY(TableFilter::parse(spec.tables));
  ROWTIDE_TRY_ASSIGN(spec.filter.where, where_text(body));
  if (body.contains("columns")) {
    ROWTIDE_TRY_ASSIGN(spec.filter.columns,
                       text_list(body, "columns", "Name columns, or leave it out for all of them"));
  }
  ROWTIDE_TRY_ASSIGN(spec.replace, replace_flag(body));
  if (spec.replace && (!spec.filter.where.empty() || !spec.filter.columns.empty())) {
    return bad_request("'replace' goes with neither 'where' nor 'columns'",
                       "A table is replaced by all of its rows: leave them out, or 'replace'");
  }
  return spec;
}

Result<BackfillStatus> find_backfill(std::string_view id, const BackfillControl& backfills) {
  auto all = backfills.backfills();
  const auto found = std::ranges::find(all, id, &BackfillStatus::id);
  if (found != all.end()) {
    return std::move(*found);
  }
  std::string known;
  for (const auto& backfill : std::span(all).first(std::min(all.size(), kMaxIdsInRemedy))) {
    known.append(known.empty() ? "" : ", ").append(backfill.id);
  }
  return fail(operator_error(
      Code::kNotFound, "there is no backfill " + in_quotes(id),
      known.empty() ? "The daemon knows no backfills" : "The latest ones are: " + known));
}

Result<AdminReply> act(std::string_view id, std::string_view verb, BackfillControl::Action action,
                       BackfillControl& backfills) {
  ROWTIDE_TRY(backfills.act_on_backfill(id, action));
  return json_reply(202, Json{{"id", id}, {"action", verb}});
}

}  // namespace

Result<AdminReply> list_backfills(const AdminRequest& request, const ControlPlane& control,
                                  const BackfillControl& backfills) {
  if (!request.is_get()) {
    return wrong_method(request, "GET, or POST on /api/v1/pipelines/{name}/backfills");
  }
  ROWTIDE_TRY_ASSIGN(const auto pipeline, wanted_pipeline(request));
  if (pipeline) {
    ROWTIDE_TRY(find_pipeline(*pipeline, control));
  }
  Json list = Json::array();
  for (const auto& backfill : backfills.backfills()) {
    if (!pipeline || backfill.pipeline == *pipeline) {
      list.push_back(backfill_json(backfill));
    }
  }
  return json_reply(200, Json{{"backfills", std::move(list)}});
}

Result<AdminReply> start_backfill(const AdminRequest& request, std::string_view pipeline,
                                  BackfillControl& backfills) {
  ROWTIDE_TRY_ASSIGN(const auto spec, parse_spec(request.body));
  ROWTIDE_TRY_ASSIGN(const auto id, backfills.start_backfill(pipeline, spec));
  return json_reply(201, Json{{"id", id}});
}

Result<AdminReply> backfill_resource(const AdminRequest& request, std::string_view rest,
                                     BackfillControl& backfills) {
  using enum BackfillControl::Action;
  static constexpr std::array<std::pair<std::string_view, BackfillControl::Action>, 3> kActions = {
      {{"pause", kPause}, {"resume", kResume}, {"cancel", kCancel}}};
  const auto slash = rest.find('/');
  const std::string_view id = rest.substr(0, slash);
  if (id.empty()) {
    return not_found(request.path);
  }
  if (slash == std::string_view::npos) {
    if (!request.is_get()) {
      return wrong_method(request, "GET, or POST with /pause, /resume or /cancel");
    }
    ROWTIDE_TRY_ASSIGN(const auto backfill, find_backfill(id, backfills));
    return json_reply(200, backfill_json(backfill));
  }
  const auto* action =
      std::ranges::find(kActions, rest.substr(slash + 1), &decltype(kActions)::value_type::first);
  if (action == kActions.end()) {
    return not_found(request.path);
  }
  return request.is_post() ? act(id, action->first, action->second, backfills)
                           : wrong_method(request, "POST");
}

}  // namespace rowtide
