#include "sinks/stdout/stdout_sink.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <utility>

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sinks/format/row_change.h"

namespace rowtide {
namespace {

// Encoded bytes to collect before a write.
constexpr std::size_t kWriteBytes = std::size_t{64} << 10;
// POSIX: a pipe that poll() calls writable takes this much without blocking.
constexpr std::size_t kPipeBytes = 4096;

Error write_error(int number) {
  const std::string message =
      std::string("cannot write to standard output: ") + std::strerror(number);
  if (number == EPIPE) {
    return operator_error(Code::kConnection, message,
                          "The reader of the pipe has gone: start it and the daemon again");
  }
  if (number == ENOSPC || number == EDQUOT) {
    return retry_error(Code::kDiskFull, message, "Free space where the output is redirected to");
  }
  return retry_error(Code::kConnection, message);
}

class StdoutSink final : public Sink {
 public:
  StdoutSink(const StdoutConfig& config, const Runtime& runtime)
      : config_(config), runtime_(runtime) {}

  Guarantee guarantee() const noexcept override { return Guarantee::kAtLeastOnce; }

  Result<std::optional<ResumePoint>> open(const LaneContext& context) override {
    close();
    encoder_ = make_encoder(context.pipeline, config_.format);
    report_ = {};
    struct stat status{};
    may_block_ = ::fstat(config_.descriptor, &status) != 0 || !S_ISREG(status.st_mode);
    return std::nullopt;
  }

  // Batches wait unencoded while the reader of the pipe is slow: they are charged to the pipeline's
  // memory, so the source slows down.
  Result<void> submit(BatchPtr batch, Deadline until) override {
    waiting_.push_back(std::move(batch));
    return write_out(until);
  }

  Result<DurableReport> poll_durable(Deadline until) override {
    ROWTIDE_TRY(write_out(until));
    return report_;
  }

  Result<void> flush(Deadline until) override { return write_out(until); }

  void close() noexcept override {
    waiting_.clear();
    next_event_ = 0;
    buffer_.clear();
    written_ = 0;
    encoder_.reset();
  }

 private:
  // Writes what the output takes until `until`.
  Result<void> write_out(Deadline until) {
    while (!waiting_.empty()) {
      encode_some(*waiting_.front());
      while (written_ < buffer_.size()) {
        ROWTIDE_TRY_ASSIGN(const bool progress, write_once(until));
        if (!progress) {
          return {};
        }
      }
      buffer_.clear();
      written_ = 0;
      if (next_event_ == waiting_.front()->events().size()) {
        report_.durable = waiting_.front()->resume_point();
        waiting_.pop_front();
        next_event_ = 0;
      }
    }
    return {};
  }

  // Fills the buffer with whole lines once the last ones are written.
  void encode_some(const Batch& batch) {
    if (!buffer_.empty()) {
      return;
    }
    const auto events = batch.events();
    while (next_event_ < events.size() && buffer_.size() < kWriteBytes) {
      encoder_->encode(batch, events[next_event_], buffer_);
      buffer_.push_back('\n');
      report_.rows_delivered += is_row_change(events[next_event_].op) ? 1 : 0;
      ++next_event_;
    }
    report_.bytes_delivered += buffer_.size();
    runtime_.failpoints.hit(Failpoint::kSinkMidWrite);
  }

  // False when the output took nothing until the deadline.
  Result<bool> write_once(Deadline until) {
    std::size_t most = buffer_.size() - written_;
    if (may_block_) {
      most = std::min(most, kPipeBytes);
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(until - runtime_.clock.now());
      pollfd ready{config_.descriptor, POLLOUT, 0};
      const int found =
          ::poll(&ready, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
      if (found == 0) {
        return false;
      }
      if (found < 0 && errno != EINTR) {
        return fail(write_error(errno));
      }
    }
    const auto count = ::write(config_.descriptor, buffer_.data() + written_, most);
    if (count < 0) {
      if (errno == EINTR) {
        return true;
      }
      if (errno == EAGAIN) {
        return false;
      }
      return fail(write_error(errno));
    }
    written_ += static_cast<std::size_t>(count);
    return true;
  }

  const StdoutConfig config_;
  const Runtime runtime_;
  std::unique_ptr<Encoder> encoder_;
  std::deque<BatchPtr> waiting_;
  std::size_t next_event_ = 0;  // of the first waiting batch
  std::string buffer_;
  std::size_t written_ = 0;
  bool may_block_ = true;
  DurableReport report_;
};

}  // namespace

Result<SinkHandle> make_stdout_sink(const StdoutConfig& config, const Runtime& runtime) {
  return SinkHandle{std::make_unique<StdoutSink>(config, runtime), nullptr};
}

}  // namespace rowtide
