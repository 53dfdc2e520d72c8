#include "tools/rowtide/answer_fields.h"

namespace rowtide {

using Json = nlohmann::ordered_json;

const Json& member(const Json& json, const char* key) {
  static const Json kNothing;
  if (!json.is_object()) {
    return kNothing;
  }
  const auto found = json.find(key);
  return found == json.end() ? kNothing : *found;
}

std::string text(const Json& json, const char* key) {
  const Json& value = member(json, key);
  return value.is_string() ? value.get<std::string>() : std::string{};
}

std::string count(const Json& json, const char* key) {
  const Json& value = member(json, key);
  return value.is_number_unsigned() ? format_count(value.get<std::uint64_t>()) : std::string{};
}

std::string bytes(const Json& json, const char* key) {
  const Json& value = member(json, key);
  return value.is_number_unsigned() ? format_bytes(value.get<std::uint64_t>()) : std::string{};
}

bool is_true(const Json& json, const char* key) {
  const Json& value = member(json, key);
  return value.is_boolean() && value.get<bool>();
}

std::string joined(const Json& json, const char* key, std::size_t most) {
  const Json& list = member(json, key);
  std::string out;
  std::size_t shown = 0;
  for (const Json& entry : list) {
    if (shown == most) {
      return out + " and " + std::to_string(list.size() - shown) + " more";
    }
    if (entry.is_string()) {
      out.append(out.empty() ? "" : ", ").append(entry.get_ref<const std::string&>());
    }
    ++shown;
  }
  return out;
}

void add_error(Table& table, const Json& owner, const std::string& indent) {
  const Json& error = member(owner, "last_error");
  if (!error.is_object()) {
    return;
  }
  table.line(indent + "error: " + text(error, "message"), Colour::kRed);
  if (const auto remedy = text(error, "remedy"); !remedy.empty()) {
    table.line(indent + "remedy: " + remedy, Colour::kYellow);
  }
}

}  // namespace rowtide
