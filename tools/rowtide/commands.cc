#include "tools/rowtide/commands.h"

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <ostream>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "engine/control/status_json.h"
#include "tools/rowtide/findings_view.h"
#include "tools/rowtide/status_view.h"
#include "tools/rowtide/tail_view.h"
#include "tools/rowtide/terminal.h"

namespace rowtide {
namespace {

// What the tool itself cannot find or read; reported with kExitConfig.
Error setting_error(std::string message, std::string remedy) {
  return operator_error(Code::kConfig, std::move(message), std::move(remedy));
}

Result<Secret> read_token(const std::string& path) {
  std::ifstream file(path);
  std::string token{std::istreambuf_iterator<char>(file), {}};
  const auto last = token.find_last_not_of(" \t\r\n");
  token.erase(last == std::string::npos ? 0 : last + 1);
  if (!file || token.empty()) {
    return fail(setting_error("the token file " + path + " cannot be read or is empty",
                              "Write the value of admin.token into it"));
  }
  return Secret(std::move(token));
}

// Creates `path` and never replaces a file.
Result<void> write_new_file(const std::string& path, const std::string& content) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) {
    return fail(
        operator_error(errno == EEXIST ? Code::kConflict : Code::kPermission,
                       "cannot write " + path + ": " + std::generic_category().message(errno),
                       "Name a file that does not exist, in a folder that does"));
  }
  std::size_t written = 0;
  while (written < content.size()) {
    const ssize_t count = ::write(fd, content.data() + written, content.size() - written);
    if (count < 0 && errno != EINTR) {
      break;
    }
    written += count > 0 ? static_cast<std::size_t>(count) : 0;
  }
  if (::close(fd) != 0 || written != content.size()) {
    return fail(operator_error(Code::kDiskFull, "could not write all of " + path,
                               "Make room on the disk, remove the file and try again"));
  }
  return {};
}

// What a line that is no event says; nullptr when it is one.
const Json* note_of(const Json& line) {
  const auto found = line.find("rowtide");
  return found != line.end() && line.begin() == found ? &*found : nullptr;
}

}  // namespace

Result<AdminClient> Commands::client() const {
  std::string address(kDefaultAdminAddress);
  Secret token;
  if (!daemon_.config.empty()) {
    ROWTIDE_TRY_ASSIGN(const auto config, hooks_.load_config(daemon_.config));
    address = config.admin.listen;
    token = config.admin.token;
  }
  if (!daemon_.admin.empty()) {
    address = daemon_.admin;
  }
  if (!daemon_.token_file.empty()) {
    ROWTIDE_TRY_ASSIGN(token, read_token(daemon_.token_file));
  }
  ROWTIDE_TRY_ASSIGN(auto parsed, parse_admin_address(address));
  // A daemon that listens on every address is reached by the loopback one.
  if (parsed.host == "0.0.0.0") {
    parsed.host = "127.0.0.1";
  } else if (parsed.host == "::") {
    parsed.host = "::1";
  }
  return AdminClient(std::move(parsed), std::move(token));
}

std::string Commands::pipeline_path(const char* resource) const {
  return "/api/v1/pipelines/" + path_segment(options_.pipeline) + "/" + resource;
}

int Commands::report(const Error& error, ExitCode otherwise) {
  streams_.err << "rowtide: " << printable(error.to_text()) << '\n';
  return error.code == Code::kConnection ? kExitUnreachable : otherwise;
}

// A full disk or a closed pipe behind standard output is a failure, too.
int Commands::done() {
  streams_.out.flush();
  return streams_.out ? kExitOk : kExitRefused;
}

void Commands::pause_between_showings() const {
  std::this_thread::sleep_for(std::chrono::duration<double>(options_.interval_seconds));
}

int Commands::print_status_once(const AdminClient& daemon, bool clear) {
  const auto status = daemon.get("/api/v1/status");
  if (!status) {
    return report(status.error());
  }
  if (options_.json) {
    streams_.out << dump_json(*status) << '\n';
    return done();
  }
  if (clear) {
    streams_.out << "\x1b[H\x1b[2J";
  }
  print_status(*status, streams_.out, streams_.terminal);
  return done();
}

int Commands::status() {
  const auto daemon = client();
  if (!daemon) {
    return report(daemon.error(), kExitConfig);
  }
  int code = print_status_once(*daemon, options_.watch && streams_.terminal);
  while (options_.watch && code == kExitOk) {
    pause_between_showings();
    code = print_status_once(*daemon, streams_.terminal);
  }
  return code;
}

int Commands::show_offsets() {
  const auto daemon = client();
  if (!daemon) {
    return report(daemon.error(), kExitConfig);
  }
  const auto offsets = daemon->get(pipeline_path("offsets"));
  if (!offsets) {
    return report(offsets.error());
  }
  if (options_.json) {
    streams_.out << dump_json(*offsets) << '\n';
  } else {
    print_offsets(*offsets, streams_.out, streams_.terminal);
  }
  return done();
}

int Commands::set_offsets() {
  const auto daemon = client();
  if (!daemon) {
    return report(daemon.error(), kExitConfig);
  }
  Json body{{"position", options_.position}};
  if (!options_.sink.empty()) {
    body["sink"] = options_.sink;
  }
  if (!options_.token.empty()) {
    body["token"] = options_.token;
  }
  const auto offsets = daemon->put(pipeline_path("offsets"), body);
  if (!offsets) {
    return report(offsets.error());
  }
  if (options_.json) {
    streams_.out << dump_json(*offsets) << '\n';
  } else {
    print_offsets(*offsets, streams_.out, streams_.terminal);
  }
  return done();
}

int Commands::act(const char* action) {
  const auto daemon = client();
  if (!daemon) {
    return report(daemon.error(), kExitConfig);
  }
  const auto answer = daemon->post(pipeline_path(action), Json::object());
  if (!answer) {
    return report(answer.error());
  }
  if (options_.json) {
    streams_.out << dump_json(*answer) << '\n';
  } else {
    streams_.out << printable(options_.pipeline) << ": " << action << " requested\n";
  }
  return done();
}

int Commands::tail() {
  const auto daemon = client();
  if (!daemon) {
    return report(daemon.error(), kExitConfig);
  }
  int code = kExitOk;
  const auto on_line = [this, &code](std::string_view line) {
    if (line.empty()) {
      return true;
    }
    const Json json = Json::parse(line, nullptr, false);
    if (!json.is_object()) {
      code = report(operator_error(Code::kProtocol, "the daemon sent a line that is no event",
                                   "Use the rowtide of the daemon's version"));
      return false;
    }
    if (const Json* note = note_of(json)) {
      if (*note == "dropped") {
        streams_.err << "rowtide: " << json.value("lines", std::uint64_t{0})
                     << " events are not shown. They came faster than they could be read\n";
      } else if (json.contains("error") && json["error"].is_object()) {
        code = report(operator_error(Code::kInternal, json["error"].value("message", ""),
                                     json["error"].value("remedy", "")));
      }
      return true;
    }
    if (options_.json) {
      streams_.out << line << '\n';
    } else {
      streams_.out << render_event(json, streams_.terminal) << '\n';
    }
    streams_.out.flush();
    return static_cast<bool>(streams_.out);
  };
  if (const auto ended = daemon->stream(pipeline_path("tail"), on_line); !ended) {
    return report(ended.error());
  }
  return code;
}

int Commands::query() {
  const auto daemon = client();
  if (!daemon) {
    return report(daemon.error(), kExitConfig);
  }
  Json body{{"sql", options_.sql}};
  if (!options_.sink.empty()) {
    body["sink"] = options_.sink;
  }
  const auto answer = daemon->post(pipeline_path("query"), body);
  if (!answer) {
    return report(answer.error());
  }
  if (options_.json) {
    streams_.out << dump_json(*answer) << '\n';
  } else {
    print_rows(*answer, streams_.out, streams_.terminal);
  }
  return done();
}

int Commands::check() {
  const auto config = hooks_.load_config(options_.file);
  if (!config) {
    if (options_.json) {
      print_findings_json({{Finding::Severity::kError, "configuration", config.error().message,
                            config.error().remedy}},
                          streams_.out);
      return kExitConfig;
    }
    report(config.error());
    return kExitConfig;
  }
  Findings findings{{Finding::Severity::kOk, "configuration", options_.file + " is valid", ""}};
  auto found = hooks_.check(*config, !options_.no_connect);
  findings.insert(findings.end(), std::make_move_iterator(found.begin()),
                  std::make_move_iterator(found.end()));
  if (options_.json) {
    print_findings_json(findings, streams_.out);
  } else {
    print_findings(findings, streams_.out, streams_.terminal);
  }
  const int printed = done();
  return has_error(findings) ? kExitRefused : printed;
}

int Commands::init() {
  const auto config = hooks_.starter_config(options_.url);
  if (!config) {
    // The database, not the daemon, is out of reach here.
    report(config.error());
    return kExitRefused;
  }
  if (options_.output.empty()) {
    streams_.out << *config;
    return done();
  }
  if (const auto written = write_new_file(options_.output, *config); !written) {
    return report(written.error());
  }
  streams_.out << "wrote " << options_.output << "; look at it, then run: rowtide check "
               << options_.output << '\n';
  return done();
}

}  // namespace rowtide
