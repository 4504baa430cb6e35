// From text to the tree of yaml_reader.h: the file's size and bytes, YAML's grammar, and the parts
// of YAML that weft refuses because they surprise people or eat memory.
#include <fmt/format.h>
#include <sys/stat.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>

#include "compiler/frontend/schema_log.h"
#include "compiler/frontend/yaml_reader.h"

namespace weft::frontend {
namespace {

using diag::Diagnostic;
using diag::Span;

constexpr std::size_t most_values = 2'000'000;  // in one file

struct Refused {
  Diagnostic diagnostic;
};

// Builds the tree from the parser's events; an alias never becomes a copy.
class Builder : public YAML::EventHandler {
 public:
  explicit Builder(YamlSource& source) : source_(source) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) {
      refuse("E0113", mark, 3, "a second document", "weft reads one document per file");
    }
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(mark, anchor, "", {.kind = YamlKind::null});
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    refuse("E0109", mark, 1, "an alias", "write the value out: weft reads no anchors and aliases");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    add(mark, anchor, tag, {.kind = YamlKind::scalar, .quoted = tag == "!", .text = value});
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    add(mark, anchor, tag, {.kind = YamlKind::sequence});
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    add(mark, anchor, tag, {.kind = YamlKind::mapping});
  }
  void OnMapEnd() override {
    check_keys(stack_.back());
    close();
  }

 private:
  Span span(unsigned line, unsigned column, std::size_t length) const {
    return {source_.file, line, column, static_cast<unsigned>(std::max<std::size_t>(1, length))};
  }
  Span span(const YamlNode& node) const {
    return span(node.line, node.column, node.text.size() + (node.quoted ? 2 : 0));
  }

  [[noreturn]] void refuse(std::string code, const YAML::Mark& mark, std::size_t length,
                           std::string message, std::string help) const {
    throw Refused{{.code = std::move(code),
                   .message = std::move(message),
                   .span = span(static_cast<unsigned>(mark.line + 1),
                                static_cast<unsigned>(mark.column + 1), length),
                   .help = std::move(help)}};
  }

  // Puts a value into the collection being read; collections wait on `stack_` until they end.
  void add(const YAML::Mark& mark, YAML::anchor_t anchor, const std::string& tag, YamlNode node) {
    if (anchor != 0) {
      refuse("E0109", mark, 1, "an anchor",
             "write the value out: weft reads no anchors and aliases");
    }
    if (!tag.empty() && tag != "?" && tag != "!") {
      refuse("E0109", mark, 1, fmt::format("a tag, `{}`", tag), "leave it out: weft reads no tags");
    }
    if (++values_ > most_values) {
      refuse("E0102", mark, 1, fmt::format("more than {} values in one file", most_values), "");
    }
    node.line = static_cast<unsigned>(mark.line + 1);
    node.column = static_cast<unsigned>(mark.column + 1);
    if (node.kind == YamlKind::sequence || node.kind == YamlKind::mapping) {
      stack_.push_back(std::move(node));
    } else {
      place(std::move(node));
    }
  }

  void place(YamlNode node) {
    if (stack_.empty()) {
      source_.root = std::move(node);
    } else {
      YamlNode& parent = stack_.back();
      if (parent.kind == YamlKind::mapping && parent.children.size() % 2 == 1) {
        const YamlNode& key = parent.children.back();
        node.key_line = key.line;
        node.key_column = key.column;
        node.key_length = static_cast<unsigned>(span(key).length);
      }
      parent.children.push_back(std::move(node));
    }
  }

  void close() {
    YamlNode done = std::move(stack_.back());
    stack_.pop_back();
    place(std::move(done));
  }

  void check_keys(const YamlNode& mapping) {
    std::map<std::string_view, const YamlNode*> seen;
    for (std::size_t i = 0; i + 1 < mapping.children.size(); i += 2) {
      const YamlNode& key = mapping.children[i];
      if (key.kind != YamlKind::scalar) {
        source_.errors.push_back({.code = "E0107",
                                  .message = "a key that is not a word",
                                  .span = span(key),
                                  .help = "keys are plain words"});
        continue;
      }
      if (key.text == "<<" && !key.quoted) {
        source_.errors.push_back({.code = "E0106",
                                  .message = "a merge key",
                                  .span = span(key),
                                  .help = "write the keys out: weft does not merge mappings"});
      }
      const auto [first, fresh] = seen.emplace(key.text, &key);
      if (fresh) continue;
      source_.errors.push_back({.code = "E0105",
                                .message = fmt::format("duplicate key `{}`", key.text),
                                .span = span(key),
                                .notes = {{.text = "first here", .span = span(*first->second)}},
                                .help = "remove one of the two"});
    }
  }

  YamlSource& source_;
  std::vector<YamlNode> stack_;
  std::size_t values_ = 0;
  unsigned documents_ = 0;
};

std::string similar_file(const std::string& path) {
  namespace fs = std::filesystem;
  const fs::path wanted(path);
  const fs::path folder = wanted.has_parent_path() ? wanted.parent_path() : fs::path(".");
  std::vector<std::string> names;
  std::error_code bad;
  for (fs::directory_iterator at(folder, bad), end; !bad && at != end; at.increment(bad)) {
    names.push_back(at->path().filename().string());
    if (names.size() > 1000) break;
  }
  std::sort(names.begin(), names.end());
  const std::string near = diag::nearest(wanted.filename().string(), names);
  return near.empty() ? "" : (wanted.parent_path() / near).string();
}

Diagnostic unreadable(const std::string& path, const std::string& why) {
  const std::string near = similar_file(path);
  return {.code = "E0100",
          .message = fmt::format("cannot read `{}`: {}", path, why),
          .help = near.empty() || near == path ? "" : fmt::format("did you mean `{}`?", near)};
}

// Length of the UTF-8 character at `at`, 0 when there is none (Unicode 15, table 3-7).
std::size_t utf8_length(std::string_view s, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return at + i < s.size() ? static_cast<unsigned char>(s[at + i]) : 0U;
  };
  const auto tail = [&](std::size_t i) { return (byte(i) & 0xc0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return tail(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if (first == 0xe0 && byte(1) < 0xa0) return 0;
    if (first == 0xed && byte(1) > 0x9f) return 0;
    return tail(1) && tail(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (first == 0xf0 && byte(1) < 0x90) return 0;
    if (first == 0xf4 && byte(1) > 0x8f) return 0;
    return tail(1) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

std::optional<Diagnostic> find_junk(std::string_view text, const std::string& file) {
  unsigned line = 1;
  std::size_t line_start = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto c = static_cast<unsigned char>(text[at]);
    const std::size_t length = utf8_length(text, at);
    const bool control = (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
    if (length == 0 || control) {
      return Diagnostic{.code = "E0103",
                        .message = fmt::format("`{}` is not a text file: byte 0x{:02x}", file, c),
                        .span = {file, line, static_cast<unsigned>(at - line_start + 1), 1},
                        .help = "weft reads YAML in UTF-8"};
    }
    at += length;
    if (c == '\n') {
      ++line;
      line_start = at;
    }
  }
  return std::nullopt;
}

bool tab_indents(std::string_view text, int line) {
  for (; line > 0 && !text.empty(); --line) {
    text.remove_prefix(std::min(text.size(), text.find('\n') + 1));
  }
  const std::size_t start = text.find_first_not_of(" \t");
  return text.substr(0, start).find('\t') != std::string_view::npos;
}

Diagnostic syntax_error(const YAML::Exception& e, const std::string& file, std::string_view text) {
  Diagnostic d{.code = "E0101", .message = "not YAML: " + e.msg};
  d.span.file = file;
  if (e.msg == YAML::ErrorMsg::END_OF_MAP_FLOW)
    d.help = "a closing `}` is missing before this place";
  if (e.msg == YAML::ErrorMsg::END_OF_SEQ_FLOW)
    d.help = "a closing `]` is missing before this place";
  if (e.mark.line >= 0 && tab_indents(text, e.mark.line))
    d.help = "indent with spaces, not with tabs";
  if (e.mark.line >= 0) {
    d.span.line = static_cast<unsigned>(e.mark.line + 1);
    d.span.column = static_cast<unsigned>(e.mark.column + 1);
  }
  return d;
}

}  // namespace

diag::Result<std::string> read_file(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    return diag::fail(unreadable(path, std::strerror(errno)));
  }
  if (S_ISDIR(status.st_mode)) return diag::fail(unreadable(path, "it is a folder"));
  const Diagnostic large{
      .code = "E0102",
      .message = fmt::format("`{}` has more than {} bytes", path, max_file_bytes),
      .span = {.file = path},
      .help = "is it the right file?"};
  if (S_ISREG(status.st_mode) && static_cast<std::size_t>(status.st_size) > max_file_bytes) {
    return diag::fail(large);
  }
  std::ifstream in(path, std::ios::binary);
  if (!in) return diag::fail(unreadable(path, std::strerror(errno)));
  std::string text;
  std::vector<char> chunk(std::size_t{1} << 16);
  while (in.read(chunk.data(), static_cast<std::streamsize>(chunk.size())), in.gcount() > 0) {
    text.append(chunk.data(), static_cast<std::size_t>(in.gcount()));
    if (text.size() > max_file_bytes) return diag::fail(large);
  }
  if (in.bad()) return diag::fail(unreadable(path, std::strerror(errno)));
  return text;
}

diag::Result<Document> parse_yaml(std::string text, const std::string& file) {
  if (text.size() > max_file_bytes) {
    return diag::fail({.code = "E0102",
                       .message = fmt::format("`{}` has more than {} bytes", file, max_file_bytes),
                       .span = {.file = file}});
  }
  if (auto junk = find_junk(text, file)) return diag::fail(std::move(*junk));
  auto source = std::make_unique<YamlSource>();
  source->file = file;
  source->text = std::move(text);
  source->root.line = 1;
  source->root.column = 1;
  try {
    std::istringstream in(source->text);
    YAML::Parser parser(in);
    Builder builder(*source);
    if (!parser.HandleNextDocument(builder)) {
      return diag::fail(
          {.code = "E0113", .message = fmt::format("`{}` is empty", file), .span = {.file = file}});
    }
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (Refused& refused) {
    return diag::fail(std::move(refused.diagnostic));
  } catch (const YAML::Exception& e) {
    return diag::fail(syntax_error(e, file, source->text));
  }
  if (SchemaLog* log = SchemaLog::current()) log->begin(source->root);
  return Document(std::move(source));
}

diag::Result<Document> read_yaml(const std::string& path) {
  auto text = read_file(path);
  if (!text) return diag::fail(text.error());
  return parse_yaml(std::move(*text), path);
}

}  // namespace weft::frontend
