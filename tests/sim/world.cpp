#include "tests/sim/world.h"

namespace extvold::sim {

World::World(Config its_config, Trace::Keep keep)
    : config(std::move(its_config)),
      policy(policy_of(config)),
      oracle(*this),
      storage(*this),
      hosts(*this),
      master(*this),
      agents(*this),
      workload(*this),
      people(*this),
      mischief(*this) {
  trace.keep(keep);
  // The ledger's random id comes from SQLite's own generator.
  sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, static_cast<int>(config.seed % 1'000'000'007U) + 1,
                       nullptr);
  const int count = config.faults.has(Fault::second_daemon) ? 2 : 1;
  for (int n = 0; n < count; ++n) daemons.push_back(std::make_unique<Daemon>(*this, n));
}

Daemon* World::acting() const {
  for (const auto& one : daemons) {
    if (one->state() == DaemonState::running && one->holds_guard()) return one.get();
  }
  return nullptr;
}

}  // namespace extvold::sim
