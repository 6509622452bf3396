// local.observe: what is really there, from the disk and the kernel; attachments come from the loop
// devices, not from the records. Changes nothing. Whatever cannot be read makes the answer incomplete, with
// the reason, never shorter without one.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <ctime>
#include <map>
#include <set>

#include "host/mounts.h"
#include "host/openers.h"
#include "providers/local/site_loops.h"
#include "providers/local/verbs.h"
#include "providers/local/volume_files.h"

namespace extvold::providers::local {
namespace {

constexpr std::size_t kPathsMax = 16;  // of one device: a runaway mount table must not fill the ledger

using Identity = std::pair<dev_t, ino_t>;

struct Looking {
  Site site;
  ObserveAnswer answer;
  std::vector<VolumeRef> places;                // where the one that is asked for can be; a list: empty
  std::map<Identity, std::size_t> volume_of;    // index into answer.volumes
  std::map<std::string, std::int64_t> used_mb;  // by pool

  void incomplete(std::string why) {
    if (answer.complete) answer.why_incomplete = std::move(why);
    answer.complete = false;
  }
};

// A shared lock, tried and given back at once. A call that would begin just then finds the lock taken; the
// provider tries again.
TriState call_running(const Site& site, const VolumeRef& ref) {
  const host::UniqueFd fd(::open(site.lock_path(ref).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return errno == ENOENT ? TriState::no : TriState::unknown;
  if (::flock(fd.get(), LOCK_SH | LOCK_NB) == 0) return TriState::no;
  return errno == EWOULDBLOCK ? TriState::yes : TriState::unknown;
}

void add(Looking& look, ObservedVolume volume, const struct stat* image) {
  if (image != nullptr) look.volume_of[{image->st_dev, image->st_ino}] = look.answer.volumes.size();
  look.answer.volumes.push_back(std::move(volume));
}

void look_at_own(Looking& look, const VolumeRef& ref, const Sidecar& sidecar) {
  ObservedVolume volume;
  volume.key = sidecar.key;
  volume.provider_ref = to_text(ref);
  volume.ledger_id = sidecar.ledger_id;
  volume.pool = ref.pool;
  volume.size_mb = sidecar.size_mb;
  volume.call_running = call_running(look.site, ref);
  look.used_mb[ref.pool] += sidecar.size_mb;
  struct stat st {};
  const std::string path = look.site.image_path(ref);
  const bool there = ::lstat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode);
  switch (sidecar.state) {
    case SidecarState::creating:  // no volume yet; shown only while somebody works on it, so that nobody
                                  // thinks otherwise
      if (volume.call_running != TriState::no) add(look, std::move(volume), nullptr);
      return;
    case SidecarState::removing:
      add(look, std::move(volume), there ? &st : nullptr);
      return;
    case SidecarState::available:
      break;
  }
  if (!there) {
    look.incomplete(fmt::format(
        "{}: missing, although its sidecar {} is there (bring the image back, or remove the sidecar)", path,
        look.site.sidecar_path(ref)));
    return;
  }
  volume.size_mb = std::min<std::int64_t>(st.st_size >> 20U, sidecar.size_mb);  // more: a resize is under way
  add(look, std::move(volume), &st);
}

void look_at_foreign(Looking& look, const VolumeRef& ref) {
  struct stat st {};
  if (::lstat(look.site.image_path(ref).c_str(), &st) != 0 || !S_ISREG(st.st_mode)) return;
  ObservedVolume volume;
  // JSON would replace what is not UTF-8, and two names could become one; what is escaped cannot be adopted.
  volume.key = volume.provider_ref = ref.pool + "/" + host::printable_name(ref.file);
  volume.pool = ref.pool;
  volume.size_mb = st.st_size >> 20U;
  volume.call_running = call_running(look.site, ref);
  add(look, std::move(volume), &st);
}

// An image of ours whose sidecar was lost: whose it is, what it was made as and its key are not known any
// more. It must not look like no volume.
void miss_sidecar(Looking& look, const VolumeRef& ref) {
  look.incomplete(fmt::format("{}: its sidecar {} is missing (bring it back, or move the image away)",
                              look.site.image_path(ref), look.site.sidecar_path(ref)));
}

// One file of a pool's folder. A sidecar stands for its image.
void look_at_file(Looking& look, const std::string& pool, const std::string& name,
                  const std::set<std::string>& names) {
  const VolumeRef ref{pool, name};
  const std::string key = key_of(ref);
  if (!key.empty() && names.contains(key + ".json")) return;  // its sidecar's turn
  if (is_made_key(key)) miss_sidecar(look, ref);
  if (!name.ends_with(".json")) return look_at_foreign(look, ref);
  const VolumeRef own = own_ref(pool, name.substr(0, name.size() - 5));
  Result<std::optional<Sidecar>> sidecar = read_sidecar(look.site, own);
  if (!sidecar)
    return look.incomplete(
        fmt::format("{} (repair it, or move it and its image away)", sidecar.error().message));
  if (*sidecar) look_at_own(look, own, **sidecar);
}

void look_at_pool(Looking& look, const LocalPool& pool) {
  const std::string folder = look.site.root + "/" + pool.name;
  const Result<std::vector<std::string>> names = host::list_folder(folder);
  if (!names) {
    return look.incomplete(fmt::format("pool {}: {} (make the folder, or mount its disk there)", pool.name,
                                       names.error().message));
  }
  const std::set<std::string> set(names->begin(), names->end());
  for (const std::string& name : *names) look_at_file(look, pool.name, name, set);
}

// A bare key may be in any pool; "pool/file" names a file.
std::vector<VolumeRef> places_of(const Looking& look, const std::string& name) {
  std::vector<VolumeRef> places;
  if (name.find('/') == std::string::npos) {
    for (const LocalPool& pool : look.site.pools) places.push_back(own_ref(pool.name, name));
  } else if (const std::optional<VolumeRef> ref = volume_ref_from_text(name)) {
    places.push_back(*ref);
  }
  return places;
}

void look_at_place(Looking& look, const VolumeRef& ref, bool own_only) {
  look.places.push_back(ref);
  const std::string folder = look.site.root + "/" + ref.pool;
  struct stat st {};
  if (::stat(folder.c_str(), &st) != 0 || !S_ISDIR(st.st_mode)) {
    return look.incomplete(
        fmt::format("pool {}: no folder {} (make it, or mount its disk there)", ref.pool, folder));
  }
  const std::size_t before = look.answer.volumes.size();
  const Result<std::optional<Sidecar>> sidecar = read_sidecar(look.site, ref);
  if (!sidecar)
    return look.incomplete(
        fmt::format("{} (repair it, or move it and its image away)", sidecar.error().message));
  if (*sidecar)
    look_at_own(look, ref, **sidecar);
  else if (!own_only)
    look_at_foreign(look, ref);
  else if (::lstat(look.site.image_path(ref).c_str(), &st) == 0)
    miss_sidecar(look, ref);
  // A call that has not written its sidecar yet, or has just removed it: too early to say that there is no
  // volume.
  if (look.answer.volumes.size() == before && call_running(look.site, ref) != TriState::no) {
    look.incomplete(fmt::format("volume {}: a call for it is still at work", to_text(ref)));
  }
}

void look_at_one(Looking& look, const std::string& name) {
  const std::vector<VolumeRef> places = places_of(look, name);
  if (places.empty())
    look.incomplete(fmt::format("\"{}\": not a volume of the local provider (KEY or pool/file)", name));
  for (const VolumeRef& ref : places) look_at_place(look, ref, name.find('/') == std::string::npos);
}

void look_at_hosts(Looking& look) {
  const Result<std::vector<std::string>> hosts = list_hosts(look.site);
  if (!hosts) return look.incomplete(hosts.error().message);
  for (const std::string& host : *hosts) {
    const Result<std::string> boot_id = read_boot_id(look.site, host);
    if (!boot_id) look.incomplete(boot_id.error().message);
    look.answer.hosts.push_back(ObservedHost{host, boot_id.value_or(""), TriState::unknown});
  }
}

void look_at_pools(Looking& look) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  for (const LocalPool& one : look.site.pools) {
    struct statvfs st {};
    if (::statvfs((look.site.root + "/" + one.name).c_str(), &st) != 0)
      continue;  // look_at_pool has told why
    const auto mb = [&st](fsblkcnt_t blocks) {
      return static_cast<std::int64_t>((blocks * st.f_frsize) >> 20U);
    };
    Pool pool;
    pool.name.pool = one.name;
    pool.capacity_mb = one.capacity_mb != 0 ? one.capacity_mb : mb(st.f_blocks);
    pool.free_mb = mb(st.f_bavail);
    if (one.capacity_mb != 0) {
      pool.free_mb = std::clamp<std::int64_t>(one.capacity_mb - look.used_mb[one.name], 0, pool.free_mb);
    }
    pool.observed_at.ns = std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
    look.answer.pools.push_back(std::move(pool));
  }
}

std::string host_of(const Looking& look, const host::LoopDevice& loop, const std::string& ref) {
  const std::optional<VolumeRef> place = volume_ref_from_text(ref);
  if (!place) return {};  // no name that we would attach
  for (const ObservedHost& host : look.answer.hosts) {
    if (loop.tag == look.site.tag(host.host_identity, *place)) return host.host_identity;
  }
  return {};  // somebody's own losetup, or a host whose folder was removed
}

// The listed volume that this device is of, as an index.
std::optional<std::size_t> volume_of(const Looking& look, const host::LoopDevice& loop) {
  const auto by_image = look.volume_of.find({loop.backing.device, loop.backing.inode});
  if (by_image != look.volume_of.end()) return by_image->second;
  if (!loop.tag.starts_with(look.site.tag())) return std::nullopt;
  for (std::size_t i = 0; i < look.answer.volumes.size(); ++i) {  // its image was replaced or deleted
    const std::optional<VolumeRef> ref = volume_ref_from_text(look.answer.volumes[i].provider_ref);
    if (ref && loop.tag.starts_with(look.site.tag(*ref))) return i;
  }
  return std::nullopt;
}

// Of a device that is of no listed volume: should it be? Its image or sidecar may be gone, or another
// filesystem may be mounted over the pool; it is attached all the same, perhaps mounted and written to.
bool is_missed(const Looking& look, const host::LoopDevice& loop) {
  const auto stands_on =
      [&](const VolumeRef& ref) {  // a tag that cannot be read further, but a path that can
        return loop.tag.starts_with(host::kLoopTagPrefix) &&
               loop.backing_path.starts_with(look.site.image_path(ref));
      };
  if (look.places.empty()) {
    return loop.tag.starts_with(look.site.tag()) || (loop.tag.starts_with(host::kLoopTagPrefix) &&
                                                     loop.backing_path.starts_with(look.site.root + "/"));
  }
  return std::any_of(look.places.begin(), look.places.end(), [&](const VolumeRef& ref) {
    return loop.tag.starts_with(look.site.tag(ref)) || stands_on(ref);
  });
}

// The boot in which this device was attached, as the attach noted it beside the device.
std::string boot_of(const Looking& look, const std::string& host, const host::LoopDevice& loop,
                    const std::string& ref) {
  const std::optional<VolumeRef> volume = volume_ref_from_text(ref);
  if (host.empty() || !volume) return {};
  const Result<std::optional<AttachmentRecord>> record = read_record(look.site, host, *volume);
  return record && *record && (*record)->device == loop.path ? (*record)->boot_id : std::string();
}

// The loop devices on our images. `by_volume` says of which volume each is.
std::vector<host::LoopDevice> our_loops(Looking& look, std::vector<std::size_t>& by_volume) {
  std::vector<host::LoopDevice> ours;
  Result<std::vector<host::LoopDevice>> all = list_loops(look.site);
  if (!all) {
    look.incomplete(all.error().message);
    return ours;
  }
  for (host::LoopDevice& loop : *all) {
    if (loop.cut_off) continue;  // nobody reaches a volume by it
    if (const std::optional<std::size_t> volume = volume_of(look, loop)) {
      by_volume.push_back(*volume);
      ours.push_back(std::move(loop));
    } else if (is_missed(look, loop)) {
      look.incomplete(fmt::format(
          "{}: is attached, but its volume is not found; it stands on {} (bring image and sidecar back, or "
          "unmount what covers the pool)",
          loop.path, loop.backing_path));
    }
  }
  return ours;
}

void look_at_loops(Looking& look) {
  std::vector<std::size_t> by_volume;
  const std::vector<host::LoopDevice> loops = our_loops(look, by_volume);
  std::set<dev_t> numbers;
  std::set<std::string> paths;
  for (const host::LoopDevice& loop : loops) {
    numbers.insert(loop.number);
    paths.insert(loop.path);
  }
  if (loops.empty()) return;
  const Result<host::MountView> mounts = host::find_mounts(numbers, paths);
  if (!mounts) look.incomplete(mounts.error().message);
  const host::OpenersView openers = host::find_openers(numbers);
  for (std::size_t i = 0; i < loops.size(); ++i) {
    const host::LoopDevice& loop = loops[i];
    ObservedVolume& volume = look.answer.volumes[by_volume[i]];
    ObservedAttachment attachment;
    attachment.host_identity = host_of(look, loop, volume.provider_ref);
    attachment.device = loop.path;
    attachment.boot_id = boot_of(look, attachment.host_identity, loop, volume.provider_ref);
    attachment.read_only = loop.read_only;
    attachment.open = openers.by_device.contains(loop.number) ? TriState::yes
                      : openers.all_seen                      ? TriState::no
                                                              : TriState::unknown;
    if (mounts) {
      attachment.mounted = mounts->all_seen ? TriState::no : TriState::unknown;
      for (const host::MountEntry& entry : mounts->entries) {
        if (entry.device != loop.number && entry.source != loop.path) continue;
        attachment.mounted = TriState::yes;
        auto& list = attachment.mount_paths;
        if (list.size() < kPathsMax && std::find(list.begin(), list.end(), entry.target) == list.end())
          list.push_back(entry.target);
      }
    }
    volume.attachments.push_back(std::move(attachment));
  }
}

// What is not attached any more is a device that reaches nothing, or is none (cut_off): nobody can write by
// it, whatever has it open.
TriState use_of(const ObserveAnswer& answer, const std::string& host) {
  TriState out = TriState::no;
  for (const ObservedVolume& volume : answer.volumes) {
    for (const ObservedAttachment& one : volume.attachments) {
      if (!one.host_identity.empty() && one.host_identity != host) continue;
      const TriState used = use_of(one.mounted, one.open);
      if (used == TriState::yes && !one.host_identity.empty()) return TriState::yes;
      if (used != TriState::no) out = TriState::unknown;  // perhaps here
    }
  }
  return out;
}

// One key in two pools, or a name that sorts equal: which one is meant, nobody knows.
void put_in_order(Looking& look) {
  auto& volumes = look.answer.volumes;
  std::sort(volumes.begin(), volumes.end(),
            [](const ObservedVolume& a, const ObservedVolume& b) { return a.key < b.key; });
  for (std::size_t i = 1; i < volumes.size(); ++i) {
    if (volumes[i].key != volumes[i - 1].key) continue;
    look.incomplete(fmt::format("volume {}: exists as {} and as {}; move one away", volumes[i].key,
                                volumes[i - 1].provider_ref, volumes[i].provider_ref));
  }
  const auto same = [](const ObservedVolume& a, const ObservedVolume& b) { return a.key == b.key; };
  volumes.erase(std::unique(volumes.begin(), volumes.end(), same), volumes.end());
}

}  // namespace

ObserveAnswer observe_volumes(const HelperRequest& request) {
  Looking look;
  look.answer.complete = true;
  Result<Site> site = open_site(request.root, request.hosts_dir, request.pools);
  if (!site) {
    look.incomplete(site.error().message);
    return look.answer;
  }
  look.site = *std::move(site);
  look_at_hosts(look);
  if (request.ref.empty()) {
    for (const LocalPool& pool : look.site.pools) look_at_pool(look, pool);
    look_at_pools(look);
  } else {
    look_at_one(look, request.ref);
  }
  look_at_loops(look);
  if (look.answer.complete) {
    for (ObservedHost& host : look.answer.hosts) host.in_use = use_of(look.answer, host.host_identity);
  }
  put_in_order(look);
  return look.answer;
}

}  // namespace extvold::providers::local
