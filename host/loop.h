// Loop devices: a file as a block device. Facts are Linux's drivers/block/loop.c; each was tried on a real
// kernel.
//
// - A device is found by the file behind it (LOOP_GET_STATUS64: device and inode) and by our tag, never by
//   its number: numbers are reused at once.
// - Our tag stands in the kernel's lo_file_name, set in the same ioctl that sets the device up. So it is
//   known whose a device is even if the process died right after that ioctl.
// - AUTOCLEAR is never asked for: a device with it goes when its last opener goes, but an attachment must
//   outlive the process that made it. LOOP_CLR_FD on a device that somebody has open answers 0, sets
//   AUTOCLEAR and lets writes go on: so detach_loop() looks again, and takes AUTOCLEAR back if the device
//   is still there.
// - `blockdev --setro` sticks to the number, over detach and attach: attach_loop() resets it and reads it
//   back.
// - The kernel allows two loop devices on one file. So the caller locks the image (lock_exclusively) before
// it
//   looks, on the descriptor that it hands over: the loop device keeps that descriptor, and the lock with it.
// - Logical blocks are always 512 bytes, whatever the disk below has: a filesystem made on one machine must
//   mount on the next.
//
// - What stops a process that keeps a device open is neither LOOP_CLR_FD nor BLKROSET: its writes go on. A
//   size of nothing does: with one, read(), write(), O_DIRECT, a mapping's dirty pages and a filesystem's own
//   writes all fail at the device's end (tried on Linux 6.18 with ext4, xfs and a raw opener of each kind).
//   See cut_off_loop().
//
// Blocking; used in helper processes only.
#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "host/fd.h"
#include "host/files.h"

namespace extvold::host {

struct LoopDevice {
  std::string path;          // /dev/loop7
  dev_t number = 0;          // 7:7, what a mount table says
  std::string backing_path;  // as the kernel names it now; " (deleted)" at its end if it was unlinked
  // Why the fields below could not be read: no permission to open the device, or its file's filesystem does
  // not answer.
  std::optional<Error> unknown;
  FileIdentity backing;
  std::string tag;  // lo_file_name; ours begin with kLoopTagPrefix
  bool read_only = false;
  bool autoclear = false;
  bool direct_io = false;
  bool whole_file = true;  // no offset and no size limit
  bool cut_off = false;    // by cut_off_loop(): reaches no byte of its file, whoever has it open
};

inline constexpr std::string_view kLoopTagPrefix = "extvold ";

// A tag names three things: the folder that all of a provider's volumes lie in, the volume, the host. Given
// fewer it is the beginning of every tag with these. 16 hex digits each, as lo_file_name holds 63 bytes.
std::string loop_tag(std::initializer_list<std::string_view> names);

// Whether a device that is set up, with this file behind it, is asked about. Asking means a question about
// the file, and where that is on a filesystem that does not answer (may_never_answer in mounts.h) it waits
// for ever, out of reach of a kill.
using AsksLoop = std::function<bool(const std::string& device, const std::string& backing_path)>;

// Every loop device that is set up, by number, save those that are not to be asked about. Errors: not_found
// (no /sys), exhausted.
Result<std::vector<LoopDevice>> list_loops(const AsksLoop& asks = {});

struct LoopRequest {
  int image = -1;          // open, read-write unless read_only
  std::string image_path;  // for messages
  std::string tag;
  bool read_only = false;
};

// Sets up a free loop device on the image. `before` is told the device's name before it is set up (again
// for each device that another process took first). Direct I/O where the image's filesystem can. The result
// was read back: backing, tag, size, ro flag. Errors: permission, not_found (no loop driver), exhausted
// (all in use), what `before` failed with; nothing is left then.
Result<LoopDevice> attach_loop(const LoopRequest& request,
                               const std::function<Status(const std::string& device)>& before);

// Lets the device reach all of its file, which has grown, and reads that back. Its users go on undisturbed.
// Gone, or by now another's: done. Errors: uncertain.
Status grow_loop(const LoopDevice& device, std::uint64_t size_bytes);

// The device, open: while it is held, its number cannot become another's. AUTOCLEAR, which somebody's
// `losetup -d` leaves on a device in use, is taken back: else the attachment goes with the next unmount.
// Errors: not_found (it is gone, or by now another's), uncertain (AUTOCLEAR could not be taken back).
Result<UniqueFd> hold_loop(const LoopDevice& device);

// Takes the device's file away from whoever has it open, and lets the device go with its last opener. What
// was written before reaches the file; nothing does after a return without error: the kernel then shows the
// device gone, or `cut_off`. Already so, or by now another's: done. Errors: conflict (it has partitions,
// whose writes are not checked against its size; nothing was changed), uncertain.
Status cut_off_loop(const LoopDevice& device);

// Takes the device down and returns only when the kernel does not show it any more. Already gone, or by now
// another's: done. Errors: busy (mounted or open; nothing was changed, AUTOCLEAR taken back), uncertain (it
// could not be taken back).
Status detach_loop(const LoopDevice& device);

}  // namespace extvold::host
