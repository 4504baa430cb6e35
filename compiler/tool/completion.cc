#include "compiler/tool/completion.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "compiler/tool/commands.h"
#include "compiler/tool/exec.h"
#include "compiler/tool/places.h"
#include "compiler/tool/say.h"

namespace weft::tool {
namespace {

// One command, by all words of it: "weft nic show".
struct Place {
  std::string path;
  const Command* command = nullptr;
};

void walk(const Command& command, const std::string& path, std::vector<Place>& out) {
  out.push_back({path, &command});
  for (const Command& sub : command.commands) walk(sub, path + " " + sub.name, out);
}

std::vector<Place> places_of(const Command& weft) {
  std::vector<Place> out;
  walk(weft, weft.name, out);
  return out;
}

// What may stand for an option's value or an argument besides a file: names of the installation.
std::vector<std::string> installed(const std::string& name) {
  static const std::map<std::string, std::vector<Kind>> kinds = {
      {"--nic", {Kind::nic}},     {"NIC", {Kind::nic}},
      {"--against", {Kind::nic}}, {"--graph", {Kind::graph}},
      {"GRAPH", {Kind::graph}},   {"--workload", {Kind::workload}},
      {"--costs", {Kind::costs}}, {"THING", {Kind::graph, Kind::nic, Kind::workload}},
  };
  std::vector<std::string> out;
  const auto at = kinds.find(name);
  if (at == kinds.end()) return out;
  for (const Kind kind : at->second)
    for (std::string& word : names(kind)) out.push_back(std::move(word));
  return out;
}

std::vector<std::string> values_of(const CommandOption& option) {
  return option.words.empty() ? installed(option.names.back()) : option.words;
}

std::vector<std::string> values_of(const Command& command) {
  std::vector<std::string> out;
  for (const CommandArgument& a : command.arguments) {
    const auto words = a.words.empty() ? installed(a.name) : a.words;
    out.insert(out.end(), words.begin(), words.end());
  }
  return out;
}

// In single quotes, for all three shells; of a help text the first line.
std::string quoted(std::string text) {
  text = text.substr(0, text.find('\n'));
  std::string out;
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return "'" + out + "'";
}

// The paths of commands below the first, as patterns of a `case`.
std::string patterns(const std::vector<Place>& places) {
  std::vector<std::string> out;
  for (const Place& p : places)
    if (p.path.find(' ') != std::string::npos) out.push_back(quoted(p.path));
  return fmt::format("{}", fmt::join(out, "|"));
}

// "PATH OPTION" for all names of an option, as patterns of a `case`.
std::string patterns(const Place& place, const CommandOption& option) {
  std::vector<std::string> out;
  for (const std::string& name : option.names) out.push_back(quoted(place.path + " " + name));
  return fmt::format("{}", fmt::join(out, "|"));
}

std::string bash(const std::vector<Place>& places) {
  std::string out = fmt::format(
      "# bash completion of weft:  source <(weft completion bash)\n"
      "_weft() {{\n"
      "  local word=${{COMP_WORDS[COMP_CWORD]}} command=weft words= i\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    case \"$command ${{COMP_WORDS[i]}}\" in\n"
      "      {}) command+=\" ${{COMP_WORDS[i]}}\" ;;\n"
      "    esac\n"
      "  done\n"
      "  COMPREPLY=()\n"
      "  case \"$command ${{COMP_WORDS[COMP_CWORD-1]}}\" in\n",
      patterns(places));
  for (const Place& place : places)
    for (const CommandOption& o : place.command->options)
      if (o.takes_value)
        out += fmt::format("    {}) words={} ;;\n", patterns(place, o),
                           quoted(fmt::format("{}", fmt::join(values_of(o), " "))));
  out += "    *) case \"$command\" in\n";
  for (const Place& place : places) {
    std::vector<std::string> words = values_of(*place.command);
    for (const Command& sub : place.command->commands) words.push_back(sub.name);
    for (const CommandOption& o : place.command->options)
      words.insert(words.end(), o.names.begin(), o.names.end());
    out += fmt::format("      {}) words={} ;;\n", quoted(place.path),
                       quoted(fmt::format("{}", fmt::join(words, " "))));
  }
  return out +
         "    esac ;;\n"
         "  esac\n"
         // Options only where one is begun, as shells do.
         "  [[ $word == -* ]] || words=$(tr ' ' '\\n' <<<\"$words\" | grep -v '^-')\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
         "}\n"
         "complete -o bashdefault -o default -F _weft weft\n";
}

std::string zsh_rows(const std::vector<std::pair<std::string, std::string>>& rows) {
  std::vector<std::string> out;
  for (const auto& [word, what] : rows) out.push_back(quoted(word + ":" + what));
  return fmt::format("{}", fmt::join(out, " "));
}

std::string zsh(const std::vector<Place>& places) {
  std::string out = fmt::format(
      "#compdef weft\n"
      "# zsh completion of weft:  weft completion zsh > \"${{fpath[1]}}/_weft\"\n"
      "_weft() {{\n"
      "  local command=weft i\n"
      "  local -a commands options values\n"
      "  for ((i = 2; i < CURRENT; i++)); do\n"
      "    case \"$command $words[i]\" in\n"
      "      {}) command+=\" $words[i]\" ;;\n"
      "    esac\n"
      "  done\n"
      "  case \"$command $words[CURRENT-1]\" in\n",
      patterns(places));
  for (const Place& place : places)
    for (const CommandOption& o : place.command->options)
      if (o.takes_value)
        out +=
            fmt::format("    {}) values=({}); compadd -a values; {}return ;;\n", patterns(place, o),
                        fmt::join(values_of(o), " "), o.words.empty() ? "_files; " : "");
  out += "  esac\n  case \"$command\" in\n";
  for (const Place& place : places) {
    std::vector<std::pair<std::string, std::string>> commands, options;
    for (const Command& sub : place.command->commands) commands.push_back({sub.name, sub.what});
    for (const CommandOption& o : place.command->options)
      for (const std::string& name : o.names) options.push_back({name, o.what});
    out += fmt::format("    {})\n      commands=({})\n      options=({})\n      values=({}) ;;\n",
                       quoted(place.path), zsh_rows(commands), zsh_rows(options),
                       fmt::join(values_of(*place.command), " "));
  }
  return out +
         "  esac\n"
         "  if [[ $words[CURRENT] == -* ]]; then\n"
         "    _describe -o option options\n"
         "  elif ((${#commands})); then\n"
         "    _describe command commands\n"
         "  else\n"
         "    compadd -a values\n"
         "    _files\n"
         "  fi\n"
         "}\n"
         "if [[ $funcstack[1] == _weft ]]; then _weft \"$@\"; else compdef _weft weft; fi\n";
}

std::string fish(const std::vector<Place>& places) {
  std::string out = fmt::format(
      "# fish completion of weft:  weft completion fish > ~/.config/fish/completions/weft.fish\n"
      "function __weft_at\n"
      "  set -l command weft\n"
      "  for word in (commandline -opc)[2..]\n"
      "    switch \"$command $word\"\n"
      "      case {}\n"
      "        set command \"$command $word\"\n"
      "    end\n"
      "  end\n"
      "  test \"$command\" = \"$argv\"\n"
      "end\n",
      [&] {
        std::string text = patterns(places);
        std::replace(text.begin(), text.end(), '|', ' ');
        return text;
      }());
  for (const Place& place : places) {
    const std::string at = fmt::format("complete -c weft -n {}", quoted("__weft_at " + place.path));
    for (const Command& sub : place.command->commands)
      out += fmt::format("{} -f -a {} -d {}\n", at, quoted(sub.name), quoted(sub.what));
    if (const auto words = values_of(*place.command); !words.empty())
      out += fmt::format("{} -a {}\n", at, quoted(fmt::format("{}", fmt::join(words, " "))));
    for (const CommandOption& o : place.command->options) {
      out += at;
      for (const std::string& name : o.names)
        out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      if (o.takes_value) out += o.words.empty() ? " -r" : " -x";
      if (const auto words = values_of(o); !words.empty())
        out += " -a " + quoted(fmt::format("{}", fmt::join(words, " ")));
      out += " -d " + quoted(o.what) + "\n";
    }
  }
  return out;
}

// What weft hands over as written is known to weft-runtime alone. Without it: no options.
void add_runtime(Command& weft) {
  const auto program = beside("weft-runtime");
  if (!program) return;
  const auto answer = filter(*program, {"--commands"}, "", "weft-runtime");
  if (!answer) return;
  const auto tree = nlohmann::json::parse(*answer, nullptr, false);
  if (!tree.is_object()) return;
  const auto take = [&](Command& into, const char* from) {
    if (!tree.contains(from)) return;
    const auto known = tree.at(from).get<Command>();
    into.options = known.options;
    into.arguments = known.arguments;
  };
  for (Command& c : weft.commands) {
    if (c.name == "run" || c.name == "doctor") take(c, "run");
    for (Command& sub : c.commands)
      if (c.name == "nic" && sub.name == "probe") take(sub, "probe");
  }
}

}  // namespace

std::string completion_script(const std::string& shell, const Command& weft) {
  const std::vector<Place> places = places_of(weft);
  return shell == "bash" ? bash(places) : shell == "zsh" ? zsh(places) : fish(places);
}

int completion(const std::string& shell, Command weft) {
  add_runtime(weft);
  print(completion_script(shell, weft));
  return ok;
}

}  // namespace weft::tool
