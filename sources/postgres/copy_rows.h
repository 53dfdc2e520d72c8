#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include <libpq-fe.h>

#include "engine/base/error.h"

namespace rowtide::postgres {

// The rows of a COPY ... TO STDOUT (FORMAT binary) that was just started on a connection. What is
// handed out is valid until the next call.
class CopyRows {
 public:
  CopyRows(PGconn* connection, std::size_t fields) : connection_(connection), fields_(fields) {}
  ~CopyRows() { PQfreemem(message_); }
  CopyRows(const CopyRows&) = delete;
  CopyRows& operator=(const CopyRows&) = delete;

  // The fields of a row as they came, nullopt = NULL. nullptr once all rows have come and the
  // statement has ended well.
  Result<const std::vector<std::optional<std::string_view>>*> next();
  // The same row by row, not taken apart: a count of fields, then each with its size. Empty at the
  // end. The server sends each row as a message of its own.
  Result<std::string_view> next_tuple();

 private:
  // Goes to the next row; false at the end.
  Result<bool> find_row();
  // False at the end of the rows.
  Result<bool> next_message();
  // Returns when the server has sent more.
  Result<void> wait();
  Result<void> end_statement();

  PGconn* const connection_;
  std::vector<std::optional<std::string_view>> fields_;
  char* message_ = nullptr;
  std::size_t bytes_since_wait_ = 0;
  std::string_view rest_;
  bool header_taken_ = false;
  bool ended_ = false;
};

}  // namespace rowtide::postgres
