// Agents and reservations for people.
#include "daemon/cli/render_parts.h"

namespace extvold::daemon::cli {
namespace {

std::string condition_of(const Json& agent) {
  std::string out = text_of(agent, "drain_state");
  if (part(agent, "deactivated") == true) out += out.empty() ? "deactivated" : ", deactivated";
  return out;
}

std::string labels_of(const Json& reservation) {
  std::string out;
  for (const Json& one : list_of(reservation, "labels"))
    out += fmt::format("{}{}={}", out.empty() ? "" : " ", text_of(one, "key"), text_of(one, "value"));
  return out;
}

}  // namespace

std::string render_agents(const Json& agents, Style style) {
  if (list_of(agents, "agents").empty())
    return "no agents are known; `extvold status` shows the view of Mesos\n";
  Table table({"AGENT", "HOSTNAME", "STATE", "CONDITION", "ADDRESS", "VERSION", "ASKED OF THE MASTER"});
  for (const Json& one : list_of(agents, "agents")) {
    const std::string state = text_of(one, "state");
    const Json& operation = part(one, "operation");
    table.add({text_of(one, "id"), text_of(one, "hostname"), Cell(state, paint_of(state)),
               Cell(condition_of(one), Paint::attention), text_of(one, "address"), text_of(one, "version"),
               operation.is_null()
                   ? std::string()
                   : fmt::format("{} {}", text_of(operation, "kind"), text_of(operation, "state"))});
  }
  return table.text(style.colours);
}

std::string render_reservations(const Json& reservations, Style style) {
  if (list_of(reservations, "reservations").empty()) return "no agent has a dynamic reservation\n";
  Table table({"AGENT", "HOSTNAME", "ROLE", "RESOURCE", ">AMOUNT", "VOLUME", "PATH", "DISK", "LABELS"});
  for (const Json& one : list_of(reservations, "reservations")) {
    table.add({text_of(one, "agent"), text_of(one, "hostname"), text_of(one, "role"),
               text_of(one, "resource"), text_of(one, "amount"), text_of(one, "persistence_id"),
               text_of(one, "container_path"), text_of(one, "disk_source"), labels_of(one)});
  }
  return table.text(style.colours);
}

}  // namespace extvold::daemon::cli
