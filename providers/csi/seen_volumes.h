// SeenVolumes: what a CSI driver's answers say of volumes, read strictly. Plain values; pure functions, any
// thread. Private to providers/csi: it brings protobuf's headers in.
#pragma once

#include <csi_proto/csi.pb.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "model/result.h"
#include "providers/csi/csi_config.h"

namespace extvold::providers::csi {

namespace pb = ::csi::v1;
using Rpc = pb::ControllerServiceCapability::RPC;
using Capability = Rpc::Type;

// Controller capabilities as the driver told them.
class DriverCapabilities {
 public:
  void add(Capability one) { all_.insert(one); }
  bool has(Capability one) const { return all_.contains(one); }

  // It does not inspect, and says of any text that it has such a volume (ceph-csi).
  bool validates_anything = false;

 private:
  std::set<int> all_;
};

struct SeenVolume {
  std::string id;
  std::int64_t size_mb = 0;        // 0: the driver does not say
  std::vector<std::string> nodes;  // in order, each once; only of a driver that lists published nodes
  Texts context;
};
using SeenVolumes = std::map<std::string, SeenVolume>;  // by id

// Adds what is on one page of a list. There is no one view of all pages: a volume may be on two of them.
Status read_page(const DriverCapabilities& can, const pb::ListVolumesResponse& page, SeenVolumes& volumes);

// What a volume or a node may be called.
bool is_good_id(const std::string& id);

// The answer for this id. REQUIRES: its condition is not abnormal.
Result<SeenVolume> read_volume(const DriverCapabilities& can, const std::string& id,
                               const pb::ControllerGetVolumeResponse& answer);

}  // namespace extvold::providers::csi
