#include "providers/local/site_loops.h"

#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>

#include "host/mounts.h"
#include "providers/local/volume_files.h"

namespace extvold::providers::local {
namespace {

// Read when the first device is met: there is none on most machines.
class Asking {
 public:
  explicit Asking(const Site& site) : site_(site) {}

  bool asks(const std::string& device, const std::string& backing_path) {
    if (!mounts_) mounts_ = host::own_mounts();
    if (!*mounts_) return true;
    const host::MountEntry* mount = host::mount_of(**mounts_, backing_path);
    if (mount == nullptr || !host::may_never_answer(*mount)) return true;
    return may_be_a_pools(mount->device) || may_be_recorded(device);
  }

  // Of one that could not be asked.
  bool may_be_ours(const host::LoopDevice& device) {
    return device.backing_path.starts_with(site_.root + "/") || may_be_recorded(device.path);
  }

 private:
  // A pool that does not tell on which filesystem it is may be on any.
  bool may_be_a_pools(dev_t filesystem) const {
    return std::any_of(site_.pools.begin(), site_.pools.end(), [&](const LocalPool& pool) {
      struct stat st {};
      return ::stat((site_.root + "/" + pool.name).c_str(), &st) != 0 || st.st_dev == filesystem;
    });
  }

  // Records that cannot be read may name any device.
  bool may_be_recorded(const std::string& device) {
    if (!recorded_) recorded_ = recorded_devices();
    return !*recorded_ || (*recorded_)->contains(device);
  }

  Result<std::set<std::string>> recorded_devices() const {
    std::set<std::string> devices;
    const std::string boot_id = machine_boot_id();
    ASSIGN(const std::vector<std::string> hosts, list_hosts(site_));
    for (const std::string& name : hosts) {
      const std::string folder = site_.records_folder(name);
      const Result<std::vector<std::string>> records = host::list_folder(folder);
      if (!records && records.error().code == Errc::not_found) continue;
      if (!records) return tl::make_unexpected(records.error());
      for (const std::string& file : *records) {
        ASSIGN(const std::string text, host::read_file(folder + "/" + file));
        ASSIGN(const AttachmentRecord record, parse_record(text));
        if (record.machine_boot_id == boot_id || record.machine_boot_id.empty())
          devices.insert(record.device);
      }
    }
    return devices;
  }

  const Site& site_;
  std::optional<Result<std::vector<host::MountEntry>>> mounts_;
  std::optional<Result<std::set<std::string>>> recorded_;
};

}  // namespace

Result<std::vector<host::LoopDevice>> list_loops(const Site& site) {
  Asking asking(site);
  ASSIGN(std::vector<host::LoopDevice> loops,
         host::list_loops([&asking](const std::string& device, const std::string& backing_path) {
           return asking.asks(device, backing_path);
         }));
  for (const host::LoopDevice& loop : loops) {
    if (loop.unknown && asking.may_be_ours(loop)) return tl::make_unexpected(*loop.unknown);
  }
  std::erase_if(loops, [](const host::LoopDevice& loop) { return loop.unknown.has_value(); });
  return loops;
}

}  // namespace extvold::providers::local
