#include "engine/control/admin_server.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include <httplib.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/control/admin_listener.h"
#include "engine/control/admin_routes.h"
#include "engine/control/tail_session.h"

namespace rowtide {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kRequestThreads = 4;
constexpr std::size_t kMaxTails = 2;
constexpr std::size_t kMaxBodyBytes = std::size_t{1} << 20;
// The library bounds one header line but not their number.
constexpr std::size_t kMaxHeadBytes = std::size_t{64} << 10;
constexpr seconds kRequestArrival{10};
constexpr seconds kWriteWait{10};
// How long an answer that is being written may still take once the server stops.
constexpr seconds kWriteWaitAtStop{1};
constexpr milliseconds kPollSlice{100};
constexpr milliseconds kDrainWait{200};
constexpr seconds kTailOpenWait{5};
// Also how soon a reader who left is noticed: an empty line goes out this often.
constexpr milliseconds kTailBeat{1000};

// Takes the same time wherever two texts of one length differ.
bool equal_in_constant_time(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) {
    return false;
  }
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference |=
        static_cast<unsigned char>(a[i]) ^ static_cast<unsigned>(static_cast<unsigned char>(b[i]));
  }
  return difference == 0;
}

// Whether a Host header names this machine in a way that no foreign DNS entry can imitate.
bool names_this_machine(std::string_view host) {
  if (host.starts_with('[')) {
    return host.starts_with("[::1]");
  }
  const std::string_view name = host.substr(0, host.find(':'));
  return name == "localhost" || (name.starts_with("127.") &&
                                 name.find_first_not_of("0123456789.") == std::string_view::npos);
}

// One accepted connection: bounded in bytes read and in time, and ended from outside by
// shutdown(2).
class Connection final : public httplib::Stream {
 public:
  Connection(int fd, const Clock& clock, const std::atomic<bool>& stopping)
      : fd_(fd), clock_(clock), stopping_(stopping), arrival_(clock.now() + kRequestArrival) {}

  bool is_readable() const override { return wait(POLLIN, arrival_); }
  bool is_writable() const override { return wait(POLLOUT, clock_.now() + kWriteWait); }

  ssize_t read(char* out, std::size_t size_bytes) override {
    const std::size_t left = kMaxHeadBytes + kMaxBodyBytes - read_bytes_;
    if (left == 0 || !is_readable()) {
      return -1;
    }
    // The library reads heads byte by byte.
    if (buffered_at_ == buffered_.size()) {
      buffered_.resize(4096);
      const ssize_t got = ::recv(fd_, buffered_.data(), buffered_.size(), 0);
      buffered_.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
      buffered_at_ = 0;
      if (got <= 0) {
        return got;
      }
    }
    const std::size_t count = std::min({size_bytes, left, buffered_.size() - buffered_at_});
    std::copy_n(buffered_.data() + buffered_at_, count, out);
    buffered_at_ += count;
    read_bytes_ += count;
    return static_cast<ssize_t>(count);
  }

  ssize_t write(const char* data, std::size_t size_bytes) override {
    if (!is_writable()) {
      return -1;
    }
    return ::send(fd_, data, size_bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
  }

  void get_remote_ip_and_port(std::string& ip, int& port) const override {
    ip.clear();
    port = 0;
  }
  void get_local_ip_and_port(std::string& ip, int& port) const override {
    ip.clear();
    port = 0;
  }
  socket_t socket() const override { return fd_; }

  // Ends the answer and takes in what the client still sends, because closing with unread bytes
  // would reset the connection and could take the answer with it.
  void finish() {
    ::shutdown(fd_, SHUT_WR);
    const Deadline until = clock_.now() + kDrainWait;
    char sink[4096];
    while (wait(POLLIN, until) && ::recv(fd_, sink, sizeof sink, MSG_DONTWAIT) > 0) {
    }
  }

 private:
  bool wait(short events, Deadline until) const {
    if (events == POLLIN && buffered_at_ < buffered_.size()) {
      return true;
    }
    Deadline limit = until;
    bool seen_stop = false;
    for (;;) {
      if (stopping_ && !std::exchange(seen_stop, true)) {
        limit = std::min(limit, clock_.now() + kWriteWaitAtStop);
      }
      pollfd entry{fd_, events, 0};
      const int ready = ::poll(&entry, 1, static_cast<int>(kPollSlice.count()));
      if (ready > 0) {
        return (entry.revents & events) != 0 && (entry.revents & POLLERR) == 0;
      }
      if ((ready < 0 && errno != EINTR) || clock_.now() >= limit) {
        return false;
      }
    }
  }

  const int fd_;
  const Clock& clock_;
  const std::atomic<bool>& stopping_;
  const Deadline arrival_;
  std::vector<char> buffered_;
  std::size_t buffered_at_ = 0;
  std::size_t read_bytes_ = 0;
};

// The library's server on a socket that is bound here, with connections that stop() can end.
class HttpServer final : public httplib::Server {
 public:
  HttpServer(int listening_fd, const Clock& clock) : clock_(clock) {
    svr_sock_ = listening_fd;
    new_task_queue = [] { return new httplib::ThreadPool(kRequestThreads + kMaxTails); };
  }

  void end_connections() {
    stopping_ = true;
    const std::scoped_lock lock(mutex_);
    for (const int fd : open_) {
      // Answers that are being written go out; nothing more comes in.
      ::shutdown(fd, SHUT_RD);
    }
  }

  bool stopping() const { return stopping_; }

 private:
  bool process_and_close_socket(socket_t fd) override {
    {
      const std::scoped_lock lock(mutex_);
      open_.insert(fd);
    }
    bool served = false;
    if (!stopping_) {
      Connection connection(fd, clock_, stopping_);
      bool closed = false;
      served = process_request(connection, true, closed, [](httplib::Request&) {});
      connection.finish();
    }
    const std::scoped_lock lock(mutex_);
    open_.erase(fd);
    ::close(fd);
    return served;
  }

  const Clock& clock_;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  std::set<int> open_;
};

void send(const AdminReply& reply, httplib::Response& response) {
  response.status = reply.status;
  response.set_content(reply.body, reply.content_type);
  response.set_header("Cache-Control", "no-store");
  response.set_header("X-Content-Type-Options", "nosniff");
}

}  // namespace

struct AdminServer::Impl {
  Impl(AdminListener listener, Secret secret, ControlPlane& plane,
       BackfillControl& backfill_control, ConfigControl& config_control, const Clock& time,
       Log logger)
      : address(listener.address),
        local_only(listener.local_only),
        token(std::move(secret)),
        control(plane),
        backfills(backfill_control),
        config(config_control),
        clock(time),
        log(std::move(logger)),
        text(address.to_text()),
        server(listener.fd, time) {}

  void install_routes();
  void serve();
  void stop();

  // The reply that refuses `request` before its body is read; nullopt when it may go on.
  std::optional<AdminReply> refuse(const httplib::Request& request) const;
  std::optional<AdminReply> refuse_stranger(const httplib::Request& request) const;
  void handle(const httplib::Request& request, httplib::Response& response);
  void start_tail(const std::string& pipeline, httplib::Response& response);

  const AdminAddress address;
  const bool local_only;
  const Secret token;
  ControlPlane& control;
  BackfillControl& backfills;
  ConfigControl& config;
  const Clock& clock;
  const Log log;
  const std::string text;
  HttpServer server;

  std::mutex tails_mutex;
  std::condition_variable tails_changed;
  std::set<TailSession*> tails;

  std::once_flag stopped;
  std::thread thread;
};

std::optional<AdminReply> AdminServer::Impl::refuse_stranger(
    const httplib::Request& request) const {
  if (!token.empty()) {
    const std::string given = request.get_header_value("Authorization");
    if (equal_in_constant_time(given, "Bearer " + token.reveal())) {
      return std::nullopt;
    }
    return problem(401, operator_error(Code::kAuthentication, "the admin API wants a bearer token",
                                       "Send the token of admin.token; rowtide takes --token-file "
                                       "or --config"));
  }
  const bool from_page =
      request.has_header("Origin") ||
      (!address.is_unix() && !names_this_machine(request.get_header_value("Host")));
  if (from_page) {
    return problem(403, operator_error(Code::kPermission,
                                       "the admin API without a token answers local tools only",
                                       "Ask it by 127.0.0.1 or localhost, or set admin.token"));
  }
  return std::nullopt;
}

std::optional<AdminReply> AdminServer::Impl::refuse(const httplib::Request& request) const {
  if (request.path != "/livez") {
    if (auto refused = refuse_stranger(request)) {
      return refused;
    }
  }
  if (request.has_header("Transfer-Encoding") || request.has_header("Content-Encoding")) {
    return problem(415, operator_error(Code::kUnsupported, "the body is encoded",
                                       "Send it plain, with Content-Length"));
  }
  const std::string length = request.get_header_value("Content-Length");
  std::size_t bytes = 0;
  const auto parsed = std::from_chars(length.data(), length.data() + length.size(), bytes);
  if (!length.empty() && (parsed.ec != std::errc{} || bytes > kMaxBodyBytes)) {
    return problem(
        413, operator_error(Code::kData, "the body is larger than 1 MiB", "Send a smaller one"));
  }
  return std::nullopt;
}

void AdminServer::Impl::handle(const httplib::Request& request, httplib::Response& response) {
  const AdminReply reply = answer(
      {request.method, request.path, request.body, {request.params.begin(), request.params.end()}},
      control, backfills, config);
  if (reply.tail_pipeline.empty()) {
    send(reply, response);
  } else {
    start_tail(reply.tail_pipeline, response);
  }
}

void AdminServer::Impl::start_tail(const std::string& pipeline, httplib::Response& response) {
  auto forget = [this](TailSession* session) {
    {
      const std::scoped_lock lock(tails_mutex);
      tails.erase(session);
      tails_changed.notify_all();
    }
    delete session;
  };
  std::shared_ptr<TailSession> session;
  {
    const std::scoped_lock lock(tails_mutex);
    if (tails.size() < kMaxTails && !server.stopping()) {
      session = {new TailSession(control, pipeline), forget};
      tails.insert(session.get());
    }
  }
  if (!session) {
    send(problem(429, operator_error(Code::kConflict, "two tails are open already",
                                     "End one of them first")),
         response);
    return;
  }
  if (const auto opened = session->open(clock.now() + kTailOpenWait); !opened) {
    send(problem(opened.error()), response);
    return;
  }
  response.set_header("Cache-Control", "no-store");
  response.set_chunked_content_provider(
      "application/x-ndjson", [session](std::size_t, httplib::DataSink& sink) {
        std::string lines;
        const bool more = session->take(lines, kTailBeat);
        if (!lines.empty() && !sink.write(lines.data(), lines.size())) {
          return false;
        }
        if (!more) {
          sink.done();
        }
        return true;
      });
}

void AdminServer::Impl::install_routes() {
  using httplib::Request;
  using httplib::Response;
  using Next = httplib::Server::HandlerResponse;
  server.set_payload_max_length(kMaxBodyBytes);
  server.set_pre_routing_handler([this](const Request& request, Response& response) {
    if (const auto refused = refuse(request)) {
      send(*refused, response);
      return Next::Handled;
    }
    // A request without a length is answered here, because the library would take all that comes
    // until the client leaves for its body.
    if (request.method == "GET" || request.method == "HEAD" ||
        !request.has_header("Content-Length")) {
      handle(request, response);
      return Next::Handled;
    }
    return Next::Unhandled;
  });
  const auto with_body = [this](const Request& request, Response& response) {
    handle(request, response);
  };
  server.Post("[^]*", with_body);
  server.Put("[^]*", with_body);
  server.Patch("[^]*", with_body);
  server.Delete("[^]*", with_body);
  server.Options("[^]*", with_body);
  // Called for every answer of 400 and above: ours have a body, the library's have none.
  server.set_error_handler(httplib::Server::HandlerWithResponse([](const Request&,
                                                                   Response& response) {
    if (response.body.empty()) {
      send(problem(response.status, operator_error(Code::kData, "the request could not be read",
                                                   "Send HTTP/1.1 as the API's description says")),
           response);
    }
    return Next::Handled;
  }));
  server.set_exception_handler([this](const Request&, Response& response, std::exception_ptr) {
    log.error("an admin request ended in an exception");
    send(problem(fatal_error(Code::kInternal, "the request failed inside the daemon",
                             "See the daemon's log")),
         response);
  });
}

void AdminServer::Impl::serve() {
  thread = std::thread([this] {
    if (!server.listen_after_bind() && !server.stopping()) {
      log.error("the admin server stopped accepting connections");
    }
  });
  // The library's stop does nothing before its loop runs, so a start is over only then.
  while (!server.is_running()) {
    std::this_thread::sleep_for(milliseconds(1));
  }
}

void AdminServer::Impl::stop() {
  std::call_once(stopped, [this] {
    server.end_connections();
    {
      std::unique_lock lock(tails_mutex);
      for (TailSession* session : tails) {
        session->stop();
      }
      // Lets their streams end properly; the library cuts what is left off.
      tails_changed.wait_for(lock, 2 * kWriteWaitAtStop, [this] { return tails.empty(); });
    }
    server.stop();
    if (thread.joinable()) {
      thread.join();
    }
    if (address.is_unix() && ::unlink(address.unix_path.c_str()) != 0 && errno != ENOENT) {
      log.warn("could not remove the admin socket {}", address.unix_path);
    }
  });
}

Result<std::unique_ptr<AdminServer>> AdminServer::start(std::string_view listen, Secret token,
                                                        ControlPlane& control,
                                                        BackfillControl& backfills,
                                                        ConfigControl& config, const Clock& clock,
                                                        Log log) {
  ROWTIDE_TRY_ASSIGN(const auto address, parse_admin_address(listen));
  ROWTIDE_TRY_ASSIGN(const auto listener, open_admin_listener(address));
  if (!listener.local_only && token.empty()) {
    ::close(listener.fd);
    return fail(operator_error(
        Code::kConfig, "the admin API on " + address.to_text() + " is open to other machines",
        "Set admin.token, or listen on 127.0.0.1 or a unix socket"));
  }
  auto impl = std::make_unique<Impl>(listener, std::move(token), control, backfills, config, clock,
                                     std::move(log));
  impl->install_routes();
  impl->serve();
  impl->log.info("the admin API listens on {}", impl->text);
  return std::unique_ptr<AdminServer>(new AdminServer(std::move(impl)));
}

AdminServer::AdminServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

AdminServer::~AdminServer() {
  stop();
}

const std::string& AdminServer::address() const {
  return impl_->text;
}

void AdminServer::stop() {
  impl_->stop();
}

}  // namespace rowtide
