#include "model/check.h"

#include <cstdio>
#include <cstdlib>

namespace extvold {

void check_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "extvold: bug: CHECK(%s) failed at %s:%d\n", expression, file, line);
  std::abort();
}

}  // namespace extvold
