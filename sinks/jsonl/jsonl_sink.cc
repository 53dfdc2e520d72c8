#include "sinks/jsonl/jsonl_sink.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>

#include "sinks/format/row_change.h"
#include "sinks/jsonl/files.h"
#include "sinks/jsonl/marker.h"
#include "sinks/jsonl/recovery.h"

namespace rowtide {
namespace {

// Encoded bytes to collect before a write.
constexpr std::size_t kWriteBytes = std::size_t{256} << 10;

// A place in the files up to which everything may become durable, and what was delivered there.
struct SafePoint {
  jsonl::Marker marker;
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  std::uint64_t transactions_split = 0;
};

class JsonlSink final : public Sink {
 public:
  JsonlSink(const JsonlConfig& config, const Runtime& runtime)
      : config_(config), runtime_(runtime) {}

  Guarantee guarantee() const noexcept override { return Guarantee::kIdempotent; }

  Result<std::optional<ResumePoint>> open(const LaneContext& context) override {
    close();
    context_ = context;
    encoder_ = make_encoder(context.pipeline, config_.format);
    ROWTIDE_TRY(jsonl::make_directories(config_.path));
    ROWTIDE_TRY(lock_directory());
    ROWTIDE_TRY_ASSIGN(auto marker, jsonl::recover_directory(config_.path, context));
    last_event_ = marker.last_event;
    file_number_ = marker.file;
    file_bytes_ = marker.bytes;
    safe_ = SafePoint{.marker = std::move(marker), .rows = 0, .bytes = 0, .transactions_split = 0};
    delivered_ = safe_;
    return safe_.marker.point;
  }

  Result<void> submit(BatchPtr batch, Deadline /*until*/) override {
    const auto events = batch->events();
    for (const auto& transaction : batch->transactions()) {
      const auto end = transaction.first_event + transaction.event_count;
      for (auto i = transaction.first_event; i < end; ++i) {
        ROWTIDE_TRY(append(*batch, events[i]));
      }
      if (transaction.complete) {
        mark_safe(transaction.end_position(), transaction.end_token);
      }
    }
    if (batch->ends_on_commit()) {
      mark_safe(batch->last_position(), batch->last_token());
    } else if (batch->last_position().row >= split_rows()) {
      count_split(batch->last_position());
      mark_safe(batch->last_position(), batch->last_token());
    }
    return {};
  }

  Result<DurableReport> poll_durable(Deadline /*until*/) override {
    if (pending_since_ && (runtime_.clock.now() - *pending_since_ >= config_.flush_interval ||
                           appended_bytes_ - delivered_.bytes >= buffer_limit_bytes())) {
      ROWTIDE_TRY(make_durable());
    }
    DurableReport report;
    if (reported_any_) {
      report.durable = delivered_.marker.point;
    }
    report.rows_delivered = delivered_.rows;
    report.bytes_delivered = delivered_.bytes;
    report.transactions_split = delivered_.transactions_split;
    return report;
  }

  Result<void> flush(Deadline /*until*/) override {
    return pending_since_ ? make_durable() : Result<void>{};
  }

  void close() noexcept override {
    file_.close();
    lock_.close();
    encoder_.reset();
    buffer_.clear();
    pending_since_.reset();
    reported_any_ = false;
    file_dirty_ = false;
    appended_rows_ = 0;
    appended_bytes_ = 0;
    transactions_split_ = 0;
    last_split_.reset();
  }

 private:
  std::uint64_t split_rows() const {
    return static_cast<std::uint64_t>(config_.split_transaction_rows);
  }
  std::uint64_t buffer_limit_bytes() const {
    return std::min<std::uint64_t>(config_.buffer_bytes, context_.buffer_bytes);
  }
  std::string data_path() const { return config_.path + "/" + jsonl::data_file_name(file_number_); }

  Result<void> lock_directory() {
    const std::string path = config_.path + "/" + jsonl::kLockName;
    ROWTIDE_TRY_ASSIGN(lock_, jsonl::open_file(path, O_RDWR | O_CREAT));
    if (::flock(lock_.get(), LOCK_EX | LOCK_NB) == 0) {
      return {};
    }
    const int number = errno;
    lock_.close();
    if (number == EWOULDBLOCK) {
      return fail(retry_error(Code::kLocked,
                              "the directory " + config_.path + " is in use by another sink",
                              "Stop the other daemon, or set path to a directory of its own"));
    }
    return fail(jsonl::file_error(number, "lock", path));
  }

  Result<void> append(const Batch& batch, const Event& event) {
    const std::size_t start = buffer_.size();
    encoder_->encode(batch, event, buffer_);
    buffer_.push_back('\n');
    const std::uint64_t line_bytes = buffer_.size() - start;
    if (file_bytes_ > 0 && file_bytes_ + line_bytes > config_.rotate_bytes) {
      ROWTIDE_TRY(finish_file(start));
    }
    file_bytes_ += line_bytes;
    appended_bytes_ += line_bytes;
    appended_rows_ += is_row_change(event.op) ? 1 : 0;
    last_event_ = batch.position_of(event);
    if (buffer_.size() >= kWriteBytes) {
      return write_buffer(buffer_.size());
    }
    return {};
  }

  // Writes the first `count` bytes of the buffer to the current file.
  Result<void> write_buffer(std::size_t count) {
    if (count == 0) {
      return {};
    }
    const std::string path = data_path();
    if (!file_.is_open()) {
      ROWTIDE_TRY_ASSIGN(file_, jsonl::open_file(path, O_WRONLY | O_APPEND | O_CREAT));
      ROWTIDE_TRY(jsonl::sync_directory(config_.path));
    }
    runtime_.failpoints.hit(Failpoint::kSinkMidWrite);
    file_dirty_ = true;
    ROWTIDE_TRY(jsonl::write_all(file_, std::string_view(buffer_).substr(0, count), path));
    buffer_.erase(0, count);
    return {};
  }

  // Ends the current file with the first `count` bytes of the buffer. The next one is made when
  // there is something to write to it.
  Result<void> finish_file(std::size_t count) {
    ROWTIDE_TRY(write_buffer(count));
    ROWTIDE_TRY(sync_file());
    file_.close();
    ++file_number_;
    file_bytes_ = 0;
    return {};
  }

  Result<void> sync_file() {
    if (file_dirty_) {
      ROWTIDE_TRY(jsonl::sync_data(file_, data_path()));
      file_dirty_ = false;
    }
    return {};
  }

  void mark_safe(const Position& position, std::string_view token) {
    auto& marker = safe_.marker;
    if (!marker.point) {
      marker.point.emplace();
    }
    marker.point->position = position;
    marker.point->token.assign(token);
    marker.file = file_number_;
    marker.bytes = file_bytes_;
    marker.last_event = last_event_;
    safe_.rows = appended_rows_;
    safe_.bytes = appended_bytes_;
    safe_.transactions_split = transactions_split_;
    if (!pending_since_) {
      pending_since_ = runtime_.clock.now();
    }
  }

  void count_split(const Position& position) {
    const std::pair transaction(position.timeline, position.commit);
    if (last_split_ != transaction) {
      last_split_ = transaction;
      ++transactions_split_;
    }
  }

  // Data first, then the marker that says so.
  Result<void> make_durable() {
    ROWTIDE_TRY(write_buffer(buffer_.size()));
    ROWTIDE_TRY(sync_file());
    ROWTIDE_TRY(check_epoch());
    runtime_.failpoints.hit(Failpoint::kSinkBeforeCommit);
    ROWTIDE_TRY(jsonl::write_marker(config_.path, safe_.marker));
    runtime_.failpoints.hit(Failpoint::kSinkAfterCommit);
    delivered_ = safe_;
    reported_any_ = true;
    pending_since_.reset();
    return {};
  }

  // The lock keeps out sinks of this machine; a shared file system has others.
  Result<void> check_epoch() const {
    ROWTIDE_TRY_ASSIGN(const auto held, jsonl::read_marker(config_.path));
    if (!held) {
      return fail(operator_error(Code::kConflict,
                                 "the marker of the directory " + config_.path + " has gone",
                                 "Leave the directory to the sink; move it away only while the "
                                 "daemon is stopped"));
    }
    if (held->epoch != context_.epoch) {
      return fail(operator_error(Code::kFenced,
                                 "the directory " + config_.path + " was taken over by epoch " +
                                     std::to_string(held->epoch.value),
                                 "Stop one of the two daemons that write to it"));
    }
    return {};
  }

  const JsonlConfig config_;
  const Runtime runtime_;
  LaneContext context_;
  std::unique_ptr<Encoder> encoder_;
  jsonl::File lock_;

  jsonl::File file_;  // open while there is something in it
  bool file_dirty_ = false;
  std::uint64_t file_number_ = 1;
  std::uint64_t file_bytes_ = 0;  // with what is still in buffer_
  std::string buffer_;
  std::optional<Position> last_event_;
  std::uint64_t appended_rows_ = 0;
  std::uint64_t appended_bytes_ = 0;
  std::uint64_t transactions_split_ = 0;
  std::optional<std::pair<std::uint32_t, std::uint64_t>> last_split_;

  SafePoint safe_;       // appended up to here
  SafePoint delivered_;  // durable up to here
  bool reported_any_ = false;
  std::optional<MonotonicTime> pending_since_;  // when safe_ first went beyond delivered_
};

}  // namespace

Result<SinkHandle> make_jsonl_sink(const JsonlConfig& config, const Runtime& runtime) {
  ROWTIDE_TRY(config.validate());
  return SinkHandle{std::make_unique<JsonlSink>(config, runtime), nullptr};
}

}  // namespace rowtide
