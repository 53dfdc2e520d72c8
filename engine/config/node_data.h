#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/config/node.h"

namespace rowtide::config {

// A place in the file, both 1-based; the column counts bytes.
struct Place {
  int line = 1;
  int column = 1;
};

// One step of a path: a key, or an index where `key` is empty. Nodes share the steps above them, so
// a long path under a large list costs nothing until a message wants it.
struct PathStep {
  std::shared_ptr<const PathStep> parent;
  std::string key;
  std::size_t index = 0;
};

// "FILE:LINE:COLUMN: PATH"; without PATH at the top of the file.
std::string place_text(const std::string& file, Place place, const PathStep* path);
// "FILE:LINE:COLUMN: PATH: <what>" with Code::kConfig.
Error place_error(const std::string& file, Place place, const PathStep* path, std::string what,
                  std::string remedy);

// What the loader fills in and Node shows. Only the loader and node.cc include this.
struct Node::Data {
  Node::Kind kind = Node::Kind::kNull;
  std::shared_ptr<const std::string> file;
  std::shared_ptr<const PathStep> path;  // null at the top of the file
  Place place;
  Place key_place;  // of the key that holds the value; `place` where there is none
  std::string text;
  bool quoted = false;
  bool substituted = false;
  std::vector<Node> items;
  std::vector<std::pair<std::string, Node>> entries;
};

}  // namespace rowtide::config
