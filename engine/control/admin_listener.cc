#include "engine/control/admin_listener.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <system_error>
#include <utility>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace rowtide {
namespace {

constexpr int kBacklog = 64;
// Owner and group may steer the daemon, nobody else.
constexpr mode_t kSocketMode = 0660;

std::string errno_text(int number) {
  return std::generic_category().message(number);
}

class Socket {
 public:
  explicit Socket(int family) : fd_(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

Error bad_address(std::string_view text) {
  return operator_error(Code::kConfig,
                        "'" + std::string(text.substr(0, 200)) + "' is not an admin address",
                        "Write HOST:PORT, [IPV6]:PORT or unix:PATH, e.g. 127.0.0.1:7070");
}

Error bind_error(const AdminAddress& address, int number) {
  const std::string what = "cannot listen on " + address.to_text() + ": " + errno_text(number);
  switch (number) {
    case EADDRINUSE:
      return operator_error(Code::kConflict, what,
                            "Another process listens there; stop it or set admin.listen to a free "
                            "port");
    case EACCES:
    case EPERM:
      return operator_error(Code::kPermission, what,
                            address.is_unix()
                                ? "Give this user write permission on the socket's folder"
                                : "Set admin.listen to a port of 1024 or above");
    case ENOENT:
      return operator_error(Code::kConfig, what, "Create the socket's folder");
    case EADDRNOTAVAIL:
      return operator_error(Code::kConfig, what, "Set admin.listen to an address of this machine");
    default:
      return operator_error(Code::kConfig, what, "Check admin.listen");
  }
}

bool is_loopback(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, address, sizeof v4);
    return (ntohl(v4.sin_addr.s_addr) >> 24U) == 127;
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, address, sizeof v6);
    return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) != 0;
  }
  return false;
}

std::uint16_t bound_port(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) {
    return 0;
  }
  // The port lies at the same place in both families.
  sockaddr_in any{};
  std::memcpy(&any, &storage, sizeof any);
  return ntohs(any.sin_port);
}

Result<AdminListener> listen_tcp(const AdminAddress& address) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int looked_up =
      ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (looked_up != 0) {
    return fail(operator_error(
        Code::kConfig, "cannot listen on " + address.to_text() + ": " + ::gai_strerror(looked_up),
        "Set admin.listen to an address of this machine"));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> guard(found, &::freeaddrinfo);

  int last_error = EADDRNOTAVAIL;
  for (const addrinfo* candidate = found; candidate != nullptr; candidate = candidate->ai_next) {
    Socket socket(candidate->ai_family);
    const int on = 1;
    if (socket.get() < 0 ||
        ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        ::bind(socket.get(), candidate->ai_addr, candidate->ai_addrlen) != 0 ||
        ::listen(socket.get(), kBacklog) != 0) {
      last_error = errno;
      continue;
    }
    AdminListener listener;
    listener.address = address;
    listener.address.port = bound_port(socket.get());
    listener.local_only = is_loopback(candidate->ai_addr);
    listener.fd = socket.release();
    return listener;
  }
  return fail(bind_error(address, last_error));
}

Result<sockaddr_un> unix_name(const AdminAddress& address) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (address.unix_path.size() >= sizeof name.sun_path) {
    return fail(operator_error(
        Code::kConfig, "the path of the admin socket " + address.to_text() + " is too long",
        "Use a path of at most " + std::to_string(sizeof name.sun_path - 1) + " bytes"));
  }
  std::memcpy(name.sun_path, address.unix_path.data(), address.unix_path.size());
  return name;
}

// Removes a socket file that a process which is gone has left.
Result<void> remove_stale(const AdminAddress& address, const sockaddr_un& name) {
  struct stat info{};
  if (::lstat(address.unix_path.c_str(), &info) != 0) {
    return {};
  }
  if (!S_ISSOCK(info.st_mode)) {
    return fail(operator_error(Code::kConflict, address.unix_path + " exists and is no socket",
                               "Set admin.listen to another path"));
  }
  Socket probe(AF_UNIX);
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0) {
    return fail(bind_error(address, EADDRINUSE));
  }
  if (errno != ECONNREFUSED) {
    return fail(bind_error(address, errno));
  }
  if (::unlink(address.unix_path.c_str()) != 0 && errno != ENOENT) {
    return fail(bind_error(address, errno));
  }
  return {};
}

Result<AdminListener> listen_unix(const AdminAddress& address) {
  ROWTIDE_TRY_ASSIGN(const sockaddr_un name, unix_name(address));
  ROWTIDE_TRY(remove_stale(address, name));
  Socket socket(AF_UNIX);
  // The mode is set before listen, so that nobody connects while it is still the default.
  if (socket.get() < 0 ||
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0 ||
      ::chmod(address.unix_path.c_str(), kSocketMode) != 0 ||
      ::listen(socket.get(), kBacklog) != 0) {
    return fail(bind_error(address, errno));
  }
  AdminListener listener;
  listener.address = address;
  listener.local_only = true;
  listener.fd = socket.release();
  return listener;
}

}  // namespace

std::string AdminAddress::to_text() const {
  if (is_unix()) {
    return "unix:" + unix_path;
  }
  const bool brackets = host.find(':') != std::string::npos;
  return (brackets ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<AdminAddress> parse_admin_address(std::string_view text) {
  AdminAddress address;
  if (text.starts_with("unix:")) {
    address.unix_path = text.substr(5);
    if (address.unix_path.empty() || address.unix_path.find('\0') != std::string::npos) {
      return fail(bad_address(text));
    }
    return address;
  }
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) {
    return fail(bad_address(text));
  }
  std::string_view host = text.substr(0, colon);
  if (host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return fail(bad_address(text));
  }
  const std::string_view port = text.substr(colon + 1);
  const auto parsed = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (host.empty() || host.find('/') != std::string_view::npos || parsed.ec != std::errc{} ||
      parsed.ptr != port.data() + port.size()) {
    return fail(bad_address(text));
  }
  address.host = host;
  return address;
}

Result<AdminListener> open_admin_listener(const AdminAddress& address) {
  return address.is_unix() ? listen_unix(address) : listen_tcp(address);
}

}  // namespace rowtide
