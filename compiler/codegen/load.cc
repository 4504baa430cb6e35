#include "compiler/codegen/load.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "compiler/codegen/cpu.h"
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

// Features of `wanted` (cpu.h) that this machine lacks: "avx512f avx512bw".
std::string lacking(std::string_view wanted) {
#ifdef __x86_64__
  const std::pair<std::string_view, bool> here[] = {
      {"sse4.2", __builtin_cpu_supports("sse4.2") != 0},
      {"popcnt", __builtin_cpu_supports("popcnt") != 0},
      {"avx", __builtin_cpu_supports("avx") != 0},
      {"avx2", __builtin_cpu_supports("avx2") != 0},
      {"fma", __builtin_cpu_supports("fma") != 0},
      {"bmi", __builtin_cpu_supports("bmi") != 0},
      {"bmi2", __builtin_cpu_supports("bmi2") != 0},
      {"avx512f", __builtin_cpu_supports("avx512f") != 0},
      {"avx512bw", __builtin_cpu_supports("avx512bw") != 0},
      {"avx512dq", __builtin_cpu_supports("avx512dq") != 0},
      {"avx512vl", __builtin_cpu_supports("avx512vl") != 0},
      {"avx512cd", __builtin_cpu_supports("avx512cd") != 0},
      {"avx512vbmi", __builtin_cpu_supports("avx512vbmi") != 0},
      {"avx512vbmi2", __builtin_cpu_supports("avx512vbmi2") != 0},
      {"avx512vnni", __builtin_cpu_supports("avx512vnni") != 0},
      {"avx512bitalg", __builtin_cpu_supports("avx512bitalg") != 0},
      {"avx512vpopcntdq", __builtin_cpu_supports("avx512vpopcntdq") != 0},
      {"gfni", __builtin_cpu_supports("gfni") != 0},
      {"vpclmulqdq", __builtin_cpu_supports("vpclmulqdq") != 0},
  };
#else
  const std::pair<std::string_view, bool> here[] = {{"", true}};
#endif
  std::string out;
  for (std::size_t at = 0, end; (end = wanted.find(' ', at)) != wanted.npos; at = end + 1) {
    const auto feature = wanted.substr(at, end - at);
    const auto known = std::find_if(std::begin(here), std::end(here),
                                    [&](const auto& h) { return h.first == feature; });
    if (known == std::end(here) || !known->second)
      out += fmt::format("{}{}", out.empty() ? "" : " ", feature);
  }
  return out;
}

// Looked up as data: calling anything in the object could already be too much for this CPU.
std::string wrong_cpu(void* handle) {
  const auto* features = static_cast<const char* const*>(::dlsym(handle, cpu_symbol));
  if (features == nullptr) return "it is no generated stack, or one of an older weft";
  const std::string missing = lacking(*features);
  return missing.empty()
             ? ""
             : fmt::format("it was compiled for a CPU with {}, which this one lacks", missing);
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
  // (A name without a slash would be looked for where libraries are.)
  const std::string place = std::filesystem::absolute(path).string();
  void* handle = ::dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    return fail({.code = "E0520",
                 .message = fmt::format("can't load {}: {}", path, ::dlerror()),
                 .help = "remove it; `weft build` makes it again"});
  }
  const auto function =
      reinterpret_cast<weft_generated_entry_function>(::dlsym(handle, entry_symbol));
  auto words = wrong_cpu(handle);
  const weft_generated* entry = nullptr;
  if (words.empty()) {
    entry = function == nullptr ? nullptr : function();
    words = entry == nullptr ? "it is no generated stack" : mismatch(*entry, key);
  }
  if (!words.empty()) {
    ::dlclose(handle);
    return fail({.code = "E0520",
                 .message = fmt::format("{} does not fit: {}", path, words),
                 .help = "remove it; `weft build` makes it again"});
  }
  return std::make_unique<Generated>(handle, entry);
}

}  // namespace weft::codegen
