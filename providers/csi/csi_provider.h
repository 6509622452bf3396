// CsiProvider: a storage behind a CSI driver, spoken to as a controller client (CSI 1.x, gRPC, unix socket).
//
// The controller half only: what a node does with a volume (stage, format, mount) is between the driver's
// node plugin and whoever runs the task. Written from the specification, and from what real drivers answered
// instead of it. Loop thread only; the ports must outlive it, and it must outlive its calls, save that calls
// whose answer nobody waits for any more end by themselves.
//
// A driver keeps ids and no names, no tags, no pools. So whom the ledger has under which id is told to it
// before a look (know_volumes); "ours" is what the ledger has, and nothing at the driver says whose a volume
// is. It acts by the id alone; the one act by name is CreateVolume, whose name is our key. A create whose
// answer was lost is not found by a look: it is called again, which the specification makes safe.
//
// Its Capabilities, and why:
// - create, attach_to_named_host, list_attachments: as the configuration says, and a look is not whole while
//   the driver does not offer what they need (CREATE_DELETE_VOLUME, PUBLISH_UNPUBLISH_VOLUME,
//   LIST_VOLUMES_PUBLISHED_NODES). Without the last one, where a volume is published is not known to anybody
//   but the ledger: a real driver says [""] of every volume.
// - detach_enforced: no. ControllerUnpublishVolume promises nothing about a node that still writes: a real
//   driver answers OK while the volume is staged and mounted, and leaves it so.
// - exclusive_attach: no. That a second node is refused (FAILED_PRECONDITION) is asked of drivers, and not
//   known of this one. A second host is refused here, by the look before.
// - fence_volume: no, for the same reason as detach_enforced.
// - fence_host, fence_verifiable: with csi-addons (addons_endpoint): FenceClusterNetwork bars the addresses
//   of the node, whose id was recorded when attaching; ListClusterFence shows it. Not cooperative: the
//   storage does it. When an entry ends is not shown (Ceph's: after five years).
// - fence_bars_late_calls: yes, with csi-addons: who is barred by address is not let in by a publish.
// - resize, resize_attached: as the configuration says; checked against EXPAND_VOLUME and VolumeExpansion
//   ONLINE as those above are. What NodeExpandVolume does is the node plugin's.
// - shows_running_calls: no: ABORTED says so, but only to a call that would change something.
// - host_reports: no: a controller knows nothing of mounts.
// - keeps_tags: no: what ListVolumes shows is an id.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "providers/csi/csi_config.h"
#include "providers/csi/csi_ports.h"
#include "providers/provider.h"

namespace extvold::providers::csi {

class CsiProvider final : public Provider {
 public:
  // `config` has passed check_csi_config().
  CsiProvider(CsiConfig config, CsiPorts ports);
  ~CsiProvider() override;

  const ProviderInfo& info() const override { return info_; }
  bool wants_known_volumes() const override { return true; }
  void know_volumes(std::vector<KnownVolume> known) override;
  std::string hosts_attribute() const override { return config_.hosts_attribute; }
  void know_hosts(std::vector<HostIdentity> hosts) override;
  void observe(std::string volume_key, std::function<void(ProviderObservation)> done) override;
  void execute(OperationCall call, std::function<void(OperationResult)> done) override;
  void change_fence(FenceCall call, std::function<void(FenceResult)> done) override;

 private:
  struct Connections;

  Result<std::string> node_of(const OperationCall& call) const;

  const CsiConfig config_;
  ProviderInfo info_;
  std::vector<KnownVolume> known_;
  std::unique_ptr<Connections> connections_;
};

}  // namespace extvold::providers::csi
