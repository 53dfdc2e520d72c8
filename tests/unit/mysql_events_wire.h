#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sources/mysql/binlog_event.h"
#include "sources/mysql/binlog_messages.h"

namespace rowtide::mysql {

// Bytes of binary log events as servers write them.
namespace wire {

// "02 70 00" and "027000" alike.
std::string bytes(std::string_view hex);
std::string number(std::uint64_t value, std::size_t size_bytes);
std::string lenenc(std::uint64_t value);

// A whole event with its header; with its CRC when `checksum`.
std::string event(EventType type, std::string_view body, bool checksum = true,
                  std::uint16_t flags = 0, std::uint32_t server_id = 1,
                  std::uint32_t timestamp_s = 1'795'000'000, std::uint32_t log_pos = 1000);
std::string format_description(std::string_view server_version, bool checksum = true,
                               std::uint32_t created_s = 0);
std::string query_body(std::string_view database, std::string_view statement,
                       std::string_view status_variables = {});
std::string gtid_body(const Uuid& uuid, std::int64_t gno,
                      std::int64_t committed_at_us = 1'795'000'000'000'001);
std::string mariadb_gtid_body(std::uint32_t domain, std::uint64_t sequence, std::uint8_t flags,
                              std::string_view gtrid = {});
std::string xa_prepare_body(std::string_view gtrid, bool one_phase = false);

}  // namespace wire

}  // namespace rowtide::mysql
