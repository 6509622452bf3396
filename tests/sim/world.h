// World: one simulated cluster, whole: everything that the parts share, and the parts. A run is a World, a
// time, and what the oracle says at the end.
#pragma once

#include <memory>
#include <set>
#include <vector>

#include "tests/sim/agents.h"
#include "tests/sim/config.h"
#include "tests/sim/daemon.h"
#include "tests/sim/hosts.h"
#include "tests/sim/master.h"
#include "tests/sim/mischief.h"
#include "tests/sim/oracle.h"
#include "tests/sim/people.h"
#include "tests/sim/probes.h"
#include "tests/sim/random.h"
#include "tests/sim/storage.h"
#include "tests/sim/timeline.h"
#include "tests/sim/trace.h"
#include "tests/sim/workload.h"

namespace extvold::sim {

class World {
 public:
  World(Config its_config, Trace::Keep keep);
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  template <typename... Parts>
  void note(std::string_view what, const Parts&... parts) {
    trace.note(time.now(), what, parts...);
  }
  // Whether this fault happens to this call, look, message. One number is drawn whatever the answer is.
  bool strikes(Fault fault, Random& random) const {
    const bool hit = random.chance(config.mishaps_percent);
    return hit && faults_on && config.faults.has(fault);
  }
  // ... to this effect, of which there are very many.
  bool seldom(Fault fault, Random& random) const {
    const bool hit = random.below(4000) < config.mishaps_percent;
    return hit && faults_on && config.faults.has(fault);
  }
  // What ZooKeeper keeps of who held the guard: whose calls may have attached, and whose are the newest.
  struct Guard {
    std::set<int> acted = {0};
    int newest = 0;
  };

  // The daemon that may act; none: nobody does now.
  Daemon* acting() const;

  Config config;
  Policy policy;
  bool faults_on = true;
  int check_every = 100;  // commits
  Timeline time;
  Trace trace;
  Probes probes;
  Oracle oracle;
  Storage storage;
  Hosts hosts;
  Master master;
  Agents agents;
  Workload workload;
  People people;
  Mischief mischief;
  std::vector<std::unique_ptr<Daemon>> daemons;
  Guard guard;
};

}  // namespace extvold::sim
