// ContainerInfo, ContainerID and ExecutorInfo (v1 mesos.proto), and the containers of an agent's
// GET_CONTAINERS.
#include "daemon/ingest/messages.h"

namespace extvold::ingest {

namespace {

enum class VolumeWord : std::uint8_t { unknown, ignored, mode, container_path, host_path, source };
constexpr auto kVolumeFields = key_set<VolumeWord>({
    {"mode", VolumeWord::mode},
    {"container_path", VolumeWord::container_path},
    {"host_path", VolumeWord::host_path},
    {"source", VolumeWord::source},
    {"image", VolumeWord::ignored},
});

enum class SourceWord : std::uint8_t { unknown, ignored, type, docker_volume, csi_volume };
constexpr auto kSourceFields = key_set<SourceWord>({
    {"type", SourceWord::type},
    {"docker_volume", SourceWord::docker_volume},
    {"csi_volume", SourceWord::csi_volume},
    {"host_path", SourceWord::ignored},
    {"sandbox_path", SourceWord::ignored},
    {"secret", SourceWord::ignored},  // never read: it may hold the secret's value
});

enum class ContainerWord : std::uint8_t { unknown, ignored, type, volumes, docker };
constexpr auto kContainerFields = key_set<ContainerWord>({
    {"type", ContainerWord::type},
    {"volumes", ContainerWord::volumes},
    {"docker", ContainerWord::docker},
    {"hostname", ContainerWord::ignored},
    {"mesos", ContainerWord::ignored},
    {"network_infos", ContainerWord::ignored},
    {"linux_info", ContainerWord::ignored},
    {"rlimit_info", ContainerWord::ignored},
    {"tty_info", ContainerWord::ignored},
});

enum class DockerWord : std::uint8_t { unknown, ignored, parameters, volume_driver };
constexpr auto kDockerFields = key_set<DockerWord>({
    {"parameters", DockerWord::parameters},
    {"volume_driver", DockerWord::volume_driver},
    {"image", DockerWord::ignored},
    {"network", DockerWord::ignored},
    {"port_mappings", DockerWord::ignored},
    {"privileged", DockerWord::ignored},
    {"force_pull_image", DockerWord::ignored},
});

enum class ExecutorWord : std::uint8_t {
  unknown,
  ignored,
  executor_id,
  framework_id,
  container,
  command,
  resources,
  labels
};
constexpr auto kExecutorFields = key_set<ExecutorWord>({
    {"executor_id", ExecutorWord::executor_id},
    {"framework_id", ExecutorWord::framework_id},
    {"container", ExecutorWord::container},
    {"command", ExecutorWord::command},
    {"type", ExecutorWord::ignored},
    {"resources", ExecutorWord::resources},
    {"name", ExecutorWord::ignored},
    {"source", ExecutorWord::ignored},
    {"data", ExecutorWord::ignored},
    {"discovery", ExecutorWord::ignored},
    {"shutdown_grace_period", ExecutorWord::ignored},
    {"labels", ExecutorWord::labels},
});

bool read_docker_volume(Walk& walk, JsonValue& value, ContainerVolume& out) {
  return walk.object(value, "docker_volume", [&](std::string_view key, JsonValue& field) {
    if (is_key(key, "driver")) return walk.text(field, "driver", out.driver);
    if (is_key(key, "name")) return walk.text(field, "name", out.name);
    return is_key(key, "driver_options") || walk.unknown_field();
  });
}

// node_stage_secrets and node_publish_secrets are passed over.
bool read_csi_volume(Walk& walk, JsonValue& value, ContainerVolume& out) {
  return walk.object(value, "csi_volume", [&](std::string_view key, JsonValue& field) {
    if (is_key(key, "plugin_name")) return walk.text(field, "plugin_name", out.driver);
    if (!is_key(key, "static_provisioning")) return walk.unknown_field();
    return walk.object(field, "static_provisioning", [&](std::string_view inner, JsonValue& part) {
      return !is_key(inner, "volume_id") || walk.text(part, "volume_id", out.name);
    });
  });
}

bool read_source(Walk& walk, JsonValue& value, ContainerVolume& out) {
  return walk.object(value, "source", [&](std::string_view key, JsonValue& field) {
    switch (kSourceFields.find(key)) {
      case SourceWord::type:
        return walk.text(field, "type", out.source);
      case SourceWord::docker_volume:
        return read_docker_volume(walk, field, out);
      case SourceWord::csi_volume:
        return read_csi_volume(walk, field, out);
      case SourceWord::ignored:
        return true;
      case SourceWord::unknown:
        return walk.unknown_field();
    }
    return true;
  });
}

bool read_volume(Walk& walk, JsonValue& value, ContainerVolume& out) {
  return walk.object(value, "volume", [&](std::string_view key, JsonValue& field) {
    switch (kVolumeFields.find(key)) {
      case VolumeWord::mode:
        return walk.text(field, "mode", out.mode);
      case VolumeWord::container_path:
        return walk.text(field, "container_path", out.container_path);
      case VolumeWord::host_path:
        return walk.text(field, "host_path", out.host_path);
      case VolumeWord::source:
        return read_source(walk, field, out);
      case VolumeWord::ignored:
        return true;
      case VolumeWord::unknown:
        return walk.unknown_field();
    }
    return true;
  });
}

bool read_docker(Reading& reading, JsonValue& value) {
  Walk& walk = reading.walk;
  return walk.object(value, "docker", [&](std::string_view key, JsonValue& field) {
    switch (kDockerFields.find(key)) {
      case DockerWord::parameters:
        return walk.array(field, "parameters", [&](JsonValue& one) {
          KeyValue& pair = reading.mentions.docker_parameters.emplace_back();
          return walk.object(one, "parameter", [&](std::string_view inner, JsonValue& part) {
            if (is_key(inner, "key")) return walk.text(part, "key", pair.key);
            return is_key(inner, "value") ? walk.text(part, "value", pair.value) : walk.unknown_field();
          });
        });
      case DockerWord::volume_driver:
        return walk.text(field, "volume_driver", reading.mentions.docker_volume_driver);
      case DockerWord::ignored:
        return true;
      case DockerWord::unknown:
        return walk.unknown_field();
    }
    return true;
  });
}

// One Environment.Variable. The value of a variable that is not ours is never copied; one of type SECRET has
// no `value`, one that is set to nothing is as good as none.
bool read_variable(Reading& reading, JsonValue& value) {
  Walk& walk = reading.walk;
  KeyValue pair;
  std::string_view text;
  bool ours = true;
  bool secret = true;
  const bool read = walk.object(value, "variable", [&](std::string_view key, JsonValue& field) {
    if (is_key(key, "name")) {
      if (!walk.text(field, "name", pair.key)) return false;
      ours = pair.key.starts_with(kDvdiPrefix);
      return true;
    }
    if (!is_key(key, "value") || !ours) return true;
    secret = false;
    return walk.text(field, "value", text);
  });
  if (!read) return false;
  pair.value = text;
  if (!pair.key.empty() && ours && (secret || !text.empty())) reading.mentions.variables.push_back(pair);
  return true;
}

bool read_command(Reading& reading, JsonValue& value) {
  Walk& walk = reading.walk;
  return walk.object(value, "command", [&](std::string_view key, JsonValue& field) {
    if (!is_key(key, "environment")) return true;
    return walk.object(field, "environment", [&](std::string_view inner, JsonValue& part) {
      if (!is_key(inner, "variables")) return walk.unknown_field();
      return walk.array(part, "variables", [&](JsonValue& one) { return read_variable(reading, one); });
    });
  });
}

bool executor_info_field(Reading& reading, std::string_view key, JsonValue& value, ExecutorRecord& out) {
  Walk& walk = reading.walk;
  switch (kExecutorFields.find(key)) {
    case ExecutorWord::executor_id:
      return read_id(walk, value, "executor_id", out.executor);
    case ExecutorWord::framework_id:
      return read_id(walk, value, "framework_id", out.framework);
    case ExecutorWord::container:
      return read_container_info(reading, value, out.containerizer);
    case ExecutorWord::command:
      return read_command(reading, value);
    case ExecutorWord::resources:
      return read_used_resources(reading, value);
    case ExecutorWord::labels:
      return read_label_mentions(reading, value);
    case ExecutorWord::ignored:
      return true;
    case ExecutorWord::unknown:
      return walk.unknown_field();
  }
  return true;
}

}  // namespace

// A pod is two levels deep, but a debug container may be three: what holds the mounts of all is the
// outermost.
bool read_container_id(Walk& walk, JsonValue& value, ContainerId& out, ContainerId& root) {
  return walk.object(value, "container_id", [&](std::string_view key, JsonValue& field) {
    if (is_key(key, "value")) return walk.text(field, "container_id", out.value, kMaxIdBytes);
    if (!is_key(key, "parent")) return walk.unknown_field();
    ContainerId parent;
    ContainerId above;
    if (!read_container_id(walk, field, parent, above)) return false;
    root = above.empty() ? std::move(parent) : std::move(above);
    return true;
  });
}

// A type that this version does not know counts as DOCKER: that is the one from which fewer conclusions are
// drawn.
bool read_container_info(Reading& reading, JsonValue& value, Containerizer& out) {
  Walk& walk = reading.walk;
  return walk.object(value, "container", [&](std::string_view key, JsonValue& field) {
    std::string_view type;
    switch (kContainerFields.find(key)) {
      case ContainerWord::type:
        if (!walk.text(field, "type", type)) return false;
        out = type == "MESOS" ? Containerizer::mesos : Containerizer::docker;
        return type == "MESOS" || type == "DOCKER" || walk.unknown_value();
      case ContainerWord::volumes:
        return walk.array(field, "volumes", [&](JsonValue& one) {
          return read_volume(walk, one, reading.mentions.volumes.emplace_back());
        });
      case ContainerWord::docker:
        return read_docker(reading, field);
      case ContainerWord::ignored:
        return true;
      case ContainerWord::unknown:
        return walk.unknown_field();
    }
    return true;
  });
}

bool executor_field(Reading& reading, std::string_view key, JsonValue& value, ExecutorRecord& out) {
  if (is_key(key, "agent_id")) return read_id(reading.walk, value, "agent_id", out.agent);
  if (!is_key(key, "executor_info")) return reading.walk.unknown_field();
  return reading.walk.object(value, "executor_info", [&](std::string_view inner, JsonValue& part) {
    return executor_info_field(reading, inner, part, out);
  });
}

// A nested container's own container_id may lack the parent that container_status.container_id has (seen
// on 1.12).
bool agent_container_field(Reading& reading, std::string_view key, JsonValue& value, AgentContainer& out) {
  Walk& walk = reading.walk;
  if (is_key(key, "framework_id")) return read_id(walk, value, "framework_id", out.framework);
  if (is_key(key, "executor_id")) return read_id(walk, value, "executor_id", out.executor);
  if (is_key(key, "container_id")) return read_container_id(walk, value, out.container, out.parent);
  if (is_key(key, "container_status")) {
    return walk.object(value, "container_status", [&](std::string_view inner, JsonValue& part) {
      ContainerId same;
      return !is_key(inner, "container_id") || read_container_id(walk, part, same, out.parent);
    });
  }
  return is_key(key, "executor_name") || is_key(key, "resource_statistics") || walk.unknown_field();
}

}  // namespace extvold::ingest
