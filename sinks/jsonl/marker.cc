#include "sinks/jsonl/marker.h"

#include <cerrno>
#include <fstream>
#include <iterator>

#include <nlohmann/json.hpp>

#include "sinks/jsonl/files.h"

namespace rowtide::jsonl {
namespace {

constexpr int kMarkerFormat = 1;
constexpr const char* kRebuildRemedy =
    "Move the whole directory away; the sink then starts over with a fresh one";

Error damaged(const std::string& path, std::string_view what) {
  return operator_error(Code::kCorrupt, "the marker " + path + " is damaged: " + std::string(what),
                        kRebuildRemedy);
}

Result<std::optional<Position>> optional_position(const nlohmann::json& json) {
  if (json.is_null()) {
    return std::nullopt;
  }
  ROWTIDE_TRY_ASSIGN(const auto position, parse_position(json.get<std::string>()));
  return position;
}

}  // namespace

std::string encode_marker(const Marker& marker) {
  nlohmann::ordered_json json;
  json["format"] = kMarkerFormat;
  json["pipeline"] = marker.pipeline;
  json["sink"] = marker.sink;
  json["epoch"] = marker.epoch.value;
  json["position"] = nullptr;
  json["token"] = nullptr;
  if (marker.point) {
    json["position"] = to_text(marker.point->position);
    json["token"] = marker.point->token;
  }
  json["file"] = marker.file;
  json["bytes"] = marker.bytes;
  json["last_event"] = nullptr;
  if (marker.last_event) {
    json["last_event"] = to_text(*marker.last_event);
  }
  return json.dump() + "\n";
}

Result<Marker> decode_marker(std::string_view text, const std::string& path) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) {
    return fail(damaged(path, "it is not a JSON object"));
  }
  try {
    if (json.at("format").get<int>() > kMarkerFormat) {
      return fail(operator_error(Code::kNewerFormat, "a newer build wrote the marker " + path,
                                 "Start that newer build of Rowtide"));
    }
    Marker marker;
    marker.pipeline = json.at("pipeline").get<std::string>();
    marker.sink = json.at("sink").get<std::string>();
    marker.epoch = Epoch(json.at("epoch").get<std::uint64_t>());
    marker.file = json.at("file").get<std::uint64_t>();
    marker.bytes = json.at("bytes").get<std::uint64_t>();
    const auto position = optional_position(json.at("position"));
    const auto last_event = optional_position(json.at("last_event"));
    if (!position || !last_event || marker.file == 0) {
      return fail(damaged(path, "a position or number is not one"));
    }
    if (*position) {
      marker.point = ResumePoint{**position, json.at("token").get<std::string>()};
    }
    marker.last_event = *last_event;
    return marker;
  } catch (const nlohmann::json::exception&) {
    return fail(damaged(path, "a member is missing or of another type"));
  }
}

Result<std::optional<Marker>> read_marker(const std::string& directory) {
  const std::string path = directory + "/" + kMarkerName;
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    if (errno == ENOENT) {
      return std::nullopt;
    }
    return fail(file_error(errno, "read", path));
  }
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  ROWTIDE_TRY_ASSIGN(auto marker, decode_marker(text, path));
  return marker;
}

Result<void> write_marker(const std::string& directory, const Marker& marker) {
  try {
    return replace_file(directory, kMarkerName, encode_marker(marker));
  } catch (const nlohmann::json::exception&) {
    return fail(fatal_error(Code::kInternal, "a resume token is not UTF-8 text"));
  }
}

}  // namespace rowtide::jsonl
