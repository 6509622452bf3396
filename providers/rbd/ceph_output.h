// What the programs of Ceph print (`--format json`), read. Pure functions over bytes of others, any thread: a
// text that is not wholly as expected is an error (Errc::corrupt), never half an answer. Fields that are not
// asked for are passed over: each release adds some.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/instant.h"
#include "model/result.h"
#include "providers/rbd/storage_address.h"

namespace extvold::providers::rbd {

// rbd ls
Result<std::vector<std::string>> parse_names(std::string_view text);

// rbd ls -l: without the rows of snapshots.
struct ImageRow {
  std::string name;
  std::string id;
  std::int64_t size_bytes = 0;
  bool operator==(const ImageRow&) const = default;
};
Result<std::vector<ImageRow>> parse_rows(std::string_view text);

// rbd info
struct ParentSnapshot {
  std::string pool;
  std::string image;
  std::string snapshot;
  bool operator==(const ParentSnapshot&) const = default;
};
struct ImageInfo {
  std::string name;
  std::string id;
  std::int64_t size_bytes = 0;
  std::int64_t snapshots = 0;
  std::optional<ParentSnapshot> parent;
  bool operator==(const ImageInfo&) const = default;
};
Result<ImageInfo> parse_info(std::string_view text);

// rbd status: who has the image open for writing. A list, or an object of such objects in older releases.
Result<std::vector<ClientAddress>> parse_watchers(std::string_view text);

// rbd snap ls
struct Snapshot {
  std::string name;
  bool is_protected = false;  // printed as the text "true"
  bool operator==(const Snapshot&) const = default;
};
Result<std::vector<Snapshot>> parse_snapshots(std::string_view text);

// rbd children: "pool/image" of each.
Result<std::vector<std::string>> parse_clones(std::string_view text);

// rados getomapval: "value (16 bytes) :" and a dump in hexadecimal.
Result<std::string> parse_omap_value(std::string_view text);
// The same of rbd_directory: the id of an image, behind its length in four bytes.
Result<std::string> parse_listed_id(std::string_view text);

// ceph df. All zeros while no manager runs.
struct PoolUse {
  std::string name;
  std::int64_t stored_bytes = 0;
  std::int64_t free_bytes = 0;  // after replication
  bool operator==(const PoolUse&) const = default;
};
Result<std::vector<PoolUse>> parse_df(std::string_view text);

// ceph mon dump
Result<std::vector<AddressRange>> parse_monitors(std::string_view text);

// ceph osd dump: what the monitors let no client write, and where the OSDs are.
struct BlockedClient {
  ClientAddress client;
  WallTime until;
};
struct BlockedRange {
  AddressRange range;
  WallTime until;
};
struct Blocklist {
  std::int64_t epoch = 0;
  std::vector<BlockedClient> clients;
  std::vector<BlockedRange> ranges;
  std::vector<AddressRange> osds;
};
Result<Blocklist> parse_osd_dump(std::string_view text);

// "2031-11-27T15:21:46.301499+0000"
std::optional<WallTime> wall_time_from_text(std::string_view text);

}  // namespace extvold::providers::rbd
