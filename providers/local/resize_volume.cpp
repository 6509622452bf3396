// local.resize. The order that a crash may cut anywhere:
//   image grown → loop devices grown → sidecar says the new size
// Only then is it seen as grown; run again, it goes on. An image that is longer than its sidecar says is
// whole.
#include <unistd.h>

#include <algorithm>

#include "host/crash_point.h"
#include "providers/local/volume_files.h"

namespace extvold::providers::local {
namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 20U;

Status grow_image(const OpenImage& image, const HelperRequest& request) {
  const Status grown = reserve_space(image.fd.get(), request.size_mb, image.path);
  if (grown) return {};
  // A part may have been added. No device reaches it yet, so that nobody has written there.
  if (::ftruncate(image.fd.get(), image.size_bytes) == 0) return grown;
  return fail_uncertain(grown.error());
}

// What somebody set up on a part of the file would not reach the new end, or would reach what is not its own.
Status check_whole(const Site& site, const VolumeFile& volume, const std::vector<host::LoopDevice>& loops) {
  for (const host::LoopDevice& loop : loops) {
    if (loop.whole_file) continue;
    return fail(Errc::conflict, "volume {}: {} has a part of it", to_text(volume.ref),
                holder_text(site, loop, volume.ref));
  }
  return {};
}

Status end_growth(const Site& site, VolumeFile& volume, const std::vector<host::LoopDevice>& loops,
                  std::int64_t size_bytes) {
  host::crash_point("resize.after_image");
  for (const host::LoopDevice& loop : loops)
    TRY(host::grow_loop(loop, static_cast<std::uint64_t>(size_bytes)));
  host::crash_point("resize.after_loop");
  if (!volume.sidecar || volume.sidecar->size_mb == size_bytes / kMiB) return {};
  volume.sidecar->size_mb = size_bytes / kMiB;
  return host::write_durably(site.sidecar_path(volume.ref), sidecar_text(*volume.sidecar));
}

}  // namespace

Result<OperationAnswer> resize_volume(const Site& site, const HelperRequest& request) {
  ASSIGN(VolumeFile volume, require_volume(site, request));
  if (request.size_mb < 1) return fail(Errc::invalid, "volume {}: no size to grow to", request.ref);
  ASSIGN(OpenImage image, open_image(volume.image, true));
  ASSIGN(const std::vector<host::LoopDevice> loops, loops_on(site, image));
  TRY(check_whole(site, volume, loops));
  OperationAnswer answer;
  answer.ref = request.ref;
  const std::int64_t wanted = request.size_mb * kMiB;
  if (image.size_bytes < wanted) {
    TRY(check_capacity(site, request, volume.ref));
    TRY(grow_image(image, request));
    answer.changed = true;
  }
  const std::int64_t size = std::max(image.size_bytes, wanted);
  if (const Status ended = end_growth(site, volume, loops, size); !ended)
    return fail_uncertain(ended.error());
  answer.size_mb = size / kMiB;
  return answer;
}

}  // namespace extvold::providers::local
