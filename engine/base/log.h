#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <spdlog/logger.h>

#include "engine/base/error.h"

namespace rowtide {

enum class LogFormat { kText, kJson };

// A logger with a fixed scope such as "pipeline=shop sink=warehouse". Cheap to copy, thread safe.
// Messages are lower-case sentences; row values never enter one.
class Log {
 public:
  // Writes to standard error.
  static Log to_stderr(LogFormat format, std::string_view level);
  // Drops everything; for tests.
  static Log silent();

  // A logger that writes "<scope> " before each message.
  Log scoped(std::string_view key, std::string_view value) const;

  template <class... Args>
  void debug(fmt::format_string<Args...> text, Args&&... args) const {
    write(spdlog::level::debug, text, std::forward<Args>(args)...);
  }
  template <class... Args>
  void info(fmt::format_string<Args...> text, Args&&... args) const {
    write(spdlog::level::info, text, std::forward<Args>(args)...);
  }
  template <class... Args>
  void warn(fmt::format_string<Args...> text, Args&&... args) const {
    write(spdlog::level::warn, text, std::forward<Args>(args)...);
  }
  template <class... Args>
  void error(fmt::format_string<Args...> text, Args&&... args) const {
    write(spdlog::level::err, text, std::forward<Args>(args)...);
  }
  void error(const Error& failure) const { error("{}", failure.to_text()); }

 private:
  Log(std::shared_ptr<spdlog::logger> logger, LogFormat format);

  template <class... Args>
  void write(spdlog::level::level_enum level, fmt::format_string<Args...> text,
             Args&&... args) const {
    if (logger_->should_log(level)) {
      write_line(level, fmt::format(text, std::forward<Args>(args)...));
    }
  }
  void write_line(spdlog::level::level_enum level, std::string_view message) const;

  std::shared_ptr<spdlog::logger> logger_;
  LogFormat format_ = LogFormat::kText;
  std::string scope_;
};

}  // namespace rowtide
