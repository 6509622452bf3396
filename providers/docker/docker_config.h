// DockerConfig: what the operator says about one Docker volume plugin. Plain values, filled by the daemon's
// configuration; checked by check_docker_config().
#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/enum_text.h"
#include "model/ids.h"
#include "model/instant.h"
#include "model/result.h"

namespace extvold::providers::docker {

// Powers of 2, as everywhere here.
EXTVOLD_ENUM(SizeUnit, B, KB, MB, GB)

struct DockerConfig {
  ProviderName name;   // "docker~row8"
  std::string plugin;  // its name, as in `docker run --volume-driver`
  // Where plugins are looked for, in this order, as Docker does.
  std::string sockets_folder = "/run/docker/plugins";
  std::vector<std::string> specs_folders = {"/etc/docker/plugins", "/usr/lib/docker/plugins"};
  // A plugin on another machine may be reached without TLS. Whoever reaches it too is root there.
  bool plain_tcp = false;
  std::string pool = "default";
  bool reach_all = false;
  // The one host that the plugin runs on, and where it therefore mounts. Empty: it runs on several, or nobody
  // says; then nothing can be attached through it, and nothing made by one of scope `local`.
  std::string host;
  // The plugin answers with a Mountpoint only while a volume is mounted. Others always answer with one, which
  // says nothing: an attach through them could not be read back, so there is none.
  bool shows_mounts = false;
  // The option of Create that takes the size, and how it is written: a whole number of `size_unit`, with
  // `size_suffix` after it. Empty: the plugin makes them of one size.
  std::string size_option;
  SizeUnit size_unit = SizeUnit::GB;
  std::string size_suffix;
  // The field of a volume's Status that holds its size in `size_unit`. Empty: it shows none.
  std::string size_status;
  std::map<std::string, std::string> options;  // of every Create, as {"volumetype", "gold"}
  Duration look_deadline = seconds(20);        // of one request that changes nothing
  Duration settle_time = seconds(150);         // how late the storage behind it may still do what was asked
  int calls_max = 4;
  int calls_per_second = 0;  // 0: as often as it lets us
  bool operator==(const DockerConfig&) const = default;
};

Status check_docker_config(const DockerConfig& config);

}  // namespace extvold::providers::docker
