// What the fuzz targets of ingest compare: two lists of events, as far as the model's records can be
// compared.
#pragma once

#include <cstddef>
#include <vector>

#include "model/mesos.h"

namespace extvold::tests {

inline bool same_event(const MesosEvent& a, const MesosEvent& b) {
  if (a.index() != b.index()) return false;
  if (const auto* const task = std::get_if<TaskSeen>(&a)) return task->task == std::get<TaskSeen>(b).task;
  if (const auto* const update = std::get_if<TaskUpdated>(&a)) {
    const auto& other = std::get<TaskUpdated>(b);
    return update->task == other.task && update->framework == other.framework &&
           update->state == other.state && update->status == other.status;
  }
  if (const auto* const agent = std::get_if<AgentSeen>(&a)) {
    const auto& other = std::get<AgentSeen>(b);
    const bool same_list = !agent->reservations || !other.reservations
                               ? agent->reservations == other.reservations
                               : *agent->reservations == *other.reservations;
    return agent->agent == other.agent && same_list;
  }
  if (const auto* const executor = std::get_if<ExecutorSeen>(&a)) {
    return executor->executor == std::get<ExecutorSeen>(b).executor;
  }
  if (const auto* const framework = std::get_if<FrameworkSeen>(&a)) {
    return framework->framework == std::get<FrameworkSeen>(b).framework;
  }
  if (const auto* const entry = std::get_if<RegistryAgentSeen>(&a)) {
    const auto& other = std::get<RegistryAgentSeen>(b);
    return entry->agent == other.agent && entry->list == other.list && entry->since == other.since;
  }
  if (const auto* const seen = std::get_if<MaintenanceSeen>(&a)) {
    const auto& other = std::get<MaintenanceSeen>(b);
    return seen->state == other.state && seen->machines == other.machines && seen->start == other.start;
  }
  return true;
}

inline bool same_events(const std::vector<MesosEvent>& a, const std::vector<MesosEvent>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!same_event(a[i], b[i])) return false;
  }
  return true;
}

}  // namespace extvold::tests
