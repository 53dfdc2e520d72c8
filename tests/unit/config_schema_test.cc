// The JSON Schema shows the same keys as the parser accepts.

#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "engine/config/daemon_config.h"
#include "tests/unit/config_fake_schemas.h"

namespace rowtide::config {
namespace {

using nlohmann::json;

json schema() {
  const auto sources = fake::sources();
  const auto sinks = fake::sinks();
  return json::parse(config_json_schema(sources, sinks));
}

json pipeline_schema() {
  return schema().at("properties").at("pipelines").at("items");
}

TEST(ConfigSchema, IsOfTheRightDialectAndClosed) {
  const json root = schema();
  EXPECT_EQ(root.at("$schema"), "https://json-schema.org/draft/2020-12/schema");
  EXPECT_EQ(root.at("type"), "object");
  EXPECT_EQ(root.at("additionalProperties"), false);
  EXPECT_EQ(root.at("required"), json::array({"state_dir", "pipelines"}));
  for (const std::string key : {"state_dir", "admin", "memory_limit", "log", "pipelines"}) {
    EXPECT_TRUE(root.at("properties").contains(key)) << key;
  }
}

// Every object says which keys it has, allows no others, and explains each.
void expect_closed_objects(const json& at, const std::string& path) {
  if (at.is_array()) {
    for (std::size_t i = 0; i < at.size(); ++i) {
      expect_closed_objects(at[i], path + "/" + std::to_string(i));
    }
    return;
  }
  if (!at.is_object()) {
    return;
  }
  if (at.value("type", json()) == "object") {
    EXPECT_EQ(at.value("additionalProperties", json()), false) << path;
    for (const auto& [key, value] : at.at("properties").items()) {
      EXPECT_FALSE(value.at("description").get<std::string>().empty()) << path << "/" << key;
    }
  }
  for (const auto& [key, value] : at.items()) {
    expect_closed_objects(value, path + "/" + key);
  }
}

TEST(ConfigSchema, HasOnlyClosedAndExplainedObjects) {
  expect_closed_objects(schema(), "");
}

TEST(ConfigSchema, ChoosesConnectorsByType) {
  const json source = pipeline_schema().at("properties").at("source");
  ASSERT_EQ(source.at("oneOf").size(), 1U);
  EXPECT_EQ(source.at("oneOf")[0].at("properties").at("type").at("const"), "postgres");
  EXPECT_FALSE(source.at("oneOf")[0].at("properties").contains("delivery"));

  const json sinks = pipeline_schema().at("properties").at("sinks");
  EXPECT_EQ(sinks.at("minItems"), 1);
  const json choices = sinks.at("items").at("oneOf");
  ASSERT_EQ(choices.size(), 5U);
  EXPECT_EQ(choices[0].at("properties").at("type").at("const"), "duckdb");
  EXPECT_EQ(choices[0].at("required"), json::array({"type", "name", "path"}));
  for (const json& choice : choices) {
    for (const std::string key : {"type", "name", "tables", "delivery", "required"}) {
      EXPECT_TRUE(choice.at("properties").contains(key)) << key;
    }
  }
}

TEST(ConfigSchema, ShowsDefaultsAndLimits) {
  const json root = schema();
  EXPECT_EQ(root.at("properties").at("memory_limit").at("default"), "256MiB");
  const json admin = root.at("properties").at("admin").at("properties");
  EXPECT_EQ(admin.at("listen").at("default"), "127.0.0.1:7070");
  EXPECT_EQ(admin.at("token").at("writeOnly"), true);
  EXPECT_EQ(pipeline_schema().at("properties").at("snapshot").at("default"), "initial");
  const json sinks = pipeline_schema().at("properties").at("sinks").at("items").at("oneOf");
  const json limit = sinks[3].at("properties").at("limit");
  EXPECT_EQ(limit.at("anyOf")[0].at("maximum"), 1000);
  EXPECT_EQ(limit.at("default"), 0);
  EXPECT_FALSE(sinks[0].at("properties").at("delivery").contains("default"));
  EXPECT_EQ(sinks[0].at("properties").at("mode").at("anyOf")[0].at("enum"),
            json::array({"mirror", "history"}));
}

}  // namespace
}  // namespace rowtide::config
