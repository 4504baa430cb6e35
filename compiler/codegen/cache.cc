#include "compiler/codegen/cache.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace weft::codegen {
namespace {

using diag::fail;
using diag::Result;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

Result<void> check_private(const std::string& folder) {
  struct stat st {};
  if (::lstat(folder.c_str(), &st) != 0) {
    return fail({.code = "E0511", .message = folder + ": " + std::strerror(errno)});
  }
  if (!S_ISDIR(st.st_mode)) {
    return fail({.code = "E0511", .message = folder + " is no folder"});
  }
  if (st.st_uid != ::geteuid()) {
    return fail({.code = "E0511",
                 .message = fmt::format("{} belongs to user {}, and code is loaded from it", folder,
                                        st.st_uid),
                 .help = "set WEFT_CACHE to a folder of your own"});
  }
  if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return fail(
        {.code = "E0511",
         .message = fmt::format("others can write {} (mode {:04o}), and code is loaded from it",
                                folder, st.st_mode & 07777),
         .help = "chmod 700 " + folder});
  }
  return {};
}

Result<std::string> cache_folder() {
  std::string folder = environment("WEFT_CACHE");
  if (folder.empty()) {
    std::string base = environment("XDG_CACHE_HOME");
    if (base.empty()) {
      const auto home = environment("HOME");
      if (home.empty()) {
        return fail({.code = "E0511",
                     .message = "no place for built objects: HOME is not set",
                     .help = "set WEFT_CACHE to a folder of your own"});
      }
      base = home + "/.cache";
    }
    folder = base + "/weft";
  }
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(folder).parent_path(), error);
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail({.code = "E0511",
                 .message = fmt::format("can't make {}: {}", folder, std::strerror(errno)),
                 .help = "set WEFT_CACHE to a folder that can be written"});
  }
  if (auto ok = check_private(folder); !ok) return fail(ok.error());
  return folder;
}

Result<void> write_whole(const std::string& path, const std::string& text) {
  const auto temporary = fmt::format("{}.{}.tmp", path, ::getpid());
  std::ofstream out(temporary, std::ios::binary);
  out << text;
  out.close();
  if (!out || std::rename(temporary.c_str(), path.c_str()) != 0) {
    const std::string reason = std::strerror(errno);
    std::remove(temporary.c_str());
    return fail({.code = "E0512", .message = fmt::format("can't write {}: {}", path, reason)});
  }
  return {};
}

Result<std::string> read_whole(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) {
    return fail({.code = "E0512", .message = fmt::format("can't read {}", path)});
  }
  return text.str();
}

}  // namespace weft::codegen
