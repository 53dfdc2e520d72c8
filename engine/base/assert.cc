#include "engine/base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace rowtide::detail {

void assertion_failed(const char* expression, const char* file, int line) noexcept {
  std::fprintf(stderr, "rowtide: broken invariant at %s:%d: %s\n", file, line, expression);
  std::abort();
}

}  // namespace rowtide::detail
