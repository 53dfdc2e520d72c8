#include "tools/rowtide/completion.h"

#include <functional>

namespace rowtide {
namespace {

// Calls `visit` for the root (path "") and every command below it (path "/offsets/show").
void walk(const CommandShape& shape, const std::string& path,
          const std::function<void(const std::string&, const CommandShape&)>& visit) {
  visit(path, shape);
  for (const auto& command : shape.commands) {
    walk(command, path + "/" + command.name, visit);
  }
}

// The text of a single-quoted shell string.
std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out.append("'\\''");
    } else {
      out.push_back(c);
    }
  }
  return out + "'";
}

// "/a|/a/b|..." of every command but the root.
std::string path_pattern(const CommandShape& root) {
  std::string out;
  walk(root, "", [&out](const std::string& path, const CommandShape&) {
    if (!path.empty()) {
      out.append(out.empty() ? "" : "|").append(path);
    }
  });
  return out;
}

std::string bash_script(const CommandShape& root) {
  std::string out =
      "_rowtide() {\n"
      "  local at=\"\" words=\"\" i\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    case \"$at/${COMP_WORDS[i]}\" in\n"
      "      " +
      path_pattern(root) +
      ") at=\"$at/${COMP_WORDS[i]}\" ;;\n"
      "    esac\n"
      "  done\n"
      "  case \"$at\" in\n";
  walk(root, "", [&out](const std::string& path, const CommandShape& shape) {
    std::string words;
    for (const auto& command : shape.commands) {
      words.append(words.empty() ? "" : " ").append(command.name);
    }
    for (const auto& option : shape.options) {
      words.append(words.empty() ? "" : " ").append(option);
    }
    out.append("    " + quoted(path) + ") words=" + quoted(words) + " ;;\n");
  });
  out.append(
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
      "}\n"
      "complete -o default -F _rowtide rowtide\n");
  return out;
}

// One candidate of zsh's _describe, which takes "word:description".
std::string zsh_item(const std::string& word, const std::string& about) {
  std::string escaped;
  for (const char c : word) {
    escaped.append(c == ':' ? "\\:" : std::string(1, c));
  }
  return quoted(about.empty() ? escaped : escaped + ":" + about);
}

std::string zsh_script(const CommandShape& root) {
  std::string out =
      "#compdef rowtide\n"
      "_rowtide() {\n"
      "  local at=\"\" i\n"
      "  local -a items\n"
      "  for ((i = 2; i < CURRENT; i++)); do\n"
      "    case \"$at/${words[i]}\" in\n"
      "      " +
      path_pattern(root) +
      ") at=\"$at/${words[i]}\" ;;\n"
      "    esac\n"
      "  done\n"
      "  case \"$at\" in\n";
  walk(root, "", [&out](const std::string& path, const CommandShape& shape) {
    out.append("    " + quoted(path) + ") items=(");
    for (const auto& command : shape.commands) {
      out.append(" ").append(zsh_item(command.name, command.about));
    }
    for (const auto& option : shape.options) {
      out.append(" ").append(zsh_item(option, ""));
    }
    out.append(" ) ;;\n");
  });
  out.append(
      "  esac\n"
      "  _describe rowtide items || _files\n"
      "}\n"
      "if [ \"$funcstack[1]\" = \"_rowtide\" ]; then _rowtide \"$@\"; else compdef _rowtide "
      "rowtide; "
      "fi\n");
  return out;
}

std::string fish_script(const CommandShape& root) {
  std::string out =
      "function __rowtide_at\n"
      "    set -l at ''\n"
      "    for word in (commandline -opc)[2..-1]\n"
      "        switch \"$at/$word\"\n"
      "            case";
  walk(root, "", [&out](const std::string& path, const CommandShape&) {
    if (!path.empty()) {
      out.append(" ").append(path);
    }
  });
  out.append(
      "\n"
      "                set at \"$at/$word\"\n"
      "        end\n"
      "    end\n"
      "    test \"$at\" = \"$argv[1]\"\n"
      "end\n");
  walk(root, "", [&out](const std::string& path, const CommandShape& shape) {
    const std::string when = "complete -c rowtide -n \"__rowtide_at '" + path + "'\" ";
    for (const auto& command : shape.commands) {
      out.append(when + "-f -a " + command.name + " -d " + quoted(command.about) + "\n");
    }
    for (const auto& option : shape.options) {
      if (option.starts_with("--")) {
        out.append(when + "-l " + option.substr(2) + "\n");
      }
    }
  });
  return out;
}

}  // namespace

std::string completion_script(std::string_view shell, const CommandShape& root) {
  if (shell == "bash") {
    return bash_script(root);
  }
  if (shell == "zsh") {
    return zsh_script(root);
  }
  return shell == "fish" ? fish_script(root) : std::string{};
}

}  // namespace rowtide
