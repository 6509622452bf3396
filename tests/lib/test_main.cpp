// Catch2's main, compiled once for all test programs. Exit status: 0 all passed, 1 something failed, 77
// nothing failed but skip_test() was called (ctest runs one case per process, so that is that case).
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include <cstdio>

#include "tests/lib/skip.h"

namespace {

bool skipped = false;

}  // namespace

namespace extvold::tests {

void skip_test(std::string_view reason) {
  skipped = true;
  std::printf("SKIPPED: %.*s\n", static_cast<int>(reason.size()), reason.data());
}

}  // namespace extvold::tests

// The sanitizers read these at start. A first finding aborts, so that no exit status hides it.
extern "C" {
const char* __asan_default_options();   // NOLINT(bugprone-reserved-identifier)
const char* __ubsan_default_options();  // NOLINT(bugprone-reserved-identifier)
const char* __tsan_default_options();   // NOLINT(bugprone-reserved-identifier)

const char* __asan_default_options() {
  return "abort_on_error=1:detect_stack_use_after_return=1:strict_string_checks=1";
}
const char* __ubsan_default_options() { return "abort_on_error=1:print_stacktrace=1"; }
const char* __tsan_default_options() { return "abort_on_error=1:halt_on_error=1:second_deadlock_stack=1"; }
}

int main(int argc, char** argv) {
  Catch::Session session;
  if (const int bad_usage = session.applyCommandLine(argc, argv); bad_usage != 0) return bad_usage;
  const bool listing = session.configData().listTests || session.configData().listTestNamesOnly ||
                       session.configData().listTags || session.configData().listReporters;
  // A name that matches nothing is a failure: a test that did not run must not count as passed.
  session.configData().warnings =
      static_cast<Catch::WarnAbout::What>(session.configData().warnings | Catch::WarnAbout::NoTests);
  const int failed = session.run();
  if (listing) return failed;  // Catch2 gives the number of tests here, and its CMake module reads it
  if (failed != 0) return 1;
  return skipped ? 77 : 0;
}
