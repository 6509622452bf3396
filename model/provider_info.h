// What a configured provider can and cannot promise. Told to the planner as data; providers/provider.h
// explains each in prose.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/enum_text.h"
#include "model/ids.h"
#include "model/instant.h"
#include "model/storage.h"

namespace extvold {

// Who makes the filesystem of a new volume: nobody here, extvold on format_host, or the storage's own half on
// the host that uses it (a CSI node plugin, a Docker plugin).
EXTVOLD_ENUM(Formatting, nobody, format_host, node_side)

struct Capabilities {
  bool create = false;
  bool clone = false;  // makes a volume from another one of its own
  // A look finds what a create made whose answer was lost. Else only the same call again does.
  bool shows_created = true;
  bool attach_to_named_host = false;  // itself or through a node side
  bool list_attachments = false;
  bool detach_enforced = false;   // after a detach the host's I/O fails, or a detach is refused while in use
  bool exclusive_attach = false;  // refuses a second host by itself
  // Which rungs of the fence ladder it has (model/fence.h), and whether a look shows that one holds: without
  // that none of them is ever evidence.
  bool fence_volume = false;
  bool fence_host = false;
  bool fence_verifiable = false;
  bool fence_cooperative = false;  // needs the host's own help
  // An attach that is still at work does not undo it. Else a volume's fence is an access that was taken away,
  // and nothing else: when it is lifted a look goes on showing none.
  bool fence_bars_late_calls = false;
  bool shows_running_calls =
      false;                  // an inspect tells whether a call of ours for that volume is still at work
  bool host_reports = false;  // reports boot id, mounts and openers of its hosts (a node side)
  // What it makes carries the ledger's tag, and a look shows it. Else a volume of ours is known by its key
  // alone, which nobody else gives: it is made of this ledger's id.
  bool keeps_tags = true;
  bool resize = false;           // a volume can be made larger, where it is attached to no host
  bool resize_attached = false;  // and where it is
  Formatting formatting = Formatting::format_host;
  bool operator==(const Capabilities&) const = default;
};

// As whom a provider knows a host: an EC2 instance, an SDC, a CSI node, an address.
struct HostIdentity {
  std::string host;
  std::string identity;
  bool operator==(const HostIdentity&) const = default;
};

struct ProviderInfo {
  ProviderName name;
  Capabilities capabilities;
  std::vector<std::string> pools;
  bool reach_all = false;   // configuration says that every host reaches it; else an agent's attribute must
  std::string format_host;  // host name where new volumes are formatted; empty: cannot format
  Duration settle_time = seconds(60);  // how late a call may still take effect after it was given up
  // What a look shows of a fence sooner than this after it was set may be of before.
  Duration fence_settle_time;
  std::int64_t size_step_mb = 1;
  std::int64_t size_min_mb = 1;
  int calls_max = 4;         // calls at the provider at once, per lane (attach, detach)
  int calls_per_second = 0;  // of all kinds; 0: as often as it lets us (model/budget.h)
  // One each way: neither a host nor an identity stands twice.
  std::vector<HostIdentity> host_identities;
  bool hosts_by_name = true;  // who is not in host_identities is known there by the name that he has here
};

// Empty: nobody told as whom the provider knows this host.
inline std::string identity_of(const ProviderInfo& provider, std::string_view host) {
  for (const HostIdentity& one : provider.host_identities) {
    if (one.host == host) return one.identity;
  }
  return provider.hosts_by_name ? std::string(host) : std::string();
}

// Who it is that the provider calls so; one that nobody told of is called here as he is there.
inline std::string host_of(const ProviderInfo& provider, std::string_view identity) {
  for (const HostIdentity& one : provider.host_identities) {
    if (one.identity == identity) return one.host;
  }
  return std::string(identity);
}

}  // namespace extvold
