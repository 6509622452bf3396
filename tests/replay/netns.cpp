#include "tests/replay/netns.h"

#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

namespace extvold::replay {
namespace {

// Errors: unavailable (no such program), permission (it says no; its own words are on stderr).
Status run_ip(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "ip");
  std::vector<char*> argv;
  std::string line;
  for (std::string& argument : arguments) {
    argv.push_back(argument.data());
    line += (line.empty() ? "" : " ") + argument;
  }
  argv.push_back(nullptr);
  // Its standard output is not ours to fill; signals that this process reads from a descriptor are its own
  // again.
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t child = 0;
  const int error = posix_spawnp(&child, "ip", &files, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) return fail(Errc::unavailable, "`{}`: {}; install iproute2", line, std::strerror(error));
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) return fail(Errc::permission, "`{}` failed", line);
  return {};
}

}  // namespace

Result<Netns> Netns::enter(const std::string& name) {
  if (name.empty() || name.find('/') != std::string::npos || name.front() == '.' || name.front() == '-') {
    return fail(Errc::invalid, "--netns {}: no name for a network namespace", name);
  }
  if (geteuid() != 0) return fail(Errc::permission, "--netns {}: needs root", name);
  const std::string path = "/run/netns/" + name;
  const bool make = !std::filesystem::exists(path);
  if (make) TRY(run_ip({"netns", "add", name}));
  Netns netns(name, make);
  TRY(run_ip({"-n", name, "link", "set", "lo", "up"}));
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(Errc::permission, "{}: {}", path, std::strerror(errno));
  const int entered = ::setns(fd, CLONE_NEWNET);
  const int error = errno;
  ::close(fd);
  if (entered != 0) return fail(Errc::permission, "{}: cannot enter it: {}", path, std::strerror(error));
  return netns;
}

Netns::Netns(std::string name, bool made) : name_(std::move(name)), made_(made) {}

Netns::Netns(Netns&& other) noexcept
    : name_(std::move(other.name_)), made_(std::exchange(other.made_, false)) {}

Netns::~Netns() {
  if (made_) static_cast<void>(run_ip({"netns", "delete", name_}));
}

}  // namespace extvold::replay
