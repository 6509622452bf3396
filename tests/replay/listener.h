// A TCP address that is ours for the whole run, whether somebody listens on it or not. While nobody does, a
// connect is refused, as by a dead process: a second socket, bound but never listening, keeps the port from
// being given away. Owns its descriptors; one thread.
#pragma once

#include <cstdint>
#include <string>

#include "model/result.h"

namespace extvold::replay {

class Listener {
 public:
  // `port` 0: any free one. Errors: permission, conflict (in use), invalid (no IPv4 address).
  static Result<Listener> bind(const std::string& ip, std::uint16_t port);

  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&&) = delete;
  ~Listener();

  std::uint16_t port() const { return port_; }
  // A new listening socket on the address; the caller owns it. Errors: conflict.
  Result<int> listen() const;

 private:
  Listener(std::string ip, int placeholder, std::uint16_t port);

  std::string ip_;
  int placeholder_;
  std::uint16_t port_;
};

}  // namespace extvold::replay
