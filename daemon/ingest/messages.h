// The readers of single messages, private to ingest: each takes one field of its message, in any order.
//
// A field reader returns false after a failure (Walk::refuse). Every message's table also lists the fields
// that this version knows and does not need, so that what is really unknown can be counted.
#pragma once

#include <optional>

#include "daemon/ingest/agent_memory.h"
#include "daemon/ingest/json_walk.h"
#include "daemon/ingest/key_set.h"
#include "daemon/ingest/volume_references.h"
#include "model/mesos.h"

namespace extvold::ingest {

// What one element's readers share.
struct Reading {
  Walk& walk;
  VolumeMentions& mentions;
};

// What is kept of a text. An id is never cut: a longer one refuses the element.
inline constexpr std::size_t kMaxIdBytes = 1024;
inline constexpr std::size_t kMaxNameBytes = 1024;
inline constexpr std::size_t kMaxMessageBytes = 256;
inline constexpr std::size_t kMaxWordBytes = 128;  // reasons, versions, uuids

// {"value": "..."} into one of model/ids.h.
template <typename Id>
bool read_id(Walk& walk, JsonValue& value, const char* what, Id& out) {
  std::string_view view;
  if (!walk.id(value, what, view)) return false;
  if (view.size() > kMaxIdBytes) {
    return walk.refuse(fmt::format("{}: an id of {} bytes; the bound is {}", what, view.size(), kMaxIdBytes));
  }
  out = Id(view);
  return true;
}

bool task_field(Reading& reading, std::string_view key, JsonValue& value, TaskRecord& out);
// `task` gets status.task_id where it is wanted.
bool status_field(Reading& reading, std::string_view key, JsonValue& value, TaskStatus& out, TaskId* task);
bool read_task_state(Walk& walk, JsonValue& value, TaskState& out);

// A ContainerID: the id, and the outermost of its parents.
bool read_container_id(Walk& walk, JsonValue& value, ContainerId& out, ContainerId& root);
// A ContainerInfo: what it mentions goes to reading.mentions.
bool read_container_info(Reading& reading, JsonValue& value, Containerizer& out);

// The disks in Task.resources or ExecutorInfo.resources, and the extvold.* labels, to reading.mentions.
bool read_used_resources(Reading& reading, JsonValue& value);
bool read_label_mentions(Reading& reading, JsonValue& value);

bool executor_field(Reading& reading, std::string_view key, JsonValue& value, ExecutorRecord& out);
bool agent_container_field(Reading& reading, std::string_view key, JsonValue& value, AgentContainer& out);

// total_resources are only found: the agent's id may stand behind them.
bool agent_field(Reading& reading, std::string_view key, JsonValue& value, AgentSeen& out,
                 std::optional<JsonValue>& total_resources);
bool agent_info_field(Reading& reading, std::string_view key, JsonValue& value, AgentRecord& out);
// out.resources_hash and out.reservations; `memory` may be null.
bool read_total_resources(Walk& walk, JsonValue& value, AgentMemory* memory, AgentSeen& out);

bool registry_agent_field(Walk& walk, std::string_view key, JsonValue& value, RegistryAgentSeen& out);
bool machine_field(Walk& walk, std::string_view key, JsonValue& value, MachineId& out);
// The machines of a window; {"id": machine, "statuses": ...}.
bool window_field(Walk& walk, std::string_view key, JsonValue& value, MaintenanceSeen& out);
bool draining_machine_field(Walk& walk, std::string_view key, JsonValue& value, MaintenanceSeen& out);

bool framework_field(Reading& reading, std::string_view key, JsonValue& value, FrameworkRecord& out);
bool framework_info_field(Reading& reading, std::string_view key, JsonValue& value, FrameworkRecord& out);

}  // namespace extvold::ingest
