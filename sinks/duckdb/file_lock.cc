#include "sinks/duckdb/file_lock.h"

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace rowtide::duckdb {
namespace {

Error lock_error(const std::string& path, int number) {
  const std::string message = path + ": " + std::generic_category().message(number);
  if (number == ENOSPC) {
    return retry_error(Code::kDiskFull, message, "Free disk space");
  }
  if (number == ENOENT || number == ENOTDIR) {
    return operator_error(Code::kNotFound, message, "Create the folder of the database file");
  }
  return operator_error(Code::kPermission, message,
                        "Let the daemon's user write to the folder of the database file");
}

}  // namespace

Result<bool> FileLock::try_acquire() {
  if (descriptor_ >= 0) {
    return true;
  }
  const int descriptor = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    return fail(lock_error(path_, errno));
  }
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    const int number = errno;
    ::close(descriptor);
    if (number == EWOULDBLOCK || number == EINTR) {
      return false;
    }
    return fail(lock_error(path_, number));
  }
  descriptor_ = descriptor;
  return true;
}

void FileLock::release() noexcept {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
    descriptor_ = -1;
  }
}

}  // namespace rowtide::duckdb
