// What a call to a provider brings: one callback, which never comes from inside the call. For tests.
#pragma once

#include <catch2/catch.hpp>
#include <utility>

namespace extvold::tests {

// `start` makes the call with the callback that it is given; `drain` lets all that is under way end.
template <typename Answer, typename Start, typename Drain>
Answer only_answer(Start start, Drain drain) {
  int calls = 0;
  Answer got;
  start([&](Answer answer) {
    ++calls;
    got = std::move(answer);
  });
  CHECK(calls == 0);
  drain();
  CHECK(calls == 1);
  return got;
}

}  // namespace extvold::tests
