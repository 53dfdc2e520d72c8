#include "sinks/blackhole/blackhole_sink.h"

#include <algorithm>
#include <utility>

#include "sinks/format/row_change.h"

namespace rowtide {
namespace {

class BlackholeSink final : public Sink {
 public:
  explicit BlackholeSink(const BlackholeConfig& config) : config_(config) {}

  Guarantee guarantee() const noexcept override { return Guarantee::kAtLeastOnce; }

  Result<std::optional<ResumePoint>> open(const LaneContext& context) override {
    encoder_ = make_encoder(context.pipeline, config_.format);
    report_ = {};
    return std::nullopt;
  }

  Result<void> submit(BatchPtr batch, Deadline /*until*/) override {
    if (encoder_ == nullptr) {
      report_.bytes_delivered += batch->size_bytes();
    } else {
      encode(*batch);
    }
    report_.rows_delivered += static_cast<std::uint64_t>(std::ranges::count_if(
        batch->events(), [](const Event& event) { return is_row_change(event.op); }));
    report_.durable = batch->resume_point();
    return {};
  }

  Result<DurableReport> poll_durable(Deadline /*until*/) override { return report_; }
  Result<void> flush(Deadline /*until*/) override { return {}; }
  void close() noexcept override { encoder_.reset(); }

 private:
  void encode(const Batch& batch) {
    for (const auto& event : batch.events()) {
      scratch_.clear();
      encoder_->encode(batch, event, scratch_);
      report_.bytes_delivered += scratch_.size();
    }
  }

  const BlackholeConfig config_;
  std::unique_ptr<Encoder> encoder_;
  std::string scratch_;
  DurableReport report_;
};

}  // namespace

Result<SinkHandle> make_blackhole_sink(const BlackholeConfig& config, const Runtime& /*runtime*/) {
  return SinkHandle{std::make_unique<BlackholeSink>(config), nullptr};
}

}  // namespace rowtide
