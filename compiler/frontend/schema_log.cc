#include "compiler/frontend/schema_log.h"

#include <algorithm>

#include "compiler/frontend/yaml_reader.h"

namespace weft::frontend {
namespace {

using Json = nlohmann::ordered_json;

thread_local SchemaLog* of_this_thread = nullptr;

template <class Range>
void widen(Range& range, const Range& other) {
  if (!other) return;
  if (!range) {
    range = other;
  } else {
    range = {std::min(range->first, other->first), std::max(range->second, other->second)};
  }
}

Json words_json(const std::set<std::string>& words) {
  Json out = Json::array();
  for (const std::string& word : words) {
    out.push_back(word);
    // YAML 1.1 takes some words for booleans; a schema is for readers of either kind.
    if (is_yaml_boolean(word)) out.push_back(word == "on" || word == "yes" || word == "true");
  }
  return out;
}

Json json_of(const Asked& a);

Json mapping_json(const Asked& a) {
  Json out{{"type", "object"}};
  if (!a.keys.empty()) {
    out["properties"] = Json::object();
    for (const auto& [key, value] : a.keys) out["properties"][key] = json_of(value);
    if (!a.required.empty()) out["required"] = a.required;
  }
  out["additionalProperties"] = a.any_key ? json_of(*a.any_key) : Json(false);
  return out;
}

Json json_of(const Asked& a) {
  std::vector<Json> ways;
  if (a.text) {  // (one that is all digits is a number to others)
    ways.push_back({{"type", {"string", "number"}}});
  } else {
    for (const std::string& pattern : a.patterns)
      ways.push_back({{"type", "string"}, {"pattern", pattern}});
  }
  if (!a.words.empty()) ways.push_back({{"enum", words_json(a.words)}});
  if (a.flag) ways.push_back({{"enum", {true, false, "on", "off", "yes", "no"}}});
  if (a.whole)
    ways.push_back(
        {{"type", "integer"}, {"minimum", a.whole->first}, {"maximum", a.whole->second}});
  if (a.real)
    ways.push_back({{"type", "number"}, {"minimum", a.real->first}, {"maximum", a.real->second}});
  if (a.nothing) ways.push_back({{"type", "null"}});
  if (a.items) ways.push_back({{"type", "array"}, {"items", json_of(*a.items)}});
  if (!a.keys.empty() || a.any_key) ways.push_back(mapping_json(a));
  if (ways.empty()) return Json::object();
  return ways.size() == 1 ? ways.front() : Json{{"anyOf", ways}};
}

bool nothing_known(const Asked& a) {
  return !a.of_scalar() && !a.items && a.keys.empty() && !a.any_key;
}

void find_unused(const Asked& a, const std::string& path, std::vector<std::string>& out) {
  if (nothing_known(a)) out.push_back(path);
  const std::string dot = path.empty() ? "" : path + ".";
  for (const auto& [key, value] : a.keys) find_unused(value, dot + key, out);
  if (a.any_key) find_unused(*a.any_key, dot + "*", out);
  // (An empty list is known as one.)
  if (a.items && !nothing_known(*a.items)) find_unused(*a.items, path + "[]", out);
}

}  // namespace

bool Asked::of_scalar() const {
  return text || flag || nothing || !patterns.empty() || !words.empty() || whole || real;
}

void Asked::also(const Asked& other) {
  text = text || other.text;
  flag = flag || other.flag;
  nothing = nothing || other.nothing;
  patterns.insert(other.patterns.begin(), other.patterns.end());
  words.insert(other.words.begin(), other.words.end());
  widen(whole, other.whole);
  widen(real, other.real);
  const auto part = [](std::unique_ptr<Asked>& mine, const std::unique_ptr<Asked>& others) {
    if (!others) return;
    if (!mine) mine = std::make_unique<Asked>();
    mine->also(*others);
  };
  part(items, other.items);
  part(any_key, other.any_key);
  for (const auto& [key, value] : other.keys) keys[key].also(value);
  if (!other.seen) return;
  if (!seen) {
    required = other.required;
  } else {  // what some do without is not required
    std::erase_if(required, [&](const auto& key) { return !other.required.contains(key); });
  }
  seen = true;
}

SchemaLog::SchemaLog() : before_(of_this_thread) { of_this_thread = this; }
SchemaLog::~SchemaLog() { of_this_thread = before_; }
SchemaLog* SchemaLog::current() { return of_this_thread; }

void SchemaLog::begin(const YamlNode& root) {
  last_ = std::make_unique<YamlNode>(root);
  copy_of_.clear();
  asked_.clear();
  remember(root, *last_);
}

void SchemaLog::remember(const YamlNode& node, const YamlNode& copy) {
  copy_of_[&node] = &copy;
  for (std::size_t i = 0; i < node.children.size(); ++i)
    remember(node.children[i], copy.children[i]);
}

void SchemaLog::keys(const YamlNode& node, const std::vector<std::string>& known) {
  for (const std::string& key : known) at(node).keys[key];
}

void SchemaLog::take(const std::string& kind) {
  if (last_) kinds_[kind].also(tree(*last_));
}

// All that is known of this value and what is in it.
Asked SchemaLog::tree(const YamlNode& node) const {
  static const Asked nothing_asked;
  const auto at = asked_.find(&node);
  const Asked& asked = at == asked_.end() ? nothing_asked : at->second;
  Asked out;
  switch (node.kind) {
    case YamlKind::null: out.nothing = true; break;
    case YamlKind::scalar:
      out.also(asked);
      if (!asked.of_scalar()) out.text = true;  // looked at by other means
      break;
    case YamlKind::sequence:
      out.items = std::make_unique<Asked>();
      for (const YamlNode& child : node.children) out.items->also(tree(child));
      break;
    case YamlKind::mapping:
      for (const auto& [key, unused] : asked.keys) out.keys[key];
      out.required = asked.required;
      out.seen = !asked.keys.empty();
      if (asked.keys.empty()) out.any_key = std::make_unique<Asked>();
      for (std::size_t i = 0; i + 1 < node.children.size(); i += 2)
        (out.seen ? out.keys[node.children[i].text] : *out.any_key)
            .also(tree(node.children[i + 1]));
  }
  return out;
}

void SchemaLog::alike(const std::string& kind, const std::vector<std::string>& keys) {
  Asked all;
  for (const std::string& key : keys) all.also(kinds_[kind].keys[key]);
  for (const std::string& key : keys) kinds_[kind].keys[key].also(all);
}

Json SchemaLog::schema(const std::string& kind, const std::string& title) const {
  Json out{{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", title}};
  if (const auto at = kinds_.find(kind); at != kinds_.end()) out.update(json_of(at->second));
  return out;
}

std::vector<std::string> SchemaLog::unused(const std::string& kind) const {
  std::vector<std::string> out;
  if (const auto at = kinds_.find(kind); at != kinds_.end()) find_unused(at->second, "", out);
  return out;
}

}  // namespace weft::frontend
