#include <ostream>
#include <thread>
#include <utility>

#include "engine/control/status_json.h"
#include "tools/rowtide/answer_fields.h"
#include "tools/rowtide/backfill_view.h"
#include "tools/rowtide/commands.h"
#include "tools/rowtide/terminal.h"

namespace rowtide {
namespace {

// How far a backfill is, while somebody waits for it: one line that is written over and over on a
// terminal, elsewhere a line for each new state, each further tenth and each finished table.
class ProgressLines {
 public:
  ProgressLines(ToolStreams streams, std::string id) : streams_(streams), id_(std::move(id)) {}

  void show(const Json& backfill) {
    if (streams_.terminal) {
      // Without line wrapping, because only a line that fits can be written over.
      streams_.out << "\r\x1b[?7l" << progress_bar(member(backfill, "progress")) << ' '
                   << printable(progress_text(backfill)) << "\x1b[K\x1b[?7h" << std::flush;
      open_ = true;
    } else if (auto stage = stage_of(backfill); stage != stage_) {
      stage_ = std::move(stage);
      streams_.out << "backfill " << printable(id_) << ": " << printable(progress_text(backfill))
                   << '\n'
                   << std::flush;
    }
  }

  // Leaves the line, so that what is printed next gets one of its own.
  void leave() {
    if (std::exchange(open_, false)) {
      streams_.out << '\n';
    }
  }

 private:
  static std::string stage_of(const Json& backfill) {
    const Json& progress = member(backfill, "progress");
    int finished = 0;
    for (const Json& table : member(backfill, "tables")) {
      finished += is_true(table, "finished") ? 1 : 0;
    }
    return text(backfill, "state") + "|" + text(member(backfill, "last_error"), "message") + "|" +
           std::to_string(progress.is_number() ? static_cast<int>(progress.get<double>() * 10)
                                               : 0) +
           "|" + std::to_string(finished);
  }

  ToolStreams streams_;
  std::string id_;
  std::string stage_;
  bool open_ = false;
};

std::string backfill_path(const std::string& id) {
  return "/api/v1/backfills/" + path_segment(id);
}

// Why a backfill is over without having finished.
Error unfinished(const std::string& id, const Json& backfill) {
  if (text(backfill, "state") == "cancelled") {
    return operator_error(Code::kCancelled, "backfill " + id + " was cancelled", "");
  }
  const Json& error = member(backfill, "last_error");
  const std::string why = text(error, "message");
  return operator_error(Code::kInternal,
                        "backfill " + id + " failed" + (why.empty() ? "" : ": " + why),
                        why.empty() ? "See the daemon's log" : text(error, "remedy"));
}

Error not_a_backfill() {
  return operator_error(Code::kProtocol, "the daemon's answer is no backfill",
                        "Use the rowtide of the daemon's version");
}

}  // namespace

std::vector<std::string> split_names(std::string_view list) {
  std::vector<std::string> names;
  for (;;) {
    const auto comma = list.find(',');
    std::string_view name = list.substr(0, comma);
    const auto first = name.find_first_not_of(' ');
    name = first == std::string_view::npos
               ? std::string_view{}
               : name.substr(first, name.find_last_not_of(' ') + 1 - first);
    names.emplace_back(name);
    if (comma == std::string_view::npos) {
      return names;
    }
    list.remove_prefix(comma + 1);
  }
}

int Commands::start_backfill() {
  const auto daemon = client();
  if (!daemon) {
    return report(daemon.error(), kExitConfig);
  }
  Json body{{"tables", options_.tables}};
  if (!options_.where.empty()) {
    body["where"] = options_.where;
  }
  if (!options_.columns.empty()) {
    body["columns"] = split_names(options_.columns);
  }
  if (options_.replace) {
    body["replace"] = true;
  }
  const auto started = daemon->post(pipeline_path("backfills"), body);
  if (!started) {
    return report(started.error());
  }
  const std::string id = text(*started, "id");
  if (id.empty()) {
    return report(not_a_backfill());
  }
  if (options_.json && !options_.wait) {
    streams_.out << dump_json(*started) << '\n';
  } else if (!options_.json) {
    streams_.out << "backfill " << printable(id) << " started" << std::endl;
  }
  return options_.wait ? wait_for_backfill(*daemon, id) : done();
}

int Commands::wait_for_backfill(const AdminClient& daemon, const std::string& id) {
  ProgressLines lines(streams_, id);
  for (;;) {
    auto backfill = daemon.get(backfill_path(id));
    if (!backfill || text(*backfill, "state").empty()) {
      lines.leave();
      Error error = backfill ? not_a_backfill() : std::move(backfill).error();
      return report(std::move(error).with_context("backfill " + id + " is no longer watched"));
    }
    if (!options_.json) {
      lines.show(*backfill);
    }
    if (!is_over(*backfill)) {
      pause_between_showings();
      continue;
    }
    lines.leave();
    if (options_.json) {
      streams_.out << dump_json(*backfill) << '\n';
    }
    const int printed = done();
    return text(*backfill, "state") == "finished" ? printed : report(unfinished(id, *backfill));
  }
}

int Commands::list_backfills() {
  const auto daemon = client();
  if (!daemon) {
    return report(daemon.error(), kExitConfig);
  }
  const auto answer = daemon->get(options_.pipeline.empty() ? std::string("/api/v1/backfills")
                                                            : "/api/v1/backfills?pipeline=" +
                                                                  path_segment(options_.pipeline));
  if (!answer) {
    return report(answer.error());
  }
  if (options_.json) {
    streams_.out << dump_json(*answer) << '\n';
  } else {
    print_backfills(*answer, streams_.out, streams_.terminal);
  }
  return done();
}

int Commands::show_backfill() {
  const auto daemon = client();
  if (!daemon) {
    return report(daemon.error(), kExitConfig);
  }
  for (;;) {
    const auto backfill = daemon->get(backfill_path(options_.backfill));
    if (!backfill) {
      return report(backfill.error());
    }
    if (options_.json) {
      streams_.out << dump_json(*backfill) << '\n';
    } else {
      streams_.out << (options_.watch && streams_.terminal ? "\x1b[H\x1b[2J" : "");
      print_backfill(*backfill, streams_.out, streams_.terminal);
    }
    const int code = done();
    if (!options_.watch || code != kExitOk || is_over(*backfill)) {
      return code;
    }
    pause_between_showings();
  }
}

int Commands::act_on_backfill(const char* action) {
  const auto daemon = client();
  if (!daemon) {
    return report(daemon.error(), kExitConfig);
  }
  const auto answer = daemon->post(backfill_path(options_.backfill) + "/" + action, Json::object());
  if (!answer) {
    return report(answer.error());
  }
  if (options_.json) {
    streams_.out << dump_json(*answer) << '\n';
  } else {
    streams_.out << "backfill " << printable(options_.backfill) << ": " << action << " requested\n";
  }
  return done();
}

}  // namespace rowtide
