// The sinks that write lines of flat JSON, and the one that writes nothing.

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "sinks/blackhole/blackhole_sink.h"
#include "sinks/jsonl/jsonl_sink.h"
#include "sinks/stdout/stdout_sink.h"
#include "tests/contract/sink_subjects.h"
#include "tests/support/temp_dir.h"

namespace rowtide::test {
namespace {

using Json = nlohmann::ordered_json;

std::optional<std::string> cell_text(const Json& value) {
  if (value.is_null()) {
    return std::nullopt;
  }
  if (value.is_boolean()) {
    return value.get<bool>() ? "t" : "f";
  }
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// A half line or a line that is not JSON is kept as it is, for a comparison to fail on.
void read_lines(const std::string& path, std::vector<std::string>& lines) {
  std::ifstream in(path, std::ios::binary);
  for (std::string line; std::getline(in, line);) {
    const auto json = Json::parse(line, nullptr, false);
    if (json.is_discarded() || in.eof()) {
      lines.push_back("not a whole line: " + line.substr(0, 100));
      continue;
    }
    const auto op = json["op"].get<std::string>();
    if (op != "c" && op != "u" && op != "d" && op != "r") {
      continue;
    }
    std::vector<std::pair<std::string, std::optional<std::string>>> cells;
    for (const auto& [name, value] : (op == "d" ? json["key"] : json["after"]).items()) {
      cells.emplace_back(name, cell_text(value));
    }
    lines.push_back(
        op + " " + json["position"].get<std::string>() + " " +
        row_line(json["schema"].get<std::string>() + "." + json["table"].get<std::string>(),
                 cells));
  }
}

class BlackholeSubject final : public SinkSubject {
 public:
  Result<SinkHandle> make(const Runtime& runtime) override {
    BlackholeConfig config;
    config.format.format = FormatKind::kFlatJson;
    return make_blackhole_sink(config, runtime);
  }
  std::vector<std::string> read_back() override { return {}; }
};

class StdoutSubject final : public SinkSubject {
 public:
  StdoutSubject()
      : descriptor_(::open(path().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {}
  ~StdoutSubject() override { ::close(descriptor_); }

  Result<SinkHandle> make(const Runtime& runtime) override {
    StdoutConfig config;
    config.descriptor = descriptor_;
    return make_stdout_sink(config, runtime);
  }

  std::vector<std::string> read_back() override {
    std::vector<std::string> lines;
    read_lines(path(), lines);
    return lines;
  }

 private:
  std::string path() const { return dir_ / "out"; }

  TempDir dir_;
  int descriptor_;
};

class JsonlSubject final : public SinkSubject {
 public:
  Result<SinkHandle> make(const Runtime& runtime) override {
    JsonlConfig config;
    config.path = dir_ / "events";
    // Small, so that the suite crosses many files.
    config.rotate_bytes = 4096;
    config.flush_interval = std::chrono::milliseconds(1);
    return make_jsonl_sink(config, runtime);
  }

  std::vector<std::string> read_back() override {
    std::vector<std::string> paths;
    std::error_code code;
    for (const auto& entry : std::filesystem::directory_iterator(dir_ / "events", code)) {
      if (entry.path().extension() == ".jsonl") {
        paths.push_back(entry.path().string());
      }
    }
    std::ranges::sort(paths);
    std::vector<std::string> lines;
    for (const auto& path : paths) {
      read_lines(path, lines);
    }
    return lines;
  }

 private:
  TempDir dir_;
};

template <class Subject>
SinkEntry entry(std::string name, Keeps keeps, bool keeps_marker) {
  return {std::move(name), keeps, keeps_marker,
          [](std::string&) { return std::make_unique<Subject>(); }};
}

}  // namespace

SinkEntry blackhole_entry() {
  return entry<BlackholeSubject>("blackhole", Keeps::kNothing, false);
}
SinkEntry stdout_entry() {
  return entry<StdoutSubject>("stdout", Keeps::kEvents, false);
}
SinkEntry jsonl_entry() {
  return entry<JsonlSubject>("jsonl", Keeps::kEvents, true);
}

}  // namespace rowtide::test
