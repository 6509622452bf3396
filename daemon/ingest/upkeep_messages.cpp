// What an operator or the master decided about agents and machines: entries of the registry (registry.proto,
// v0 names), windows of the maintenance schedule and machines in maintenance (v1 maintenance.proto).
#include "daemon/ingest/messages.h"

namespace extvold::ingest {

namespace {

// {"nanoseconds": N}: more than a double holds exactly.
bool read_time(Walk& walk, JsonValue& value, const char* what, WallTime& out) {
  return walk.object(value, what, [&](std::string_view key, JsonValue& field) {
    return is_key(key, "nanoseconds") ? walk.integer(field, what, out.ns) : walk.unknown_field();
  });
}

// One that says nothing of itself could be any.
bool keep_machine(Walk& walk, MachineId machine, MaintenanceSeen& out) {
  if (machine.hostname.empty() && machine.ip.empty()) return walk.unknown_value();
  out.machines.push_back(std::move(machine));
  return true;
}

bool read_machine(Walk& walk, JsonValue& value, MaintenanceSeen& out) {
  MachineId machine;
  return walk.object(value, "machine", [&](std::string_view key, JsonValue& field) {
    return machine_field(walk, key, field, machine);
  }) && keep_machine(walk, std::move(machine), out);
}

}  // namespace

bool machine_field(Walk& walk, std::string_view key, JsonValue& value, MachineId& out) {
  if (is_key(key, "hostname")) return walk.text(value, "hostname", out.hostname, kMaxNameBytes);
  if (is_key(key, "ip")) return walk.text(value, "ip", out.ip, kMaxWordBytes);
  return walk.unknown_field();
}

bool window_field(Walk& walk, std::string_view key, JsonValue& value, MaintenanceSeen& out) {
  if (is_key(key, "machine_ids")) {
    return walk.array(value, "machine_ids", [&](JsonValue& one) { return read_machine(walk, one, out); });
  }
  if (!is_key(key, "unavailability")) return walk.unknown_field();
  return walk.object(value, "unavailability", [&](std::string_view inner, JsonValue& part) {
    if (is_key(inner, "start")) return read_time(walk, part, "start", out.start);
    return is_key(inner, "duration") || walk.unknown_field();
  });
}

bool draining_machine_field(Walk& walk, std::string_view key, JsonValue& value, MaintenanceSeen& out) {
  if (is_key(key, "id")) return read_machine(walk, value, out);
  return is_key(key, "statuses") || walk.unknown_field();
}

bool registry_agent_field(Walk& walk, std::string_view key, JsonValue& value, RegistryAgentSeen& out) {
  if (is_key(key, "id")) return read_id(walk, value, "id", out.agent);
  if (is_key(key, "timestamp")) return read_time(walk, value, "timestamp", out.since);
  return is_key(key, "deactivated") || is_key(key, "drain_info") || walk.unknown_field();
}

}  // namespace extvold::ingest
