#include "daemon/zookeeper/address.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace extvold::daemon::zookeeper {
namespace {

constexpr std::string_view kForm = "write zk://HOST:2181,HOST:2181/PATH, as \"zk://10.0.0.1:2181/mesos\"";
constexpr std::size_t kShownMax = 100;

bool is_host(std::string_view host, bool bracketed) {
  return !host.empty() && host.size() <= 253 && std::all_of(host.begin(), host.end(), [&](char c) {
    const bool hex = (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || (c >= '0' && c <= '9');
    if (bracketed) return hex || c == ':' || c == '.';
    return hex || (c >= 'g' && c <= 'z') || (c >= 'G' && c <= 'Z') || c == '.' || c == '-' || c == '_';
  });
}

// "host:port" or "[v6]:port"
tl::expected<Server, AddressProblem> parse_server(std::string_view text) {
  const auto bad = [&](std::string_view what) {
    return tl::make_unexpected(
        AddressProblem{fmt::format("\"{}\" {}", text.substr(0, kShownMax), what), std::string(kForm)});
  };
  if (text.empty()) return bad("is no server: a comma too many, or none is named");
  const bool bracketed = text.front() == '[';
  const std::size_t colon = text.rfind(':');
  const std::size_t closing = text.find(']');
  if (bracketed && closing == std::string_view::npos) return bad("has no closing bracket");
  if (colon == std::string_view::npos || (bracketed && colon != closing + 1)) return bad("has no port");
  const std::string_view host = bracketed ? text.substr(1, closing - 1) : text.substr(0, colon);
  if (!is_host(host, bracketed)) return bad("is not HOST:PORT");
  const std::string_view port = text.substr(colon + 1);
  int number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc{} || end != port.data() + port.size() || number < 1 || number > 65'535)
    return bad("has no port from 1 to 65535");
  return Server{std::string(host), number};
}

}  // namespace

std::string Address::text() const {
  std::string out(kScheme);
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const bool v6 = servers[i].host.find(':') != std::string::npos;
    out += fmt::format("{}{}{}{}:{}", i == 0 ? "" : ",", v6 ? "[" : "", servers[i].host, v6 ? "]" : "",
                       servers[i].port);
  }
  return out + path;
}

std::string problem_of_path(std::string_view path) {
  if (!path.starts_with('/')) return "does not begin with a /";
  if (path.size() == 1) return "is the root, which is not one cluster's own";
  if (path.size() > 1024) return "has more than 1024 bytes";
  std::string_view rest = path.substr(1);
  for (;;) {
    const std::size_t slash = rest.find('/');
    const std::string_view name = rest.substr(0, slash);
    if (name.empty()) return "has an empty name between two slashes, or at its end";
    if (name == "." || name == "..") return "has a relative part";
    if (std::any_of(name.begin(), name.end(), [](char c) { return c <= 0x20 || c > 0x7e; }))
      return "has a character that is not printable ASCII";
    if (slash == std::string_view::npos) return {};
    rest.remove_prefix(slash + 1);
  }
}

// As Mesos reads it: the path begins at the first slash, the servers after the last '@' before it.
tl::expected<Address, AddressProblem> parse_address(std::string_view text) {
  const auto bad = [](std::string what, std::string_view remedy) {
    return tl::make_unexpected(AddressProblem{std::move(what), std::string(remedy)});
  };
  if (!text.starts_with(kScheme)) return bad("does not begin with zk://", kForm);
  std::string_view rest = text.substr(kScheme.size());
  const std::size_t slash = rest.find('/');
  std::string_view path = slash == std::string_view::npos ? std::string_view() : rest.substr(slash);
  std::string_view servers = rest.substr(0, slash);
  if (path.find('@') != std::string_view::npos) {
    return bad("has an @ behind a slash: a password with a slash in it cannot be written here",
               "give extvold's user in ZooKeeper a password without '/' and '@'");
  }
  Address out;
  if (const std::size_t at = servers.rfind('@'); at != std::string_view::npos) {
    const std::string_view given = servers.substr(0, at);
    const std::size_t colon = given.find(':');
    if (colon == std::string_view::npos || colon == 0 || colon + 1 == given.size()) {
      return bad("has something before the @ that is not USER:PASSWORD",
                 "write zk://USER:PASSWORD@HOST:2181/PATH, or leave it and the @ out");
    }
    if (std::any_of(given.begin(), given.end(), [](char c) { return c >= 0 && c <= 0x20; }))
      return bad("has a space or a control character before the @",
                 "write zk://USER:PASSWORD@HOST:2181/PATH");
    out.credentials = given;
    servers.remove_prefix(at + 1);
  }
  for (;;) {
    const std::size_t comma = servers.find(',');
    auto server = parse_server(servers.substr(0, comma));
    if (!server) return tl::make_unexpected(std::move(server.error()));
    out.servers.push_back(std::move(*server));
    if (comma == std::string_view::npos) break;
    servers.remove_prefix(comma + 1);
  }
  if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  if (path.empty() || path == "/")
    return bad("names no path", "write the path that the masters' --zk has, as zk://10.0.0.1:2181/mesos");
  if (std::string problem = problem_of_path(path); !problem.empty())
    return bad(fmt::format("has the path \"{}\", which {}", path.substr(0, kShownMax), problem), kForm);
  out.path = path;
  return out;
}

std::string without_credentials(std::string_view text) {
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos) return std::string(text);
  const std::size_t scheme = text.find("://");
  const std::string_view before = scheme < at ? text.substr(0, scheme + 3) : std::string_view();
  return fmt::format("{}...{}", before, text.substr(at));
}

}  // namespace extvold::daemon::zookeeper
