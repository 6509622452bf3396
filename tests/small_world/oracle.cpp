// The oracle of a World: it holds what is true against what was promised, and knows nothing of the planner's
// rules.
#include <fmt/format.h>

#include <algorithm>

#include "tests/small_world/world.h"

namespace extvold::small_world {

void World::fail(std::string why) {
  if (violation_.empty()) violation_ = std::move(why);
}

// Promise 4: intent before effect.
void World::judge_call(const OperationCall& call) {
  if (!is_stored(call.operation))
    fail(fmt::format("{} of {} at {} starts, and the ledger holds no such intent",
                     to_text(call.operation.kind), call.volume.name, call.host_name));
}

// Promise 3: nothing is taken from a task that Mesos calls running. A fenced host had lost it before.
void World::judge_detach(int volume, int host) {
  const Task& task = tasks_[static_cast<std::size_t>(volume)][static_cast<std::size_t>(host)];
  if (task.runs && task.told == TaskState::task_running && lets_through(volume, host))
    fail(fmt::format("v{} is detached from h{} under a task that Mesos calls running", volume, host));
}

// Promise 2: what is called proven is so.
void World::judge_evidence(const Evidence& evidence) {
  const int volume = static_cast<int>(evidence.volume.value) - 1;
  const int host = static_cast<int>(evidence.host.value) - 1;
  const Place& place = places_[static_cast<std::size_t>(volume)][static_cast<std::size_t>(host)];
  const Task& task = tasks_[static_cast<std::size_t>(volume)][static_cast<std::size_t>(host)];
  switch (evidence.kind) {
    case EvidenceKind::fenced:
      if (place.mounted && lets_through(volume, host))
        fail(fmt::format("v{} at h{} is called fenced, and its host gets through", volume, host));
      return;
    case EvidenceKind::host_unmounted:
    case EvidenceKind::host_rebooted:
      if (place.mounted)
        fail(fmt::format("v{} at h{} is called {}, and is mounted", volume, host, to_text(evidence.kind)));
      return;
    case EvidenceKind::agent_clean:
    case EvidenceKind::agent_gone:
      if (task.runs)
        fail(fmt::format("v{} at h{}: {}, and its task runs", volume, host, to_text(evidence.kind)));
      return;
    case EvidenceKind::operator_:
      return fail("nobody confirmed anything, and there is evidence of an operator's");
  }
}

void World::judge() {
  // Promise 1: one writer. Who has it mounted may write, and the storage lets another one through.
  for (int volume = 0; volume < kVolumes; ++volume) {
    for (int host = 0; host < kHosts; ++host) {
      const int other = 1 - host;
      const bool writes = places_[static_cast<std::size_t>(volume)][static_cast<std::size_t>(host)].mounted &&
                          lets_through(volume, host);
      if (writes && lets_through(volume, other))
        fail(fmt::format("v{} is mounted at h{}, which gets through, and h{} gets through too", volume, host,
                         other));
    }
  }
  for (const auto& [id, evidence] : engine_->snapshot().evidence()) judge_evidence(evidence);
  note_reached();
}

void World::note_reached() {
  if (tasks_[0][1].runs) reach(Reached::moved);
  const Snapshot& known = engine_->snapshot();
  for (const auto& [id, entry] : known.volumes()) {
    const Operation* open = entry.open_operation.get();
    if (open == nullptr) continue;
    if (open->state == OperationState::uncertain) reach(Reached::uncertain);
    if (open->rule == "detach.settles_attach") reach(Reached::settling_detach);
  }
  for (const auto& [id, evidence] : known.evidence()) {
    if (evidence.kind == EvidenceKind::agent_clean) reach(Reached::agent_clean);
    if (evidence.kind == EvidenceKind::agent_gone) reach(Reached::agent_gone);
    if (evidence.kind == EvidenceKind::host_unmounted) reach(Reached::host_unmounted);
    if (evidence.kind == EvidenceKind::fenced) reach(Reached::fenced);
  }
  const bool held = std::any_of(known.fences().begin(), known.fences().end(),
                                [](const auto& one) { return one.second.state == FenceState::held; });
  if (held && links_[0] == Link::whole) reach(Reached::back_after_fence);
}

}  // namespace extvold::small_world
