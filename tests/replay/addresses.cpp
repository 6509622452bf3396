#include "tests/replay/addresses.h"

#include <algorithm>
#include <cstdlib>

namespace extvold::replay {
namespace {

struct Address {
  std::string ip;
  int port = 0;
};

// The address in "slave(1)@127.0.0.11:5051"; port 0 if it is none.
Address address_in_pid(const std::string& pid) {
  const std::size_t at = pid.rfind('@');
  const std::size_t colon = pid.rfind(':');
  if (at == std::string::npos || colon == std::string::npos || colon < at) return {};
  return {pid.substr(at + 1, colon - at - 1), std::atoi(pid.c_str() + colon + 1)};
}

}  // namespace

void Addresses::add(const Endpoint& recorded, std::uint16_t port) {
  bound_.push_back({recorded, port});
  if (recorded.port != port) rewrites_ = true;
}

std::string Addresses::of(const std::string& endpoint) const {
  for (const Bound& bound : bound_) {
    if (bound.recorded.name == endpoint) return bound.recorded.ip + ":" + std::to_string(bound.port);
  }
  return {};
}

void Addresses::learn(const Recording& recording) {
  const auto learn_agent = [this](const Json& agent) {
    const std::string host = text_at(agent, {"agent_info", "hostname"});
    const Address address = address_in_pid(text_at(agent, {"pid"}));
    if (!host.empty() && address.port != 0) ip_of_host_[host] = address.ip;
  };
  for (const Connection& connection : recording.connections) {
    for (const StreamRecord& record : connection.records) {
      if (const Json* agent = find_path(record.value, {"agent_added", "agent"})) learn_agent(*agent);
      const Json* agents = find_path(record.value, {"subscribed", "get_state", "get_agents", "agents"});
      if (agents == nullptr) continue;
      for (const Json& agent : *agents) learn_agent(agent);
    }
  }
}

const Addresses::Bound* Addresses::find(std::string_view ip, int port) const {
  for (const Bound& bound : bound_) {
    if (bound.recorded.ip == ip && bound.recorded.port == port) return &bound;
  }
  return nullptr;
}

void Addresses::rewrite(Json& value) const {
  if (value.is_array()) {
    for (Json& element : value) rewrite(element);
    return;
  }
  if (!value.is_object()) return;
  const std::string pid = text_at(value, {"pid"});
  Address address = address_in_pid(pid);
  if (const Bound* bound = find(address.ip, address.port)) {
    value["pid"] = pid.substr(0, pid.rfind(':') + 1) + std::to_string(bound->port);
  }
  const Json* port = find_path(value, {"port"});
  if (port != nullptr && port->is_number_integer()) {
    std::string ip = text_at(value, {"ip"});
    if (ip.empty()) ip = address.ip;
    if (ip.empty()) {
      const auto host = ip_of_host_.find(text_at(value, {"hostname"}));
      if (host != ip_of_host_.end()) ip = host->second;
    }
    if (const Bound* bound = find(ip, port->get<int>())) value["port"] = bound->port;
  }
  for (auto& [key, member] : value.items()) rewrite(member);
}

std::string Addresses::rewrite(std::string_view text) const {
  if (!rewrites_) return std::string(text);
  Json value = parse_json(text);
  if (!value.is_structured()) return std::string(text);
  rewrite(value);
  return dump_json(value);
}

}  // namespace extvold::replay
