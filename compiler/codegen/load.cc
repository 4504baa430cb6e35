#include "compiler/codegen/load.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "stack-nodes/core.h"

namespace weft::codegen {
namespace {

using diag::fail;
using diag::Result;

Result<void> check_file(const std::string& path) {
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) {
    return fail({.code = "E0520", .message = path + ": " + std::strerror(errno)});
  }
  if (st.st_uid != ::geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return fail({.code = "E0511",
                 .message = path + " is not yours alone to write, it is not loaded as code",
                 .help = "remove it; `weft build` makes it again"});
  }
  return {};
}

// What does not fit, in words; "" when all fits.
std::string mismatch(const weft_generated& entry, std::string_view key) {
  if (entry.abi != abi_version) {
    return fmt::format("it was built for ABI {}, this is ABI {}", entry.abi, abi_version);
  }
  if (entry.core_size != sizeof(Core) || entry.packet_size != sizeof(Packet)) {
    return fmt::format("its Core and Packet have {} and {} bytes, here {} and {}", entry.core_size,
                       entry.packet_size, sizeof(Core), sizeof(Packet));
  }
  if (!key.empty() && key != entry.key) {
    return "it was built from another plan, compiler, CPU or version of weft";
  }
  return {};
}

}  // namespace

Generated::~Generated() { ::dlclose(handle_); }

const weft_residue* Generated::residue(std::string_view id) const {
  for (unsigned i = 0; i < entry_->residue_count; ++i) {
    if (id == entry_->residues[i].id) return &entry_->residues[i];
  }
  return nullptr;
}

Result<std::unique_ptr<Generated>> load(const std::string& path, std::string_view key) {
  if (auto ok = check_file(path); !ok) return fail(ok.error());
  void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    return fail({.code = "E0520",
                 .message = fmt::format("can't load {}: {}", path, ::dlerror()),
                 .help = "remove it; `weft build` makes it again"});
  }
  const auto function =
      reinterpret_cast<weft_generated_entry_function>(::dlsym(handle, entry_symbol));
  const auto* entry = function == nullptr ? nullptr : function();
  const auto words = entry == nullptr ? "it is no generated stack" : mismatch(*entry, key);
  if (!words.empty()) {
    ::dlclose(handle);
    return fail({.code = "E0520",
                 .message = fmt::format("{} does not fit: {}", path, words),
                 .help = "remove it; `weft build` makes it again"});
  }
  return std::make_unique<Generated>(handle, entry);
}

}  // namespace weft::codegen
