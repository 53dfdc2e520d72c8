#include "tools/rowtided/daemon.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <iterator>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "sinks/format/flat_json.h"

namespace rowtide {
namespace {

// The longest that what becomes durable waits to share a sync with others.
constexpr auto kCommitInterval = std::chrono::milliseconds(50);
constexpr auto kTapInterval = std::chrono::milliseconds(200);

}  // namespace

Daemon::Daemon(config::DaemonConfig config, LoadConfig load, Runtime runtime)
    : config_(std::move(config)),
      load_(std::move(load)),
      runtime_(std::move(runtime)),
      sources_(all_sources()),
      sinks_(all_sinks()) {}

Daemon::~Daemon() {
  stop();
}

Result<void> Daemon::check(const config::DaemonConfig& config) const {
  for (const auto& finding : check_config(config, false)) {
    if (finding.severity == Finding::Severity::kError) {
      return fail(
          operator_error(Code::kConfig, finding.subject + ": " + finding.message, finding.fix));
    }
    if (finding.severity == Finding::Severity::kWarning) {
      runtime_.log.warn("{}: {}. {}", finding.subject, finding.message, finding.fix);
    }
  }
  return {};
}

Result<void> Daemon::start() {
  ROWTIDE_TRY(check(config_));
  std::error_code made;
  std::filesystem::create_directories(config_.state_dir, made);
  if (made) {
    return fail(operator_error(
        Code::kReadOnly,
        fmt::format("state_dir {} cannot be created: {}", config_.state_dir, made.message()),
        "Create it and give it to the user that runs rowtided"));
  }
  ROWTIDE_TRY_ASSIGN(store_, RocksStore::open(config_.state_dir, runtime_.log));
  committer_ = std::make_unique<Committer>(*store_, kCommitInterval, runtime_);
  std::vector<Member> first;
  for (auto& pipeline : config_.pipelines) {
    first.push_back(make_member(std::make_shared<const config::PipelineConfig>(std::move(pipeline)),
                                config_.pipelines.size()));
  }
  config_.pipelines.clear();
  {
    const std::scoped_lock lock(members_mutex_);
    members_ = first;
  }
  // Nothing is to change before everything has been started.
  const std::scoped_lock starting(reload_mutex_);
  ROWTIDE_TRY_ASSIGN(admin_, AdminServer::start(config_.admin.listen, config_.admin.token, *this,
                                                *this, *this, runtime_.clock, runtime_.log));
  for (auto& member : first) {
    ignore_error(member.pipeline->start(), "logged, and shown in the pipeline's status");
  }
  runtime_.log.info("rowtided is up: {} pipeline(s), admin on {}", first.size(), admin_->address());
  return {};
}

void Daemon::stop() {
  if (stopping_.exchange(true)) {
    return;
  }
  {
    // A reload that is under way comes to its end first, and starts nothing any more.
    const std::scoped_lock reloading(reload_mutex_);
    // Side by side: one sink that hangs does not take the others' time to drain.
    std::vector<std::jthread> stops;
    for (const auto& member : members()) {
      stops.emplace_back([pipeline = member.pipeline] { pipeline->stop(kDrainTimeout); });
    }
  }
  if (admin_ != nullptr) {
    admin_->stop();
  }
  {
    const std::scoped_lock lock(members_mutex_);
    members_.clear();
  }
  if (committer_ != nullptr) {
    committer_->stop();
  }
}

Daemon::Member Daemon::make_member(std::shared_ptr<const config::PipelineConfig> config,
                                   std::size_t count) {
  auto pipeline =
      std::make_shared<Pipeline>(settings_of(config, count), *store_, *committer_, runtime_);
  return Member{std::move(config), std::move(pipeline)};
}

PipelineSettings Daemon::settings_of(const std::shared_ptr<const config::PipelineConfig>& owned,
                                     std::size_t count) {
  const config::PipelineConfig& pipeline = *owned;
  PipelineSettings settings;
  settings.name = pipeline.name;
  settings.source_type = pipeline.source_type;
  // A quarter of the memory is for batches in flight; the rest is for the sinks' clients, the state
  // store and the transactions that are being read. A reload leaves those that run what they have.
  const auto share = config_.memory_limit_bytes / 4 / count;
  settings.buffer_bytes =
      std::clamp<std::uint64_t>(share, std::uint64_t{4} << 20, std::uint64_t{256} << 20);
  settings.retry = {pipeline.retry.initial, pipeline.retry.max};
  settings.backfill.workers = static_cast<std::size_t>(pipeline.backfill.workers);
  settings.backfill.chunk_rows = static_cast<std::uint64_t>(pipeline.backfill.chunk_rows);
  settings.backfill.buffer_bytes = pipeline.backfill.buffer_bytes;
  settings.backfill.rows_per_second = static_cast<std::uint64_t>(pipeline.backfill.rows_per_second);
  settings.backfill.events = pipeline.backfill.events;
  settings.backfill.max_load = static_cast<std::uint64_t>(pipeline.backfill.max_load);
  settings.initial_snapshot = pipeline.snapshot != config::SnapshotMode::kNever;
  settings.ends_after_snapshot = pipeline.snapshot == config::SnapshotMode::kOnly;
  const auto* source = find_entry(sources_, pipeline.source_type);
  if (source != nullptr && source->tables) {
    settings.backfill.captured = source->tables(*pipeline.source);
  }
  // The connectors refer to their settings, so the pipeline keeps these.
  settings.build = [this, owned](const PipelineState& state) { return build(*owned, state); };
  return settings;
}

Result<PipelineParts> Daemon::build(const config::PipelineConfig& pipeline,
                                    const PipelineState& state) {
  const Runtime runtime = runtime_.scoped("pipeline", pipeline.name);
  PipelineParts parts;
  const auto* source = find_entry(sources_, pipeline.source_type);
  ROWTIDE_TRY_ASSIGN(
      parts.source, source->make(*pipeline.source, pipeline.name, *store_, state.schemas, runtime));
  for (const auto& sink : pipeline.sinks) {
    LaneParts lane;
    lane.settings.name = sink.name;
    lane.settings.type = sink.type;
    lane.settings.required = sink.required;
    if (!sink.tables.matches_everything()) {
      lane.settings.wants = [filter = sink.tables](const Event& event) {
        return event.schema == nullptr || filter.matches(event.schema->schema, event.schema->table);
      };
    }
    const auto* entry = find_entry(sinks_, sink.type);
    ROWTIDE_TRY_ASSIGN(lane.sink, entry->make(*sink.connector, runtime.scoped("sink", sink.name)));
    parts.lanes.push_back(std::move(lane));
  }
  return parts;
}

std::vector<Daemon::Member> Daemon::members() const {
  const std::scoped_lock lock(members_mutex_);
  return members_;
}

Result<std::shared_ptr<Pipeline>> Daemon::find(std::string_view name) const {
  std::string known;
  for (const auto& member : members()) {
    if (member.pipeline->name() == name) {
      return member.pipeline;
    }
    known += (known.empty() ? "" : ", ") + member.pipeline->name();
  }
  return fail(operator_error(Code::kNotFound, fmt::format("there is no pipeline '{}'", name),
                             "Known pipelines: " + known));
}

std::vector<PipelineStatus> Daemon::status() const {
  std::vector<PipelineStatus> all;
  for (const auto& member : members()) {
    all.push_back(member.pipeline->status());
  }
  return all;
}

Result<void> Daemon::act(std::string_view pipeline, ControlPlane::Action action) {
  ROWTIDE_TRY_ASSIGN(const auto found, find(pipeline));
  return found->act(action);
}

Result<std::vector<ControlPlane::Offset>> Daemon::offsets(std::string_view pipeline) const {
  ROWTIDE_TRY_ASSIGN(const auto found, find(pipeline));
  return found->offsets();
}

Result<void> Daemon::set_offset(std::string_view pipeline, std::string_view sink,
                                const ResumePoint& point) {
  ROWTIDE_TRY_ASSIGN(const auto found, find(pipeline));
  return found->set_offset(sink, point);
}

Result<void> Daemon::query(std::string_view pipeline, std::string_view sink, std::string_view sql,
                           QueryOutput& out) {
  ROWTIDE_TRY_ASSIGN(const auto found, find(pipeline));
  return found->query(sink, sql, out);
}

Result<void> Daemon::tail(std::string_view pipeline, const TapOutput& out) {
  ROWTIDE_TRY_ASSIGN(auto found, find(pipeline));
  const auto tap = std::make_shared<Tap>();
  found->add_tap(tap);
  const auto encoder = make_flat_json(found->name(), ValueJsonOptions{});
  std::string line;
  std::uint64_t dropped_before = 0;
  if (!out("")) {
    return {};
  }
  while (!stopping_.load()) {
    std::uint64_t dropped = 0;
    const BatchPtr batch = tap->next(runtime_.clock.now() + kTapInterval, dropped);
    if (dropped > dropped_before) {
      dropped_before = dropped;
      if (!out(R"({"notice":"watching is slower than the stream: some changes were left out"})")) {
        return {};
      }
    }
    if (batch == nullptr) {
      if (found->retired()) {
        // A reload puts another one in its place, or none.
        auto successor = find(pipeline);
        if (!successor) {
          return {};
        }
        if (*successor != found) {
          found = *std::move(successor);
          found->add_tap(tap);
        }
      }
      // An empty line tells a reader that is gone from one that has nothing to read.
      if (!out("")) {
        return {};
      }
      continue;
    }
    for (const auto& event : batch->events()) {
      line.clear();
      encoder->encode(*batch, event, line);
      if (!out(line)) {
        return {};
      }
    }
  }
  return {};
}

Result<std::string> Daemon::start_backfill(std::string_view pipeline, const BackfillSpec& spec) {
  ROWTIDE_TRY_ASSIGN(const auto found, find(pipeline));
  return found->start_backfill(spec);
}

Result<void> Daemon::act_on_backfill(std::string_view id, BackfillControl::Action action) {
  Result<void> outcome = fail(operator_error(
      Code::kNotFound, fmt::format("there is no backfill '{}'", id), "See rowtide backfill list"));
  for (const auto& member : members()) {
    if (auto acted = member.pipeline->act_on_backfill(id, action);
        acted || acted.error().code != Code::kNotFound) {
      return acted;
    }
  }
  return outcome;
}

std::vector<BackfillStatus> Daemon::backfills() const {
  std::vector<BackfillStatus> all;
  for (auto& pipeline : status()) {
    std::ranges::move(pipeline.backfills, std::back_inserter(all));
  }
  std::ranges::stable_sort(all, std::ranges::greater{}, &BackfillStatus::created_at_us);
  return all;
}

}  // namespace rowtide
