// local.fence, local.check_fence, local.unfence. The order that a crash may cut anywhere:
//   mark (the host gets nothing new) → filesystem stopped → mounts gone → loop device cut off
// Proof is only what the kernel shows of loop devices. Stopping the filesystem first spares it errors of the
// device, and the mounts go so that nobody sees the old content; both may fail, as the device is cut off
// below them.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "host/crash_point.h"
#include "host/openers.h"
#include "providers/local/attachment_state.h"
#include "providers/local/verbs.h"

namespace extvold::providers::local {
namespace {

// The host's folder may be gone.
Result<VolumeRef> checked_ref(const Site& site, const HelperRequest& request) {
  if (!host::is_plain_name(request.host))
    return fail(Errc::invalid, "host \"{}\": not a name of a folder", request.host);
  if (request.fence_key.empty()) return fail(Errc::invalid, "volume {}: a fence without a key", request.ref);
  TRY(find_volume(site, request));
  return *volume_ref_from_text(request.ref);
}

// An attach notes its generation before its device is there. Where that note is gone or cannot be read,
// nobody can say that the device is a newer one.
Status check_not_newer(const Site& site, const HelperRequest& request, const VolumeRef& ref) {
  const Result<std::optional<AttachmentRecord>> record = read_record(site, request.host, ref);
  if (!record || !*record || (*record)->generation <= request.generation) return {};
  return fail(Errc::conflict,
              "volume {}: host {} has it attached in generation {} by now; the fence is for generation {}",
              request.ref, request.host, to_text((*record)->generation), to_text(request.generation));
}

bool is_of(const FenceMark& mark, const HelperRequest& request) {
  return mark.host == request.host && mark.key == request.fence_key;
}

// True: it was not there.
Result<bool> add_mark(const Site& site, const HelperRequest& request, const VolumeRef& ref) {
  ASSIGN(FenceMarks fences, read_marks(site, ref));
  const FenceMark mark{request.host, request.generation, request.fence_key};
  if (std::find(fences.marks.begin(), fences.marks.end(), mark) != fences.marks.end()) return false;
  std::erase_if(fences.marks, [&](const FenceMark& old) { return is_of(old, request); });
  fences.marks.push_back(mark);
  // A whole rename that only could not be synced may hold: whoever asks again finds out.
  if (const Status written = host::write_durably(site.marks_path(ref), marks_text(fences)); !written)
    return fail_uncertain(written.error());
  return true;
}

std::string openers_text(const host::LoopDevice& loop) {
  const host::OpenersView openers = host::find_openers({loop.number});
  const auto found = openers.by_device.find(loop.number);
  if (found == openers.by_device.end()) return "open by nobody that can be seen";
  return fmt::format("open by {}", fmt::join(found->second, ", "));
}

Status take_away(const Site& site, const HelperRequest& request, const host::LoopDevice& loop) {
  ASSIGN(const host::MountView view, host::find_mounts({loop.number}, {loop.path}));
  for (const host::MountEntry& entry : view.entries) {
    if (host::shut_down_filesystem(entry)) break;  // one filesystem, however often it is mounted
  }
  host::crash_point("fence.after_shutdown");
  const std::string folder = site.host_path(request.host) + "/";
  for (auto entry = view.entries.rbegin(); entry != view.entries.rend(); ++entry) {
    if (entry->pid != 0 || !entry->target.starts_with(folder)) continue;
    static_cast<void>(host::unmount_lazily(site.mount_anchor(request.host), *entry));
  }
  host::crash_point("fence.after_umount");
  const Status cut = host::cut_off_loop(loop);
  if (cut) return {};
  return fail(Errc::uncertain, "{}; {}", cut.error().message, openers_text(loop));
}

// What was written before the fence stands in the page cache of the image now.
Status sync_image(const Site& site, const VolumeRef& ref) {
  const host::UniqueFd fd(::open(site.image_path(ref).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (fd && ::fsync(fd.get()) != 0) return host::fail_errno(fmt::format("fsync {}", site.image_path(ref)));
  return {};
}

}  // namespace

Result<OperationAnswer> fence_volume(const Site& site, const HelperRequest& request) {
  ASSIGN(const VolumeRef ref, checked_ref(site, request));
  ASSIGN(std::vector<host::LoopDevice> loops, tagged_loops(site, request.host, ref));
  std::erase_if(loops, [](const host::LoopDevice& loop) { return loop.cut_off; });
  if (!loops.empty()) TRY(check_not_newer(site, request, ref));
  OperationAnswer answer;
  ASSIGN(answer.changed, add_mark(site, request, ref));
  host::crash_point("fence.after_mark");
  for (const host::LoopDevice& loop : loops) {
    if (const Status gone = take_away(site, request, loop); !gone) return fail_uncertain(gone.error());
    answer.changed = true;
  }
  host::crash_point("fence.after_cut");
  if (const Status synced = sync_image(site, ref); !synced) return fail_uncertain(synced.error());
  return answer;
}

Result<FenceAnswer> check_fence(const Site& site, const HelperRequest& request) {
  ASSIGN(const VolumeRef ref, checked_ref(site, request));
  // The mark first: a device that an attach had still made before it would be on the list.
  ASSIGN(const FenceMarks fences, read_marks(site, ref));
  ASSIGN(const std::vector<host::LoopDevice> loops, tagged_loops(site, request.host, ref));
  std::string left_over;
  for (const host::LoopDevice& loop : loops) {
    if (!loop.cut_off) {
      return FenceAnswer{TriState::no, fmt::format("host {} still has {} as {}, {}", request.host,
                                                   request.ref, loop.path, openers_text(loop))};
    }
    left_over += fmt::format("; {} is left, {}, and reaches nothing of it", loop.path, openers_text(loop));
  }
  const bool barred = std::any_of(fences.marks.begin(), fences.marks.end(),
                                  [&](const FenceMark& mark) { return is_of(mark, request); });
  if (!barred)
    return FenceAnswer{TriState::no, fmt::format("host {} is not barred from {}", request.host, request.ref)};
  return FenceAnswer{TriState::yes, fmt::format("host {} is barred from {} and has no device on it{}",
                                                request.host, request.ref, left_over)};
}

Result<OperationAnswer> unfence_volume(const Site& site, const HelperRequest& request) {
  ASSIGN(const VolumeRef ref, checked_ref(site, request));
  ASSIGN(FenceMarks fences, read_marks(site, ref));
  OperationAnswer answer;
  answer.changed =
      std::erase_if(fences.marks, [&](const FenceMark& mark) { return is_of(mark, request); }) != 0;
  if (!answer.changed) return answer;
  const std::string path = site.marks_path(ref);
  if (!fences.marks.empty()) {
    if (const Status written = host::write_durably(path, marks_text(fences)); !written)
      return fail_uncertain(written.error());
    return answer;
  }
  if (const Result<bool> gone = host::unlink_durably(path); !gone) return fail_uncertain(gone.error());
  return answer;
}

}  // namespace extvold::providers::local
