#include "engine/base/failpoints.h"

#include <charconv>
#include <csignal>

#include <unistd.h>

namespace rowtide {

std::string_view to_string(Failpoint point) noexcept {
  switch (point) {
    case Failpoint::kSourceAfterBegin:
      return "source_after_begin";
    case Failpoint::kSourceAfterRow:
      return "source_after_row";
    case Failpoint::kSourceBeforeCommit:
      return "source_before_commit";
    case Failpoint::kSourceAfterCommit:
      return "source_after_commit";
    case Failpoint::kSourceSpillWrite:
      return "source_spill_write";
    case Failpoint::kSourceSpillRelease:
      return "source_spill_release";
    case Failpoint::kReaderBeforeAppend:
      return "reader_before_append";
    case Failpoint::kReaderAfterAppend:
      return "reader_after_append";
    case Failpoint::kLaneBeforeSubmit:
      return "lane_before_submit";
    case Failpoint::kLaneAfterSubmit:
      return "lane_after_submit";
    case Failpoint::kSinkMidWrite:
      return "sink_mid_write";
    case Failpoint::kSinkBeforeCommit:
      return "sink_before_commit";
    case Failpoint::kSinkAfterCommit:
      return "sink_after_commit";
    case Failpoint::kCommitterBeforeStore:
      return "committer_before_store";
    case Failpoint::kCommitterAfterStore:
      return "committer_after_store";
    case Failpoint::kSourceBeforeAck:
      return "source_before_ack";
    case Failpoint::kSourceAfterAck:
      return "source_after_ack";
    case Failpoint::kSchemaWrite:
      return "schema_write";
    case Failpoint::kBackfillChunkRead:
      return "backfill_chunk_read";
    case Failpoint::kBackfillBeforeSlice:
      return "backfill_before_slice";
    case Failpoint::kBackfillAfterSlice:
      return "backfill_after_slice";
    case Failpoint::kSkipVisibilityBarrier:
      return "skip_visibility_barrier";
    case Failpoint::kCount:
      break;
  }
  return "unknown";
}

Result<void> Failpoints::arm(std::string_view spec) {
  while (!spec.empty()) {
    const auto comma = spec.find(',');
    std::string_view item = spec.substr(0, comma);
    spec = comma == std::string_view::npos ? std::string_view{} : spec.substr(comma + 1);
    std::uint64_t nth = 1;
    if (const auto colon = item.find(':'); colon != std::string_view::npos) {
      const std::string_view number = item.substr(colon + 1);
      const auto parsed = std::from_chars(number.data(), number.data() + number.size(), nth);
      if (parsed.ec != std::errc{} || parsed.ptr != number.data() + number.size() || nth == 0) {
        return fail(operator_error(Code::kConfig, "failpoint count is not a positive number",
                                   "Write name:count, for example source_after_row:100"));
      }
      item = item.substr(0, colon);
    }
    bool known = false;
    std::string names;
    for (std::size_t i = 0; i < left_.size(); ++i) {
      const auto name = to_string(static_cast<Failpoint>(i));
      names.append(names.empty() ? "" : ", ").append(name);
      if (name == item) {
        left_[i].store(nth);
        known = true;
      }
    }
    if (!known) {
      return fail(operator_error(Code::kConfig, "unknown failpoint '" + std::string(item) + "'",
                                 "Known failpoints: " + names));
    }
    armed_.store(true);
  }
  return {};
}

void Failpoints::hit_slow(Failpoint point) noexcept {
  auto& left = left_[static_cast<std::size_t>(point)];
  if (left.load(std::memory_order_relaxed) == 0) {
    return;
  }
  if (left.fetch_sub(1) == 1) {
    ::kill(::getpid(), SIGKILL);
  }
}

}  // namespace rowtide
