#include "sinks/warehouse/sql_backend.h"

namespace rowtide::warehouse {
namespace {

std::string enclosed(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote) {
      out.push_back(quote);
    }
    out.push_back(c);
  }
  out.push_back(quote);
  return out;
}

}  // namespace

std::string quoted(std::string_view identifier) {
  return enclosed(identifier, '"');
}

std::string literal(std::string_view text) {
  return enclosed(text, '\'');
}

}  // namespace rowtide::warehouse
