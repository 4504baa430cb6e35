#include "tests/fuzz/input.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "compiler/frontend/places.h"
#include "compiler/frontend/readers.h"

namespace weft::fuzz {

const ir::FieldTable& fields() {
  static const ir::FieldTable table = [] {
    auto read = frontend::read_headers(frontend::source_root() + "/graphs/headers");
    if (!read) found(diag::render(read.error(), false));
    return std::move(*read);
  }();
  return table;
}

const std::string& as_file(const std::string& text) {
  static const int fd = memfd_create("weft-fuzz", MFD_CLOEXEC);
  static const std::string path = fmt::format("/proc/{}/fd/{}", getpid(), fd);
  if (fd < 0 || ftruncate(fd, 0) != 0 ||
      pwrite(fd, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    found("no memory for a file");
  return path;
}

void found(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}

}  // namespace weft::fuzz
