// Fence: where a wanted claim waits for a volume that another host may still write to. If the policy says so
// and its clock has run long enough, the next rung of the ladder; else who must act (DESIGN.md section 10).
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "model/ascii.h"
#include "reconcilers/reconcilers.h"
#include "reconcilers/rule.h"

namespace extvold::reconcilers {
namespace {

const Claim* user_on(const VolumeEntry& entry, HostId host) {
  const Claim* found = nullptr;
  for (const Claim* claim : entry.claims) {
    if (claim->host != host || claim->liveness == Liveness::dead) continue;
    if (found == nullptr || (claim->liveness == Liveness::unknown && found->liveness != Liveness::unknown))
      found = claim;
  }
  return found;
}

// One wait: this claim, for what this host has.
struct Wait {
  const VolumeLook& look;
  const Claim& claim;
  const Attachment& held;

  const Snapshot& snapshot() const { return look.look.snapshot; }
  std::string there() const { return host_name(snapshot(), held.host); }
  std::string who() const {
    return fmt::format("{} on {}", claim_text(snapshot(), claim), host_name(snapshot(), claim.host));
  }
  void block(VolumePlan& out, std::string_view reason, Owner owner, std::string text) const {
    out.block(look.volume().id, claim.host, reason, owner, fmt::format("{} waits: {}", who(), text));
  }
};

// `stands`: why its fence does not come nearer; empty: no policy asks for one.
void block_waiting(const Wait& wait, const std::string& stands, VolumePlan& out) {
  const VolumeLook& look = wait.look;
  const std::string there = wait.there();
  const std::string and_no_fence =
      stands.empty() ? "" : fmt::format(". Its policy fences {}, but not now: {}", there, stands);
  const Claim* user = user_on(look.entry, wait.held.host);
  const Observed& observed = look.look.observed;
  if (user != nullptr && user->liveness == Liveness::unknown && is_of_mesos(user->kind) &&
      !observed.view_complete) {
    return wait.block(
        out, "view_incomplete", Owner::extvold,
        fmt::format("volume {} is attached to {}, and whether {} runs there cannot be told while "
                    "the Mesos view is incomplete: {}",
                    look.volume().name, there, claim_text(wait.snapshot(), *user),
                    observed.view_incomplete_why));
  }
  if (user != nullptr && user->liveness == Liveness::unknown) {
    return wait.block(
        out, "waits_for_unknown_claim", Owner::operator_,
        fmt::format(
            "volume {} is attached to {}, where {} may still write to it ({}); nothing proves "
            "otherwise. It moves by itself when its agent proves it gone; or see that {} cannot write "
            "any more and `extvold fence confirm {} --reason ...`{}",
            look.volume().name, there, claim_text(wait.snapshot(), *user), user->liveness_why, there, there,
            and_no_fence));
  }
  if (wait.held.state == AttachmentState::detached) {
    const bool tells = look.provider.capabilities.host_reports && !wait.held.boot_id.empty();
    return wait.block(
        out, "detach_not_enforced", Owner::operator_,
        fmt::format("volume {} was detached from {}, but at {} that does not keep the host "
                    "from writing; {}see that it cannot, then `extvold fence confirm {} --reason ...`{}",
                    look.volume().name, there, look.provider.name.value,
                    tells ? "it moves by itself when that host says that nothing there uses it; or " : "",
                    there, and_no_fence));
  }
  const bool nobody_tells =
      wait.held.state == AttachmentState::uncertain && look.entry.open_operation == nullptr;
  if (nobody_tells && look.provider.capabilities.list_attachments) {
    return wait.block(out, "not_observed", Owner::provider,
                      fmt::format("volume {} may be attached at {}: a look at {} has to show whether it is{}",
                                  look.volume().name, there, look.provider.name.value, and_no_fence));
  }
  if (nobody_tells) {
    return wait.block(out, "attachments_not_listed", Owner::operator_,
                      fmt::format("volume {} may be attached at {}, and {} cannot list where it is; see that "
                                  "it cannot write there, then `extvold fence confirm {} --reason ...`{}",
                                  look.volume().name, there, look.provider.name.value, there, and_no_fence));
  }
  wait.block(out, "waits_for_detach", Owner::extvold,
             fmt::format("volume {} is {} at {}{}", look.volume().name, to_text(wait.held.state), there,
                         and_no_fence));
}

bool named_by_registry(const Look& look, const Agent& agent) {
  const AgentView* view = look.observed.agent(agent.id);
  return (agent.state == AgentState::unreachable || agent.state == AgentState::gone) && view != nullptr &&
         view->registry_asked_at.ns != 0;
}

// Where an agent of the host is here, whatever its clock said is over.
void wish_clock(const Snapshot& snapshot, HostId host, bool runs, VolumePlan& out) {
  const std::vector<const Agent*> agents = snapshot.agents_of_host(host);
  const bool is_back =
      std::any_of(agents.begin(), agents.end(), [](const Agent* one) { return is_listed(one->state); });
  if (!is_back) out.clocks.push_back({host, runs});
}

// Whether every agent that could have a process there is lost, by the registry of this epoch.
std::string why_host_is_not_lost(const Wait& wait) {
  const Look& look = wait.look.look;
  bool lost = false;
  for (const Agent* agent : wait.snapshot().agents_of_host(wait.held.host)) {
    if (is_listed(agent->state) || agent->state == AgentState::recovered)
      return fmt::format("agent {} there is {}", agent->id.value, to_text(agent->state));
    lost = lost || named_by_registry(look, *agent);
  }
  for (const Claim* claim : wait.look.entry.claims) {
    if (claim->host != wait.held.host || !is_of_mesos(claim->kind) || claim->liveness == Liveness::dead)
      continue;
    const Agent* agent = wait.snapshot().agent(claim->agent);
    if (agent == nullptr || !named_by_registry(look, *agent)) {
      return fmt::format("the master's registry does not say that agent {} is unreachable or gone",
                         claim->agent.value);
    }
  }
  return lost ? std::string() : "no agent there is unreachable or gone by the master's registry";
}

// Why the clock stands. Empty: it runs.
std::string why_clock_stands(const Wait& wait, VolumePlan& out) {
  const Look& look = wait.look.look;
  std::string why;
  if (!look.policy.has_master) why = "no master is configured, so that nobody says which hosts are lost";
  if (why.empty()) why = standing_order(look, wait.look.volume(), wait.held.host);
  if (why.empty()) why = standing_order(look, wait.look.volume(), wait.claim.host);
  if (why.empty() && EXTVOLD_FORBIDS(fence_view_complete, !look.observed.view_complete))
    why = fmt::format("the Mesos view is incomplete: {}", look.observed.view_incomplete_why);
  if (EXTVOLD_FORBIDS(fence_host_lost, why.empty())) why = why_host_is_not_lost(wait);
  if (why.empty()) why = why_not_for(wait.look, wait.claim);
  wish_clock(wait.snapshot(), wait.held.host, why.empty(), out);
  return why;
}

// ---- the ladder

struct Rung {
  std::optional<Fence> fence;
  std::string why_not;
};

std::string shared_identity(const Wait& wait) {
  for (const auto& [id, entry] : wait.snapshot().volumes()) {
    if (entry.volume.pool.provider != wait.look.provider.name) continue;
    for (const Attachment& one : entry.attachments) {
      if (one.host != wait.held.host && one.state != AttachmentState::detached &&
          one.host_identity == wait.held.host_identity)
        return host_name(wait.snapshot(), one.host);
    }
  }
  return {};
}

// An attach there that may still take effect would give the access back.
bool attach_may_come(const Wait& wait) {
  const Operation* open = wait.look.entry.open_operation.get();
  const bool unsettled =
      wait.held.state == AttachmentState::attaching ||
      (open != nullptr && open->kind == OperationKind::attach && open->host == wait.held.host);
  return unsettled && !wait.look.provider.capabilities.fence_bars_late_calls;
}

Rung provider_rung(const Wait& wait, FenceRung rung, const FencePolicy& policy) {
  const Capabilities& can = wait.look.provider.capabilities;
  const std::string& name = wait.look.provider.name.value;
  if (!(rung == FenceRung::volume ? can.fence_volume : can.fence_host))
    return {{}, fmt::format("{} has no such fence", name)};
  if (EXTVOLD_FORBIDS(fence_verifiable, !can.fence_verifiable))
    return {{}, fmt::format("{} shows nobody whether a fence holds", name)};
  if (EXTVOLD_FORBIDS(fence_accepted, can.fence_cooperative && !policy.accept_cooperative))
    return {{},
            fmt::format("at {} it needs the help of the host itself, which the policy does not take for "
                        "proof (accept_cooperative)",
                        name)};
  if (wait.held.host_identity.empty()) return {{}, "nobody recorded as whom the host was attached"};
  if (EXTVOLD_FORBIDS(fence_attach_may_come, rung == FenceRung::volume && attach_may_come(wait)))
    return {{}, "an attach there may still take effect and would undo it"};
  if (const std::string other = rung == FenceRung::host ? shared_identity(wait) : "";
      EXTVOLD_FORBIDS(fence_shared_identity, !other.empty()))
    return {{}, fmt::format("host {} has the same identity \"{}\" there", other, wait.held.host_identity)};
  Fence fence;
  fence.rung = rung;
  fence.provider = wait.look.provider.name;
  if (rung == FenceRung::volume) fence.volume = wait.look.volume().id;
  fence.target = wait.held.host_identity;
  fence.fence_addresses = wait.held.fence_addresses;
  fence.cooperative = can.fence_cooperative;
  return {std::move(fence), {}};
}

Rung power_rung(const Wait& wait) {
  const std::vector<std::string>& hosts = wait.look.look.policy.power_hosts;
  const Capabilities& can = wait.look.provider.capabilities;
  if (std::find(hosts.begin(), hosts.end(), wait.there()) == hosts.end())
    return {{}, "no [power.NAME] says how to switch it off"};
  if (!can.attach_to_named_host || !can.list_attachments)
    return {{},
            fmt::format("{} cannot detach it from a host that is off, and it would have it when it is on "
                        "again",
                        wait.look.provider.name.value)};
  Fence fence;
  fence.rung = FenceRung::power;
  fence.target = wait.there();
  return {std::move(fence), {}};
}

Rung rung_of(const Wait& wait, FenceRung rung, const FencePolicy& policy) {
  Rung out = rung == FenceRung::power ? power_rung(wait) : provider_rung(wait, rung, policy);
  if (!out.fence) return out;
  out.fence->host = wait.held.host;
  out.fence->claim = wait.claim.id;
  out.fence->cause = fmt::format("{} waits for volume {}", wait.who(), wait.look.volume().name);
  return out;
}

const FenceTry* try_of(const Observed& observed, const Fence& fence) {
  const auto found = std::find_if(observed.fence_tries.begin(), observed.fence_tries.end(),
                                  [&](const FenceTry& one) { return same_rung(one, fence); });
  return found == observed.fence_tries.end() ? nullptr : &*found;
}

const Fence* standing(const Snapshot& snapshot, const Fence& fence) {
  for (const Fence* one : snapshot.fences_of_host(fence.host)) {
    if (one->rung == fence.rung && one->provider == fence.provider && one->volume == fence.volume &&
        one->target == fence.target && one->fence_addresses == fence.fence_addresses)
      return one;
  }
  return nullptr;
}

std::string last_error(const Wait& wait, const Fence& fence) {
  const FenceView* view = wait.look.look.observed.fence(fence.id);
  return view == nullptr || view->error.empty() ? std::string() : fmt::format(" ({})", view->error);
}

// A fence of this rung is there already. True: it is worth waiting for.
bool waits_for_standing(const Wait& wait, const Fence& fence, bool tried, VolumePlan& out) {
  const std::string what =
      fmt::format("fence {} of {} (rung {})", fence.id.value, wait.there(), to_text(fence.rung));
  switch (fence.state) {
    case FenceState::lifting:
      wait.block(out, "fence_lifting", Owner::extvold, fmt::format("{} is being taken back", what));
      return true;
    case FenceState::held:
      // What came after it needs one of its own: it is no proof of what it did not take away.
      if (tried || !covers(fence, wait.look.entry, wait.held)) return false;
      if (fence.rung == FenceRung::power && covers(fence, wait.look.entry, wait.held) &&
          strong_evidence(wait.look.look, wait.look.entry, wait.held) != nullptr) {
        block_waiting(wait, {}, out);  // for the detach
      } else {
        wait.block(
            out, "fence_not_checked", Owner::provider,
            fmt::format("{} is to be looked at again{}: only what a look of this run shows, and what does "
                        "not run out soon, counts",
                        what, last_error(wait, fence)));
      }
      return true;
    case FenceState::uncertain:
      if (tried) return false;
      wait.block(out, "fence_under_way", Owner::provider,
                 fmt::format("{} may or may not hold{}", what,
                             fence.error.empty() ? "" : fmt::format(" ({})", fence.error)));
      return true;
    case FenceState::recorded:
    case FenceState::issued:
    case FenceState::failed:
    case FenceState::lifted:
      return true;
  }
  return true;
}

// The highest rung that is to be had and has not failed just now.
void climb(const Wait& wait, const FencePolicy& policy, VolumePlan& out) {
  std::string notes;
  const auto note = [&](FenceRung rung, std::string_view why) {
    notes += fmt::format("{}{}: {}", notes.empty() ? "" : "; ", to_text(rung), why);
  };
  for (const FenceRung rung : policy.ladder) {
    if (rung == FenceRung::operator_) break;
    Rung next = rung_of(wait, rung, policy);
    if (!next.fence) {
      note(rung, next.why_not);
      continue;
    }
    const FenceTry* last = try_of(wait.look.look.observed, *next.fence);
    const bool tried = last != nullptr && last->at > wait.look.look.now;
    if (const Fence* there = standing(wait.snapshot(), *next.fence)) {
      if (waits_for_standing(wait, *there, tried, out)) return;
    }
    if (tried) {
      out.wake(last->at);
      note(rung, fmt::format("failed ({}) and is tried again", last->why));
      continue;
    }
    if (out.fences.empty()) out.fences.push_back(std::move(*next.fence));
    return;
  }
  wait.block(
      out, "no_rung_left", Owner::operator_,
      fmt::format("{} was to be fenced from volume {}, and no rung of the ladder is left ({}); see that "
                  "it cannot write any more and `extvold fence confirm {} --reason ...`",
                  wait.there(), wait.look.volume().name, notes.empty() ? "it names none" : notes,
                  wait.there()));
}

// "db1" and "db1.cluster" may be one host: of two names the one without a domain counts as the other's
// beginning. Two addresses, or two whole names, are the same or they are not.
bool may_be_same_host(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty()) return false;
  if (is_same_ignoring_case(a, b)) return true;
  const bool a_is_short = a.find_first_of(".:") == std::string_view::npos;
  const bool b_is_short = b.find_first_of(".:") == std::string_view::npos;
  if (a_is_short == b_is_short) return false;
  return is_same_ignoring_case(a.substr(0, a.find('.')), b.substr(0, b.find('.')));
}

// This machine and the masters. Of a host its own name and what its agents call themselves count.
bool is_never_fenced(const Look& look, HostId host) {
  const auto is_one = [&](std::string_view name) {
    const auto same = [&](const std::string& one) { return may_be_same_host(one, name); };
    const auto& [never, masters] = std::tie(look.policy.never_fence, look.policy.masters);
    return same(look.observed.leader_host) || std::any_of(never.begin(), never.end(), same) ||
           std::any_of(masters.begin(), masters.end(), same);
  };
  if (is_one(host_name(look.snapshot, host))) return true;
  const std::vector<const Agent*> agents = look.snapshot.agents_of_host(host);
  return std::any_of(agents.begin(), agents.end(), [&](const Agent* agent) {
    return is_one(agent->hostname) || is_one(ip_of(agent->address));
  });
}

// The clock has run long enough, and nothing else holds it up: fence. False: it waits for what was blocked.
bool is_due(const Wait& wait, const FencePolicy& policy, VolumePlan& out) {
  const Look& look = wait.look.look;
  if (EXTVOLD_FORBIDS(fence_never, is_never_fenced(look, wait.held.host))) {
    wait.block(
        out, "never_fenced", Owner::operator_,
        fmt::format("{} has volume {} and is this machine, a master, or named in [fence] never; see that "
                    "it cannot write any more and `extvold fence confirm {} --reason ...`",
                    wait.there(), wait.look.volume().name, wait.there()));
    return false;
  }
  const FenceClock* clock = wait.look.view == nullptr ? nullptr : wait.look.view->clock(wait.held.host);
  const Duration ran = clock == nullptr ? Duration{} : clock->elapsed(look.now);
  if (EXTVOLD_FORBIDS(fence_clock, ran < policy.after)) {
    out.wake(look.now + (policy.after - ran));
    wait.block(
        out, "fence_clock", Owner::extvold,
        fmt::format("{} has volume {} and is unreachable or gone; it is fenced when that has lasted {} s",
                    wait.there(), wait.look.volume().name, policy.after.ns / 1'000'000'000));
    return false;
  }
  if (EXTVOLD_FORBIDS(fence_stopped, is_fencing_stopped(look.snapshot, wait.held.host))) {
    const bool of_all = look.snapshot.fence_stop;
    wait.block(
        out, "fence_stopped", Owner::operator_,
        fmt::format("{} was to be fenced from volume {}, and {}; `extvold fence release {} --reason ...` "
                    "if it is to be all the same",
                    wait.there(), wait.look.volume().name,
                    of_all ? "a person or the storm guard said that no host is"
                           : "a person said that this host is not",
                    of_all ? "--all" : wait.there() + " --only-hold"));
    return false;
  }
  return true;
}

void reconcile_wait(const Wait& wait, VolumePlan& out) {
  const FencePolicy& policy = wait.look.look.policy.fence_policy(wait.look.volume());
  if (policy.when == FenceWhen::never) return block_waiting(wait, {}, out);
  if (const Fence* fence = fence_under_way(wait.snapshot(), wait.held.host)) {
    // Its clock stands meanwhile. Were it to begin anew, a rung that failed would be followed by the whole
    // time once more; that is longer than its pause, so that the same rung came again and not the next.
    wish_clock(wait.snapshot(), wait.held.host, false, out);
    return wait.block(out, "fence_under_way", Owner::provider,
                      fmt::format("{} is being fenced (fence {}, rung {})", wait.there(), fence->id.value,
                                  to_text(fence->rung)));
  }
  if (const std::string stands = why_clock_stands(wait, out); !stands.empty())
    return block_waiting(wait, stands, out);
  if (is_due(wait, policy, out)) climb(wait, policy, out);
}

}  // namespace

std::string why_not_fenced(const VolumeLook& look, const Claim& claim, const Attachment& held) {
  if (look.look.policy.fence_policy(look.volume()).when == FenceWhen::never)
    return "its policy fences nobody";
  if (EXTVOLD_FORBIDS(fence_stopped, is_fencing_stopped(look.look.snapshot, held.host)))
    return "a person said that it is not to be fenced";
  VolumePlan said;
  return why_clock_stands({look, claim, held}, said);
}

bool waits_for_fence(const VolumeLook& look, VolumePlan& out) {
  if (look.look.snapshot.fences().empty()) return false;
  for (const Attachment& one : look.entry.attachments) {
    const Fence* fence = fence_under_way(look.look.snapshot, one.host);
    if (fence == nullptr || one.state == AttachmentState::detached) continue;
    out.block(look.volume().id, one.host, "fence_under_way", Owner::provider,
              fmt::format("{} is being fenced (fence {}, rung {}): nothing begins with volume {} meanwhile",
                          host_name(look.look.snapshot, one.host), fence->id.value, to_text(fence->rung),
                          look.volume().name));
    wish_clock(look.look.snapshot, one.host, false, out);
    return true;
  }
  return false;
}

void reconcile_fence(const VolumeLook& look, VolumePlan& out) {
  if (look.volume().access == AccessMode::shared) return;
  for (const Claim* claim : look.entry.claims) {
    if (!claim->wanted || claim->liveness != Liveness::live || !claim->host) continue;
    const Attachment* own = look.entry.attachment(claim->host);
    if (own != nullptr && own->state == AttachmentState::attached &&
        !is_superseded(look.look.snapshot, look.entry, *own))
      continue;
    bool planned = false;
    for (const PlannedOperation& one : out.operations) {
      planned = planned || (one.operation.kind == OperationKind::attach && one.operation.host == claim->host);
    }
    if (planned) continue;
    for (const Attachment& held : look.entry.attachments) {
      const bool read_only = attaches_read_only(look.volume(), claim);
      EvidenceId evidence;
      if (held.host == claim->host || !excludes(look.volume().access, held.read_only, read_only) ||
          is_released(look.look, look.entry, look.provider, held, evidence))
        continue;
      reconcile_wait({look, *claim, held}, out);
      break;
    }
  }
}

}  // namespace extvold::reconcilers
