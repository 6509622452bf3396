// Making a filesystem, and the guard around it. mkfs runs only on
// what is proven blank, is the right size, is the right device, and is used by nobody. Blocking; used in
// helper processes only.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "model/result.h"
#include "model/storage.h"

namespace extvold::host {

// UUID and label follow from the volume's key, so that a filesystem whose making was not reported can be
// recognised as ours.
std::string filesystem_uuid(std::string_view key);
std::string filesystem_label(std::string_view key,
                             Filesystem filesystem);  // 16 characters for ext4, 12 for xfs

// The smallest volume that mkfs accepts (mkfs.xfs 6 refuses less than 300 MB; ext4 below 8 MB gets no
// journal).
std::int64_t filesystem_min_mb(Filesystem filesystem);

// /usr/sbin/mkfs.ext4 and its like, from a fixed list of folders, never from PATH. not_found names the
// Debian package.
Result<std::string> find_mkfs(Filesystem filesystem);

struct FormatRequest {
  std::string device;            // /dev/loop7
  std::uint64_t size_bytes = 0;  // what the ledger says; must be the device's, to the byte
  Filesystem filesystem = Filesystem::ext4;
  std::string key;
  int image = -1;  // if the device is a file's: that file, to be proven blank too
  bool formatted_before =
      false;  // a record says that mkfs of this volume was finished once: then never again
  std::function<Status()> before_mkfs;  // the intent becomes durable
};

enum class FormatOutcome { formatted, already, refused };

struct FormatVerdict {
  FormatOutcome outcome = FormatOutcome::refused;
  std::string reason;  // of a refusal
};

// Errors: busy (mounted or open), not_found (no mkfs), uncertain (mkfs began and failed). A refusal is a
// value: it will not become an acceptance by trying again.
Result<FormatVerdict> format_device(const FormatRequest& request);

}  // namespace extvold::host
