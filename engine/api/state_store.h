#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/strong_id.h"
#include "engine/model/position.h"
#include "engine/model/table_schema.h"

namespace rowtide {

// Where one lane stands.
struct LaneState {
  // Everything up to here is durable in the sink or needed no delivery.
  ResumePoint durable;
  // The last position at which the sink itself was given data and wrote its marker; what its marker
  // must hold at least. Differs from `durable` when the stream went on without rows for this lane.
  std::optional<ResumePoint> marker;

  friend bool operator==(const LaneState&, const LaneState&) = default;
};

struct PipelineState {
  Epoch epoch;
  // By sink name.
  std::map<std::string, LaneState> lanes;
  // Content of the last known schema of each table, by table id.
  std::map<std::uint64_t, TableSchema> schemas;
  // Records of backfills by id, in the form of whoever put them.
  std::map<std::string, std::string> backfills;
  // Patterns of the tables that the pipeline captures; nullopt = never noted, as by a version that
  // did not note it.
  std::optional<std::vector<std::string>> captured;
};

// What one pipeline wants to have stored, all of it or nothing.
struct Commit {
  std::string pipeline;
  std::map<std::string, LaneState> lanes;
  std::vector<SchemaPtr> schemas;
  // As in PipelineState: records to put, and patterns that take the place of those noted before.
  std::map<std::string, std::string> backfills = {};
  std::optional<std::vector<std::string>> captured = std::nullopt;
};

// Positions and schemas of every pipeline of the daemon.
//
// Thread safe; lanes and schemas are committed by the committer only. A store belongs to one
// process: opening it twice fails with Code::kLocked.
class StateStore {
 public:
  virtual ~StateStore() = default;

  virtual Result<PipelineState> load(std::string_view pipeline) = 0;
  // Steps and returns the pipeline's epoch, synced, so that no two openings ever share one. It is
  // at least `floor`: a store that was lost or restored must not fall behind what the sinks have
  // seen, so openings pass the wall clock in milliseconds.
  virtual Result<Epoch> begin_epoch(std::string_view pipeline, Epoch floor) = 0;
  // One synced atomic write of everything in `commits`.
  virtual Result<void> commit(std::span<const Commit> commits) = 0;
  // Replaces a lane's stored position (rowtide offsets set); synced.
  virtual Result<void> set_lane(std::string_view pipeline, std::string_view sink,
                                const LaneState& state) = 0;
  // Forgets a lane; synced.
  virtual Result<void> erase_lane(std::string_view pipeline, std::string_view sink) = 0;
  // Stores the record of a backfill, or forgets it when `record` is empty; synced.
  virtual Result<void> put_backfill(std::string_view pipeline, std::string_view id,
                                    std::string_view record) = 0;
};

// Room on disk for transactions in progress, one area per pipeline. Nothing here survives a
// restart or needs to: the server sends such a transaction again. Keyed by (pipeline, transaction,
// sequence); written without log or sync.
// Thread: each pipeline's reader uses its own keys; safe across pipelines.
class SpillStore {
 public:
  virtual ~SpillStore() = default;

  virtual Result<void> append(std::string_view pipeline, std::uint64_t transaction,
                              std::uint64_t sequence, std::string_view block) = 0;
  // The block written under `sequence`; kNotFound when there is none.
  virtual Result<std::string> read(std::string_view pipeline, std::uint64_t transaction,
                                   std::uint64_t sequence) = 0;
  // Forgets one transaction and gives its room back soon.
  virtual Result<void> drop(std::string_view pipeline, std::uint64_t transaction) = 0;
  // Forgets everything of a pipeline.
  virtual Result<void> clear(std::string_view pipeline) = 0;
};

}  // namespace rowtide
