#include "engine/control/tail_session.h"

#include <utility>

#include "engine/control/status_json.h"

namespace rowtide {
namespace {

constexpr std::size_t kMaxBufferedBytes = std::size_t{4} << 20;

}  // namespace

TailSession::TailSession(ControlPlane& control, std::string pipeline)
    : control_(control), pipeline_(std::move(pipeline)) {}

TailSession::~TailSession() {
  stop();
}

Result<void> TailSession::open(Deadline until) {
  feeder_ = std::jthread([this] { feed(); });
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, until, [this] { return standing_ || stopped_ || ended_.has_value(); });
  if (!standing_ && ended_ && !*ended_) {
    return *ended_;
  }
  return {};
}

void TailSession::feed() {
  auto result = control_.tail(pipeline_, [this](std::string_view line) { return on_line(line); });
  const std::scoped_lock lock(mutex_);
  ended_ = std::move(result);
  changed_.notify_all();
}

bool TailSession::on_line(std::string_view line) {
  const std::scoped_lock lock(mutex_);
  if (stopped_) {
    return false;
  }
  standing_ = true;
  if (!line.empty()) {
    if (lines_.size() + line.size() > kMaxBufferedBytes) {
      ++dropped_;
    } else {
      lines_.append(line).push_back('\n');
    }
  }
  changed_.notify_all();
  return true;
}

bool TailSession::take(std::string& out, std::chrono::milliseconds longest) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, longest, [this] {
    return stopped_ || ended_.has_value() || !lines_.empty() || dropped_ != 0;
  });
  if (stopped_) {
    return false;
  }
  out.append(std::exchange(lines_, {}));
  if (const auto lost = std::exchange(dropped_, 0); lost != 0) {
    out.append("{\"rowtide\":\"dropped\",\"lines\":" + std::to_string(lost) + "}\n");
  }
  if (ended_) {
    const Json error = *ended_ ? Json(nullptr) : error_json(ended_->error());
    out.append(dump_json(Json{{"rowtide", "ended"}, {"error", error}})).push_back('\n');
    return false;
  }
  if (out.empty()) {
    out.push_back('\n');
  }
  return true;
}

void TailSession::stop() {
  const std::scoped_lock lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

}  // namespace rowtide
