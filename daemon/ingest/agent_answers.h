// decode_agent_answers(): one round of an agent's own API to one AgentApiRead.
//
// The round is evidence (agent_gone), so it is read strictly: each body must be the answer to its call,
// whole, with its list (which an agent without containers leaves out). The bodies are those of answers with
// status 200; any other status is AgentApiFailed and no matter of this function.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "daemon/ingest/counters.h"
#include "model/mesos.h"
#include "model/result.h"

namespace extvold::ingest {

struct AgentQuestion {
  AgentId expected;     // whom we mean to ask
  std::string address;  // whom we ask
  Instant first_sent_at;
  Instant ended_at;
};

struct AgentAnswers {
  std::string_view agent_before;  // GET_AGENT
  std::string_view containers;    // GET_CONTAINERS, show_nested and show_standalone
  std::string_view executors;     // GET_EXECUTORS
  std::string_view agent_after;   // GET_AGENT
  std::optional<std::string_view>
      metrics;  // /metrics/snapshot; unset, or not readable: container_destroy_errors stays unset
};

// Errc::corrupt, naming the call. The executors' agent is the one that answered.
Result<AgentApiRead> decode_agent_answers(const AgentQuestion& question, const AgentAnswers& answers,
                                          IngestCounters& counters);

}  // namespace extvold::ingest
