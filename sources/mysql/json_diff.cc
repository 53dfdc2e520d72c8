#include "sources/mysql/json_diff.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "sources/mysql/json_text.h"
#include "sources/mysql/wire_reader.h"

namespace rowtide::mysql {
namespace {

enum class DiffOperation : std::uint8_t { kReplace = 0, kInsert = 1, kRemove = 2 };

struct PathLeg {
  bool is_member = false;
  std::string member;
  std::size_t index = 0;
};

// A value that is a view into a document until a diff reaches into it, and then a list of its
// elements.
struct Node {
  JsonView view;
  bool opened = false;
  // Keys of an object, beside `elements`; empty for an array.
  std::vector<std::string_view> keys = {};
  std::vector<Node> elements = {};
};

// The server's order of an object's members: short keys first.
bool key_comes_before(std::string_view a, std::string_view b) {
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

bool open_node(Node& node) {
  if (node.opened) {
    return true;
  }
  const auto container = JsonContainer::open(node.view);
  if (!container) {
    return false;
  }
  for (std::uint32_t i = 0; i < container->size(); ++i) {
    const auto value = container->value(i);
    if (!value) {
      return false;
    }
    if (node.view.is_object()) {
      const auto key = container->key(i);
      if (!key) {
        return false;
      }
      node.keys.push_back(*key);
    }
    node.elements.push_back({.view = *value});
  }
  node.opened = true;
  return true;
}

// "$.key", "$."quoted key"", "$[2]" and their sequences, as the server prints paths.
class PathParser {
 public:
  explicit PathParser(std::string_view path) : rest_(path) {}

  std::optional<std::vector<PathLeg>> parse() {
    std::vector<PathLeg> legs;
    if (!skip('$')) {
      return std::nullopt;
    }
    while (!rest_.empty()) {
      if (legs.size() > static_cast<std::size_t>(kMaxJsonDepth)) {
        return std::nullopt;
      }
      PathLeg leg;
      if (skip('.')) {
        leg.is_member = true;
        if (!(skip('"') ? quoted(leg.member) : plain(leg.member))) {
          return std::nullopt;
        }
      } else if (!skip('[') || !index(leg.index) || !skip(']')) {
        return std::nullopt;
      }
      legs.push_back(std::move(leg));
    }
    return legs;
  }

 private:
  bool skip(char c) {
    if (!rest_.starts_with(c)) {
      return false;
    }
    rest_.remove_prefix(1);
    return true;
  }

  bool plain(std::string& member) {
    const std::size_t end = std::min(rest_.find_first_of(".["), rest_.size());
    member = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return !member.empty();
  }

  bool index(std::size_t& number) {
    const auto parsed = std::from_chars(rest_.data(), rest_.data() + rest_.size(), number);
    if (parsed.ec != std::errc()) {
      return false;
    }
    rest_.remove_prefix(static_cast<std::size_t>(parsed.ptr - rest_.data()));
    return true;
  }

  // Behind the opening quote, escaped as a JSON string.
  bool quoted(std::string& member) {
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') {
        return true;
      }
      if (c == '\\' ? !escaped(member) : (member.push_back(c), false)) {
        return false;
      }
    }
    return false;
  }

  bool escaped(std::string& member) {
    constexpr std::string_view kLetters = "\"\\/bfnrt";
    constexpr std::string_view kMeaning = "\"\\/\b\f\n\r\t";
    if (rest_.empty()) {
      return false;
    }
    const char c = rest_.front();
    rest_.remove_prefix(1);
    if (const auto found = kLetters.find(c); found != std::string_view::npos) {
      member.push_back(kMeaning[found]);
      return true;
    }
    // The server writes control characters only in this way, so one byte is enough.
    unsigned code = 0;
    if (c != 'u' || rest_.size() < 4 ||
        std::from_chars(rest_.data(), rest_.data() + 4, code, 16).ptr != rest_.data() + 4 ||
        code > 0x7f) {
      return false;
    }
    member.push_back(static_cast<char>(code));
    rest_.remove_prefix(4);
    return true;
  }

  std::string_view rest_;
};

class Patcher {
 public:
  explicit Patcher(std::string_view document)
      : root_{.view = json_root(document)}, budget_bytes_(2 * document.size() + 16) {}

  bool apply(DiffOperation operation, std::string_view path, std::string_view value) {
    auto legs = PathParser(path).parse();
    if (!legs) {
      return false;
    }
    budget_bytes_ += 2 * value.size() + path.size();
    if (legs->empty()) {
      root_ = {.view = json_root(value)};
      return operation == DiffOperation::kReplace;
    }
    Node* parent = &root_;
    for (std::size_t i = 0; i + 1 < legs->size() && parent != nullptr; ++i) {
      parent = child(*parent, (*legs)[i]);
    }
    if (parent == nullptr || !open_node(*parent)) {
      return false;
    }
    PathLeg& last = legs->back();
    switch (operation) {
      case DiffOperation::kReplace: {
        Node* target = child(*parent, last);
        if (target != nullptr) {
          *target = {.view = json_root(value)};
        }
        return target != nullptr;
      }
      case DiffOperation::kInsert:
        return insert(*parent, last, {.view = json_root(value)});
      case DiffOperation::kRemove:
        return remove(*parent, last);
    }
    return false;
  }

  bool print(std::string& out) { return print(root_, 0, out); }

 private:
  // Of an object or array; null when there is no such element.
  static Node* child(Node& parent, const PathLeg& leg) {
    if (!open_node(parent) || leg.is_member != parent.view.is_object()) {
      return nullptr;
    }
    if (!leg.is_member) {
      return leg.index < parent.elements.size() ? &parent.elements[leg.index] : nullptr;
    }
    const auto found = std::ranges::find(parent.keys, std::string_view(leg.member));
    return found == parent.keys.end()
               ? nullptr
               : &parent.elements[static_cast<std::size_t>(found - parent.keys.begin())];
  }

  bool insert(Node& parent, PathLeg& leg, Node value) {
    if (leg.is_member != parent.view.is_object()) {
      return false;
    }
    if (!leg.is_member) {
      const auto at = std::min(leg.index, parent.elements.size());
      parent.elements.insert(parent.elements.begin() + static_cast<std::ptrdiff_t>(at),
                             std::move(value));
      return true;
    }
    const auto at =
        std::ranges::lower_bound(parent.keys, std::string_view(leg.member), key_comes_before);
    if (at != parent.keys.end() && *at == leg.member) {
      return false;
    }
    const auto index = at - parent.keys.begin();
    parent.elements.insert(parent.elements.begin() + index, std::move(value));
    parent.keys.insert(at, new_keys_.emplace_back(std::move(leg.member)));
    return true;
  }

  static bool remove(Node& parent, const PathLeg& leg) {
    const Node* target = child(parent, leg);
    if (target == nullptr) {
      return false;
    }
    const auto index = target - parent.elements.data();
    parent.elements.erase(parent.elements.begin() + index);
    if (leg.is_member) {
      parent.keys.erase(parent.keys.begin() + index);
    }
    return true;
  }

  bool print(const Node& node, int depth, std::string& out) {
    if (!node.opened) {
      return append_json_value(node.view, depth, budget_bytes_, out);
    }
    if (depth >= kMaxJsonDepth) {
      return false;
    }
    const bool is_object = node.view.is_object();
    out.push_back(is_object ? '{' : '[');
    for (std::size_t i = 0; i < node.elements.size(); ++i) {
      if (i > 0) {
        out += ", ";
      }
      if (is_object) {
        if (!append_json_string(node.keys[i], out)) {
          return false;
        }
        out += ": ";
      }
      if (!print(node.elements[i], depth + 1, out)) {
        return false;
      }
    }
    out.push_back(is_object ? '}' : ']');
    return true;
  }

  Node root_;
  std::size_t budget_bytes_;
  // Keys that no document holds; a deque, so that they stay where they are.
  std::deque<std::string> new_keys_;
};

Error damaged(std::string_view what) {
  return fatal_error(Code::kProtocol, std::string("a partial update's ").append(what));
}

}  // namespace

Result<void> append_patched_json(std::string_view document, std::string_view diffs,
                                 std::string& out) {
  Patcher patcher(document);
  WireReader in(diffs);
  while (!in.at_end()) {
    const std::uint8_t operation = in.u8();
    const std::string_view path = in.length_encoded_string();
    const bool has_value = operation != static_cast<std::uint8_t>(DiffOperation::kRemove);
    const std::string_view value = has_value ? in.length_encoded_string() : std::string_view();
    if (!in.ok() || operation > static_cast<std::uint8_t>(DiffOperation::kRemove)) {
      return fail(damaged("JSON diff is damaged"));
    }
    if (!patcher.apply(static_cast<DiffOperation>(operation), path, value)) {
      return fail(damaged("JSON diff does not fit the document before it"));
    }
  }
  if (!patcher.print(out)) {
    return fail(damaged("JSON document is damaged"));
  }
  return {};
}

}  // namespace rowtide::mysql
