#include "tests/replay/listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace extvold::replay {
namespace {

Result<int> bound_socket(const std::string& ip, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (inet_pton(AF_INET, ip.c_str(), &address.sin_addr) != 1)
    return fail(Errc::invalid, "{}: no IPv4 address", ip);
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return fail(Errc::unavailable, "socket: {}", std::strerror(errno));
  const int yes = 1;
  // Lets the listening socket share the port with the placeholder, and with connections in TIME_WAIT.
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    const int error = errno;
    ::close(fd);
    return fail(error == EACCES ? Errc::permission : Errc::conflict,
                "{}:{}: cannot bind: {}; choose another with --port and --agent-port, or use --netns", ip,
                port, std::strerror(error));
  }
  return fd;
}

}  // namespace

Result<Listener> Listener::bind(const std::string& ip, std::uint16_t port) {
  ASSIGN(const int fd, bound_socket(ip, port));
  sockaddr_in address{};
  socklen_t length = sizeof(address);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    ::close(fd);
    return fail(Errc::internal, "getsockname: {}", std::strerror(errno));
  }
  return Listener(ip, fd, ntohs(address.sin_port));
}

Listener::Listener(std::string ip, int placeholder, std::uint16_t port)
    : ip_(std::move(ip)), placeholder_(placeholder), port_(port) {}

Listener::Listener(Listener&& other) noexcept
    : ip_(std::move(other.ip_)), placeholder_(std::exchange(other.placeholder_, -1)), port_(other.port_) {}

Listener::~Listener() {
  if (placeholder_ >= 0) ::close(placeholder_);
}

Result<int> Listener::listen() const {
  ASSIGN(const int fd, bound_socket(ip_, port_));
  if (::listen(fd, 64) != 0) {
    const int error = errno;
    ::close(fd);
    return fail(Errc::conflict, "{}:{}: cannot listen: {}", ip_, port_, std::strerror(error));
  }
  return fd;
}

}  // namespace extvold::replay
