#include "sinks/jsonl/files.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace rowtide::jsonl {
namespace {

constexpr std::string_view kSuffix = ".jsonl";
constexpr std::size_t kNumberDigits = 10;

}  // namespace

Error file_error(int number, std::string_view action, const std::string& path) {
  const std::string message =
      "cannot " + std::string(action) + " " + path + ": " + std::strerror(number);
  switch (number) {
    case ENOSPC:
    case EDQUOT:
      return retry_error(Code::kDiskFull, message,
                         "Free space on its file system; delivery goes on by itself");
    case EROFS:
      return operator_error(Code::kReadOnly, message,
                            "Mount its file system for writing, or choose another path");
    case EACCES:
    case EPERM:
      return operator_error(Code::kPermission, message,
                            "Give the daemon's user the right to write there");
    case ENOTDIR:
    case EISDIR:
    case ENAMETOOLONG:
    case ELOOP:
      return operator_error(Code::kConfig, message, "Set path to a directory");
    default:
      return retry_error(Code::kInternal, message, "Look at the disk's health if this goes on");
  }
}

File& File::operator=(File&& other) noexcept {
  if (this != &other) {
    close();
    descriptor_ = std::exchange(other.descriptor_, -1);
  }
  return *this;
}

void File::close() noexcept {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
    descriptor_ = -1;
  }
}

Result<void> make_directories(const std::string& path) {
  std::error_code code;
  std::filesystem::create_directories(path, code);
  if (code && !std::filesystem::is_directory(path)) {
    return fail(
        file_error(code.value() == EEXIST ? ENOTDIR : code.value(), "make the directory", path));
  }
  if (!std::filesystem::is_directory(path, code)) {
    return fail(file_error(ENOTDIR, "use as a directory", path));
  }
  return {};
}

Result<File> open_file(const std::string& path, int flags) {
  File file(::open(path.c_str(), flags | O_CLOEXEC, 0644));
  if (!file.is_open()) {
    return fail(file_error(errno, "open", path));
  }
  return file;
}

Result<void> write_all(const File& file, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const auto count = ::write(file.get(), bytes.data(), bytes.size());
    if (count < 0) {
      if (errno == EINTR) {
        continue;
      }
      return fail(file_error(errno, "write to", path));
    }
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

Result<void> sync_data(const File& file, const std::string& path) {
  if (::fdatasync(file.get()) != 0) {
    return fail(file_error(errno, "make durable", path));
  }
  return {};
}

Result<void> sync_directory(const std::string& path) {
  ROWTIDE_TRY_ASSIGN(const File directory, open_file(path, O_RDONLY | O_DIRECTORY));
  if (::fsync(directory.get()) != 0) {
    return fail(file_error(errno, "make durable", path));
  }
  return {};
}

Result<void> replace_file(const std::string& directory, const std::string& name,
                          std::string_view content) {
  const std::string path = directory + "/" + name;
  const std::string temporary = path + ".new";
  ROWTIDE_TRY_ASSIGN(const File file, open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC));
  ROWTIDE_TRY(write_all(file, content, temporary));
  if (::fsync(file.get()) != 0) {
    return fail(file_error(errno, "make durable", temporary));
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    return fail(file_error(errno, "replace", path));
  }
  return sync_directory(directory);
}

std::string data_file_name(std::uint64_t number) {
  std::string digits = std::to_string(number);
  if (digits.size() < kNumberDigits) {
    digits.insert(0, kNumberDigits - digits.size(), '0');
  }
  return digits.append(kSuffix);
}

std::uint64_t data_file_number(std::string_view name) {
  if (!name.ends_with(kSuffix)) {
    return 0;
  }
  const auto digits = name.substr(0, name.size() - kSuffix.size());
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (parsed.ec != std::errc{} || data_file_name(number) != name) {
    return 0;
  }
  return number;
}

Result<std::vector<std::uint64_t>> list_data_files(const std::string& directory) {
  std::vector<std::uint64_t> numbers;
  std::error_code code;
  std::filesystem::directory_iterator at(directory, code);
  for (; !code && at != std::filesystem::directory_iterator(); at.increment(code)) {
    if (const auto number = data_file_number(at->path().filename().string()); number != 0) {
      numbers.push_back(number);
    }
  }
  if (code) {
    return fail(file_error(code.value(), "list", directory));
  }
  std::ranges::sort(numbers);
  return numbers;
}

}  // namespace rowtide::jsonl
