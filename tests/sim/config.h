// Config: one run, drawn from its seed: how large the cluster is, what its storage can do, what goes wrong
// and how often, what the policy says. Shrinking changes one, and a command line can name what it changed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/policy.h"
#include "tests/sim/faults.h"

namespace extvold::sim {

// How a provider behaves where its Capabilities leave it free.
struct Personality {
  ProviderInfo info;
  bool refuses_busy = false;  // a detach while a host uses it is refused; else it takes the access away
  bool needs_host = false;    // attaches and detaches only through a host that is up (a node side)
  Duration fences_last;       // until its cut of a host runs out; 0: for ever
  Duration latency_max = seconds(2);
};

struct Config {
  std::uint64_t seed = 0;
  int hosts = 3;
  int volumes = 5;
  Duration safety = minutes(60);    // with faults
  Duration settling = minutes(60);  // after them: everything must converge within this
  Duration steady = minutes(10);    // and then nothing may be called any more
  FaultSet faults;
  Duration fault_every = minutes(5);  // mean, of each kind that happens from time to time
  int mishaps_percent = 10;           // of calls and looks
  Duration move_every = minutes(20);  // mean, of a service
  std::vector<Personality> providers;
  bool agents_trusted = true;  // the operator said so: the linux launcher, an API without a filter
  bool patient = true;         // the scheduler waits for unreachable tasks
  FencePolicy fence;           // one for all, as policies go
  bool power = false;          // hosts can be switched off
  int unfenced = -1;           // a host that must never be fenced
  int fence_storm_max = 3;
};

// What a command line asks for instead of what the seed draws.
struct Overrides {
  std::optional<int> hosts{};
  std::optional<int> volumes{};
  std::optional<Duration> safety{};
  FaultSet without{};
  bool calm = false;  // no faults at all
};

Config draw_config(std::uint64_t seed, const Overrides& overrides);
Policy policy_of(const Config& config);

std::string host_name_of(int host);      // "h3"
std::string volume_name_of(int volume);  // "v7"

}  // namespace extvold::sim
