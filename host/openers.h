// Who uses a block device besides mounts. Blocking; used in helper processes only.
#pragma once

#include <sys/types.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "model/result.h"

namespace extvold::host {

struct OpenersView {
  std::map<dev_t, std::vector<std::string>> by_device;  // "mkfs.ext4 (pid 17)", "swap", "holder dm-0"
  bool all_seen = true;  // false: other processes' descriptors are hidden from us (no root, a pid namespace)
};

// Descriptors in /proc/*/fd, swap, and what the kernel has stacked on the device (dm, md). Helpers of this
// very program are left out: they open devices only to read what they are, and what they do to a volume is
// shown by that volume's lock.
OpenersView find_openers(const std::set<dev_t>& devices);

// Waits up to two seconds for openers to go: udev and the like look at a new device for a moment. busy:
// names one that stays.
Status wait_unopened(const std::string& device, dev_t number);

// O_EXCL: nobody has the device mounted (in any namespace) or claimed. Opens that claim nothing are not
// seen by this. Errors: busy.
Status check_unclaimed(const std::string& device);

}  // namespace extvold::host
