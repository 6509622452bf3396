#include "daemon/ingest/volume_references.h"

#include <algorithm>
#include <array>
#include <optional>

#include "model/ascii.h"

namespace extvold::ingest {

namespace {

using References = std::vector<VolumeReference>;

void add(References& out, ReferenceSpelling spelling, std::string_view driver, std::string_view name,
         std::string_view path, bool read_only) {
  VolumeReference& one = out.emplace_back();
  one.spelling = spelling;
  one.read_only = read_only;
  const bool fits = driver.size() <= kMaxReferenceBytes && name.size() <= kMaxReferenceBytes &&
                    path.size() <= kMaxReferenceBytes;
  if (fits) one.driver.assign(driver);
  one.name.assign(name.substr(0, kMaxReferenceBytes));
  one.container_path.assign(path.substr(0, kMaxReferenceBytes));
}

// Seen, but not in a form that names one volume of one driver: no driver, and the text.
void add_inexpressible(References& out, ReferenceSpelling spelling, std::string_view text,
                       std::string_view path) {
  add(out, spelling, {}, text, path, false);
}

// A container of the Docker containerizer has one driver for all of its volumes; whoever names it, names it
// for all (Mesos src/docker/docker.cpp). A name without any is a volume that some driver made earlier, else
// one of Docker's own: the Engine decides by whether the name is one of ours.
std::string_view container_driver(const VolumeMentions& mentions) {
  std::string_view driver;
  for (const KeyValue& one : mentions.docker_parameters) {
    if (one.key == "volume-driver") driver = one.value;
  }
  if (driver.empty()) driver = mentions.docker_volume_driver;
  for (const ContainerVolume& one : mentions.volumes) {
    if (driver.empty() && one.source == "DOCKER_VOLUME") driver = one.driver;
  }
  return driver;
}

std::string_view or_default(std::string_view driver) {
  return driver.empty() ? kDockerDefaultDriver : driver;
}

// {"mode": "RW", "container_path": ..., "source": {"type": "DOCKER_VOLUME", "docker_volume": {"driver",
// "name"}}}; `driver` may be missing under the Docker containerizer only.
void read_docker_volumes(const VolumeMentions& mentions, References& out) {
  for (const ContainerVolume& one : mentions.volumes) {
    if (one.source == "DOCKER_VOLUME") {
      add(out, ReferenceSpelling::docker_volume,
          one.driver.empty() ? or_default(container_driver(mentions)) : one.driver, one.name,
          one.container_path, one.mode == "RO");
    } else if (!one.source.empty() && one.source != "CSI_VOLUME" && one.source != "HOST_PATH" &&
               one.source != "SANDBOX_PATH" && one.source != "SECRET") {
      add_inexpressible(out, ReferenceSpelling::docker_volume, one.source, one.container_path);
    }
  }
}

// {"source": {"type": "CSI_VOLUME", "csi_volume": {"plugin_name", "static_provisioning": {"volume_id"}}}};
// whether it is read-only is said by the volume's mode alone, the message has no such field.
void read_csi_volumes(const VolumeMentions& mentions, References& out) {
  for (const ContainerVolume& one : mentions.volumes) {
    if (one.source != "CSI_VOLUME") continue;
    add(out, ReferenceSpelling::csi_volume, one.driver, one.name, one.container_path, one.mode == "RO");
  }
}

bool has_option(std::string_view list, std::string_view option) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    if (list.substr(0, comma) == option) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

// A volume without a name gets one from Docker that nobody can foresee: of Docker's own driver it is none of
// ours.
void add_nameless(References& out, std::string_view driver, std::string_view text, std::string_view path) {
  if (!driver.empty() && driver != kDockerDefaultDriver)
    add_inexpressible(out, ReferenceSpelling::docker_parameter, text, path);
}

// docker run --volume NAME:PATH[:OPTIONS]. A host path instead of a name begins with '/' or '.', and is no
// volume.
void read_volume_parameter(std::string_view text, std::string_view driver, References& out) {
  const std::size_t first = text.find(':');
  if (first == std::string_view::npos) return add_nameless(out, driver, text, text);
  const std::string_view name = text.substr(0, first);
  const std::string_view rest = text.substr(first + 1);
  if (name.starts_with('/') || name.starts_with('.')) return;
  const std::size_t second = std::min(rest.find(':'), rest.size());
  const std::string_view options = rest.substr(std::min(second + 1, rest.size()));
  add(out, ReferenceSpelling::docker_parameter, or_default(driver), name, rest.substr(0, second),
      has_option(options, "ro"));
}

// One record of CSV as Go's encoding/csv reads it, which is what Docker does: a field that begins with a
// quote ends with one, a doubled quote is a quote, no other field holds one. Nothing: it is no such record.
std::optional<std::vector<std::string>> csv_fields(std::string_view text) {
  std::vector<std::string> fields;
  if (text.find_first_of("\r\n") != std::string_view::npos) return std::nullopt;
  while (true) {
    std::string& field = fields.emplace_back();
    if (text.starts_with('"')) {
      text.remove_prefix(1);
      while (true) {
        const std::size_t quote = text.find('"');
        if (quote == std::string_view::npos) return std::nullopt;
        field += text.substr(0, quote);
        text.remove_prefix(quote + 1);
        if (!text.starts_with('"')) break;
        field += '"';
        text.remove_prefix(1);
      }
    } else {
      field = text.substr(0, text.find(','));
      if (field.find('"') != std::string::npos) return std::nullopt;
      text.remove_prefix(field.size());
    }
    if (text.empty()) return fields;
    if (text.front() != ',') return std::nullopt;
    text.remove_prefix(1);
  }
}

// Go's strconv.ParseBool.
std::optional<bool> go_bool(std::string_view text) {
  constexpr std::array<std::string_view, 6> kTrue = {"1", "t", "T", "true", "TRUE", "True"};
  constexpr std::array<std::string_view, 6> kFalse = {"0", "f", "F", "false", "FALSE", "False"};
  if (std::find(kTrue.begin(), kTrue.end(), text) != kTrue.end()) return true;
  if (std::find(kFalse.begin(), kFalse.end(), text) != kFalse.end()) return false;
  return std::nullopt;
}

struct MountOption {
  std::string type = "volume";  // Docker's default
  std::string source;
  std::string target;
  std::string driver;
  bool read_only = false;
};

std::optional<MountOption> parse_mount(std::string_view text) {
  const auto fields = csv_fields(text);
  if (!fields) return std::nullopt;
  MountOption out;
  for (const std::string& field : *fields) {
    const std::size_t equals = field.find('=');
    const bool flag = equals == std::string::npos;
    const std::string key = lower_case(field.substr(0, equals));
    const std::string value = flag ? "true" : field.substr(equals + 1);
    if (key == "readonly" || key == "ro") {
      const auto read_only = go_bool(value);
      if (!read_only) return std::nullopt;
      out.read_only = *read_only;
    } else if (flag) {
      if (key != "volume-nocopy" && key != "bind-nonrecursive") return std::nullopt;
    } else if (key == "type") {
      out.type = lower_case(value);
    } else if (key == "source" || key == "src") {
      out.source = value;
    } else if (key == "target" || key == "dst" || key == "destination") {
      out.target = value;
    } else if (key == "volume-driver") {
      out.driver = value;
    }  // whatever else there is does not change which volume it is
  }
  return out;
}

// What may be shown of a --mount that is no volume of one driver: its driver's options may hold passwords.
std::string_view without_options(std::string_view text) {
  return text.substr(0, std::min(lower_case(text).find("volume-opt"), text.size()));
}

// docker run --mount type=volume,source=NAME,target=PATH,volume-driver=DRIVER,readonly. The container's
// volume-driver does not count here.
void read_mount_parameter(std::string_view text, References& out) {
  const auto mount = parse_mount(text);
  const std::string_view shown = without_options(text);
  if (!mount) return add_inexpressible(out, ReferenceSpelling::docker_parameter, shown, {});
  constexpr std::array<std::string_view, 4> kNoVolume = {"bind", "tmpfs", "image", "npipe"};
  if (std::find(kNoVolume.begin(), kNoVolume.end(), mount->type) != kNoVolume.end()) return;
  if (mount->type != "volume")
    return add_inexpressible(out, ReferenceSpelling::docker_parameter, shown, mount->target);
  if (mount->source.empty()) return add_nameless(out, mount->driver, shown, mount->target);
  add(out, ReferenceSpelling::docker_parameter, or_default(mount->driver), mount->source, mount->target,
      mount->read_only);
}

// The agent hands any parameter to `docker run` as --KEY=VALUE.
void read_docker_parameters(const VolumeMentions& mentions, References& out) {
  if (mentions.docker_parameters.empty()) return;
  const std::string_view driver = container_driver(mentions);
  for (const KeyValue& one : mentions.docker_parameters) {
    if (one.key == "volume") {
      read_volume_parameter(one.value, driver, out);
    } else if (one.key == "mount") {
      read_mount_parameter(one.value, out);
    } else if (one.key == "volumes-from") {  // all that another container has
      add_inexpressible(out, ReferenceSpelling::docker_parameter, one.value, {});
    }
  }
}

// The deprecated docker.volume_driver: volumes[].host_path is then a name, unless it is an absolute path
// (Mesos src/docker/docker.cpp:768-776).
void read_docker_volume_driver(const VolumeMentions& mentions, References& out) {
  if (mentions.docker_volume_driver.empty()) return;
  for (const ContainerVolume& one : mentions.volumes) {
    if (!one.source.empty() || one.host_path.empty() || one.host_path.starts_with('/')) continue;
    add(out, ReferenceSpelling::docker_volume_driver, mentions.docker_volume_driver, one.host_path,
        one.container_path, one.mode == "RO");
  }
}

// DVDI_VOLUME_NAME, _DRIVER and _CONTAINERPATH, each also with one digit behind it: 1 to 9, and for some
// versions of the module also 0. Of a variable that is there twice it takes the last. It takes rexray where
// no driver is given, and mounts nothing where no name is.
void read_dvdi_variables(const VolumeMentions& mentions, References& out) {
  if (mentions.variables.empty()) return;
  const auto value = [&](std::string_view word, char suffix) -> const KeyValue* {
    const std::size_t length = kDvdiPrefix.size() + word.size() + (suffix == 0 ? 0U : 1U);
    const KeyValue* found = nullptr;
    for (const KeyValue& one : mentions.variables) {
      if (one.key.size() != length || one.key.substr(kDvdiPrefix.size(), word.size()) != word) continue;
      if (suffix == 0 || one.key.back() == suffix) found = &one;
    }
    return found;
  };
  for (const char suffix : {'\0', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'}) {
    const KeyValue* const name = value("NAME", suffix);
    if (name == nullptr) continue;
    const KeyValue* const driver = value("DRIVER", suffix);
    const KeyValue* const path = value("CONTAINERPATH", suffix);
    add(out, ReferenceSpelling::dvdi_variable,
        driver == nullptr || driver->value.empty() ? "rexray" : driver->value, name->value,
        path == nullptr ? std::string_view() : path->value, false);
  }
}

// resources[].disk: a persistent volume, or a disk that the storage itself has an id for. A source with an id
// or a vendor is external (a CSI plugin behind a resource provider) and its vendor is the driver's word. What
// has neither lies on the agent's own disk; it has a word of its own, which an operator may map.
void read_persistent_volumes(const VolumeMentions& mentions, References& out) {
  for (const DiskMention& one : mentions.disks) {
    const bool external = !one.vendor.empty() || !one.source_id.empty();
    const std::string_view name = one.source_id.empty() ? one.persistence_id : one.source_id;
    if (name.empty()) continue;  // ephemeral: gone with its task
    const std::string_view driver = !external            ? kPlainPersistentVolume
                                    : one.vendor.empty() ? std::string_view("disk_source")
                                                         : one.vendor;
    add(out, ReferenceSpelling::persistent_volume, driver, name, one.container_path, one.mode == "RO");
  }
}

// extvold.volume, extvold.driver, extvold.mode and extvold.path, each also with .SUFFIX behind it; one
// extvold.driver without a suffix serves all. A label mounts nothing by itself: where the task also mounts
// the same volume in another way, that one says how.
void read_labels(const VolumeMentions& mentions, References& out) {
  const auto value = [&](std::string_view word, std::string_view suffix) -> std::string_view {
    for (const KeyValue& one : mentions.labels) {
      if (one.key.size() == word.size() + suffix.size() && one.key.starts_with(word) &&
          one.key.ends_with(suffix))
        return one.value;
    }
    return {};
  };
  constexpr std::string_view kVolume = "extvold.volume";
  for (const KeyValue& one : mentions.labels) {
    if (!one.key.starts_with(kVolume)) continue;
    const std::string_view suffix = one.key.substr(kVolume.size());
    if (!suffix.empty() && !suffix.starts_with('.')) continue;
    if (one.value.empty()) {
      add_inexpressible(out, ReferenceSpelling::label, one.key, {});
      continue;
    }
    std::string_view driver = value("extvold.driver", suffix);
    if (driver.empty()) driver = value("extvold.driver", {});
    if (driver.empty()) driver = "extvold";
    const bool named = std::any_of(out.begin(), out.end(), [&](const VolumeReference& other) {
      return other.driver == driver && other.name == one.value;
    });
    if (named) continue;
    const std::string_view mode = value("extvold.mode", suffix);
    add(out, ReferenceSpelling::label, driver, one.value, value("extvold.path", suffix),
        mode == "ro" || mode == "RO");
  }
}

// Every way to name a volume that is known. Labels last: they yield to the others.
struct Row {
  ReferenceSpelling spelling;
  void (*read)(const VolumeMentions&, References&);
};
constexpr std::array kRows{
    Row{ReferenceSpelling::docker_volume, read_docker_volumes},
    Row{ReferenceSpelling::csi_volume, read_csi_volumes},
    Row{ReferenceSpelling::docker_parameter, read_docker_parameters},
    Row{ReferenceSpelling::docker_volume_driver, read_docker_volume_driver},
    Row{ReferenceSpelling::dvdi_variable, read_dvdi_variables},
    Row{ReferenceSpelling::persistent_volume, read_persistent_volumes},
    Row{ReferenceSpelling::label, read_labels},
};
static_assert(kRows.size() == ReferenceSpelling_texts.size(), "a spelling without a row");

}  // namespace

void resolve_references(const VolumeMentions& mentions, std::vector<VolumeReference>& out) {
  if (mentions.empty()) return;
  for (const Row& row : kRows) row.read(mentions, out);
}

}  // namespace extvold::ingest
