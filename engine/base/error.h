#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace rowtide {

// What went wrong, for machines. Connectors map foreign codes (SQLSTATE, errno, RocksDB status) to
// these in one function each.
enum class Code : std::uint8_t {
  kConfig,
  kConnection,
  kAuthentication,
  kPermission,
  kProtocol,
  kNotFound,
  kConflict,
  kFenced,
  kPositionLost,
  kSchema,
  kUnsupported,
  kData,
  kDiskFull,
  kReadOnly,
  kCorrupt,
  kNewerFormat,
  kLocked,
  kTimeout,
  kCancelled,
  kInternal,
};

// What the scheduler does with an error: try again with backoff, stop until an operator acts, or
// stop because this build or this data can never work.
enum class Disposition : std::uint8_t { kRetry, kOperator, kFatal };

std::string_view to_string(Code code) noexcept;
std::string_view to_string(Disposition disposition) noexcept;

// One failure. `message` says what failed and where; `remedy` is one sentence that says what the
// operator does next, empty where waiting is all there is to do. Row values never enter either.
struct Error {
  Code code = Code::kInternal;
  Disposition disposition = Disposition::kFatal;
  std::string message;
  std::string remedy;

  // Prefixes the message: "pipeline shop: sink warehouse: <message>".
  Error with_context(std::string_view where) &&;
  // "<message>. <remedy>" on one line, for logs and terminals.
  std::string to_text() const;
};

Error retry_error(Code code, std::string message, std::string remedy = {});
Error operator_error(Code code, std::string message, std::string remedy);
Error fatal_error(Code code, std::string message, std::string remedy = {});

// A value or an Error. Dropping one unread is a compile error; a deliberate drop is spelled
// ignore_error(result, "why").
template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
};

template <>
class [[nodiscard]] Result<void> : public std::expected<void, Error> {
 public:
  using std::expected<void, Error>::expected;
};

inline std::unexpected<Error> fail(Error error) {
  return std::unexpected<Error>(std::move(error));
}

template <class T>
void ignore_error(const Result<T>& /*result*/, std::string_view /*why*/) {}

}  // namespace rowtide

// Returns the error of `expression`, a Result<void>, from the enclosing function.
#define ROWTIDE_TRY(expression)                                      \
  do {                                                               \
    if (auto rowtide_result = (expression); !rowtide_result) {       \
      return ::std::unexpected(::std::move(rowtide_result).error()); \
    }                                                                \
  } while (false)

#define ROWTIDE_CONCAT_INNER(a, b) a##b
#define ROWTIDE_CONCAT(a, b) ROWTIDE_CONCAT_INNER(a, b)
#define ROWTIDE_TRY_ASSIGN_INNER(result, declaration, expression) \
  auto result = (expression);                                     \
  if (!result) {                                                  \
    return ::std::unexpected(::std::move(result).error());        \
  }                                                               \
  declaration = ::std::move(*result)

// Declares `declaration` from the value of `expression`, a Result<T>, or returns its error.
#define ROWTIDE_TRY_ASSIGN(declaration, expression) \
  ROWTIDE_TRY_ASSIGN_INNER(ROWTIDE_CONCAT(rowtide_result_, __LINE__), declaration, expression)
