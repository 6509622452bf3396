// local.format. What is formatted and when is decided by the ledger; whether it may be is decided here, by
// what is really there.
#include "host/crash_point.h"
#include "host/mkfs.h"
#include "providers/local/attachment_state.h"
#include "providers/local/verbs.h"

namespace extvold::providers::local {
namespace {

OperationAnswer refusal(std::string reason, std::string boot_id) {
  OperationAnswer answer;
  answer.refused = true;
  answer.reason = std::move(reason);
  answer.boot_id = std::move(boot_id);
  return answer;
}

// A reason to refuse for good, or empty.
std::string never_format(const HelperRequest& request, const VolumeFile& volume) {
  if (request.origin != VolumeOrigin::created)
    return fmt::format("volume {}: {} volumes are never formatted", request.ref, to_text(request.origin));
  if (!volume.sidecar)
    return fmt::format("volume {}: has no sidecar, so extvold did not make it", request.ref);
  if (!volume.sidecar->source.empty())
    return fmt::format("volume {}: is a clone of {}", request.ref, volume.sidecar->source);
  if (volume.sidecar->filesystem != request.filesystem || volume.sidecar->size_mb != request.size_mb) {
    return fmt::format("volume {}: was made with {} MB for {}, the ledger says {} MB and {}", request.ref,
                       volume.sidecar->size_mb, to_text(volume.sidecar->filesystem), request.size_mb,
                       to_text(request.filesystem));
  }
  return {};
}

Result<host::LoopDevice> find_device(const Site& site, const HelperRequest& request, const VolumeFile& volume,
                                     OpenImage& image) {
  ASSIGN(const std::optional<host::LoopDevice> loop, own_loop(site, request.host, volume.ref));
  if (!loop) return fail(Errc::conflict, "volume {}: is not attached to host {}", request.ref, request.host);
  if (!request.device.empty() && loop->path != request.device) {
    return fail(Errc::conflict, "volume {}: is {} on host {}, not {} as recorded", request.ref, loop->path,
                request.host, request.device);
  }
  if (!(loop->backing == image.identity) || !loop->whole_file || loop->read_only) {
    return fail(Errc::conflict, "{}: is not all of {}, writable", loop->path, volume.image);
  }
  ASSIGN(const std::vector<host::LoopDevice> loops, loops_on(site, image));
  if (loops.size() != 1)
    return fail(Errc::conflict, "{}: has {} loop devices, format needs to be alone", volume.image,
                loops.size());
  return *loop;
}

Status write_format(const Site& site, VolumeFile& volume, SidecarFormat format) {
  if (volume.sidecar->format == format) return {};
  volume.sidecar->format = format;
  return host::write_durably(site.sidecar_path(volume.ref), sidecar_text(*volume.sidecar));
}

}  // namespace

Result<OperationAnswer> format_volume(const Site& site, const HelperRequest& request) {
  TRY(require_host(site, request.host));
  if (request.filesystem == Filesystem::none)
    return fail(Errc::invalid, "volume {}: has no filesystem to make", request.ref);
  ASSIGN(VolumeFile volume, require_volume(site, request));
  TRY(check_not_fenced(site, request.host, volume.ref));
  ASSIGN(const std::string boot_id, read_boot_id(site, request.host));
  if (const std::string why = never_format(request, volume); !why.empty()) return refusal(why, boot_id);
  ASSIGN(OpenImage image, open_image(volume.image, false));
  ASSIGN(const host::LoopDevice loop, find_device(site, request, volume, image));
  ASSIGN(const DeviceMounts mounts, sort_mounts(loop, ""));
  if (!mounts.foreign.empty()) {
    return fail(Errc::busy, "{}: is mounted at {}", loop.path, place_text(mounts.foreign.front()));
  }
  host::FormatRequest wish;
  wish.device = loop.path;
  wish.size_bytes = static_cast<std::uint64_t>(request.size_mb) << 20U;
  wish.filesystem = request.filesystem;
  wish.key = key_of(volume.ref);
  wish.image = image.fd.get();
  wish.formatted_before = volume.sidecar->format == SidecarFormat::finished;
  const bool tried_before = volume.sidecar->format == SidecarFormat::intended;
  wish.before_mkfs = [&] { return write_format(site, volume, SidecarFormat::intended); };
  ASSIGN(host::FormatVerdict verdict, host::format_device(wish));
  if (verdict.outcome == host::FormatOutcome::refused) {
    if (tried_before)
      verdict.reason +=
          "; an earlier mkfs was cut off: if the volume was never used, remove it and create it again";
    return refusal(verdict.reason, boot_id);
  }
  if (const Status written = write_format(site, volume, SidecarFormat::finished); !written)
    return fail_uncertain(written.error());
  host::crash_point("format.after_commit");
  OperationAnswer answer;
  answer.changed = verdict.outcome == host::FormatOutcome::formatted;
  answer.boot_id = boot_id;
  return answer;
}

}  // namespace extvold::providers::local
