// Every fault of a configuration file gives one error: the place, the key, and what to do.

#include <cstdlib>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "engine/config/daemon_config.h"
#include "tests/unit/config_bad_table.h"
#include "tests/unit/config_fake_schemas.h"

namespace rowtide::config {
namespace {

class BadConfigTest : public testing::TestWithParam<BadConfig> {
 protected:
  static void SetUpTestSuite() {
    ASSERT_EQ(unsetenv("ROWTIDE_TEST_UNSET"), 0);
    ASSERT_EQ(setenv("ROWTIDE_TEST_EMPTY", "", 1), 0);
    ASSERT_EQ(setenv("ROWTIDE_TEST_TWO_LINES", "one\ntwo", 1), 0);
    ASSERT_EQ(setenv("ROWTIDE_TEST_SECRET", "hunter2", 1), 0);
  }
};

TEST_P(BadConfigTest, IsRefusedWithPlaceAndRemedy) {
  const BadConfig& bad = GetParam();
  const auto sources = fake::sources();
  const auto sinks = fake::sinks();
  const auto config = load_config_text(bad.text, "bad.yaml", sources, sinks);
  ASSERT_FALSE(config.has_value());
  const Error& error = config.error();
  EXPECT_EQ(error.code, Code::kConfig);
  EXPECT_EQ(error.disposition, Disposition::kOperator);
  EXPECT_TRUE(error.message.starts_with("bad.yaml:" + bad.error)) << error.message;
  EXPECT_NE(error.remedy.find(bad.remedy), std::string::npos) << error.remedy;
  EXPECT_EQ(error.to_text().find("hunter2"), std::string::npos) << error.to_text();
  EXPECT_FALSE(error.message.ends_with('.')) << error.message;
}

INSTANTIATE_TEST_SUITE_P(Table, BadConfigTest, testing::ValuesIn(bad_configs()),
                         [](const auto& bad) { return bad.param.name; });

TEST(BadConfigTable, IsLargeAndHasNoCaseTwice) {
  std::set<std::string> texts;
  for (const BadConfig& bad : bad_configs()) {
    EXPECT_TRUE(texts.insert(bad.text).second) << bad.name;
  }
  EXPECT_GE(texts.size(), 60U);
}

TEST(BadConfigFile, ThatIsMissingIsNamed) {
  const auto config = load_config_file("/nonexistent/rowtide.yaml", {}, {});
  ASSERT_FALSE(config.has_value());
  EXPECT_EQ(config.error().message,
            "/nonexistent/rowtide.yaml: cannot be read: No such file or directory");
}

TEST(BadConfigFile, ThatIsAFolderIsNamed) {
  const auto config = load_config_file("/", {}, {});
  ASSERT_FALSE(config.has_value());
  EXPECT_EQ(config.error().message, "/: cannot be read: Is a directory");
}

}  // namespace
}  // namespace rowtide::config
