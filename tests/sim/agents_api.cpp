// The agents' own API: a round of calls that takes a while, of an agent that may be gone before it ends.
#include <memory>

#include "tests/sim/agents.h"
#include "tests/sim/world.h"

namespace extvold::sim {

AgentApiRead Agents::describe(const Agent& agent, const AgentId& expected, const std::string& address) const {
  AgentApiRead out;
  out.expected = expected;
  out.address = address;
  out.container_destroy_errors = agent.destroy_errors;
  for (const Container& one : world_.hosts.at(agent.host).containers) {
    if (!one.listed || one.by_hand) continue;
    if (one.agent != agent.id) {  // an orphan: a container of nobody that this agent knows
      out.containers.push_back({one.id, {}, {}, {}});
      continue;
    }
    if (one.containerizer == Containerizer::mesos)
      out.containers.push_back({one.id, {}, one.framework, one.executor});
    out.executors.push_back({one.framework, one.executor, agent.id, one.containerizer, one.references});
  }
  out.completed_executors = agent.completed;
  return out;
}

void Agents::read(const AgentId& expected, const std::string& address,
                  std::function<void(MesosEvent)> answered) {
  int host = -1;
  for (int n = 0; n < world_.hosts.count(); ++n) {
    if (world_.hosts.at(n).address == address) host = n;
  }
  const auto answers = [this, host] {
    const Machine& machine = world_.hosts.at(host);
    return machine.state == MachineState::up && machine.daemon_reaches && at(host).running;
  };
  const auto fails = [this, expected, answered](Duration after) {
    world_.time.after(after, [this, expected, answered] {
      world_.probes.hit(Probe::agent_read_failed);
      answered(AgentApiFailed{expected, "no answer"});
    });
  };
  if (host < 0) return fails(milliseconds(1));
  if (!answers()) return fails(seconds(10));
  if (world_.strikes(Fault::agent_api_failure, random_))
    return fails(random_.between(milliseconds(1), seconds(10)));
  auto read = std::make_shared<AgentApiRead>();
  const Instant sent = world_.time.now();
  const auto first_answer = [this, host] { return at(host).registered ? at(host).id : AgentId(); };
  read->first_answer = first_answer();
  const Duration looks_after = random_.between(milliseconds(1), milliseconds(800));
  world_.time.after(looks_after, [this, host, read, answers, expected, address] {
    const AgentId before = read->first_answer;
    if (answers()) *read = describe(at(host), expected, address);
    read->first_answer = before;
  });
  world_.time.after(looks_after + random_.between(milliseconds(1), milliseconds(800)),
                    [this, read, sent, answers, fails, first_answer, answered] {
                      if (!answers()) return fails(milliseconds(1));
                      read->second_answer = first_answer();
                      read->first_sent_at = sent;
                      read->ended_at = world_.time.now();
                      answered(std::move(*read));
                    });
}

}  // namespace extvold::sim
