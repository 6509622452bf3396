// OperationCall and OperationResult: one operation as it is handed to a provider, and what came of it.
#pragma once

#include <string>

#include "model/ids.h"
#include "model/operation.h"
#include "model/storage.h"

namespace extvold {

struct OperationCall {
  Operation operation;
  std::string ledger_id;  // the tag to put on what is created
  Volume volume;
  std::string source_ref;     // create with --from: the source's provider id
  std::string host_name;      // attach, detach, format
  std::string host_identity;  // as recorded when attaching; empty for a first attach: the provider finds it
                              // out and returns it
  std::string device;         // as recorded when attaching (format, detach)
  bool read_only = false;     // attach
  Duration deadline = seconds(120);
};

struct OperationResult {
  OperationId id;
  OperationState state = OperationState::uncertain;  // done, failed or uncertain
  Outcome outcome = Outcome::none;                   // with done
  Error error;               // with failed and uncertain: the provider's own code and text, bounded
  std::string provider_ref;  // create
  std::int64_t granted_size_mb = 0;
  std::string host_identity;    // attach
  std::string fence_addresses;  // attach
  std::string device;           // attach
  std::string boot_id;          // attach, format; empty: not known
  bool mounted = false;         // attach: and mounted at the volume's mount_point
  bool format_refused =
      false;         // format: the device is not provably blank, and will not become so by trying again
  Instant ended_at;  // reply or deadline
};

}  // namespace extvold
