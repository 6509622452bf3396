// Volumes, pools, attachments and mounts as extvold records them. Plain values; one row of the ledger each.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/enum_text.h"
#include "model/ids.h"
#include "model/instant.h"

namespace extvold {

EXTVOLD_ENUM(
    AccessMode, rw, ro,
    shared)  // rw: single writer; ro: many readers; shared: the filesystem itself allows several writers
EXTVOLD_ENUM(Filesystem, none, ext4, xfs)
EXTVOLD_ENUM(HoldState, inherit, held,
             released)  // of a host or a volume: as the ledger's mode says, or overruled by an operator

// planned:  recorded, not made yet        available: the provider has it
// trashed:  `volume remove` was accepted; kept at the provider until purge_after
// removing: the purge is under way        removed: gone, the row stays for its name's history
// lost:     the provider has it with our tag, but no row explains it; shown, never touched
EXTVOLD_ENUM(VolumeState, planned, available, trashed, removing, removed, lost)

// Only a volume that this ledger made itself may ever be formatted.
EXTVOLD_ENUM(VolumeOrigin, created, adopted, cloned)
EXTVOLD_ENUM(FormatState, not_wanted, wanted, intended, formatted, refused)

struct PoolName {  // type~instance~pool
  ProviderName provider;
  std::string pool;
  auto operator<=>(const PoolName&) const = default;
};
std::string to_text(const PoolName& name);
std::optional<PoolName> pool_name_from_text(std::string_view text);

struct Pool {
  PoolName name;
  std::int64_t capacity_mb = 0;  // what the provider says; 0: it does not say
  std::int64_t free_mb = -1;     // -1: it does not say
  std::int64_t iops = 0;
  WallTime observed_at;
  bool operator==(const Pool&) const = default;
};

struct Volume {
  VolumeId id;
  std::string name;  // the operators'; unique among volumes that are not removed
  std::string
      key;  // "xv-" + 26 characters: the name at the provider and the key of its creation; never reused
  std::string provider_ref;  // the provider's own id; empty until known
  PoolName pool;
  std::int64_t size_mb = 0;  // asked for; after creation: granted
  std::int64_t wanted_size_mb =
      0;  // asked for by `volume resize`, more than size_mb; 0: none, or it is there
  std::int64_t iops = 0;
  Filesystem filesystem = Filesystem::none;
  AccessMode access = AccessMode::rw;
  std::string mount_point;  // where a host is to mount it; empty: it is only attached
  std::string profile;      // [profiles.NAME] of the configuration; empty: none
  VolumeOrigin origin = VolumeOrigin::created;
  VolumeState state = VolumeState::planned;
  FormatState format = FormatState::not_wanted;
  HoldState hold = HoldState::inherit;
  VolumeId source;                // --from
  Generation created_generation;  // (incarnation that made it, 1)
  WallTime created_at;
  WallTime purge_after;  // of a trashed volume
  bool operator==(const Volume&) const = default;
};

// One host at a time. Counts hosts, not tasks; a second read-only host is refused too (ext4 replays its
// journal), unless the volume itself is read-only for everybody.
constexpr bool is_single_writer(AccessMode mode) { return mode == AccessMode::rw; }

EXTVOLD_ENUM(AttachmentState, attaching, attached, detaching, detached, uncertain)
// extvold: our attach operation. found: the provider showed it and no operation of ours explains it.
EXTVOLD_ENUM(AttachmentOrigin, extvold, found)

// Volume V is (or was, or may be) reachable from host H. One row per (volume, host); `detached` only after a
// read-back.
struct Attachment {
  VolumeId volume;
  HostId host;
  AttachmentState state = AttachmentState::attaching;
  AttachmentOrigin origin = AttachmentOrigin::extvold;
  Generation generation;
  bool read_only = false;
  bool mounted = false;  // by our order, at the volume's mount_point
  std::string device;    // as the host names it
  std::string
      host_identity;  // the provider's name of the host, recorded when attaching; what a fence will name
  // Where a fence names something else than that: the addresses from which the host reached the storage when
  // it was attached, in the provider's spelling; empty: it does not, or nobody knew.
  std::string fence_addresses;
  std::string boot_id;     // of the host when attaching; empty: not known there, then never evidence
  bool read_back = false;  // state `detached`: a direct inspect sent after the call ended showed it gone
  WallTime changed_at;
  // The commit by which it was detached; 0: never was. What ran on the host before may still have it open.
  std::int64_t detached_sequence = 0;
  // Its host said that somebody uses it there when everybody was proven gone, and has not said since that
  // nobody does.
  bool unexplained_use = false;
  // In memory only: when it was read back that it is detached; 0: before this run. A host that was switched
  // off must have been so after that.
  MemoryOnly<Instant> gone_at;
  bool operator==(const Attachment&) const = default;
};

// A host says: V is mounted at P.
struct Mount {
  VolumeId volume;
  HostId host;
  std::string path;
  bool operator==(const Mount&) const = default;
};

}  // namespace extvold
