#pragma once

namespace rowtide::detail {
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line) noexcept;
}

// An invariant of our own code. Stays on in release builds: a broken invariant here means rows at
// risk, and a restart is cheap and tested. Never used on bytes that came from outside.
#define ROWTIDE_ASSERT(expression) \
  (static_cast<bool>(expression)   \
       ? static_cast<void>(0)      \
       : ::rowtide::detail::assertion_failed(#expression, __FILE__, __LINE__))
