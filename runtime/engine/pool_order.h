// DPDK's pools pass buffers from core to core, ordered by compiler barriers that a thread sanitizer
// cannot see. In such a build these two say it: what was written before a buffer was given back
// lies before what is written by whoever takes it. Elsewhere they are nothing.
#pragma once

#if defined(__SANITIZE_THREAD__)
extern "C" void __tsan_acquire(void*);
extern "C" void __tsan_release(void*);
#endif

namespace weft::engine {

inline void given_to_pool([[maybe_unused]] void* buffer) {
#if defined(__SANITIZE_THREAD__)
  __tsan_release(buffer);
#endif
}
inline void taken_from_pool([[maybe_unused]] void* buffer) {
#if defined(__SANITIZE_THREAD__)
  __tsan_acquire(buffer);
#endif
}

}  // namespace weft::engine
