// What the `local` provider keeps on disk, and nothing else: paths, and the small files as values.
//
//   <root>/<pool>/<key>.img              the volume
//   <root>/<pool>/<key>.json             its sidecar: whose it is and what it was made as
//   <root>/.lock-<pool>~<file>           flock: held while a call is at work, also after the daemon died
//   <root>/.fences-<pool>~<file>         who is barred from the volume; none: nobody
//   <hosts_dir>/<host>/                  a host; made by the operator, the name is its identity
//   <hosts_dir>/<host>/boot_id           optional: makes this host tell its boot id ("a node side")
//   <hosts_dir>/<host>/attachments/<pool>~<file>.json
//   <hosts_dir>/<host>/mnt/<mount point>
//
// Pure but for open_site() and read_*(): used by the helper, and by the provider for names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/result.h"
#include "model/storage.h"
#include "providers/local/local_config.h"

namespace extvold::providers::local {

inline constexpr std::int64_t kSizeMbMax = std::int64_t{1} << 40U;

// Where a volume's image is: "pool/file". What the ledger calls provider_ref.
struct VolumeRef {
  std::string pool;
  std::string file;
  auto operator<=>(const VolumeRef&) const = default;
};
std::string to_text(const VolumeRef& ref);
// "pool/file" of plain names; nullopt for anything else.
std::optional<VolumeRef> volume_ref_from_text(std::string_view text);
// The image of a volume that extvold made.
VolumeRef own_ref(std::string_view pool, std::string_view key);
// The key of a volume that extvold made ("xv-1" of "xv-1.img"), or empty.
std::string key_of(const VolumeRef& ref);
// True of what a ledger makes ("xv-" and 26 characters of base32) and nobody else would.
bool is_made_key(std::string_view key);

// Of a pool: 1 to 64 letters, digits, '.', '_' and '-', not beginning with a dot. Checked where the
// configuration is read and wherever a name comes from outside.
bool is_plain_pool_name(std::string_view name);

// creating: the image is not whole (a crash: the next create of this key makes it anew). removing: it is on
// its way out.
EXTVOLD_ENUM(SidecarState, creating, available, removing)
// intended: mkfs was about to start once.
EXTVOLD_ENUM(SidecarFormat, never, intended, finished)

struct Sidecar {
  std::string key;
  std::string ledger_id;
  SidecarState state = SidecarState::creating;
  std::int64_t size_mb = 0;
  std::int64_t iops = 0;
  Filesystem filesystem = Filesystem::none;
  SidecarFormat format = SidecarFormat::never;
  std::string source;  // provider_ref of the volume that it was cloned from
  bool operator==(const Sidecar&) const = default;
};
std::string sidecar_text(const Sidecar& sidecar);
Result<Sidecar> parse_sidecar(std::string_view text);

EXTVOLD_ENUM(RecordState, attaching, attached)

// An attachment, written before the loop device exists (attaching) and again before the attach counts as
// done (attached). After a reboot of the machine the loop devices are gone and records remain: a record
// without its loop device is stale, says nothing, and goes at the next attach or detach.
struct AttachmentRecord {
  std::string volume;  // provider_ref
  RecordState state = RecordState::attaching;
  std::string device;              // /dev/loop7
  std::uint64_t image_device = 0;  // stat of the image
  std::uint64_t image_inode = 0;
  Generation generation;
  bool read_only = false;
  std::string mount_point;      // below mnt/; written before the mount is made. Empty: we mounted nothing
  std::string boot_id;          // the host's, when attaching; empty: it does not tell
  std::string machine_boot_id;  // the kernel's
  bool operator==(const AttachmentRecord&) const = default;
};
std::string record_text(const AttachmentRecord& record);
Result<AttachmentRecord> parse_record(std::string_view text);

// One fence of a volume: this host gets it attached by nobody as long as this stands. It lies beside the
// volume, not in the host's folder, so that it holds for a host whose folder is gone or comes back empty. It
// is written under the volume's lock, as a loop device is made: an attach that comes later finds it, whatever
// it had asked or been told before.
struct FenceMark {
  std::string host;
  Generation attachment;  // of the attachment that was fenced
  std::string key;        // of the fence
  bool operator==(const FenceMark&) const = default;
};
struct FenceMarks {
  std::string volume;  // provider_ref
  std::vector<FenceMark> marks;
  bool operator==(const FenceMarks&) const = default;
};
std::string marks_text(const FenceMarks& marks);
Result<FenceMarks> parse_marks(std::string_view text);

// The kernel's; empty: it does not tell.
std::string machine_boot_id();

// The configured folders with symlinks resolved, as the kernel's mount table spells them.
struct Site {
  std::string root;
  std::string hosts_dir;
  std::vector<LocalPool> pools;

  std::string image_path(const VolumeRef& ref) const {
    return fmt::format("{}/{}/{}", root, ref.pool, ref.file);
  }
  std::string sidecar_path(const VolumeRef& ref) const;
  std::string host_path(std::string_view host) const { return fmt::format("{}/{}", hosts_dir, host); }
  std::string records_folder(std::string_view host) const {
    return fmt::format("{}/{}/attachments", hosts_dir, host);
  }
  std::string record_path(std::string_view host, const VolumeRef& ref) const;
  std::string mount_anchor(std::string_view host) const { return fmt::format("{}/{}/mnt", hosts_dir, host); }
  std::string lock_path(const VolumeRef& ref) const;
  std::string marks_path(const VolumeRef& ref) const;
  // What our loop devices are told by (host/loop.h). The root is in it: two providers may each have a pool
  // "disk" with a file "data.img" and a host "a1".
  std::string tag() const;                      // how each begins
  std::string tag(const VolumeRef& ref) const;  // how those of one volume begin
  std::string tag(std::string_view host, const VolumeRef& ref) const;
};
std::string lock_path(std::string_view root, const VolumeRef& ref);

// Both folders must exist. not_found says which to make.
Result<Site> open_site(const std::string& root, const std::string& hosts_dir, std::vector<LocalPool> pools);

// nullopt: there is none. Errors name the file.
Result<std::optional<Sidecar>> read_sidecar(const Site& site, const VolumeRef& ref);
Result<std::optional<AttachmentRecord>> read_record(const Site& site, std::string_view host,
                                                    const VolumeRef& ref);
// Nobody is barred: empty.
Result<FenceMarks> read_marks(const Site& site, const VolumeRef& ref);
// Empty: this host has no boot_id file.
Result<std::string> read_boot_id(const Site& site, std::string_view host);

}  // namespace extvold::providers::local
