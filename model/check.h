// EXTVOLD_CHECK: for bugs, always compiled in. It prints what and where, and aborts; the ledger is consistent
// at the next start because every change is one transaction. Never for bad input: that is an Error
// (result.h).
#pragma once

namespace extvold {

[[noreturn]] void check_failed(const char* expression, const char* file, int line);

}  // namespace extvold

#define EXTVOLD_CHECK(expr)                                          \
  do {                                                               \
    if (!(expr)) ::extvold::check_failed(#expr, __FILE__, __LINE__); \
  } while (false)

#define EXTVOLD_UNREACHABLE() ::extvold::check_failed("unreachable", __FILE__, __LINE__)
