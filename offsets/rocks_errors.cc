#include "offsets/rocks_errors.h"

#include <cerrno>
#include <cstring>
#include <string>

#include "offsets/records.h"

namespace rowtide {
namespace {

bool mentions(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// RocksDB passes errno on as text only, so it is recognised by the C library's own wording.
bool mentions_errno(const std::string& text, int number) {
  return mentions(text, std::strerror(number));
}

// The LOCK file is held, by another process or by another store of this one.
bool is_locked(const std::string& text) {
  return mentions(text, "/LOCK") &&
         (mentions(text, "lock hold by current process") || mentions(text, "While lock file") ||
          mentions_errno(text, EAGAIN) || mentions_errno(text, ENOLCK));
}

}  // namespace

Error store_error(const rocksdb::Status& status, std::string_view action, std::string_view path) {
  const std::string text = status.ToString();
  const std::string place = "state directory " + std::string(path);
  const std::string message = place + ": cannot " + std::string(action) + ": " + text;
  if (status.IsNoSpace() || mentions_errno(text, ENOSPC) || mentions_errno(text, EDQUOT)) {
    return retry_error(
        Code::kDiskFull, message,
        "Free space on its file system; nothing is lost and the work goes on by itself");
  }
  if (is_locked(text)) {
    return operator_error(Code::kLocked, place + " is in use by another process",
                          "Stop the other daemon, or give this one a state_dir of its own");
  }
  if (mentions_errno(text, EROFS)) {
    return operator_error(Code::kReadOnly, message,
                          "Mount its file system for writing, or choose another state_dir");
  }
  if (mentions_errno(text, EACCES) || mentions_errno(text, EPERM)) {
    return operator_error(
        Code::kPermission, message,
        "Give the daemon's user the right to write to this directory and everything in it");
  }
  if (status.IsCorruption()) {
    return operator_error(Code::kCorrupt, message, std::string(rebuild_remedy()));
  }
  if (status.IsNotSupported() || status.IsInvalidArgument()) {
    return operator_error(
        Code::kNewerFormat, message,
        "It may have been written by a newer build: start that one, or move the directory away");
  }
  return retry_error(Code::kInternal, message, "Look at the disk's health if this goes on");
}

}  // namespace rowtide
