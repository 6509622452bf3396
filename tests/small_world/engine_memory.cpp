#include "tests/small_world/engine_memory.h"

namespace extvold::small_world {

using reconcilers::Engine;
using reconcilers::Recent;
using Order = Fingerprint::Order;

// A member that is new belongs into copy(), and into put() if it decides anything.
#if defined(__x86_64__) && defined(__GLIBCXX__) && !defined(_GLIBCXX_DEBUG)
static_assert(sizeof(Engine) == 4144, "the engine has other members than those that copy() knows");
#endif

template <typename Value>
void EngineMemory::copy(const Recent<Name, Value>& from, Recent<Name, Value>& to) {
  for (const auto& [stamp, entry] : from.by_age_) to.insert(entry->first, entry->second.value);
}

std::unique_ptr<Engine> EngineMemory::copy(const Engine& from) {
  auto made = std::make_unique<Engine>(copy_of(from.snapshot_), from.policy_);
  Engine& to = *made;
  to.observed_ = from.observed_;
  to.counts_ = from.counts_;
  to.started_ = from.started_;
  to.halted_ = from.halted_;
  to.stopping_ = from.stopping_;
  to.changes_ = from.changes_;
  to.replies_ = from.replies_;
  to.counters_used_ = from.counters_used_;
  to.awaiting_ = from.awaiting_;
  to.calling_ = from.calling_;
  to.dirty_ = from.dirty_;
  to.wakes_ = from.wakes_;
  to.wake_of_ = from.wake_of_;
  to.next_audit_ = from.next_audit_;
  to.announced_wake_ = from.announced_wake_;
  to.lanes_ = from.lanes_;
  to.recent_detaches_ = from.recent_detaches_;
  to.fence_work_ = from.fence_work_;
  to.recent_fences_ = from.recent_fences_;
  to.fence_guard_off_until_ = from.fence_guard_off_until_;
  to.fence_guard_allows_ = from.fence_guard_allows_;
  to.master_polls_ = from.master_polls_;
  to.agent_polls_ = from.agent_polls_;
  to.agents_due_ = from.agents_due_;
  to.agents_asked_ = from.agents_asked_;
  to.askers_ = from.askers_;
  to.provider_polls_ = from.provider_polls_;
  to.inspecting_ = from.inspecting_;
  to.inspect_not_before_ = from.inspect_not_before_;
  to.subscribed_ = from.subscribed_;
  to.snapshot_whole_ = from.snapshot_whole_;
  to.view_opened_at_ = from.view_opened_at_;
  to.authorisation_problem_ = from.authorisation_problem_;
  to.authorisation_misses_ = from.authorisation_misses_;
  to.agents_of_view_ = from.agents_of_view_;
  to.agents_of_poll_ = from.agents_of_poll_;
  to.executors_of_poll_ = from.executors_of_poll_;
  to.tasks_of_poll_ = from.tasks_of_poll_;
  to.absent_tasks_ = from.absent_tasks_;
  to.registry_of_poll_ = from.registry_of_poll_;
  to.windows_ = from.windows_;
  to.windows_of_poll_ = from.windows_of_poll_;
  to.machines_ = from.machines_;
  to.machines_of_poll_ = from.machines_of_poll_;
  to.poll_sent_at_ = from.poll_sent_at_;
  to.tasks_running_in_poll_ = from.tasks_running_in_poll_;
  to.tasks_running_seen_ = from.tasks_running_seen_;
  to.tasks_began_running_ = from.tasks_began_running_;
  to.began_before_list_ = from.began_before_list_;
  to.began_before_ask_ = from.began_before_ask_;
  to.foreign_ = from.foreign_;
  to.assumptions_due_ = from.assumptions_due_;
  copy(from.ended_tasks_, to.ended_tasks_);
  copy(from.asked_executors_, to.asked_executors_);
  copy(from.gone_executors_, to.gone_executors_);
  copy(from.mesos_executors_, to.mesos_executors_);
  to.known_executors_ = from.known_executors_;
  copy(from.launched_executors_, to.launched_executors_);
  return made;
}

void EngineMemory::put(Fingerprint& print, const Recent<Name>& names) {
  print.number(static_cast<std::int64_t>(names.entries_.size()));
  for (const auto& [name, entry] : names.entries_) {
    print.text(std::get<1>(name));
    print.text(std::get<2>(name).value);
  }
}

void EngineMemory::put_polls(Fingerprint& print, const Engine& engine) {
  for (const auto& [call, poll] : engine.master_polls_) {
    if (!poll.asked && !poll.wanted && poll.backoff.ns == 0) continue;
    print.value(call);
    print.number(poll.asked * 2 + poll.wanted);
    print.number(poll.backoff.ns);
    print.due(poll.not_before);
  }
  for (const auto& [agent, poll] : engine.agent_polls_) {
    print.text(agent.value);
    print.number(poll.asked * 4 + poll.wanted * 2 + poll.queued);
    print.number(poll.backoff.ns);
    print.due(poll.not_before);
    print.due(poll.queued_at);
  }
  print.number(engine.agents_asked_);
  for (const auto& [agent, volumes] : engine.askers_) {
    print.text(agent.value);
    for (const VolumeId id : volumes) print.number(id.value);
  }
  for (const auto& [name, poll] : engine.provider_polls_) {
    print.number(poll.asked);
    print.due(poll.not_before);
  }
  print.number(-10);
  for (const VolumeId id : engine.inspecting_) print.number(id.value);
  print.number(-11);
  for (const auto& [id, at] : engine.inspect_not_before_) {
    print.number(id.value);
    print.due(at);
  }
}

void EngineMemory::put_fence_work(Fingerprint& print, const Engine& engine) {
  for (const auto& [id, work] : engine.fence_work_) {
    if (engine.snapshot_.fence(id) == nullptr) continue;
    print.ordered(Order::fence, 0, id.value);
    print.number(work.calling * 8 + work.set_again * 4 + work.lifted * 2 + work.just_set);
    print.number(work.unknown_looks);
    print.number(work.put_off);
    print.due(work.due);
    print.ago(work.call_ended_at, engine.settle_time_of(*engine.snapshot_.fence(id)));
    print.number(work.backoff.ns);
  }
}

void EngineMemory::put(Fingerprint& print, const Engine& engine) {
  small_world::put(print, engine.snapshot_, &engine.observed_);
  small_world::put(print, engine.observed_);
  print.number(engine.started_ * 8 + engine.halted_ * 4 + engine.subscribed_ * 2 + engine.snapshot_whole_);
  print.text(engine.authorisation_problem_);
  print.number(engine.authorisation_misses_);
  print.number(engine.tasks_running_seen_ + engine.tasks_began_running_ - engine.began_before_list_);
  print.number(engine.tasks_began_running_ - engine.began_before_ask_);
  for (const auto& [sequence, waiting] : engine.awaiting_) {  // in the order of the commits
    print.number(-23);
    for (const auto& [operation, volume] : waiting.calls) {  // the volume's open one, or it comes to nothing
      const Operation* open = engine.snapshot_.volume(volume)->open_operation.get();
      print.number(volume.value);
      print.number(open != nullptr && open->id == operation);
    }
    print.number(-20);
    for (const FenceId id : waiting.fences) print.ordered(Order::fence, 0, id.value);
    print.number(-21);
  }
  for (const VolumeId id : engine.dirty_) print.number(id.value);
  print.number(-22);
  for (const auto& [id, at] : engine.wake_of_) {
    print.number(id.value);
    print.due(at);
  }
  for (const auto& [of, lane] : engine.lanes_) {
    print.value(of.second);
    print.number(lane.calls);
    print.number(static_cast<std::int64_t>(lane.waits_at.size()));
  }
  put_fence_work(print, engine);
  put_polls(print, engine);
  put(print, engine.ended_tasks_);
  put(print, engine.asked_executors_);
  put(print, engine.gone_executors_);
  put(print, engine.mesos_executors_);
  for (const auto& [agent, executors] : engine.known_executors_) {
    print.text(agent.value);
    for (const auto& [hash, at] : executors) print.number(static_cast<std::int64_t>(hash));
  }
}

void EngineMemory::put_later_than(Fingerprint& print, const Engine& engine, Instant sent_at,
                                  VolumeId volume) {
  const VolumeEntry& entry = *engine.snapshot_.volume(volume);
  const VolumeView* view = engine.observed_.volume(volume);
  print.flag(view != nullptr && sent_at > view->acted_at);
  print.flag(view != nullptr && sent_at > view->idle_since);
  const Operation* open = entry.open_operation.get();
  print.flag(open != nullptr && sent_at > open->call_ended_at.value);
  print.flag(open != nullptr && sent_at >= open->call_ended_at.value + seconds(60));
  for (const Claim* claim : entry.claims) print.flag(sent_at > claim->last_event_at.value);
  for (const auto& [id, fence] : engine.observed_.fences) print.flag(sent_at > fence.checked_at);
}

void EngineMemory::put_later_than(Fingerprint& print, const Engine& engine, Instant sent_at,
                                  const AgentId& agent) {
  const AgentView* view = engine.observed_.agent(agent);
  print.flag(view != nullptr && sent_at > view->added_at);
  print.flag(view != nullptr && sent_at > view->launched_at);
  print.flag(sent_at > engine.view_opened_at_);
  if (const auto known = engine.known_executors_.find(agent); known != engine.known_executors_.end()) {
    for (const auto& [hash, at] : known->second) print.flag(sent_at > at);
  }
  for (const auto& [id, entry] : engine.snapshot_.volumes()) {
    for (const Claim* claim : entry.claims) {
      if (claim->agent == agent) print.flag(sent_at > claim->last_event_at.value);
    }
  }
}

void EngineMemory::put_later_than(Fingerprint& print, const Engine& engine, Instant sent_at, FenceId fence) {
  const auto work = engine.fence_work_.find(fence);
  print.flag(work != engine.fence_work_.end() && sent_at > work->second.call_ended_at);
}

}  // namespace extvold::small_world
