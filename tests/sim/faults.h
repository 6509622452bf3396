// Faults: what can go wrong in a run, as a set that the seed draws (a swarm: each run has some kinds, few
// have all), and how often.
#pragma once

#include <cstdint>
#include <string>

#include "model/enum_text.h"
#include "model/instant.h"

namespace extvold::sim {

EXTVOLD_ENUM(Fault,
             // The stream and the polls
             stream_cut, stream_delay, poll_delay, poll_failure, master_failover, permissions,
             // Agents and hosts
             partition, agent_restart, agent_new_id, agent_leaves, marked_gone, host_death, host_freeze,
             host_reboot, agent_api_failure, container_leak, docker_tasks, odd_references, two_writers,
             framework_removed,
             // Providers
             call_refused, call_lost, call_late, call_hangs, call_lies, call_twice, throttle, list_stale,
             list_partial, list_empty, list_broken, provider_silent, foreign_volumes, fence_misbehaves,
             // The daemon and its ledger
             daemon_crash, power_cut, ledger_error, disk_full, slow_commit, daemon_paused, guard_lost,
             ledger_restored, ledger_lost, second_daemon, clock_jump,
             // People
             operators, first_start,
             // Drawn after everything else, so that what was drawn before these were thought of stays as it
             // was: processes that outlive their container, people who hold things by name, people who err,
             // executors that are started again under their name, people who make volumes larger
             escapes, holds, mistakes, executor_again, resizes)

class FaultSet {
 public:
  bool has(Fault fault) const { return (bits_ >> static_cast<unsigned>(fault) & 1U) != 0; }
  void put(Fault fault, bool on = true) {
    const std::uint64_t bit = std::uint64_t{1} << static_cast<unsigned>(fault);
    bits_ = on ? bits_ | bit : bits_ & ~bit;
  }
  bool empty() const { return bits_ == 0; }

 private:
  std::uint64_t bits_ = 0;
};
static_assert(Fault_texts.size() <= 64);

}  // namespace extvold::sim
