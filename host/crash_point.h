// crash_point("name"): where the tests kill (EXTVOLD_HELPER_CRASH_AT=name) or freeze
// (EXTVOLD_HELPER_STOP_AT=name) the helper process. The daemon gives its helpers an environment without
// these variables, so in the field each is one getenv().
//
// Every point is listed in kCrashPoints; crash_point() checks that, so that a test which walks the list
// meets all of them.
#pragma once

#include <array>
#include <string_view>

namespace extvold::host {

inline constexpr std::array<std::string_view, 32> kCrashPoints = {
    "helper.request_read",  "helper.before_answer", "helper.after_answer",
    "write.before_rename",  // write_durably(): the new file is complete under its temporary name
    "write.after_rename",
    "create.after_intent",  // the sidecar says "creating"
    "create.image_half",    // the temporary image exists without its space
    "create.before_rename", "create.after_rename",  "create.after_commit", "remove.after_intent",
    "remove.after_image",   "remove.after_sidecar",
    "resize.after_image",  // the image is as large as it is to be, nothing else knows it
    "resize.after_loop",
    "attach.after_intent",  // the record says "attaching", no loop device is set up
    "attach.after_loop",    // the loop device is set up, the record still says "attaching"
    "attach.after_record",  "attach.before_mount",  "attach.after_mount",  "detach.after_umount",
    "detach.before_loop",   "detach.after_loop",    "detach.after_record", "format.after_probe",
    "format.after_intent",  // the sidecar says that mkfs was about to start
    "format.after_mkfs",    "format.after_commit",
    "fence.after_mark",  // the host is barred, its device is as it was
    "fence.after_shutdown", "fence.after_umount",
    "fence.after_cut",  // nothing reaches the image any more
};

void crash_point(std::string_view name);

}  // namespace extvold::host
