#include "sources/mysql/mysql_config.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "sources/mysql/catalog.h"

namespace rowtide::mysql {
namespace {

Error config_error(std::string message, std::string remedy) {
  return operator_error(Code::kConfig, std::move(message), std::move(remedy));
}

config::ObjectSpec tls_spec(TlsOptions& tls) {
  config::ObjectSpec spec;
  spec.choice("mode", tls.mode,
              std::vector<std::pair<std::string, TlsMode>>{{"disable", TlsMode::kDisable},
                                                           {"prefer", TlsMode::kPrefer},
                                                           {"require", TlsMode::kRequire},
                                                           {"verify-ca", TlsMode::kVerifyCa},
                                                           {"verify-full", TlsMode::kVerifyFull}},
              "prefer = when the server offers it; verify-ca and verify-full look at the "
              "certificate, verify-full also at its host name");
  spec.text("ca", tls.ca, "PEM file with the CA of the server's certificate");
  spec.text("cert", tls.cert, "PEM file with a certificate of our own");
  spec.text("key", tls.key, "PEM file with its key");
  spec.text("fingerprint", tls.fingerprint,
            "SHA-1 of the server's certificate in hexadecimal digits; no other one is accepted");
  return spec;
}

Result<void> validate_tls(const TlsOptions& tls) {
  if (tls.cert.empty() != tls.key.empty()) {
    return fail(config_error("tls has one of cert and key", "Give both of them or none"));
  }
  if (tls.mode == TlsMode::kVerifyCa && tls.ca.empty()) {
    return fail(config_error("tls.mode verify-ca has no tls.ca",
                             "Set tls.ca to the PEM file with the CA of the server's certificate"));
  }
  if (tls.mode == TlsMode::kDisable && !(tls.ca + tls.cert + tls.fingerprint).empty()) {
    return fail(config_error("tls.mode disable beside a certificate or fingerprint",
                             "Set tls.mode: verify-full, or take the other keys away"));
  }
  if (tls.fingerprint.empty()) {
    return {};
  }
  const auto digits =
      std::ranges::count_if(tls.fingerprint, [](unsigned char c) { return std::isxdigit(c) != 0; });
  const auto colons = std::ranges::count(tls.fingerprint, ':');
  constexpr std::ptrdiff_t kSha1Digits = 40;
  if (digits != kSha1Digits || std::cmp_not_equal(digits + colons, tls.fingerprint.size())) {
    return fail(config_error(
        "tls.fingerprint is not a SHA-1 of 40 hexadecimal digits",
        "Write what \"openssl x509 -fingerprint -sha1 -noout -in server-cert.pem\" prints"));
  }
  return {};
}

// FNV-1a: the same in every build, for names that outlive a process.
std::uint64_t stable_hash(std::string_view text, std::uint64_t seed) {
  std::uint64_t hash = 0xcbf29ce484222325ULL ^ seed;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  }
  // Spreads the last characters over all bits.
  hash ^= hash >> 33U;
  hash *= 0xff51afd7ed558ccdULL;
  return hash ^ (hash >> 33U);
}

}  // namespace

void describe(config::ObjectSpec& spec, MysqlSourceConfig& config) {
  using std::chrono::milliseconds;
  spec.text("url", config.url,
            "Where the server is: mysql://user@host:3306/database; ?socket=/path for a unix socket")
      .required();
  spec.secret("password", config.password, "The user's password; wins over one in the url");
  spec.object("tls", tls_spec(config.tls), "How connections are encrypted");
  spec.text_list("tables", config.tables,
                 "database.table patterns with * and ?; a leading ! excludes; empty = every table "
                 "of the url's database, or of every database");
  spec.text("start", config.start,
            "Where a pipeline without a position begins: latest, earliest (all that the server "
            "still has), a GTID set, or FILE:OFFSET with position: file");
  spec.choice("position", config.position,
              std::vector<std::pair<std::string, PositionKind>>{{"gtid", PositionKind::kGtid},
                                                                {"file", PositionKind::kFile}},
              "file = for a MySQL server with gtid_mode = OFF; does not survive a failover");
  spec.choice("zero_dates", config.zero_dates,
              std::vector<std::pair<std::string, ZeroDates>>{{"text", ZeroDates::kText},
                                                             {"null", ZeroDates::kNull}},
              "What becomes of 0000-00-00 and other dates without a day or month");
  spec.choice("bad_text", config.bad_text,
              std::vector<std::pair<std::string, BadText>>{{"stop", BadText::kStop},
                                                           {"replace", BadText::kReplace}},
              "What becomes of bytes that mean nothing in their column's character set: the stream "
              "stops, or they are delivered as U+FFFD");
  spec.integer("server_id", config.server_id, 0, std::numeric_limits<std::uint32_t>::max(),
               "Our id among the server's replicas; 0 = made from the pipeline's name");
  spec.duration("heartbeat", config.heartbeat, milliseconds(100), std::chrono::minutes(10),
                "How often a server with nothing to send says that it is there");
  spec.duration("connect_timeout", config.connect_timeout, milliseconds(1000),
                std::chrono::hours(1), "How long one connection attempt may take");
}

Result<void> MysqlSourceConfig::validate() const {
  ROWTIDE_TRY_ASSIGN(const ServerAddress address, parse_server_url(url));
  if (address.user.empty()) {
    return fail(config_error("the url names no user", "Write mysql://user@host:3306/database"));
  }
  ROWTIDE_TRY(validate_tls(tls));
  if (start.empty()) {
    return fail(config_error("start is empty", "Write latest, earliest or a place in the stream"));
  }
  ROWTIDE_TRY_ASSIGN(const auto captured, CapturedTables::parse(*this));
  static_cast<void>(captured);
  return {};
}

Result<ConnectOptions> connect_options(const MysqlSourceConfig& config) {
  ConnectOptions options;
  ROWTIDE_TRY_ASSIGN(options.address, parse_server_url(config.url));
  if (!config.password.empty()) {
    options.address.password = config.password;
  }
  options.tls = config.tls;
  options.connect_timeout = config.connect_timeout;
  return options;
}

Result<CapturedTables> CapturedTables::parse(const MysqlSourceConfig& config) {
  CapturedTables captured;
  std::vector<std::string> patterns = config.tables;
  if (patterns.empty()) {
    ROWTIDE_TRY_ASSIGN(const ServerAddress address, parse_server_url(config.url));
    if (address.database.empty()) {
      return captured;
    }
    // In quotes a name stands for itself, whatever is in it.
    std::string quoted = "\"";
    for (const char c : address.database) {
      quoted += c == '"' ? "\"\"" : std::string(1, c);
    }
    patterns.push_back(quoted + "\".*");
  }
  ROWTIDE_TRY_ASSIGN(captured.filter_, TableFilter::parse(patterns));
  captured.text_ = fmt::format("{}", fmt::join(patterns, ", "));
  return captured;
}

bool CapturedTables::matches(std::string_view database, std::string_view table) const {
  return !is_system_database(database) && filter_.matches(database, table);
}

ReplicaIdentity replica_identity(const MysqlSourceConfig& config, std::string_view pipeline) {
  ReplicaIdentity identity;
  identity.server_id = static_cast<std::uint32_t>(config.server_id);
  if (identity.server_id == 0) {
    // The upper half, where nobody numbers servers by hand.
    constexpr std::uint32_t kUpperHalf = 0x80000000U;
    identity.server_id = static_cast<std::uint32_t>(stable_hash(pipeline, 1)) | kUpperHalf;
  }
  const std::uint64_t high = stable_hash(pipeline, 2) ^ identity.server_id;
  const std::uint64_t low = stable_hash(pipeline, 3) ^ identity.server_id;
  // Version 8 of RFC 9562: a uuid made in a way of its maker's own.
  identity.uuid =
      fmt::format("{:08x}-{:04x}-8{:03x}-{:04x}-{:012x}", high >> 32U, (high >> 16U) & 0xFFFFU,
                  high & 0xFFFU, ((low >> 48U) & 0x3FFFU) | 0x8000U, low & 0xFFFFFFFFFFFFULL);
  return identity;
}

}  // namespace rowtide::mysql
