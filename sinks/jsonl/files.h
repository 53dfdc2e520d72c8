#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/error.h"

namespace rowtide::jsonl {

// An errno of a file operation as our error; `action` reads "cannot <action> <path>".
Error file_error(int number, std::string_view action, const std::string& path);

// Owns a file descriptor.
class File {
 public:
  File() = default;
  explicit File(int descriptor) : descriptor_(descriptor) {}
  File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  File& operator=(File&& other) noexcept;
  ~File() { close(); }

  bool is_open() const noexcept { return descriptor_ >= 0; }
  int get() const noexcept { return descriptor_; }
  void close() noexcept;

 private:
  int descriptor_ = -1;
};

Result<void> make_directories(const std::string& path);
Result<File> open_file(const std::string& path, int flags);
Result<void> write_all(const File& file, std::string_view bytes, const std::string& path);
Result<void> sync_data(const File& file, const std::string& path);
// Makes creations, renames and removals in the directory durable.
Result<void> sync_directory(const std::string& path);
// Replaces `path` with a file that holds `content`; after a crash it holds the old or the new
// content, durably.
Result<void> replace_file(const std::string& directory, const std::string& name,
                          std::string_view content);

// "0000000001.jsonl" and back; 0 for any other name.
std::string data_file_name(std::uint64_t number);
std::uint64_t data_file_number(std::string_view name);
// The numbers of the data files of a directory, ascending.
Result<std::vector<std::uint64_t>> list_data_files(const std::string& directory);

}  // namespace rowtide::jsonl
