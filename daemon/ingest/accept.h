// accept(): what was decoded becomes what the engine may build on. Required ids are there, an agent's address
// is one.
//
// Errc::corrupt for a record without the ids that its message requires (v1 mesos.proto, `required`): such a
// record cannot be placed, and the stream must be dropped rather than go on without it. Executor ids are not
// defaulted here: empty means that Mesos did not say.
#pragma once

#include <string>
#include <string_view>

#include "model/mesos.h"
#include "model/result.h"

namespace extvold::ingest {

Status accept(const TaskRecord& task);
Status accept(const TaskUpdated& update);
Status accept(const AgentRecord& agent);
Status accept(const FrameworkRecord& framework);
Status accept(const ExecutorRecord& executor);
Status accept(const AgentContainer& container);
Status accept(const AgentId& agent);
Status accept(const RegistryAgentSeen& entry);
Status accept(const FrameworkId& framework);

// "10.0.0.5:5051" of a libprocess pid "slave(1)@10.0.0.5:5051", "[::1]:5051" likewise; empty if it holds no
// such address.
std::string_view address_of_pid(std::string_view pid);

}  // namespace extvold::ingest
