// Operations on Mesos itself: an operator's order becomes an intent, the intent a call, and only a list that
// was asked for after the call says what came of it. Facts: Mesos 1.11 operator API, reference section 5.
//
// What the master shows of reservations and volumes right after its 202 is its own guess, which the agent's
// next message can take back; there is no event and no version number. So a list counts only if it was asked
// for a while after the answer (docs/decisions/0018).
#include <fmt/format.h>

#include <algorithm>

#include "model/check.h"
#include "reconcilers/engine.h"

namespace extvold::reconcilers {
namespace {

constexpr Duration kGuessLasts = seconds(5);     // of the master, about what it sent to an agent
constexpr Duration kCallOnItsWay = seconds(60);  // a call without an answer may still reach the master

constexpr std::string_view kReadBack = "mesos.read_back";

constexpr std::int64_t kAmountMax = 9'000'000'000'000'000;  // thousandths; as what is read of lists

// Mesos compares them without regard to their order.
bool same_labels(std::vector<std::pair<std::string, std::string>> a,
                 std::vector<std::pair<std::string, std::string>> b) {
  if (a.size() != b.size()) return false;
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b;
}

const std::vector<ReservationRecord>& reservations_of(const Snapshot& snapshot, const AgentId& agent) {
  static const std::vector<ReservationRecord> kNone;
  const auto found = snapshot.reservations().find(agent);
  return found == snapshot.reservations().end() ? kNone : found->second;
}

// With the volumes on it: making one does not change how much is reserved.
std::int64_t reserved_milli(const Snapshot& snapshot, const AgentId& agent, const MesosRequest& request) {
  std::int64_t sum = 0;
  for (const ReservationRecord& one : reservations_of(snapshot, agent)) {
    if (one.role == request.role && one.resource == request.resource &&
        same_labels(one.labels, request.labels))
      sum += one.amount_milli;
  }
  return sum;
}

const ReservationRecord* volume_on(const Snapshot& snapshot, const AgentId& agent,
                                   const MesosRequest& request) {
  const auto& all = reservations_of(snapshot, agent);
  const auto found = std::find_if(all.begin(), all.end(), [&](const ReservationRecord& one) {
    return one.persistence_id == request.persistence_id && one.role == request.role;
  });
  return found == all.end() ? nullptr : &*found;
}

bool is_gone(const Agent& agent) {
  return agent.state == AgentState::gone || agent.state == AgentState::removed;
}

// Whether the master's view, as it is now, is what was asked for. Of an agent that it does not list it says
// nothing but that it is gone.
bool shows(const Snapshot& snapshot, const MesosOperation& operation, const Agent& agent) {
  const MesosRequest& request = operation.request;
  if (agent.state == AgentState::gone)
    return operation.kind == MesosOperationKind::mark_agent_gone || request.mark_gone;
  if (!is_listed(agent.state)) return false;
  switch (operation.kind) {
    case MesosOperationKind::reserve_resources:
      return reserved_milli(snapshot, agent.id, request) >= request.before_milli + request.amount_milli;
    case MesosOperationKind::unreserve_resources:
      return reserved_milli(snapshot, agent.id, request) <= request.before_milli - request.amount_milli;
    case MesosOperationKind::create_volumes:
      return volume_on(snapshot, agent.id, request) != nullptr;
    case MesosOperationKind::destroy_volumes:
      return volume_on(snapshot, agent.id, request) == nullptr;
    case MesosOperationKind::deactivate_agent:
      return agent.deactivated;
    case MesosOperationKind::reactivate_agent:
      return !agent.deactivated;
    case MesosOperationKind::drain_agent:
      return !agent.drain_state.empty();
    case MesosOperationKind::mark_agent_gone:
      return false;
  }
  return false;
}

Status check_word(std::string_view what, std::string_view text) {
  const bool good = !text.empty() && text.size() <= 200 && std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) > ' ' && c != 0x7F;
  });
  if (good) return {};
  return fail(Errc::invalid, "{} \"{}\": 1 to 200 characters without spaces are expected", what, text);
}

Status check_resources(MesosOperationKind kind, const MesosRequest& request) {
  const bool of_volume =
      kind == MesosOperationKind::create_volumes || kind == MesosOperationKind::destroy_volumes;
  TRY(check_word("role", request.role));
  if (request.role == "*") return fail(Errc::invalid, "role \"*\": that is what is not reserved");
  if (of_volume) TRY(check_word("the volume's id", request.persistence_id));
  if (of_volume && request.persistence_id.find('/') != std::string::npos)
    return fail(Errc::invalid, "the volume's id \"{}\" has a '/'", request.persistence_id);
  if (!of_volume) TRY(check_word("resource", request.resource));
  if (kind == MesosOperationKind::create_volumes) TRY(check_word("container path", request.container_path));
  if (kind != MesosOperationKind::destroy_volumes && request.amount_milli <= 0)
    return fail(Errc::invalid, "the amount must be more than 0");
  if (request.amount_milli > kAmountMax)
    return fail(Errc::invalid, "the amount {} is too large", scalar_text(request.amount_milli));
  for (const auto& [key, value] : request.labels) {
    if (key.empty() || key.find_first_of("=\n") != std::string::npos || value.find('\n') != std::string::npos)
      return fail(Errc::invalid, "label \"{}\": KEY=VALUE is expected, without line ends", key);
  }
  return {};
}

// What nobody can take back, and why a person must mean it.
std::string_view irrevocable(const AskMesos& order) {
  if (order.kind == MesosOperationKind::mark_agent_gone ||
      (order.kind == MesosOperationKind::drain_agent && order.request.mark_gone))
    return "an agent that is marked gone never comes back under its id";
  if (order.kind == MesosOperationKind::destroy_volumes) return "what is on the volume is lost";
  return {};
}

// By id, or by the hostname of exactly one that the master lists; of those that it does not list if it lists
// none.
Result<const Agent*> agent_named(const Snapshot& snapshot, const std::string& name) {
  if (const Agent* agent = snapshot.agent(AgentId(name))) return agent;
  std::vector<const Agent*> listed;
  std::vector<const Agent*> others;
  for (const auto& [id, agent] : snapshot.agents()) {
    if (agent.hostname != name) continue;
    if (is_listed(agent.state)) {
      listed.push_back(&agent);
    } else if (!is_gone(agent)) {
      others.push_back(&agent);
    }
  }
  const std::vector<const Agent*>& found = listed.empty() ? others : listed;
  if (found.empty())
    return fail(Errc::not_found, "no agent {}; `extvold agent list` shows ids and hostnames", name);
  if (found.size() == 1) return found.front();
  return fail(Errc::conflict, "{} has more than one agent ({}, {}): name the agent by its id", name,
              found[0]->id.value, found[1]->id.value);
}

}  // namespace

void Engine::history(const MesosOperation& operation, std::string_view what, std::string_view why) {
  const Agent* agent = snapshot_.agent(operation.agent);
  history({.kind = fmt::format("operation.{}", what),
           .host = agent == nullptr ? HostId{} : agent->host,
           .operation = operation.id,
           .rule = fmt::format("mesos.{}", to_text(operation.kind)),
           .text = fmt::format("{}: {}", describe(operation, snapshot_), why),
           .user_uid = operation.user_uid});
}

// ---- the order

Result<std::string> Engine::obey(const AskMesos& order, const Command& command, Now now) {
  ASSIGN(const Agent* agent, agent_named(snapshot_, order.agent));
  TRY(may_ask(order, *agent));
  MesosOperation operation;
  operation.kind = order.kind;
  operation.agent = agent->id;
  operation.request = order.request;
  if (order.kind == MesosOperationKind::create_volumes || order.kind == MesosOperationKind::destroy_volumes)
    operation.request.resource = "disk";
  if (const ReservationRecord* volume = volume_on(snapshot_, agent->id, operation.request);
      volume != nullptr && order.kind == MesosOperationKind::destroy_volumes)
    operation.request.amount_milli = volume->amount_milli;
  operation.request.before_milli = reserved_milli(snapshot_, agent->id, operation.request);
  operation.user_uid = command.user_uid;
  operation.reason = order.reason;
  const std::string what = describe(operation, snapshot_);
  if (order.dry_run)
    return fmt::format("would ask the master to {} ({}); nothing was recorded or asked", what,
                       to_text(order.kind));
  operation.generation = {snapshot_.ledger.incarnation, snapshot_.counters.next_generation++};
  counters_used_ = true;
  operation.id = operation_id(snapshot_.ledger.id, operation.kind, operation.agent, operation.generation);
  operation.recorded_at = now.wall;
  history(operation, "recorded", order.reason.empty() ? "an operator's order" : order.reason);
  awaiting_[{snapshot_.sequence.value + 1}].mesos_calls.emplace_back(operation.id, operation.agent);
  const std::string id = operation.id.value;
  change(std::move(operation));
  return fmt::format("{}: recorded as {}; `extvold history` says what comes of it", what, id);
}

Status Engine::may_ask(const AskMesos& order, const Agent& agent) const {
  const std::string_view word = to_text(order.kind);
  MesosOperation asked;
  asked.kind = order.kind;
  asked.agent = agent.id;
  if (is_of_resources(order.kind)) TRY(check_resources(order.kind, order.request));
  if (const std::string why = why_not_ask(asked); !why.empty())
    return fail(Errc::conflict, "{} of agent {}: {}", word, agent.id.value, why);
  if (const auto open = snapshot_.mesos_operations().find(agent.id);
      open != snapshot_.mesos_operations().end()) {
    return fail(Errc::conflict, "{} of agent {}: its operation \"{}\" is {}", word, agent.id.value,
                describe(open->second, snapshot_), to_text(open->second.state));
  }
  if (const std::string_view why = irrevocable(order); !why.empty() && !order.dry_run) {
    const std::string& name =
        order.kind == MesosOperationKind::destroy_volumes ? order.request.persistence_id : order.agent;
    if (order.typed != name)
      return fail(Errc::invalid, "{} of agent {}: {}; \"{}\" was not typed again", word, agent.id.value, why,
                  name);
    if (order.reason.empty())
      return fail(Errc::invalid, "{} of agent {}: {}; a reason is needed", word, agent.id.value, why);
  }
  const bool there = shows(
      snapshot_,
      [&] {
        MesosOperation one = asked;
        one.request = order.request;
        one.request.before_milli = reserved_milli(snapshot_, agent.id, order.request);
        return one;
      }(),
      agent);
  if (there) {
    return fail(Errc::conflict, "{} of agent {}: there is nothing to do, the master shows it so already",
                word, agent.id.value);
  }
  if (order.kind == MesosOperationKind::unreserve_resources &&
      reserved_milli(snapshot_, agent.id, order.request) < order.request.amount_milli) {
    return fail(Errc::conflict, "agent {} has only {} of {} reserved for role {} with these labels",
                agent.id.value, scalar_text(reserved_milli(snapshot_, agent.id, order.request)),
                order.request.resource, order.request.role);
  }
  if (order.kind == MesosOperationKind::destroy_volumes) {
    for (const Claim* claim : snapshot_.claims_of_agent(agent.id)) {
      if (claim->reference.spelling == ReferenceSpelling::persistent_volume &&
          claim->reference.name == order.request.persistence_id && claim->liveness != Liveness::dead) {
        return fail(Errc::conflict, "persistent volume {} is in use: {} claims it",
                    order.request.persistence_id, claim_text(snapshot_, *claim));
      }
    }
  }
  return {};
}

// Whether it may be asked now: for the order, and again when its intent is durable.
std::string Engine::why_not_ask(const MesosOperation& operation) const {
  const auto& allowed = policy_.mesos_calls;
  if (std::find(allowed.begin(), allowed.end(), operation.kind) == allowed.end()) {
    return fmt::format("the configuration does not allow it: add \"{}\" to [mesos] operations",
                       to_text(operation.kind));
  }
  if (!policy_.observe_only.empty()) return policy_.observe_only;
  const Agent* agent = snapshot_.agent(operation.agent);
  if (agent == nullptr) return "the agent is not known any more";
  const Host* host = snapshot_.host(agent->host);
  if (host != nullptr && host->hold == HoldState::held)
    return fmt::format("host {0} is held (`extvold release {0}`)", host->name);
  if (snapshot_.mode != Mode::active && (host == nullptr || host->hold != HoldState::released))
    return "the ledger is in observe mode (`extvold release --all`)";
  if (!observed_.view_complete)
    return fmt::format("the view of Mesos is not complete: {}", observed_.view_incomplete_why);
  if (operation.kind == MesosOperationKind::mark_agent_gone) {
    if (!is_listed(agent->state)) return {};
    return fmt::format(
        "it is registered, so it is there; `extvold agent drain {} --mark-gone` ends its "
        "tasks first",
        operation.agent.value);
  }
  if (!is_listed(agent->state))
    return fmt::format("the master does not list it ({}); it has to be registered", to_text(agent->state));
  return {};
}

// ---- the call

void Engine::begin_mesos_call(const AgentId& agent, const OperationId& id, Now now) {
  const auto open = snapshot_.mesos_operations().find(agent);
  if (open == snapshot_.mesos_operations().end() || open->second.id != id ||
      open->second.state != OperationState::recorded)
    return;
  MesosOperation operation = open->second;
  const std::string why = stopping_ ? "extvold is being stopped" : why_not_ask(operation);
  if (!why.empty())
    return end_mesos_operation(std::move(operation), OperationState::failed,
                               {Errc::conflict, fmt::format("superseded, nothing was asked: {}", why)}, now);
  operation.state = OperationState::issued;
  change(operation);
  effects_.emplace_back(CallMaster{std::move(operation)});
}

void Engine::on_result(const MesosCallResult& result, Now now) {
  const auto open = snapshot_.mesos_operations().find(result.agent);
  if (open == snapshot_.mesos_operations().end() || open->second.id != result.id) return;
  MesosOperation operation = open->second;
  if (result.answer == MesosAnswer::refused)
    return end_mesos_operation(std::move(operation), OperationState::failed, result.error, now);
  if (result.answer == MesosAnswer::unknown) {
    operation.state = OperationState::uncertain;
    operation.error_code = result.error.code;
    operation.error = result.error.message;
    history(operation, "uncertain", operation.error);
    change(std::move(operation));
  }
  snapshot_.note_mesos_call_ended(result.agent, result.ended_at);
}

// What a crash may have left. A call of the run before may still be on its way.
void Engine::doubt_mesos_operations(Now now) {
  std::vector<MesosOperation> open;
  for (const auto& [agent, operation] : snapshot_.mesos_operations()) open.push_back(operation);
  for (MesosOperation& operation : open) {
    const AgentId agent = operation.agent;
    if (operation.state != OperationState::uncertain) {
      operation.state = OperationState::uncertain;
      operation.error_code = Errc::uncertain;
      operation.error = "extvold was started again while it was under way";
      history(operation, "uncertain", operation.error);
      change(std::move(operation));
    }
    snapshot_.note_mesos_call_ended(agent, now.at);
  }
}

// ---- the read-back

namespace {

// The list that shows what came of it.
MasterCall read_back_by(MesosOperationKind kind) {
  return kind == MesosOperationKind::mark_agent_gone ? MasterCall::registry : MasterCall::get_agents;
}

Duration settles_after(const MesosOperation& operation) {
  return is_of_resources(operation.kind) ? kGuessLasts : Duration{};
}

}  // namespace

void Engine::request_read_backs(Now now, Instant& next) {
  for (const auto& [agent, operation] : snapshot_.mesos_operations()) {
    const Instant ended = operation.call_ended_at.value;
    if (ended.ns == 0) continue;  // under way
    PollState& poll = master_polls_[read_back_by(operation.kind)];
    Instant due = ended + settles_after(operation);
    // Looked at once; nothing was there. It is not ruled out before a call on its way must have arrived.
    if (poll.sent_at >= due) due = ended + kCallOnItsWay;
    if (poll.sent_at >= due) continue;
    if (due <= now.at) {
      poll.wanted = true;
    } else {
      next = std::min(next, due);
    }
  }
}

void Engine::settle_mesos_operations(MasterCall call, Instant asked_at, Now now) {
  if (call == MasterCall::registry) give_up_on_unreachable(asked_at, now);
  std::vector<MesosOperation> open;
  for (const auto& [agent, operation] : snapshot_.mesos_operations()) {
    const Instant ended = operation.call_ended_at.value;
    if (ended.ns == 0 || read_back_by(operation.kind) != call || asked_at < ended + settles_after(operation))
      continue;
    // What an event said meanwhile stands, and it said nothing of resources.
    const AgentView* view = observed_.agent(agent);
    if (call == MasterCall::get_agents && view != nullptr && view->added_at >= asked_at) {
      master_polls_[call].wanted = true;
      continue;
    }
    open.push_back(operation);
  }
  for (MesosOperation& operation : open) {
    const Agent* agent = snapshot_.agent(operation.agent);
    // The registry speaks of every agent, a list only of those in it.
    const bool told = agent != nullptr &&
                      (is_listed(agent->state) || operation.kind == MesosOperationKind::mark_agent_gone);
    const bool on_its_way = asked_at < operation.call_ended_at.value + kCallOnItsWay;
    if (agent != nullptr && shows(snapshot_, operation, *agent)) {
      end_mesos_operation(std::move(operation), OperationState::done, {}, now);
    } else if (agent == nullptr || is_gone(*agent)) {
      end_mesos_operation(std::move(operation), OperationState::failed,
                          {Errc::not_found, "its agent is gone"}, now);
    } else if (told && operation.state == OperationState::issued) {
      end_mesos_operation(std::move(operation), OperationState::failed,
                          {Errc::conflict,
                           "the master accepted it, and its list does not show it: the agent "
                           "refused it, or somebody changed it back"},
                          now);
    } else if (told && !on_its_way) {
      end_mesos_operation(std::move(operation), OperationState::failed,
                          {Errc::unavailable, "it did not happen: the master's list does not show it"}, now);
    }
  }
}

// No list speaks of an agent that is lost. What was asked of the master about it cannot be found out, and
// must not stand in the way of what is to be asked now.
void Engine::give_up_on_unreachable(Instant asked_at, Now now) {
  std::vector<MesosOperation> lost;
  for (const auto& [id, operation] : snapshot_.mesos_operations()) {
    const Instant ended = operation.call_ended_at.value;
    const Agent* agent = snapshot_.agent(id);
    if (operation.kind != MesosOperationKind::mark_agent_gone && ended.ns != 0 &&
        asked_at >= ended + kCallOnItsWay && agent != nullptr && agent->state == AgentState::unreachable)
      lost.push_back(operation);
  }
  for (MesosOperation& operation : lost) {
    end_mesos_operation(std::move(operation), OperationState::failed,
                        {Errc::uncertain, "nobody can tell whether it happened: its agent is unreachable"},
                        now);
  }
}

void Engine::end_mesos_operation(MesosOperation operation, OperationState state, Error error, Now now) {
  operation.state = state;
  operation.ended_at = now.wall;
  if (state == OperationState::done) {
    operation.outcome = Outcome::changed;
    operation.error_code = Errc::internal;
    operation.error.clear();
    history(operation, "done", fmt::format("read back ({})", kReadBack));
  } else {
    operation.error_code = error.code;
    operation.error = std::move(error.message);
    history(operation, "failed", operation.error);
  }
  change(std::move(operation));
}

}  // namespace extvold::reconcilers
