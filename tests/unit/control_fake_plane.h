#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/api/backfill.h"
#include "engine/api/control.h"
#include "engine/api/reload.h"
#include "engine/base/clock.h"
#include "engine/control/admin_server.h"

namespace rowtide::testing {

inline constexpr std::chrono::seconds kPatience{20};

// A pipeline "shop" with the sinks "warehouse" (duckdb) and "events" (kafka, retrying).
PipelineStatus shop_status();

// Backfill "7" of the pipeline "shop", running: one table is done and one is being read.
BackfillStatus orders_backfill();

// A control plane of one pipeline "shop" that remembers what it was asked.
class FakePlane final : public ControlPlane {
 public:
  FakePlane();

  std::vector<PipelineStatus> status() const override;
  Result<void> act(std::string_view pipeline, Action action) override;
  Result<std::vector<Offset>> offsets(std::string_view pipeline) const override;
  Result<void> set_offset(std::string_view pipeline, std::string_view sink,
                          const ResumePoint& point) override;
  Result<void> query(std::string_view pipeline, std::string_view sink, std::string_view sql,
                     QueryOutput& out) override;
  Result<void> tail(std::string_view pipeline, const TapOutput& out) override;

  void set_state(RunState state);
  // Gives one line to every open tail.
  void say(std::string line);
  // Makes every open tail end with `result`.
  void end_tails(Result<void> result);
  // False when it did not come to that within kPatience.
  bool wait_for_tails(int count);
  int open_tails() const;

  std::vector<Action> acts() const;
  std::string last_query() const;

 private:
  Result<void> known(std::string_view pipeline) const;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  PipelineStatus status_;
  std::vector<Action> acts_;
  std::map<std::string, ResumePoint> offsets_;
  std::string last_query_;
  std::vector<std::deque<std::string>*> tails_;
  std::optional<Result<void>> tail_end_;
};

// The control of backfills of the pipeline "shop" that remembers what it was asked.
class FakeBackfills final : public BackfillControl {
 public:
  Result<std::string> start_backfill(std::string_view pipeline, const BackfillSpec& spec) override;
  Result<void> act_on_backfill(std::string_view id, Action action) override;
  std::vector<BackfillStatus> backfills() const override;

  // What backfills() tells, a list for each time that it is asked, the last one from then on.
  void play(std::deque<std::vector<BackfillStatus>> lists);
  void refuse_starts(Error error);

  std::vector<BackfillSpec> started() const;
  std::vector<std::pair<std::string, Action>> acts() const;

 private:
  mutable std::mutex mutex_;
  mutable std::deque<std::vector<BackfillStatus>> lists_;
  std::optional<Error> refusal_;
  std::vector<BackfillSpec> started_;
  std::vector<std::pair<std::string, Action>> acts_;
};

// A configuration that is taken up as a test says, and that counts how often.
class FakeConfig final : public ConfigControl {
 public:
  Result<ReloadReport> reload() override;

  void play(Result<ReloadReport> outcome);
  int reloads() const;

 private:
  mutable std::mutex mutex_;
  Result<ReloadReport> outcome_;
  int reloads_ = 0;
};

// A running server; `listen` as in the configuration.
std::unique_ptr<AdminServer> serve(ControlPlane& plane, BackfillControl& backfills,
                                   ConfigControl& config, std::string_view listen = "127.0.0.1:0",
                                   std::string token = {});
// The same for a test that reloads nothing.
std::unique_ptr<AdminServer> serve(ControlPlane& plane, BackfillControl& backfills,
                                   std::string_view listen = "127.0.0.1:0", std::string token = {});
// The same for a test that asks nothing about backfills: there are none.
std::unique_ptr<AdminServer> serve(ControlPlane& plane, std::string_view listen = "127.0.0.1:0",
                                   std::string token = {});

// The whole answer to raw request bytes, read until the server closes.
std::string raw_exchange(const AdminServer& server, std::string_view request);
// The same for a request without a body: "GET /livez" and header lines ending in \r\n.
std::string ask(const AdminServer& server, std::string_view method_and_path,
                std::string_view headers = {});
// The same with a body.
std::string ask_with_body(const AdminServer& server, std::string_view method_and_path,
                          std::string_view body);

int status_of(std::string_view answer);
std::string_view body_of(std::string_view answer);

// A connection to the server that is read piece by piece.
class RawClient {
 public:
  explicit RawClient(const AdminServer& server);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  void send(std::string_view bytes);
  // All that came so far once it contains `text`; fails the test after kPatience.
  std::string read_until(std::string_view text);
  // All that came until the server closed; fails the test after kPatience.
  std::string read_to_end();
  void close();

 private:
  bool read_more();
  int fd_ = -1;
  std::string received_;
};

// A fresh folder below the system's temporary one, removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::string path(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

}  // namespace rowtide::testing
