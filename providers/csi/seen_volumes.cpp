#include "providers/csi/seen_volumes.h"

#include <algorithm>
#include <utility>

#include "providers/foreign_text.h"

namespace extvold::providers::csi {
namespace {

constexpr std::size_t kIdBytesMax = 1024;  // the specification says 128, and drivers have longer ones

Result<SeenVolume> seen_of(const pb::Volume& volume) {
  if (!is_good_id(volume.volume_id())) {
    return fail(Errc::unavailable, "the driver shows a volume with the id \"{}\"",
                in_one_line(volume.volume_id(), 80));
  }
  if (volume.capacity_bytes() < 0) {
    return fail(Errc::unavailable, "volume {}: the driver says that it has {} bytes",
                in_one_line(volume.volume_id(), 80), volume.capacity_bytes());
  }
  SeenVolume seen;
  seen.id = volume.volume_id();
  seen.size_mb = volume.capacity_bytes() >> 20;
  seen.context.insert(volume.volume_context().begin(), volume.volume_context().end());
  return seen;
}

// A driver without LIST_VOLUMES_PUBLISHED_NODES may fill this in as well (a real one says [""] of every
// volume, published or not): it must not be read then.
template <typename VolumeStatus>
Status read_nodes(const DriverCapabilities& can, const VolumeStatus& status, SeenVolume& seen) {
  if (!can.has(Rpc::LIST_VOLUMES_PUBLISHED_NODES)) return {};
  for (const std::string& node : status.published_node_ids()) {
    if (!is_good_id(node)) {
      return fail(Errc::unavailable, "volume {}: the driver does not say by name where it is published",
                  in_one_line(seen.id, 80));
    }
    seen.nodes.push_back(node);
  }
  std::sort(seen.nodes.begin(), seen.nodes.end());
  seen.nodes.erase(std::unique(seen.nodes.begin(), seen.nodes.end()), seen.nodes.end());
  return {};
}

}  // namespace

bool is_good_id(const std::string& id) {
  return !id.empty() && id.size() <= kIdBytesMax &&
         std::none_of(id.begin(), id.end(), [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; });
}

Status read_page(const DriverCapabilities& can, const pb::ListVolumesResponse& page, SeenVolumes& volumes) {
  for (const pb::ListVolumesResponse::Entry& entry : page.entries()) {
    ASSIGN(SeenVolume seen, seen_of(entry.volume()));
    const auto before = volumes.find(seen.id);
    if (before != volumes.end()) seen.nodes = before->second.nodes;
    TRY(read_nodes(can, entry.status(), seen));
    volumes[seen.id] = std::move(seen);
  }
  return {};
}

Result<SeenVolume> read_volume(const DriverCapabilities& can, const std::string& id,
                               const pb::ControllerGetVolumeResponse& answer) {
  ASSIGN(SeenVolume seen, seen_of(answer.volume()));
  if (seen.id != id) {
    return fail(Errc::unavailable, "volume {}: the driver answers for {}", id, in_one_line(seen.id, 80));
  }
  TRY(read_nodes(can, answer.status(), seen));
  return seen;
}

}  // namespace extvold::providers::csi
