#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/error.h"

namespace rowtide {

inline constexpr std::string_view kDefaultAdminAddress = "127.0.0.1:7070";

// Where the admin API is: a unix socket when `unix_path` is set, else a host and port.
struct AdminAddress {
  std::string unix_path;
  std::string host;
  std::uint16_t port = 0;

  bool is_unix() const { return !unix_path.empty(); }
  // "HOST:PORT" or "unix:PATH", as in the configuration.
  std::string to_text() const;
};

// Reads "HOST:PORT", "[IPV6]:PORT" or "unix:PATH". Port 0 asks the system for a free one.
Result<AdminAddress> parse_admin_address(std::string_view text);

// A listening socket. The owner closes `fd` and removes `address.unix_path`.
struct AdminListener {
  int fd = -1;
  AdminAddress address;  // with the port that the system chose
  // Only processes of this machine reach it.
  bool local_only = false;
};

// Binds and listens. A socket file that is left over is replaced when nobody answers on it. A TCP
// port is never shared with another process.
Result<AdminListener> open_admin_listener(const AdminAddress& address);

}  // namespace rowtide
