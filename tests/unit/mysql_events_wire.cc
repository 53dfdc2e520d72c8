#include "tests/unit/mysql_events_wire.h"

#include "sources/mysql/crc32.h"

namespace rowtide::mysql::wire {

std::string bytes(std::string_view hex) {
  std::string out;
  int high = -1;
  for (const char c : hex) {
    if (c == ' ') {
      continue;
    }
    const int value = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
    if (high < 0) {
      high = value;
    } else {
      out += static_cast<char>(high << 4 | value);
      high = -1;
    }
  }
  return out;
}

std::string number(std::uint64_t value, std::size_t size_bytes) {
  return {reinterpret_cast<const char*>(&value), size_bytes};
}

std::string lenenc(std::uint64_t value) {
  if (value < 251) {
    return number(value, 1);
  }
  return value < 0x10000 ? "\xFC" + number(value, 2) : "\xFE" + number(value, 8);
}

std::string event(EventType type, std::string_view body, bool checksum, std::uint16_t flags,
                  std::uint32_t server_id, std::uint32_t timestamp_s, std::uint32_t log_pos) {
  const auto size = kEventHeaderBytes + body.size() + (checksum ? kEventChecksumBytes : 0);
  std::string out = number(timestamp_s, 4) + number(static_cast<std::uint8_t>(type), 1) +
                    number(server_id, 4) + number(size, 4) + number(log_pos, 4) + number(flags, 2) +
                    std::string(body);
  return checksum ? out + number(crc32_of(out), 4) : out;
}

std::string format_description(std::string_view server_version, bool checksum,
                               std::uint32_t created_s) {
  std::string version(server_version);
  version.resize(50);
  const std::string body = number(4, 2) + version + number(created_s, 4) + number(19, 1) +
                           std::string(40, '\x08') + number(checksum ? 1 : 0, 1);
  return event(EventType::kFormatDescription, body, true);
}

std::string query_body(std::string_view database, std::string_view statement,
                       std::string_view status_variables) {
  return number(7, 4) + number(0, 4) + number(database.size(), 1) + number(0, 2) +
         number(status_variables.size(), 2) + std::string(status_variables) +
         std::string(database) + '\0' + std::string(statement);
}

std::string gtid_body(const Uuid& uuid, std::int64_t gno, std::int64_t committed_at_us) {
  return number(0, 1) + std::string(reinterpret_cast<const char*>(uuid.data()), uuid.size()) +
         number(static_cast<std::uint64_t>(gno), 8) + number(2, 1) + number(0, 8) + number(1, 8) +
         number(static_cast<std::uint64_t>(committed_at_us), 7) + lenenc(300) + number(90704, 4);
}

std::string mariadb_gtid_body(std::uint32_t domain, std::uint64_t sequence, std::uint8_t flags,
                              std::string_view gtrid) {
  std::string body = number(sequence, 8) + number(domain, 4) + number(flags, 1);
  if (!gtrid.empty()) {
    body += number(1, 4) + number(gtrid.size(), 1) + number(0, 1) + std::string(gtrid);
  } else {
    body += std::string(6, '\0');
  }
  return body;
}

std::string xa_prepare_body(std::string_view gtrid, bool one_phase) {
  return number(one_phase ? 1 : 0, 1) + number(1, 4) + number(gtrid.size(), 4) + number(0, 4) +
         std::string(gtrid);
}

}  // namespace rowtide::mysql::wire
