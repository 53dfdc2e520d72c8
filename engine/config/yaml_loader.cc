#include "engine/config/yaml_loader.h"

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <sstream>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include "engine/config/node_data.h"
#include "engine/config/scalar.h"
#include "engine/config/substitute.h"

namespace rowtide::config {
namespace {

// Keys are words; the limit keeps paths in messages readable.
constexpr std::size_t kMaxKeyBytes = 128;

constexpr const char* kSyntaxRemedy =
    "Correct the YAML here: indent with spaces, and put text that holds \": \", \"#\", \"{\" or "
    "\"[\" in quotes";

// Leaves the YAML library from inside one of its callbacks; never leaves this file.
struct Refused {
  Error error;
};

Place to_place(const YAML::Mark& mark) {
  return mark.is_null() ? Place{} : Place{mark.line + 1, mark.column + 1};
}

using DataPtr = std::shared_ptr<Node::Data>;

// Builds the tree from the parser's events, which show what its own tree hides: repeated keys,
// anchors, tags, and the place of each key.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view text, std::shared_ptr<const std::string> file)
      : text_(text), file_(std::move(file)) {}

  const DataPtr& root() const { return root_; }
  // Every text leaf, in the order of the file.
  const std::vector<DataPtr>& scalars() const { return scalars_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (root_ == nullptr) {
      return;
    }
    if (text_at(mark).starts_with("---")) {
      refuse(mark, "a second YAML document starts here",
             "Keep one document in the file: remove the \"---\" line or what follows it");
    }
    // The library takes what it cannot attach to the document for the start of another one.
    refuse(mark, "this does not belong to what stands before it", kSyntaxRemedy);
  }

  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    check_properties(mark, {}, anchor);
    if (expects_key()) {
      refuse(mark, "a key is missing before \":\"", "Write the key as text");
    }
    add(Node::Kind::kNull, mark);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    refuse(mark, "YAML aliases (*name) are not accepted", "Write the value out here");
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check_properties(mark, tag, anchor);
    check_quotes(mark);
    if (expects_key()) {
      set_key(mark, value);
      return;
    }
    const DataPtr data = add(Node::Kind::kScalar, mark);
    data->text = value;
    data->quoted = tag == "!";
    scalars_.push_back(data);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    open(Node::Kind::kList, mark, tag, anchor);
  }

  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    open(Node::Kind::kMap, mark, tag, anchor);
  }

  void OnMapEnd() override { close(); }

 private:
  struct Frame {
    DataPtr data;
    std::optional<std::pair<std::string, Place>> key;  // kMap: read, its value not yet
    std::unordered_map<std::string, int> lines;        // kMap: where each key was first seen
  };

  [[noreturn]] void refuse(const YAML::Mark& mark, std::string what, std::string remedy) const {
    const PathStep* path = frames_.empty() ? nullptr : frames_.back().data->path.get();
    throw Refused{place_error(*file_, to_place(mark), path, std::move(what), std::move(remedy))};
  }

  // What stands in the file from `mark` on.
  std::string_view text_at(const YAML::Mark& mark) const {
    const auto at = static_cast<std::size_t>(mark.pos);
    return mark.pos >= 0 && at < text_.size() ? text_.substr(at) : std::string_view();
  }

  // The library takes a line end at the end of the file for the closing quote.
  void check_quotes(const YAML::Mark& mark) const {
    const std::string_view text = text_at(mark);
    if (!text.starts_with('"') && !text.starts_with('\'')) {
      return;
    }
    for (std::size_t i = 1; i < text.size(); ++i) {
      const bool doubled = text[0] == '\'' && text.substr(i).starts_with("''");
      if (doubled || (text[0] == '"' && text[i] == '\\')) {
        ++i;
      } else if (text[i] == text[0]) {
        return;
      }
    }
    refuse(mark, "the quote that opens here is never closed", "Close it where the text ends");
  }

  bool expects_key() const {
    return !frames_.empty() && frames_.back().data->kind == Node::Kind::kMap &&
           !frames_.back().key.has_value();
  }

  void check_properties(const YAML::Mark& mark, const std::string& tag,
                        YAML::anchor_t anchor) const {
    if (anchor != 0) {
      refuse(mark, "YAML anchors (&name) are not accepted", "Remove the anchor");
    }
    // The library gives "!" to quoted text and "?" to all else that has no tag; only the text shows
    // a "!" that was written.
    const bool written = text_at(mark).starts_with('!');
    if (written || (!tag.empty() && tag != "!" && tag != "?")) {
      refuse(mark, "YAML tags (!name) are not accepted", "Remove the tag");
    }
  }

  void set_key(const YAML::Mark& mark, const std::string& key) {
    Frame& frame = frames_.back();
    if (key == "<<") {
      refuse(mark, "YAML merge keys (<<) are not accepted", "Write the keys out here");
    }
    if (key.empty() || key.size() > kMaxKeyBytes) {
      refuse(mark, fmt::format("a key of {} bytes is not accepted", key.size()),
             fmt::format("Write a key of 1 to {} bytes", kMaxKeyBytes));
    }
    const Place place = to_place(mark);
    const auto [first, is_new] = frame.lines.emplace(key, place.line);
    if (!is_new) {
      refuse(mark, fmt::format("key {} is repeated", quote(key)),
             fmt::format("Keep one of the two; the first is on line {}", first->second));
    }
    frame.key.emplace(key, place);
  }

  DataPtr add(Node::Kind kind, const YAML::Mark& mark) {
    auto data = std::make_shared<Node::Data>();
    data->kind = kind;
    data->file = file_;
    data->place = to_place(mark);
    data->key_place = data->place;
    if (frames_.empty()) {
      root_ = data;
      return data;
    }
    Frame& parent = frames_.back();
    auto step = std::make_shared<PathStep>();
    step->parent = parent.data->path;
    // The library places a value that is not written at whatever comes next.
    const bool unwritten = kind == Node::Kind::kNull;
    if (parent.data->kind == Node::Kind::kList) {
      if (unwritten) {
        data->place = parent.data->place;
      }
      step->index = parent.data->items.size();
      parent.data->items.emplace_back(data);
    } else {
      step->key = parent.key->first;
      data->key_place = parent.key->second;
      if (unwritten) {
        data->place = data->key_place;
      }
      parent.data->entries.emplace_back(std::move(parent.key->first), Node(data));
      parent.key.reset();
    }
    data->path = std::move(step);
    return data;
  }

  void open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag,
            YAML::anchor_t anchor) {
    check_properties(mark, tag, anchor);
    if (expects_key()) {
      refuse(mark, "a key is a list or a group of keys", "Write keys as plain text");
    }
    if (frames_.size() >= kMaxDepth) {
      refuse(mark, fmt::format("the file nests deeper than {} levels", kMaxDepth),
             "Check the indentation and the brackets; no setting lies that deep");
    }
    frames_.push_back(Frame{.data = add(kind, mark), .key = {}, .lines = {}});
  }

  void close() { frames_.pop_back(); }

  std::string_view text_;
  std::shared_ptr<const std::string> file_;
  std::vector<Frame> frames_;
  std::vector<DataPtr> scalars_;
  DataPtr root_;
};

Result<void> check_text(std::string_view text, const std::string& file) {
  if (text.size() > kMaxFileBytes) {
    return fail(place_error(file, Place{}, nullptr,
                            fmt::format("the file is larger than {} bytes", kMaxFileBytes),
                            "Give a Rowtide configuration file"));
  }
  const std::size_t bad = find_bad_byte(text);
  if (bad == std::string_view::npos) {
    return {};
  }
  Place place;
  for (const char c : text.substr(0, bad)) {
    place.line += c == '\n' ? 1 : 0;
    place.column = c == '\n' ? 1 : place.column + 1;
  }
  return fail(place_error(file, place, nullptr,
                          "this byte is neither UTF-8 text nor a line end or tab",
                          "Save the file as plain UTF-8 text"));
}

Error syntax_error(const YAML::Exception& problem, std::string_view text, const std::string& file) {
  const auto at = static_cast<std::size_t>(problem.mark.pos);
  const bool inside = !problem.mark.is_null() && at < text.size();
  if (inside && text[at] == '*') {
    return place_error(file, to_place(problem.mark), nullptr,
                       "YAML aliases (*name) are not accepted",
                       "Write the value out here, or put text that starts with * in quotes");
  }
  if (inside) {
    const std::size_t line = text.substr(0, at).rfind('\n') + 1;  // npos + 1 is the first line
    const std::size_t tab = text.find_first_not_of(' ', line);
    if (tab <= at && text[tab] == '\t') {
      const Place place{problem.mark.line + 1, static_cast<int>(tab - line) + 1};
      return place_error(file, place, nullptr, "a tab is used for indentation",
                         "Indent with spaces");
    }
  }
  return place_error(file, to_place(problem.mark), nullptr,
                     fmt::format("not valid YAML: {}", problem.msg), kSyntaxRemedy);
}

Result<void> parse(std::string_view text, const std::string& file, TreeBuilder& builder) {
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Refused& refused) {
    return fail(refused.error);
  } catch (const YAML::Exception& problem) {
    return fail(syntax_error(problem, text, file));
  } catch (const std::exception& problem) {
    return fail(place_error(file, Place{}, nullptr,
                            fmt::format("the file cannot be parsed: {}", problem.what()),
                            kSyntaxRemedy));
  }
  if (builder.root() == nullptr) {
    return fail(place_error(file, Place{}, nullptr, "the file holds no settings",
                            "Write state_dir and at least one pipeline; \"rowtide init\" makes a "
                            "starting point"));
  }
  return {};
}

}  // namespace

Result<Node> load_yaml(std::string_view text, const std::string& file) {
  if (text.starts_with("\xEF\xBB\xBF")) {
    text.remove_prefix(3);
  }
  ROWTIDE_TRY(check_text(text, file));
  TreeBuilder builder(text, std::make_shared<const std::string>(file));
  ROWTIDE_TRY(parse(text, file, builder));
  for (const DataPtr& scalar : builder.scalars()) {
    auto substituted = substitute(scalar->text);
    if (!substituted) {
      Error& problem = substituted.error();
      return fail(Node(scalar).error(std::move(problem.message), std::move(problem.remedy)));
    }
    scalar->text = std::move(substituted->text);
    scalar->substituted = substituted->changed;
  }
  return Node(builder.root());
}

}  // namespace rowtide::config
