// What Mesos says, typed: records that were decoded and accepted, not yet believed to be the truth about any
// host.
//
// Plain values. Produced by daemon/ingest (the only place that knows the JSON), consumed by
// reconcilers/engine. Field facts: Mesos 1.11 operator API. Secrets and `status.data` never get this far.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/enum_text.h"
#include "model/ids.h"
#include "model/instant.h"

namespace extvold {

// v1 TaskState. `task_other`: a state that this version does not know (counted, treated as alive and
// unknown).
EXTVOLD_ENUM(TaskState, task_staging, task_starting, task_running, task_killing, task_finished, task_failed,
             task_killed, task_error, task_lost, task_dropped, task_unreachable, task_gone,
             task_gone_by_operator, task_unknown, task_other)

// Mesos' own meaning of terminal (TASK_LOST is, TASK_UNREACHABLE is not): about its bookkeeping, never about
// the container.
bool is_terminal(TaskState state);

EXTVOLD_ENUM(StatusSource, source_none, source_master, source_agent, source_executor)
EXTVOLD_ENUM(Containerizer, mesos, docker)

// How a task named a volume; docs/volumes-in-tasks.md.
EXTVOLD_ENUM(ReferenceSpelling, docker_volume, docker_parameter, docker_volume_driver, csi_volume,
             persistent_volume, dvdi_variable, label)

// The driver's word of a persistent volume that lies on the agent's own disk, as far as Mesos says. It
// concerns extvold only where [drivers.persistent_volume] maps it.
inline constexpr std::string_view kPlainPersistentVolume = "persistent_volume";

// Docker's word for its own driver, which makes volumes on the host's disk; also where a `docker run` names
// none.
inline constexpr std::string_view kDockerDefaultDriver = "local";

struct VolumeReference {
  ReferenceSpelling spelling = ReferenceSpelling::docker_volume;
  std::string driver;  // as written: "rexray", a CSI plugin's name, ...; empty: `name` is text that is not
                       // understood, which could mean any volume
  std::string name;    // as written: the volume's name, a CSI volume id, ...; empty: it could not be read
  std::string container_path;
  bool read_only = false;
  bool operator==(const VolumeReference&) const = default;
};

struct TaskStatus {
  TaskState state =
      TaskState::task_other;  // of this update, which need not be the task's (reference section 2.4)
  StatusSource source = StatusSource::source_none;
  std::string reason;   // REASON_* as sent; empty: none
  std::string message;  // at most 256 bytes of it are kept; enough for the prefix that decides
  AgentId agent;
  ExecutorId executor;
  ContainerId container;         // innermost container; empty: not said
  ContainerId parent_container;  // its parent; empty: `container` is a root
  std::string uuid;              // base64; empty: made by the master
  bool unreachable_time_set = false;
  bool operator==(const TaskStatus&) const = default;
};

struct TaskRecord {
  FrameworkId framework;
  TaskId task;
  AgentId agent;
  ExecutorId executor;  // empty for command and docker tasks: the agent then uses the task's id
  std::string name;
  TaskState state = TaskState::task_other;
  Containerizer containerizer = Containerizer::mesos;
  std::optional<TaskStatus> last_status;  // newest of statuses[]
  std::vector<VolumeReference> volumes;
  bool operator==(const TaskRecord&) const = default;
};

struct ExecutorRecord {
  FrameworkId framework;
  ExecutorId executor;
  AgentId agent;
  Containerizer containerizer = Containerizer::mesos;
  std::vector<VolumeReference>
      volumes;  // of ExecutorInfo.container; with the agent's API also DVDI_VOLUME_* of the command
  bool operator==(const ExecutorRecord&) const = default;
};

struct AgentRecord {
  AgentId agent;
  std::string hostname;
  std::string address;  // ip:port out of `pid`; empty for recovered agents
  std::string version;
  bool active = true;
  bool deactivated = false;
  std::string drain_state;                                      // DRAINING, DRAINED; empty: none
  std::vector<std::pair<std::string, std::string>> attributes;  // TEXT and SCALAR, as text, in the order sent
  std::uint64_t resources_hash = 0;  // of total_resources as sent: "something changed"; 0: not said
  bool operator==(const AgentRecord&) const = default;
};

struct FrameworkRecord {
  FrameworkId framework;
  std::string name;
  std::string principal;
  bool active = true;
  bool connected = true;
  bool checkpoint = false;
  bool operator==(const FrameworkRecord&) const = default;
};

// A dynamic reservation or persistent volume on an agent, from total_resources (GET_AGENTS).
struct ReservationRecord {
  AgentId agent;
  std::string role;
  std::string resource;        // "disk", "ext-storage-inst1", ...
  std::string persistence_id;  // empty: not a persistent volume
  std::string container_path;
  std::string disk_source;        // "TYPE vendor=V id=I profile=P provider=RP", as far as set
  std::int64_t amount_milli = 0;  // Mesos scalars have three decimals
  std::vector<std::pair<std::string, std::string>> labels;
  bool operator==(const ReservationRecord&) const = default;
};

// An agent's whole list. Shared, because an agent that did not change says the same again and again.
using SharedReservations = std::shared_ptr<const std::vector<ReservationRecord>>;

// Which list of which answer an element stood in.
EXTVOLD_ENUM(ElementOrigin, snapshot, event, poll)
EXTVOLD_ENUM(TaskList, tasks, unreachable_tasks, completed_tasks)

// ---- Events: one per accepted element, in arrival order.
// ------------------------------------------------------------------------

struct SubscriptionOpened {  // HTTP 200 to SUBSCRIBE; the snapshot follows
  std::string master;        // host:port that answered
};
struct SubscriptionClosed {
  std::string why;
};
struct SnapshotBegan {};
struct SnapshotEnded {
  Duration heartbeat_interval = seconds(15);
};
struct HeartbeatSeen {};
struct TaskSeen {
  TaskRecord task;
  ElementOrigin origin = ElementOrigin::event;
  TaskList list = TaskList::tasks;
};
struct TaskUpdated {
  FrameworkId framework;
  TaskId task;
  TaskStatus status;
  TaskState state = TaskState::task_other;  // the task's state after this update
};
struct AgentSeen {
  AgentRecord agent;
  ElementOrigin origin = ElementOrigin::event;
  bool recovered = false;           // in recovered_agents: known from the registry, not registered yet
  SharedReservations reservations;  // null: not said, as in events and of recovered agents
};
struct AgentRemoved {
  AgentId agent;
};
struct FrameworkSeen {
  FrameworkRecord framework;
  ElementOrigin origin = ElementOrigin::event;
  bool completed = false;
};
struct FrameworkRemoved {
  FrameworkId framework;
};
struct ExecutorSeen {  // master's GET_EXECUTORS or the snapshot
  ExecutorRecord executor;
  ElementOrigin origin = ElementOrigin::snapshot;
};
// The whole of a polled list arrived; elements of it came before, between PollBegan and PollEnded of the same
// call.
EXTVOLD_ENUM(MasterCall, get_agents, get_tasks, get_executors, get_master, metrics, registry,
             get_maintenance_schedule, get_maintenance_status)
struct PollBegan {
  MasterCall call = MasterCall::get_agents;
  Instant sent_at;
};
struct PollEnded {
  MasterCall call = MasterCall::get_agents;
  Instant sent_at;
};
struct PollFailed {
  MasterCall call = MasterCall::get_agents;
  std::string why;
};
struct MasterSeen {  // GET_MASTER: the epoch
  std::string master_id;
  std::string elected_time;  // as sent, a number in text
  std::string version;
};
struct MasterMetricsSeen {          // the authorisation self-check compares these with what the view holds
  std::int64_t tasks_running = -1;  // -1: not in the answer
  std::int64_t agents_active = -1;
};

// An entry of the master's registry that stands in its list of unreachable agents or of those marked gone: id
// and time are all that it holds.
EXTVOLD_ENUM(RegistryList, unreachable, gone)
struct RegistryAgentSeen {
  AgentId agent;
  RegistryList list = RegistryList::unreachable;
  WallTime since;  // by the master's clock
};

// Machines of one window of the maintenance schedule, or one of those that are draining or down.
EXTVOLD_ENUM(Maintenance, none, scheduled, draining, down)
struct MachineId {
  std::string hostname;  // one of the two may be empty: not said
  std::string ip;
  auto operator<=>(const MachineId&) const = default;
};
struct MaintenanceSeen {
  Maintenance state = Maintenance::scheduled;
  std::vector<MachineId> machines;
  WallTime start;  // of the window; 0: not said
};

// One round of an agent's own API: GET_AGENT, GET_CONTAINERS (nested and standalone shown), GET_EXECUTORS,
// metrics, GET_AGENT.
struct AgentContainer {
  ContainerId container;
  ContainerId parent;  // empty: a root container
  FrameworkId framework;
  ExecutorId executor;
  bool operator==(const AgentContainer&) const = default;
};
struct AgentApiRead {
  AgentId expected;       // whom we meant to ask
  std::string address;    // whom we asked
  AgentId first_answer;   // GET_AGENT before; empty: not registered yet, such an agent lists nothing
  AgentId second_answer;  // GET_AGENT after
  std::vector<AgentContainer> containers;
  std::vector<ExecutorRecord> executors;            // running
  std::vector<ExecutorRecord> completed_executors;  // framework, executor, agent and containerizer only
  std::optional<std::int64_t>
      container_destroy_errors;  // containerizer/mesos/container_destroy_errors; unset: could not be read
  Instant first_sent_at;         // when the first of the calls was sent
  Instant ended_at;
};
struct AgentApiFailed {
  AgentId agent;
  std::string why;
};

struct UnknownSkipped {  // an event type or element that this version does not know: counted, never an error
  std::string what;
};

using MesosEvent =
    std::variant<SubscriptionOpened, SubscriptionClosed, SnapshotBegan, SnapshotEnded, HeartbeatSeen,
                 TaskSeen, TaskUpdated, AgentSeen, AgentRemoved, FrameworkSeen, FrameworkRemoved,
                 ExecutorSeen, PollBegan, PollEnded, PollFailed, MasterSeen, MasterMetricsSeen,
                 RegistryAgentSeen, MaintenanceSeen, AgentApiRead, AgentApiFailed, UnknownSkipped>;

}  // namespace extvold
