// Where each recorded endpoint really listens, and the rewriting of recorded addresses to it. Pure values;
// any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/replay/json.h"
#include "tests/replay/recording.h"

namespace extvold::replay {

class Addresses {
 public:
  void add(const Endpoint& recorded, std::uint16_t port);

  bool rewrites() const { return rewrites_; }
  std::string of(const std::string& endpoint) const;  // "127.0.0.11:40123"

  // Rewrites what names a recorded address in an answer or an event: `pid` (master@…, slave(1)@…), `port`
  // beside `pid`, `ip` or the hostname of an agent whose address is known by now.
  void rewrite(Json& value) const;
  // The same for a text; what is no JSON, or needs nothing, comes back as it is, byte for byte.
  std::string rewrite(std::string_view text) const;

  // Tells which recorded address a hostname is: learnt from the recording's agents, whose registry entries
  // have no pid.
  void learn(const Recording& recording);

 private:
  struct Bound {
    Endpoint recorded;
    std::uint16_t port = 0;
  };
  const Bound* find(std::string_view ip, int port) const;

  std::vector<Bound> bound_;
  std::map<std::string, std::string> ip_of_host_;  // "a1.cluster" → "127.0.0.11"
  bool rewrites_ = false;
};

}  // namespace extvold::replay
