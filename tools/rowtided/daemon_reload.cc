#include <algorithm>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/config/config_change.h"
#include "tools/rowtided/daemon.h"

namespace rowtide {

Result<ReloadReport> Daemon::reload() {
  const std::unique_lock lock(reload_mutex_, std::try_to_lock);
  if (!lock) {
    return fail(operator_error(Code::kConflict, "another reload is under way, or the daemon ends",
                               "Try again when it is over: it may have read the file before it "
                               "was as it is now"));
  }
  return reload_now();
}

void Daemon::reload_for_signal() {
  const std::scoped_lock lock(reload_mutex_);
  ignore_error(reload_now(), "logged");
}

Result<ReloadReport> Daemon::reload_now() {
  const auto ends = [this]() -> Result<void> {
    if (stopping_.load()) {
      return fail(operator_error(Code::kConflict, "the daemon ends", "Start it again"));
    }
    return {};
  };
  auto outcome = [&]() -> Result<ReloadReport> {
    ROWTIDE_TRY(ends());
    ROWTIDE_TRY_ASSIGN(auto wanted, load_());
    ROWTIDE_TRY(check(wanted));
    ROWTIDE_TRY(config::check_fixed_settings(config_, wanted));
    ROWTIDE_TRY_ASSIGN(auto steps, plan_reload(std::move(wanted)));
    ROWTIDE_TRY(ends());
    stop_changed(steps);
    start_changed(steps);
    ReloadReport report;
    for (auto& step : steps) {
      report.pipelines.push_back(std::move(step.report));
    }
    return report;
  }();
  if (outcome) {
    log_report(*outcome);
  } else {
    runtime_.log.error("reload: nothing was changed: {}", outcome.error().to_text());
  }
  return outcome;
}

Result<std::vector<Daemon::ReloadStep>> Daemon::plan_reload(config::DaemonConfig wanted) const {
  std::vector<ReloadStep> steps;
  auto left = members();
  for (auto& config : wanted.pipelines) {
    auto& step = steps.emplace_back();
    step.next = std::make_shared<const config::PipelineConfig>(std::move(config));
    step.report.name = step.next->name;
    const auto running = std::ranges::find(
        left, step.next->name, [](const Member& member) { return member.config->name; });
    if (running == left.end()) {
      step.report.action = ReloadAction::kStarted;
      continue;
    }
    step.old = *running;
    left.erase(running);
    const config::PipelineConfig& before = *step.old.config;
    if (before.content.reveal() == step.next->content.reveal()) {
      step.report.action = ReloadAction::kUnchanged;
      continue;
    }
    step.report.action = ReloadAction::kRestarted;
    ROWTIDE_TRY(look_at_tables(before, *step.next, step.report));
  }
  for (auto& member : left) {
    auto& step = steps.emplace_back();
    step.report.name = member.config->name;
    step.report.action = ReloadAction::kStopped;
    step.report.note =
        "its positions stay in state_dir, and the source keeps for it what it has not read: drop "
        "its replication slot if it is not to come back";
    step.old = std::move(member);
  }
  return steps;
}

// A pipeline that runs is not given up for one that would stop at once: what its source can tell
// about further tables is told before anything is touched.
Result<void> Daemon::look_at_tables(const config::PipelineConfig& before,
                                    const config::PipelineConfig& after,
                                    ReloadedPipeline& report) const {
  const auto* source = find_entry(sources_, after.source_type);
  if (before.source_type != after.source_type || source == nullptr || !source->new_tables ||
      !source->tables || source->tables(*before.source) == source->tables(*after.source)) {
    return {};
  }
  auto tables = source->new_tables(*before.source, *after.source, after.name);
  if (tables) {
    if (after.snapshot != config::SnapshotMode::kNever) {
      report.backfilled_tables = *std::move(tables);
    }
    return {};
  }
  if (tables.error().disposition != Disposition::kRetry) {
    Error error = std::move(tables).error().with_context(after.where);
    error.code = Code::kConfig;
    return fail(std::move(error));
  }
  report.note =
      "which tables are new is found out when the source answers: " + tables.error().message;
  return {};
}

// All of them before anything starts, because a sink may have moved from one to another.
void Daemon::stop_changed(std::vector<ReloadStep>& steps) {
  std::vector<std::jthread> stops;
  for (auto& step : steps) {
    if (step.old.pipeline != nullptr && step.report.action != ReloadAction::kUnchanged) {
      stops.emplace_back([&step] { step.paused = step.old.pipeline->retire(kDrainTimeout); });
    }
  }
}

void Daemon::start_changed(std::vector<ReloadStep>& steps) {
  const auto count = static_cast<std::size_t>(
      std::ranges::count_if(steps, [](const ReloadStep& step) { return step.next != nullptr; }));
  std::vector<Member> next;
  std::vector<std::pair<ReloadStep*, std::shared_ptr<Pipeline>>> starting;
  for (auto& step : steps) {
    if (step.report.action == ReloadAction::kUnchanged) {
      next.push_back(step.old);
    } else if (step.next != nullptr) {
      next.push_back(make_member(step.next, count));
      starting.emplace_back(&step, next.back().pipeline);
    }
  }
  {
    const std::scoped_lock lock(members_mutex_);
    members_ = std::move(next);
  }
  for (auto& [step, pipeline] : starting) {
    if (stopping_.load()) {
      step->report.note = "the daemon ends before it is started";
      continue;
    }
    if (auto started = pipeline->start(step->paused); !started) {
      step->report.error = std::move(started).error();
    }
  }
}

void Daemon::log_report(const ReloadReport& report) const {
  for (const auto& pipeline : report.pipelines) {
    std::string text(to_string(pipeline.action));
    if (!pipeline.backfilled_tables.empty()) {
      text += fmt::format(", backfill of {}", fmt::join(pipeline.backfilled_tables, ", "));
    }
    if (!pipeline.note.empty()) {
      text += "; " + pipeline.note;
    }
    if (pipeline.error) {
      runtime_.log.error("reload: pipeline {} {}: {}", pipeline.name, text,
                         pipeline.error->to_text());
    } else {
      runtime_.log.info("reload: pipeline {} {}", pipeline.name, text);
    }
  }
}

}  // namespace rowtide
