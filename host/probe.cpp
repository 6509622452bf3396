#include "host/probe.h"

#include <blkid/blkid.h>

#include <algorithm>
#include <array>
#include <memory>
#include <set>
#include <vector>

#include "host/files.h"

namespace extvold::host {
namespace {

constexpr std::uint64_t kMiB = 1U << 20U;
constexpr std::uint64_t kWindow = 4096;
constexpr std::uint64_t kSamples = 64;

struct FreeProbe {
  void operator()(blkid_struct_probe* probe) const { blkid_free_probe(probe); }
};

std::string value_of(blkid_probe probe, const char* name) {
  const char* data = nullptr;
  std::size_t size = 0;
  if (blkid_probe_lookup_value(probe, name, &data, &size) != 0 || size == 0) return {};
  return std::string(data, size - 1);  // the size counts the terminating zero
}

// ext4: s_state at byte 58 of the superblock at 1024, bit 0 EXT2_VALID_FS, which mke2fs writes last. xfs:
// sb_inprogress, byte 126, which mkfs.xfs clears last.
bool is_finished(int fd, const std::string& path, const std::string& type) {
  char byte = 0;
  if (type == "ext4") {
    return read_exactly(fd, &byte, 1, 1024 + 58, path) && (static_cast<unsigned char>(byte) & 1U) != 0;
  }
  if (type == "xfs") return read_exactly(fd, &byte, 1, 126, path) && byte == 0;
  return false;
}

Status check_zero(int fd, const std::string& path, std::uint64_t begin, std::uint64_t end) {
  static const std::vector<char> zeros(kMiB, '\0');
  std::vector<char> buffer(kMiB);
  while (begin < end) {
    const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(end - begin, buffer.size()));
    TRY(read_exactly(fd, buffer.data(), size, static_cast<off_t>(begin), path));
    if (!std::equal(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size), zeros.begin())) {
      return fail(Errc::conflict, "{}: holds data between byte {} and {}", path, begin, begin + size);
    }
    begin += size;
  }
  return {};
}

// Where copies of superblocks stand although the first one was wiped.
std::set<std::uint64_t> telltale_offsets(std::uint64_t size) {
  std::set<std::uint64_t> offsets;
  for (const std::uint64_t block :
       {1024U, 2048U, 4096U, 65536U}) {  // ext4: groups of 8 blocks a bitmap byte, sparse_super
    const std::uint64_t group = block * 8 * block;
    const std::uint64_t first = block == 1024 ? 1024 : 0;
    for (const std::uint64_t n : {1U, 2U, 3U, 5U, 7U, 9U, 25U, 27U, 49U, 81U, 125U, 243U, 343U})
      offsets.insert(n * group + first);
  }
  offsets.insert(64 * kMiB);          // btrfs mirror 1
  offsets.insert(256 * 1024 * kMiB);  // btrfs mirror 2
  for (std::uint64_t n = 1; n < kSamples;
       ++n) {  // xfs: allocation groups are 1/4, 1/8, 1/16... of the device, in blocks of 4096
    const std::uint64_t at = size / kSamples * n;
    offsets.insert(at / 4096 * 4096);
    offsets.insert((at + 4095) / 4096 * 4096);
  }
  return offsets;
}

}  // namespace

Result<std::optional<Signature>> identify(int fd, const std::string& path) {
  const std::unique_ptr<blkid_struct_probe, FreeProbe> probe(blkid_new_probe());
  if (probe == nullptr || blkid_probe_set_device(probe.get(), fd, 0, 0) != 0) {
    return fail(Errc::unavailable, "{}: libblkid cannot read it", path);
  }
  blkid_probe_enable_superblocks(probe.get(), 1);
  blkid_probe_set_superblocks_flags(probe.get(), BLKID_SUBLKS_LABEL | BLKID_SUBLKS_UUID | BLKID_SUBLKS_TYPE |
                                                     BLKID_SUBLKS_USAGE | BLKID_SUBLKS_MAGIC |
                                                     BLKID_SUBLKS_BADCSUM);
  blkid_probe_enable_partitions(probe.get(), 1);
  blkid_probe_set_partitions_flags(probe.get(), BLKID_PARTS_FORCE_GPT | BLKID_PARTS_MAGIC);
  const int rc = blkid_do_safeprobe(probe.get());
  if (rc == 1) return std::optional<Signature>();
  if (rc == -2)
    return fail(Errc::conflict, "{}: holds several signatures that contradict each other (see: wipefs {})",
                path, path);
  if (rc != 0) return fail(Errc::unavailable, "{}: libblkid could not read it whole", path);
  Signature found;
  found.type = value_of(probe.get(), "TYPE");
  found.uuid = value_of(probe.get(), "UUID");
  found.label = value_of(probe.get(), "LABEL");
  const std::string table = value_of(probe.get(), "PTTYPE");
  if (!table.empty()) {
    found.partition_table = true;
    if (found.type.empty()) found.type = table;
  }
  if (found.type.empty()) found.type = "unknown";
  found.finished = !found.partition_table && is_finished(fd, path, found.type);
  return std::optional<Signature>(std::move(found));
}

Status check_blank(int fd, const std::string& path, std::uint64_t size_bytes) {
  if (size_bytes == 0) return fail(Errc::unavailable, "{}: has no size", path);
  ASSIGN(const std::optional<Signature> found, identify(fd, path));
  if (found) {
    return fail(Errc::conflict, "{}: holds {} {}{}{}", path,
                found->partition_table ? "a partition table" : "a signature of", found->type,
                found->uuid.empty() ? "" : ", UUID ", found->uuid);
  }
  TRY(check_zero(fd, path, 0, std::min(kMiB, size_bytes)));
  TRY(check_zero(fd, path, size_bytes - std::min(kMiB, size_bytes), size_bytes));
  for (const std::uint64_t offset : telltale_offsets(size_bytes)) {
    if (offset >= size_bytes) continue;
    TRY(check_zero(fd, path, offset, std::min(offset + kWindow, size_bytes)));
  }
  return {};
}

Status check_blank_image(int fd, const std::string& path, std::uint64_t size_bytes) {
  off_t at = 0;
  const off_t end = static_cast<off_t>(size_bytes);
  while (at < end) {
    const off_t data = ::lseek(fd, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO)
      return {};  // only holes (or space that was reserved and never written) from here on
    if (data < 0) return fail_errno(fmt::format("{}: SEEK_DATA", path));
    const off_t hole = ::lseek(fd, data, SEEK_HOLE);
    if (hole < 0) return fail_errno(fmt::format("{}: SEEK_HOLE", path));
    TRY(check_zero(fd, path, static_cast<std::uint64_t>(data),
                   static_cast<std::uint64_t>(std::min(hole, end))));
    at = hole;
  }
  return {};
}

}  // namespace extvold::host
