#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/error.h"
#include "engine/base/strong_id.h"
#include "engine/model/position.h"

namespace rowtide::jsonl {

inline constexpr const char* kMarkerName = ".rowtide-marker.json";
inline constexpr const char* kLockName = ".rowtide-lock";

// What is durable in the directory: every data file before `file` whole, and `bytes` of that one.
struct Marker {
  std::string pipeline;
  std::string sink;
  Epoch epoch;
  // nullopt while no event has ever been made durable.
  std::optional<ResumePoint> point;
  std::uint64_t file = 1;
  std::uint64_t bytes = 0;
  // Position of the last event line within `bytes`: ties the marker to the data.
  std::optional<Position> last_event;

  friend bool operator==(const Marker&, const Marker&) = default;
};

std::string encode_marker(const Marker& marker);
// Code::kCorrupt where the text is not a marker, kNewerFormat where a newer build wrote it.
Result<Marker> decode_marker(std::string_view text, const std::string& path);

// nullopt when the directory has none.
Result<std::optional<Marker>> read_marker(const std::string& directory);
// Durable and atomic.
Result<void> write_marker(const std::string& directory, const Marker& marker);

}  // namespace rowtide::jsonl
