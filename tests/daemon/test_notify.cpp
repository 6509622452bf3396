#include "daemon/notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>

#include "tests/daemon/support.h"

namespace extvold::daemon::tests {
namespace {

// Stands in for systemd: the socket that NOTIFY_SOCKET names.
class Manager {
 public:
  Manager() : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    const std::string path = dir_.path("notify");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    REQUIRE(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  ~Manager() {
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
  }
  // The next message, empty if there is none.
  std::string next() {
    std::array<char, 4096> bytes{};
    const ssize_t n = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
    return n <= 0 ? "" : std::string(bytes.data(), static_cast<std::size_t>(n));
  }

 private:
  TempDir dir_;
  UniqueFd socket_;
};

TEST_CASE("without systemd nothing happens", "[daemon][notify]") {
  unsetenv("NOTIFY_SOCKET");
  uv::Loop loop;
  Notify notify(loop);
  notify.ready("x");
  notify.start_watchdog({});
  notify.stopping();
  loop.run();  // ends at once
}

TEST_CASE("systemd is told the state, in one line", "[daemon][notify]") {
  Manager manager;
  uv::Loop loop;
  Notify notify(loop);
  notify.ready("3 volumes\nREADY=0");
  CHECK(manager.next() == "READY=1\nSTATUS=3 volumes READY=0");
  notify.status("subscribed");
  CHECK(manager.next() == "STATUS=subscribed");
  notify.reloading();
  CHECK(manager.next().starts_with("RELOADING=1\nMONOTONIC_USEC="));
  notify.stopping();
  CHECK(manager.next() == "STOPPING=1");
}

TEST_CASE("the watchdog is fed by the loop while all is well", "[daemon][notify]") {
  Manager manager;
  setenv("WATCHDOG_USEC", "20000", 1);
  setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), 1);
  uv::Loop loop;
  Notify notify(loop);
  bool healthy = true;
  notify.start_watchdog([&] { return healthy; });
  int pings = 0;
  REQUIRE(run_until(loop, [&] {
    pings += manager.next() == "WATCHDOG=1" ? 1 : 0;
    return pings == 3;
  }));
  healthy = false;
  while (!manager.next().empty()) {
  }
  run_for(loop, milliseconds(50));
  CHECK(manager.next().empty());
  healthy = true;
  CHECK(run_until(loop, [&] { return manager.next() == "WATCHDOG=1"; }));
}

TEST_CASE("a watchdog meant for another process is not fed", "[daemon][notify]") {
  Manager manager;
  setenv("WATCHDOG_USEC", "20000", 1);
  setenv("WATCHDOG_PID", "1", 1);
  uv::Loop loop;
  Notify notify(loop);
  notify.start_watchdog({});
  CHECK(manager.next().empty());
}

}  // namespace
}  // namespace extvold::daemon::tests
