// What a host's fence names, and what the cluster's blocklist says of it. Pure functions, any thread.
#pragma once

#include <array>
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

// Ceph does not renew an entry: to add one that stands changes nothing, also not when it ends. So a fence has
// two forms, which bar the same clients: the address, or the range as it is written; and the same as a range
// of one address, or as its two halves. Each is lengthened while the other one stands, so that none is ever
// missing.
struct BarForm {
  bool is_address = false;  // an entry of that kind (port 0 and nonce 0); else ranges
  std::vector<AddressRange> parts;
};
std::array<BarForm, 2> forms_of(const AddressRange& target);

// When a form ends: its first part. None: not all of it stands.
std::optional<WallTime> end_of(const Blocklist& list, const BarForm& form);
// The parts of it that stand.
std::vector<AddressRange> standing_of(const Blocklist& list, const BarForm& form);

// When the fence of that target ends; none: it does not stand.
std::optional<WallTime> fence_end(const Blocklist& list, const AddressRange& target);

// "; besides ...": the entries that have to do with the target and are none of its fence. For people.
std::string others_of(const Blocklist& list, const AddressRange& target);

}  // namespace extvold::providers::rbd
