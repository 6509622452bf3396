#include "providers/local/layout.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>

#include "host/files.h"
#include "host/loop.h"
#include "model/ids.h"
#include "providers/json_fields.h"

namespace extvold::providers::local {
namespace {

using nlohmann::json;

constexpr std::string_view kImageEnding = ".img";
constexpr std::size_t kFileNameMax =
    160;  // with the pool's 64 and our additions it stays below the kernel's 255
constexpr std::size_t kMarksBytesMax = 1U << 20U;
constexpr int kLayout = 1;  // raised when a file changes its meaning

bool ends_with_image(std::string_view file) {
  return file.size() > kImageEnding.size() && file.ends_with(kImageEnding);
}

Result<std::string> resolve_folder(const std::string& path, std::string_view what) {
  const std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr), &std::free);
  if (real == nullptr && errno == ENOENT) {
    return fail(Errc::not_found, "{} {}: no such folder (make it: mkdir -p {})", what, path, path);
  }
  if (real == nullptr) return host::fail_errno(fmt::format("{} {}", what, path));
  struct stat st {};
  if (::stat(real.get(), &st) != 0 || !S_ISDIR(st.st_mode))
    return fail(Errc::not_found, "{} {}: not a folder", what, path);
  return std::string(real.get());
}

std::string record_name(const VolumeRef& ref) { return fmt::format("{}~{}.json", ref.pool, ref.file); }

}  // namespace

std::string to_text(const VolumeRef& ref) { return ref.pool + "/" + ref.file; }

bool is_plain_pool_name(std::string_view name) {
  return host::is_plain_name(name) && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                  c == '_' || c == '-';
         });
}

std::optional<VolumeRef> volume_ref_from_text(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  VolumeRef ref{std::string(text.substr(0, slash)), std::string(text.substr(slash + 1))};
  if (!is_plain_pool_name(ref.pool) || !host::is_plain_name(ref.file) || ref.file.size() > kFileNameMax)
    return std::nullopt;
  return ref;
}

VolumeRef own_ref(std::string_view pool, std::string_view key) {
  return VolumeRef{std::string(pool), std::string(key) + std::string(kImageEnding)};
}

std::string key_of(const VolumeRef& ref) {
  return ends_with_image(ref.file) ? ref.file.substr(0, ref.file.size() - kImageEnding.size())
                                   : std::string();
}

bool is_made_key(std::string_view key) {
  static const std::string shape = derived_name("xv-", "");
  return key.size() == shape.size() && key.starts_with("xv-") &&
         std::all_of(key.begin() + 3, key.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '2' && c <= '7'); });
}

std::string sidecar_text(const Sidecar& sidecar) {
  const json value = {{"layout", kLayout},
                      {"key", sidecar.key},
                      {"ledger_id", sidecar.ledger_id},
                      {"state", to_text(sidecar.state)},
                      {"size_mb", sidecar.size_mb},
                      {"iops", sidecar.iops},
                      {"filesystem", to_text(sidecar.filesystem)},
                      {"format", to_text(sidecar.format)},
                      {"source", sidecar.source}};
  return value.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<Sidecar> parse_sidecar(std::string_view text) {
  const json value = json::parse(text, nullptr, false);
  JsonFields in(value, "sidecar");
  in.number("layout", kLayout, kLayout);
  Sidecar sidecar;
  sidecar.key = in.text("key", 200);
  sidecar.ledger_id = in.text("ledger_id", 200);
  sidecar.state = in.enumerator<SidecarState>("state");
  sidecar.size_mb = in.number("size_mb", 1, kSizeMbMax);
  sidecar.iops = in.number("iops", 0, INT64_MAX);
  sidecar.filesystem = in.enumerator<Filesystem>("filesystem");
  sidecar.format = in.enumerator<SidecarFormat>("format");
  sidecar.source = in.text("source", 400);
  TRY(in.done());
  return sidecar;
}

std::string record_text(const AttachmentRecord& record) {
  const json value = {{"layout", kLayout},
                      {"volume", record.volume},
                      {"state", to_text(record.state)},
                      {"device", record.device},
                      {"image_device", record.image_device},
                      {"image_inode", record.image_inode},
                      {"incarnation", record.generation.incarnation},
                      {"counter", record.generation.counter},
                      {"read_only", record.read_only},
                      {"mount_point", record.mount_point},
                      {"boot_id", record.boot_id},
                      {"machine_boot_id", record.machine_boot_id}};
  return value.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<AttachmentRecord> parse_record(std::string_view text) {
  const json value = json::parse(text, nullptr, false);
  JsonFields in(value, "attachment record");
  in.number("layout", kLayout, kLayout);
  AttachmentRecord record;
  record.volume = in.text("volume", 400);
  record.state = in.enumerator<RecordState>("state");
  record.device = in.text("device", 64);
  record.image_device = in.number_unsigned("image_device");
  record.image_inode = in.number_unsigned("image_inode");
  record.generation.incarnation = in.number("incarnation", 0, INT64_MAX);
  record.generation.counter = in.number("counter", 0, INT64_MAX);
  record.read_only = in.boolean("read_only");
  record.mount_point = in.text("mount_point");
  record.boot_id = in.text("boot_id", 128);
  record.machine_boot_id = in.text("machine_boot_id", 128);
  TRY(in.done());
  return record;
}

std::string marks_text(const FenceMarks& marks) {
  json fences = json::array();
  for (const FenceMark& mark : marks.marks) {
    fences.push_back({{"host", mark.host},
                      {"incarnation", mark.attachment.incarnation},
                      {"counter", mark.attachment.counter},
                      {"key", mark.key}});
  }
  const json value = {{"layout", kLayout}, {"volume", marks.volume}, {"fences", std::move(fences)}};
  return value.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<FenceMarks> parse_marks(std::string_view text) {
  const json value = json::parse(text, nullptr, false);
  JsonFields in(value, "fences");
  in.number("layout", kLayout, kLayout);
  FenceMarks marks;
  marks.volume = in.text("volume", 400);
  for (const json& one : in.array("fences")) {
    JsonFields fence(one, "fence");
    FenceMark mark;
    mark.host = fence.text("host", 256);
    mark.attachment.incarnation = fence.number("incarnation", 0, INT64_MAX);
    mark.attachment.counter = fence.number("counter", 0, INT64_MAX);
    mark.key = fence.text("key", 256);
    in.adopt(fence.done());
    marks.marks.push_back(std::move(mark));
  }
  TRY(in.done());
  return marks;
}

std::string Site::sidecar_path(const VolumeRef& ref) const {
  const std::string key = key_of(ref);
  return fmt::format("{}/{}/{}.json", root, ref.pool, key.empty() ? ref.file : key);
}

std::string Site::record_path(std::string_view host, const VolumeRef& ref) const {
  return fmt::format("{}/{}", records_folder(host), record_name(ref));
}

std::string Site::lock_path(const VolumeRef& ref) const { return local::lock_path(root, ref); }

std::string Site::marks_path(const VolumeRef& ref) const {
  return fmt::format("{}/.fences-{}~{}", root, ref.pool, ref.file);
}

std::string machine_boot_id() {
  return host::read_file("/proc/sys/kernel/random/boot_id").value_or("").substr(0, 36);
}

std::string Site::tag() const { return host::loop_tag({root}); }
std::string Site::tag(const VolumeRef& ref) const { return host::loop_tag({root, to_text(ref)}); }
std::string Site::tag(std::string_view host, const VolumeRef& ref) const {
  return host::loop_tag({root, to_text(ref), host});
}

std::string lock_path(std::string_view root, const VolumeRef& ref) {
  return fmt::format("{}/.lock-{}~{}", root, ref.pool, ref.file);
}

Result<Site> open_site(const std::string& root, const std::string& hosts_dir, std::vector<LocalPool> pools) {
  Site site;
  ASSIGN(site.root, resolve_folder(root, "local provider: root"));
  ASSIGN(site.hosts_dir, resolve_folder(hosts_dir, "local provider: hosts_dir"));
  site.pools = std::move(pools);
  return site;
}

Result<std::optional<Sidecar>> read_sidecar(const Site& site, const VolumeRef& ref) {
  if (key_of(ref).empty()) return std::optional<Sidecar>();
  const std::string path = site.sidecar_path(ref);
  ASSIGN(const std::optional<std::string> text, host::read_file_if_there(path));
  if (!text) return std::optional<Sidecar>();
  Result<Sidecar> sidecar = parse_sidecar(*text);
  if (!sidecar) return wrap(sidecar.error(), path);
  if (sidecar->key != key_of(ref))
    return fail(Errc::invalid, "{}: says that it is of volume {}", path, sidecar->key);
  return std::optional<Sidecar>(*std::move(sidecar));
}

Result<std::optional<AttachmentRecord>> read_record(const Site& site, std::string_view host,
                                                    const VolumeRef& ref) {
  const std::string path = site.record_path(host, ref);
  ASSIGN(const std::optional<std::string> text, host::read_file_if_there(path));
  if (!text) return std::optional<AttachmentRecord>();
  Result<AttachmentRecord> record = parse_record(*text);
  if (!record) return wrap(record.error(), path);
  if (record->volume != to_text(ref))
    return fail(Errc::invalid, "{}: says that it is of volume {}", path, record->volume);
  return std::optional<AttachmentRecord>(*std::move(record));
}

Result<FenceMarks> read_marks(const Site& site, const VolumeRef& ref) {
  const std::string path = site.marks_path(ref);
  ASSIGN(const std::optional<std::string> text, host::read_file_if_there(path, kMarksBytesMax));
  if (!text) return FenceMarks{to_text(ref), {}};
  Result<FenceMarks> marks = parse_marks(*text);
  if (!marks) return wrap(marks.error(), path);
  if (marks->volume != to_text(ref))
    return fail(Errc::invalid, "{}: says that it is of volume {}", path, marks->volume);
  return marks;
}

Result<std::string> read_boot_id(const Site& site, std::string_view host) {
  const std::string path = site.host_path(host) + "/boot_id";
  ASSIGN(const std::optional<std::string> text, host::read_file_if_there(path, 4096));
  if (!text) return std::string();
  const std::string line = text->substr(0, text->find_first_of("\r\n"));
  if (!host::is_plain_name(line) || line.size() > 128) {
    return fail(Errc::invalid,
                "{}: must hold one word, the host's boot id (cat /proc/sys/kernel/random/boot_id)", path);
  }
  return line;
}

}  // namespace extvold::providers::local
