#include "sources/postgres/copy_rows.h"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

#include <fmt/format.h>
#include <poll.h>

#include "engine/base/cursor.h"
#include "engine/client/postgres_client.h"

namespace rowtide::postgres {
namespace {

constexpr std::string_view kSignature("PGCOPY\n\377\r\n\0", 11);
constexpr std::int16_t kTrailer = -1;
constexpr std::size_t kBusyBytes = 4096;
constexpr std::size_t kEnoughBytes = std::size_t{64} << 10;
constexpr timespec kPause{.tv_sec = 0, .tv_nsec = 200'000};

Error malformed() {
  return retry_error(Code::kProtocol, "the server's COPY is not in its binary format",
                     "Check that nothing between this host and the PostgreSQL server alters the "
                     "connection");
}

}  // namespace

Result<bool> CopyRows::next_message() {
  PQfreemem(message_);
  message_ = nullptr;
  // TLS may hold back bytes that poll() does not see: there libpq waits by itself.
  const int without_waiting = PQsslInUse(connection_) != 0 ? 0 : 1;
  int size = PQgetCopyData(connection_, &message_, without_waiting);
  while (size == 0) {
    ROWTIDE_TRY(wait());
    size = PQgetCopyData(connection_, &message_, without_waiting);
  }
  if (size == -2) {
    return fail(to_error(connection_, nullptr));
  }
  if (size == -1) {
    ROWTIDE_TRY(end_statement());
    return false;
  }
  rest_ = std::string_view(message_, static_cast<std::size_t>(size));
  bytes_since_wait_ += rest_.size();
  return true;
}

// The server sends eight KiB at a time, and to wake a reader for each costs both sides more than
// the rows do. So while it sends at speed it is left alone for a moment, in which it fills the
// socket; not so long that it has to wait for us, and not at all when decoding took that moment.
Result<void> CopyRows::wait() {
  const auto decoded_bytes = std::exchange(bytes_since_wait_, 0);
  if (decoded_bytes >= kBusyBytes && decoded_bytes < kEnoughBytes) {
    ::nanosleep(&kPause, nullptr);
  }
  pollfd readable{PQsocket(connection_), POLLIN, 0};
  while (::poll(&readable, 1, -1) < 0) {
    if (errno != EINTR) {
      return fail(retry_error(Code::kConnection, fmt::format("waiting for the server failed: {}",
                                                             std::strerror(errno))));
    }
  }
  if (PQconsumeInput(connection_) == 0) {
    return fail(to_error(connection_, nullptr));
  }
  return {};
}

// The server tells of an error in the middle of the rows only here.
Result<void> CopyRows::end_statement() {
  ended_ = true;
  std::optional<Error> error;
  while (PGresult* raw = PQgetResult(connection_)) {
    const QueryResult result(raw);
    if (PQresultStatus(raw) != PGRES_COMMAND_OK && !error) {
      error = to_error(connection_, raw);
    }
  }
  if (!error && PQstatus(connection_) != CONNECTION_OK) {
    error = to_error(connection_, nullptr);
  }
  return error ? Result<void>(fail(*std::move(error))) : Result<void>();
}

// Takes the header in front of the first row and the trailer behind the last.
Result<bool> CopyRows::find_row() {
  while (true) {
    while (rest_.empty()) {
      if (ended_) {
        return false;
      }
      ROWTIDE_TRY_ASSIGN(const bool more, next_message());
      if (!more) {
        return false;
      }
    }
    Cursor cursor(rest_);
    if (!header_taken_) {
      const bool signed_well = cursor.take(kSignature.size()) == kSignature;
      cursor.u32_be();  // flags
      cursor.take(cursor.u32_be());
      if (!cursor.ok() || !signed_well) {
        return fail(malformed());
      }
      header_taken_ = true;
    } else if (static_cast<std::int16_t>(cursor.u16_be()) != kTrailer || !cursor.ok() ||
               cursor.remaining() != 0) {
      return true;
    }
    rest_.remove_prefix(cursor.offset());
  }
}

Result<const std::vector<std::optional<std::string_view>>*> CopyRows::next() {
  ROWTIDE_TRY_ASSIGN(const bool found, find_row());
  if (!found) {
    return nullptr;
  }
  Cursor cursor(rest_);
  if (cursor.u16_be() != fields_.size()) {
    return fail(malformed());
  }
  for (auto& field : fields_) {
    const std::int32_t size_bytes = cursor.i32_be();
    if (size_bytes == -1) {
      field.reset();
      continue;
    }
    field = cursor.take(static_cast<std::uint32_t>(size_bytes));
  }
  if (!cursor.ok()) {
    return fail(malformed());
  }
  rest_.remove_prefix(cursor.offset());
  return &fields_;
}

Result<std::string_view> CopyRows::next_tuple() {
  ROWTIDE_TRY_ASSIGN(const bool found, find_row());
  return found ? std::exchange(rest_, {}) : std::string_view();
}

}  // namespace rowtide::postgres
