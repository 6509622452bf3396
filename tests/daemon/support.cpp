#include "tests/daemon/support.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "daemon/uv/timer.h"
#include "model/check.h"

namespace extvold::daemon::tests {

bool run_until(uv::Loop& loop, const std::function<bool()>& condition, Duration max) {
  uv::Timer guard(loop);
  bool late = false;
  guard.start(max, [&] { late = true; });
  bool holds = condition();
  while (!holds && !late) {
    loop.turn();
    holds = condition();
  }
  return holds;
}

void run_for(uv::Loop& loop, Duration duration) {
  run_until(
      loop, [] { return false; }, duration);
}

TempDir::TempDir() {
  std::string name = (std::filesystem::temp_directory_path() / "extvold-test-XXXXXX").string();
  EXTVOLD_CHECK(mkdtemp(name.data()) != nullptr);
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string Connection::read_request() {
  for (;;) {
    const std::size_t end = buffer_.find("\r\n\r\n");
    if (end != std::string::npos) {
      const std::size_t length_at = buffer_.find("Content-Length: ");
      const std::size_t length =
          length_at < end ? std::strtoul(buffer_.c_str() + length_at + 16, nullptr, 10) : 0;
      if (buffer_.size() >= end + 4 + length) {
        std::string request = buffer_.substr(0, end + 4 + length);
        buffer_.erase(0, end + 4 + length);
        return request;
      }
    }
    char bytes[4096];
    const ssize_t n = ::recv(fd_, bytes, sizeof bytes, 0);
    if (n <= 0) return "";
    buffer_.append(bytes, static_cast<std::size_t>(n));
  }
}

bool Connection::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

void Connection::wait_for_hangup() {
  char bytes[4096];
  while (::recv(fd_, bytes, sizeof bytes, 0) > 0) {
  }
}

void Connection::reset() {
  const linger now{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

RawServer::RawServer(Script script) : script_(std::move(script)) {
  listener_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  EXTVOLD_CHECK(::bind(listener_.get(), generic, size) == 0 && ::listen(listener_.get(), 16) == 0);
  EXTVOLD_CHECK(::getsockname(listener_.get(), generic, &size) == 0);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_loop(); });
}

RawServer::~RawServer() {
  ::shutdown(listener_.get(), SHUT_RDWR);
  acceptor_.join();
  {
    const std::lock_guard lock(mutex_);
    for (const UniqueFd& fd : open_) {
      if (fd) ::shutdown(fd.get(), SHUT_RDWR);
    }
  }
  for (auto& thread : threads_) thread.join();
}

void RawServer::accept_loop() {
  for (;;) {
    UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd) return;
    const std::lock_guard lock(mutex_);
    const int number = connections_++;
    UniqueFd& kept = open_.emplace_back(std::move(fd));
    threads_.emplace_back([this, number, &kept] {
      Connection connection(kept.get());
      script_(connection, number);
      const std::lock_guard closing(mutex_);
      kept.reset();
    });
  }
}

std::string chunk(std::string_view bytes) { return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes); }

std::string whole_answer(std::string_view status_line, std::string_view body, std::string_view more_headers) {
  return fmt::format("HTTP/1.1 {}\r\nContent-Length: {}\r\n{}\r\n{}", status_line, body.size(), more_headers,
                     body);
}

}  // namespace extvold::daemon::tests
