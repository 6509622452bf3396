// RexrayConfig: what the operator says about one `rexray` provider. Plain values, filled by the daemon's
// configuration; checked by check_rexray_config().
#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/enum_text.h"
#include "model/ids.h"
#include "model/instant.h"
#include "model/ports.h"
#include "model/provider_info.h"
#include "model/result.h"

namespace extvold::providers::rexray {

// rest: the API of a libStorage server, which attaches to any host. cli: the program `rexray` on this host.
EXTVOLD_ENUM(Mode, rest, cli)

// REX-Ray has no pools: what tells one from another is the type of its volumes (of the ScaleIO driver that is
// the name of a storage pool) and their availability zone.
struct RexrayPool {
  std::string name;
  std::string volume_type;        // empty: whatever the driver takes, and any
  std::string availability_zone;  // empty: likewise
  std::int64_t iops = 0;          // declared; counted by placement
  std::int64_t capacity_mb = 0;   // declared: REX-Ray does not tell; 0: nobody says
  bool send_iops = false;         // a create names the volume's IOPS: only some drivers and types take that
  bool operator==(const RexrayPool&) const = default;
};

struct RexrayConfig {
  ProviderName name;  // "rexray~row8"
  Mode mode = Mode::rest;
  std::vector<RexrayPool> pools;
  bool reach_all = false;
  std::vector<HostIdentity> host_identities;
  bool hosts_by_name = true;
  bool detach_enforced = false;  // rexray_provider.h says for which drivers that is so
  Duration settle_time = minutes(5);
  std::int64_t size_step_gb = 1;  // ScaleIO grants multiples of 8
  int calls_max = 4;
  int calls_per_second = 0;  // 0: as often as it lets us
  Duration observe_deadline = seconds(60);

  // mode rest
  std::string url;  // "http://10.0.0.1:7979"
  HttpTls tls;
  std::string token_place;  // where the Bearer token is kept; empty: none is sent
  std::string service;
  std::string driver;                                  // in Libstorage-Instanceid
  std::map<std::string, std::string> instance_fields;  // there too: ebs wants region and availabilityZone
  std::string look_identity;              // as whom is asked what there is; empty: as nobody, which most
                                          // drivers take
  std::vector<std::string> device_names;  // drivers that want nextDeviceName: the names to choose from
  Duration task_poll = seconds(1);

  // mode cli
  std::string program;      // absolute path of `rexray`
  int dialect = 0;          // 1 to 4 (commands.h); 0: as `rexray version` says
  std::string config_file;  // of rexray, absolute; empty: its own default. 0.1 has none
  // Absolute, mode 600, read at each call (environment_file.h); empty: none.
  std::string environment_file;
  std::string cli_host;     // the name of the host on which it runs; empty: nothing is attached
  std::string lock_folder;  // absolute; must exist
  std::string helper;       // absolute path of this program, which formats; empty: nothing is formatted
  std::vector<std::string> helper_arguments = {"host-helper"};
  std::vector<std::string> environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                          "HOME=/root"};
  bool operator==(const RexrayConfig&) const = default;
};

Status check_rexray_config(const RexrayConfig& config);

}  // namespace extvold::providers::rexray
