// RecordCodec: one element of an answer (reference 2 and 4: Mesos 1.11, v1 JSON) into one typed record of
// model/mesos.h.
//
// Each read_…() parses one element alone and fills a record that the caller made. Errc::corrupt: no JSON, a
// wrong type, or a required id missing (accept.h); the message names the field. Missing and unknown fields
// are tolerated, unknown ones counted; an unknown task state becomes task_other. Volume sources of type
// SECRET, CSI secrets, environment variables other than DVDI_VOLUME_* and `data` are never copied. One thread
// at a time; `counters` must outlive the codec.
#pragma once

#include <memory>

#include "daemon/ingest/counters.h"
#include "daemon/ingest/element_scanner.h"
#include "model/mesos.h"
#include "model/result.h"

namespace extvold::ingest {

class AgentMemory;

class RecordCodec {
 public:
  // `agents`: resources that it knows are not parsed again; may be null, must outlive the codec.
  explicit RecordCodec(IngestCounters& counters, AgentMemory* agents = nullptr);
  ~RecordCodec();
  RecordCodec(const RecordCodec&) = delete;
  RecordCodec& operator=(const RecordCodec&) = delete;

  Status read_task(std::string_view json, TaskRecord& out);
  Status read_task_added(std::string_view json, TaskRecord& out);  // {"task": Task}
  Status read_task_updated(std::string_view json, TaskUpdated& out);
  Status read_agent(std::string_view json, AgentSeen& out);
  Status read_agent_added(std::string_view json, AgentSeen& out);      // {"agent": Agent}
  Status read_recovered_agent(std::string_view json, AgentSeen& out);  // an AgentInfo
  Status read_agent_removed(std::string_view json, AgentId& out);      // {"agent_id": ...}
  Status read_framework(std::string_view json, FrameworkRecord& out);
  Status read_framework_event(std::string_view json, FrameworkRecord& out);  // {"framework": Framework}
  Status read_framework_removed(std::string_view json, FrameworkId& out);    // {"framework_info": ...}
  // The master says which agent; an agent does not, `out.agent` then stays as it is.
  Status read_executor(std::string_view json, ExecutorRecord& out);
  Status read_container(std::string_view json, AgentContainer& out);
  // {"agent_info": {"id"}} of GET_AGENT; empty while the agent has not registered.
  Status read_agent_self(std::string_view json, AgentId& out);
  Status read_master(std::string_view json, MasterSeen& out);  // {"master_info": {...}, "elected_time": ...}
  Status read_registry_agent(std::string_view json, RegistryAgentSeen& out);
  // A window of the schedule; one of the draining machines; a machine's id.
  Status read_window(std::string_view json, MaintenanceSeen& out);
  Status read_draining_machine(std::string_view json, MaintenanceSeen& out);
  Status read_machine(std::string_view json, MaintenanceSeen& out);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace extvold::ingest
