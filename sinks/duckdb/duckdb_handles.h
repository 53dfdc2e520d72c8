#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include <duckdb.h>

#include "engine/base/error.h"

namespace rowtide::duckdb {

// Owners of the C API's objects. Each is empty or holds one object.
template <class T, auto Destroy>
class Handle {
 public:
  Handle() = default;
  explicit Handle(T value) : value_(value) {}
  Handle(Handle&& other) noexcept : value_(std::exchange(other.value_, T())) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~Handle() { reset(); }

  T get() const noexcept { return value_; }
  // For the API's out parameters; only on an empty handle.
  T* out() noexcept { return &value_; }
  explicit operator bool() const noexcept { return value_ != T(); }
  void reset() noexcept {
    if (value_ != T()) {
      static_cast<void>(Destroy(&value_));
      value_ = T();
    }
  }

 private:
  T value_ = T();
};

using Database = Handle<duckdb_database, duckdb_close>;
using Connection = Handle<duckdb_connection, duckdb_disconnect>;
using Config = Handle<duckdb_config, duckdb_destroy_config>;
using Appender = Handle<duckdb_appender, duckdb_appender_destroy>;
using LogicalTypeHandle = Handle<duckdb_logical_type, duckdb_destroy_logical_type>;
using DataChunk = Handle<duckdb_data_chunk, duckdb_destroy_data_chunk>;
using Prepared = Handle<duckdb_prepared_statement, duckdb_destroy_prepare>;
using Extracted = Handle<duckdb_extracted_statements, duckdb_destroy_extracted>;
using ErrorData = Handle<duckdb_error_data, duckdb_destroy_error_data>;

// The result of one statement.
class QueryResult {
 public:
  QueryResult() = default;
  QueryResult(const QueryResult&) = delete;
  QueryResult& operator=(const QueryResult&) = delete;
  ~QueryResult() { duckdb_destroy_result(&result_); }

  duckdb_result* get() noexcept { return &result_; }

 private:
  duckdb_result result_ = {};
};

// Maps a failure of DuckDB. `type` of a failure that has none is DUCKDB_ERROR_INVALID.
Error to_error(duckdb_error_type type, const char* message);

// The failure says that another process has the database file.
bool is_locked(const Error& error);

}  // namespace rowtide::duckdb
