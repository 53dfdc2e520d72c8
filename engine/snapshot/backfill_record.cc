#include "engine/snapshot/backfill_record.h"

#include <array>

#include <nlohmann/json.hpp>

namespace rowtide {
namespace {

using Json = nlohmann::json;

constexpr std::array kStates = {BackfillState::kWaiting, BackfillState::kPaused,
                                BackfillState::kFinished, BackfillState::kCancelled,
                                BackfillState::kFailed};

BackfillState state_of(std::string_view name) {
  for (const BackfillState state : kStates) {
    if (to_string(state) == name) {
      return state;
    }
  }
  return BackfillState::kWaiting;
}

Code code_of(std::string_view name) {
  for (auto code = Code::kConfig; code < Code::kInternal;
       code = static_cast<Code>(static_cast<std::uint8_t>(code) + 1)) {
    if (to_string(code) == name) {
      return code;
    }
  }
  return Code::kInternal;
}

}  // namespace

std::string encode_record(const BackfillRecord& record) {
  const auto state =
      record.state == BackfillState::kRunning ? BackfillState::kWaiting : record.state;
  Json json = {{"id", record.id},
               {"tables", record.spec.tables},
               {"where", record.spec.filter.where},
               {"columns", record.spec.filter.columns},
               {"replace", record.spec.replace},
               {"initial", record.initial},
               {"sinks", record.sinks},
               {"state", to_string(state)},
               {"created_at_us", record.created_at_us},
               {"ended_at_us", record.ended_at_us},
               {"rows_delivered", record.rows_delivered}};
  if (record.captured_before) {
    json["captured_before"] = *record.captured_before;
  }
  if (record.failure) {
    json["failure"] = {{"code", to_string(record.failure->code)},
                       {"message", record.failure->message},
                       {"remedy", record.failure->remedy}};
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<BackfillRecord> decode_record(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    BackfillRecord record;
    record.id = json.at("id").get<std::string>();
    record.spec.tables = json.at("tables").get<std::vector<std::string>>();
    record.spec.filter.where = json.at("where").get<std::string>();
    record.spec.filter.columns = json.at("columns").get<std::vector<std::string>>();
    record.spec.replace = json.value("replace", false);
    record.initial = json.at("initial").get<bool>();
    record.sinks = json.at("sinks").get<std::vector<std::string>>();
    record.state = state_of(json.at("state").get<std::string>());
    record.created_at_us = json.at("created_at_us").get<std::int64_t>();
    record.ended_at_us = json.at("ended_at_us").get<std::int64_t>();
    record.rows_delivered = json.at("rows_delivered").get<std::uint64_t>();
    if (json.contains("captured_before")) {
      record.captured_before = json["captured_before"].get<std::vector<std::string>>();
    }
    if (json.contains("failure")) {
      const Json& failure = json["failure"];
      record.failure = operator_error(code_of(failure.at("code").get<std::string>()),
                                      failure.at("message").get<std::string>(),
                                      failure.at("remedy").get<std::string>());
    }
    return record;
  } catch (const Json::exception&) {
    return fail(operator_error(Code::kCorrupt, "the stored record of a backfill is malformed",
                               "Restore state_dir, or move it away and start over"));
  }
}

}  // namespace rowtide
