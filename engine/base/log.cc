#include "engine/base/log.h"

#include <utility>

#include <spdlog/sinks/null_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

namespace rowtide {
namespace {

std::string json_escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 8);
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      out.push_back(c);
    }
  }
  return out;
}

}  // namespace

Log::Log(std::shared_ptr<spdlog::logger> logger, LogFormat format)
    : logger_(std::move(logger)), format_(format) {}

Log Log::to_stderr(LogFormat format, std::string_view level) {
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  auto logger = std::make_shared<spdlog::logger>("rowtide", std::move(sink));
  logger->set_level(spdlog::level::from_str(std::string(level)));
  if (format == LogFormat::kJson) {
    logger->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l",%v})",
                        spdlog::pattern_time_type::utc);
  } else {
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%fZ %-5l %v", spdlog::pattern_time_type::utc);
  }
  logger->flush_on(spdlog::level::info);
  return {std::move(logger), format};
}

Log Log::silent() {
  return {
      std::make_shared<spdlog::logger>("silent", std::make_shared<spdlog::sinks::null_sink_mt>()),
      LogFormat::kText};
}

Log Log::scoped(std::string_view key, std::string_view value) const {
  Log child = *this;
  if (format_ == LogFormat::kJson) {
    child.scope_ += fmt::format(R"("{}":"{}",)", key, json_escaped(value));
  } else {
    child.scope_ += fmt::format("{}={} ", key, value);
  }
  return child;
}

void Log::write_line(spdlog::level::level_enum level, std::string_view message) const {
  if (format_ == LogFormat::kJson) {
    logger_->log(level, fmt::format(R"({}"message":"{}")", scope_, json_escaped(message)));
  } else {
    logger_->log(level, fmt::format("{}{}", scope_, message));
  }
}

}  // namespace rowtide
