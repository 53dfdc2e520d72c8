#include <array>

#include <fmt/format.h>

#include "engine/client/postgres_client.h"
#include "sources/postgres/preflight_parts.h"

namespace rowtide::postgres {
namespace {

constexpr int kNewestMajor = 18;

// Below these, changes can be lost when DDL on a publication commits beside an open transaction.
constexpr std::array kFirstSoundVersions = {130022, 140019, 150014, 160010, 170006};

void judge_version(const ServerInfo& server, Findings& findings) {
  if (server.major() < kOldestMajor || server.major() > kNewestMajor) {
    add_error(findings, "server version",
              fmt::format("PostgreSQL {} is not supported", server.version_text),
              fmt::format("Use a server from {} to {}", kOldestMajor, kNewestMajor));
    return;
  }
  for (const int first : kFirstSoundVersions) {
    if (server.major() == first / 10000 && server.version < first) {
      add_warning(
          findings, "server version",
          fmt::format("PostgreSQL {} can lose changes in logical decoding when ALTER "
                      "PUBLICATION or similar DDL commits beside an open transaction",
                      server.version_text),
          fmt::format("Upgrade the server to {}.{} or later", first / 10000, first % 10000));
      return;
    }
  }
  add_ok(findings, "server version", "PostgreSQL " + server.version_text);
}

void judge_wal_level(const ServerInfo& server, Findings& findings) {
  if (server.wal_level == "logical") {
    add_ok(findings, "wal_level", "logical");
    return;
  }
  add_error(findings, "wal_level",
            fmt::format("wal_level is {}; logical decoding needs logical", server.wal_level),
            wal_level_fix(server));
}

void judge_capacity(const PreflightState& state, Findings& findings) {
  const ServerInfo& server = state.server;
  if (!state.slot && server.used_replication_slots >= server.max_replication_slots) {
    add_error(findings, "max_replication_slots",
              fmt::format("all {} replication slots are taken", server.max_replication_slots),
              fmt::format("ALTER SYSTEM SET max_replication_slots = {}; and restart the server",
                          server.max_replication_slots + 5));
  } else {
    add_ok(findings, "max_replication_slots",
           fmt::format("{} of {} in use", server.used_replication_slots,
                       server.max_replication_slots));
  }
  const bool streaming_already = state.slot && state.slot->active;
  if (!streaming_already && server.used_wal_senders >= server.max_wal_senders) {
    add_error(findings, "max_wal_senders",
              fmt::format("all {} WAL senders are taken", server.max_wal_senders),
              fmt::format("ALTER SYSTEM SET max_wal_senders = {}; and restart the server",
                          server.max_wal_senders + 5));
  } else {
    add_ok(findings, "max_wal_senders",
           fmt::format("{} of {} in use", server.used_wal_senders, server.max_wal_senders));
  }
}

void judge_timeouts(const ServerInfo& server, const PostgresSourceConfig& config,
                    Findings& findings) {
  const std::int64_t configured_ms = config.wal_sender_timeout.count();
  const std::int64_t timeout_ms = configured_ms > 0 ? configured_ms : server.wal_sender_timeout_ms;
  if (timeout_ms > 0 && timeout_ms < 5000) {
    add_warning(findings, "wal_sender_timeout",
                fmt::format("{} ms: a short pause of the network ends the stream", timeout_ms),
                "Set source.wal_sender_timeout: 60s, which holds for this connection only");
  }
  if (server.idle_slot_timeout_seconds > 0) {
    add_warning(findings, "idle_replication_slot_timeout",
                fmt::format("the slot is invalidated once the pipeline has been stopped for {} s",
                            server.idle_slot_timeout_seconds),
                "ALTER SYSTEM SET idle_replication_slot_timeout = 0; SELECT pg_reload_conf();");
  }
  if (config.streaming == Choice::kOff && config.logical_decoding_work_mem_bytes == 0 &&
      server.logical_decoding_work_mem_kib < 64 * 1024) {
    add_warning(findings, "logical_decoding_work_mem",
                fmt::format("{} KiB, and streaming is off: the server spills every larger "
                            "transaction to its disk",
                            server.logical_decoding_work_mem_kib),
                "Set source.streaming: auto, or source.logical_decoding_work_mem: 256MiB");
  }
  if (!server.synchronized_standby_slots.empty() && wants_failover(server, config)) {
    add_ok(findings, "synchronized_standby_slots",
           fmt::format("the stream waits for {}", server.synchronized_standby_slots));
  }
}

void judge_standby(const PreflightState& state, const PostgresSourceConfig& config,
                   const Names& names, Findings& findings) {
  const ServerInfo& server = state.server;
  if (!server.in_recovery) {
    return;
  }
  if (server.major() < 16) {
    add_error(findings, "standby",
              "this server is a standby; decoding on a standby needs PostgreSQL 16",
              "Connect to the primary");
    return;
  }
  if (!server.hot_standby_feedback) {
    add_error(
        findings, "hot_standby_feedback",
        "off on this standby: the primary may remove catalog rows that decoding needs, which "
        "invalidates the slot",
        "On the standby: ALTER SYSTEM SET hot_standby_feedback = on; SELECT pg_reload_conf();");
  }
  if (!state.slot) {
    add_warning(findings, "slot " + names.slot,
                "creating a slot on an idle standby waits for the primary's next snapshot record",
                "On the primary, while Rowtide starts: SELECT pg_log_standby_snapshot();");
  }
  if (config.failover == Choice::kOn) {
    add_error(findings, "failover", "a standby cannot create failover slots",
              "Set source.failover: auto, or connect to the primary");
  }
}

void judge_role(const ServerInfo& server, Findings& findings) {
  const std::string subject = "role " + server.role;
  if (server.may_replicate) {
    add_ok(findings, subject, server.superuser ? "is a superuser" : "may replicate");
  } else {
    add_error(findings, subject, "has no REPLICATION attribute",
              fmt::format("ALTER ROLE {} REPLICATION;", quote_identifier(server.role)));
  }
}

}  // namespace

void judge_server(const PreflightState& state, const PostgresSourceConfig& config,
                  const Names& names, Findings& findings) {
  judge_version(state.server, findings);
  if (state.server.major() < kOldestMajor) {
    return;
  }
  judge_wal_level(state.server, findings);
  judge_capacity(state, findings);
  judge_timeouts(state.server, config, findings);
  judge_standby(state, config, names, findings);
  judge_role(state.server, findings);
}

}  // namespace rowtide::postgres
