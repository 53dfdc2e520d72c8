#include "tests/support/temp_dir.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <vector>

#include <sys/mount.h>

#include "engine/base/assert.h"

namespace rowtide::test {

TempDir::TempDir() {
  const auto pattern = (std::filesystem::temp_directory_path() / "rowtide-test-XXXXXX").string();
  std::vector<char> name(pattern.begin(), pattern.end());
  name.push_back('\0');
  ROWTIDE_ASSERT(::mkdtemp(name.data()) != nullptr);
  path_ = name.data();
}

TempDir::~TempDir() {
  std::error_code failed;
  std::filesystem::remove_all(path_, failed);
}

SmallDisk::SmallDisk(std::size_t size_bytes) {
  const auto options = "size=" + std::to_string(size_bytes);
  mounted_ = ::mount("rowtide-test", path().c_str(), "tmpfs", 0, options.c_str()) == 0;
  if (!mounted_) {
    why_not_ = std::string("mounting a tmpfs is not permitted here: ") + std::strerror(errno);
  }
}

SmallDisk::~SmallDisk() {
  if (mounted_) {
    ::umount2(path().c_str(), MNT_DETACH);
  }
}

bool SmallDisk::remount(const std::string& options, bool read_only) {
  unsigned long flags = MS_REMOUNT;
  if (read_only) {
    flags |= MS_RDONLY;
  }
  return ::mount("rowtide-test", path().c_str(), "tmpfs", flags, options.c_str()) == 0;
}

bool SmallDisk::resize(std::size_t size_bytes) {
  return remount("size=" + std::to_string(size_bytes), false);
}

bool SmallDisk::make_read_only(bool read_only) {
  return remount("", read_only);
}

}  // namespace rowtide::test
