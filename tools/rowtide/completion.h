#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rowtide {

// A command as the shell completes it: its name, one line on it, its options, its own commands.
struct CommandShape {
  std::string name;
  std::string about;
  std::vector<std::string> options;
  std::vector<CommandShape> commands;
};

// The completion script for "bash", "zsh" or "fish"; empty for any other shell.
std::string completion_script(std::string_view shell, const CommandShape& root);

}  // namespace rowtide
