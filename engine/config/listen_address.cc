#include "engine/config/listen_address.h"

#include <charconv>
#include <system_error>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/un.h>

#include "engine/config/scalar.h"

namespace rowtide::config {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";

std::unexpected<Error> bad(std::string_view text, std::string_view why) {
  return fail(operator_error(Code::kConfig, fmt::format("{} is no address: {}", quote(text), why),
                             "Write HOST:PORT, such as 127.0.0.1:7070, or unix:PATH"));
}

Result<ListenAddress> parse_unix(std::string_view text) {
  ListenAddress out;
  out.unix_path = text.substr(kUnixPrefix.size());
  if (out.unix_path.empty()) {
    return bad(text, "the path of the socket is missing");
  }
  // The system keeps the path with its closing zero in a field of fixed size.
  constexpr std::size_t kLimitBytes = sizeof(sockaddr_un::sun_path) - 1;
  if (out.unix_path.size() > kLimitBytes) {
    return bad(text, fmt::format("the path is longer than {} bytes", kLimitBytes));
  }
  return out;
}

}  // namespace

bool ListenAddress::is_local() const {
  if (!unix_path.empty() || host == "localhost") {
    return true;
  }
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) {
    return (ntohl(v4.s_addr) >> 24) == 127;
  }
  in6_addr v6{};
  return inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

Result<ListenAddress> parse_listen_address(std::string_view text) {
  if (text.starts_with(kUnixPrefix)) {
    return parse_unix(text);
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return bad(text, "the port is missing");
  }
  ListenAddress out;
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    in6_addr v6{};
    if (inet_pton(AF_INET6, std::string(host).c_str(), &v6) != 1) {
      return bad(text, "an IPv6 address belongs between the brackets");
    }
  } else if (host.find_first_of(":[]") != std::string_view::npos) {
    return bad(text, "an IPv6 address needs brackets, such as [::1]:7070");
  }
  if (host.empty() || host.find_first_of(" /") != std::string_view::npos) {
    return bad(text, "the host is missing or is not a name or address");
  }
  out.host = host;
  const std::string_view port = text.substr(colon + 1);
  const char* const end = port.data() + port.size();
  const auto [stop, status] = std::from_chars(port.data(), end, out.port);
  if (status != std::errc() || stop != end || out.port == 0) {
    return bad(text, "the port is not a number from 1 to 65535");
  }
  return out;
}

}  // namespace rowtide::config
