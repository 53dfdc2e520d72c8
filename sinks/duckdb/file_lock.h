#pragma once

#include <string>

#include "engine/base/error.h"

namespace rowtide::duckdb {

// Keeps two sinks of one daemon out of the same database file. DuckDB's own lock belongs to the
// process, so it does not stop a second user inside it. Held on a file of its own beside the
// database, because closing any descriptor of the database file would drop DuckDB's lock.
class FileLock {
 public:
  explicit FileLock(std::string path) : path_(std::move(path)) {}
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock() { release(); }

  // False when another sink holds it.
  Result<bool> try_acquire();
  void release() noexcept;

 private:
  const std::string path_;
  int descriptor_ = -1;
};

}  // namespace rowtide::duckdb
