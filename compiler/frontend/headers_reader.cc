#include "compiler/frontend/headers_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "compiler/diag/sha256.h"
#include "compiler/frontend/expr_parser.h"
#include "compiler/frontend/readers.h"
#include "compiler/frontend/yaml_reader.h"

namespace weft::frontend {
namespace {

using ir::Field;
using ir::Header;
using ir::Layer;

// What is between two passes: predicates may name fields of headers that come later.
struct Pending {
  std::string header;
  Value selected_by;
};

class Reader {
 public:
  void file(const Value& root) {
    if (root.is_mapping() && Mapping(root, "").has("names")) {
      names(root);
    } else {
      header(root);
    }
  }

  void predicates() {
    for (const Pending& p : pending_) {
      table_.headers.at(p.header).selected_by = read_condition(p.selected_by, table_);
    }
    for (const Pending& p : pending_) {
      std::set<std::string> open;
      if (speaks_of_itself(p.header, open)) {
        p.selected_by.error(
            "E0209", fmt::format("what selects `{}` depends on `has({})`", p.header, p.header));
      }
    }
  }

  ir::FieldTable take() { return std::move(table_); }

 private:
  void names(const Value& root) {
    Mapping top(root, "the file");
    for (const Value& entry : top.required("names").list()) {
      Mapping m(entry, "the name");
      const Value name = m.required("name");
      Field field{.name = name.dotted()};
      field.width = static_cast<unsigned>(m.required("width").number(1, 64));
      field.storage = m.required("storage").text();
      if (const auto meaning = m.optional("meaning")) field.meaning = meaning->text();
      m.done();
      if (!field.name.empty() && field.name.find('.') == std::string::npos) {
        name.error("E0208", fmt::format("`{}` has no dot", field.name), "",
                   "names have two parts: `meta.endpoint`");
      }
      add(name, std::move(field));
    }
    top.done();
  }

  void header(const Value& root) {
    Mapping top(root, "the header");
    const Value id = top.required("header");
    Header header{.name = id.name()};
    if (const auto title = top.optional("title")) header.title = title->text();
    if (const auto source = top.optional("source")) header.source = source->text();
    const std::size_t layer = top.required("layer").word({"l2", "l3", "l4"}, "a layer of a header");
    header.layer = static_cast<Layer>(layer + 1);
    const Value bytes = top.required("min_bytes");
    if (bytes.present()) header.min_bytes = static_cast<unsigned>(bytes.number(1, 1024));
    const auto selected_by = top.optional("selected_by");
    for (const Value& entry : top.required("fields").list()) field(entry, header);
    top.done();
    if (header.name.empty()) return;
    if (selected_by) pending_.push_back({header.name, *selected_by});
    if (!table_.headers.emplace(header.name, header).second) {
      id.error("E0208", fmt::format("header `{}` is declared twice", header.name));
    }
  }

  void field(const Value& entry, Header& header) {
    Mapping m(entry, "the field");
    const Value name = m.required("name");
    Field field{.name = header.name + "." + name.name(), .layer = header.layer};
    const Value offset = m.required("offset");
    field.offset = static_cast<unsigned>(offset.number(0, 8 * 1024));
    field.width = static_cast<unsigned>(m.required("width").number(1, 64));
    if (const auto meaning = m.optional("meaning")) field.meaning = meaning->text();
    m.done();
    if (offset.present() && header.min_bytes != 0 &&
        field.offset + field.width > 8 * header.min_bytes) {
      offset.error("E0208",
                   fmt::format("`{}` ends at bit {}, and the header has {} bytes", field.name,
                               field.offset + field.width, header.min_bytes),
                   "", "offsets and widths are in bits, `min_bytes` in bytes");
    }
    header.fields.push_back(field.name);
    add(name, std::move(field));
  }

  void add(const Value& at, Field field) {
    if (!at.present()) return;
    const std::string name = field.name;
    if (!table_.fields.emplace(name, std::move(field)).second) {
      at.error("E0208", fmt::format("`{}` is declared twice", name));
    }
  }

  // Does has(name) lead back to itself? `open` is the way so far.
  bool speaks_of_itself(const std::string& name, std::set<std::string>& open) const {
    if (!open.insert(name).second) return true;
    const Header* header = table_.header(name);
    bool loops = false;
    if (header != nullptr && header->selected_by != nullptr) {
      for (const std::string& used : ir::names_in(header->selected_by)) {
        if (used.starts_with("has ")) loops = loops || speaks_of_itself(used.substr(4), open);
      }
    }
    open.erase(name);
    return loops;
  }

  ir::FieldTable table_;
  std::vector<Pending> pending_;
};

}  // namespace

diag::Result<ir::FieldTable> read_header_files(const std::vector<std::string>& paths) {
  std::vector<Document> documents;
  std::string digest_input;
  diag::Error errors;
  for (const std::string& path : paths) {
    auto document = read_yaml(path);
    if (!document) {
      errors.list.insert(errors.list.end(), document.error().list.begin(),
                         document.error().list.end());
      continue;
    }
    digest_input += fmt::format("{} {}\n", std::filesystem::path(path).filename().string(),
                                document->text().size());
    digest_input += document->text();
    documents.push_back(std::move(*document));
  }
  if (!errors.list.empty()) return diag::fail(std::move(errors));
  Reader reader;
  for (const Document& document : documents) reader.file(document.root());
  reader.predicates();
  for (const Document& document : documents) {
    const diag::Error found = document.errors();
    errors.list.insert(errors.list.end(), found.list.begin(), found.list.end());
  }
  if (!errors.list.empty()) return diag::fail(std::move(errors));
  ir::FieldTable table = reader.take();
  table.digest = diag::sha256_hex(digest_input);
  return table;
}

diag::Result<ir::FieldTable> read_headers(const std::string& folder) {
  std::vector<std::string> paths;
  std::error_code bad;
  for (std::filesystem::directory_iterator at(folder, bad), end; !bad && at != end;
       at.increment(bad)) {
    if (at->path().extension() == ".yaml") paths.push_back(at->path().string());
  }
  if (bad) {
    return diag::fail(
        {.code = "E0100",
         .message = fmt::format("cannot read folder `{}`: {}", folder, bad.message())});
  }
  if (paths.empty()) {
    return diag::fail({.code = "E0100",
                       .message = fmt::format("no header is declared in `{}`", folder),
                       .help = "it should hold eth.yaml, ipv4.yaml, names.yaml and others"});
  }
  std::sort(paths.begin(), paths.end());
  return read_header_files(paths);
}

}  // namespace weft::frontend
