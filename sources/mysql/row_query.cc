#include "sources/mysql/row_query.h"

#include <sys/socket.h>

#include "engine/base/assert.h"
#include "sources/mysql/client_handle.h"

namespace rowtide::mysql {

struct RowQuery::Impl {
  ClientHandle client;
  MYSQL_RES* rows = nullptr;
  std::vector<std::optional<std::string_view>> cells;
};

RowQuery::RowQuery() = default;

RowQuery::~RowQuery() {
  close();
}

void RowQuery::close() noexcept {
  if (impl_ == nullptr) {
    return;
  }
  if (impl_->rows != nullptr) {
    // The library reads what is left of the rows first, which may be a whole table.
    ::shutdown(static_cast<int>(::mysql_get_socket(impl_->client.get())), SHUT_RDWR);
    ::mysql_free_result(impl_->rows);
  }
  impl_.reset();
}

Result<void> RowQuery::connect(const ConnectOptions& options) {
  close();
  ROWTIDE_TRY_ASSIGN(auto client, connect_client(options));
  impl_ = std::make_unique<Impl>();
  impl_->client = std::move(client);
  return {};
}

Result<void> RowQuery::run(const std::string& sql) {
  ROWTIDE_ASSERT(impl_ != nullptr && impl_->rows == nullptr);
  ROWTIDE_TRY(mysql::run(impl_->client.get(), sql));
  if (::mysql_field_count(impl_->client.get()) == 0) {
    return {};
  }
  MYSQL_RES* result = ::mysql_store_result(impl_->client.get());
  if (result == nullptr) {
    return fail(client_error(impl_->client.get()));
  }
  ::mysql_free_result(result);
  return {};
}

Result<std::vector<std::string>> RowQuery::first_row(const std::string& sql) {
  ROWTIDE_ASSERT(impl_ != nullptr && impl_->rows == nullptr);
  return mysql::first_row(impl_->client.get(), sql);
}

Result<void> RowQuery::start(const std::string& sql) {
  ROWTIDE_ASSERT(impl_ != nullptr && impl_->rows == nullptr);
  ROWTIDE_TRY(mysql::run(impl_->client.get(), sql));
  impl_->rows = ::mysql_use_result(impl_->client.get());
  if (impl_->rows == nullptr) {
    return fail(client_error(impl_->client.get()));
  }
  impl_->cells.resize(::mysql_num_fields(impl_->rows));
  return {};
}

Result<std::optional<RowQuery::Cells>> RowQuery::next() {
  ROWTIDE_ASSERT(impl_ != nullptr);
  if (impl_->rows == nullptr) {
    return std::nullopt;
  }
  const MYSQL_ROW row = ::mysql_fetch_row(impl_->rows);
  if (row == nullptr) {
    // The end and a statement that was ended look alike but for this.
    if (::mysql_errno(impl_->client.get()) != 0) {
      return fail(client_error(impl_->client.get()));
    }
    ::mysql_free_result(impl_->rows);
    impl_->rows = nullptr;
    return std::nullopt;
  }
  const unsigned long* sizes = ::mysql_fetch_lengths(impl_->rows);
  for (std::size_t i = 0; i < impl_->cells.size(); ++i) {
    impl_->cells[i] =
        row[i] == nullptr ? std::nullopt : std::optional(std::string_view(row[i], sizes[i]));
  }
  return Cells(impl_->cells);
}

}  // namespace rowtide::mysql
