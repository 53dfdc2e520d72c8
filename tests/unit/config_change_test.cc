// What makes a pipeline another one, and what a running daemon refuses to take up.

#include "engine/config/config_change.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/unit/config_fake_schemas.h"

namespace rowtide::config {
namespace {

DaemonConfig load(const std::string& top,
                  const std::string& source = "    type: postgres\n    url: here\n") {
  const auto text =
      top + "pipelines:\n- name: a\n  source:\n" + source + "  sinks: [{name: o, type: stdout}]\n";
  auto config = load_config_text(text, "new.yaml", fake::sources(), fake::sinks());
  EXPECT_TRUE(config) << text << config.error().to_text();
  return config ? *std::move(config) : DaemonConfig{};
}

std::string content(const std::string& source) {
  return load("state_dir: /s\n", source).pipelines.at(0).content.reveal();
}

TEST(ConfigChange, LayoutAndOrderAreNoChangeOfAPipeline) {
  const auto same = content("    type: postgres\n    url: here\n    tables: [\"a.b\", \"c.d\"]\n");
  EXPECT_EQ(content("    # why\n    tables:\n    - a.b\n    - c.d\n    url: here\n"
                    "    type: postgres\n"),
            same);
  for (const char* other : {"    type: postgres\n    url: there\n    tables: [\"a.b\", \"c.d\"]\n",
                            "    type: postgres\n    url: here\n    tables: [\"c.d\", \"a.b\"]\n",
                            "    type: postgres\n    url: here\n    tables: [\"a.b\"]\n",
                            "    type: postgres\n    url: here\n    tables: [\"a.bc.d\"]\n",
                            "    type: postgres\n    url: here\n"}) {
    EXPECT_NE(content(other), same) << other;
  }
}

TEST(ConfigChange, OnlyPipelinesMayDiffer) {
  const std::string top =
      "state_dir: /s\nadmin: {listen: \"127.0.0.1:1\", token: hush}\nmemory_limit: 64MiB\n"
      "log: {format: text, level: info}\n";
  const auto running = load(top);
  EXPECT_TRUE(check_fixed_settings(running, load(top, "    type: postgres\n    url: there\n")));
  struct Case {
    std::string from;
    std::string to;
    std::string where;
  };
  for (const auto& [from, to, where] : std::vector<Case>{
           {"/s", "/t", "new.yaml:1:12: state_dir: it cannot change"},
           {"127.0.0.1:1", "127.0.0.1:2", "new.yaml:2:17: admin.listen: it cannot change"},
           {"hush", "other", "new.yaml:2:39: admin.token: it cannot change"},
           {"64MiB", "128MiB", "new.yaml:3:15: memory_limit: it cannot change"},
           {"memory_limit: 64MiB\n", "", "memory_limit: it cannot change"},
           {"text", "json", "new.yaml:4:15: log.format: it cannot change"},
           {"info", "warn", "new.yaml:4:28: log.level: it cannot change"}}) {
    std::string changed = top;
    changed.replace(changed.find(from), from.size(), to);
    const auto checked = check_fixed_settings(running, load(changed));
    ASSERT_FALSE(checked) << changed;
    EXPECT_EQ(checked.error().code, Code::kConfig);
    EXPECT_TRUE(checked.error().message.starts_with(where)) << checked.error().message;
    EXPECT_EQ(checked.error().message.find("hush"), std::string::npos);
    EXPECT_NE(checked.error().remedy.find("Restart the daemon to change it"), std::string::npos);
  }
}

}  // namespace
}  // namespace rowtide::config
