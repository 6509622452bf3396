// A test that cannot run on this machine says so: `if (geteuid() != 0) return skip_test("needs root: loop
// devices");` The case then counts as skipped (ctest's SKIP_RETURN_CODE), never as passed, and ./dev test
// lists it with its reason.
#pragma once

#include <string_view>

namespace extvold::tests {

void skip_test(std::string_view reason);

}  // namespace extvold::tests
