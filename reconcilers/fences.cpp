// Fences: the acts of the ladder carried out, read back, watched, renewed and taken back. When one is due the
// planner says (reconcilers/fence.cpp). What a call said is no proof; evidence follows from a look that was
// sent after it ended (DESIGN.md sections 4 and 10).
#include <fmt/format.h>

#include <algorithm>

#include "reconcilers/engine.h"
#include "reconcilers/reconcilers.h"
#include "reconcilers/rule.h"

namespace extvold::reconcilers {
namespace {

// Looks that say neither yes nor no, after which the next rung is tried.
constexpr int kUnknownLooksMax = 3;
// How often in a row a call waits for its provider to be ready for more.
constexpr int kPutOffMax = 5;

}  // namespace

void Engine::history(const Fence& fence, std::string_view what, std::string_view why) {
  history({.kind = fmt::format("fence.{}", what),
           .volume = fence.volume,
           .host = fence.host,
           .operation = fence.key,
           .claim = fence.claim,
           .rule = fmt::format("fence.{}", to_text(fence.rung)),
           .text = fmt::format("fence {}, {}: {}", fence.id.value, describe(fence, snapshot_), why),
           .user_uid = fence.user_uid});
}

// What a start finds may have been tried, and counts for nothing before it is looked at: that comes before
// anything that rests on it.
void Engine::doubt_fences(Now now) {
  std::vector<Fence> rows;
  for (const auto& [id, fence] : snapshot_.fences()) {
    FenceWork& work = fence_work_[id];
    work.due = work.call_ended_at = now.at;
    work.lost_before = lost_agents_of(fence.host);
    if (now.wall.ns - fence.recorded_at.ns < policy_.fence_storm_window.ns)
      recent_fences_[fence.host] = now.at;
    if (is_under_way(fence.state)) rows.push_back(fence);
  }
  for (Fence& row : rows) doubt(std::move(row), "extvold was started again while it was under way");
  const Duration gone{now.wall.ns - snapshot_.fence_released_at.ns};
  // Where the clock was set back, nobody can tell how long ago a person said that so many are right.
  if (gone.ns >= 0 && gone < policy_.fence_storm_window)
    fence_guard_off_until_ = now.at + (policy_.fence_storm_window - gone);
}

// Whether it holds nobody can tell for now.
void Engine::doubt(Fence fence, std::string why) {
  fence.state = FenceState::uncertain;
  fence.error_code = Errc::uncertain;
  fence.error = std::move(why);
  history(fence, "uncertain", fence.error);
  change(std::move(fence));
}

// ---- intent

void Engine::carry_out_fences(VolumePlan& plan, Now now) {
  if (stopping_) return;
  for (Fence& fence : plan.fences) {
    if (fence_under_way(snapshot_, fence.host) != nullptr) continue;
    if (EXTVOLD_FORBIDS(fence_work_under_way, !work_under_way(fence).empty())) continue;
    if (EXTVOLD_FORBIDS(fence_storm, fence_storm_guard(fence, now))) continue;
    record(std::move(fence), now);
  }
}

// Calls for what it would cover, and that are at work; who they are for does not matter. Empty: none.
std::string Engine::work_under_way(const Fence& fence) const {
  for (const auto& [id, entry] : snapshot_.volumes()) {
    const Operation* open = entry.open_operation.get();
    const Attachment* attachment = entry.attachment(fence.host);
    if (open == nullptr || open->host != fence.host || open->state == OperationState::uncertain) continue;
    if (open->call_ended_at.value.ns != 0) continue;  // it is over, and only to be read back
    if (attachment != nullptr && covers(fence, entry, *attachment)) return describe(*open, snapshot_);
  }
  return {};
}

void Engine::record(Fence fence, Now now) {
  give_identity(fence, snapshot_.ledger, {snapshot_.counters.next_fence++},
                snapshot_.counters.next_generation++);
  counters_used_ = true;
  fence.recorded_at = now.wall;
  recent_fences_[fence.host] = now.at;
  Host host = *snapshot_.host(fence.host);
  if (EXTVOLD_FORBIDS(fence_quarantines, !host.quarantined)) {
    host.quarantined = true;
    host.quarantine_fence = fence.id;
    host.quarantine_reason = fmt::format("fence {}: {}", fence.id.value, fence.cause);
    history({.kind = "host.quarantined", .host = host.id, .rule = "fence", .text = host.quarantine_reason});
    change(std::move(host));
  }
  fence_work_[fence.id].lost_before = lost_agents_of(fence.host);
  history(fence, "recorded", fence.cause);
  awaiting_[{snapshot_.sequence.value + 1}].fences.push_back(fence.id);
  touch_host(fence.host);
  change(std::move(fence));
}

// Fenced in the window, or about to be: its clock runs.
std::set<HostId> Engine::hosts_of_storm(Now now) {
  std::erase_if(recent_fences_,
                [&](const auto& one) { return one.second + policy_.fence_storm_window <= now.at; });
  std::set<HostId> hosts;
  for (const auto& [host, at] : recent_fences_) hosts.insert(host);
  for (const auto& [id, view] : observed_.volumes) {
    for (const FenceClock& clock : view.clocks) {
      if (clock.since.ns != 0) hosts.insert(clock.host);
    }
  }
  return hosts;
}

// Of the hosts that have an agent; what a provider or an old ledger named is no part of the cluster.
std::int64_t Engine::fence_storm_limit() const {
  std::set<HostId> of_cluster;
  for (const auto& [id, agent] : snapshot_.agents()) {
    if (agent.state != AgentState::removed && agent.state != AgentState::absent)
      of_cluster.insert(agent.host);
  }
  const auto share = static_cast<std::int64_t>(of_cluster.size()) * policy_.fence_storm_percent / 100;
  return std::max<std::int64_t>(1, std::min<std::int64_t>(policy_.fence_storm_max, share));
}

// More hosts than a set number or share that would be fenced in the window: a network broke, not a host. Of
// those about whom a person said that so many are right nobody is asked again for as long as the window.
bool Engine::fence_storm_guard(const Fence& fence, Now now) {
  std::set<HostId> hosts = hosts_of_storm(now);
  hosts.insert(fence.host);
  if (now.at < fence_guard_off_until_) {
    if (!fence_guard_allows_ || fence_guard_allows_->contains(fence.host)) return false;
    std::erase_if(hosts, [&](HostId one) { return fence_guard_allows_->contains(one); });
  }
  const std::int64_t limit = fence_storm_limit();
  if (static_cast<std::int64_t>(hosts.size()) <= limit) return false;
  if (snapshot_.fence_stop) return true;
  change(SetFenceStop{true, snapshot_.fence_released_at});
  history(
      {.kind = "guard.fence_storm",
       .host = fence.host,
       .rule = "fence_storm",
       .text = fmt::format("{} hosts would be fenced in the window, {} are allowed: none is until a person "
                           "says `extvold fence release --all --reason ...`",
                           hosts.size(), limit)});
  touch_all();
  return true;
}

// ---- the call

void Engine::begin_fence(FenceId id, Now now) {
  const Fence* known = snapshot_.fence(id);
  if (known == nullptr || known->state != FenceState::recorded) return;
  Fence fence = *known;
  if (const std::string why = why_not_fence(fence); !why.empty()) {
    return end_fence(std::move(fence), FenceState::failed,
                     {Errc::conflict, fmt::format("superseded before it was started: {}", why)}, now);
  }
  fence.state = FenceState::issued;
  change(fence);
  ask_fence(fence, FenceAct::set, now);
}

// What permitted it, once more, now that the intent is durable.
std::string Engine::why_not_fence(const Fence& fence) const {
  if (stopping_) return "extvold stops";
  const Claim* claim = snapshot_.claim(fence.claim);
  const VolumeEntry* entry = claim == nullptr ? nullptr : snapshot_.volume(claim->volume);
  if (entry == nullptr || !claim->wanted || claim->liveness != Liveness::live)
    return "what waited for it does not any more";
  if (const std::string work = work_under_way(fence); EXTVOLD_FORBIDS(fence_work_under_way, !work.empty()))
    return fmt::format("{} is at work", work);
  const ProviderInfo* provider = policy_.provider(entry->volume.pool.provider);
  const Attachment* held = entry->attachment(fence.host);
  if (provider == nullptr || held == nullptr) return "nothing is attached there any more";
  const Look look{snapshot_, observed_, policy_, {}};
  return why_not_fenced({look, *entry, *provider, observed_.volume(entry->volume.id)}, *claim, *held);
}

// A fence waits for no budget, but it may take another call's turn.
void Engine::ask_fence(const Fence& fence, FenceAct act, Now now) {
  const ProviderInfo* provider = policy_.provider(fence.provider);  // of a power switch: none
  if (provider != nullptr) spend_call(*provider, now);
  FenceWork& work = fence_work_[fence.id];
  work.calling = true;
  FenceCall call;
  call.act = act;
  call.fence = fence;
  call.ledger_id = snapshot_.ledger.id;
  call.host_name = host_name(snapshot_, fence.host);
  call.deadline = policy_.operation_deadline;
  if (const VolumeEntry* entry = snapshot_.volume(fence.volume)) {
    call.volume = entry->volume;
    if (const Attachment* attachment = entry->attachment(fence.host))
      call.attachment_generation = attachment->generation;
  }
  effects_.emplace_back(ChangeFence{std::move(call)});
}

bool Engine::provider_is_there(const Fence& fence) const {
  return fence.rung == FenceRung::power || policy_.provider(fence.provider) != nullptr;
}

// A person's word that the ledger does not hold yet: its reply waits for the commit.
bool Engine::has_uncommitted_order() const {
  return !replies_.empty() || std::any_of(awaiting_.begin(), awaiting_.end(),
                                          [](const auto& one) { return !one.second.replies.empty(); });
}

// Looks at what stands, always; what was lost is set again, what runs out is renewed, what is to be taken
// back is, where the orders about that host permit it.
void Engine::request_fence_calls(Now now, Instant& next) {
  for (const auto& [id, fence] : snapshot_.fences()) {
    FenceWork& work = fence_work_[id];
    if (work.calling || fence.state == FenceState::recorded || !provider_is_there(fence)) continue;
    if (work.due > now.at) {
      next = std::min(next, work.due);
      continue;
    }
    const bool acts = fence.state == FenceState::lifting ? !work.lifted : work.set_again;
    if (EXTVOLD_FORBIDS(order_committed, acts && has_uncommitted_order())) continue;
    const bool may_act = standing_order({snapshot_, observed_, policy_, now.at}, fence.host).empty();
    FenceAct act = FenceAct::check;
    if (acts && may_act) act = fence.state == FenceState::lifting ? FenceAct::lift : FenceAct::set;
    ask_fence(fence, act, now);
  }
}

// ---- what came of it

void Engine::on_result(const FenceResult& result, Now now) {
  const Fence* known = snapshot_.fence(result.id);
  if (known == nullptr) return;
  fence_work_[result.id].calling = false;
  const Fence fence = *known;
  if (is_put_off(fence, result, now)) return;
  switch (result.act) {
    case FenceAct::set:
      return on_set(fence, result, now);
    case FenceAct::check:
      return on_check(fence, result, now);
    case FenceAct::lift:
      return on_lift(fence, result, now);
  }
}

// Refused because its provider is asked too often: nothing happened, and it is asked again when that is
// ready. Only a rung that is refused so again and again has failed.
bool Engine::is_put_off(const Fence& fence, const FenceResult& result, Now now) {
  const ProviderInfo* provider = policy_.provider(fence.provider);  // of a power switch: none
  if (provider == nullptr) return false;
  FenceWork& work = fence_work_[fence.id];
  if (result.state == FenceCallState::done) note_served(*provider, now);
  if (result.error.code != Errc::throttled) {
    work.put_off = 0;
    return false;
  }
  note_throttled(*provider, result.error, now);
  if (++work.put_off > kPutOffMax) return false;
  work.due = observed_.budget(provider->name).paused_until;
  if (result.act == FenceAct::set) work.set_again = true;
  observed_.fences[fence.id].error = result.error.message;
  return true;
}

void Engine::on_set(Fence fence, const FenceResult& result, Now now) {
  FenceWork& work = fence_work_[fence.id];
  work.call_ended_at = result.ended_at;
  work.due = now.at;
  work.backoff = {};
  work.set_again = false;
  work.just_set = result.state != FenceCallState::failed;
  // Released while it was set anew: whatever came of that is lifted.
  if (result.state == FenceCallState::done || fence.state == FenceState::lifting) return;
  observed_.fences[fence.id].error = result.error.message;
  if (result.state == FenceCallState::failed && fence.state == FenceState::issued)
    return end_fence(std::move(fence), FenceState::failed, result.error, now);
  if (result.state == FenceCallState::failed) {  // a renewal, or one that was lost
    work.set_again = true;
    work.due = now.at + policy_.fence_retry;
    return;
  }
  doubt(fence, result.error.message);
  void_fence_evidence(fence, "its fence is set anew, and nobody can tell whether it holds");
}

// Before the next call: longer each time, until something tells.
void Engine::wait_longer(FenceWork& work, Now now) const {
  work.backoff = std::min(std::max(work.backoff * 2, policy_.retry_min), policy_.fence_check);
  work.due = now.at + work.backoff;
}

void Engine::on_check(Fence fence, const FenceResult& result, Now now) {
  FenceWork& work = fence_work_[fence.id];
  // It says nothing of what the call did.
  const ProviderInfo* provider = policy_.provider(fence.provider);
  const Instant tells_from =
      work.call_ended_at + (provider == nullptr ? Duration{} : provider->fence_settle_time);
  if (EXTVOLD_FORBIDS(fence_look_later, result.sent_at <= tells_from)) {
    work.due = std::max(now.at, tells_from);
    return;
  }
  wait_longer(work, now);
  const bool run_out =
      EXTVOLD_FORBIDS(fence_run_out, result.expires_at.ns != 0 && result.expires_at <= now.wall);
  const bool told = result.state == FenceCallState::done && result.held != TriState::unknown;
  const bool holds = told && result.held == TriState::yes && !run_out;
  if (!EXTVOLD_PERMITS(fence_read_back, holds)) {
    if (!told) return on_untold(std::move(fence), result, now);
    return on_not_held(std::move(fence), result, now);
  }
  if (fence.state != FenceState::lifting) return hold_fence(std::move(fence), result, now);
  if (work.lifted && !EXTVOLD_FORBIDS(lift_read_back, leaves_a_bar(fence)))
    return end_fence(std::move(fence), FenceState::lifted, {}, now);
  work.lifted = false;
}

// Else it took an access away, and that is all: the host has none, and may have it back by an attach.
bool Engine::leaves_a_bar(const Fence& fence) const {
  const ProviderInfo* provider = policy_.provider(fence.provider);
  return fence.rung != FenceRung::volume || provider == nullptr ||
         provider->capabilities.fence_bars_late_calls;
}

void Engine::on_not_held(Fence fence, const FenceResult& result, Now now) {
  FenceWork& work = fence_work_[fence.id];
  work.unknown_looks = 0;
  fence.seen = result.seen;
  switch (fence.state) {
    case FenceState::lifting:
      return end_fence(std::move(fence), FenceState::lifted, {}, now);
    case FenceState::held:  // it ran out, or somebody took it back: its host may write again
      if (fence.rung == FenceRung::power) return on_switched_on(std::move(fence), now);
      void_fence_evidence(fence, fmt::format("its fence does not hold any more: {}", result.seen));
      fence.state = FenceState::uncertain;
      fence.error_code = Errc::conflict;
      fence.error = fmt::format("it does not hold any more: {}", result.seen);
      history(fence, "lost", fence.error);
      observed_.fences.erase(fence.id);
      forget_try(fence);  // of looks that could not tell: this one has
      work.set_again = true;
      work.due = now.at;
      return change(std::move(fence));
    case FenceState::issued:
      fence.error = fmt::format("it was said to be done, a look does not show it: {}", result.seen);
      note_try(fence, fence.error, now);
      touch_host(fence.host);
      return doubt(fence, fence.error);
    case FenceState::uncertain:
      if (EXTVOLD_FORBIDS(fence_settle_time, now.at < work.call_ended_at + settle_time_of(fence))) return;
      return end_fence(
          fence, FenceState::failed,
          {Errc::unavailable, fmt::format("a look shows that it does not hold: {}", result.seen)}, now);
    case FenceState::recorded:
    case FenceState::failed:
    case FenceState::lifted:
      return;
  }
}

// Somebody switched it on. It is another boot: what was detached meanwhile is clean, what was not may be used
// by it again.
void Engine::on_switched_on(Fence fence, Now now) {
  drop_clean_attachments(fence, /*another_boot=*/true);
  void_fence_evidence(fence, "its host was switched on again");
  end_fence(std::move(fence), FenceState::failed, {Errc::conflict, "the host was switched on again"}, now);
}

// What a fence proved and a look showed detached is no question any more; nothing of another boot runs.
void Engine::drop_clean_attachments(const Fence& fence, bool another_boot) {
  std::vector<VolumeId> taken;
  for (const auto& [id, one] : snapshot_.evidence()) {
    if (one.fence == fence.id && in_force({snapshot_, observed_, policy_, {}}, one))
      taken.push_back(one.volume);
  }
  for (const VolumeId volume : taken) {
    const VolumeEntry& entry = *snapshot_.volume(volume);
    const Attachment* attachment = entry.attachment(fence.host);
    if (attachment == nullptr) continue;
    const bool over = another_boot && attachment->state == AttachmentState::detached && attachment->read_back;
    if (over || is_forgotten_at_release(entry, *attachment)) {
      change(DropAttachment{volume, fence.host});
      touch(volume);
    }
  }
}

// Neither proof nor its opposite: what held holds on, what did not is nobody's proof. After a few looks in
// a row the next rung is tried beside it, also if it held: its host may be dead since, and its helper too.
void Engine::on_untold(Fence fence, const FenceResult& result, Now now) {
  FenceWork& work = fence_work_[fence.id];
  const std::string why = result.error.message.empty() ? result.seen : result.error.message;
  observed_.fences[fence.id].error = why;
  if (fence.state == FenceState::lifting) return;
  if (++work.unknown_looks % kUnknownLooksMax == 0) {
    note_try(fence, fmt::format("whether it holds cannot be seen: {}", why), now);
    touch_host(fence.host);
  }
  if (fence.state == FenceState::issued)
    doubt(std::move(fence), fmt::format("whether it holds cannot be seen: {}", why));
}

void Engine::on_lift(Fence fence, const FenceResult& result, Now now) {
  FenceWork& work = fence_work_[fence.id];
  work.call_ended_at = result.ended_at;
  work.lifted = result.state != FenceCallState::failed;
  if (work.lifted) work.may_lift_until = result.ended_at + settle_time_of(fence);
  wait_longer(work, now);
  if (work.lifted) work.due = now.at;
  if (result.state == FenceCallState::done || result.error.message == fence.error) return;
  fence.error_code = result.error.code;
  fence.error = result.error.message;
  history(fence, "lift_failed", fence.error);
  change(std::move(fence));
}

Duration Engine::settle_time_of(const Fence& fence) const {
  const ProviderInfo* provider = policy_.provider(fence.provider);
  return provider == nullptr ? seconds(60) : provider->settle_time;
}

// How long what a look showed is good for, and when the next one is due.
void Engine::note_held(const Fence& fence, const FenceResult& result, Now now) {
  const bool expires = result.expires_at.ns != 0;
  const Duration left{result.expires_at.ns - now.wall.ns};
  FenceView& view = observed_.fences[fence.id];
  view.error.clear();
  view.checked_at = result.sent_at;
  view.good_until = expires ? now.at + (left - policy_.fence_margin) : kNever;
  FenceWork& work = fence_work_[fence.id];
  work.unknown_looks = 0;
  work.set_again = expires && left < policy_.fence_margin * 2;
  // Where it was just renewed, the provider gives no more for now.
  work.due = work.set_again && !work.just_set ? now.at : now.at + policy_.fence_check;
  work.just_set = false;
}

// A look shows it: evidence for whatever the host had through it, and its claims are over.
void Engine::hold_fence(Fence fence, const FenceResult& result, Now now) {
  const bool just_set = fence_work_[fence.id].just_set;
  note_held(fence, result, now);
  const bool counts = observed_.fences[fence.id].good_until > now.at;
  const bool news = fence.state != FenceState::held;
  if (news || fence.expires_at != result.expires_at) {
    fence.state = FenceState::held;
    fence.seen = result.seen;
    fence.error.clear();
    fence.expires_at = result.expires_at;
    if (fence.held_at.ns == 0) fence.held_at = now.wall;
    if (news) history(fence, "held", result.seen);
    change(fence);
  }
  const WallTime sent = now.wall_of(result.sent_at);
  if (counts) {
    for (const Attachment& attachment : not_proven_yet(fence, now))
      prove_fenced(fence, attachment, sent, now);
  }
  if (news) std::erase_if(observed_.fence_tries, [&](const FenceTry& one) { return one.host == fence.host; });
  if (counts) forget_try(fence);
  if (counts) tell_mesos(fence, now);
  // More than this its provider does not give: the ladder goes on.
  if (just_set && !counts)
    note_try(fence, "it holds, but runs out sooner than the margin lets it count", now);
  touch_host(fence.host);
}

// What it covers, without evidence by it, and in somebody's way.
std::vector<Attachment> Engine::not_proven_yet(const Fence& fence, Now now) const {
  std::vector<Attachment> out;
  for (const auto& [id, entry] : snapshot_.volumes()) {
    const Attachment* attachment = entry.attachment(fence.host);
    if (attachment == nullptr || !covers(fence, entry, *attachment)) continue;
    const bool proven = std::any_of(entry.evidence.begin(), entry.evidence.end(), [&](const Evidence* one) {
      return one->fence == fence.id && one->attachment_generation == attachment->generation;
    });
    if (!proven && stands_against_others(entry, *attachment, now)) out.push_back(*attachment);
  }
  return out;
}

void Engine::prove_fenced(const Fence& fence, const Attachment& attachment, WallTime sent_at, Now now) {
  Evidence evidence = new_evidence(*liveness_row({.said = Said::fence_held}).evidence, attachment, sent_at);
  evidence.grade = fence.cooperative ? EvidenceGrade::cooperative : EvidenceGrade::proven;
  evidence.fence = fence.id;
  evidence.detail = fmt::format("fence {}, {}: {}", fence.id.value, describe(fence, snapshot_), fence.seen);
  history({.kind = "evidence.recorded",
           .volume = evidence.volume,
           .host = evidence.host,
           .operation = fence.key,
           .evidence = evidence.id,
           .rule = "fenced",
           .text = evidence.detail});
  change(evidence);
  settle_by_fence(fence, attachment, now);
  end_claims(evidence, now);
}

// What nobody could tell about this host does not matter any more.
void Engine::settle_by_fence(const Fence& fence, Attachment attachment, Now now) {
  const Operation* open = snapshot_.volume(attachment.volume)->open_operation.get();
  if (open == nullptr || open->state != OperationState::uncertain || open->host != attachment.host) return;
  // Being off keeps no attach from taking effect: it may undo the detach that is to follow.
  if (EXTVOLD_FORBIDS(power_late_attach,
                      fence.rung == FenceRung::power && open->kind == OperationKind::attach))
    return;
  Operation settled = *open;
  settled.state = OperationState::failed;
  settled.outcome = Outcome::none;
  settled.error_code = Errc::uncertain;
  settled.error += fmt::format("; fence {} settles it: whatever it did, the host is cut off", fence.id.value);
  settled.ended_at = now.wall;
  history(settled, "failed", settled.error);
  change(std::move(settled));
  attachment.state = AttachmentState::uncertain;
  attachment.changed_at = now.wall;
  change(std::move(attachment));
}

void Engine::void_fence_evidence(const Fence& fence, const std::string& why) {
  std::vector<Evidence> ended;
  for (const auto& [id, one] : snapshot_.evidence()) {
    if (EXTVOLD_FORBIDS(fence_loss_voids, one.fence == fence.id)) ended.push_back(one);
  }
  for (Evidence& one : ended) end_evidence(std::move(one), why);
}

// What it was made for: the claim's volume, or, if that is over, one that it took from its host.
const VolumeEntry* Engine::volume_of(const Fence& fence) const {
  const Claim* claim = snapshot_.claim(fence.claim);
  if (const VolumeEntry* entry = claim == nullptr ? nullptr : snapshot_.volume(claim->volume)) return entry;
  for (const auto& [id, one] : snapshot_.evidence()) {
    if (one.fence == fence.id) return snapshot_.volume(one.volume);
  }
  return nullptr;
}

std::set<AgentId> Engine::lost_agents_of(HostId host) const {
  std::set<AgentId> lost;
  for (const Agent* agent : snapshot_.agents_of_host(host)) {
    if (!is_listed(agent->state) && agent->state != AgentState::recovered) lost.insert(agent->id);
  }
  return lost;
}

// Only what the policy asks for, only what [mesos] operations permits, and only now that the fence is read
// back; what could not be asked is asked again at each look. Gone is said once of an agent, and only of one
// that has been lost since before the fence, by the registry of this epoch: not of one that came with the
// host since. Only one that is registered can be deactivated, and who is fenced is not: it is when it comes
// back, as long as the fence stands.
void Engine::tell_mesos(const Fence& fence, Now now) {
  const VolumeEntry* entry = volume_of(fence);
  if (entry == nullptr) return;
  MesosOperationKind kind = MesosOperationKind::mark_agent_gone;
  switch (policy_.fence_policy(entry->volume).tell_mesos) {
    case TellMesos::nothing:
      return;
    case TellMesos::deactivate_agent:
      kind = MesosOperationKind::deactivate_agent;
      break;
    case TellMesos::mark_agent_gone:
      break;
  }
  FenceWork& work = fence_work_[fence.id];
  std::vector<AgentId> agents;
  for (const Agent* agent : snapshot_.agents_of_host(fence.host)) {
    if (snapshot_.mesos_operations().contains(agent->id)) continue;
    const AgentView* view = observed_.agent(agent->id);
    const bool is_lost = agent->state == AgentState::unreachable && view != nullptr &&
                         view->registry_asked_at.ns != 0 && work.lost_before.contains(agent->id);
    const bool due = kind == MesosOperationKind::deactivate_agent
                         ? agent->state == AgentState::registered && !agent->deactivated
                         : is_lost && !work.told_gone.contains(agent->id);
    if (due) agents.push_back(agent->id);
  }
  for (const AgentId& id : agents) {
    AskMesos order;
    order.kind = kind;
    order.agent = order.typed = id.value;
    order.reason = fmt::format("fence {} holds: {}", fence.id.value, fence.cause);
    const Result<std::string> asked = obey(order, Command{}, now);
    const std::string why = asked ? std::string() : asked.error().message;
    if (asked && kind == MesosOperationKind::mark_agent_gone) work.told_gone.insert(id);
    std::string& told = work.mesos_not_told[id];
    if (!why.empty() && why != told) history(fence, "mesos_not_told", why);
    told = why;
  }
}

// ---- its end

// A rung that failed is not tried again at once; the ladder goes on from the next.
void Engine::note_try(const Fence& fence, const std::string& why, Now now) {
  std::vector<FenceTry>& tries = observed_.fence_tries;
  auto known =
      std::find_if(tries.begin(), tries.end(), [&](const FenceTry& one) { return same_rung(one, fence); });
  if (known == tries.end())
    known = tries.insert(known, {fence.host, fence.rung, fence.provider, fence.volume, {}, 0, {}});
  ++known->failures;
  known->why = why;
  known->at = now.at + policy_.fence_retry * (std::int64_t{1} << std::min(known->failures - 1, 4));
}

void Engine::forget_try(const Fence& fence) {
  std::erase_if(observed_.fence_tries, [&](const FenceTry& one) { return same_rung(one, fence); });
}

void Engine::end_fence(Fence fence, FenceState state, Error error, Now now) {
  fence.state = state;
  fence.ended_at = now.wall;
  if (state == FenceState::failed) {
    fence.error_code = error.code;
    fence.error = error.message;
    note_try(fence, error.message, now);
  } else {
    fence.error.clear();
  }
  history(fence, to_text(state), state == FenceState::failed ? fence.error : fence.seen);
  fence_work_.erase(fence.id);
  observed_.fences.erase(fence.id);
  const HostId host = fence.host;
  const bool was_taken =
      fence.held_at.ns != 0 && fence.rung != FenceRung::power && state == FenceState::failed;
  change(std::move(fence));
  if (EXTVOLD_FORBIDS(fence_lost_quarantine, was_taken)) {
    keep_quarantine(host);
  } else {
    end_quarantine(host,
                   state == FenceState::failed ? "no fence of it came to hold" : "its fences are lifted");
  }
  touch_host(host);
}

// A detach is read back: whether the host is still off is worth a look at once.
void Engine::look_at_power(HostId host, Now now) {
  for (const Fence* fence : snapshot_.fences_of_host(host)) {
    if (fence->rung == FenceRung::power) fence_work_[fence->id].due = now.at;
  }
}

void Engine::touch_host(HostId host) {
  for (const auto& [id, entry] : snapshot_.volumes()) {
    if (entry.attachment(host) != nullptr) touch(id);
  }
}

// ---- the clock

void Engine::set_clocks(VolumeId id, const VolumePlan& plan, Now now) {
  const auto known = observed_.volumes.find(id);
  if (plan.clocks.empty() && (known == observed_.volumes.end() || known->second.clocks.empty())) return;
  VolumeView& view = observed_.volumes[id];
  const auto wish_of = [&](HostId host) {
    const ClockWish* found = nullptr;
    for (const ClockWish& one : plan.clocks) {
      if (one.host == host && (found == nullptr || one.runs)) found = &one;
    }
    return found;
  };
  std::erase_if(view.clocks, [&](const FenceClock& one) { return wish_of(one.host) == nullptr; });
  for (const ClockWish& wish : plan.clocks) {
    if (view.clock(wish.host) == nullptr) view.clocks.push_back({wish.host, {}, {}});
  }
  std::sort(view.clocks.begin(), view.clocks.end(),
            [](const FenceClock& a, const FenceClock& b) { return a.host < b.host; });
  for (FenceClock& clock : view.clocks) {
    const bool runs = wish_of(clock.host)->runs;
    if (runs && clock.since.ns == 0) clock.since = now.at;
    if (!runs) clock = {clock.host, clock.elapsed(now.at), {}};
  }
}

}  // namespace extvold::reconcilers
