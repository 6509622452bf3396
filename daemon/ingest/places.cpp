#include "daemon/ingest/places.h"

#include <array>

namespace extvold::ingest {

namespace {

using Shape = Node::Shape;

// A framework that holds ten thousand offers has them all in its element, which then is beyond any sensible
// bound.
constexpr std::array kFrameworkLeftOut{
    LeftOut{"offers", 1},
    LeftOut{"inverse_offers", 1},
    LeftOut{"allocated_resources", 1},
    LeftOut{"offered_resources", 1},
    LeftOut{"offer_constraints", 1},
};
constexpr std::array kAgentLeftOut{
    LeftOut{"allocated_resources", 1},
    LeftOut{"offered_resources", 1},
    LeftOut{"resource_providers", 1},
};
// {"executor_info": {"data": "..."}}, {"status": {"data": "..."}}: the framework's own bytes.
constexpr std::array kDataLeftOut{
    LeftOut{"data", 2},
};

// `orphan_tasks` is written only by masters before 1.2: tasks that run while their framework has not come
// back.
constexpr std::array kTasks{
    Node{"tasks", Place::task, Shape::array, {}},
    Node{"orphan_tasks", Place::task, Shape::array, {}},
    Node{"unreachable_tasks", Place::unreachable_task, Shape::array, {}},
    Node{"completed_tasks", Place::completed_task, Shape::array, {}},
};
constexpr std::array kExecutors{
    Node{"executors", Place::executor, Shape::array, {}, kDataLeftOut},
};
constexpr std::array kAgentExecutors{
    Node{"executors", Place::executor, Shape::array, {}, kDataLeftOut},
    Node{"completed_executors", Place::completed_executor, Shape::array, {}, kDataLeftOut},
};
constexpr std::array kFrameworks{
    Node{"frameworks", Place::framework, Shape::array, {}, kFrameworkLeftOut},
    Node{"completed_frameworks", Place::completed_framework, Shape::array, {}, kFrameworkLeftOut},
};
constexpr std::array kAgents{
    Node{"agents", Place::agent, Shape::array, {}, kAgentLeftOut},
    Node{"recovered_agents", Place::recovered_agent, Shape::array, {}},
};
constexpr std::array kContainers{
    Node{"containers", Place::container, Shape::array, {}},
};
constexpr std::array kSchedule{
    Node{"windows", Place::window, Shape::array, {}},
};
constexpr std::array kGetSchedule{
    Node{"schedule", Place::schedule, Shape::object, kSchedule},
};
// What frameworks answered to the inverse offers for a machine.
constexpr std::array kStatusesLeftOut{
    LeftOut{"statuses", 1},
};
constexpr std::array kStatus{
    Node{"draining_machines", Place::draining_machine, Shape::array, {}, kStatusesLeftOut},
    Node{"down_machines", Place::down_machine, Shape::array, {}},
};
constexpr std::array kGetStatus{
    Node{"status", Place::status, Shape::object, kStatus},
};
constexpr std::array kMaster{
    Node{"type", Place::type, Shape::value, {}},
    Node{"get_tasks", Place::get_tasks, Shape::object, kTasks},
    Node{"get_executors", Place::get_executors, Shape::object, kExecutors},
    Node{"get_frameworks", Place::get_frameworks, Shape::object, kFrameworks},
    Node{"get_agents", Place::get_agents, Shape::object, kAgents},
    Node{"get_master", Place::master, Shape::value, {}},
    Node{"get_maintenance_schedule", Place::get_maintenance_schedule, Shape::object, kGetSchedule},
    Node{"get_maintenance_status", Place::get_maintenance_status, Shape::object, kGetStatus},
};
// get_state holds the four lists of kMaster, without `type` and what follows them.
constexpr std::span<const Node> kState = std::span(kMaster).subspan(1, 4);

// The admitted agents, `slaves`, hold no more than GET_AGENTS does: they are passed over.
constexpr std::array kUnreachable{
    Node{"slaves", Place::unreachable_agent, Shape::array, {}},
};
constexpr std::array kGone{
    Node{"slaves", Place::gone_agent, Shape::array, {}},
};
constexpr std::array kRegistry{
    Node{"master", Place::registry_master, Shape::value, {}},
    Node{"unreachable", Place::unreachable, Shape::object, kUnreachable},
    Node{"gone", Place::gone, Shape::object, kGone},
};

constexpr std::array kSubscribed{
    Node{"get_state", Place::get_state, Shape::object, kState},
    Node{"heartbeat_interval_seconds", Place::heartbeat_interval, Shape::value, {}},
};
constexpr std::array kStream{
    Node{"type", Place::type, Shape::value, {}},
    Node{"subscribed", Place::subscribed, Shape::object, kSubscribed},
    Node{"task_updated", Place::task_updated, Shape::value, {}, kDataLeftOut},
    Node{"task_added", Place::task_added, Shape::value, {}},
    Node{"agent_added", Place::agent_added, Shape::value, {}},
    Node{"agent_removed", Place::agent_removed, Shape::value, {}},
    Node{"framework_added", Place::framework_added, Shape::value, {}},
    Node{"framework_updated", Place::framework_updated, Shape::value, {}},
    Node{"framework_removed", Place::framework_removed, Shape::value, {}},
};
constexpr std::array kAgent{
    Node{"type", Place::type, Shape::value, {}},
    Node{"get_agent", Place::agent_self, Shape::value, {}},
    Node{"get_containers", Place::get_containers, Shape::object, kContainers},
    Node{"get_executors", Place::get_executors, Shape::object, kAgentExecutors},
};
constexpr std::array kMetrics{
    Node{"master/tasks_running", Place::metric_tasks_running, Shape::value, {}},
    Node{"master/slaves_active", Place::metric_agents_active, Shape::value, {}},
    Node{"containerizer/mesos/container_destroy_errors", Place::metric_destroy_errors, Shape::value, {}},
};

}  // namespace

std::span<const Node> stream_nodes() { return kStream; }
std::span<const Node> master_nodes() { return kMaster; }
std::span<const Node> registry_nodes() { return kRegistry; }
std::span<const Node> agent_nodes() { return kAgent; }
std::span<const Node> metrics_nodes() { return kMetrics; }

}  // namespace extvold::ingest
