#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/error.h"
#include "engine/base/secret.h"

namespace rowtide::mysql {

// MySQL and MariaDB speak the same protocol with other GTIDs, other events and other variables.
enum class Flavour : std::uint8_t { kMysql, kMariaDb };
std::string_view to_string(Flavour flavour) noexcept;

// What server answered the connection.
struct ServerVersion {
  Flavour flavour = Flavour::kMysql;
  // 8.0.15 = 80015, 10.11.19 = 101119.
  int number = 0;
  std::string text;  // as the server says it

  int major() const noexcept { return number / 10000; }
  // "MySQL 8.0.15", "MariaDB 10.11.19-MariaDB-deb12"
  std::string display_name() const;
};

// Reads the text of SELECT VERSION(), which MariaDB sends with a leading "5.5.5-" at times.
Result<ServerVersion> parse_server_version(std::string_view text);

// Where a server is and as whom it is entered.
struct ServerAddress {
  std::string host;
  std::uint16_t port = 3306;
  // A unix socket in place of host and port; empty = TCP.
  std::string socket;
  std::string user;
  Secret password;
  std::string database;  // empty = none

  // Where it is, without the user, for messages.
  std::string display_name() const;
};

// mysql://user:password@host:3306/database, also mariadb://; every part but the host may be left
// out, and the host too with ?socket=/path. Percent signs encode what an url cannot hold. Nothing
// of the password comes into the error.
Result<ServerAddress> parse_server_url(std::string_view url);

enum class TlsMode : std::uint8_t {
  kDisable,
  kPrefer,      // when the server offers it; protects against nobody who can change packets
  kRequire,     // encrypted or not at all; the certificate is not looked at
  kVerifyCa,    // and signed by the CA
  kVerifyFull,  // and issued to the host
};

struct TlsOptions {
  TlsMode mode = TlsMode::kPrefer;
  // PEM files; empty = none. The CA: the system's, when it is verified and none is named.
  std::string ca;
  std::string cert;
  std::string key;
  // SHA-1 of the server's certificate in hexadecimal digits, colons as you like. With one no other
  // certificate is accepted, whatever the mode but kDisable.
  std::string fingerprint;
};

// All that both kinds of connection need to be made.
struct ConnectOptions {
  ServerAddress address;
  TlsOptions tls;
  std::chrono::milliseconds connect_timeout{10'000};
  // How long one answer may take, 0 = for ever. For statements only; a dump watches its heartbeats.
  std::chrono::milliseconds read_timeout{60'000};
};

}  // namespace rowtide::mysql
