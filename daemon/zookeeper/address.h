// Address: where a cluster's masters meet, as an operator writes it: zk://user:password@h1:2181,h2:2181/mesos
//
// A plain value, any thread. The credentials are a secret: only `text()` may be shown, and no error message
// of this header holds any part of what stands before the '@'.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace extvold::daemon::zookeeper {

inline constexpr std::string_view kScheme = "zk://";

struct Server {
  std::string host;  // a name, an IPv4 address, or an IPv6 address without brackets
  int port = 0;
  bool operator==(const Server&) const = default;
};

struct Address {
  std::vector<Server> servers;
  std::string credentials;  // "user:password" for the digest scheme; empty: none
  std::string path;         // "/mesos": never "/", no slash at its end

  std::string text() const;  // "zk://h1:2181,h2:2181/mesos", for people: without the credentials
  bool operator==(const Address&) const = default;
};

struct AddressProblem {
  std::string what;
  std::string remedy;
};

tl::expected<Address, AddressProblem> parse_address(std::string_view text);

// What is wrong with a node's absolute path; empty: nothing.
std::string problem_of_path(std::string_view path);

// `text` with everything before its last '@' left out, for messages about something that may be an address.
std::string without_credentials(std::string_view text);

}  // namespace extvold::daemon::zookeeper
