#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace rowtide::config {

// What the configurations that `rowtide init` writes have in common, whatever the source. Names in
// a database may hold anything; what comes out of here is YAML all the same.

// Without line breaks, for a comment.
std::string one_line(std::string_view text);
// In double quotes.
std::string yaml_text(std::string_view text);
// "12.5 MiB".
std::string size_text(std::uint64_t bytes);
// A name for the pipeline of a database: letters, digits and dashes.
std::string pipeline_name(std::string_view database);

struct Starter {
  // "database shop on PostgreSQL 15.2"
  std::string title;
  // Comment lines of what has to be done first; may be empty.
  std::string problems;
  std::string pipeline;
  std::string source_type;
  // Without a password.
  std::string url;
  // The password comes from the environment, under a name made from the pipeline's.
  bool has_password = false;
  // The lines of the key `tables`, its own included.
  std::string tables;
};

std::string starter_document(const Starter& starter);

}  // namespace rowtide::config
