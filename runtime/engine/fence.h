// Buffers in a pool are larger than what lies in them, and are never given back to the system, so
// that the address sanitizer sees nothing wrong in a read behind a packet's end or after its end.
// Fences tell it. Without the sanitizer they are nothing.
#pragma once

#include <cstddef>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WEFT_FENCES 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define WEFT_FENCES 1
#endif
#ifdef WEFT_FENCES
#include <sanitizer/asan_interface.h>
#endif

namespace weft::engine {

#ifdef WEFT_FENCES
// From here on nobody may touch these bytes ...
inline void fence(const void* from, std::size_t bytes) { __asan_poison_memory_region(from, bytes); }
// ... and now they may again.
inline void open_fence(const void* from, std::size_t bytes) {
  __asan_unpoison_memory_region(from, bytes);
}
#else
inline void fence(const void*, std::size_t) {}
inline void open_fence(const void*, std::size_t) {}
#endif

}  // namespace weft::engine
