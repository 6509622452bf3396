// Storage: what REX-Ray can do, in the words that its two ways have in common: the libStorage API
// (libstorage.h) and the program (rexray_cli.h). RexrayProvider decides what is done, and reads it back.
//
// Loop thread only. Each call ends in exactly one callback, never from inside the call. Sizes are in GiB, as
// everywhere in REX-Ray. Volumes are named by the storage's own id.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/instant.h"
#include "model/result.h"

namespace extvold::providers::rexray {

struct StorageAttachment {
  std::string host;  // the instance id; empty: it is not told
  std::string device;
  bool operator==(const StorageAttachment&) const = default;
};

// attachmentState is not among it: it is relative to whoever asks. What it says of attachments that are not
// listed is among `attachments` (volume_answers.h).
struct StorageVolume {
  std::string id;
  std::string name;
  std::int64_t size_gb = 0;
  std::string type;
  std::string availability_zone;
  std::vector<StorageAttachment> attachments;  // of whatever status: `detaching` still has it. In order, once
  bool operator==(const StorageVolume&) const = default;
};

struct StorageList {
  std::vector<StorageVolume> volumes;
  std::string unreadable;  // why it is not whole; empty: it is
  bool operator==(const StorageList&) const = default;
};

struct NewVolume {
  std::string name;
  std::int64_t size_gb = 0;
  std::int64_t iops = 0;  // 0: not named
  std::string type;
  std::string availability_zone;
};

class Storage {
 public:
  virtual ~Storage() = default;

  // Looks change nothing; no error of theirs is Errc::uncertain.
  virtual void list(Duration deadline, std::function<void(Result<StorageList>)> done) = 0;
  // None: the storage says that it has no volume of this id. conflict: the id names others too.
  virtual void find(std::string id, Duration deadline,
                    std::function<void(Result<std::optional<StorageVolume>>)> done) = 0;

  // Changes. Success is only what was said, and proves nothing. Errc::uncertain: it may have happened, or may
  // still. not_found and conflict: it was refused because of what is there, which a look should confirm. Any
  // other code: nothing happened and nothing will.
  virtual void create(NewVolume volume, Duration deadline, std::function<void(Status)> done) = 0;
  virtual void attach(std::string id, std::string host, Duration deadline,
                      std::function<void(Status)> done) = 0;
  virtual void detach(std::string id, std::string host, Duration deadline,
                      std::function<void(Status)> done) = 0;
  // `name`: of the volume, which nothing but a lock is named after.
  virtual void remove(std::string id, Duration deadline, std::function<void(Status)> done) = 0;
};

// A look that failed changed nothing, however it failed.
inline Error look_error(Error error) {
  if (error.code == Errc::uncertain || error.code == Errc::exhausted) error.code = Errc::unavailable;
  return error;
}

}  // namespace extvold::providers::rexray
