#include <cstdlib>
#include <functional>
#include <iostream>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "tools/rowtide/commands.h"
#include "tools/rowtide/completion.h"
#include "tools/rowtide/hooks.h"

namespace rowtide {
namespace {

// The command line. Options of commands share one struct, since one command runs.
struct CommandLine {
  CLI::App app{"Rowtide: steers a running daemon and checks configurations", "rowtide"};
  DaemonOptions daemon;
  CommandOptions options;
  std::string shell;
  std::function<int(Commands&)> chosen;
};

CLI::App* add_command(CommandLine& line, CLI::App& parent, const char* name, const char* about,
                      std::function<int(Commands&)> run) {
  CLI::App* command = parent.add_subcommand(name, about);
  command->callback([&line, run = std::move(run)] { line.chosen = run; });
  return command;
}

void add_json(CommandLine& line, CLI::App* command) {
  command->add_flag("--json", line.options.json, "Print JSON");
}

void add_pipeline(CommandLine& line, CLI::App* command) {
  command->add_option("PIPELINE", line.options.pipeline, "Name of the pipeline")->required();
}

void add_sink(CommandLine& line, CLI::App* command, const char* about) {
  command->add_option("--sink", line.options.sink, about);
}

void add_interval(CommandLine& line, CLI::App* command) {
  command->add_option("--interval", line.options.interval_seconds, "Seconds between two showings")
      ->check(CLI::Range(0.1, 3600.0));
}

void add_daemon_commands(CommandLine& line) {
  CommandOptions& options = line.options;
  CLI::App& app = line.app;
  auto* status = add_command(line, app, "status", "Show pipelines, sinks, lag and errors",
                             [](Commands& c) { return c.status(); });
  status->add_flag("--watch", options.watch, "Show it again and again");
  add_interval(line, status);
  add_json(line, status);

  struct Action {
    const char* name;
    const char* about;
  };
  for (const auto [name, about] :
       {Action{"pause", "Stop reading until resume; what was read is still delivered"},
        Action{"resume", "Go on after pause or after an error that stopped the pipeline"},
        Action{"restart", "Close the pipeline and start it from its durable position"}}) {
    auto* command =
        add_command(line, app, name, about, [name](Commands& c) { return c.act(name); });
    add_pipeline(line, command);
    add_json(line, command);
  }

  auto* reload = add_command(line, app, "reload",
                             "Take up what the configuration file says now about pipelines",
                             [](Commands& c) { return c.reload(); });
  add_json(line, reload);

  auto* tail =
      add_command(line, app, "tail", "Show live events", [](Commands& c) { return c.tail(); });
  add_pipeline(line, tail);
  add_json(line, tail);

  auto* query = add_command(line, app, "query", "Ask a sink with one read-only SQL statement",
                            [](Commands& c) { return c.query(); });
  add_pipeline(line, query);
  query->add_option("SQL", options.sql, "The statement")->required();
  add_sink(line, query, "Sink to ask; the first that can answer by default");
  add_json(line, query);
}

void add_offsets(CommandLine& line) {
  auto* offsets = line.app.add_subcommand("offsets", "Show or set where sinks go on");
  offsets->require_subcommand(1);
  auto* show = add_command(line, *offsets, "show", "Show the durable position of every sink",
                           [](Commands& c) { return c.show_offsets(); });
  add_pipeline(line, show);
  add_json(line, show);
  auto* set = add_command(line, *offsets, "set", "Set where a paused pipeline goes on",
                          [](Commands& c) { return c.set_offsets(); });
  add_pipeline(line, set);
  set->add_option("POSITION", line.options.position, "As offsets show prints it")->required();
  add_sink(line, set, "Only this sink");
  set->add_option("--token", line.options.token, "The source's token, as offsets show prints it");
  add_json(line, set);
}

// An empty value is a variable that was not set: it must not come to mean "everything".
std::string says_something(const std::string& value) {
  return value.find_first_not_of(" \t\r\n") == std::string::npos ? "must not be empty" : "";
}

std::string names_something(const std::string& list) {
  for (const auto& name : split_names(list)) {
    if (name.empty()) {
      return "must be names with commas between them";
    }
  }
  return "";
}

void add_backfill_start(CommandLine& line, CLI::App& backfill) {
  CommandOptions& options = line.options;
  auto* start = add_command(line, backfill, "start", "Read rows that are in the tables already",
                            [](Commands& c) { return c.start_backfill(); });
  add_pipeline(line, start);
  start
      ->add_option("--table", options.tables,
                   "SCHEMA.TABLE or a pattern of it; give it again for further tables")
      ->required()
      ->allow_extra_args(false)
      ->check(says_something);
  start->add_option("--where", options.where, "Only rows for which this SQL condition holds")
      ->check(says_something);
  start
      ->add_option("--columns", options.columns,
                   "Only these columns and the key's, with commas between them")
      ->check(names_something);
  start->add_flag("--replace", options.replace,
                  "Fill copies beside the mirrors in use and swap them at the end");
  start->add_flag("--wait", options.wait, "Wait until it has ended; 0 only if it has finished");
  add_interval(line, start);
  add_json(line, start);
}

void add_backfill(CommandLine& line) {
  CommandOptions& options = line.options;
  auto* backfill = line.app.add_subcommand("backfill", "Read tables again, or for the first time");
  backfill->require_subcommand(1);
  add_backfill_start(line, *backfill);
  auto* list = add_command(line, *backfill, "list", "Show all backfills, the newest first",
                           [](Commands& c) { return c.list_backfills(); });
  list->add_option("--pipeline", options.pipeline, "Only those of this pipeline")
      ->check(says_something);
  add_json(line, list);
  const auto add_id = [&options](CLI::App* command) {
    command->add_option("ID", options.backfill, "As backfill list prints it")
        ->required()
        ->check(says_something);
  };
  auto* show = add_command(line, *backfill, "show", "Show a backfill and its tables",
                           [](Commands& c) { return c.show_backfill(); });
  add_id(show);
  show->add_flag("--watch", options.watch, "Show it again and again until it has ended");
  add_interval(line, show);
  add_json(line, show);

  struct Action {
    const char* name;
    const char* about;
  };
  for (const auto [name, about] :
       {Action{"pause", "Stop reading until resume; what was read is still delivered"},
        Action{"resume", "Go on after pause, or try again after an error"},
        Action{"cancel", "End it for good; what was delivered stays"}}) {
    auto* command = add_command(line, *backfill, name, about,
                                [name](Commands& c) { return c.act_on_backfill(name); });
    add_id(command);
    add_json(line, command);
  }
}

void add_config_commands(CommandLine& line) {
  CommandOptions& options = line.options;
  auto* check = add_command(line, line.app, "check",
                            "Check a configuration and everything that it connects to",
                            [](Commands& c) { return c.check(); });
  check->add_option("FILE", options.file, "The configuration")->required();
  check->add_flag("--no-connect", options.no_connect, "Only read the file");
  add_json(line, check);
  auto* init = add_command(line, line.app, "init", "Write a configuration for a live database",
                           [](Commands& c) { return c.init(); });
  init->add_option("URL", options.url, "E.g. postgresql://user@host:5432/database")->required();
  init->add_option("-o,--output", options.output, "File to create; standard output by default");
}

CommandShape shape_of(const CLI::App& app) {
  CommandShape shape{app.get_name(), app.get_description(), {}, {}};
  for (const CLI::Option* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) {
      shape.options.push_back("--" + name);
    }
  }
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    shape.commands.push_back(shape_of(*command));
  }
  return shape;
}

void add_printers(CommandLine& line, const ToolHooks& hooks, ToolStreams streams) {
  auto* completion = add_command(line, line.app, "completion", "Print a shell's completion script",
                                 [&line, streams](Commands&) {
                                   streams.out << completion_script(line.shell, shape_of(line.app));
                                   return streams.out ? kExitOk : kExitRefused;
                                 });
  completion->add_option("SHELL", line.shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  add_command(line, line.app, "version", "Print the version", [streams](Commands&) {
    streams.out << "rowtide " << ROWTIDE_VERSION << '\n';
    return streams.out ? kExitOk : kExitRefused;
  });
  add_command(line, line.app, "schema", "Print the JSON Schema of the configuration",
              [&hooks, streams](Commands&) {
                streams.out << hooks.json_schema() << '\n';
                return streams.out ? kExitOk : kExitRefused;
              });
}

void describe(CommandLine& line, const ToolHooks& hooks, ToolStreams streams) {
  CLI::App& app = line.app;
  app.require_subcommand(1);
  // Lets --admin and the like stand behind the command, too.
  app.fallthrough();
  app.add_option("--admin", line.daemon.admin, "The daemon: HOST:PORT or unix:PATH");
  app.add_option("--config", line.daemon.config, "Configuration that tells address and token");
  app.add_option("--token-file", line.daemon.token_file, "File with the admin API's token");
  app.footer("Without --admin and --config the daemon is looked for at " +
             std::string(kDefaultAdminAddress) + ".");
  add_daemon_commands(line);
  add_offsets(line);
  add_backfill(line);
  add_config_commands(line);
  add_printers(line, hooks, streams);
}

}  // namespace

int run_tool(int argc, const char* const* argv, const ToolHooks& hooks, ToolStreams streams) {
  CommandLine line;
  describe(line, hooks, streams);
  try {
    line.app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
      return line.app.exit(error, streams.out, streams.err);
    }
    streams.err << "rowtide: " << error.what() << ". Run 'rowtide --help'\n";
    return kExitUsage;
  }
  Commands commands(hooks, streams, line.daemon, line.options);
  return line.chosen(commands);
}

int run_tool(int argc, char** argv, const ToolHooks& hooks) {
  const char* no_colour = std::getenv("NO_COLOR");
  const bool colours = no_colour == nullptr || *no_colour == '\0';
  return run_tool(argc, static_cast<const char* const*>(argv), hooks,
                  ToolStreams{std::cout, std::cerr, colours && ::isatty(STDOUT_FILENO) == 1});
}

}  // namespace rowtide
