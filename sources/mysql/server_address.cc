#include "sources/mysql/server_address.h"

#include <charconv>

#include <fmt/format.h>

namespace rowtide::mysql {
namespace {

Error url_error(std::string_view what) {
  return operator_error(Code::kConfig, fmt::format("the url {}", what),
                        "Write mysql://user@host:3306/database");
}

int hexadecimal_digit(char c) noexcept {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  const char lower = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

Result<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    const int high = i + 2 < text.size() ? hexadecimal_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hexadecimal_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0 || (high == 0 && low == 0)) {
      return fail(url_error("has a percent sign without two hexadecimal digits; write %25"));
    }
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

// Cuts what lies behind the first `mark` off `rest` and returns it; empty where there is none.
std::string_view cut_behind(std::string_view& rest, char mark) {
  const std::size_t at = rest.find(mark);
  if (at == std::string_view::npos) {
    return {};
  }
  const std::string_view behind = rest.substr(at + 1);
  rest = rest.substr(0, at);
  return behind;
}

Result<void> parse_user(std::string_view text, ServerAddress& address) {
  const std::string_view password = cut_behind(text, ':');
  ROWTIDE_TRY_ASSIGN(address.user, percent_decoded(text));
  ROWTIDE_TRY_ASSIGN(auto decoded, percent_decoded(password));
  address.password = Secret(std::move(decoded));
  return {};
}

Result<void> parse_host(std::string_view text, ServerAddress& address) {
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) {
      return fail(url_error("has a [ without a ]"));
    }
    port = text.substr(end + 1);
    text = text.substr(1, end - 1);
    if (!port.empty() && port.front() != ':') {
      return fail(url_error("has something other than :port behind ]"));
    }
    port = port.empty() ? port : port.substr(1);
  } else {
    port = cut_behind(text, ':');
  }
  ROWTIDE_TRY_ASSIGN(address.host, percent_decoded(text));
  if (port.empty()) {
    return {};
  }
  const auto [end, code] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (code != std::errc() || end != port.data() + port.size() || address.port == 0) {
    return fail(url_error("has a port that is no number from 1 to 65535"));
  }
  return {};
}

Result<void> parse_parameters(std::string_view text, ServerAddress& address) {
  while (!text.empty()) {
    std::string_view one = text;
    text = cut_behind(one, '&');
    const std::string_view value = cut_behind(one, '=');
    if (one != "socket") {
      return fail(url_error(fmt::format(
          "has the parameter {}; only socket=/path can be one, the rest are keys beside it", one)));
    }
    ROWTIDE_TRY_ASSIGN(address.socket, percent_decoded(value));
  }
  return {};
}

}  // namespace

std::string_view to_string(Flavour flavour) noexcept {
  return flavour == Flavour::kMysql ? "MySQL" : "MariaDB";
}

std::string ServerVersion::display_name() const {
  return fmt::format("{} {}", to_string(flavour), text);
}

Result<ServerVersion> parse_server_version(std::string_view text) {
  ServerVersion version;
  if (text.find("MariaDB") != std::string_view::npos) {
    version.flavour = Flavour::kMariaDb;
    // MariaDB 10 said so to old replicas, for which a version begins with one digit.
    if (text.starts_with("5.5.5-")) {
      text.remove_prefix(6);
    }
  }
  version.text = text;
  int weight = 10000;
  for (int part = 0; part < 3; ++part, weight /= 100) {
    int number = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (code != std::errc() || number < 0 || number > 99) {
      return fail(fatal_error(Code::kProtocol,
                              fmt::format("the server calls its version \"{}\"", version.text)));
    }
    version.number += number * weight;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (!text.starts_with('.')) {
      break;
    }
    text.remove_prefix(1);
  }
  return version;
}

std::string ServerAddress::display_name() const {
  return socket.empty() ? fmt::format("{}:{}", host, port) : socket;
}

Result<ServerAddress> parse_server_url(std::string_view url) {
  ServerAddress address;
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos ||
      (url.substr(0, scheme) != "mysql" && url.substr(0, scheme) != "mariadb")) {
    return fail(url_error("does not begin with mysql:// or mariadb://"));
  }
  std::string_view rest = url.substr(scheme + 3);
  const std::string_view parameters = cut_behind(rest, '?');
  const std::string_view database = cut_behind(rest, '/');
  // A password may hold an @ that nobody encoded.
  if (const std::size_t at = rest.rfind('@'); at != std::string_view::npos) {
    ROWTIDE_TRY(parse_user(rest.substr(0, at), address));
    rest = rest.substr(at + 1);
  }
  ROWTIDE_TRY(parse_host(rest, address));
  ROWTIDE_TRY_ASSIGN(address.database, percent_decoded(database));
  ROWTIDE_TRY(parse_parameters(parameters, address));
  if (address.host.empty() && address.socket.empty()) {
    return fail(url_error("names no host"));
  }
  return address;
}

}  // namespace rowtide::mysql
