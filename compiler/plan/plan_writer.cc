// Plans to disk: whole or not at all.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "compiler/diag/sha256.h"
#include "compiler/plan/plan.h"
#include "compiler/plan/text.h"

namespace weft::plan {
namespace {

diag::Result<void> cannot_write(const std::string& path, int error) {
  diag::Diagnostic d;
  d.code = "E0455";
  d.message = fmt::format("can't write `{}`: {}", path, std::strerror(error));
  d.help = "check that the folder exists, that you may write to it, and that the disk is not full";
  return diag::fail(std::move(d));
}

bool write_all(int file, const std::string& text) {
  std::size_t done = 0;
  while (done < text.size()) {
    ssize_t n = ::write(file, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<std::size_t>(n);
  }
  return true;
}

}  // namespace

std::string content_hash(const Plan& plan) { return diag::sha256_hex(to_yaml_without_proof(plan)); }

std::map<std::string, std::uint64_t> shape_of(const Filter& filter) {
  std::map<std::string, std::uint64_t> out;
  for (const auto& [field, match] : filter.match) out[field] = match.second;
  return out;
}

diag::Result<void> write_file_atomically(const std::string& text, const std::string& path) {
  std::string temporary = path + ".XXXXXX";
  int file = ::mkstemp(temporary.data());
  if (file < 0) return cannot_write(path, errno);
  // mkstemp makes files for the owner alone; what is written here is no secret.
  mode_t mask = ::umask(0);
  ::umask(mask);
  bool good = write_all(file, text) && ::fchmod(file, 0666 & ~mask) == 0 && ::fsync(file) == 0;
  int error = errno;
  if (::close(file) != 0 && good) {
    good = false;
    error = errno;
  }
  if (good && ::rename(temporary.c_str(), path.c_str()) == 0) return {};
  if (good) error = errno;
  ::unlink(temporary.c_str());
  return cannot_write(path, error);
}

diag::Result<void> write_plan(const Plan& plan, const std::string& path) {
  return write_file_atomically(to_yaml(plan), path);
}

}  // namespace weft::plan
