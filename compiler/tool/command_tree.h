// The commands of a program with their options, as its command line declares them: what a shell
// completes.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace weft::tool {

struct CommandOption {
  std::vector<std::string> names;  // "-o", "--output"
  std::string what;                // its help
  bool takes_value = false;
  std::vector<std::string> words;  // the only values there are; empty: others
};

struct CommandArgument {
  std::string name;  // "PLAN"
  std::vector<std::string> words;
};

struct Command {
  std::string name;
  std::string what;
  std::vector<CommandOption> options;
  std::vector<CommandArgument> arguments;
  std::vector<Command> commands;
};

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(CommandOption, names, what, takes_value, words)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(CommandArgument, name, words)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Command, name, what, options, arguments, commands)

}  // namespace weft::tool
