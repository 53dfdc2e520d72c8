#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/secret.h"
#include "engine/config/connector_config.h"
#include "engine/config/object_spec.h"
#include "engine/model/table_filter.h"
#include "sources/mysql/binlog_connection.h"
#include "sources/mysql/server_address.h"

namespace rowtide::mysql {

// What a place in the stream is called in what Rowtide stores.
enum class PositionKind : std::uint8_t {
  kGtid,  // the same on every server of a replication setup
  kFile,  // file and offset: a MySQL server with gtid_mode = OFF; lost with that server
};
// '0000-00-00' and the like, which are no days.
enum class ZeroDates : std::uint8_t { kText, kNull };
// Bytes that mean nothing in the character set of their column.
enum class BadText : std::uint8_t { kStop, kReplace };

// The settings of a MySQL or MariaDB source. Filled once by the configuration, then read-only.
struct MysqlSourceConfig : config::ConnectorConfig {
  std::string url;
  Secret password;  // wins over one in the url
  TlsOptions tls;
  // See TableFilter; empty = every table of the url's database, or of every database.
  std::vector<std::string> tables;
  // Where a pipeline without a position begins: "latest" = with what is committed from now on,
  // "earliest" = all that the server still has, or a place: a GTID set (MySQL), a GTID position
  // (MariaDB), FILE:OFFSET (position: file).
  std::string start = "latest";
  PositionKind position = PositionKind::kGtid;
  ZeroDates zero_dates = ZeroDates::kText;
  BadText bad_text = BadText::kStop;
  // 0 = made from the pipeline's name, see replica_identity().
  std::int64_t server_id = 0;
  std::chrono::milliseconds heartbeat{5'000};
  std::chrono::milliseconds connect_timeout{10'000};

  Result<void> validate() const override;
};

void describe(config::ObjectSpec& spec, MysqlSourceConfig& config);

// The url's parts, the password and TLS, ready to connect.
Result<ConnectOptions> connect_options(const MysqlSourceConfig& config);

// The configured tables without those of the server itself. Immutable, cheap to copy.
class CapturedTables {
 public:
  CapturedTables() = default;
  static Result<CapturedTables> parse(const MysqlSourceConfig& config);

  bool matches(std::string_view database, std::string_view table) const;
  // The patterns as they are in force, for messages.
  const std::string& text() const noexcept { return text_; }

 private:
  TableFilter filter_;
  std::string text_ = "*.*";
};

// Who a pipeline is to the server: the configured server_id or one made from the pipeline's name,
// and a uuid made from both. Stable, so that a reader that was left behind is thrown out by the one
// that comes after it.
ReplicaIdentity replica_identity(const MysqlSourceConfig& config, std::string_view pipeline);

}  // namespace rowtide::mysql
