// The tree of commands that CLI11 holds. (For the files with a main function: they alone use
// CLI11.)
#pragma once

#include <CLI/CLI.hpp>
#include <sstream>

#include "compiler/tool/command_tree.h"

namespace weft::tool {

// "TEXT:{dot,svg,text}" has three words.
inline std::vector<std::string> words_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const auto from = type.find('{'), to = type.rfind('}');
  if (from == std::string::npos || to == std::string::npos) return {};
  std::vector<std::string> out;
  std::istringstream words(type.substr(from + 1, to - from - 1));
  for (std::string word; std::getline(words, word, ',');) out.push_back(word);
  return out;
}

// Our descriptions begin with an example, and an empty line.
inline std::string first_sentence(const std::string& description) {
  const auto at = description.find("\n\n");
  const std::string text = at == std::string::npos ? description : description.substr(at + 2);
  return text.substr(0, text.find('\n'));
}

inline Command command_of(const CLI::App& app) {
  Command out{.name = app.get_name(), .what = first_sentence(app.get_description())};
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) {
      out.arguments.push_back({option->get_name(true, false), words_of(*option)});
      continue;
    }
    CommandOption row{.what = option->get_description(),
                      .takes_value = option->get_items_expected_max() > 0,
                      .words = words_of(*option)};
    for (const std::string& name : option->get_snames()) row.names.push_back("-" + name);
    for (const std::string& name : option->get_lnames()) row.names.push_back("--" + name);
    out.options.push_back(std::move(row));
  }
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; }))
    out.commands.push_back(command_of(*sub));
  return out;
}

}  // namespace weft::tool
