// How much of the heap is in use: of the C library's allocator, or of a sanitizer's that stands in for it.
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define EXTVOLD_SANITIZER_ALLOCATES
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define EXTVOLD_SANITIZER_ALLOCATES
#endif
#endif

#ifdef EXTVOLD_SANITIZER_ALLOCATES
// Of sanitizer/allocator_interface.h, which g++ 12 has in its libraries and not among its headers.
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();
#else
#include <malloc.h>
#endif

namespace extvold::tests {

inline std::size_t heap_bytes() {
#ifdef EXTVOLD_SANITIZER_ALLOCATES
  return __sanitizer_get_current_allocated_bytes();
#else
  const struct mallinfo2 now = ::mallinfo2();
  return now.uordblks + now.hblkhd;
#endif
}

}  // namespace extvold::tests
