// Agent of GET_AGENTS and AGENT_ADDED (v1 master.proto), AgentInfo (v1 mesos.proto).
#include "daemon/ingest/accept.h"
#include "daemon/ingest/messages.h"

namespace extvold::ingest {

namespace {

enum class AgentWord : std::uint8_t {
  unknown,
  ignored,
  agent_info,
  active,
  deactivated,
  version,
  pid,
  drain_info,
  total_resources
};
constexpr auto kAgentFields = key_set<AgentWord>({
    {"agent_info", AgentWord::agent_info},
    {"active", AgentWord::active},
    {"deactivated", AgentWord::deactivated},
    {"version", AgentWord::version},
    {"pid", AgentWord::pid},
    {"drain_info", AgentWord::drain_info},
    {"total_resources", AgentWord::total_resources},
    {"registered_time", AgentWord::ignored},
    {"reregistered_time", AgentWord::ignored},
    {"allocated_resources", AgentWord::ignored},
    {"offered_resources", AgentWord::ignored},
    {"capabilities", AgentWord::ignored},
    {"resource_providers", AgentWord::ignored},
    {"estimated_drain_start_time", AgentWord::ignored},
});

enum class InfoWord : std::uint8_t { unknown, ignored, hostname, id, attributes };
constexpr auto kInfoFields = key_set<InfoWord>({
    {"hostname", InfoWord::hostname},
    {"id", InfoWord::id},
    {"attributes", InfoWord::attributes},
    {"port", InfoWord::ignored},
    {"resources", InfoWord::ignored},
    {"domain", InfoWord::ignored},
    {"checkpoint", InfoWord::ignored},
});

// TEXT and SCALAR are kept, as text; ranges and sets say nothing about storage.
bool read_attribute(Walk& walk, JsonValue& value, AgentRecord& out) {
  std::string_view name;
  std::string_view text;
  const bool read = walk.object(value, "attribute", [&](std::string_view key, JsonValue& field) {
    if (is_key(key, "name")) return walk.text(field, "name", name);
    if (is_key(key, "text")) {
      return walk.object(field, "text", [&](std::string_view inner, JsonValue& part) {
        return is_key(inner, "value") ? walk.text(part, "value", text) : walk.unknown_field();
      });
    }
    if (is_key(key, "scalar")) {
      return walk.object(field, "scalar", [&](std::string_view inner, JsonValue& part) {
        return is_key(inner, "value") ? walk.number_text(part, "value", text) : walk.unknown_field();
      });
    }
    return is_key(key, "type") || is_key(key, "ranges") || is_key(key, "set") || walk.unknown_field();
  });
  if (!read) return false;
  if (!name.empty() && !text.empty()) {
    out.attributes.emplace_back(std::string(name.substr(0, kMaxNameBytes)),
                                std::string(text.substr(0, kMaxNameBytes)));
  }
  return true;
}

bool read_pid(Walk& walk, JsonValue& value, AgentRecord& out) {
  std::string_view pid;
  if (!walk.text(value, "pid", pid)) return false;
  const std::string_view address = address_of_pid(pid);
  out.address.assign(address);
  return !address.empty() || walk.unknown_value();
}

bool read_drain_info(Walk& walk, JsonValue& value, AgentRecord& out) {
  return walk.object(value, "drain_info", [&](std::string_view key, JsonValue& field) {
    if (is_key(key, "state")) return walk.text(field, "state", out.drain_state, kMaxWordBytes);
    return is_key(key, "config") || walk.unknown_field();
  });
}

}  // namespace

bool agent_info_field(Reading& reading, std::string_view key, JsonValue& value, AgentRecord& out) {
  Walk& walk = reading.walk;
  switch (kInfoFields.find(key)) {
    case InfoWord::hostname:
      return walk.text(value, "hostname", out.hostname, kMaxNameBytes);
    case InfoWord::id:
      return read_id(walk, value, "id", out.agent);
    case InfoWord::attributes:
      return walk.array(value, "attributes", [&](JsonValue& one) { return read_attribute(walk, one, out); });
    case InfoWord::ignored:
      return true;
    case InfoWord::unknown:
      return walk.unknown_field();
  }
  return true;
}

bool agent_field(Reading& reading, std::string_view key, JsonValue& value, AgentSeen& out,
                 std::optional<JsonValue>& total_resources) {
  Walk& walk = reading.walk;
  switch (kAgentFields.find(key)) {
    case AgentWord::agent_info:
      return walk.object(value, "agent_info", [&](std::string_view inner, JsonValue& part) {
        return agent_info_field(reading, inner, part, out.agent);
      });
    case AgentWord::active:
      return walk.boolean(value, "active", out.agent.active);
    case AgentWord::deactivated:
      return walk.boolean(value, "deactivated", out.agent.deactivated);
    case AgentWord::version:
      return walk.text(value, "version", out.agent.version, kMaxWordBytes);
    case AgentWord::pid:
      return read_pid(walk, value, out.agent);
    case AgentWord::drain_info:
      return read_drain_info(walk, value, out.agent);
    case AgentWord::total_resources:
      total_resources = value;
      return true;
    case AgentWord::ignored:
      return true;
    case AgentWord::unknown:
      return walk.unknown_field();
  }
  return true;
}

}  // namespace extvold::ingest
