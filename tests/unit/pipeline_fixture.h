#pragma once

#include <map>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "engine/pipeline/pipeline.h"
#include "tests/unit/pipeline_fakes.h"

namespace rowtide::test {

// A whole pipeline over fakes: a database, a store, and any number of destinations.
class PipelineTest : public testing::Test {
 protected:
  struct Spoke {
    FakeDestination destination;
    LaneSettings settings;
  };

  // Sinks in the order in which they are added; before start().
  FakeDestination& add_sink(const std::string& name, bool required = true,
                            std::function<bool(const Event&)> wants = {}) {
    auto& spoke = spokes.emplace_back(std::make_unique<Spoke>());
    spoke->settings = {
        .name = name, .type = "fake", .required = required, .wants = std::move(wants)};
    return spoke->destination;
  }

  PipelineSettings make_settings(FakeProcess* process) {
    PipelineSettings made;
    made.name = "shop";
    made.source_type = "scripted";
    made.buffer_bytes = buffer_bytes;
    made.batch = limits;
    made.retry = {std::chrono::milliseconds(1), std::chrono::milliseconds(10)};
    made.build = [this, process](const PipelineState&) -> Result<PipelineParts> {
      PipelineParts parts;
      parts.source = std::make_unique<ScriptedSource>(*database, process);
      for (auto& spoke : spokes) {
        parts.lanes.push_back(
            {spoke->settings, {std::make_unique<FakeSink>(spoke->destination, process), nullptr}});
      }
      return parts;
    };
    return made;
  }

  void start() { start(committer); }
  void start(Committer& with) {
    pipeline = std::make_unique<Pipeline>(make_settings(nullptr), store, with, fake.runtime);
    const auto started = pipeline->start();
    ASSERT_TRUE(started) << started.error().to_text();
  }

  LaneStatus lane(std::size_t index) const { return pipeline->status().lanes.at(index); }
  bool stored_at(const std::string& sink, const ResumePoint& point) {
    return eventually([&] {
      const auto state = store.load("shop");
      const auto found = state->lanes.find(sink);
      return found != state->lanes.end() && found->second.durable == point;
    });
  }
  bool confirms(std::size_t transaction) {
    return eventually([&] { return database->confirmed_now() == transaction; });
  }

  FakeRuntime fake;
  FakeStore store;
  Committer committer{store, std::chrono::milliseconds(1), fake.runtime};
  // Stores at most once by itself.
  Committer rare_committer{store, std::chrono::hours(1), fake.runtime};
  std::unique_ptr<FakeDatabase> database =
      std::make_unique<FakeDatabase>(std::vector<int>{1, 2, 0, 3, 1, 1});
  std::vector<std::unique_ptr<Spoke>> spokes;
  BatchBuilder::Limits limits;
  std::size_t buffer_bytes = std::size_t{64} << 20;
  // Last, so that it ends before what it uses.
  std::unique_ptr<Pipeline> pipeline;
};

}  // namespace rowtide::test
