// The files of this repository, as tests use them.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "compiler/frontend/places.h"
#include "compiler/frontend/readers.h"

namespace weft::test {

inline std::string source(const std::string& path) { return frontend::source_root() + "/" + path; }

inline const ir::FieldTable& fields() {
  static const auto table = frontend::read_headers(source("graphs/headers"));
  if (!table) throw std::runtime_error(diag::render(table.error(), false));
  return *table;
}

// All *.yaml of a folder, sorted.
inline std::vector<std::string> yaml_files(const std::string& folder) {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(source(folder))) {
    if (entry.path().extension() == ".yaml") out.push_back(entry.path().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

inline std::string errors(const diag::Error& e) { return diag::render(e, false); }

// The codes of all diagnostics, in order: "E0104 E0202".
template <class T>
std::string codes(const diag::Result<T>& result) {
  std::string out;
  if (result) return out;
  for (const auto& d : result.error().list) out += (out.empty() ? "" : " ") + d.code;
  return out;
}

}  // namespace weft::test
