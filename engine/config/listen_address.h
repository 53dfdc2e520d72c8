#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/error.h"

namespace rowtide::config {

// Where the admin API listens: a unix socket, or a host and port.
struct ListenAddress {
  std::string unix_path;  // empty = host and port
  std::string host;       // without the brackets of an IPv6 address
  std::uint16_t port = 0;

  // True when only this machine can reach it: a unix socket, 127.0.0.0/8, ::1 or localhost.
  bool is_local() const;
};

// "HOST:PORT", "[IPV6]:PORT" or "unix:PATH". Errors (Code::kConfig) have no place.
Result<ListenAddress> parse_listen_address(std::string_view text);

}  // namespace rowtide::config
