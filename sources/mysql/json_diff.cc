#include "sources/mysql/json_diff.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
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

struct Node;

// Elements of a value that a diff reached into: a run of those that the document has, or one that
// is no longer as it was there.
struct Piece {
  std::uint32_t first = 0;
  std::uint32_t count = 1;
  // Null for a run.
  std::unique_ptr<Node> node;
  // Of the node, in an object.
  std::string_view key;
};

// A value that is a view into a document until a diff reaches into it, and then pieces of it: what
// they take follows the diffs and not the document, whose elements may be many millions.
struct Node {
  JsonView view;
  std::optional<JsonContainer> opened = {};
  std::vector<Piece> pieces = {};
};

// The server's order of an object's members: short keys first.
bool key_comes_before(std::string_view a, std::string_view b) {
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

bool open_node(Node& node) {
  if (node.opened) {
    return true;
  }
  node.opened = JsonContainer::open(node.view);
  if (!node.opened) {
    return false;
  }
  if (node.opened->size() > 0) {
    node.pieces.push_back({.first = 0, .count = node.opened->size(), .node = {}, .key = {}});
  }
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
      root_ = Node{.view = json_root(value)};
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
          *target = Node{.view = json_root(value)};
        }
        return target != nullptr;
      }
      case DiffOperation::kInsert:
        return insert(*parent, last, Node{.view = json_root(value)});
      case DiffOperation::kRemove:
        return remove(*parent, last);
    }
    return false;
  }

  bool print(std::string& out) { return print(root_, 0, out); }

 private:
  // Where an element is, or would be.
  struct Place {
    std::size_t piece = 0;
    std::uint32_t offset = 0;  // in a run
    bool found = false;
  };

  static Place place_of_index(const Node& parent, std::size_t index) {
    Place place;
    for (; place.piece < parent.pieces.size(); ++place.piece) {
      const std::uint32_t count = parent.pieces[place.piece].count;
      if (index < count) {
        place.offset = static_cast<std::uint32_t>(index);
        place.found = true;
        break;
      }
      index -= count;
    }
    return place;
  }

  // Of the first member that does not come before `member`; nullopt where the document is damaged.
  static std::optional<Place> place_of_member(const Node& parent, std::string_view member) {
    Place place;
    for (; place.piece < parent.pieces.size(); ++place.piece) {
      const Piece& piece = parent.pieces[place.piece];
      for (place.offset = 0; place.offset < piece.count; ++place.offset) {
        const auto key = piece.node != nullptr ? std::optional(piece.key)
                                               : parent.opened->key(piece.first + place.offset);
        if (!key) {
          return std::nullopt;
        }
        if (!key_comes_before(*key, member)) {
          place.found = *key == member;
          return place;
        }
      }
    }
    place.offset = 0;
    return place;
  }

  static std::optional<Place> place_of(Node& parent, const PathLeg& leg) {
    if (!open_node(parent) || leg.is_member != parent.view.is_object()) {
      return std::nullopt;
    }
    return leg.is_member ? place_of_member(parent, leg.member) : place_of_index(parent, leg.index);
  }

  // Cuts a run in two, so that a piece begins at `place`, and says which.
  static std::size_t cut(Node& parent, const Place& place) {
    if (place.offset == 0) {
      return place.piece;
    }
    Piece& before = parent.pieces[place.piece];
    Piece behind{.first = before.first + place.offset,
                 .count = before.count - place.offset,
                 .node = {},
                 .key = {}};
    before.count = place.offset;
    parent.pieces.insert(parent.pieces.begin() + static_cast<std::ptrdiff_t>(place.piece) + 1,
                         std::move(behind));
    return place.piece + 1;
  }

  // Makes a piece of its own of the element that is there, and says which.
  static std::size_t single_out(Node& parent, const Place& place) {
    const std::size_t at = cut(parent, place);
    if (parent.pieces[at].node == nullptr && parent.pieces[at].count > 1) {
      cut(parent, Place{.piece = at, .offset = 1, .found = true});
    }
    return at;
  }

  // Of an object or array; null when there is no such element.
  static Node* child(Node& parent, const PathLeg& leg) {
    const auto place = place_of(parent, leg);
    if (!place || !place->found) {
      return nullptr;
    }
    const std::size_t at = single_out(parent, *place);
    Piece& piece = parent.pieces[at];
    if (piece.node == nullptr) {
      const auto view = parent.opened->value(piece.first);
      const auto key = leg.is_member ? parent.opened->key(piece.first) : std::string_view();
      if (!view || !key) {
        return nullptr;
      }
      piece.node = std::make_unique<Node>(Node{.view = *view});
      piece.key = *key;
    }
    return piece.node.get();
  }

  bool insert(Node& parent, PathLeg& leg, Node value) {
    const auto place = place_of(parent, leg);
    if (!place || (leg.is_member && place->found)) {
      return false;
    }
    const std::size_t at = cut(parent, *place);
    Piece piece;
    piece.node = std::make_unique<Node>(std::move(value));
    if (leg.is_member) {
      piece.key = new_keys_.emplace_back(std::move(leg.member));
    }
    parent.pieces.insert(parent.pieces.begin() + static_cast<std::ptrdiff_t>(at), std::move(piece));
    return true;
  }

  static bool remove(Node& parent, const PathLeg& leg) {
    const auto place = place_of(parent, leg);
    if (!place || !place->found) {
      return false;
    }
    const std::size_t at = single_out(parent, *place);
    parent.pieces.erase(parent.pieces.begin() + static_cast<std::ptrdiff_t>(at));
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
    bool first = true;
    for (const Piece& piece : node.pieces) {
      for (std::uint32_t i = 0; i < piece.count; ++i) {
        if (!first) {
          out += ", ";
        }
        first = false;
        if (!print_element(node, piece, i, depth, out)) {
          return false;
        }
      }
    }
    out.push_back(is_object ? '}' : ']');
    return true;
  }

  bool print_element(const Node& parent, const Piece& piece, std::uint32_t offset, int depth,
                     std::string& out) {
    const std::uint32_t index = piece.first + offset;
    if (parent.view.is_object()) {
      const auto key = piece.node != nullptr ? std::optional(piece.key) : parent.opened->key(index);
      if (!key || !append_json_string(*key, out)) {
        return false;
      }
      out += ": ";
    }
    if (piece.node != nullptr) {
      return print(*piece.node, depth + 1, out);
    }
    const auto value = parent.opened->value(index);
    return value && append_json_value(*value, depth + 1, budget_bytes_, out);
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
