// A private folder that is gone at the end of the test.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace weft::test {

struct Scratch {
  std::string path;
  Scratch() {
    auto pattern = (std::filesystem::temp_directory_path() / "weft-codegen-XXXXXX").string();
    if (::mkdtemp(pattern.data()) != nullptr) path = pattern;
  }
  ~Scratch() { std::filesystem::remove_all(path); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
};

}  // namespace weft::test
