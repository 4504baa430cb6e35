#include "runtime/ports/quiet_bpf.h"

#include <dlfcn.h>
#include <rte_log.h>

#include <cstdarg>

namespace weft::ports {
namespace {

// libbpf_print_fn_t of bpf/libbpf.h and its twin of xdp/libxdp.h; the first is the level.
using Print = int (*)(int, const char*, va_list);
using SetPrint = Print (*)(Print);

int keep(int, const char* format, va_list words) {
  return rte_vlog(RTE_LOG_NOTICE, RTE_LOGTYPE_PMD, format, words);
}

// Only where the library is loaded already: weft itself is not linked with it.
void redirect(const char* library, const char* function) {
  void* handle = dlopen(library, RTLD_NOW | RTLD_NOLOAD);
  if (handle == nullptr) return;
  if (void* found = dlsym(handle, function); found != nullptr)
    reinterpret_cast<SetPrint>(found)(keep);
  dlclose(handle);  // it stays loaded: its driver is
}

}  // namespace

void quiet_bpf() {
  redirect("libbpf.so.1", "libbpf_set_print");
  redirect("libxdp.so.1", "libxdp_set_print");
}

}  // namespace weft::ports
