// Strict YAML: one tree with places, no anchors, no merge keys, no tags, no second document. Values
// are read through handles that record what is wrong and go on, so that one run reports all errors:
//
//   auto document = read_yaml(path);
//   if (!document) return diag::fail(document.error());
//   Mapping root(document->root(), "workload");
//   out.name = root.required("workload").name();
//   if (auto queues = root.optional("queues")) out.queues = queues->number(1, 1024);
//   root.done();                         // unknown keys, with "did you mean"
//   return document->finish(std::move(out));
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/diag/diagnostic.h"

namespace weft::frontend {

inline constexpr std::size_t max_file_bytes = std::size_t{16} << 20;

enum class YamlKind { null, scalar, sequence, mapping };

// One value of the tree. A mapping holds key, value, key, value, ...
struct YamlNode {
  YamlKind kind = YamlKind::null;
  bool quoted = false;
  unsigned line = 0;
  unsigned column = 0;
  unsigned key_line = 0;  // where the key stands whose value this is; 0 in lists
  unsigned key_column = 0;
  unsigned key_length = 0;
  std::string text;
  std::vector<YamlNode> children;
};

// What all handles of one document share.
struct YamlSource {
  std::string file;  // as given by the caller, for spans
  std::string text;
  YamlNode root;
  std::vector<diag::Diagnostic> errors;
};

// A handle on one value. Cheap to copy; lives no longer than its Document. A handle may be absent
// (a required key that is missing): reading it gives defaults and reports nothing more.
class Value {
 public:
  Value() = default;
  Value(YamlSource* source, const YamlNode* node) : source_(source), node_(node) {}

  bool present() const { return node_ != nullptr; }
  YamlKind kind() const { return node_ == nullptr ? YamlKind::null : node_->kind; }
  bool is_scalar() const { return kind() == YamlKind::scalar; }
  bool is_sequence() const { return kind() == YamlKind::sequence; }
  bool is_mapping() const { return kind() == YamlKind::mapping; }
  bool is_null() const { return present() && kind() == YamlKind::null; }

  // Scalars. A wrong type or range is recorded (E0107, E0110, E0111, E0112) and gives the default.
  std::string text() const;    // any scalar; an unquoted YAML 1.1 boolean is refused
  std::string raw() const;     // any scalar as written, booleans too: for expressions
  std::string name() const;    // letters, digits and _, not starting with a digit
  std::string dotted() const;  // names joined by dots: "ipv4.checksum_ok"
  std::uint64_t number(std::uint64_t min, std::uint64_t max) const;  // decimal or 0x
  double real(double min, double max) const;
  bool flag() const;  // true/false, on/off, yes/no
  // One of `words` (as an index), or E0114 with "did you mean".
  std::size_t word(const std::vector<std::string>& words, std::string_view what) const;

  std::vector<Value> list() const;                       // of a sequence
  std::vector<std::pair<Value, Value>> members() const;  // of a mapping, in written order

  // The place of the whole scalar, or of `length` characters at `offset` of text().
  diag::Span span() const;
  diag::Span place(std::size_t offset, std::size_t length) const;
  // The place of the value's key, where it has one: for what is missing.
  diag::Span key_span() const;

  // Records a diagnostic at this value.
  void error(std::string code, std::string message, std::string label = "",
             std::string help = "") const;
  void report(diag::Diagnostic d) const;
  void report(const diag::Error& e) const;
  std::size_t error_count() const { return source_ == nullptr ? 0 : source_->errors.size(); }
  YamlSource* source() const { return source_; }
  const YamlNode* node() const { return node_; }

 private:
  std::string scalar(bool allow_boolean, std::string_view expected) const;
  YamlSource* source_ = nullptr;
  const YamlNode* node_ = nullptr;
};

// A mapping with known keys. `what` names it in messages: "node `rx`".
class Mapping {
 public:
  Mapping(const Value& value, std::string what);

  Value required(const std::string& key);  // E0108 when missing, reported by done()
  std::optional<Value> optional(const std::string& key);
  bool has(std::string_view key) const;  // does not count as asked for
  void done();  // E0104 for every key not asked for; call it once, at the end
  const Value& value() const { return value_; }

 private:
  Value value_;
  std::string what_;
  std::vector<std::pair<Value, Value>> members_;
  std::vector<std::string> known_;
  std::vector<std::string> missing_;
};

// A parsed file. Movable; handles stay good when it is moved.
class Document {
 public:
  explicit Document(std::unique_ptr<YamlSource> source) : source_(std::move(source)) {}
  Value root() const { return Value(source_.get(), &source_->root); }
  const std::string& text() const { return source_->text; }
  bool ok() const { return source_->errors.empty(); }
  diag::Error errors() const;  // sorted by place

  template <class T>
  diag::Result<T> finish(T value) const {
    if (!ok()) return diag::fail(errors());
    return value;
  }

 private:
  std::unique_ptr<YamlSource> source_;
};

// E0100 to E0103, E0105, E0106, E0109, E0113. `file` is the name used in places.
diag::Result<std::string> read_file(const std::string& path);
diag::Result<Document> parse_yaml(std::string text, const std::string& file);
diag::Result<Document> read_yaml(const std::string& path);

// true, yes, on, ... in any of YAML 1.1's spellings.
bool is_yaml_boolean(std::string_view word);

// A scalar that reads back as `text`: quoted only where it must be. For printers.
std::string quote(std::string_view text);

}  // namespace weft::frontend
