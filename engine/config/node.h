#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/error.h"

namespace rowtide::config {

// One value of a parsed YAML file, with its place in the file and its path ("pipelines[0].source").
// Secrets are already substituted in text leaves. Immutable and cheap to copy; independent of the
// YAML library, which stays behind the loader.
class Node {
 public:
  enum class Kind { kNull, kScalar, kList, kMap };

  Node() = default;

  Kind kind() const;
  // kScalar: the text after substitution.
  const std::string& text() const;
  // kScalar that is text by the way it was written: in quotes, or with a substitution in it. Any
  // other scalar may be a number or a boolean.
  bool quoted() const;
  // kScalar whose text holds an environment variable or the content of a file. Such text is a
  // secret until proven otherwise: it never enters a message.
  bool substituted() const;
  const std::vector<Node>& items() const;                            // kList
  const std::vector<std::pair<std::string, Node>>& entries() const;  // kMap, in file order
  // kMap: the entry or nullptr.
  const Node* find(std::string_view key) const;
  std::string path() const;
  int line() const;    // 1-based
  int column() const;  // 1-based, in bytes

  // "FILE:LINE:COLUMN: PATH", for what is found out later than reading.
  std::string where() const;

  // All that the file says here, in one form: equal for two nodes with the same keys and values,
  // whatever their order and layout. Holds what was substituted, so it is as secret as that.
  std::string content() const;

  // Code::kConfig with "FILE:LINE:COLUMN: PATH: <what>" and the remedy.
  Error error(std::string what, std::string remedy) const;
  // The same at the place of the key that holds this value, for faults of the key itself.
  Error key_error(std::string what, std::string remedy) const;

  struct Data;
  explicit Node(std::shared_ptr<const Data> data) : data_(std::move(data)) {}

 private:
  std::shared_ptr<const Data> data_;
};

// "nothing", "a single value", "a list", "a group of keys": the kind of a node in messages.
std::string_view describe_kind(Node::Kind kind) noexcept;

}  // namespace rowtide::config
