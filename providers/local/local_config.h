// LocalConfig: what the operator says about one `local` provider. Plain values, filled by the daemon's
// configuration; checked by check_local_config().
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "model/ids.h"
#include "model/instant.h"
#include "model/result.h"

namespace extvold::providers::local {

struct LocalPool {
  std::string name;       // a folder below root; the operator makes it, perhaps by mounting a disk there
  std::int64_t iops = 0;  // declared; counted by placement, not enforced
  std::int64_t capacity_mb = 0;  // 0: as much as the filesystem below has
  bool operator==(const LocalPool&) const = default;
};

struct LocalConfig {
  ProviderName name;      // "local~laptop"
  std::string root;       // absolute; holds <pool>/<key>.img
  std::string hosts_dir;  // absolute; holds <host>/, one folder for each host, made by the operator
  std::vector<LocalPool> pools;
  bool reach_all = true;
  std::string format_host;  // host where new volumes are formatted; empty: this provider cannot format
  std::string program;      // absolute path of this program, started as `<program> host-helper`
  std::vector<std::string> program_arguments = {"host-helper"};
  std::vector<std::string> helper_environment;  // tests only (crash points)
  Duration observe_deadline = seconds(20);
  int calls_max = 4;
  int calls_per_second = 0;  // 0: as often as it lets us
  bool operator==(const LocalConfig&) const = default;
};

Status check_local_config(const LocalConfig& config);

}  // namespace extvold::providers::local
