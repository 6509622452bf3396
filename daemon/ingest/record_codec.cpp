#include "daemon/ingest/record_codec.h"

#include "daemon/ingest/accept.h"
#include "daemon/ingest/messages.h"

namespace extvold::ingest {

struct RecordCodec::Parts {
  Parts(IngestCounters& counters, AgentMemory* memory) : walk(counters), agents(memory) {}

  // Begins the next element.
  Reading next() {
    mentions.clear();
    return {walk, mentions};
  }
  // {"FIELD": {...}}: on_field gets the fields of the inner object.
  template <typename OnField>
  Status wrapped(std::string_view json, std::string_view field, OnField&& on_field) {
    return walk.element(json, [&](std::string_view key, JsonValue& value) {
      if (key != field) return walk.unknown_field();
      return walk.object(value, "element", on_field);
    });
  }

  Walk walk;
  VolumeMentions mentions;
  AgentMemory* agents;
};

RecordCodec::RecordCodec(IngestCounters& counters, AgentMemory* agents)
    : parts_(std::make_unique<Parts>(counters, agents)) {}
RecordCodec::~RecordCodec() = default;

Status RecordCodec::read_task(std::string_view json, TaskRecord& out) {
  Reading reading = parts_->next();
  TRY(parts_->walk.element(
      json, [&](std::string_view key, JsonValue& value) { return task_field(reading, key, value, out); }));
  resolve_references(reading.mentions, out.volumes);
  return accept(out);
}

Status RecordCodec::read_task_added(std::string_view json, TaskRecord& out) {
  Reading reading = parts_->next();
  TRY(parts_->wrapped(json, "task", [&](std::string_view key, JsonValue& value) {
    return task_field(reading, key, value, out);
  }));
  resolve_references(reading.mentions, out.volumes);
  return accept(out);
}

Status RecordCodec::read_task_updated(std::string_view json, TaskUpdated& out) {
  Reading reading = parts_->next();
  Walk& walk = parts_->walk;
  TRY(walk.element(json, [&](std::string_view key, JsonValue& value) {
    if (is_key(key, "status")) {
      return walk.object(value, "status", [&](std::string_view inner, JsonValue& part) {
        return status_field(reading, inner, part, out.status, &out.task);
      });
    }
    if (is_key(key, "framework_id")) return read_id(walk, value, "framework_id", out.framework);
    return is_key(key, "state") ? read_task_state(walk, value, out.state) : walk.unknown_field();
  }));
  return accept(out);
}

Status RecordCodec::read_agent(std::string_view json, AgentSeen& out) {
  Reading reading = parts_->next();
  std::optional<JsonValue> resources;
  TRY(parts_->walk.element(json, [&](std::string_view key, JsonValue& value) {
    return agent_field(reading, key, value, out, resources);
  }));
  TRY(accept(out.agent));
  if (resources) {
    return parts_->walk.then(*resources, [&](JsonValue& value) {
      return read_total_resources(parts_->walk, value, parts_->agents, out);
    });
  }
  out.reservations = std::make_shared<const std::vector<ReservationRecord>>();  // it has no resources
  return {};
}

// Its resources lack those of resource providers, which come later and without an event: not read.
Status RecordCodec::read_agent_added(std::string_view json, AgentSeen& out) {
  Reading reading = parts_->next();
  std::optional<JsonValue> resources;
  TRY(parts_->wrapped(json, "agent", [&](std::string_view key, JsonValue& value) {
    return agent_field(reading, key, value, out, resources);
  }));
  return accept(out.agent);
}

Status RecordCodec::read_recovered_agent(std::string_view json, AgentSeen& out) {
  Reading reading = parts_->next();
  out.recovered = true;
  out.agent.active = false;
  TRY(parts_->walk.element(json, [&](std::string_view key, JsonValue& value) {
    return agent_info_field(reading, key, value, out.agent);
  }));
  return accept(out.agent);
}

Status RecordCodec::read_agent_removed(std::string_view json, AgentId& out) {
  Walk& walk = parts_->walk;
  TRY(walk.element(json, [&](std::string_view key, JsonValue& value) {
    return is_key(key, "agent_id") ? read_id(walk, value, "agent_id", out) : walk.unknown_field();
  }));
  return accept(out);
}

Status RecordCodec::read_framework(std::string_view json, FrameworkRecord& out) {
  Reading reading = parts_->next();
  TRY(parts_->walk.element(json, [&](std::string_view key, JsonValue& value) {
    return framework_field(reading, key, value, out);
  }));
  return accept(out);
}

Status RecordCodec::read_framework_event(std::string_view json, FrameworkRecord& out) {
  Reading reading = parts_->next();
  TRY(parts_->wrapped(json, "framework", [&](std::string_view key, JsonValue& value) {
    return framework_field(reading, key, value, out);
  }));
  return accept(out);
}

Status RecordCodec::read_framework_removed(std::string_view json, FrameworkId& out) {
  Reading reading = parts_->next();
  FrameworkRecord record;
  TRY(parts_->wrapped(json, "framework_info", [&](std::string_view key, JsonValue& value) {
    return framework_info_field(reading, key, value, record);
  }));
  out = std::move(record.framework);
  return accept(out);
}

Status RecordCodec::read_executor(std::string_view json, ExecutorRecord& out) {
  Reading reading = parts_->next();
  TRY(parts_->walk.element(json, [&](std::string_view key, JsonValue& value) {
    return executor_field(reading, key, value, out);
  }));
  resolve_references(reading.mentions, out.volumes);
  return accept(out);
}

Status RecordCodec::read_container(std::string_view json, AgentContainer& out) {
  Reading reading = parts_->next();
  TRY(parts_->walk.element(json, [&](std::string_view key, JsonValue& value) {
    return agent_container_field(reading, key, value, out);
  }));
  return accept(out);
}

Status RecordCodec::read_agent_self(std::string_view json, AgentId& out) {
  Reading reading = parts_->next();
  AgentRecord record;
  TRY(parts_->wrapped(json, "agent_info", [&](std::string_view key, JsonValue& value) {
    return agent_info_field(reading, key, value, record);
  }));
  out = std::move(record.agent);
  return {};
}

Status RecordCodec::read_master(std::string_view json, MasterSeen& out) {
  Walk& walk = parts_->walk;
  TRY(walk.element(json, [&](std::string_view key, JsonValue& value) {
    std::string_view elected;
    if (is_key(key, "elected_time")) {
      const bool read = walk.number_text(value, "elected_time", elected);
      out.elected_time.assign(elected);
      return read;
    }
    if (!is_key(key, "master_info")) return is_key(key, "start_time") || walk.unknown_field();
    return walk.object(value, "master_info", [&](std::string_view inner, JsonValue& part) {
      if (is_key(inner, "id")) return walk.text(part, "id", out.master_id, kMaxIdBytes);
      return !is_key(inner, "version") || walk.text(part, "version", out.version, kMaxWordBytes);
    });
  }));
  if (out.master_id.empty()) return fail(Errc::corrupt, "get_master: no master_info.id");
  return {};
}

Status RecordCodec::read_registry_agent(std::string_view json, RegistryAgentSeen& out) {
  Walk& walk = parts_->walk;
  TRY(walk.element(json, [&](std::string_view key, JsonValue& value) {
    return registry_agent_field(walk, key, value, out);
  }));
  return accept(out);
}

Status RecordCodec::read_window(std::string_view json, MaintenanceSeen& out) {
  Walk& walk = parts_->walk;
  out.state = Maintenance::scheduled;
  return walk.element(
      json, [&](std::string_view key, JsonValue& value) { return window_field(walk, key, value, out); });
}

Status RecordCodec::read_draining_machine(std::string_view json, MaintenanceSeen& out) {
  Walk& walk = parts_->walk;
  out.state = Maintenance::draining;
  return walk.element(json, [&](std::string_view key, JsonValue& value) {
    return draining_machine_field(walk, key, value, out);
  });
}

Status RecordCodec::read_machine(std::string_view json, MaintenanceSeen& out) {
  Walk& walk = parts_->walk;
  out.state = Maintenance::down;
  MachineId machine;
  TRY(walk.element(json, [&](std::string_view key, JsonValue& value) {
    return machine_field(walk, key, value, machine);
  }));
  if (!machine.hostname.empty() || !machine.ip.empty()) out.machines.push_back(std::move(machine));
  return {};
}

}  // namespace extvold::ingest
