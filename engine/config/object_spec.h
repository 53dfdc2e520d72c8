#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/secret.h"
#include "engine/config/node.h"

namespace rowtide::config {

// One key of a config object: how it is called, what it means, how it is read. The parser, the
// error messages ("did you mean"), the JSON Schema and the reference text all come from here.
class Field {
 public:
  // The key must be there, and its value must not be empty.
  Field& required() {
    required_ = true;
    return *this;
  }

  const std::string& key() const { return key_; }
  const std::string& doc() const { return doc_; }
  // The JSON Schema of the value, as JSON text without the description.
  const std::string& json_schema() const { return json_schema_; }
  bool is_required() const { return required_; }

 private:
  friend class ObjectSpec;
  using Read = std::function<Result<void>(const Node&)>;

  Field(std::string key, std::string doc, std::string json_schema, Read read)
      : key_(std::move(key)),
        doc_(std::move(doc)),
        json_schema_(std::move(json_schema)),
        read_(std::move(read)) {}

  std::string key_;
  std::string doc_;
  std::string json_schema_;
  bool required_ = false;
  // Reads the value into its target. Errors name line, column, path, and what would be right.
  Read read_;
};

// The keys of one config object, bound to the struct that they fill. Built by the owner of the
// struct: `void describe(ObjectSpec& spec, DuckdbConfig& config)`. The targets must outlive the
// spec; a returned Field& is valid until the next key is added.
class ObjectSpec {
 public:
  // Keys that are not described here pass unread: for an object that is refused for another reason,
  // which an unknown key must not hide.
  void accept_any_key() { any_key_ = true; }

  // Defaults are what the targets hold when they are described.
  Field& text(std::string key, std::string& out, std::string doc);
  Field& secret(std::string key, Secret& out, std::string doc);
  Field& boolean(std::string key, bool& out, std::string doc);
  Field& integer(std::string key, std::int64_t& out, std::int64_t min, std::int64_t max,
                 std::string doc);
  // "64MiB", "1GB", "512KiB"; a bare number is refused.
  Field& size_bytes(std::string key, std::uint64_t& out, std::uint64_t min, std::uint64_t max,
                    std::string doc);
  // "500ms", "10s", "5m", "2h"; a bare number is refused.
  Field& duration(std::string key, std::chrono::milliseconds& out, std::chrono::milliseconds min,
                  std::chrono::milliseconds max, std::string doc);
  Field& text_list(std::string key, std::vector<std::string>& out, std::string doc);

  template <class Enum>
  Field& choice(std::string key, Enum& out, std::vector<std::pair<std::string, Enum>> choices,
                std::string doc) {
    std::vector<std::string> names;
    names.reserve(choices.size());
    std::string default_name;
    for (const auto& [name, value] : choices) {
      names.push_back(name);
      if (value == out) {
        default_name = name;
      }
    }
    return choice_by_index(
        std::move(key), std::move(names), std::move(default_name),
        [&out, all = std::move(choices)](std::size_t i) { out = all[i].second; }, std::move(doc));
  }

  // A group of keys below this key.
  Field& object(std::string key, ObjectSpec nested, std::string doc);

  // Anything else: `read` gets the node; `json_schema` describes it.
  Field& custom(std::string key, std::string json_schema,
                std::function<Result<void>(const Node&)> read, std::string doc);

  // Fills the targets from `node`, which must be a map. Unknown keys, missing required keys and bad
  // values are errors; the first one in the order of the file is returned. A missing key belongs to
  // the end of the map, so that a misspelled one is reported where it stands.
  Result<void> read(const Node& node) const;

  // The JSON Schema (2020-12) of the object.
  std::string json_schema() const;
  const std::vector<Field>& fields() const { return fields_; }

 private:
  // `default_name` is empty when no choice is the default.
  Field& choice_by_index(std::string key, std::vector<std::string> names, std::string default_name,
                         std::function<void(std::size_t)> set, std::string doc);

  std::vector<Field> fields_;
  bool any_key_ = false;
};

// Reads one value as text: errors for lists, groups, nothing, and bare numbers and booleans, which
// would lose zeros or letters on the way.
Result<std::string> read_text(const Node& node);
// Reads a list of such texts.
Result<std::vector<std::string>> read_text_list(const Node& node);

}  // namespace rowtide::config
