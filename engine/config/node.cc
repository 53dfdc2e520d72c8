#include "engine/config/node.h"

#include <algorithm>
#include <ranges>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/config/node_data.h"

namespace rowtide::config {
namespace {

const Node::Data& empty_data() {
  static const Node::Data data = [] {
    Node::Data empty;
    empty.file = std::make_shared<const std::string>();
    return empty;
  }();
  return data;
}

std::string path_text(const PathStep* step) {
  std::vector<const PathStep*> steps;
  for (; step != nullptr; step = step->parent.get()) {
    steps.push_back(step);
  }
  std::string text;
  for (const PathStep* at : steps | std::views::reverse) {
    if (at->key.empty()) {
      text += fmt::format("[{}]", at->index);
    } else {
      text += (text.empty() ? "" : ".") + at->key;
    }
  }
  return text;
}

}  // namespace

std::string place_text(const std::string& file, Place place, const PathStep* path) {
  const std::string keys = path_text(path);
  return fmt::format("{}:{}:{}{}{}", file, place.line, place.column, keys.empty() ? "" : ": ",
                     keys);
}

Error place_error(const std::string& file, Place place, const PathStep* path, std::string what,
                  std::string remedy) {
  return operator_error(Code::kConfig, place_text(file, place, path) + ": " + std::move(what),
                        std::move(remedy));
}

std::string_view describe_kind(Node::Kind kind) noexcept {
  switch (kind) {
    case Node::Kind::kNull:
      return "nothing";
    case Node::Kind::kScalar:
      return "a single value";
    case Node::Kind::kList:
      return "a list";
    case Node::Kind::kMap:
      return "a group of keys";
  }
  return "nothing";
}

Node::Kind Node::kind() const {
  return data_ == nullptr ? Kind::kNull : data_->kind;
}

const std::string& Node::text() const {
  return (data_ ? *data_ : empty_data()).text;
}

bool Node::quoted() const {
  return data_ != nullptr && (data_->quoted || data_->substituted);
}

bool Node::substituted() const {
  return data_ != nullptr && data_->substituted;
}

const std::vector<Node>& Node::items() const {
  return (data_ ? *data_ : empty_data()).items;
}

const std::vector<std::pair<std::string, Node>>& Node::entries() const {
  return (data_ ? *data_ : empty_data()).entries;
}

const Node* Node::find(std::string_view key) const {
  const auto& all = entries();
  const auto found = std::ranges::find(all, key, &std::pair<std::string, Node>::first);
  return found == all.end() ? nullptr : &found->second;
}

std::string Node::path() const {
  return path_text((data_ ? *data_ : empty_data()).path.get());
}

int Node::line() const {
  return (data_ ? *data_ : empty_data()).place.line;
}

int Node::column() const {
  return (data_ ? *data_ : empty_data()).place.column;
}

std::string Node::content() const {
  // Lengths keep what stands side by side apart.
  const auto sized = [](std::string_view part) { return fmt::format("{}:{}", part.size(), part); };
  switch (kind()) {
    case Kind::kNull:
      return "~";
    case Kind::kScalar:
      // With quotes or without: where that matters one of the two is refused.
      return "=" + sized(text());
    case Kind::kList: {
      std::string all = "[";
      for (const Node& item : items()) {
        all += item.content();
      }
      return all + "]";
    }
    case Kind::kMap: {
      std::vector<std::string> sorted;
      for (const auto& [key, value] : entries()) {
        sorted.push_back(sized(key) + value.content());
      }
      std::ranges::sort(sorted);
      return fmt::format("{{{}}}", fmt::join(sorted, ""));
    }
  }
  return {};
}

std::string Node::where() const {
  const Data& data = data_ ? *data_ : empty_data();
  return place_text(*data.file, data.place, data.path.get());
}

Error Node::error(std::string what, std::string remedy) const {
  const Data& data = data_ ? *data_ : empty_data();
  return place_error(*data.file, data.place, data.path.get(), std::move(what), std::move(remedy));
}

Error Node::key_error(std::string what, std::string remedy) const {
  const Data& data = data_ ? *data_ : empty_data();
  return place_error(*data.file, data.key_place, data.path.get(), std::move(what),
                     std::move(remedy));
}

}  // namespace rowtide::config
