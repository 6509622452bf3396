#include "reconcilers/engine.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/check.h"
#include "reconcilers/reconcilers.h"
#include "reconcilers/rule.h"

namespace extvold::reconcilers {

Engine::Engine(Snapshot snapshot, Policy policy)
    : snapshot_(std::move(snapshot)), policy_(std::move(policy)) {}
Engine::~Engine() = default;

std::vector<Effect> Engine::step(Now now, Input input) {
  effects_.clear();
  if (halted_) return {};
  if (!started_) start(now);
  if (auto* events = std::get_if<EventsArrived>(&input)) {
    for (MesosEvent& event : events->events) {
      ++counts_.events;
      std::visit([&](auto& one) { on(one, now); }, event);
    }
  } else if (auto* committed = std::get_if<Committed>(&input)) {
    if (committed->unknown_tasks) master_polls_[MasterCall::get_tasks].wanted = true;
    begin_calls(committed->upto, now);
  } else if (auto* failed = std::get_if<CommitFailed>(&input)) {
    halted_ = true;
    return {Stop{failed->error}};
  } else if (auto* arrived = std::get_if<ObservationArrived>(&input)) {
    on_observation(std::move(arrived->observation), now);
  } else if (auto* ended = std::get_if<OperationEnded>(&input)) {
    on_result(std::move(ended->result), now);
  } else if (auto* answered = std::get_if<MesosCallEnded>(&input)) {
    on_result(answered->result, now);
  } else if (auto* fenced = std::get_if<FenceCallEnded>(&input)) {
    on_result(fenced->result, now);
  } else if (auto* command = std::get_if<CommandArrived>(&input)) {
    on_command(std::move(command->command), now);
  } else if (auto* changed = std::get_if<PolicyChanged>(&input)) {
    const bool may_act_again = !policy_.observe_only.empty() && changed->policy.observe_only.empty();
    if (EXTVOLD_FORBIDS(guard_doubts_looks, may_act_again)) doubt_looks(now);
    policy_ = std::move(changed->policy);
    resolve_again({}, now);
    touch_all();
  } else if (std::holds_alternative<StopRequested>(input)) {
    stopping_ = true;
  }
  apply_assumptions(now);
  look_at_dirty(now);
  request_polls(now);
  finish_step(now);
  return std::move(effects_);
}

// What a crash may have left: calls that may have happened, evidence of a view that is gone.
void Engine::start(Now now) {
  started_ = true;
  for (const auto& [id, entry] : snapshot_.volumes()) {
    touch(id);
    settle_format_claim(entry);
    const Operation* open = entry.open_operation.get();
    if (open == nullptr) continue;
    Operation operation = *open;
    const ProviderInfo* provider = policy_.provider(entry.volume.pool.provider);
    const bool can_tell = provider != nullptr && provider->capabilities.shows_running_calls;
    const Instant ended =
        EXTVOLD_PERMITS(start_deadline, can_tell) ? now.at : now.at + policy_.operation_deadline;
    if (EXTVOLD_FORBIDS(start_uncertain, operation.state != OperationState::uncertain)) {
      operation.state = OperationState::uncertain;
      operation.error_code = Errc::uncertain;
      operation.error = "extvold was started again while it was under way";
      change(operation);
      history({.kind = "operation.uncertain",
               .volume = id,
               .host = operation.host,
               .operation = operation.id,
               .rule = "start",
               .text = operation.error});
    }
    snapshot_.note_call_ended(id, ended);
    observed_.volumes[id].acted_at = ended;
  }
  wait_for_former_calls(now);
  doubt_mesos_operations(now);
  doubt_fences(now);
  resolve_again({}, now);  // drivers may be mapped otherwise than when they were seen
  interrupt_view("extvold was started", now);
  if (!policy_.has_master) {
    observed_.view_complete = true;
    observed_.view_incomplete_why.clear();
  }
  next_audit_ = now.at + policy_.audit;
}

// A ledger that is new, restored or copied knows nothing of calls that were made before it began; each is
// over after its deadline and its provider's settle time. A clock that was set back only makes this longer.
void Engine::wait_for_former_calls(Now now) {
  const Duration gone{std::max<std::int64_t>(0, (now.wall.ns - snapshot_.ledger.began_at.ns))};
  const Duration left = policy_.call_takes_at_most() - gone;
  if (left.ns > 0) observed_.former_calls_until = now.at + left;
}

// While this daemon only observed another one may have acted, until just now: what was seen earlier does not
// say where volumes are.
void Engine::doubt_looks(Now now) {
  for (const auto& [id, entry] : snapshot_.volumes()) {
    VolumeView& view = observed_.volumes[id];
    view.acted_at = std::max(view.acted_at, now.at);
  }
}

// Whose claims or evidence this moves: what failed before is worth another try.
VolumeId Engine::volume_of_news(const Change& change) const {
  if (const auto* claim = std::get_if<Claim>(&change)) return claim->volume;
  if (const auto* evidence = std::get_if<Evidence>(&change)) return evidence->volume;
  const auto* moved = std::get_if<ClaimStateChange>(&change);
  const Claim* claim = moved == nullptr ? nullptr : snapshot_.claim(moved->id);
  if (claim == nullptr || (claim->wanted == moved->wanted && claim->liveness == moved->liveness)) return {};
  return claim->volume;
}

void Engine::change(Change change) {
  if (const VolumeId volume = volume_of_news(change)) {
    if (const auto view = observed_.volumes.find(volume); view != observed_.volumes.end())
      view->second.retries.clear();
  }
  if (auto* row = std::get_if<Attachment>(&change)) note_detached(*row);
  snapshot_.apply(change);
  changes_.push_back(std::move(change));
}

// Of one attachment, once: what a doubt interrupts is not detached anew.
void Engine::note_detached(Attachment& row) const {
  const Attachment* before = snapshot_.volume(row.volume)->attachment(row.host);
  const bool another = before == nullptr || before->generation != row.generation;
  if (another) row.unexplained_use = false;
  row.detached_sequence = another ? 0 : before->detached_sequence;
  if (row.state == AttachmentState::attached) row.detached_sequence = 0;
  if (row.state == AttachmentState::detached && row.detached_sequence == 0)
    row.detached_sequence = snapshot_.sequence.value + 1;
}

void Engine::history(HistoryEntry entry) { changes_.push_back(std::move(entry)); }

void Engine::history(const Operation& operation, std::string_view what, std::string_view why) {
  history({.kind = fmt::format("operation.{}", what),
           .volume = operation.volume,
           .host = operation.host,
           .operation = operation.id,
           .evidence = operation.evidence,
           .claim = operation.claim,
           .rule = operation.rule,
           .text = fmt::format("{}: {}", describe(operation, snapshot_), why)});
}

void Engine::touch(VolumeId volume) {
  if (volume) dirty_.insert(volume);
}

void Engine::touch_all() {
  for (const auto& [id, entry] : snapshot_.volumes()) dirty_.insert(dirty_.end(), id);
}

// The agent answered, or did not: who asked for it is looked at again.
void Engine::touch_askers(const AgentId& agent) {
  const auto askers = askers_.find(agent);
  if (askers == askers_.end()) return;
  for (VolumeId volume : askers->second) touch(volume);
  askers_.erase(askers);
}

void Engine::look_at_dirty(Now now) {
  while (!wakes_.empty() && wakes_.begin()->first <= now.at) {
    const VolumeId volume = wakes_.begin()->second;
    wakes_.erase(wakes_.begin());
    wake_of_.erase(volume);
    touch(volume);
  }
  if (now.at >= next_audit_) {
    next_audit_ = now.at + policy_.audit;
    ++counts_.sweeps;
    touch_all();
  }
  // A look may touch its own volume again (a claim that is dropped); it is bounded by what can still change.
  for (int round = 0; round < 4 && !dirty_.empty(); ++round) look_at_turn(now);
  while (call_waiting(now)) look_at_turn(now);
}

void Engine::look_at_turn(Now now) {
  const std::set<VolumeId> turn = std::move(dirty_);
  dirty_.clear();
  for (VolumeId id : turn) {
    drop_idle_claims(id);
    const VolumeEntry* entry = snapshot_.volume(id);
    if (entry == nullptr) continue;
    settle_format_claim(*entry);
    look_at(*entry, now, scratch_);
    carry_out(*entry, scratch_, now);
  }
}

void Engine::look_at(const VolumeEntry& entry, Now now, VolumePlan& out) {
  ++counts_.looks;
  out.clear();
  plan_volume(Look{snapshot_, observed_, policy_, now.at}, entry, out);
}

void Engine::carry_out(const VolumeEntry& entry, VolumePlan& plan, Now now) {
  const VolumeId id = entry.volume.id;
  for (const ObserveWish& wish : plan.observe) {
    if (wish.volume) {
      inspect_not_before_.try_emplace(wish.volume, Instant{0});
    } else {
      PollState& poll = agent_polls_[wish.agent];
      poll.wanted = true;
      queue_agent(wish.agent, poll);
      askers_[wish.agent].insert(id);
    }
  }
  set_clocks(id, plan, now);
  update_blocked(entry, plan, now);
  carry_out_fences(plan, now);
  if (!plan.operations.empty() && !stopping_) {
    const ProviderInfo* provider = policy_.provider(entry.volume.pool.provider);
    for (PlannedOperation& planned : plan.operations) {
      if (!planned.waits_for.empty() || !planned.after.empty()) continue;
      const Lane lane = lane_of(planned.operation.kind);
      // One that settles an attach takes nothing from anybody.
      if (planned.operation.kind == OperationKind::detach && planned.operation.rule != kSettlesAttach &&
          EXTVOLD_FORBIDS(detach_storm, detach_storm_guard(entry, planned.operation, now)))
        break;
      if (planned.operation.kind == OperationKind::attach &&
          keep_former_identity(entry, planned.operation.host, identity_now(*provider, planned.operation.host),
                               now))
        touch(id);  // it stands against this attach
      else if (take_lane(*provider, lane, id, planned.operation.host, now))
        record(std::move(planned), now);
      break;  // one open operation a volume
    }
  }
  const auto known = wake_of_.find(id);
  if (known != wake_of_.end()) {
    wakes_.erase({known->second, id});
    wake_of_.erase(known);
  }
  if (plan.next_look != kNever) {
    wakes_.insert({plan.next_look, id});
    wake_of_[id] = plan.next_look;
  }
}

void Engine::update_blocked(const VolumeEntry& entry, const VolumePlan& plan, Now now) {
  if (plan.blocked.empty() && entry.blocked.empty() && plan.operations.empty()) return;
  std::vector<BlockedRow> rows = plan.blocked;
  for (const PlannedOperation& planned : plan.operations) {
    if (planned.waits_for.empty()) continue;
    const HostId host = planned.operation.host;
    const bool said =
        std::any_of(rows.begin(), rows.end(), [&](const BlockedRow& row) { return row.host == host; });
    if (said) continue;
    const bool person =
        !standing_order({snapshot_, observed_, policy_, now.at}, entry.volume, host).empty() ||
        snapshot_.detach_storm;
    rows.push_back({entry.volume.id,
                    host,
                    "planned_waits",
                    person ? Owner::operator_ : Owner::extvold,
                    fmt::format("{} waits for {}", describe(planned.operation, snapshot_), planned.waits_for),
                    {},
                    {}});
  }
  std::vector<Change> changes;
  for (BlockedRow& row : rows) {
    const auto old = std::find_if(entry.blocked.begin(), entry.blocked.end(),
                                  [&](const BlockedRow& one) { return one.host == row.host; });
    const bool same_reason = old != entry.blocked.end() && old->reason == row.reason;
    if (same_reason && old->text == row.text && old->owner == row.owner) continue;
    row.since = same_reason ? old->since : now.wall;
    if (plan.next_look != kNever) row.next_look = {now.wall.ns + (plan.next_look - now.at).ns};
    if (!same_reason) {
      history({.kind = "volume.blocked",
               .volume = row.volume,
               .host = row.host,
               .rule = row.reason,
               .text = row.text});
    }
    changes.emplace_back(row);
  }
  for (const BlockedRow& old : entry.blocked) {
    const bool stays =
        std::any_of(rows.begin(), rows.end(), [&](const BlockedRow& row) { return row.host == old.host; });
    if (!stays) changes.emplace_back(DropBlocked{old.volume, old.host});
  }
  for (Change& one : changes) change(std::move(one));
}

// Intent first: the operation and the attachment that it is about become one commit; the call starts when
// that commit is durable.
void Engine::record(PlannedOperation planned, Now now) {
  give_identity(planned, snapshot_.ledger, snapshot_.counters.next_generation++);
  counters_used_ = true;
  Operation& operation = planned.operation;
  operation.recorded_at = now.wall;
  const VolumeEntry& entry = *snapshot_.volume(operation.volume);
  if (entry.open_operation != nullptr) supersede(*entry.open_operation, now);
  if (operation.kind == OperationKind::attach) {
    Attachment row;
    row.volume = operation.volume;
    row.host = operation.host;
    row.state = AttachmentState::attaching;
    row.generation = operation.generation;
    row.read_only = attaches_read_only(entry.volume, snapshot_.claim(operation.claim));
    row.changed_at = now.wall;
    if (const Attachment* before = entry.attachment(operation.host)) {
      row.read_back = before->read_back;
      if (before->state != AttachmentState::detached) row.fence_addresses = before->fence_addresses;
      if (before->host_identity == identity_now(provider_of(entry), operation.host))
        row.host_identity = before->host_identity;
    }
    if (EXTVOLD_FORBIDS(evidence_voided_by_attach, true))
      void_evidence(entry, operation.host, /*keep_fenced=*/false, "a new attachment of that host begins");
    change(row);
  } else if (operation.kind == OperationKind::detach) {
    Attachment row = *entry.attachment(operation.host);
    row.state = AttachmentState::detaching;
    row.changed_at = now.wall;
    change(row);
  } else if (operation.kind == OperationKind::format) {
    Volume row = entry.volume;
    row.format = FormatState::intended;
    change(row);
  } else if (operation.kind == OperationKind::create) {
    fit_to_source(entry);
  }
  change(operation);
  history(operation, "recorded", operation.cause);
  awaiting_[{snapshot_.sequence.value + 1}].calls.emplace_back(operation.id, operation.volume);
}

// Its source may have been granted more than was asked for. Once only: each call for it is the same.
void Engine::fit_to_source(const VolumeEntry& entry) {
  const VolumeEntry* source = snapshot_.volume(entry.volume.source);
  if (source == nullptr || entry.last_operation != nullptr || source->volume.size_mb <= entry.volume.size_mb)
    return;
  Volume row = entry.volume;
  row.size_mb = source->volume.size_mb;
  change(std::move(row));
}

// What this attach did nobody can tell by looking: the detach that takes its place, once it is read back,
// settles it. Its attachment row stays.
void Engine::supersede(Operation operation, Now now) {
  operation.state = OperationState::failed;
  operation.outcome = Outcome::none;
  operation.error_code = Errc::uncertain;
  operation.error += "; a detach settles whether it happened";
  operation.ended_at = now.wall;
  history(operation, "failed", operation.error);
  change(std::move(operation));
}

void Engine::begin_calls(Sequence upto, Now now) {
  while (!awaiting_.empty() && EXTVOLD_PERMITS(intent_committed, awaiting_.begin()->first <= upto)) {
    AwaitingCommit waiting = std::move(awaiting_.begin()->second);
    awaiting_.erase(awaiting_.begin());
    for (const auto& [operation, volume] : waiting.calls) begin_call(operation, volume, now);
    for (const auto& [operation, agent] : waiting.mesos_calls) begin_mesos_call(agent, operation, now);
    for (const FenceId id : waiting.fences) begin_fence(id, now);
    for (Reply& reply : waiting.replies) effects_.emplace_back(std::move(reply));
  }
}

void Engine::begin_call(const OperationId& id, VolumeId volume, Now now) {
  const VolumeEntry& entry = *snapshot_.volume(volume);
  if (entry.open_operation == nullptr || entry.open_operation->id != id) return;
  Operation operation = *entry.open_operation;
  if (operation.state != OperationState::recorded) return;
  if (EXTVOLD_FORBIDS(permitted_at_start, !still_permitted(operation, now))) {
    const Error why{Errc::conflict, "superseded: what permitted it changed before it was started"};
    if (operation.rule == kSettlesAttach) {
      leave_open(operation, why, now);
    } else {
      end_operation(operation, OperationState::failed, Outcome::none, why, now);
    }
    leave_lane(entry.volume.pool.provider, lane_of(operation.kind));
    return;
  }
  operation.state = OperationState::issued;
  change(operation);
  OperationCall call;
  call.operation = operation;
  call.ledger_id = snapshot_.ledger.id;
  call.volume = entry.volume;
  call.deadline = policy_.operation_deadline;
  call.host_name = operation.host ? host_name(snapshot_, operation.host) : std::string();
  if (const Attachment* attachment = entry.attachment(operation.host)) {
    call.host_identity = attachment->host_identity;
    call.device = attachment->device;
    call.read_only = attachment->read_only;
  }
  if (const VolumeEntry* source = snapshot_.volume(entry.volume.source)) {
    call.source_ref = source->volume.provider_ref;
    call.volume.size_mb =
        std::max(call.volume.size_mb, source->volume.size_mb);  // it may have been granted more
  }
  calling_[id] = volume;
  effects_.emplace_back(Execute{std::move(call)});
}

// Evidence, claims, holds and the other hosts once more, now that the intent is durable and the call is about
// to start.
bool Engine::still_permitted(const Operation& operation, Now now) const {
  const VolumeEntry& entry = *snapshot_.volume(operation.volume);
  const Look look{snapshot_, observed_, policy_, now.at};
  if (EXTVOLD_FORBIDS(fence_holds_volume,
                      operation.host && fence_under_way(snapshot_, operation.host) != nullptr))
    return false;
  if (stopping_ || !standing_order(look, entry.volume, operation.host).empty()) return false;
  if (waits_for_former(policy_, operation.kind)) return false;
  if (operation.evidence && snapshot_.evidence(operation.evidence) == nullptr) return false;
  switch (operation.kind) {
    case OperationKind::create:
      return entry.volume.state == VolumeState::planned &&
             (!entry.volume.source ||
              EXTVOLD_PERMITS(create_source_made, made_source(snapshot_, entry.volume) != nullptr));
    case OperationKind::remove:
      return entry.volume.state == VolumeState::removing;
    case OperationKind::format:
      return entry.volume.format == FormatState::intended;
    case OperationKind::resize: {
      const ProviderInfo* provider = policy_.provider(entry.volume.pool.provider);
      return entry.volume.state == VolumeState::available && entry.volume.wanted_size_mb != 0 &&
             provider != nullptr && provider->capabilities.resize &&
             (provider->capabilities.resize_attached || first_holder(entry) == nullptr);
    }
    case OperationKind::detach: {
      const VolumeView* view = observed_.volume(operation.volume);
      const ProviderInfo* provider = policy_.provider(entry.volume.pool.provider);
      if (EXTVOLD_FORBIDS(detach_view_complete, !observed_.view_complete)) return false;
      if (view == nullptr || provider == nullptr) return false;
      if (operation.rule == kSettlesAttach)  // nobody has it there yet
        return EXTVOLD_PERMITS(settling_detach_there,
                               !may_be_attached_there(snapshot_, entry, *view, operation.host));
      return may_detach({look, entry, *provider, view}, *entry.attachment(operation.host));
    }
    case OperationKind::attach: {
      if (EXTVOLD_FORBIDS(attach_quarantine, snapshot_.host(operation.host)->quarantined)) return false;
      const Claim* claim = snapshot_.claim(operation.claim);
      if (claim == nullptr || !claim->wanted || claim->host != operation.host) return false;
      if (EXTVOLD_FORBIDS(attach_live_claim, claim->liveness != Liveness::live)) return false;
      if (EXTVOLD_FORBIDS(attach_view_complete, is_of_mesos(claim->kind) && !observed_.view_complete))
        return false;
      const ProviderInfo* provider = policy_.provider(entry.volume.pool.provider);
      const bool read_only = entry.attachment(operation.host)->read_only;
      if (provider == nullptr) return false;
      if (const VolumeLook volume{look, entry, *provider, observed_.volume(operation.volume)};
          EXTVOLD_FORBIDS(attach_shown_elsewhere, bool(shown_unrecorded(volume, operation.host))))
        return false;
      return std::all_of(entry.attachments.begin(), entry.attachments.end(), [&](const Attachment& one) {
        EvidenceId evidence;
        return one.host == operation.host || !excludes(entry.volume.access, one.read_only, read_only) ||
               EXTVOLD_PERMITS(attach_released, is_released(look, entry, *provider, one, evidence));
      });
    }
  }
  return false;
}

// Counts attachments, not tries. What extvold itself brought to the format host is no storm.
bool Engine::detach_storm_guard(const VolumeEntry& entry, const Operation& detach, Now now) {
  if (was_only_formatted(entry, detach.host)) return false;
  if (snapshot_.detach_storm) return true;
  std::erase_if(recent_detaches_,
                [&](const auto& one) { return one.second + policy_.detach_storm_window <= now.at; });
  const std::pair<VolumeId, HostId> subject{detach.volume, detach.host};
  const auto share =
      static_cast<std::int64_t>(snapshot_.volumes().size()) * policy_.detach_storm_percent / 100;
  const std::int64_t limit = std::max<std::int64_t>(policy_.detach_storm_max, share);
  if (recent_detaches_.contains(subject) || static_cast<std::int64_t>(recent_detaches_.size()) < limit) {
    recent_detaches_[subject] = now.at;
    return false;
  }
  change(SetDetachStorm{true});
  history({.kind = "guard.detach_storm",
           .rule = "detach_storm",
           .text = fmt::format("{} attachments were detached in the window: no more until a person says "
                               "`extvold release --all`",
                               recent_detaches_.size())});
  touch_all();
  return true;
}

// An agent's place in agents_due_ follows what its poll says.
void Engine::queue_agent(const AgentId& agent, PollState& poll) {
  if (poll.queued) agents_due_.erase({poll.queued_at, agent});
  poll.queued = poll.wanted && !poll.asked;
  poll.queued_at = poll.not_before;
  if (poll.queued) agents_due_.insert({poll.queued_at, agent});
}

// News of an agent: it is asked then, or before if it was to be, however seldom it had been asked.
void Engine::want_agent(const AgentId& agent, Instant at) {
  PollState& poll = agent_polls_[agent];
  poll.not_before = poll.wanted ? std::min(poll.not_before, at) : at;
  poll.wanted = true;
  poll.backoff = {};
  queue_agent(agent, poll);
}

// News that can wait for a moment, so that several make one round; and for the end of a failure's pause.
void Engine::want_agent_soon(const AgentId& agent, Now now) {
  const AgentView* view = observed_.agent(agent);
  if (view == nullptr || view->api_error.empty()) return want_agent(agent, now.at + policy_.agent_poll_min);
  PollState& poll = agent_polls_[agent];
  poll.wanted = true;
  queue_agent(agent, poll);
}

// Asked again for the same thing an agent is asked less and less often; news about it (an event) begins anew.
Engine::PollState& Engine::end_agent_read(const AgentId& agent, Now now) {
  PollState& poll = agent_polls_[agent];
  if (poll.asked) --agents_asked_;
  poll.asked = false;
  poll.backoff = std::min(std::max(poll.backoff * 2, policy_.agent_poll_min), policy_.agent_poll_max);
  poll.not_before = now.at + poll.backoff;
  queue_agent(agent, poll);
  return poll;
}

void Engine::request_master_polls(Now now, Instant& next) {
  for (MasterCall call : {MasterCall::get_master, MasterCall::metrics, MasterCall::get_agents,
                          MasterCall::registry, MasterCall::get_tasks, MasterCall::get_executors,
                          MasterCall::get_maintenance_schedule, MasterCall::get_maintenance_status}) {
    PollState& poll = master_polls_[call];
    if (poll.asked) continue;
    // What an event asks for comes sooner, but neither in a storm nor within the pause after a failure.
    Instant due = poll.not_before;
    if (poll.wanted && poll.backoff.ns == 0) due = std::min(due, poll.sent_at + policy_.master_poll_min);
    if (due <= now.at) {
      // What asks for the list of agents out of turn is news of one that is missing, or not known: if it is
      // in no list, the registry knows why.
      if (call == MasterCall::get_agents && poll.wanted) master_polls_[MasterCall::registry].wanted = true;
      poll.asked = true;
      poll.wanted = false;
      poll.sent_at = now.at;
      if (call == MasterCall::get_tasks) began_before_ask_ = tasks_began_running_;
      effects_.emplace_back(PollMaster{call});
    } else {
      next = std::min(next, due);
    }
  }
}

void Engine::request_agent_reads(Now now, Instant& next) {
  constexpr int kAgentReadsMax = 16;
  while (!agents_due_.empty() && agents_asked_ < kAgentReadsMax) {  // the next answer comes back here
    const auto [due, id] = *agents_due_.begin();
    if (due > now.at) {
      next = std::min(next, due);
      return;
    }
    PollState& poll = agent_polls_[id];
    const Agent* agent = snapshot_.agent(id);
    // One that has not registered yet, or not again, is asked when it has.
    const bool can_be_asked = agent != nullptr && !agent->address.empty();
    poll.asked = can_be_asked;
    poll.wanted = !can_be_asked;
    poll.queued = false;
    agents_due_.erase(agents_due_.begin());
    if (!can_be_asked) continue;
    ++agents_asked_;
    poll.sent_at = now.at;
    effects_.emplace_back(ReadAgent{id, agent->address});
  }
}

// Of single volumes; who has waited longest comes first. The answer: when the next is due.
Instant Engine::request_looks(Now now) {
  Instant next = kNever;
  std::vector<std::pair<Instant, VolumeId>> due;
  for (auto it = inspect_not_before_.begin(); it != inspect_not_before_.end();) {
    const auto [volume, at] = *it;
    const VolumeEntry* entry = snapshot_.volume(volume);
    if (entry == nullptr || policy_.provider(entry->volume.pool.provider) == nullptr) {
      it = inspect_not_before_.erase(it);
      continue;
    }
    ++it;
    if (inspecting_.contains(volume)) continue;
    if (at <= now.at) {
      due.emplace_back(at, volume);
    } else {
      next = std::min(next, at);
    }
  }
  std::sort(due.begin(), due.end());
  for (const auto& [at, volume] : due) {
    const VolumeEntry& entry = *snapshot_.volume(volume);
    const ProviderInfo& provider = provider_of(entry);
    if (calls_now(provider, now) == 0) {
      next = std::min(next, next_call(provider));
      continue;
    }
    inspecting_.insert(volume);
    spend_call(provider, now);
    effects_.emplace_back(ObserveProvider{provider.name, entry.volume.key});
    inspect_not_before_.erase(volume);
  }
  return next;
}

void Engine::request_polls(Now now) {
  Instant next = kNever;
  if (subscribed_ && snapshot_whole_ && !stopping_) {
    request_read_backs(now, next);
    request_master_polls(now, next);
    request_agent_reads(now, next);
  }
  if (!stopping_) request_fence_calls(now, next);
  for (const ProviderInfo& provider : policy_.providers) {
    PollState& poll = provider_polls_[provider.name];
    if (poll.asked || stopping_) continue;
    if (poll.not_before > now.at) {
      next = std::min(next, poll.not_before);
    } else if (calls_now(provider, now) == 0) {
      next = std::min(next, next_call(provider));
    } else {
      poll.asked = true;
      spend_call(provider, now);
      effects_.emplace_back(ObserveProvider{provider.name, {}});
    }
  }
  next = std::min(next, request_looks(now));
  next = std::min(next, next_call_of_lanes());
  if (!wakes_.empty()) next = std::min(next, wakes_.begin()->first);
  if (observed_.view_complete) {
    for (const auto& [claim, due] : assumptions_due_) next = std::min(next, due);
  }
  next = std::min(next, next_audit_);
  if (next != announced_wake_ || announced_wake_ <= now.at) {
    announced_wake_ = next;
    effects_.emplace_back(WakeAt{next});
  }
}

void Engine::finish_step(Now now) {
  if (!changes_.empty()) {
    if (counters_used_) changes_.emplace_back(snapshot_.counters);
    counters_used_ = false;
    Batch batch;
    batch.sequence = {snapshot_.sequence.value + 1};
    batch.at = now.wall;
    batch.changes = std::move(changes_);
    changes_.clear();
    snapshot_.sequence = batch.sequence;
    ++counts_.commits;
    if (!replies_.empty())
      std::move(replies_.begin(), replies_.end(), std::back_inserter(awaiting_[batch.sequence].replies));
    effects_.insert(effects_.begin(), Commit{std::move(batch)});
  } else if (!awaiting_.empty()) {
    std::move(replies_.begin(), replies_.end(), std::back_inserter(awaiting_.rbegin()->second.replies));
  } else {
    for (Reply& reply : replies_) effects_.emplace_back(std::move(reply));
  }
  replies_.clear();
}

}  // namespace extvold::reconcilers
