#include "daemon/reconcile_once.h"

#include <fmt/format.h>

#include <utility>

#include "daemon/machine.h"
#include "daemon/uv/timer.h"
#include "reconcilers/planner.h"

namespace extvold::daemon {
namespace {

constexpr Duration kLookEvery = milliseconds(50);
constexpr Duration kStopMax = seconds(120);

// Turns the loop until the driver has nothing more to learn or do, or the time is up. What was missing then;
// empty: nothing.
std::string settle(Machine& machine, Driver& driver, Duration max) {
  const Instant deadline = machine.clock.now() + max;
  std::string missing;
  uv::Timer timer(machine.loop);
  const std::function<void()> look = [&] {
    missing = driver.unsettled();
    if (missing.empty() || machine.clock.now() >= deadline) return machine.loop.stop();
    timer.start(kLookEvery, look);
  };
  timer.start(kLookEvery, look);
  machine.loop.run();
  return missing;
}

void stop(Machine& machine, Driver& driver) {
  bool stopped = false;
  driver.stop(kStopMax, [&] {
    stopped = true;
    machine.loop.stop();
  });
  while (!stopped && machine.loop.turn()) {
  }
}

std::vector<std::string> what_is_missing(const Config& config, const Driver& driver, std::string unsettled) {
  const Observed& observed = driver.observed();
  std::vector<std::string> out = not_seen(observed, !config.masters.none() && unsettled.empty());
  if (!unsettled.empty()) out.insert(out.begin(), std::move(unsettled));
  for (const auto& [id, agent] : observed.agents) {
    if (agent.registered && !agent.complete() && !agent.api_error.empty())
      out.push_back(fmt::format("agent {}: {}", id.value, agent.api_error));
  }
  return out;
}

Result<OnceResult> run(const Config& config, const OnceOptions& options, bool dry_run) {
  Machine machine;
  Log silent([](LogLevel, std::string_view) {}, LogLevel::error);  // the caller prints what is returned
  ASSIGN(std::unique_ptr<Driver> driver, machine.make_driver(config, dry_run, silent));
  OnceResult out;
  driver->on_history([&](const std::vector<HistoryEntry>& entries) {
    if (!dry_run) out.done.insert(out.done.end(), entries.begin(), entries.end());
  });
  TRY(driver->start());
  std::string unsettled = settle(machine, *driver, options.wait_max);
  if (const DriverStatus status = driver->status(); status.state == DriverState::read_only)
    return fail(Errc::corrupt, "{}: {}", config.ledger_path, status.read_only_reason);
  out.policy = driver->policy();
  // Planned as if it were meant: the driver itself was told to observe only.
  if (dry_run) out.policy.observe_only = config.policy.observe_only;
  out.incomplete = what_is_missing(config, *driver, std::move(unsettled));
  out.complete = out.incomplete.empty();
  out.observed = driver->observed();
  out.planned_at = machine.clock.now();
  out.as_of = machine.clock.wall();
  stop(machine, *driver);
  out.snapshot = driver->take_snapshot();
  out.plan = reconcilers::plan(out.snapshot, out.observed, out.planned_at, out.policy);
  return out;
}

}  // namespace

std::vector<std::string> not_seen(const Observed& observed, bool has_master) {
  std::vector<std::string> out;
  if (has_master && !observed.view_complete)
    out.push_back(fmt::format("the Mesos view: {}", observed.view_incomplete_why));
  for (const auto& [name, view] : observed.providers) {
    if (!view.why_incomplete.empty())
      out.push_back(fmt::format("provider {}: {}", name.value, view.why_incomplete));
  }
  return out;
}

Result<OnceResult> reconcile_dry_run(const Config& config, const OnceOptions& options) {
  return run(config, options, /*dry_run=*/true);
}

Result<OnceResult> reconcile_and_act(const Config& config, const OnceOptions& options) {
  return run(config, options, /*dry_run=*/false);
}

}  // namespace extvold::daemon
