// What a host's fence names, and what the cluster's blocklist says of it. Pure functions, any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/fence.h"
#include "model/result.h"
#include "providers/rbd/ceph_output.h"
#include "providers/rbd/storage_address.h"

namespace extvold::providers::rbd {

// Errors: invalid.
Result<AddressRange> target_of(const FenceCall& call);

FenceResult failed_fence(const FenceCall& call, const Error& error, Instant sent_at, Instant now);

// Whether barring the target would bar more than a host: this machine, which could not look after the storage
// any more; or, of a range, a monitor or an OSD: then it is no range of one host. A single address may be
// that of an OSD: a host can be both, and its OSD goes on. Errors: invalid.
struct StoragePlaces {
  std::vector<AddressRange> own;
  std::vector<AddressRange> monitors;
  std::vector<AddressRange> osds;
};
Status check_barred(const AddressRange& target, const StoragePlaces& places);

// When the entry that a fence of that target makes ends; none: it does not stand. That is the whole address
// (port 0 and nonce 0), or the range as it is written; nothing that merely covers it or is covered by it.
std::optional<WallTime> entry_of(const Blocklist& list, const AddressRange& target);

// "; besides ...": the entries that have to do with the target and are not that of its fence. For people.
std::string others_of(const Blocklist& list, const AddressRange& target);

}  // namespace extvold::providers::rbd
