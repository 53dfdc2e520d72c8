#include "sources/mysql/binlog_connection.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include <fmt/format.h>
#include <mysql.h>
#include <sys/socket.h>

#include "sources/mysql/binlog_event.h"
#include "sources/mysql/client_handle.h"
#include "sources/mysql/packet_stream.h"
#include "sources/mysql/server_error.h"
#include "sources/mysql/sql_session.h"

namespace rowtide::mysql {
namespace {

// The server's own numbers of its commands, sent as they are: not every one is in the library.
constexpr auto kCommandBinlogDump = static_cast<enum_server_command>(0x12);
constexpr auto kCommandRegisterReplica = static_cast<enum_server_command>(0x15);
constexpr auto kCommandBinlogDumpGtid = static_cast<enum_server_command>(0x1e);

constexpr char kOkByte = '\x00';
constexpr char kErrorByte = '\xff';
constexpr char kEofByte = '\xfe';
constexpr std::size_t kMaxEofBytes = 8;
// How long a server waits for us to take what it sends.
constexpr int kNetWriteTimeoutSeconds = 600;
constexpr std::chrono::seconds kShortestSilence(10);

void append_le(std::string& out, std::uint64_t value, int size_bytes) {
  for (int i = 0; i < size_bytes; ++i) {
    out.push_back(static_cast<char>(value >> (8U * static_cast<unsigned>(i))));
  }
}

std::string register_command(const ReplicaIdentity& identity) {
  std::string out;
  append_le(out, identity.server_id, 4);
  // What SHOW REPLICAS calls us; no user, no password, no port, no rank, no id of a source.
  constexpr std::string_view kHost = "rowtide";
  append_le(out, kHost.size(), 1);
  out += kHost;
  out.append(1 + 1 + 2 + 4 + 4, '\0');
  return out;
}

Result<void> register_replica(MYSQL* client, const ReplicaIdentity& identity) {
  auto done = command(client, kCommandRegisterReplica, register_command(identity));
  // Servers refuse the command to a user without the privilege in the words of a wrong password.
  if (!done && done.error().code == Code::kAuthentication) {
    constexpr unsigned kPrivilegeNeeded = 1227;
    return fail(server_error(kPrivilegeNeeded, ::mysql_error(client)));
  }
  return done;
}

Result<std::string> dump_command(std::uint32_t server_id, const BinlogPosition& position) {
  std::string out;
  if (position.offset > std::numeric_limits<std::uint32_t>::max()) {
    return fail(operator_error(
        Code::kUnsupported,
        fmt::format("place {} of {} is beyond the 4 GiB that the protocol can name",
                    position.offset, position.file),
        "Switch the server to gtid_mode = ON, or set source.start to the next binary log file"));
  }
  append_le(out, position.offset, 4);
  append_le(out, 0, 2);
  append_le(out, server_id, 4);
  out += position.file;
  return out;
}

std::string dump_gtid_command(std::uint32_t server_id, const GtidSetStart& start) {
  const BinlogPosition place = start.hint.value_or(BinlogPosition{});
  std::string out;
  append_le(out, 0, 2);
  append_le(out, server_id, 4);
  append_le(out, place.file.size(), 4);
  out += place.file;
  append_le(out, place.offset, 8);
  // The empty set: a count of zero servers. No bytes at all are malformed to older servers.
  const std::string set = start.encoded_set.empty() ? std::string(8, '\0') : start.encoded_set;
  append_le(out, set.size(), 4);
  out += set;
  return out;
}

// The server would read it as SQL.
bool is_connect_state(std::string_view text) {
  return text.find_first_not_of("0123456789-,") == std::string_view::npos;
}

// The payload of an error packet behind its first byte: number, '#', SQLSTATE, text.
Error to_error(std::string_view packet) {
  if (packet.size() < 2) {
    return retry_error(Code::kProtocol, "the server sent an error packet without a number");
  }
  const unsigned number = static_cast<unsigned char>(packet[0]) |
                          static_cast<unsigned>(static_cast<unsigned char>(packet[1])) << 8U;
  std::string_view text = packet.substr(2);
  constexpr std::size_t kSqlstateBytes = 6;
  if (text.starts_with('#') && text.size() >= kSqlstateBytes) {
    text.remove_prefix(kSqlstateBytes);
  }
  return server_error(number, text);
}

}  // namespace

struct BinlogConnection::Impl {
  ClientHandle client;
  BinlogOptions options;
  std::optional<PacketStream> packets;
  // A dump that began at a hint, until the server has taken the hint.
  std::optional<GtidSetStart> hinted;
};

namespace {

// What a server sends before it has found the place in the file.
bool is_preamble(std::string_view packet) {
  constexpr std::size_t kTypeOffset = 1 + 4;  // of the event's header, behind the leading byte
  if (packet.size() <= kTypeOffset) {
    return false;
  }
  const auto type = static_cast<EventType>(static_cast<std::uint8_t>(packet[kTypeOffset]));
  return type == EventType::kRotate || type == EventType::kFormatDescription;
}

}  // namespace

BinlogConnection::BinlogConnection(const Clock& clock) : clock_(clock) {}
BinlogConnection::~BinlogConnection() {
  close();
}

void BinlogConnection::close() noexcept {
  if (impl_ == nullptr) {
    return;
  }
  // Nothing is waited for on a socket that is shut: neither room for a farewell nor its answer.
  ::shutdown(::mysql_get_socket(impl_->client.get()), SHUT_RDWR);
  impl_.reset();
}

Result<void> BinlogConnection::connect(const BinlogOptions& options) {
  close();
  auto impl = std::make_unique<Impl>();
  impl->options = options;
  ROWTIDE_TRY_ASSIGN(impl->client, connect_client(options.connect));
  MYSQL* const client = impl->client.get();

  ROWTIDE_TRY_ASSIGN(const auto facts,
                     first_row(client, "SELECT VERSION(), @@GLOBAL.server_id, @@GLOBAL.log_bin"));
  ROWTIDE_TRY_ASSIGN(server_, parse_server_version(facts[0]));
  server_id_ = static_cast<std::uint32_t>(std::strtoul(facts[1].c_str(), nullptr, 10));
  server_uuid_.clear();
  if (facts[2] != "1") {
    constexpr unsigned kNoBinaryLog = 1381;
    return fail(server_error(kNoBinaryLog, "the server writes no binary log"));
  }
  const auto heartbeat_ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(options.heartbeat).count();
  std::string session = fmt::format(
      "SET @master_binlog_checksum = @@GLOBAL.binlog_checksum, @master_heartbeat_period = {}, "
      "SESSION net_write_timeout = {}",
      heartbeat_ns, kNetWriteTimeoutSeconds);
  if (server_.flavour == Flavour::kMariaDb) {
    // 4 = GTID events as such, and not dressed up as older ones.
    session += ", @mariadb_slave_capability = 4";
  } else {
    ROWTIDE_TRY_ASSIGN(const auto uuid, first_row(client, "SELECT @@GLOBAL.server_uuid"));
    server_uuid_ = uuid[0];
    const std::string own = quote_literal(options.identity.uuid);
    // The names that 8.0.26 brought, beside those from before.
    session += fmt::format(
        ", @source_binlog_checksum = @@GLOBAL.binlog_checksum, @source_heartbeat_period = {}, "
        "@slave_uuid = {}, @replica_uuid = {}",
        heartbeat_ns, own, own);
  }
  ROWTIDE_TRY(run(client, session));
  ROWTIDE_TRY(register_replica(client, options.identity));
  impl_ = std::move(impl);
  return {};
}

Result<void> BinlogConnection::start(const DumpStart& start) {
  MYSQL* const client = impl_->client.get();
  const std::uint32_t own_id = impl_->options.identity.server_id;
  impl_->hinted.reset();
  enum_server_command number = kCommandBinlogDump;
  std::string request;
  if (const auto* set = std::get_if<GtidSetStart>(&start)) {
    number = kCommandBinlogDumpGtid;
    request = dump_gtid_command(own_id, *set);
    if (set->hint) {
      impl_->hinted = *set;
    }
  } else if (const auto* state = std::get_if<GtidStateStart>(&start)) {
    if (!is_connect_state(state->slave_connect_state)) {
      return fail(operator_error(Code::kConfig, "the place to start is no MariaDB GTID position",
                                 "Write one GTID for each domain, such as 0-1-100,1-1-5"));
    }
    ROWTIDE_TRY(run(client, fmt::format("SET @slave_connect_state = '{}', @slave_gtid_strict_mode "
                                        "= 1, @slave_gtid_ignore_duplicates = 0",
                                        state->slave_connect_state)));
    ROWTIDE_TRY_ASSIGN(request, dump_command(own_id, BinlogPosition{}));
  } else {
    ROWTIDE_TRY_ASSIGN(request, dump_command(own_id, std::get<FileStart>(start).position));
  }
  ROWTIDE_TRY(send_command(client, number, request));
  // The number 0 was the command's.
  impl_->packets.emplace(static_cast<int>(::mysql_get_socket(client)), tls_of(client), 1, clock_);
  return {};
}

Result<std::optional<std::string_view>> BinlogConnection::next_packet(Deadline until) {
  Impl& impl = *impl_;
  ROWTIDE_TRY_ASSIGN(const auto packet, impl.packets->next(until));
  if (!packet) {
    const auto silence_limit = std::max<std::chrono::nanoseconds>(
        std::chrono::nanoseconds(impl.options.heartbeat) * 3, kShortestSilence);
    const auto since = impl.packets->quiet_since();
    if (since && clock_.now() - *since > silence_limit) {
      return fail(retry_error(
          Code::kTimeout,
          fmt::format("the server has sent neither an event nor a heartbeat for {} s",
                      std::chrono::duration_cast<std::chrono::seconds>(silence_limit).count())));
    }
    return packet;
  }
  if (packet->starts_with(kOkByte)) {
    if (impl.hinted && !is_preamble(*packet)) {
      impl.hinted.reset();
    }
    return packet->substr(1);
  }
  if (packet->starts_with(kEofByte) && packet->size() <= kMaxEofBytes) {
    return fail(dump_ended_error());
  }
  if (!packet->starts_with(kErrorByte)) {
    return fail(retry_error(Code::kProtocol, "the server sent a packet that holds no event"));
  }
  Error error = to_error(packet->substr(1));
  if (impl.hinted && error.code == Code::kPositionLost) {
    // Whether the set can be served is another question than whether the file is still there. The
    // server has ended this connection.
    const GtidSetStart without_hint{impl.hinted->encoded_set, {}};
    const BinlogOptions options = impl.options;
    ROWTIDE_TRY(connect(options));
    ROWTIDE_TRY(start(without_hint));
    return next_packet(until);
  }
  return fail(std::move(error));
}

}  // namespace rowtide::mysql
