#pragma once

#include <filesystem>
#include <string>

namespace rowtide::test {

// An empty directory of this test, removed with all its content at the end.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

// A file system of a few megabytes in memory, for tests of a full or read-only disk. It needs the
// right to mount; where that is missing, mounted() is false and why_not() says so.
class SmallDisk {
 public:
  explicit SmallDisk(std::size_t size_bytes);
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool mounted() const { return mounted_; }
  const std::string& why_not() const { return why_not_; }
  const std::filesystem::path& path() const { return dir_.path(); }
  // Mounts it again with another size; what it holds stays.
  bool resize(std::size_t size_bytes);
  bool make_read_only(bool read_only);

 private:
  bool remount(const std::string& options, bool read_only);

  TempDir dir_;
  bool mounted_ = false;
  std::string why_not_;
};

}  // namespace rowtide::test
