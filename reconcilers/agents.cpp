// Agents: on which host they are, why they are in no list, and what operators plan for their machines. Mesos
// 1.11 operator API, reference sections 3 (registry) and 5 (maintenance). That none of it ends a claim is the
// rule here.
#include <fmt/format.h>

#include <algorithm>

#include "model/ascii.h"
#include "reconcilers/engine.h"

namespace extvold::reconcilers {
namespace {

std::string attributes_of(const AgentRecord& agent) {
  std::string out;
  for (const auto& [name, value] : agent.attributes) out += fmt::format("{}:{}\n", name, value);
  return out;
}

std::string_view attribute_of(const AgentRecord& agent, std::string_view name) {
  for (const auto& [key, value] : agent.attributes) {
    if (key == name) return value;
  }
  return {};
}

// By the first rule that gives a text.
std::string_view host_by_rules(const std::vector<HostRule>& rules, const AgentRecord& agent) {
  std::string_view out;
  for (const HostRule& rule : rules) {
    switch (rule.by) {
      case HostBy::hostname:
        out = agent.hostname;
        break;
      case HostBy::ip:
        out = ip_of(agent.address);
        break;
      case HostBy::attribute:
        out = attribute_of(agent, rule.attribute);
        break;
    }
    if (!out.empty()) break;
  }
  return out;
}

// What the rules read of it.
bool says_the_same(const Agent& known, const AgentRecord& agent) {
  return known.hostname == agent.hostname && ip_of(known.address) == ip_of(agent.address) &&
         known.attributes == attributes_of(agent);
}

// What stands for the machine of an agent: a machine's id has a hostname, an ip, or both. Of an agent whose
// address is not known its hostname must do.
template <typename Value>
const Value* find_machine(const std::map<MachineId, Value>& machines, const Agent& agent) {
  if (machines.empty()) return nullptr;
  const std::string hostname = lower_case(agent.hostname);
  const std::string ip(ip_of(agent.address));
  for (const MachineId& id : {MachineId{hostname, ip}, MachineId{hostname, {}}, MachineId{{}, ip}}) {
    if (id.hostname.empty() && id.ip.empty()) continue;
    const auto found = machines.find(id);
    if (found != machines.end()) return &found->second;
  }
  if (!ip.empty() || hostname.empty()) return nullptr;
  const auto named = machines.lower_bound({hostname, {}});
  return named == machines.end() || named->first.hostname != hostname ? nullptr : &named->second;
}

}  // namespace

// An agent does not move because the rules do: they hold for who is new, or says something else of itself.
// One that is recovered has no address, so that not every rule could be applied to it.
HostId Engine::host_of_agent(const AgentSeen& seen) {
  const Agent* known = snapshot_.agent(seen.agent.agent);
  const HostId before = known == nullptr ? HostId{} : known->host;
  if (before && seen.recovered) return before;
  const std::string_view name = host_by_rules(policy_.host_by, seen.agent);
  if (name.empty()) return before;
  const Host* host = before ? snapshot_.host(before) : nullptr;
  if (host != nullptr && (host->name == name || says_the_same(*known, seen.agent))) return before;
  return host_named(std::string(name));
}

// The agent says of itself, under the same id, that it is on another host now, and its claims go there with
// it (docs/decisions/0009). What it ran may run where it was all the same: whatever is attached there may
// have a user whom nobody knows, and what was proven there counts no more.
void Engine::leave_host(const AgentId& agent, HostId from, HostId to, Now now) {
  std::vector<Claim> left;
  for (const auto& [id, entry] : snapshot_.volumes()) {
    const Attachment* attachment = entry.attachment(from);
    if (attachment == nullptr || attachment->state == AttachmentState::detached) continue;
    void_evidence(entry, from, /*keep_fenced=*/true, "an agent of that host says that it is on another");
    const bool stands = std::any_of(entry.claims.begin(), entry.claims.end(), [&](const Claim* claim) {
      return claim->kind == ClaimKind::synthetic && claim->host == from && claim->agent == agent &&
             claim->liveness == Liveness::unknown;
    });
    if (stands) continue;
    const std::string why =
        fmt::format("agent {} was there and says that it is on another host", agent.value);
    left.push_back(new_synthetic(*attachment, agent, why, now));
  }
  history(
      {.kind = "agent.moved",
       .host = from,
       .rule = "host_by",
       .text = fmt::format("agent {} was on {} and says that it is on {}: of what is attached to {} nobody "
                           "knows who uses it",
                           agent.value, host_name(snapshot_, from), host_name(snapshot_, to),
                           host_name(snapshot_, from))});
  for (Claim& claim : left) {
    touch(claim.volume);
    change(std::move(claim));
  }
}

// It remembers agents for two weeks, also of clusters before ours: who is not known here is nobody's host.
void Engine::on(RegistryAgentSeen& event, Now) {
  if (snapshot_.agent(event.agent) != nullptr) registry_of_poll_[event.agent] = event;
}

// What the registry says about agents that are in no list. It proves nothing about what runs there: no claim
// moves by it.
void Engine::settle_registry(Instant asked_at, Now now) {
  std::vector<Agent> rows;
  for (const auto& [id, agent] : snapshot_.agents()) {
    const AgentView* view = observed_.agent(id);
    if (view != nullptr && view->added_at >= asked_at) continue;  // an event is newer than the answer
    const auto entry = registry_of_poll_.find(id);
    const bool said_before = agent.state == AgentState::unreachable || agent.state == AgentState::gone;
    if (entry == registry_of_poll_.end() && !said_before) continue;
    Agent row = agent;
    if (entry == registry_of_poll_.end()) {
      row.state = AgentState::absent;
      row.state_fact = {AgentSource::registry, now.wall};
      observed_.agents[id].registry_asked_at = {};
    } else {
      const WallTime since = entry->second.since;
      row.state = entry->second.list == RegistryList::gone ? AgentState::gone : AgentState::unreachable;
      row.state_fact = {AgentSource::registry, since.ns == 0 ? agent.state_fact.since : since};
      observed_.agents[id].registry_asked_at = asked_at;
    }
    if (!(row == agent)) rows.push_back(std::move(row));
  }
  registry_of_poll_.clear();
  for (Agent& row : rows) {
    const AgentState before = snapshot_.agent(row.id)->state;
    if (is_listed(before) || before == AgentState::recovered) {  // GET_AGENTS would say so next
      observed_.agents[row.id].registered = false;
      for (const Claim* claim : snapshot_.claims_of_agent(row.id)) touch(claim->volume);
    }
    change(std::move(row));
  }
}

void Engine::on(MaintenanceSeen& event, Now) {
  for (MachineId& machine : event.machines) {
    machine.hostname = lower_case(machine.hostname);
    if (event.state == Maintenance::scheduled) {
      const auto [at, fresh] = windows_of_poll_.emplace(std::move(machine), event.start);
      if (!fresh) at->second = std::min(at->second, event.start);
    } else {
      machines_of_poll_.insert_or_assign(std::move(machine), event.state);
    }
  }
}

void Engine::set_maintenance(Agent& row, Now now) const {
  const Maintenance* mode = find_machine(machines_, row);
  const WallTime* window = find_machine(windows_, row);
  Maintenance state = Maintenance::none;
  if (window != nullptr) state = Maintenance::scheduled;
  if (mode != nullptr) state = *mode;
  const WallTime start = window == nullptr ? WallTime{} : *window;
  if (row.maintenance == state && row.maintenance_start == start) return;
  if (row.maintenance != state) {
    row.maintenance_fact = {
        mode != nullptr ? AgentSource::get_maintenance_status : AgentSource::get_maintenance_schedule,
        now.wall};
  }
  row.maintenance = state;
  row.maintenance_start = start;
}

void Engine::settle_maintenance(Now now) {
  std::vector<Agent> rows;
  for (const auto& [id, agent] : snapshot_.agents()) {
    if (machines_.empty() && windows_.empty() && agent.maintenance == Maintenance::none) continue;
    Agent row = agent;
    set_maintenance(row, now);
    if (!(row == agent)) rows.push_back(std::move(row));
  }
  for (Agent& row : rows) change(std::move(row));
}

}  // namespace extvold::reconcilers
