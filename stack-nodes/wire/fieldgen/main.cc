// Turns graphs/headers/*.yaml into weft/fields.h: one namespace for each header, one constant for
// each field. Runs at build time.
//   weft_fieldgen OUTPUT HEADER.yaml...
#include <yaml-cpp/yaml.h>

#include <cctype>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>
#include <string>

namespace {

// Names become C++ identifiers as they are; what can't be one is refused here, with its place.
bool is_identifier(const std::string& word) {
  if (word.empty() || std::isdigit(static_cast<unsigned char>(word[0])) != 0) return false;
  for (const char c : word) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_') return false;
  }
  static const std::set<std::string> taken = {
      "and",  "auto", "bool",     "case",   "char",     "class", "const", "default", "delete",
      "do",   "else", "enum",     "export", "false",    "float", "for",   "goto",    "if",
      "int",  "long", "new",      "not",    "operator", "or",    "short", "signed",  "switch",
      "this", "true", "typename", "union",  "unsigned", "using", "void",  "while",   "xor"};
  return taken.count(word) == 0;
}

// Writes one header's namespace; the reader of the compiler checks the file in full, this only
// refuses what would give a wrong constant.
void write_header(std::ostream& out, const std::string& path) {
  const YAML::Node file = YAML::LoadFile(path);
  if (!file["header"]) return;  // names.yaml: no header bits
  const auto fail = [&](const std::string& what) { throw std::runtime_error(path + ": " + what); };
  const auto header = file["header"].as<std::string>();
  const auto layer = file["layer"].as<std::string>();
  if (!is_identifier(header)) fail("'" + header + "' cannot be a name in C++");
  if (layer != "l2" && layer != "l3" && layer != "l4") fail("layer is l2, l3 or l4");
  out << "\n// " << file["title"].as<std::string>("") << " (" << file["source"].as<std::string>("")
      << ")\nnamespace weft::field::" << header << " {\n"
      << "inline constexpr unsigned min_bytes = " << file["min_bytes"].as<unsigned>() << ";\n";
  for (const auto& entry : file["fields"]) {
    const auto name = entry["name"].as<std::string>();
    const auto offset = entry["offset"].as<unsigned>();
    const auto width = entry["width"].as<unsigned>();
    if (!is_identifier(name)) fail("'" + name + "' cannot be a name in C++");
    if (width < 1 || width > 64) fail(name + ": width is 1 to 64 bits");
    out << "inline constexpr Field " << name << "{Layer::" << layer << ", " << offset << ", "
        << width << "};\n";
  }
  out << "}  // namespace weft::field::" << header << "\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: weft_fieldgen OUTPUT HEADER.yaml...\n";
    return 64;
  }
  try {
    std::ostringstream out;
    out << "// Made by weft_fieldgen from graphs/headers; change the YAML, not this file.\n"
           "#pragma once\n\n#include \"stack-nodes/wire/field.h\"\n";
    for (int i = 2; i < argc; ++i) write_header(out, argv[i]);
    // The folder exists from the second build on; the file is whole or not there.
    const std::filesystem::path target = argv[1];
    std::filesystem::create_directories(target.parent_path());
    std::ofstream file(target, std::ios::binary | std::ios::trunc);
    file << out.str();
    file.close();
    if (!file) throw std::runtime_error(target.string() + ": cannot be written");
  } catch (const std::exception& e) {
    std::cerr << "weft_fieldgen: " << e.what() << "\n";
    return 1;
  }
  return 0;
}
