#include "sources/mysql/client_handle.h"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

// What the library's header of its transport needs and does not bring.
using uchar = unsigned char;
#define HAVE_TLS 1
#include <ma_pvio.h>

#include "sources/mysql/server_error.h"
#include "sources/mysql/tls_settings.h"

namespace rowtide::mysql {
namespace {

constexpr unsigned kOutOfMemory = 2008;

void set_text(MYSQL* client, mysql_option option, const std::string& value) {
  if (!value.empty()) {
    ::mysql_optionsv(client, option, value.c_str());
  }
}

unsigned whole_seconds(std::chrono::milliseconds time) {
  return static_cast<unsigned>(std::chrono::ceil<std::chrono::seconds>(time).count());
}

void set_options(MYSQL* client, const ConnectOptions& options) {
  const unsigned connect_timeout_s = std::max(1U, whole_seconds(options.connect_timeout));
  const unsigned read_timeout_s = whole_seconds(options.read_timeout);
  ::mysql_optionsv(client, MYSQL_OPT_CONNECT_TIMEOUT, &connect_timeout_s);
  ::mysql_optionsv(client, MYSQL_OPT_READ_TIMEOUT, &read_timeout_s);
  ::mysql_optionsv(client, MYSQL_OPT_WRITE_TIMEOUT, &read_timeout_s);
  ::mysql_optionsv(client, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  ::mysql_optionsv(client, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "rowtide");
  ::mysql_optionsv(client, MARIADB_OPT_RESTRICTED_AUTH, kAllowedPlugins);
  // A host called localhost would mean the library's default socket else.
  const unsigned protocol =
      options.address.socket.empty() ? MYSQL_PROTOCOL_TCP : MYSQL_PROTOCOL_SOCKET;
  ::mysql_optionsv(client, MYSQL_OPT_PROTOCOL, &protocol);

  const TlsOptions& tls = options.tls;
  if (!uses_tls(options)) {
    return;
  }
  const my_bool yes = 1;
  ::mysql_optionsv(client, MYSQL_OPT_SSL_ENFORCE, &yes);
  if (tls.mode == TlsMode::kVerifyFull) {
    ::mysql_optionsv(client, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &yes);
  }
  set_text(client, MYSQL_OPT_SSL_CA, tls.ca);
  set_text(client, MYSQL_OPT_SSL_CERT, tls.cert);
  set_text(client, MYSQL_OPT_SSL_KEY, tls.key);
  set_text(client, MARIADB_OPT_TLS_PEER_FP, tls.fingerprint);
}

}  // namespace

Error client_error(MYSQL* client) {
  return server_error(::mysql_errno(client), ::mysql_error(client));
}

Result<ClientHandle> connect_client(const ConnectOptions& options) {
  const ServerAddress& address = options.address;
  ClientHandle client(::mysql_init(nullptr));
  if (client == nullptr) {
    return fail(server_error(kOutOfMemory, "no memory for a connection"));
  }
  set_options(client.get(), options);
  const bool by_socket = !address.socket.empty();
  if (::mysql_real_connect(client.get(), by_socket ? nullptr : address.host.c_str(),
                           address.user.c_str(), address.password.reveal().c_str(), nullptr,
                           address.port, by_socket ? address.socket.c_str() : nullptr,
                           0) == nullptr) {
    return fail(client_error(client.get()).with_context(address.display_name()));
  }
  if (must_encrypt(options) && ::mysql_get_ssl_cipher(client.get()) == nullptr) {
    return fail(not_encrypted_error().with_context(address.display_name()));
  }
  return client;
}

Result<void> run(MYSQL* client, const std::string& sql) {
  if (::mysql_real_query(client, sql.data(), sql.size()) != 0) {
    return fail(client_error(client));
  }
  return {};
}

Result<std::vector<std::string>> first_row(MYSQL* client, const std::string& sql) {
  ROWTIDE_TRY(run(client, sql));
  struct Free {
    void operator()(MYSQL_RES* result) const noexcept { ::mysql_free_result(result); }
  };
  const std::unique_ptr<MYSQL_RES, Free> result(::mysql_store_result(client));
  if (result == nullptr) {
    return fail(client_error(client));
  }
  const MYSQL_ROW row = ::mysql_fetch_row(result.get());
  if (row == nullptr) {
    return fail(retry_error(Code::kProtocol, fmt::format("no row from {}", sql)));
  }
  const unsigned long* sizes = ::mysql_fetch_lengths(result.get());
  std::vector<std::string> cells;
  for (unsigned i = 0; i < ::mysql_num_fields(result.get()); ++i) {
    cells.emplace_back(row[i] == nullptr ? std::string() : std::string(row[i], sizes[i]));
  }
  return cells;
}

Result<void> command(MYSQL* client, enum_server_command number, const std::string& payload) {
  if (client->methods->db_command(client, number, payload.data(), payload.size(), 0, nullptr) !=
      0) {
    return fail(client_error(client));
  }
  return {};
}

Result<void> send_command(MYSQL* client, enum_server_command number, const std::string& payload) {
  if (client->methods->db_command(client, number, payload.data(), payload.size(), 1, nullptr) !=
      0) {
    return fail(client_error(client));
  }
  return {};
}

void* tls_of(MYSQL* client) noexcept {
  const MARIADB_PVIO* transport = client->net.pvio;
  return transport->ctls == nullptr ? nullptr : transport->ctls->ssl;
}

}  // namespace rowtide::mysql
