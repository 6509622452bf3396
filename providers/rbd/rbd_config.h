// RbdConfig: what the operator says about one `rbd` provider. Plain values, filled by the daemon's
// configuration; checked by check_rbd_config().
#pragma once

#include <string>
#include <vector>

#include "model/ids.h"
#include "model/instant.h"
#include "model/provider_info.h"
#include "model/result.h"

namespace extvold::providers::rbd {

struct RbdPool {
  std::string name;       // as Ceph calls it
  std::int64_t iops = 0;  // declared; counted by placement
  bool operator==(const RbdPool&) const = default;
};

struct RbdConfig {
  ProviderName name;  // "rbd~ceph1"
  // The programs of the package ceph-common, 16.2 or newer: the first that knows ranges in the blocklist.
  std::string rbd_program = "/usr/bin/rbd";
  std::string ceph_program = "/usr/bin/ceph";
  std::string rados_program = "/usr/bin/rados";
  std::string conf_file = "/etc/ceph/ceph.conf";
  std::string user = "extvold";  // client.extvold; its key is in `keyring`, and nowhere else
  std::string keyring;           // a path
  std::vector<RbdPool> pools;
  bool reach_all = false;
  // Storage addresses, as the cluster sees them: "10.0.0.7" or "10.0.7.0/24". No two of them overlap.
  std::vector<HostIdentity> host_identities;
  // What each of the programs waits for a monitor or an OSD; without it they wait for minutes, or for ever.
  Duration storage_timeout = seconds(10);
  Duration observe_deadline = seconds(60);
  // For the removal of one image, beyond the deadline of its call.
  Duration remove_deadline = minutes(60);
  Duration blocklist_for = seconds(5LL * 365 * 24 * 3600);
  int looks_max = 4;  // programs at once while everything is listed
  int calls_max = 4;
  int calls_per_second = 0;  // 0: as often as it lets us
  bool operator==(const RbdConfig&) const = default;
};

Status check_rbd_config(const RbdConfig& config);

}  // namespace extvold::providers::rbd
