// CsiConfig: what the operator says about one `csi` provider. Plain values, filled by the daemon's
// configuration; checked by check_csi_config().
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/ids.h"
#include "model/instant.h"
#include "model/provider_info.h"
#include "model/result.h"

namespace extvold::providers::csi {

using Texts = std::map<std::string, std::string>;

struct CsiPool {
  std::string name;              // ours; a driver knows its parameters only
  Texts parameters;              // of CreateVolume and GetCapacity
  Texts topology;                // segments where its volumes are to be reachable; empty: as the driver likes
  std::int64_t iops = 0;         // declared; counted by placement, not enforced
  std::int64_t capacity_mb = 0;  // a driver tells what is free and never what there is; 0: not known
  bool operator==(const CsiPool&) const = default;
};

struct CsiConfig {
  ProviderName name;     // "csi~fast"
  std::string endpoint;  // "unix:/path" or "host:port", of the controller service
  std::string driver;    // its name by GetPluginInfo; another one is refused. Empty: not checked
  std::vector<CsiPool> pools;
  // What the operator expects of the driver. A look is not whole while the driver does not offer it.
  bool create = true;            // CREATE_DELETE_VOLUME
  bool attach = true;            // PUBLISH_UNPUBLISH_VOLUME
  bool list_attachments = true;  // LIST_VOLUMES_PUBLISHED_NODES
  bool clone = false;            // CLONE_VOLUME, or else CREATE_DELETE_SNAPSHOT
  bool resize = false;           // EXPAND_VOLUME
  bool resize_attached = false;  // VolumeExpansion ONLINE
  // Files with one JSON object of texts each; read at every call. Empty: no secrets.
  std::string create_secrets_file;   // CreateVolume, DeleteVolume and snapshots
  std::string publish_secrets_file;  // ControllerPublishVolume, ControllerUnpublishVolume
  // csi-addons. Empty endpoint: no fence.
  std::string addons_endpoint;
  std::string fence_secrets_file;
  Texts fence_parameters;
  // Node id: the addresses (CIDR) from which this node reaches the storage.
  std::map<std::string, std::vector<std::string>> fence_addresses;
  bool reach_all = false;
  std::vector<HostIdentity> host_identities;  // host: node id, as the node's NodeGetInfo says it
  std::string hosts_attribute;                // of agents, that says so of their hosts; empty: none
  bool hosts_by_name = false;                 // who is not in it has his own name as node id
  Duration settle_time = seconds(60);
  Duration observe_deadline = seconds(60);
  int calls_max = 4;
  int calls_per_second = 0;  // 0: as often as it lets us
  bool operator==(const CsiConfig&) const = default;
};

bool is_node_id(std::string_view text);

// What a fence of this node would name as things are now (addresses.h); empty: nobody told.
std::string fence_addresses_of(const CsiConfig& config, const std::string& node);

Status check_csi_config(const CsiConfig& config);

}  // namespace extvold::providers::csi
