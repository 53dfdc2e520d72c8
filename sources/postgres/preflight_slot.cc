#include <fmt/format.h>

#include "engine/client/postgres_client.h"
#include "sources/postgres/preflight_parts.h"

namespace rowtide::postgres {
namespace {

constexpr std::int64_t kMib = 1024 * 1024;

void judge_missing(const PreflightState& state, const PostgresSourceConfig& config,
                   const Names& names, Findings& findings) {
  const std::string statement = create_slot_sql(state.server, config, names.slot) + ";";
  if (config.start == "earliest") {
    add_warning(findings, "slot " + names.slot,
                "does not exist, so start: earliest has nothing older to read",
                "Set source.start: latest, or source.slot to an existing slot");
  } else if (config.create) {
    add_ok(findings, "slot " + names.slot, "will be created: " + statement);
  } else {
    add_error(findings, "slot " + names.slot, "does not exist, and source.create is false",
              statement);
  }
}

// What makes the slot useless for this pipeline; false when nothing does.
bool judge_unusable(const PreflightState& state, const Names& names, Findings& findings) {
  const SlotInfo& slot = *state.slot;
  const std::string subject = "slot " + names.slot;
  const std::string drop = drop_slot_sql(names.slot) + ";";
  if (slot.plugin.empty()) {
    add_error(findings, subject, "is a physical slot", "Choose another name in source.slot");
  } else if (slot.plugin != "pgoutput") {
    add_error(findings, subject, fmt::format("uses the plugin {}, not pgoutput", slot.plugin),
              "Choose another name in source.slot, or drop it: " + drop);
  } else if (slot.database != state.server.database) {
    add_error(findings, subject, fmt::format("belongs to database {}", slot.database),
              "Choose another name in source.slot");
  } else if (slot.lost()) {
    add_error(
        findings, subject,
        fmt::format("was invalidated ({}): changes since then are gone",
                    slot.invalidation_reason.empty() ? slot.wal_status : slot.invalidation_reason),
        drop + " -- then forget the position and load the tables again");
  } else if (slot.synced && state.server.in_recovery) {
    add_error(findings, subject, "is being synchronized from the primary and cannot be read here",
              "Connect to the primary, or promote this server");
  } else if (slot.temporary) {
    add_error(findings, subject, "is temporary and ends with the session that made it",
              "Choose another name in source.slot");
  } else {
    return false;
  }
  return true;
}

void judge_options(const PreflightState& state, const PostgresSourceConfig& config,
                   const Names& names, Findings& findings) {
  const SlotInfo& slot = *state.slot;
  const std::string subject = "slot " + names.slot;
  if (slot.two_phase && !config.two_phase) {
    add_warning(findings, subject, "delivers prepared transactions when they are prepared",
                "Set source.two_phase: true; the slot cannot be changed back");
  }
  if (wants_failover(state.server, config) && !slot.failover && !slot.synced) {
    const std::string message = "is not a failover slot: after a failover the stream cannot go on";
    const std::string fix = fmt::format(
        "With a replication connection while the pipeline is paused: "
        "ALTER_REPLICATION_SLOT {} (FAILOVER);",
        quote_identifier(names.slot));
    if (config.failover == Choice::kOn) {
      add_warning(findings, subject, message, fix);
    } else {
      add_ok(findings, subject, "is not a failover slot");
    }
  }
}

void judge_retention(const PreflightState& state, const Names& names, Findings& findings) {
  const SlotInfo& slot = *state.slot;
  const std::string subject = "slot " + names.slot;
  const std::int64_t retained_mib = slot.retained_bytes.value_or(0) / kMib;
  if (slot.wal_status == "unreserved") {
    add_warning(findings, subject,
                fmt::format("is about to lose WAL that it needs ({} MiB behind)", retained_mib),
                "Start the pipeline now, or ALTER SYSTEM SET max_slot_wal_keep_size = -1; SELECT "
                "pg_reload_conf();");
  } else if (slot.safe_wal_size_bytes && state.server.max_slot_wal_keep_size_mib > 0 &&
             *slot.safe_wal_size_bytes / kMib < state.server.max_slot_wal_keep_size_mib / 5) {
    add_warning(findings, subject,
                fmt::format("{} MiB behind; {} MiB more and the server gives it up", retained_mib,
                            *slot.safe_wal_size_bytes / kMib),
                fmt::format("Start the pipeline, or ALTER SYSTEM SET max_slot_wal_keep_size = "
                            "'{}MB'; SELECT pg_reload_conf();",
                            state.server.max_slot_wal_keep_size_mib * 2));
  } else {
    add_ok(findings, subject,
           fmt::format("keeps {} MiB of WAL; max_slot_wal_keep_size is {}", retained_mib,
                       state.server.max_slot_wal_keep_size_mib < 0
                           ? "unlimited: a stopped pipeline can fill the server's disk"
                           : fmt::format("{} MiB", state.server.max_slot_wal_keep_size_mib)));
  }
}

}  // namespace

void judge_slot(const PreflightState& state, const PostgresSourceConfig& config, const Names& names,
                Findings& findings) {
  if (!state.slot) {
    judge_missing(state, config, names, findings);
    return;
  }
  if (judge_unusable(state, names, findings)) {
    return;
  }
  if (state.slot->active) {
    add_warning(
        findings, "slot " + names.slot,
        fmt::format("is in use by process {}{}", state.slot->active_pid,
                    state.slot->active_by.empty() ? "" : " (" + state.slot->active_by + ")"),
        fmt::format("If that is not this pipeline's own daemon: SELECT "
                    "pg_terminate_backend({});",
                    state.slot->active_pid));
  }
  judge_options(state, config, names, findings);
  judge_retention(state, names, findings);
}

}  // namespace rowtide::postgres
