#include "engine/control/metrics.h"

#include <array>
#include <concepts>
#include <initializer_list>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace rowtide {
namespace {

using Label = std::pair<std::string_view, std::string_view>;
using Labels = std::initializer_list<Label>;

constexpr std::array kStates = {RunState::kStarting, RunState::kRunning, RunState::kRetrying,
                                RunState::kPaused,   RunState::kStopped, RunState::kFinished};
// Those of a backfill that has not ended.
constexpr std::array kBackfillStates = {BackfillState::kWaiting, BackfillState::kRunning,
                                        BackfillState::kPaused, BackfillState::kFailed};

void append_escaped(std::string& out, std::string_view value) {
  for (const char c : value) {
    if (c == '\\' || c == '"') {
      out.push_back('\\');
      out.push_back(c);
    } else if (c == '\n') {
      out.append("\\n");
    } else {
      out.push_back(c);
    }
  }
}

// Writes one family at a time.
class Exposition {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    fmt::format_to(std::back_inserter(text_), "# HELP {} {}\n# TYPE {} {}\n", name, help, name,
                   type);
  }

  template <class Number>
  void sample(Labels labels, Number value) {
    text_.append(name_);
    char separator = '{';
    for (const auto& [key, label] : labels) {
      text_.push_back(std::exchange(separator, ','));
      text_.append(key).append("=\"");
      append_escaped(text_, label);
      text_.push_back('"');
    }
    if (labels.size() != 0) {
      text_.push_back('}');
    }
    fmt::format_to(std::back_inserter(text_), " {}\n", value);
  }

  std::string take() { return std::move(text_); }

 private:
  std::string text_;
  std::string_view name_;
};

// A gauge or counter with one sample per pipeline; `value` gives a number or an optional one.
template <class Value>
void per_pipeline(Exposition& out, std::span<const PipelineStatus> pipelines, std::string_view name,
                  std::string_view type, std::string_view help, Value value) {
  out.family(name, type, help);
  for (const auto& pipeline : pipelines) {
    const auto figure = value(pipeline);
    if constexpr (requires { figure.has_value(); }) {
      if (figure) {
        out.sample({{"pipeline", pipeline.name}}, *figure);
      }
    } else {
      out.sample({{"pipeline", pipeline.name}}, figure);
    }
  }
}

template <class Value>
void per_sink(Exposition& out, std::span<const PipelineStatus> pipelines, std::string_view name,
              std::string_view type, std::string_view help, Value value) {
  out.family(name, type, help);
  for (const auto& pipeline : pipelines) {
    for (const auto& lane : pipeline.lanes) {
      out.sample({{"pipeline", pipeline.name}, {"sink", lane.name}, {"type", lane.type}},
                 value(lane));
    }
  }
}

void write_states(Exposition& out, std::span<const PipelineStatus> pipelines) {
  out.family("rowtide_pipeline_state", "gauge", "1 for the state that the pipeline is in.");
  for (const auto& pipeline : pipelines) {
    for (const auto state : kStates) {
      out.sample({{"pipeline", pipeline.name}, {"state", to_string(state)}},
                 pipeline.state == state ? 1 : 0);
    }
  }
  out.family("rowtide_sink_state", "gauge", "1 for the state that the sink's lane is in.");
  for (const auto& pipeline : pipelines) {
    for (const auto& lane : pipeline.lanes) {
      for (const auto state : kStates) {
        out.sample({{"pipeline", pipeline.name}, {"sink", lane.name}, {"state", to_string(state)}},
                   lane.state == state ? 1 : 0);
      }
    }
  }
}

void write_sources(Exposition& out, std::span<const PipelineStatus> pipelines) {
  using P = const PipelineStatus&;
  per_pipeline(out, pipelines, "rowtide_source_connected", "gauge",
               "1 while the source's connection stands.",
               [](P p) { return p.source.connected ? 1 : 0; });
  per_pipeline(out, pipelines, "rowtide_source_lag_bytes", "gauge",
               "Bytes of the database's log that are not yet read.",
               [](P p) { return p.source.lag_bytes; });
  per_pipeline(out, pipelines, "rowtide_source_lag_seconds", "gauge",
               "Age of the last change that was read.", [](P p) { return p.source.lag_seconds; });
  per_pipeline(out, pipelines, "rowtide_source_retained_bytes", "gauge",
               "Bytes of log that the database keeps for this pipeline.",
               [](P p) { return p.source.retained_bytes; });
  per_pipeline(out, pipelines, "rowtide_source_spilled_bytes", "gauge",
               "Bytes of unfinished transactions that are kept on disk.",
               [](P p) { return p.source.spilled_bytes; });
  per_pipeline(out, pipelines, "rowtide_source_events_total", "counter",
               "Events read from the source.", [](P p) { return p.events_read; });
  per_pipeline(out, pipelines, "rowtide_source_transactions_total", "counter",
               "Transactions read from the source.", [](P p) { return p.transactions_read; });
  per_pipeline(out, pipelines, "rowtide_source_bytes_total", "counter",
               "Bytes read from the source.", [](P p) { return p.bytes_read; });
  per_pipeline(out, pipelines, "rowtide_pipeline_retries_total", "counter",
               "Times that the pipeline started its source again after an error.",
               [](P p) { return p.retries; });
  per_pipeline(out, pipelines, "rowtide_buffer_bytes", "gauge",
               "Bytes read from the source that some sink has not made durable.",
               [](P p) { return p.buffered_bytes; });
  per_pipeline(out, pipelines, "rowtide_buffer_limit_bytes", "gauge",
               "Buffered bytes at which reading waits.", [](P p) { return p.buffer_limit_bytes; });
}

void write_sinks(Exposition& out, std::span<const PipelineStatus> pipelines) {
  using L = const LaneStatus&;
  per_sink(out, pipelines, "rowtide_sink_rows_total", "counter", "Rows made durable in the sink.",
           [](L l) { return l.rows_delivered; });
  per_sink(out, pipelines, "rowtide_sink_bytes_total", "counter", "Bytes made durable in the sink.",
           [](L l) { return l.bytes_delivered; });
  per_sink(out, pipelines, "rowtide_sink_lag_seconds", "gauge",
           "Age of the oldest change that the sink was given and has not made durable.",
           [](L l) { return l.lag_seconds; });
  per_sink(out, pipelines, "rowtide_sink_retries_total", "counter",
           "Times that the sink was opened again after an error.", [](L l) { return l.retries; });
  per_sink(out, pipelines, "rowtide_sink_transactions_split_total", "counter",
           "Transactions that were committed in several parts because of their size.",
           [](L l) { return l.transactions_split; });
}

// Only backfills that have not ended: an id never comes again, so that every ended one would stay a
// series for ever.
template <class Value>
void per_backfill(Exposition& out, std::span<const PipelineStatus> pipelines, std::string_view name,
                  std::string_view type, std::string_view help, Value value) {
  out.family(name, type, help);
  for (const auto& pipeline : pipelines) {
    for (const auto& backfill : pipeline.backfills) {
      if (!has_ended(backfill.state)) {
        out.sample({{"pipeline", pipeline.name}, {"backfill", backfill.id}}, value(backfill));
      }
    }
  }
}

void write_backfill_states(Exposition& out, std::span<const PipelineStatus> pipelines) {
  out.family("rowtide_backfill_state", "gauge", "1 for the state that the backfill is in.");
  for (const auto& pipeline : pipelines) {
    for (const auto& backfill : pipeline.backfills) {
      if (has_ended(backfill.state)) {
        continue;
      }
      for (const auto state : kBackfillStates) {
        out.sample(
            {{"pipeline", pipeline.name}, {"backfill", backfill.id}, {"state", to_string(state)}},
            backfill.state == state ? 1 : 0);
      }
    }
  }
}

void write_backfills(Exposition& out, std::span<const PipelineStatus> pipelines) {
  using B = const BackfillStatus&;
  write_backfill_states(out, pipelines);
  per_backfill(out, pipelines, "rowtide_backfill_estimated_rows", "gauge",
               "Rows that the tables looked at so far are estimated to have.",
               [](B b) { return b.estimated_rows; });
  per_backfill(out, pipelines, "rowtide_backfill_rows_total", "counter",
               "Rows that the backfill handed to the stream.",
               [](B b) { return b.rows_delivered; });
  per_backfill(out, pipelines, "rowtide_backfill_rows_outdated_total", "counter",
               "Rows left out because the stream had something newer.",
               [](B b) { return b.rows_outdated; });
  per_backfill(out, pipelines, "rowtide_backfill_chunks_total", "counter",
               "Chunks that the backfill read.", [](B b) { return b.chunks_read; });
  per_backfill(out, pipelines, "rowtide_backfill_chunks_discarded_total", "counter",
               "Chunks that were thrown away, to be read again.",
               [](B b) { return b.chunks_discarded; });
}

}  // namespace

std::string prometheus_text(std::span<const PipelineStatus> pipelines,
                            const ProcessFigures& process) {
  Exposition out;
  out.family("rowtide_build_info", "gauge", "1, with the version that runs.");
  out.sample({{"version", process.version}}, 1);
  write_states(out, pipelines);
  write_sources(out, pipelines);
  write_sinks(out, pipelines);
  write_backfills(out, pipelines);
  out.family("process_resident_memory_bytes", "gauge", "Resident memory of the process.");
  out.sample({}, process.resident_bytes);
  out.family("process_cpu_seconds_total", "counter", "User and system CPU time of the process.");
  out.sample({}, process.cpu_seconds);
  return out.take();
}

}  // namespace rowtide
