// What stands on a block device. mkfs asks nobody (without a terminal mkfs.ext4 overwrites whatever it
// finds), and `blkid -p` exits with the same status for a blank device and for one that is not there; so
// blank is only what was read whole and found empty.
//
// Blocking; used in helper processes only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "model/result.h"

namespace extvold::host {

struct Signature {
  std::string type;  // "ext4", "xfs", "crypto_LUKS", "gpt", ...
  std::string uuid;
  std::string label;
  bool partition_table = false;
  // ext4, xfs: its making was finished (ext4 marks its superblock valid last, xfs clears `inprogress`
  // last). Else false.
  bool finished = false;
};

// libblkid with all its superblocks (bad checksums count as found) and partition tables. nullopt: it knows
// nothing of what is there, which is not "blank". Errors: conflict (several signatures that contradict each
// other), unavailable (it cannot be read).
Result<std::optional<Signature>> identify(int fd, const std::string& path);

// Ok only if the device is provably blank: libblkid finds nothing; the first and last MiB, every place
// where ext4 keeps a copy of its superblock, btrfs its mirrors, xfs its allocation groups, and samples in
// between were read and are zero. Errors: conflict (something is there: what, and where), others (it could
// not be read whole: then nobody knows).
Status check_blank(int fd, const std::string& path, std::uint64_t size_bytes);

// The same of a volume that is a file: every byte that the file has ever been given is read and zero.
Status check_blank_image(int fd, const std::string& path, std::uint64_t size_bytes);

}  // namespace extvold::host
