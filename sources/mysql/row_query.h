#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/error.h"
#include "sources/mysql/server_address.h"

namespace rowtide::mysql {

// A connection that reads rows of tables as they come from the server, a row at a time, in the text
// protocol, without converting characters: texts come in their columns' own character sets. One
// thread at a time.
class RowQuery {
 public:
  // Cells of one row; nullopt = NULL. Valid until the next call.
  using Cells = std::span<const std::optional<std::string_view>>;

  RowQuery();
  ~RowQuery();
  RowQuery(const RowQuery&) = delete;
  RowQuery& operator=(const RowQuery&) = delete;

  Result<void> connect(const ConnectOptions& options);
  bool is_open() const noexcept { return impl_ != nullptr; }
  // At once, whatever the server still has to send.
  void close() noexcept;

  // A statement without rows. Precondition of this and the next two: no rows are being read.
  Result<void> run(const std::string& sql);
  // The first row; NULL is an empty text. An error when there is none.
  Result<std::vector<std::string>> first_row(const std::string& sql);
  // Begins to read the rows of a statement.
  Result<void> start(const std::string& sql);
  // The next row, nullopt behind the last. A statement that was killed is an error, never an end.
  Result<std::optional<Cells>> next();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace rowtide::mysql
