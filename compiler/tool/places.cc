#include "compiler/tool/places.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "compiler/frontend/places.h"
#include "compiler/tool/say.h"

namespace weft::tool {
namespace fs = std::filesystem;
namespace {

constexpr const char* words[] = {"graph", "NIC model", "workload", "cost file"};
constexpr const char* folders[] = {"graphs", "nicmodels", "graphs/workloads", "nicmodels/costs"};

std::string folder(Kind kind) { return root() + "/" + folders[static_cast<int>(kind)]; }

bool is_path(const std::string& word) {
  std::error_code ignored;
  return word.find('/') != std::string::npos || word.ends_with(".yaml") || word.ends_with(".yml") ||
         fs::is_regular_file(word, ignored);
}

}  // namespace

std::string root() { return frontend::source_root(); }

std::string headers_folder() { return root() + "/graphs/headers"; }

std::string path_of(Kind kind, const std::string& name) {
  return folder(kind) + "/" + name + ".yaml";
}

std::vector<std::string> names(Kind kind) {
  std::vector<std::string> out;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder(kind), ignored))
    if (entry.is_regular_file(ignored) && entry.path().extension() == ".yaml")
      out.push_back(entry.path().stem());
  std::sort(out.begin(), out.end());
  return out;
}

diag::Result<std::string> resolve(Kind kind, const std::string& word) {
  if (is_path(word)) return word;  // the reader says what is wrong with it
  auto known = names(kind);
  if (std::find(known.begin(), known.end(), word) != known.end()) return path_of(kind, word);
  const char* what = words[static_cast<int>(kind)];
  std::string near = diag::nearest(word, known);
  auto d = plain("E0456", fmt::format("no {} `{}`", what, word));
  d.help = near.empty() ? "" : fmt::format("did you mean `{}`? ", near);
  d.help += known.empty()
                ? fmt::format("no {} is installed in {}", what, folder(kind))
                : fmt::format("installed: {}; or give the path of a file", fmt::join(known, ", "));
  return diag::fail(std::move(d));
}

diag::Result<std::string> beside(const std::string& program) {
  std::error_code error;
  fs::path self = fs::read_symlink("/proc/self/exe", error);
  std::string path = error ? program : (self.parent_path() / program).string();
  if (::access(path.c_str(), X_OK) == 0) return path;
  return diag::fail(plain("E0463", fmt::format("`{}` is not there: {}", program, path),
                          "it is built with weft when DPDK is installed: apt-get install "
                          "libdpdk-dev, then build again"));
}

}  // namespace weft::tool
