#include "tests/sim/shrink.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests/sim/run.h"

namespace extvold::sim {
namespace {

class Shrinker {
 public:
  Shrinker(std::uint64_t seed, Overrides start, std::string rule, int runs_max)
      : seed_(seed), best_(std::move(start)), rule_(std::move(rule)), runs_left_(runs_max) {}

  Overrides result() {
    shorten();
    for (int round = 0; round < 2; ++round) {
      drop_faults();
      drop_volumes_and_hosts();
      shorten();
    }
    return best_;
  }

 private:
  bool still_fails(const Overrides& candidate) {
    if (runs_left_-- <= 0) return false;
    const RunResult result = run(draw_config(seed_, candidate), Trace::Keep::nothing);
    if (result.rule != rule_) return false;
    best_ = candidate;
    simulated_ = result.simulated;
    return true;
  }

  // To the minute in which it failed, if faults were still on then.
  void shorten() {
    if (simulated_.ns == 0 && !still_fails(best_)) return;
    const Duration safety = draw_config(seed_, best_).safety;
    Overrides shorter = best_;
    shorter.safety = minutes(simulated_.ns / minutes(1).ns + 1);
    if (*shorter.safety < safety && still_fails(shorter)) return;
    for (Duration half = Duration{safety.ns / 2}; half >= minutes(2); half = Duration{half.ns / 2}) {
      shorter.safety = minutes(std::max<std::int64_t>(1, half.ns / minutes(1).ns));
      if (!still_fails(shorter)) return;
    }
  }

  void drop_faults() {
    const FaultSet had = draw_config(seed_, best_).faults;
    for (std::size_t i = 0; i < Fault_texts.size(); ++i) {
      const auto fault = static_cast<Fault>(i);
      if (!had.has(fault)) continue;
      Overrides without = best_;
      without.without.put(fault);
      still_fails(without);
    }
  }

  void drop_volumes_and_hosts() {
    for (int Config::*what : {&Config::volumes, &Config::hosts}) {
      const int least = what == &Config::hosts ? 2 : 1;
      for (int now = draw_config(seed_, best_).*what; now > least;) {
        const int fewer = std::max(least, now / 2);
        Overrides smaller = best_;
        (what == &Config::hosts ? smaller.hosts : smaller.volumes) = fewer;
        if (!still_fails(smaller)) break;
        now = fewer;
      }
    }
  }

  const std::uint64_t seed_;
  Overrides best_;
  const std::string rule_;
  int runs_left_;
  Duration simulated_;
};

}  // namespace

Overrides shrink(std::uint64_t seed, const Overrides& overrides, const std::string& rule, int runs_max) {
  return Shrinker(seed, overrides, rule, runs_max).result();
}

std::string command_line(std::uint64_t seed, const Overrides& overrides) {
  std::string out = fmt::format("--seed {}", seed);
  if (overrides.safety) out += fmt::format(" --minutes {}", overrides.safety->ns / minutes(1).ns);
  if (overrides.hosts) out += fmt::format(" --hosts {}", *overrides.hosts);
  if (overrides.volumes) out += fmt::format(" --volumes {}", *overrides.volumes);
  if (overrides.calm) out += " --calm";
  std::string without;
  const FaultSet had = draw_config(seed, {}).faults;
  for (std::size_t i = 0; i < Fault_texts.size(); ++i) {
    const auto fault = static_cast<Fault>(i);
    if (!had.has(fault) || !overrides.without.has(fault)) continue;
    without += (without.empty() ? "" : ",") + std::string(to_text(fault));
  }
  return without.empty() ? out : out + " --without " + without;
}

}  // namespace extvold::sim
