#include "engine/config/object_spec.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <system_error>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "engine/base/assert.h"
#include "engine/config/nearest.h"
#include "engine/config/scalar.h"
#include "engine/config/units.h"

namespace rowtide::config {
namespace {

using Json = nlohmann::ordered_json;

// What every value may also be: text with a substitution in it.
constexpr const char* kSubstitutionPattern = R"(\$\{(env|file):)";

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// The value as a message may show it.
std::string shown(const Node& node) {
  return node.substituted() ? std::string("the substituted value") : quote(node.text());
}

Result<void> expect_scalar(const Node& node, std::string_view wanted) {
  if (node.kind() == Node::Kind::kScalar) {
    return {};
  }
  if (node.kind() == Node::Kind::kNull) {
    return fail(node.error("the value is missing",
                           fmt::format("Write {} after it, or remove the key", wanted)));
  }
  return fail(node.error(fmt::format("expected {}, found {}", wanted, describe_kind(node.kind())),
                         fmt::format("Write {} here", wanted)));
}

Result<void> read_boolean(const Node& node, bool& out) {
  ROWTIDE_TRY(expect_scalar(node, "true or false"));
  const std::string& text = node.text();
  const bool written_bare = !node.quoted() || node.substituted();
  if (!written_bare || (text != "true" && text != "false")) {
    return fail(node.error(fmt::format("{} is not a boolean", shown(node)),
                           "Write true or false, without quotes"));
  }
  out = text == "true";
  return {};
}

Result<void> read_integer(const Node& node, std::int64_t min, std::int64_t max, std::int64_t& out) {
  const std::string range = fmt::format("a whole number from {} to {}", min, max);
  ROWTIDE_TRY(expect_scalar(node, range));
  if (node.quoted() && !node.substituted()) {
    return fail(node.error(fmt::format("{} is text", shown(node)),
                           fmt::format("Write {}, without quotes", range)));
  }
  const std::string& text = node.text();
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, status] = std::from_chars(text.data(), end, value);
  if (status == std::errc::invalid_argument || stop != end) {
    return fail(node.error(fmt::format("{} is not a whole number", shown(node)),
                           fmt::format("Write {}", range)));
  }
  if (status != std::errc() || value < min || value > max) {
    return fail(
        node.error(fmt::format("{} is out of range", shown(node)), fmt::format("Write {}", range)));
  }
  out = value;
  return {};
}

// Sizes and durations: `parse` reads, `format` prints the limits.
template <class T, class Parse, class Format>
Result<void> read_measure(const Node& node, T min, T max, Parse parse, Format format,
                          std::string_view noun, T& out) {
  const std::string range = fmt::format("a {} from {} to {}", noun, format(min), format(max));
  ROWTIDE_TRY(expect_scalar(node, range));
  auto value = parse(node.text());
  if (!value) {
    Error& problem = value.error();
    return fail(node.error(node.substituted()
                               ? fmt::format("the substituted value is not a {}", noun)
                               : std::move(problem.message),
                           std::move(problem.remedy)));
  }
  if (*value < min || *value > max) {
    return fail(
        node.error(fmt::format("{} is out of range", shown(node)), fmt::format("Write {}", range)));
  }
  out = *value;
  return {};
}

Json measure_schema(std::string_view units) {
  return {{"type", "string"},
          {"pattern", fmt::format("^[0-9]+({})$|{}", units, kSubstitutionPattern)}};
}

Json with_substitution(Json schema) {
  return {{"anyOf", {std::move(schema), {{"type", "string"}, {"pattern", kSubstitutionPattern}}}}};
}

}  // namespace

Result<std::string> read_text(const Node& node) {
  ROWTIDE_TRY(expect_scalar(node, "text"));
  // The text itself is not shown: it may be a password that somebody forgot to quote.
  if (!node.quoted()) {
    const ScalarKind kind = scalar_kind(node.text());
    if (kind != ScalarKind::kText) {
      return fail(node.error(kind == ScalarKind::kNumber ? "text is wanted, and this is a number"
                                                         : "text is wanted, and this is a boolean",
                             "Put the value in quotes"));
    }
  }
  return node.text();
}

Result<std::vector<std::string>> read_text_list(const Node& node) {
  if (node.kind() != Node::Kind::kList) {
    const bool none = node.kind() == Node::Kind::kNull;
    return fail(node.error(
        none ? std::string("the value is missing")
             : fmt::format("expected a list of texts, found {}", describe_kind(node.kind())),
        "Write a list, such as [\"one\", \"two\"]"));
  }
  std::vector<std::string> out;
  out.reserve(node.items().size());
  for (const Node& item : node.items()) {
    ROWTIDE_TRY_ASSIGN(std::string text, read_text(item));
    if (text.empty()) {
      return fail(item.error("the text is empty", "Write a value, or remove the item"));
    }
    out.push_back(std::move(text));
  }
  return out;
}

Field& ObjectSpec::text(std::string key, std::string& out, std::string doc) {
  Json schema{{"type", "string"}};
  if (!out.empty()) {
    schema["default"] = out;
  }
  return custom(
      std::move(key), dump(schema),
      [&out](const Node& node) -> Result<void> {
        ROWTIDE_TRY_ASSIGN(out, read_text(node));
        return {};
      },
      std::move(doc));
}

Field& ObjectSpec::secret(std::string key, Secret& out, std::string doc) {
  return custom(
      std::move(key), R"({"type":"string","writeOnly":true})",
      [&out](const Node& node) -> Result<void> {
        ROWTIDE_TRY_ASSIGN(std::string value, read_text(node));
        out = Secret(std::move(value));
        return {};
      },
      std::move(doc));
}

Field& ObjectSpec::boolean(std::string key, bool& out, std::string doc) {
  Json schema = with_substitution({{"type", "boolean"}});
  schema["default"] = out;
  return custom(
      std::move(key), dump(schema), [&out](const Node& node) { return read_boolean(node, out); },
      std::move(doc));
}

Field& ObjectSpec::integer(std::string key, std::int64_t& out, std::int64_t min, std::int64_t max,
                           std::string doc) {
  Json schema = with_substitution({{"type", "integer"}, {"minimum", min}, {"maximum", max}});
  schema["default"] = out;
  return custom(
      std::move(key), dump(schema),
      [&out, min, max](const Node& node) { return read_integer(node, min, max, out); },
      std::move(doc));
}

Field& ObjectSpec::size_bytes(std::string key, std::uint64_t& out, std::uint64_t min,
                              std::uint64_t max, std::string doc) {
  Json schema = measure_schema("B|KB|MB|GB|TB|KiB|MiB|GiB|TiB");
  schema["default"] = format_size_bytes(out);
  return custom(
      std::move(key), dump(schema),
      [&out, min, max](const Node& node) {
        return read_measure(node, min, max, parse_size_bytes, format_size_bytes, "size", out);
      },
      std::move(doc));
}

Field& ObjectSpec::duration(std::string key, std::chrono::milliseconds& out,
                            std::chrono::milliseconds min, std::chrono::milliseconds max,
                            std::string doc) {
  Json schema = measure_schema("ms|s|m|h");
  schema["default"] = format_duration(out);
  return custom(
      std::move(key), dump(schema),
      [&out, min, max](const Node& node) {
        return read_measure(node, min, max, parse_duration, format_duration, "duration", out);
      },
      std::move(doc));
}

Field& ObjectSpec::text_list(std::string key, std::vector<std::string>& out, std::string doc) {
  Json schema{{"type", "array"}, {"items", {{"type", "string"}, {"minLength", 1}}}};
  if (!out.empty()) {
    schema["default"] = out;
  }
  return custom(
      std::move(key), dump(schema),
      [&out](const Node& node) -> Result<void> {
        ROWTIDE_TRY_ASSIGN(out, read_text_list(node));
        return {};
      },
      std::move(doc));
}

Field& ObjectSpec::choice_by_index(std::string key, std::vector<std::string> names,
                                   std::string default_name, std::function<void(std::size_t)> set,
                                   std::string doc) {
  Json schema = with_substitution({{"enum", names}});
  if (!default_name.empty()) {
    schema["default"] = std::move(default_name);
  }
  return custom(
      std::move(key), dump(schema),
      [names = std::move(names), set = std::move(set)](const Node& node) -> Result<void> {
        ROWTIDE_TRY(expect_scalar(node, fmt::format("one of {}", fmt::join(names, ", "))));
        for (std::size_t i = 0; i < names.size(); ++i) {
          if (names[i] == node.text()) {
            set(i);
            return {};
          }
        }
        return fail(node.error(
            fmt::format("{} is not one of {}", shown(node), fmt::join(names, ", ")),
            suggest(node.substituted() ? std::string_view() : std::string_view(node.text()),
                    names)));
      },
      std::move(doc));
}

Field& ObjectSpec::object(std::string key, ObjectSpec nested, std::string doc) {
  std::string schema = nested.json_schema();
  return custom(
      std::move(key), std::move(schema),
      [nested = std::move(nested)](const Node& node) { return nested.read(node); }, std::move(doc));
}

Field& ObjectSpec::custom(std::string key, std::string json_schema,
                          std::function<Result<void>(const Node&)> read, std::string doc) {
  for (const Field& field : fields_) {
    ROWTIDE_ASSERT(field.key_ != key);
  }
  ROWTIDE_ASSERT(Json::accept(json_schema));
  fields_.push_back(Field(std::move(key), std::move(doc), std::move(json_schema), std::move(read)));
  return fields_.back();
}

Result<void> ObjectSpec::read(const Node& node) const {
  std::vector<std::string> known;
  known.reserve(fields_.size());
  for (const Field& field : fields_) {
    known.push_back(field.key_);
  }
  if (node.kind() != Node::Kind::kMap) {
    return fail(node.error(
        fmt::format("expected a group of keys, found {}", describe_kind(node.kind())),
        fmt::format("Write keys here, each on its own line: {}", fmt::join(known, ", "))));
  }
  for (const auto& [key, value] : node.entries()) {
    const auto field = std::ranges::find(fields_, key, &Field::key_);
    if (field == fields_.end() && any_key_) {
      continue;
    }
    if (field == fields_.end()) {
      return fail(value.key_error(fmt::format("unknown key {}", quote(key)), suggest(key, known)));
    }
    if (value.kind() == Node::Kind::kNull) {
      return fail(value.error("the value is missing", "Write a value after it, or remove the key"));
    }
    ROWTIDE_TRY(field->read_(value));
    if (field->required_ && value.kind() == Node::Kind::kScalar && value.text().empty()) {
      return fail(value.error("the value is empty", "Write a value; the key is required"));
    }
  }
  for (const Field& field : fields_) {
    if (field.required_ && node.find(field.key_) == nullptr) {
      return fail(node.error(fmt::format("required key {} is missing", quote(field.key_)),
                             fmt::format("Add {}: {}", field.key_, field.doc_)));
    }
  }
  return {};
}

std::string ObjectSpec::json_schema() const {
  Json properties = Json::object();
  Json required = Json::array();
  for (const Field& field : fields_) {
    Json schema = Json::parse(field.json_schema_, nullptr, false);
    schema["description"] = field.doc_;
    properties[field.key_] = std::move(schema);
    if (field.required_) {
      required.push_back(field.key_);
    }
  }
  Json out{{"type", "object"}, {"properties", std::move(properties)}};
  if (!required.empty()) {
    out["required"] = std::move(required);
  }
  out["additionalProperties"] = any_key_;
  return dump(out);
}

}  // namespace rowtide::config
