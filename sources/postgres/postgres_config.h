#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/secret.h"
#include "engine/config/connector_config.h"
#include "engine/config/object_spec.h"

namespace rowtide::postgres {

// A setting that is chosen from the server's version unless the operator insists.
enum class Choice : std::uint8_t { kAuto, kOn, kOff };
// Changes that carry a replication origin come from another replication system.
enum class Origin : std::uint8_t { kAny, kNone };

// The settings of a PostgreSQL source. Filled once by the configuration, then read-only.
struct PostgresSourceConfig : config::ConnectorConfig {
  std::string url;
  Secret password;
  // Where backfills read tables: a physical standby of the server of `url`. Empty = there.
  std::string backfill_url;
  // See TablePatterns; empty = every table of a user.
  std::vector<std::string> tables;
  // Empty = made from the pipeline's name, see effective_names().
  std::string slot;
  std::string publication;
  // Where a pipeline without a position begins: "latest" = the slot as it is created now,
  // "earliest" = all that an existing slot still holds, or an LSN such as "0/16B3748".
  std::string start = "latest";
  // Creates publication and slot when they are missing and adds wanted tables to the publication.
  bool create = true;
  Choice binary = Choice::kAuto;
  Choice streaming = Choice::kAuto;
  Choice failover = Choice::kAuto;
  bool two_phase = false;
  Origin origin = Origin::kAny;
  bool messages = true;
  bool publish_via_partition_root = true;
  bool generated_columns = true;
  // Per connection; 0 = the server's own setting.
  std::chrono::milliseconds wal_sender_timeout{0};
  std::uint64_t logical_decoding_work_mem_bytes = 0;
  std::chrono::milliseconds connect_timeout{10'000};
  // How long creating the slot may wait for transactions that are already running.
  std::chrono::milliseconds slot_timeout{60'000};

  Result<void> validate() const override;
};

void describe(config::ObjectSpec& spec, PostgresSourceConfig& config);

// What the pipeline's replication slot and publication are called.
struct Names {
  std::string slot;
  std::string publication;
};

// The configured names, or rowtide_<pipeline> in the characters that a slot name may have.
Names effective_names(const PostgresSourceConfig& config, std::string_view pipeline);

// "0/16B3748" -> 23803720; Code::kConfig otherwise.
Result<std::uint64_t> parse_lsn(std::string_view text);
std::string lsn_text(std::uint64_t lsn);
void append_lsn(std::string& out, std::uint64_t lsn);

}  // namespace rowtide::postgres
