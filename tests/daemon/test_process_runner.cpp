#include "daemon/process_runner.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>

#include "daemon/http_client.h"
#include "tests/daemon/support.h"

namespace extvold::daemon::tests {
namespace {

struct Fixture {
  uv::Loop loop;
  SystemClock clock;
  TempDir dir;
  std::unique_ptr<UvProcessRunner> runner = std::make_unique<UvProcessRunner>(loop, clock);

  Result<ProcessResult> run(ProcessRequest request) {
    std::optional<Result<ProcessResult>> result;
    runner->run(std::move(request), [&](Result<ProcessResult> got) { result = std::move(got); });
    CHECK_FALSE(result.has_value());  // never from inside the call
    REQUIRE(run_until(loop, [&] { return result.has_value(); }));
    return *result;
  }
};

ProcessRequest shell(std::string script) {
  ProcessRequest request;
  request.argv = {"/bin/sh", "-c", std::move(script)};
  request.env = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
  return request;
}

TEST_CASE("a child's status and output come back", "[daemon][process_runner]") {
  Fixture f;
  const Instant before = f.clock.now();
  const auto result = f.run(shell("echo out; echo err >&2; exit 3"));
  REQUIRE(result);
  CHECK(result->exit_status == 3);
  CHECK(result->standard_output == "out\n");
  CHECK(result->standard_error == "err\n");
  CHECK_FALSE(result->truncated);
  CHECK(result->started_at >= before);
  CHECK(result->ended_at > result->started_at);
  CHECK(f.runner->children() == 0);
}

TEST_CASE("a signal is 128 + n", "[daemon][process_runner]") {
  Fixture f;
  CHECK(f.run(shell("kill -TERM $$"))->exit_status == 128 + SIGTERM);
}

TEST_CASE("the environment is what was given and the C locale, the directory is /",
          "[daemon][process_runner]") {
  Fixture f;
  setenv("EXTVOLD_TEST_LEAK", "1", 1);
  ProcessRequest request;
  request.argv = {"/usr/bin/env"};
  request.env = {"A=1", "LC_ALL=de_DE.UTF-8"};
  CHECK(f.run(request)->standard_output == "A=1\nLC_ALL=C\n");
  CHECK(f.run(shell("pwd"))->standard_output == "/\n");
}

TEST_CASE("arguments are passed as they are: there is no shell", "[daemon][process_runner]") {
  Fixture f;
  ProcessRequest request;
  request.argv = {"/usr/bin/printf", "[%s]", "a b", "$(id)", "", "*"};
  CHECK(f.run(request)->standard_output == "[a b][$(id)][][*]");
}

TEST_CASE("standard input is delivered whole, or is empty", "[daemon][process_runner]") {
  Fixture f;
  ProcessRequest request = shell("wc -c");
  CHECK(f.run(request)->standard_output == "0\n");
  request.standard_input = std::string(3'000'000, 'x');
  CHECK(f.run(request)->standard_output == "3000000\n");
  request.argv = {"/bin/true"};  // does not read it
  CHECK(f.run(request)->exit_status == 0);
}

TEST_CASE("output is bounded, and the child is not blocked by that", "[daemon][process_runner]") {
  Fixture f;
  ProcessRequest request = shell("head -c 1000000 /dev/zero | tr '\\0' x; echo end >&2");
  request.output_bytes_max = 1000;
  const auto result = f.run(request);
  REQUIRE(result);
  CHECK(result->standard_output == std::string(1000, 'x'));
  CHECK(result->standard_error == "end\n");
  CHECK(result->truncated);
  request.output_bytes_max = 1'000'000;
  CHECK_FALSE(f.run(request)->truncated);
}

TEST_CASE("what cannot be started is an error, and nothing happened", "[daemon][process_runner]") {
  Fixture f;
  ProcessRequest request;
  CHECK(f.run(request).error().code == Errc::invalid);
  request.argv = {"mkfs.ext4"};
  CHECK(f.run(request).error().code == Errc::invalid);
  request.argv = {"/bin/echo", std::string("a\0b", 3)};
  CHECK(f.run(request).error().code == Errc::invalid);
  request.argv = {"/nonexistent/mkfs.ext4"};
  const auto missing = f.run(request);
  CHECK(missing.error().code == Errc::not_found);
  CHECK(missing.error().message == "cannot start /nonexistent/mkfs.ext4: No such file or directory");
  std::ofstream(f.dir.path("data")) << "not a program";
  request.argv = {f.dir.path("data")};
  CHECK(f.run(request).error().code == Errc::permission);
  request.argv = {"/bin/true"};
  request.lock_file = f.dir.path("no/such/directory/lock");
  CHECK(f.run(request).error().code == Errc::not_found);
  CHECK(f.runner->children() == 0);
}

TEST_CASE("a child past its deadline is killed with its group: uncertain, and reaped",
          "[daemon][process_runner]") {
  Fixture f;
  ProcessRequest request = shell("trap '' TERM; sleep 1000 & echo $$ $! > " + f.dir.path("pids") + "; wait");
  request.deadline = seconds(1);
  const Instant before = f.clock.now();
  const auto result = f.run(request);
  REQUIRE_FALSE(result);
  CHECK(result.error().code == Errc::uncertain);
  CHECK(result.error().message.find("/bin/sh: killed after its deadline of 1000 ms") == 0);
  CHECK(f.clock.now() - before < seconds(5));
  REQUIRE(run_until(f.loop, [&] { return f.runner->children() == 0; }));
  std::ifstream file(f.dir.path("pids"));
  pid_t child = 0;
  pid_t grandchild = 0;
  REQUIRE(file >> child >> grandchild);
  CHECK(waitpid(child, nullptr, WNOHANG) == -1);  // reaped: not ours any more
  CHECK(errno == ECHILD);
  CHECK(run_until(f.loop, [&] {
    const std::string stat = read_file("/proc/" + std::to_string(grandchild) + "/stat");
    return stat.empty() || stat.find(") Z ") != std::string::npos;
  }));
}

TEST_CASE("a deadline that passes while the loop sleeps does not kill a child that has ended",
          "[daemon][process_runner]") {
  Fixture f;
  std::optional<Result<ProcessResult>> result;
  ProcessRequest request = shell("echo done");
  request.deadline = milliseconds(100);
  f.runner->run(request, [&](Result<ProcessResult> got) { result = std::move(got); });
  std::this_thread::sleep_for(std::chrono::milliseconds(1000));
  REQUIRE(run_until(f.loop, [&] { return result.has_value(); }));
  REQUIRE(*result);
  CHECK((*result)->standard_output == "done\n");
}

TEST_CASE("a child's answer does not wait for what it leaves behind", "[daemon][process_runner]") {
  Fixture f;
  const Instant before = f.clock.now();
  // The grandchild holds both output pipes.
  const auto result = f.run(shell("sleep 1000 & echo $!"));
  REQUIRE(result);
  CHECK(f.clock.now() - before < seconds(5));
  CHECK(kill(std::stoi(result->standard_output), SIGKILL) == 0);
}

TEST_CASE("a lock is held as long as any descendant lives", "[daemon][process_runner]") {
  Fixture f;
  const std::string lock = f.dir.path("volume.lock");
  CHECK(*lock_is_held(lock) == false);  // no file yet

  ProcessRequest request = shell("setsid sleep 1000 > /dev/null 2>&1 & echo $!");
  request.lock_file = lock;
  const auto first = f.run(request);
  REQUIRE(first);
  CHECK(first->exit_status == 0);
  CHECK(*lock_is_held(lock));

  ProcessRequest second = shell("touch " + f.dir.path("ran"));
  second.lock_file = lock;
  const auto refused = f.run(second);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::busy);
  CHECK(refused.error().message.find(lock) != std::string::npos);
  CHECK(read_file(f.dir.path("ran")).empty());
  CHECK(access(f.dir.path("ran").c_str(), F_OK) != 0);

  REQUIRE(kill(std::stoi(first->standard_output), SIGKILL) == 0);
  REQUIRE(run_until(f.loop, [&] {
    run_for(f.loop, milliseconds(5));
    return !*lock_is_held(lock);
  }));
  CHECK(f.run(second)->exit_status == 0);
  CHECK_FALSE(*lock_is_held(lock));
}

TEST_CASE("a lock outlives the runner, for the next daemon to find", "[daemon][process_runner]") {
  Fixture f;
  ProcessRequest request = shell("echo $$ > " + f.dir.path("pid") + "; exec sleep 1000");
  request.lock_file = f.dir.path("volume.lock");
  bool called = false;
  f.runner->run(request, [&](Result<ProcessResult>) { called = true; });
  REQUIRE(run_until(f.loop, [&] {
    run_for(f.loop, milliseconds(5));
    return !read_file(f.dir.path("pid")).empty();
  }));
  f.runner.reset();
  run_for(f.loop, milliseconds(20));
  CHECK(*lock_is_held(request.lock_file));
  const pid_t pid = std::stoi(read_file(f.dir.path("pid")));
  REQUIRE(kill(pid, SIGKILL) == 0);
  CHECK(waitpid(pid, nullptr, 0) == pid);
  CHECK_FALSE(*lock_is_held(request.lock_file));
  CHECK_FALSE(called);
}

TEST_CASE("a lock file is private and not followed through a link", "[daemon][process_runner]") {
  Fixture f;
  ProcessRequest request = shell("true");
  request.lock_file = f.dir.path("a.lock");
  REQUIRE(f.run(request));
  struct stat status {};
  REQUIRE(stat(request.lock_file.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  REQUIRE(symlink("/etc/passwd", f.dir.path("b.lock").c_str()) == 0);
  request.lock_file = f.dir.path("b.lock");
  CHECK(f.run(request).error().code == Errc::permission);
  request.lock_file = f.dir.path("none/c.lock");
  const auto missing = f.run(request);
  CHECK(missing.error().code == Errc::not_found);
  CHECK(missing.error().message.find("mkdir -p " + f.dir.path("none") + ",") != std::string::npos);
}

// "socket:[inode]" of each TCP socket of this process. (libcurl 7.88 also has a pair of unix sockets to wake
// itself, which it lets children inherit: nobody listens to it.)
std::vector<std::string> tcp_sockets() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    const int fd = std::stoi(entry.path().filename());
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0 || address.ss_family != AF_INET)
      continue;
    names.push_back(std::filesystem::read_symlink(entry.path()));
  }
  return names;
}

TEST_CASE("a child inherits standard descriptors and the lock, no socket of ours",
          "[daemon][process_runner]") {
  RawServer server([](Connection& connection, int) {
    connection.read_request();
    connection.send(std::string(kStreamHead) + chunk("x"));
    connection.wait_for_hangup();
  });
  Fixture f;
  CurlHttpClient http(f.loop, f.clock);
  HttpRequest request;
  request.url = server.url();
  bool streaming = false;
  const auto stream = http.start_stream(request, {{},
                                                  [&](std::string_view) {
                                                    streaming = true;
                                                    return Flow::go_on;
                                                  },
                                                  {}});
  REQUIRE(run_until(f.loop, [&] { return streaming; }));
  ProcessRequest list = shell("ls -l /proc/self/fd");
  list.lock_file = f.dir.path("volume.lock");
  const auto result = f.run(list);
  REQUIRE(result);
  const std::string& fds = result->standard_output;
  INFO(fds);
  CHECK(fds.find(" 3 -> " + list.lock_file) != std::string::npos);
  const auto connections = tcp_sockets();
  CHECK(connections.size() >= 3);  // both ends, and the listener
  for (const std::string& socket : connections) CHECK(fds.find(socket) == std::string::npos);
}

TEST_CASE("many children at once", "[daemon][process_runner]") {
  Fixture f;
  int ended = 0;
  for (int i = 0; i < 40; ++i) {
    f.runner->run(shell("echo " + std::to_string(i)), [&ended, i](const Result<ProcessResult>& got) {
      REQUIRE(got);
      CHECK(got->standard_output == std::to_string(i) + "\n");
      ++ended;
    });
  }
  CHECK(run_until(f.loop, [&] { return ended == 40; }));
}

TEST_CASE("a callback may destroy the runner", "[daemon][process_runner]") {
  Fixture f;
  int called = 0;
  for (int i = 0; i < 3; ++i) {
    f.runner->run(shell("true"), [&](const Result<ProcessResult>&) {
      ++called;
      f.runner.reset();
    });
  }
  REQUIRE(run_until(f.loop, [&] { return f.runner == nullptr; }));
  run_for(f.loop, milliseconds(50));
  CHECK(called == 1);
  while (waitpid(-1, nullptr, 0) > 0) {  // those that nobody reaps now
  }
}

}  // namespace
}  // namespace extvold::daemon::tests
