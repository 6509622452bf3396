#include <catch2/catch.hpp>

#include "daemon/backoff.h"
#include "tests/daemon/support.h"

namespace extvold::daemon::tests {
namespace {

TEST_CASE("backoff doubles up to its bound and starts again after a reset", "[daemon][backoff]") {
  FixedRandom highest(0);  // the whole ceiling
  Backoff backoff(seconds(1), seconds(60));
  for (const int expected : {2, 4, 8, 16, 32, 60, 60}) CHECK(backoff.next(highest) == seconds(expected));
  backoff.reset();
  CHECK(backoff.next(highest) == seconds(2));
}

TEST_CASE("jitter stays between min and max", "[daemon][backoff]") {
  SystemRandom random;
  Backoff backoff(seconds(1), seconds(60));
  for (int i = 0; i < 200; ++i) {
    const Duration wait = backoff.next(random);
    CHECK(wait >= seconds(1));
    CHECK(wait <= seconds(60));
    if (i > 6) CHECK(wait >= seconds(30));
  }
}

TEST_CASE("a backoff of nothing is allowed", "[daemon][backoff]") {
  SystemRandom random;
  Backoff backoff(Duration{}, Duration{});
  CHECK(backoff.next(random) == Duration{});
}

}  // namespace
}  // namespace extvold::daemon::tests
