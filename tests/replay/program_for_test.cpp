#include "tests/replay/program_for_test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>

namespace extvold::replay {
namespace {

// More bytes from `fd` at the end of `to`; false at its end or after the deadline (then `timed_out`).
bool read_more(int fd, std::string& to, Deadline until, bool& timed_out) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
  pollfd polled{fd, POLLIN, 0};
  timed_out = left.count() < 0 || ::poll(&polled, 1, static_cast<int>(left.count())) == 0;
  if (timed_out) return false;
  char buffer[16384];
  const ssize_t count = ::read(fd, buffer, sizeof(buffer));
  if (count <= 0) return false;
  to.append(buffer, static_cast<std::size_t>(count));
  return true;
}

}  // namespace

Program::Program(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {EXTVOLD_REPLAY, "--die-with-parent"});
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  int ends[2] = {-1, -1};
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, ends[1], 1);
  const int error = posix_spawn(&pid_, EXTVOLD_REPLAY, &files, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  ::close(ends[1]);
  output_ = ends[0];
  REQUIRE(error == 0);
  std::string line;
  bool timed_out = false;
  const Deadline until = within(std::chrono::seconds(20));
  while (line.find('\n') == std::string::npos && read_more(output_, line, until, timed_out)) {
  }
  ready_ = parse_json(line);
  INFO(line);
  if (!ready_.is_object()) {
    stop();
    FAIL("extvold-replay did not become ready");
  }
}

Program::~Program() {
  if (pid_ > 0 && stop() == -1) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  if (output_ >= 0) ::close(output_);
}

void Program::signal(int number) const { ::kill(pid_, number); }

int Program::stop() {
  signal(SIGTERM);
  // Its standard output ends when it does.
  std::string rest;
  bool timed_out = false;
  const Deadline until = within(std::chrono::seconds(5));
  while (read_more(output_, rest, until, timed_out)) {
  }
  if (timed_out) return -1;
  int status = 0;
  if (::waitpid(pid_, &status, 0) != pid_) return -1;
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Dialled::Dialled(const std::string& address) {
  const std::size_t colon = address.find(':');
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
  REQUIRE(inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr) == 1);
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(fd_ >= 0);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0) {
    REQUIRE(errno == ECONNREFUSED);
    refused_ = true;
  }
}

Dialled::~Dialled() {
  if (fd_ >= 0) ::close(fd_);
}

void Dialled::send(const std::string& text) const {
  std::size_t sent = 0;
  while (sent < text.size()) {
    const ssize_t count = ::send(fd_, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) return;  // the peer is gone; read() tells
    sent += static_cast<std::size_t>(count);
  }
}

void Dialled::post(const std::string& call, const std::string& headers) const {
  send("POST /api/v1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + headers +
       "Content-Length: " + std::to_string(call.size()) + "\r\n\r\n" + call);
}

const std::string& Dialled::read(Deadline until, const std::string& enough) {
  bool timed_out = false;
  while (!closed_ && (enough.empty() || received_.find(enough) == std::string::npos)) {
    if (read_more(fd_, received_, until, timed_out)) continue;
    closed_ = !timed_out;
    break;
  }
  return received_;
}

Chunked dechunk(const std::string& response) {
  Chunked chunked;
  std::size_t at = response.find("\r\n\r\n");
  if (at == std::string::npos) return chunked;
  chunked.head = response.substr(0, at);
  at += 4;
  while (true) {
    const std::size_t line = response.find("\r\n", at);
    if (line == std::string::npos) return chunked;
    const std::size_t size = std::stoul(response.substr(at, line - at), nullptr, 16);
    if (response.size() < line + 2 + size + 2) return chunked;
    REQUIRE(response.substr(line + 2 + size, 2) == "\r\n");
    if (size == 0) {
      chunked.finished = true;
      return chunked;
    }
    chunked.chunks.push_back(response.substr(line + 2, size));
    at = line + 2 + size + 2;
  }
}

}  // namespace extvold::replay
