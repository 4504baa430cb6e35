// What readers ask of YAML files, gathered into JSON schemas: the keys that a reader knows, what it
// takes for their values, which of them it misses. Readers are the only place where that is said; a
// schema is what they did with samples in which every key is used.
//
//   SchemaLog log;                                 // from here on, in this thread
//   if (read_workload(path)) log.take("workload");  // for each sample
//   log.schema("workload", "A workload of weft");
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace weft::frontend {

struct YamlNode;

// What was asked of one value, or of all values at one place of the files of a kind.
struct Asked {
  bool text = false, flag = false, nothing = false;
  std::set<std::string> patterns;  // of texts
  std::set<std::string> words;     // one of these
  std::optional<std::pair<std::uint64_t, std::uint64_t>> whole;
  std::optional<std::pair<double, double>> real;

  std::unique_ptr<Asked> items;       // of a list
  std::map<std::string, Asked> keys;  // that are known
  std::unique_ptr<Asked> any_key;     // of a mapping whose keys are names
  std::set<std::string> required;     // of those
  bool seen = false;                  // there was such a mapping

  bool of_scalar() const;
  void also(const Asked& other);
};

class SchemaLog {
 public:
  SchemaLog();  // becomes the one of this thread
  ~SchemaLog();
  SchemaLog(const SchemaLog&) = delete;
  SchemaLog& operator=(const SchemaLog&) = delete;
  static SchemaLog* current();  // null: nobody wants to know

  // For the YAML reader: another file begins; what is asked of a value of it; keys of a mapping.
  void begin(const YamlNode& root);
  Asked& at(const YamlNode& node) { return asked_[copy_of_[&node]]; }
  void keys(const YamlNode& node, const std::vector<std::string>& known);

  // The last file was good, and is one of this kind.
  void take(const std::string& kind);

  // These keys at the top of a kind are read alike: what one has, the others may have.
  void alike(const std::string& kind, const std::vector<std::string>& keys);

  // Of all files of a kind.
  nlohmann::ordered_json schema(const std::string& kind, const std::string& title) const;
  // Keys that no file used: nothing is known of their values. "endpoints.*.queue"
  std::vector<std::string> unused(const std::string& kind) const;

 private:
  Asked tree(const YamlNode& node) const;

  void remember(const YamlNode& node, const YamlNode& copy);

  SchemaLog* before_;
  // (A file is gone when its reader says that it was good.)
  std::unique_ptr<YamlNode> last_;
  std::unordered_map<const YamlNode*, const YamlNode*> copy_of_;
  std::unordered_map<const YamlNode*, Asked> asked_;
  std::map<std::string, Asked> kinds_;
};

}  // namespace weft::frontend
