// Task and TaskStatus (v1 mesos.proto).
#include "daemon/ingest/messages.h"

namespace extvold::ingest {

namespace {

constexpr std::uint8_t word(TaskState state) {
  return static_cast<std::uint8_t>(static_cast<unsigned>(state) + 1U);
}

constexpr auto kStates = key_set<std::uint8_t>({
    {"TASK_STAGING", word(TaskState::task_staging)},
    {"TASK_STARTING", word(TaskState::task_starting)},
    {"TASK_RUNNING", word(TaskState::task_running)},
    {"TASK_KILLING", word(TaskState::task_killing)},
    {"TASK_FINISHED", word(TaskState::task_finished)},
    {"TASK_FAILED", word(TaskState::task_failed)},
    {"TASK_KILLED", word(TaskState::task_killed)},
    {"TASK_ERROR", word(TaskState::task_error)},
    {"TASK_LOST", word(TaskState::task_lost)},
    {"TASK_DROPPED", word(TaskState::task_dropped)},
    {"TASK_UNREACHABLE", word(TaskState::task_unreachable)},
    {"TASK_GONE", word(TaskState::task_gone)},
    {"TASK_GONE_BY_OPERATOR", word(TaskState::task_gone_by_operator)},
    {"TASK_UNKNOWN", word(TaskState::task_unknown)},
});

enum class TaskWord : std::uint8_t {
  unknown,
  ignored,
  name,
  task_id,
  framework_id,
  executor_id,
  agent_id,
  state,
  statuses,
  container,
  resources,
  labels
};
constexpr auto kTaskFields = key_set<TaskWord>({
    {"name", TaskWord::name},
    {"task_id", TaskWord::task_id},
    {"framework_id", TaskWord::framework_id},
    {"executor_id", TaskWord::executor_id},
    {"agent_id", TaskWord::agent_id},
    {"state", TaskWord::state},
    {"statuses", TaskWord::statuses},
    {"container", TaskWord::container},
    {"resources", TaskWord::resources},
    {"limits", TaskWord::ignored},
    {"status_update_state", TaskWord::ignored},
    {"status_update_uuid", TaskWord::ignored},
    {"labels", TaskWord::labels},
    {"discovery", TaskWord::ignored},
    {"health_check", TaskWord::ignored},
    {"kill_policy", TaskWord::ignored},
    {"user", TaskWord::ignored},
});

enum class StatusWord : std::uint8_t {
  unknown,
  ignored,
  task_id,
  state,
  source,
  reason,
  message,
  agent_id,
  executor_id,
  container_status,
  uuid,
  unreachable_time
};
constexpr auto kStatusFields = key_set<StatusWord>({
    {"task_id", StatusWord::task_id},
    {"state", StatusWord::state},
    {"source", StatusWord::source},
    {"reason", StatusWord::reason},
    {"message", StatusWord::message},
    {"agent_id", StatusWord::agent_id},
    {"executor_id", StatusWord::executor_id},
    {"container_status", StatusWord::container_status},
    {"uuid", StatusWord::uuid},
    {"unreachable_time", StatusWord::unreachable_time},
    {"data", StatusWord::ignored},  // the framework's own bytes, can be megabytes
    {"timestamp", StatusWord::ignored},
    {"healthy", StatusWord::ignored},
    {"check_status", StatusWord::ignored},
    {"labels", StatusWord::ignored},
    {"limitation", StatusWord::ignored},
});

bool read_source(Walk& walk, JsonValue& value, StatusSource& out) {
  std::string_view text;
  if (!walk.text(value, "source", text)) return false;
  if (text == "SOURCE_EXECUTOR") {
    out = StatusSource::source_executor;
  } else if (text == "SOURCE_AGENT" || text == "SOURCE_SLAVE") {
    out = StatusSource::source_agent;
  } else if (text == "SOURCE_MASTER") {
    out = StatusSource::source_master;
  } else {
    return walk.unknown_value();
  }
  return true;
}

bool read_container_status(Walk& walk, JsonValue& value, TaskStatus& out) {
  return walk.object(value, "container_status", [&](std::string_view key, JsonValue& field) {
    if (is_key(key, "container_id"))
      return read_container_id(walk, field, out.container, out.parent_container);
    if (is_key(key, "network_infos") || is_key(key, "executor_pid") || is_key(key, "cgroup_info"))
      return true;
    return walk.unknown_field();
  });
}

// {"nanoseconds": 1690000000123456789}: beyond 2^53, so an integer and never a double.
bool read_unreachable_time(Walk& walk, JsonValue& value, bool& set) {
  return walk.object(value, "unreachable_time", [&](std::string_view key, JsonValue& field) {
    std::int64_t nanoseconds = 0;
    if (!is_key(key, "nanoseconds")) return walk.unknown_field();
    set = true;
    return walk.integer(field, "nanoseconds", nanoseconds);
  });
}

// The newest is the last.
bool read_last_status(Reading& reading, JsonValue& value, std::optional<TaskStatus>& out) {
  return reading.walk.last_of_array(value, "statuses", [&](JsonValue& one) {
    out.emplace();
    return reading.walk.object(one, "status", [&](std::string_view key, JsonValue& field) {
      return status_field(reading, key, field, *out, nullptr);
    });
  });
}

}  // namespace

bool read_task_state(Walk& walk, JsonValue& value, TaskState& out) {
  std::string_view text;
  if (!walk.text(value, "state", text)) return false;
  const std::uint8_t found = kStates.find(text);
  out = found == 0 ? TaskState::task_other : static_cast<TaskState>(found - 1);
  return found != 0 || walk.unknown_value();
}

bool status_field(Reading& reading, std::string_view key, JsonValue& value, TaskStatus& out, TaskId* task) {
  Walk& walk = reading.walk;
  switch (kStatusFields.find(key)) {
    case StatusWord::task_id:
      return task == nullptr || read_id(walk, value, "task_id", *task);
    case StatusWord::state:
      return read_task_state(walk, value, out.state);
    case StatusWord::source:
      return read_source(walk, value, out.source);
    case StatusWord::reason:
      return walk.text(value, "reason", out.reason, kMaxWordBytes);
    case StatusWord::message:
      return walk.text(value, "message", out.message, kMaxMessageBytes);
    case StatusWord::agent_id:
      return read_id(walk, value, "agent_id", out.agent);
    case StatusWord::executor_id:
      return read_id(walk, value, "executor_id", out.executor);
    case StatusWord::container_status:
      return read_container_status(walk, value, out);
    case StatusWord::uuid:
      return walk.text(value, "uuid", out.uuid, kMaxWordBytes);
    case StatusWord::unreachable_time:
      return read_unreachable_time(walk, value, out.unreachable_time_set);
    case StatusWord::ignored:
      return true;
    case StatusWord::unknown:
      return walk.unknown_field();
  }
  return true;
}

bool task_field(Reading& reading, std::string_view key, JsonValue& value, TaskRecord& out) {
  Walk& walk = reading.walk;
  switch (kTaskFields.find(key)) {
    case TaskWord::name:
      return walk.text(value, "name", out.name, kMaxNameBytes);
    case TaskWord::task_id:
      return read_id(walk, value, "task_id", out.task);
    case TaskWord::framework_id:
      return read_id(walk, value, "framework_id", out.framework);
    case TaskWord::executor_id:
      return read_id(walk, value, "executor_id", out.executor);
    case TaskWord::agent_id:
      return read_id(walk, value, "agent_id", out.agent);
    case TaskWord::state:
      return read_task_state(walk, value, out.state);
    case TaskWord::statuses:
      return read_last_status(reading, value, out.last_status);
    case TaskWord::container:
      return read_container_info(reading, value, out.containerizer);
    case TaskWord::resources:
      return read_used_resources(reading, value);
    case TaskWord::labels:
      return read_label_mentions(reading, value);
    case TaskWord::ignored:
      return true;
    case TaskWord::unknown:
      return walk.unknown_field();
  }
  return true;
}

}  // namespace extvold::ingest
