#include "tools/rowtide/tail_view.h"

#include <string_view>

#include "tools/rowtide/terminal.h"

namespace rowtide {
namespace {

using Json = nlohmann::ordered_json;

struct Operation {
  std::string_view name;
  Colour colour;
};

Operation operation_of(std::string_view op) {
  if (op == "c") {
    return {"INSERT  ", Colour::kGreen};
  }
  if (op == "u") {
    return {"UPDATE  ", Colour::kYellow};
  }
  if (op == "d") {
    return {"DELETE  ", Colour::kRed};
  }
  if (op == "r") {
    return {"READ    ", Colour::kCyan};
  }
  if (op == "t") {
    return {"TRUNCATE", Colour::kRed};
  }
  if (op == "s") {
    return {"SCHEMA  ", Colour::kCyan};
  }
  return {"MESSAGE ", Colour::kCyan};
}

const Json* object_member(const Json& event, const char* key) {
  const auto found = event.find(key);
  return found != event.end() && found->is_object() ? &*found : nullptr;
}

std::string text(const Json& event, const char* key) {
  const auto found = event.find(key);
  return found != event.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::string value_text(const Json& value) {
  return printable(value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

std::string pairs(const Json& row) {
  std::string out;
  for (const auto& [column, value] : row.items()) {
    out.append(" ").append(printable(column)).append("=").append(value_text(value));
  }
  return out;
}

// The columns of an update that differ, "column: old -> new"; all new ones without an old row.
std::string changes(const Json& before, const Json& after, bool colours) {
  std::string out;
  for (const auto& [column, value] : after.items()) {
    const auto old = before.find(column);
    if (old != before.end() && *old == value) {
      continue;
    }
    out.append(" ").append(printable(column)).append(": ");
    if (old != before.end()) {
      out.append(paint(value_text(*old), Colour::kDim, colours)).append(" -> ");
    }
    out.append(value_text(value));
  }
  return out;
}

}  // namespace

std::string render_event(const Json& event, bool colours) {
  const Operation operation = operation_of(text(event, "op"));
  const std::string schema = text(event, "schema");
  std::string line = paint(printable(text(event, "committed_at")), Colour::kDim, colours);
  line.append(line.empty() ? "" : " ");
  line.append(paint(operation.name, operation.colour, colours)).append(" ");
  line.append(paint(printable(schema + (schema.empty() ? "" : ".") + text(event, "table")),
                    Colour::kBold, colours));
  const Json* key = object_member(event, "key");
  const Json* before = object_member(event, "before");
  const Json* after = object_member(event, "after");
  if (text(event, "op") == "u" && after != nullptr) {
    line.append(key != nullptr ? pairs(*key) : "");
    line.append(" |").append(
        changes(before != nullptr ? *before : Json::object(), *after, colours));
  } else if (after != nullptr) {
    line.append(pairs(*after));
  } else if (const Json* left = key != nullptr ? key : before; left != nullptr) {
    line.append(pairs(*left));
  }
  return line;
}

}  // namespace rowtide
