#include <ostream>

#include "engine/control/status_json.h"
#include "tools/rowtide/answer_fields.h"
#include "tools/rowtide/commands.h"
#include "tools/rowtide/terminal.h"

namespace rowtide {
namespace {

Colour colour_of(const std::string& action) {
  if (action == "unchanged") {
    return Colour::kDim;
  }
  return action == "stopped" ? Colour::kYellow : Colour::kGreen;
}

// False when some pipeline could not be started.
bool all_started(const Json& report) {
  bool all = true;
  for (const Json& pipeline : member(report, "pipelines")) {
    all = all && !member(pipeline, "error").is_object();
  }
  return all;
}

void print_report(const Json& report, std::ostream& out, bool colours) {
  Table table;
  table.row({{"PIPELINE", Colour::kDim}, {"RELOAD", Colour::kDim}, {"BACKFILL", Colour::kDim}});
  for (const Json& pipeline : member(report, "pipelines")) {
    const std::string action = text(pipeline, "action");
    table.row({{text(pipeline, "name"), Colour::kBold},
               {action, colour_of(action)},
               {joined(pipeline, "backfilled_tables", SIZE_MAX)}});
    if (const auto note = text(pipeline, "note"); !note.empty()) {
      table.line("  " + note, Colour::kDim);
    }
    if (const Json& error = member(pipeline, "error"); error.is_object()) {
      table.line("  error: " + text(error, "message"), Colour::kRed);
      table.line("  remedy: " + text(error, "remedy"), Colour::kYellow);
    }
  }
  table.print(out, colours);
}

}  // namespace

int Commands::reload() {
  const auto daemon = client();
  if (!daemon) {
    return report(daemon.error(), kExitConfig);
  }
  const auto answer = daemon->post("/api/v1/reload", Json::object());
  if (!answer) {
    return report(answer.error(),
                  answer.error().code == Code::kConfig ? kExitConfig : kExitRefused);
  }
  if (options_.json) {
    streams_.out << dump_json(*answer) << '\n';
  } else {
    print_report(*answer, streams_.out, streams_.terminal);
  }
  const int printed = done();
  return all_started(*answer) ? printed : kExitRefused;
}

}  // namespace rowtide
