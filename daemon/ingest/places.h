// Places: which parts of a Mesos answer are cut out and handed on, one table for each kind of answer.
//
// A node says what stands under a key: an object to go into, an array whose elements are handed on one at a
// time, or a value handed on whole. What is in no table is skipped without being held. Field facts:
// Mesos 1.11, v1 master.proto and agent.proto.
//
// A node also names what of its elements no codec reads and may be huge. Of a large element that is left out
// while it is held.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "model/enum_text.h"

namespace extvold::ingest {

EXTVOLD_ENUM(Place, none,
             // values
             type, heartbeat_interval, task_added, task_updated, agent_added, agent_removed, framework_added,
             framework_updated, framework_removed, agent_self, master, registry_master, metric_tasks_running,
             metric_agents_active, metric_destroy_errors,
             // objects that are gone into
             subscribed, get_state, get_tasks, get_executors, get_frameworks, get_agents, get_containers,
             get_maintenance_schedule, schedule, get_maintenance_status, status, unreachable, gone,
             // elements of arrays
             task, unreachable_task, completed_task, executor, completed_executor, framework,
             completed_framework, agent, recovered_agent, container, window, draining_machine, down_machine,
             unreachable_agent, gone_agent)

// A key inside of an element: 1 is the element's own, 2 that of an object or array in it.
struct LeftOut {
  std::string_view key;
  std::int32_t depth = 1;
};

struct Node {
  enum class Shape : std::uint8_t { object, array, value };
  std::string_view key;
  Place place = Place::none;
  Shape shape = Shape::value;
  std::span<const Node> children;  // of an object
  std::span<const LeftOut> left_out = {};
};

// The tables: records of the master's event stream, answers of the master, its registry, answers of an agent,
// /metrics/snapshot of either.
std::span<const Node> stream_nodes();
std::span<const Node> master_nodes();
std::span<const Node> registry_nodes();
std::span<const Node> agent_nodes();
std::span<const Node> metrics_nodes();

}  // namespace extvold::ingest
