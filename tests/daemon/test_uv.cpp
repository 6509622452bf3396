#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <csignal>
#include <memory>
#include <thread>

#include "daemon/uv/async.h"
#include "daemon/uv/deferred.h"
#include "daemon/uv/delays.h"
#include "daemon/uv/poll.h"
#include "daemon/uv/process.h"
#include "daemon/uv/signal.h"
#include "daemon/uv/timer.h"
#include "tests/daemon/support.h"

namespace extvold::daemon::tests {
namespace {

TEST_CASE("a timer fires once and is not early", "[daemon][uv]") {
  uv::Loop loop;
  const SystemClock clock;
  uv::Timer timer(loop);
  int fired = 0;
  const Instant start = clock.now();
  timer.start(milliseconds(20), [&] { ++fired; });
  CHECK(timer.active());
  CHECK(fired == 0);
  loop.run();
  CHECK(fired == 1);
  CHECK(clock.now() - start >= milliseconds(19));  // CLOCK_MONOTONIC is read in whole milliseconds
  CHECK_FALSE(timer.active());
}

TEST_CASE("a timer set after slow work is not early", "[daemon][uv]") {
  uv::Loop loop;
  const SystemClock clock;
  uv::Timer first(loop);
  uv::Timer second(loop);
  Instant set_at;
  Instant fired_at;
  first.start(Duration{}, [&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    set_at = clock.now();
    second.start(milliseconds(20), [&] { fired_at = clock.now(); });
  });
  loop.run();
  CHECK(fired_at - set_at >= milliseconds(19));
}

TEST_CASE("a timer's callback may restart or destroy its own timer", "[daemon][uv]") {
  uv::Loop loop;
  uv::Timer timer(loop);
  int fired = 0;
  std::function<void()> again = [&] {
    if (++fired < 3) timer.start(Duration{-5}, again);
  };
  timer.start(Duration{}, again);

  auto own = std::make_unique<uv::Timer>(loop);
  std::string seen;
  own->start(Duration{}, [&own, &seen, text = std::string("captured by value, longer than a small string")] {
    own.reset();
    seen = text;  // the closure itself must have survived
  });
  loop.run();
  CHECK(fired == 3);
  CHECK(seen.starts_with("captured by value"));
}

TEST_CASE("a destroyed or stopped timer does not fire", "[daemon][uv]") {
  uv::Loop loop;
  bool fired = false;
  uv::Timer stopped(loop);
  stopped.start(Duration{}, [&] { fired = true; });
  stopped.stop();
  {
    uv::Timer timer(loop);
    timer.start(Duration{}, [&] { fired = true; });
  }
  loop.run();
  CHECK_FALSE(fired);
}

TEST_CASE("delays run each closure after its own while, and none once they are destroyed", "[daemon][uv]") {
  uv::Loop loop;
  const SystemClock clock;
  const Instant start = clock.now();
  auto delays = std::make_unique<uv::Delays>(loop);
  std::string order;
  bool inside = true;
  delays->after(milliseconds(20), [&] {
    order += "late ";
    CHECK(clock.now() - start >= milliseconds(19));
    delays.reset();  // with its last closure still waiting
    order += "gone";
  });
  delays->after(seconds(60), [&] { order += "never"; });
  delays->after({}, [&] {
    CHECK_FALSE(inside);
    order += "now ";
    delays->after({}, [&] { order += "then "; });
  });
  inside = false;
  loop.run();
  CHECK(order == "now then late gone");
}

TEST_CASE("a signal calls back, also one that destroys its own watcher", "[daemon][uv]") {
  uv::Loop loop;
  int usr1 = 0;
  uv::Signal signal(loop, SIGUSR1, [&] { ++usr1; });
  std::unique_ptr<uv::Signal> own;
  own = std::make_unique<uv::Signal>(loop, SIGUSR2, [&] { own.reset(); });
  for (int i = 1; i <= 2; ++i) {
    REQUIRE(raise(SIGUSR1) == 0);
    REQUIRE(run_until(loop, [&] { return usr1 == i; }));
  }
  REQUIRE(raise(SIGUSR2) == 0);
  CHECK(run_until(loop, [&] { return own == nullptr; }));
}

TEST_CASE("an async wakes the loop from another thread", "[daemon][uv]") {
  uv::Loop loop;
  int woken = 0;
  std::unique_ptr<uv::Async> async;
  async = std::make_unique<uv::Async>(loop, [&] {
    if (++woken == 2) async.reset();
  });
  std::thread([&] { async->send(); }).join();
  REQUIRE(run_until(loop, [&] { return woken == 1; }));
  std::thread([&] { async->send(); }).join();
  loop.run();  // ends: nothing is left
  CHECK(woken == 2);
}

TEST_CASE("a poll reports readability and may be destroyed, and its descriptor closed, inside",
          "[daemon][uv]") {
  uv::Loop loop;
  std::array<int, 2> fds{};
  REQUIRE(pipe(fds.data()) == 0);
  UniqueFd reader(fds[0]);
  const UniqueFd writer(fds[1]);
  int bytes = 0;
  std::unique_ptr<uv::Poll> poll;
  poll = std::make_unique<uv::Poll>(loop, reader.get(), [&](int status, int events) {
    REQUIRE(status == 0);
    REQUIRE((events & UV_READABLE) != 0);
    char byte = 0;
    REQUIRE(read(reader.get(), &byte, 1) == 1);
    if (++bytes == 3) {
      poll.reset();
      reader.reset();
    }
  });
  poll->start(UV_READABLE);
  REQUIRE(write(writer.get(), "abc", 3) == 3);
  loop.run();
  CHECK(bytes == 3);
}

TEST_CASE("deferred closures run in order, in a later turn", "[daemon][uv]") {
  uv::Loop loop;
  uv::Deferred deferred(loop);
  std::string order;
  deferred.post([&] {
    order += 'a';
    deferred.post([&] { order += 'c'; });
  });
  deferred.post([&] { order += 'b'; });
  CHECK(order.empty());
  loop.turn();
  CHECK(order == "ab");
  loop.turn();
  CHECK(order == "abc");
}

TEST_CASE("a deferred closure that posts itself for ever does not starve timers", "[daemon][uv]") {
  uv::Loop loop;
  uv::Deferred deferred(loop);
  std::function<void()> again = [&] { deferred.post(again); };
  deferred.post(again);
  bool fired = false;
  uv::Timer timer(loop);
  timer.start(milliseconds(5), [&] { fired = true; });
  CHECK(run_until(loop, [&] { return fired; }));
}

TEST_CASE("destroying a Deferred drops its closures, also from inside one", "[daemon][uv]") {
  uv::Loop loop;
  bool ran = false;
  auto deferred = std::make_unique<uv::Deferred>(loop);
  deferred->post([&] { deferred.reset(); });
  deferred->post([&] { ran = true; });
  loop.run();
  CHECK(deferred == nullptr);
  CHECK_FALSE(ran);
}

TEST_CASE("a process reports its exit and may be destroyed inside", "[daemon][uv]") {
  uv::Loop loop;
  int status = -1;
  std::unique_ptr<uv::Process> process;
  process = std::make_unique<uv::Process>([&](int exit_status, int) {
    status = exit_status;
    process.reset();
  });
  REQUIRE(process->spawn(loop, {{"/bin/sh", "-c", "exit 7"}, {}, {0, 1, 2}, "/"}) == 0);
  loop.run();
  CHECK(status == 7);
  uv::Process missing([](int, int) {});
  CHECK(missing.spawn(loop, {{"/nonexistent/tool"}, {}, {0, 1, 2}, "/"}) == UV_ENOENT);
}

TEST_CASE("a lifeline is cut by the destructor, through all its watches", "[daemon][uv]") {
  auto line = std::make_unique<uv::Lifeline>();
  const uv::Lifeline::Watch outer(*line);
  {
    const uv::Lifeline::Watch inner(*line);
    CHECK_FALSE(inner.cut());
  }
  const uv::Lifeline::Watch second(*line);
  line.reset();
  CHECK(outer.cut());
  CHECK(second.cut());
}

TEST_CASE("a handle that outlives its loop's owner is a failed CHECK", "[daemon][uv]") {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);  // not the one of the test program
    close(STDERR_FILENO);
    uv_timer_t leaked;
    {
      uv::Loop loop;
      uv_timer_init(loop.raw(), &leaked);
      uv_timer_start(
          &leaked, [](uv_timer_t*) {}, 100'000, 0);
    }
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGABRT);
}

}  // namespace
}  // namespace extvold::daemon::tests
