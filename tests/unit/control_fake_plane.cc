#include "control_fake_plane.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/control/admin_listener.h"

namespace rowtide::testing {

PipelineStatus shop_status() {
  PipelineStatus status;
  status.name = "shop";
  status.state = RunState::kRunning;
  status.source_type = "postgres";
  status.source.connected = true;
  status.source.server = "PostgreSQL 15.20";
  status.source.position_text = "0/1A2B3C4";
  status.source.lag_bytes = 2048;
  status.source.lag_seconds = 0.5;
  status.source.spilled_bytes = 7;
  status.source.notices = {"a notice"};
  status.events_read = 12345;
  status.transactions_read = 100;
  status.bytes_read = 4096;
  status.retries = 2;
  status.buffered_bytes = 10;
  status.buffer_limit_bytes = 1000;

  LaneStatus warehouse;
  warehouse.name = "warehouse";
  warehouse.type = "duckdb";
  warehouse.guarantee = Guarantee::kTransactional;
  warehouse.state = RunState::kRunning;
  warehouse.position = Position{1, 0x1A2B3C4, kWholeTransaction};
  warehouse.rows_delivered = 1234567;
  warehouse.bytes_delivered = 3 << 20;
  warehouse.transactions_split = 1;
  warehouse.lag_seconds = 0.25;

  LaneStatus events;
  events.name = "events";
  events.type = "kafka";
  events.state = RunState::kRetrying;
  events.retries = 3;
  events.lag_seconds = 75;
  events.last_error =
      retry_error(Code::kConnection, "k1:9092 does not answer", "Check that the broker runs");
  status.lanes = {warehouse, events};
  return status;
}

BackfillStatus orders_backfill() {
  BackfillStatus status;
  status.id = "7";
  status.pipeline = "shop";
  status.spec = {{"public.items", "public.orders"}, {"id > 10", {"id", "note"}}};
  status.state = BackfillState::kRunning;
  status.tables = {
      {"public.items", ScanMethod::kWhole, "the table has no key", true, true, 1000, 990},
      {"public.orders", ScanMethod::kKeyRange, "the key follows the rows (correlation 1.00)", true,
       false, 9000, 3010}};
  status.estimated_rows = 10000;
  status.rows_delivered = 4000;
  status.rows_outdated = 200;
  status.chunks_read = 12;
  status.chunks_discarded = 1;
  status.rows_per_second = 58;
  status.created_at_us = 1'795'280'036'000'500;
  return status;
}

FakePlane::FakePlane() : status_(shop_status()) {
  offsets_["warehouse"] = {Position{1, 0x1A2B3C4, kWholeTransaction}, "7/1/0/1A2B3C8"};
}

Result<void> FakePlane::known(std::string_view pipeline) const {
  if (pipeline != "shop") {
    return fail(operator_error(Code::kNotFound,
                               "there is no pipeline '" + std::string(pipeline) + "'",
                               "Known pipelines: shop"));
  }
  return {};
}

std::vector<PipelineStatus> FakePlane::status() const {
  const std::scoped_lock lock(mutex_);
  return {status_};
}

Result<void> FakePlane::act(std::string_view pipeline, Action action) {
  ROWTIDE_TRY(known(pipeline));
  const std::scoped_lock lock(mutex_);
  acts_.push_back(action);
  return {};
}

Result<std::vector<ControlPlane::Offset>> FakePlane::offsets(std::string_view pipeline) const {
  ROWTIDE_TRY(known(pipeline));
  const std::scoped_lock lock(mutex_);
  std::vector<Offset> out;
  for (const auto& [sink, durable] : offsets_) {
    out.push_back({sink, durable});
  }
  return out;
}

Result<void> FakePlane::set_offset(std::string_view pipeline, std::string_view sink,
                                   const ResumePoint& point) {
  ROWTIDE_TRY(known(pipeline));
  const std::scoped_lock lock(mutex_);
  if (status_.state != RunState::kPaused) {
    return fail(
        operator_error(Code::kConflict, "pipeline shop is running", "Pause the pipeline first"));
  }
  offsets_[sink.empty() ? "warehouse" : std::string(sink)] = point;
  return {};
}

Result<void> FakePlane::query(std::string_view pipeline, std::string_view sink,
                              std::string_view sql, QueryOutput& out) {
  ROWTIDE_TRY(known(pipeline));
  {
    const std::scoped_lock lock(mutex_);
    last_query_ = std::string(sink) + "|" + std::string(sql);
  }
  if (sql == "broken") {
    return fail(operator_error(Code::kData, "the statement has a syntax error", "Mend it"));
  }
  const std::vector<std::string> names{"id", "note"};
  out.columns(names);
  out.row(std::vector<std::optional<std::string>>{"1", "say \"hi\"\n"});
  out.row(std::vector<std::optional<std::string>>{"22", std::nullopt});
  return {};
}

Result<void> FakePlane::tail(std::string_view pipeline, const TapOutput& out) {
  ROWTIDE_TRY(known(pipeline));
  std::deque<std::string> lines{""};
  std::unique_lock lock(mutex_);
  tails_.push_back(&lines);
  changed_.notify_all();
  bool wanted = true;
  while (wanted && (!tail_end_ || !lines.empty())) {
    if (lines.empty()) {
      changed_.wait_for(lock, std::chrono::milliseconds(20));
    }
    const std::string line = lines.empty() ? std::string{} : lines.front();
    if (!lines.empty()) {
      lines.pop_front();
    }
    lock.unlock();
    wanted = out(line);
    lock.lock();
  }
  std::erase(tails_, &lines);
  changed_.notify_all();
  return wanted ? *tail_end_ : Result<void>{};
}

void FakePlane::set_state(RunState state) {
  const std::scoped_lock lock(mutex_);
  status_.state = state;
}

void FakePlane::say(std::string line) {
  const std::scoped_lock lock(mutex_);
  for (auto* lines : tails_) {
    lines->push_back(line);
  }
  changed_.notify_all();
}

void FakePlane::end_tails(Result<void> result) {
  const std::scoped_lock lock(mutex_);
  tail_end_ = std::move(result);
  changed_.notify_all();
}

bool FakePlane::wait_for_tails(int count) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kPatience,
                           [&] { return static_cast<int>(tails_.size()) == count; });
}

int FakePlane::open_tails() const {
  const std::scoped_lock lock(mutex_);
  return static_cast<int>(tails_.size());
}

std::vector<ControlPlane::Action> FakePlane::acts() const {
  const std::scoped_lock lock(mutex_);
  return acts_;
}

std::string FakePlane::last_query() const {
  const std::scoped_lock lock(mutex_);
  return last_query_;
}

Result<std::string> FakeBackfills::start_backfill(std::string_view pipeline,
                                                  const BackfillSpec& spec) {
  const std::scoped_lock lock(mutex_);
  if (refusal_) {
    return fail(*refusal_);
  }
  if (pipeline != "shop") {
    return fail(operator_error(Code::kNotFound,
                               "there is no pipeline '" + std::string(pipeline) + "'",
                               "Known pipelines: shop"));
  }
  started_.push_back(spec);
  return "7";
}

Result<void> FakeBackfills::act_on_backfill(std::string_view id, Action action) {
  const std::scoped_lock lock(mutex_);
  if (id == "6") {
    return fail(operator_error(Code::kConflict, "backfill 6 has finished", "Start another one"));
  }
  if (id != "7") {
    return fail(operator_error(Code::kNotFound, "there is no backfill '" + std::string(id) + "'",
                               "Known backfills: 7, 6"));
  }
  acts_.emplace_back(id, action);
  return {};
}

std::vector<BackfillStatus> FakeBackfills::backfills() const {
  const std::scoped_lock lock(mutex_);
  auto list = lists_.empty() ? std::vector<BackfillStatus>{} : lists_.front();
  if (lists_.size() > 1) {
    lists_.pop_front();
  }
  return list;
}

void FakeBackfills::play(std::deque<std::vector<BackfillStatus>> lists) {
  const std::scoped_lock lock(mutex_);
  lists_ = std::move(lists);
}

void FakeBackfills::refuse_starts(Error error) {
  const std::scoped_lock lock(mutex_);
  refusal_ = std::move(error);
}

std::vector<BackfillSpec> FakeBackfills::started() const {
  const std::scoped_lock lock(mutex_);
  return started_;
}

std::vector<std::pair<std::string, BackfillControl::Action>> FakeBackfills::acts() const {
  const std::scoped_lock lock(mutex_);
  return acts_;
}

Result<ReloadReport> FakeConfig::reload() {
  const std::scoped_lock lock(mutex_);
  ++reloads_;
  return outcome_;
}

void FakeConfig::play(Result<ReloadReport> outcome) {
  const std::scoped_lock lock(mutex_);
  outcome_ = std::move(outcome);
}

int FakeConfig::reloads() const {
  const std::scoped_lock lock(mutex_);
  return reloads_;
}

std::unique_ptr<AdminServer> serve(ControlPlane& plane, BackfillControl& backfills,
                                   std::string_view listen, std::string token) {
  static FakeConfig same;
  return serve(plane, backfills, same, listen, std::move(token));
}

std::unique_ptr<AdminServer> serve(ControlPlane& plane, BackfillControl& backfills,
                                   ConfigControl& config, std::string_view listen,
                                   std::string token) {
  static const SystemClock kClock;
  auto server = AdminServer::start(listen, Secret(std::move(token)), plane, backfills, config,
                                   kClock, Log::silent());
  if (!server) {
    ADD_FAILURE() << server.error().to_text();
    return nullptr;
  }
  return std::move(*server);
}

std::unique_ptr<AdminServer> serve(ControlPlane& plane, std::string_view listen,
                                   std::string token) {
  static FakeBackfills none;
  return serve(plane, none, listen, std::move(token));
}

RawClient::RawClient(const AdminServer& server) {
  const auto address = parse_admin_address(server.address());
  if (!address) {
    ADD_FAILURE() << address.error().to_text();
    return;
  }
  int connected = -1;
  if (address->is_unix()) {
    fd_ = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::memcpy(name.sun_path, address->unix_path.data(), address->unix_path.size());
    connected = ::connect(fd_, reinterpret_cast<const sockaddr*>(&name), sizeof name);
  } else {
    fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(address->port);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected = ::connect(fd_, reinterpret_cast<const sockaddr*>(&name), sizeof name);
  }
  EXPECT_EQ(connected, 0) << std::strerror(errno);
}

RawClient::~RawClient() {
  close();
}

void RawClient::close() {
  if (fd_ >= 0) {
    ::close(std::exchange(fd_, -1));
  }
}

void RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) {
      return;  // The server may answer and close before it took everything.
    }
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

bool RawClient::read_more() {
  pollfd entry{fd_, POLLIN, 0};
  const int wait_ms = static_cast<int>(std::chrono::milliseconds(kPatience).count());
  if (::poll(&entry, 1, wait_ms) != 1) {
    ADD_FAILURE() << "nothing came in time; so far: " << received_;
    return false;
  }
  char buffer[65536];
  const ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
  if (got <= 0) {
    return false;
  }
  received_.append(buffer, static_cast<std::size_t>(got));
  return true;
}

std::string RawClient::read_until(std::string_view text) {
  while (received_.find(text) == std::string::npos) {
    if (!read_more()) {
      ADD_FAILURE() << "'" << text << "' did not come: " << received_;
      break;
    }
  }
  return received_;
}

std::string RawClient::read_to_end() {
  while (read_more()) {
  }
  return received_;
}

std::string raw_exchange(const AdminServer& server, std::string_view request) {
  RawClient client(server);
  client.send(request);
  return client.read_to_end();
}

std::string ask(const AdminServer& server, std::string_view method_and_path,
                std::string_view headers) {
  std::string request(method_and_path);
  request.append(" HTTP/1.1\r\nHost: localhost\r\n").append(headers).append("\r\n");
  return raw_exchange(server, request);
}

std::string ask_with_body(const AdminServer& server, std::string_view method_and_path,
                          std::string_view body) {
  std::string request(method_and_path);
  request.append(" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n");
  request.append("Content-Length: " + std::to_string(body.size()) + "\r\n\r\n").append(body);
  return raw_exchange(server, request);
}

int status_of(std::string_view answer) {
  return answer.starts_with("HTTP/1.1 ") ? std::atoi(std::string(answer.substr(9, 3)).c_str()) : 0;
}

std::string_view body_of(std::string_view answer) {
  const auto head = answer.find("\r\n\r\n");
  return head == std::string_view::npos ? std::string_view{} : answer.substr(head + 4);
}

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "rowtide-XXXXXX").string();
  EXPECT_NE(::mkdtemp(name.data()), nullptr);
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace rowtide::testing
