#include "compiler/frontend/yaml_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "compiler/frontend/schema_log.h"

namespace weft::frontend {
namespace {

std::string_view word_for(YamlKind kind) {
  switch (kind) {
    case YamlKind::null: return "nothing";
    case YamlKind::scalar: return "a single value";
    case YamlKind::sequence: return "a list";
    case YamlKind::mapping: return "a mapping";
  }
  return "";
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool is_name(std::string_view text) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  if (text.empty() || !letter(text.front())) return false;
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

std::optional<std::uint64_t> integer(std::string_view text) {
  const bool hex = text.starts_with("0x");
  if (hex) text.remove_prefix(2);
  if (!hex && text.size() > 1 && text[0] == '0') return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, bad] =
      std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
  if (bad != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Where schemas are gathered: what is asked of this value.
template <class Note>
void note(const YamlNode* node, Note&& note_it) {
  if (SchemaLog* log = SchemaLog::current(); log != nullptr && node != nullptr)
    note_it(log->at(*node));
}

}  // namespace

bool is_yaml_boolean(std::string_view word) {
  static constexpr std::array<std::string_view, 18> words = {
      "yes", "Yes", "YES", "no",   "No",   "NO",   "on",    "On",    "ON",
      "off", "Off", "OFF", "true", "True", "TRUE", "false", "False", "FALSE"};
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string quote(std::string_view text) {
  static constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+";
  const bool bare = !text.empty() && text.find_first_not_of(plain) == std::string_view::npos &&
                    !is_yaml_boolean(text) && text != "null" && text != "Null" && text != "NULL" &&
                    text[0] != '-' && text[0] != '.';
  if (bare) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (u < 0x20 || u == 0x7f) {
      out += fmt::format("\\x{:02x}", u);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

// --- places -----------------------------------------------------------------------------------

diag::Span Value::span() const {
  if (source_ == nullptr || node_ == nullptr) return {};
  // Nothing has no place of its own: the parser gives that of the next word.
  if (node_->kind == YamlKind::null && node_->key_line != 0) return key_span();
  diag::Span span{source_->file, node_->line, node_->column, 1};
  if (is_scalar()) {
    const std::size_t line_end = std::min(node_->text.find('\n'), node_->text.size());
    span.length =
        static_cast<unsigned>(std::max<std::size_t>(1, line_end) + (node_->quoted ? 2 : 0));
  }
  return span;
}

diag::Span Value::key_span() const {
  if (node_ == nullptr || node_->key_line == 0) return span();
  return {source_->file, node_->key_line, node_->key_column, node_->key_length};
}

// Folding and indentation change white space only, so the n-th visible character of the value is
// the n-th visible one of the source (escapes apart: there the whole value is marked).
diag::Span Value::place(std::size_t offset, std::size_t length) const {
  diag::Span span = this->span();
  if (!is_scalar()) return span;
  const std::string& source = source_->text;
  std::size_t at = 0;
  for (unsigned line = 1; line < node_->line && at != std::string::npos; ++line) {
    at = source.find('\n', at);
    if (at != std::string::npos) ++at;
  }
  if (at == std::string::npos) return span;
  at += node_->column - 1;
  if (at >= source.size()) return span;
  unsigned line = node_->line;
  std::size_t line_start = at - (node_->column - 1);
  const auto step = [&] {
    if (source[at++] == '\n') {
      ++line;
      line_start = at;
    }
  };
  if (source[at] == '"' || source[at] == '\'') {
    step();
  } else if (node_->quoted && (source[at] == '>' || source[at] == '|')) {
    while (at < source.size() && source[at] != '\n') step();  // the indicator's line
  }
  for (std::size_t i = 0; i < node_->text.size(); ++i) {
    if (is_space(node_->text[i]) && i != offset) continue;
    while (at < source.size() && is_space(source[at])) step();
    if (at >= source.size()) return span;
    if (i == offset) {
      return {source_->file, line, static_cast<unsigned>(at - line_start + 1),
              static_cast<unsigned>(std::max<std::size_t>(1, length))};
    }
    if (source[at] != node_->text[i]) return span;
    step();
  }
  // Just behind the text.
  return {source_->file, line, static_cast<unsigned>(at - line_start + 1), 1};
}

// --- errors -----------------------------------------------------------------------------------

void Value::report(diag::Diagnostic d) const {
  if (source_ != nullptr) source_->errors.push_back(std::move(d));
}

void Value::report(const diag::Error& e) const {
  for (const diag::Diagnostic& d : e.list) report(d);
}

void Value::error(std::string code, std::string message, std::string label,
                  std::string help) const {
  report({.code = std::move(code),
          .message = std::move(message),
          .span = span(),
          .label = std::move(label),
          .help = std::move(help)});
}

// --- scalars ----------------------------------------------------------------------------------

std::string Value::scalar(bool allow_boolean, std::string_view expected) const {
  if (!present()) return "";
  if (!is_scalar()) {
    error("E0107", fmt::format("{} where {} is expected", word_for(kind()), expected));
    return "";
  }
  if (!allow_boolean && !node_->quoted && is_yaml_boolean(node_->text)) {
    error("E0110",
          fmt::format("`{}` is a boolean to YAML, and {} is expected", node_->text, expected), "",
          fmt::format("quote it: \"{}\", or choose another word", node_->text));
    return "";
  }
  return node_->text;
}

std::string Value::text() const {
  note(node_, [](Asked& asked) { asked.text = true; });
  return scalar(false, "text");
}

std::string Value::raw() const {
  note(node_, [](Asked& asked) { asked.text = asked.flag = true; });
  return scalar(true, "text");
}

std::string Value::name() const {
  note(node_, [](Asked& asked) { asked.patterns.insert("^[A-Za-z_][A-Za-z0-9_]*$"); });
  const std::string word = scalar(false, "a name");
  if (!is_scalar() || (word.empty() && !node_->text.empty())) return "";
  if (!is_name(word)) {
    error("E0111", fmt::format("`{}` is not a name", word), "",
          "letters, digits and `_`, not starting with a digit");
    return "";
  }
  return word;
}

std::string Value::dotted() const {
  note(node_, [](Asked& asked) {
    asked.patterns.insert("^[A-Za-z_][A-Za-z0-9_]*([.][A-Za-z_][A-Za-z0-9_]*)*$");
  });
  const std::string word = scalar(false, "a name");
  if (!is_scalar() || (word.empty() && !node_->text.empty())) return "";
  for (std::size_t at = 0; at <= word.size();) {
    const std::size_t dot = std::min(word.find('.', at), word.size());
    if (!is_name(std::string_view(word).substr(at, dot - at))) {
      error("E0111", fmt::format("`{}` is not a name", word), "",
            "names joined by dots: `ipv4.checksum_ok`");
      return "";
    }
    at = dot + 1;
  }
  return word;
}

std::uint64_t Value::number(std::uint64_t min, std::uint64_t max) const {
  note(node_, [&](Asked& asked) { asked.whole = {min, max}; });
  const std::size_t before = error_count();
  const std::string word = scalar(false, "a number");
  if (!present() || error_count() != before) return min;
  const auto value = integer(word);
  if (!value) {
    error("E0107", fmt::format("`{}` is not a whole number", word), "",
          fmt::format("a number from {} to {}", min, max));
    return min;
  }
  if (*value < min || *value > max) {
    error("E0112", fmt::format("{} is out of range", word), "",
          fmt::format("a number from {} to {}", min, max));
    return min;
  }
  return *value;
}

double Value::real(double min, double max) const {
  note(node_, [&](Asked& asked) { asked.real = {min, max}; });
  const std::size_t before = error_count();
  const std::string word = scalar(false, "a number");
  if (!present() || error_count() != before) return min;
  double value = 0;
  const auto [end, bad] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (bad != std::errc{} || end != word.data() + word.size() || !std::isfinite(value)) {
    error("E0107", fmt::format("`{}` is not a number", word), "",
          fmt::format("a number from {} to {}", min, max));
    return min;
  }
  if (value < min || value > max) {
    error("E0112", fmt::format("{} is out of range", word), "",
          fmt::format("a number from {} to {}", min, max));
    return min;
  }
  return value;
}

bool Value::flag() const {
  note(node_, [](Asked& asked) { asked.flag = true; });
  const std::size_t before = error_count();
  const std::string word = scalar(true, "`on` or `off`");
  if (!present() || error_count() != before) return false;
  if (!node_->quoted && is_yaml_boolean(word)) {
    const char c = word.size() > 1 ? word[1] : ' ';
    return word.size() == 2
               ? (c == 'n' || c == 'N')
               : (word[0] == 't' || word[0] == 'T' || word[0] == 'y' || word[0] == 'Y');
  }
  error("E0107", fmt::format("`{}` where `on` or `off` is expected", word), "",
        "one of on, off, true, false");
  return false;
}

std::size_t Value::word(const std::vector<std::string>& words, std::string_view what) const {
  note(node_, [&](Asked& asked) { asked.words.insert(words.begin(), words.end()); });
  const std::size_t before = error_count();
  const std::string text = scalar(true, what);
  if (!present() || error_count() != before) return 0;
  const auto found = std::find(words.begin(), words.end(), text);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  const std::string near = diag::nearest(text, words);
  error("E0114", fmt::format("`{}` is not {}", text, what),
        near.empty() ? "" : fmt::format("did you mean `{}`?", near),
        fmt::format("one of {}", fmt::join(words, ", ")));
  return 0;
}

// --- collections ------------------------------------------------------------------------------

std::vector<Value> Value::list() const {
  std::vector<Value> out;
  if (!present()) return out;
  if (!is_sequence()) {
    error("E0107", fmt::format("{} where a list is expected", word_for(kind())), "",
          "write [a, b] or one `- ` line for each");
    return out;
  }
  for (const YamlNode& child : node_->children) out.emplace_back(source_, &child);
  return out;
}

std::vector<std::pair<Value, Value>> Value::members() const {
  std::vector<std::pair<Value, Value>> out;
  if (!present()) return out;
  if (!is_mapping()) {
    error("E0107", fmt::format("{} where a mapping is expected", word_for(kind())), "",
          "write `key: value` lines, or {key: value}");
    return out;
  }
  for (std::size_t i = 0; i + 1 < node_->children.size(); i += 2) {
    if (node_->children[i].kind != YamlKind::scalar) continue;  // reported when it was parsed
    out.emplace_back(Value(source_, &node_->children[i]), Value(source_, &node_->children[i + 1]));
  }
  return out;
}

Mapping::Mapping(const Value& value, std::string what)
    : value_(value), what_(std::move(what)), members_(value.members()) {}

std::optional<Value> Mapping::optional(const std::string& key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.push_back(key);
  for (const auto& [name, value] : members_) {
    if (name.node()->text == key) return value;
  }
  return std::nullopt;
}

Value Mapping::required(const std::string& key) {
  note(value_.node(), [&](Asked& asked) { asked.required.insert(key); });
  if (auto found = optional(key)) return *found;
  if (!value_.is_mapping()) return {};
  missing_.push_back(key);
  return {};
}

bool Mapping::has(std::string_view key) const {
  return std::any_of(members_.begin(), members_.end(),
                     [&](const auto& member) { return member.first.node()->text == key; });
}

void Mapping::done() {
  if (SchemaLog* log = SchemaLog::current(); log != nullptr && value_.present())
    log->keys(*value_.node(), known_);
  std::vector<std::string> misspelt;
  for (const auto& [name, value] : members_) {
    const std::string& key = name.node()->text;
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    if (key == "<<" && !name.node()->quoted) continue;  // reported when it was parsed
    const std::string near = diag::nearest(key, known_);
    misspelt.push_back(near);
    name.error("E0104", fmt::format("unknown key `{}` in {}", key, what_),
               near.empty() ? "" : fmt::format("did you mean `{}`?", near),
               fmt::format("allowed keys: {}", fmt::join(known_, ", ")));
  }
  for (const std::string& key : missing_) {
    // A misspelt key is reported once, as unknown, and not as missing too.
    if (std::find(misspelt.begin(), misspelt.end(), key) != misspelt.end()) continue;
    value_.report({.code = "E0108",
                   .message = fmt::format("{} has no `{}`", what_, key),
                   .span = value_.key_span(),
                   .help = fmt::format("add `{}: ...`", key)});
  }
  missing_.clear();
}

diag::Error Document::errors() const {
  diag::Error out;
  out.list = source_->errors;
  std::stable_sort(out.list.begin(), out.list.end(), [](const auto& a, const auto& b) {
    return std::pair(a.span.line, a.span.column) < std::pair(b.span.line, b.span.column);
  });
  return out;
}

}  // namespace weft::frontend
