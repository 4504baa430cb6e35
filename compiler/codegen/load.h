// A built object in this process.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "compiler/codegen/abi.h"
#include "compiler/diag/diagnostic.h"

namespace weft::codegen {

// Functions stay valid while it lives.
class Generated {
 public:
  explicit Generated(void* handle, const weft_generated* entry) : handle_(handle), entry_(entry) {}
  ~Generated();
  Generated(const Generated&) = delete;
  Generated& operator=(const Generated&) = delete;

  const weft_generated& entry() const { return *entry_; }
  // Null when the object holds no such residue.
  const weft_residue* residue(std::string_view id) const;

 private:
  void* handle_;
  const weft_generated* entry_;
};

// `key`: what the object must have been built from (BuildOutput::key); "" takes any. The file must
// be this user's and writable by nobody else. Errors E0520: not loadable, another ABI, other
// structure sizes, another key; E0511: others may write it.
diag::Result<std::unique_ptr<Generated>> load(const std::string& path, std::string_view key);

}  // namespace weft::codegen
