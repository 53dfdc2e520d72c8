#pragma once

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "sinks/jsonl/jsonl_sink.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_batches.h"

namespace rowtide::test {

inline std::string file_content(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

// Data files of a directory by name.
inline std::map<std::string, std::string> data_files(const std::filesystem::path& directory) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() == ".jsonl") {
      files[entry.path().filename().string()] = file_content(entry.path());
    }
  }
  return files;
}

// The positions of all lines, over all files in order.
inline std::vector<std::string> positions_in(const std::filesystem::path& directory) {
  std::vector<std::string> positions;
  for (const auto& [name, content] : data_files(directory)) {
    std::istringstream in(content);
    for (std::string line; std::getline(in, line);) {
      positions.push_back(nlohmann::json::parse(line).at("position").get<std::string>());
    }
  }
  return positions;
}

// A jsonl sink over one directory, with a clock that the test moves.
class JsonlTest : public ::testing::Test {
 protected:
  class TestClock final : public Clock {
   public:
    MonotonicTime now() const noexcept override { return time; }
    std::int64_t wall_us() const noexcept override { return 0; }
    MonotonicTime time{std::chrono::hours(1)};
  };

  JsonlTest() { config_.path = dir_ / "events"; }

  Runtime runtime() { return Runtime{clock_, failpoints_, Log::silent()}; }

  static LaneContext context(std::uint64_t epoch) {
    LaneContext made;
    made.pipeline = "shop";
    made.sink = "files";
    made.epoch = Epoch(epoch);
    return made;
  }

  Result<std::optional<ResumePoint>> open(std::uint64_t epoch = 1) {
    sink_.reset();
    sink_ = std::move(make_jsonl_sink(config_, runtime()).value().sink);
    return sink_->open(context(epoch));
  }

  void submit(const BatchPtr& batch) {
    const auto submitted = sink_->submit(batch, clock_.time);
    ASSERT_TRUE(submitted) << submitted.error().to_text();
  }

  void flush() {
    const auto flushed = sink_->flush(clock_.time);
    ASSERT_TRUE(flushed) << flushed.error().to_text();
  }

  DurableReport poll() { return sink_->poll_durable(clock_.time).value(); }

  std::filesystem::path path(const std::string& name) const {
    return std::filesystem::path(config_.path) / name;
  }

  TempDir dir_;
  JsonlConfig config_;
  TestClock clock_;
  Failpoints failpoints_;
  std::unique_ptr<Sink> sink_;
};

}  // namespace rowtide::test
