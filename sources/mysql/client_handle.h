#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <mysql.h>

#include "engine/base/error.h"
#include "sources/mysql/server_address.h"

namespace rowtide::mysql {

// A thin wall around libmariadb, for what Connector/C++ has no way to do: replication commands and
// raw packets. Included by .cc files only, so that the library's macros stay in them.

struct ClientDeleter {
  void operator()(MYSQL* client) const noexcept { ::mysql_close(client); }
};
using ClientHandle = std::unique_ptr<MYSQL, ClientDeleter>;

Result<ClientHandle> connect_client(const ConnectOptions& options);
// What the library says is wrong.
Error client_error(MYSQL* client);

// Runs a statement that returns no rows.
Result<void> run(MYSQL* client, const std::string& sql);
// The first row of a statement; NULL is an empty text. An error when there is no row.
Result<std::vector<std::string>> first_row(MYSQL* client, const std::string& sql);
// Sends a command of the protocol and reads its answer.
Result<void> command(MYSQL* client, enum_server_command number, const std::string& payload);
// Sends it and reads nothing: what comes back is for whoever reads the socket.
Result<void> send_command(MYSQL* client, enum_server_command number, const std::string& payload);

// The OpenSSL connection, null without encryption.
void* tls_of(MYSQL* client) noexcept;

}  // namespace rowtide::mysql
