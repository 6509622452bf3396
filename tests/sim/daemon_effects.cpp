// Effects, carried out as daemon/driver_queue.cpp carries them out.
#include <fmt/format.h>

#include <memory>

#include "tests/sim/daemon.h"
#include "tests/sim/world.h"

namespace extvold::sim {

// ---- commits: batches that come while one is under way are one group after it.

void Daemon::carry_out(reconcilers::Commit& effect) {
  maybe_die(Probe::crash_before_commit);
  world_.oracle.decided(number_, effect.batch);
  uncommitted_.push_back(std::move(effect.batch));
  if (!committing_) commit_waiting();
}

void Daemon::commit_waiting() {
  if (uncommitted_.empty()) return;
  committing_ = true;
  const bool slow = world_.strikes(Fault::slow_commit, random_);
  const Duration takes = slow ? random_.between(milliseconds(50), seconds(25))
                              : random_.between(milliseconds(1), milliseconds(12));
  auto group = std::make_shared<std::vector<Batch>>(std::move(uncommitted_));
  uncommitted_.clear();
  world_.time.after(takes, [this, life = life_, group] {
    if (life != life_) return;
    end_commit(std::move(*group));
  });
}

void Daemon::end_commit(std::vector<Batch> group) {
  committing_ = false;
  if (world_.seldom(Fault::ledger_error, random_))
    disk_.fail_at(random_.between(1, 6), random_.chance(50) ? tests::PowerCutVfs::Fault::write_error
                                                            : tests::PowerCutVfs::Fault::sync_error);
  if (world_.seldom(Fault::disk_full, random_)) {
    world_.probes.hit(Probe::disk_was_full);
    disk_.fail_at(random_.between(1, 6), tests::PowerCutVfs::Fault::disk_full);
  }
  if (world_.seldom(Fault::power_cut, random_)) disk_.cut_at(random_.between(1, 8));
  auto committed = ledger_->commit(group);
  if (disk_.dark()) return lose_power(random_.between(seconds(1), minutes(2)));
  if (!committed) {
    world_.probes.hit(Probe::commit_failed);
    world_.note("commit.failed", number_, to_text(committed.error().code), committed.error().message);
    queue_.push_front(reconcilers::CommitFailed{committed.error()});
    return schedule();
  }
  bool unknown_tasks = false;
  for (const ledger::CommitInfo& info : *committed) unknown_tasks = unknown_tasks || info.tasks_not_found > 0;
  for (const Batch& batch : group) note_committed(batch);
  // Each invariant is a query over everything: after each commit at first, later now and then.
  if (++commits_ <= 20 || commits_ % world_.check_every == 0) check_deeply();
  if (world_.seldom(Fault::daemon_crash, random_)) {
    world_.probes.hit(Probe::crash_after_commit);
    return kill(random_.between(milliseconds(500), seconds(90)));
  }
  post(reconcilers::Committed{group.back().sequence, unknown_tasks});
  commit_waiting();
}

void Daemon::note_committed(const Batch& batch) {
  mirror_.apply(batch);
  world_.note("committed", number_, batch.sequence.value, batch.changes.size());
  for (const Change& change : batch.changes) {
    if (const auto* entry = std::get_if<HistoryEntry>(&change))
      world_.note("  history", entry->kind, entry->text);
  }
  world_.oracle.committed(number_, batch, mirror_);
}

void Daemon::check_deeply() {
  if (ledger_ == nullptr) return;
  const auto findings = ledger_->check(ledger::CheckDepth::invariants);
  if (!findings) return world_.oracle.fail("ledger_check", findings.error().message);
  for (const ledger::Finding& one : *findings)
    return world_.oracle.fail(one.check, fmt::format("{}: {}", one.subject, one.problem));
  auto loaded = ledger_->load();
  if (!loaded) return world_.oracle.fail("ledger_load", loaded.error().message);
  if (!(*loaded == mirror_))
    world_.oracle.fail("ledger_differs", "what the ledger holds is not what was committed to it");
  const bool all_committed = uncommitted_.empty() && !committing_;
  if (all_committed && engine_ != nullptr && engine_->snapshot().sequence == mirror_.sequence &&
      !(engine_->snapshot() == mirror_))
    world_.oracle.fail("engine_differs", "what the engine has is not what its ledger holds");
}

// ---- looks

void Daemon::carry_out(reconcilers::ObserveProvider& effect) {
  maybe_die(Probe::crash_before_look);
  world_.oracle.asked(number_, *policy_.provider(effect.provider));
  world_.storage.observe(effect.provider, effect.volume_key, [this, life = life_](ProviderObservation seen) {
    if (life != life_) return;
    if (seen.throttled) world_.oracle.throttled(number_, seen.provider, seen.retry_after);
    world_.oracle.looked(number_, seen);
    post(reconcilers::ObservationArrived{std::move(seen)});
  });
}

void Daemon::carry_out(reconcilers::ReadAgent& effect) {
  world_.agents.read(effect.agent, effect.address, [this, life = life_](MesosEvent event) {
    if (life == life_) post(reconcilers::EventsArrived{{std::move(event)}});
  });
}

// The answer is true at some moment between the question and its arrival; what the stream says meanwhile may
// be newer. An answer of an older subscription is dropped, as the driver's reader drops it.
void Daemon::carry_out(reconcilers::PollMaster& effect) {
  if (!subscribed_) return;
  const bool late = world_.strikes(Fault::poll_delay, random_);
  if (late) world_.probes.hit(Probe::poll_came_late);
  const Duration takes = late ? random_.between(milliseconds(500), seconds(25))
                              : random_.between(milliseconds(2), milliseconds(400));
  const bool fails = world_.strikes(Fault::poll_failure, random_);
  auto events = std::make_shared<std::vector<MesosEvent>>();
  const Instant sent = world_.time.now();
  world_.time.after(Duration{random_.below(takes.ns)}, [this, call = effect.call, sent, fails, events] {
    if (world_.master.up()) *events = world_.master.answer(call, sent);
    if (events->empty() || fails) {  // half of it may have come
      if (events->size() > 2) events->resize(events->size() / 2);
      if (events->size() == 1) events->clear();
      events->push_back(PollFailed{call, "the answer broke off"});
    }
  });
  if (fails) world_.probes.hit(Probe::poll_failed);
  world_.time.after(takes, [this, life = life_, stream = stream_number_, events] {
    if (life == life_ && stream == stream_number_ && subscribed_)
      post(reconcilers::EventsArrived{std::move(*events)});
  });
}

void Daemon::carry_out(reconcilers::Resubscribe& effect) {
  if (subscribed_) stream_closed(effect.why);
}

// ---- calls

void Daemon::carry_out(reconcilers::Execute& effect) {
  maybe_die(Probe::crash_before_call);
  if (!holds_guard()) {
    world_.probes.hit(Probe::call_refused_by_guard);
    if (policy_told_) world_.oracle.fail("call_without_guard", "its engine was told, and calls all the same");
    OperationResult result;
    result.id = effect.call.operation.id;
    result.state = OperationState::failed;
    result.error = {Errc::unavailable, "not started: the guard was lost just before"};
    result.ended_at = world_.time.now();
    return post(reconcilers::OperationEnded{std::move(result)});
  }
  world_.oracle.call_started(number_, effect.call, mirror_);
  world_.oracle.check_view(effect.call, mirror_, engine_->observed().view_complete);
  const std::int64_t life = life_;
  const VolumeId volume = effect.call.operation.volume;
  const ProviderName provider = effect.call.volume.pool.provider;
  world_.oracle.asked(number_, *policy_.provider(provider));
  world_.storage.execute(std::move(effect.call), [this, life, volume, provider](OperationResult result) {
    if (life != life_) return world_.probes.hit(Probe::effect_after_restart);
    if (result.error.code == Errc::throttled)
      world_.oracle.throttled(number_, provider, result.error.retry_after);
    world_.oracle.call_ended(number_, volume);
    if (result.state != OperationState::failed) ++calls_made_;
    world_.note("call.ended", number_, result.id.value, to_text(result.state), result.error.message);
    post(reconcilers::OperationEnded{std::move(result)});
  });
  maybe_die(Probe::crash_after_call);
}

void Daemon::carry_out(reconcilers::CallMaster& effect) {
  MesosCallResult result;
  result.id = effect.operation.id;
  result.agent = effect.operation.agent;
  result.answer = MesosAnswer::refused;
  result.error = {Errc::permission, "403"};
  result.ended_at = world_.time.now();
  post(reconcilers::MesosCallEnded{std::move(result)});
}

void Daemon::carry_out(reconcilers::ChangeFence& effect) {
  maybe_die(Probe::crash_before_call);
  if (effect.call.act != FenceAct::check) {
    if (!holds_guard()) {
      world_.probes.hit(Probe::call_refused_by_guard);
      FenceResult refused;
      refused.id = effect.call.fence.id;
      refused.act = effect.call.act;
      refused.state = FenceCallState::failed;
      refused.error = {Errc::unavailable, "not started: the guard was lost just before"};
      refused.sent_at = refused.ended_at = world_.time.now();
      return post(reconcilers::FenceCallEnded{std::move(refused)});
    }
    world_.oracle.fence_started(effect.call, mirror_, engine_->snapshot(), engine_->observed().view_complete);
  }
  // What runs out is renewed for as long as it is needed: that is no flapping.
  const bool counts = effect.call.act != FenceAct::check && effect.call.fence.expires_at.ns == 0;
  world_.storage.change_fence(std::move(effect.call), [this, counts, life = life_](FenceResult result) {
    if (counts && result.state != FenceCallState::failed) ++calls_made_;
    if (life != life_) return;
    world_.oracle.looked_at_fence(number_, result);
    post(reconcilers::FenceCallEnded{std::move(result)});
  });
  maybe_die(Probe::crash_after_call);
}

// ---- the rest

void Daemon::carry_out(reconcilers::Reply& effect) {
  world_.note("reply", number_, effect.request,
              effect.status ? effect.text : "refused: " + effect.status.error().message);
}

void Daemon::carry_out(reconcilers::WakeAt& effect) {
  wake_at_ = effect.at;
  if (wake_at_ == kNever) return;
  world_.time.at(effect.at, [this, life = life_, at = effect.at] {
    if (life == life_ && at == wake_at_) post(reconcilers::TimerFired{});
  });
}

void Daemon::carry_out(reconcilers::Stop& effect) { go_read_only(effect.why.message); }

}  // namespace extvold::sim
