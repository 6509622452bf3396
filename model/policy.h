// Policy: everything that configuration decides and planning needs, as values. Never changes while a plan is
// made.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/enum_text.h"
#include "model/fence.h"
#include "model/instant.h"
#include "model/mesos_operation.h"
#include "model/provider_info.h"
#include "model/storage.h"

namespace extvold {

EXTVOLD_ENUM(AttachBy, extvold, plugin)

// What a driver name in a task means here: [drivers.NAME] of the configuration.
struct DriverMapping {
  std::string driver;
  ProviderName provider;
  AttachBy attach_by = AttachBy::extvold;
  // accept = ["executor_terminal+10m"]: an operator lets a terminal SOURCE_EXECUTOR status count this long
  // after it came. Never the default.
  std::optional<Duration> accept_executor_terminal_after;
};

// What names the host of an agent: [mesos] host_by.
EXTVOLD_ENUM(HostBy, hostname, ip, attribute)
struct HostRule {
  HostBy by = HostBy::hostname;
  std::string attribute;  // its name
  bool operator==(const HostRule&) const = default;
};

// When and how a host is fenced that somebody else's claim waits for: [fence], or of one provider or profile.
EXTVOLD_ENUM(FenceWhen, never, after)
EXTVOLD_ENUM(TellMesos, nothing, deactivate_agent, mark_agent_gone)
struct FencePolicy {
  FenceWhen when = FenceWhen::never;
  Duration after = minutes(10);  // how long its clock must have run
  std::vector<FenceRung> ladder = {FenceRung::volume, FenceRung::host, FenceRung::power,
                                   FenceRung::operator_};
  bool accept_cooperative = false;            // a fence that rests on the host's own help counts
  TellMesos tell_mesos = TellMesos::nothing;  // of its agents, once the fence is read back
  bool operator==(const FencePolicy&) const = default;
};
struct FenceRule {
  ProviderName provider;  // none: any
  std::string profile;    // empty: any
  FencePolicy policy;
  bool operator==(const FenceRule&) const = default;
};

struct Policy {
  std::vector<ProviderInfo> providers;
  std::vector<DriverMapping> drivers;

  // Not empty: nothing is done whatever the ledger's mode and an operator's release say, and why.
  std::string observe_only;

  // Daemons with other ledgers have acted for this cluster, or may have: what this ledger made may be known
  // to another one, a copy of it.
  bool others_acted = false;
  // One of them did so just before this one began to: its calls may still take effect.
  bool takes_over = false;

  // False: no master is configured, so that there is no Mesos view to be incomplete; only operators' orders
  // count.
  bool has_master = true;

  // The first that gives a text names the host of an agent.
  std::vector<HostRule> host_by = {{HostBy::hostname, {}}};

  // Facts about the agents that no API tells and without which `agent_gone` is no evidence (DESIGN.md section
  // 4): the operator states them.
  bool agents_use_linux_launcher = false;
  bool agents_api_unfiltered = false;

  // What an operator may have extvold ask of the Mesos master; nothing else is asked of it.
  std::vector<MesosOperationKind> mesos_calls;

  Duration detach_linger = seconds(5);   // a restarting task does not pay twice
  Duration agent_poll_min = seconds(1);  // between two rounds of one agent's API
  Duration agent_poll_max = seconds(60);
  // GET_AGENTS, GET_TASKS, GET_EXECUTORS, GET_MASTER, metrics, the registry; maintenance five times as
  // seldom.
  Duration master_poll = seconds(60);
  Duration master_poll_min = seconds(5);        // between two of one kind where events ask for them
  Duration provider_list = seconds(30);         // between two lists of one provider
  Duration observation_age_max = seconds(300);  // older ones are not complete any more
  Duration audit = seconds(600);                // full sweep
  Duration retry_min = seconds(1);              // after a failed operation
  Duration retry_max = seconds(60);
  Duration operation_deadline = seconds(120);

  // More attachments to be detached in the window than both, and a person is asked.
  int detach_storm_max = 20;
  int detach_storm_percent = 20;
  Duration detach_storm_window = seconds(600);

  // The one that names most decides: a profile before a provider.
  std::vector<FenceRule> fences;
  std::vector<std::string> power_hosts;  // hosts that a [power.NAME] can switch off
  // Host names and addresses that are never fenced: this machine, [fence] never, the masters of [mesos].
  std::vector<std::string> never_fence;
  std::vector<std::string> masters;  // the same of those that were found to be masters since this start
  // More hosts to be fenced in the window than either, and a person is asked; one is always possible.
  int fence_storm_max = 3;
  int fence_storm_percent = 20;
  Duration fence_storm_window = seconds(3600);
  Duration fence_check = seconds(60);  // between two looks at a fence that holds
  Duration fence_retry = seconds(60);  // after a rung failed
  // What expires sooner than this permits no attach elsewhere; it is renewed at twice as much.
  Duration fence_margin = seconds(30 * 24 * 3600);

  const FencePolicy& fence_policy(const Volume& volume) const;
  // For how long after it was begun any call to a provider may still take effect.
  Duration call_takes_at_most() const;
  const ProviderInfo* provider(const ProviderName& name) const;
  const DriverMapping* driver(std::string_view name) const;
};

}  // namespace extvold
