#include "sinks/jsonl/recovery.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sinks/jsonl/files.h"

namespace rowtide::jsonl {
namespace {

Error not_ours(const std::string& directory, const std::string& why) {
  return operator_error(Code::kConflict, "the directory " + directory + " " + why,
                        "Set path to a directory of this sink's own, or move the files away");
}

Error damaged(const std::string& path, const std::string& why) {
  return operator_error(Code::kCorrupt, "the data file " + path + " " + why,
                        "Put the file back as it was, or move the whole directory away; the sink "
                        "then starts over with a fresh one");
}

Result<Marker> find_marker(const std::string& directory, const LaneContext& context) {
  ROWTIDE_TRY_ASSIGN(auto marker, read_marker(directory));
  if (!marker) {
    // The first marker is written before the first data file.
    ROWTIDE_TRY_ASSIGN(const auto files, list_data_files(directory));
    if (!files.empty()) {
      return fail(not_ours(directory, "holds data files without a marker"));
    }
    return Marker{.pipeline = context.pipeline,
                  .sink = context.sink,
                  .epoch = context.epoch,
                  .point = std::nullopt,
                  .file = 1,
                  .bytes = 0,
                  .last_event = std::nullopt};
  }
  if (marker->pipeline != context.pipeline || marker->sink != context.sink) {
    return fail(not_ours(directory,
                         "belongs to sink " + marker->sink + " of pipeline " + marker->pipeline));
  }
  if (marker->epoch > context.epoch) {
    return fail(operator_error(
        Code::kFenced,
        "the directory " + directory + " was taken over by epoch " +
            std::to_string(marker->epoch.value) + "; this is epoch " +
            std::to_string(context.epoch.value),
        "Stop the other daemon, or restart this pipeline if it is the one that should go on"));
  }
  return *std::move(marker);
}

// The last marked line must be the event that the marker names: a file of somebody else, or of
// another time, is not mistaken for ours.
Result<void> check_last_line(const File& file, const std::string& path, const Marker& marker) {
  constexpr std::uint64_t kTailBytes = 4096;  // "position" and what follows it are far shorter
  const auto count = static_cast<std::size_t>(std::min(marker.bytes, kTailBytes));
  std::string tail(count, '\0');
  const auto got =
      ::pread(file.get(), tail.data(), count, static_cast<off_t>(marker.bytes - count));
  if (got != static_cast<ssize_t>(count)) {
    return fail(got < 0 ? file_error(errno, "read", path) : damaged(path, "cannot be read whole"));
  }
  const std::string member = "\"position\":\"";
  const auto at = tail.rfind(member);
  const bool same =
      tail.ends_with('\n') && at != std::string::npos && marker.last_event &&
      tail.substr(at + member.size(), kPositionTextBytes) == to_text(*marker.last_event);
  if (!same) {
    return fail(damaged(path, "does not end with the event that the marker names"));
  }
  return {};
}

Result<void> cut_marked_file(const std::string& directory, const Marker& marker) {
  const std::string path = directory + "/" + data_file_name(marker.file);
  File file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!file.is_open()) {
    if (errno != ENOENT) {
      return fail(file_error(errno, "open", path));
    }
    return marker.bytes == 0 ? Result<void>{} : fail(damaged(path, "is missing"));
  }
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) {
    return fail(file_error(errno, "look at", path));
  }
  const auto size_bytes = static_cast<std::uint64_t>(status.st_size);
  if (size_bytes < marker.bytes) {
    return fail(damaged(path, "is shorter than the marker says"));
  }
  if (marker.bytes > 0) {
    ROWTIDE_TRY(check_last_line(file, path, marker));
  }
  if (size_bytes > marker.bytes && ::ftruncate(file.get(), static_cast<off_t>(marker.bytes)) != 0) {
    return fail(file_error(errno, "cut", path));
  }
  if (::fsync(file.get()) != 0) {
    return fail(file_error(errno, "make durable", path));
  }
  return {};
}

Result<void> remove_later_files(const std::string& directory, const Marker& marker) {
  ROWTIDE_TRY_ASSIGN(const auto files, list_data_files(directory));
  for (const auto number : files) {
    const std::string path = directory + "/" + data_file_name(number);
    if (number > marker.file && ::unlink(path.c_str()) != 0) {
      return fail(file_error(errno, "remove", path));
    }
  }
  return sync_directory(directory);
}

}  // namespace

Result<Marker> recover_directory(const std::string& directory, const LaneContext& context) {
  ROWTIDE_TRY_ASSIGN(auto marker, find_marker(directory, context));
  ROWTIDE_TRY(cut_marked_file(directory, marker));
  ROWTIDE_TRY(remove_later_files(directory, marker));
  marker.epoch = context.epoch;
  ROWTIDE_TRY(write_marker(directory, marker));
  return marker;
}

}  // namespace rowtide::jsonl
