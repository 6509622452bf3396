#include "daemon/ingest/volume_references.h"

#include <algorithm>
#include <array>

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

// {"mode": "RW", "container_path": ..., "source": {"type": "DOCKER_VOLUME", "docker_volume": {"driver",
// "name"}}}
void read_docker_volumes(const VolumeMentions& mentions, References& out) {
  for (const ContainerVolume& one : mentions.volumes) {
    if (one.source == "DOCKER_VOLUME") {
      add(out, ReferenceSpelling::docker_volume, one.driver, one.name, one.container_path, one.mode == "RO");
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

// docker run --volume NAME:PATH[:OPTIONS]. A host path instead of a name begins with '/' or '.', and is no
// volume; a lone path is a volume without a name.
void read_volume_parameter(std::string_view text, std::string_view driver, References& out) {
  const std::size_t first = text.find(':');
  if (first == std::string_view::npos) {
    add_inexpressible(out, ReferenceSpelling::docker_parameter, text, text);
    return;
  }
  const std::string_view name = text.substr(0, first);
  const std::string_view rest = text.substr(first + 1);
  if (name.starts_with('/') || name.starts_with('.')) return;
  const std::size_t second = std::min(rest.find(':'), rest.size());
  const std::string_view options = rest.substr(std::min(second + 1, rest.size()));
  add(out, ReferenceSpelling::docker_parameter, driver, name, rest.substr(0, second),
      has_option(options, "ro"));
}

// The agent hands any parameter to `docker run` as --KEY=VALUE. There is one volume-driver for all of a
// container's volumes; without it a name may still be a volume that some driver made earlier, so it is kept,
// without a driver.
void read_docker_parameters(const VolumeMentions& mentions, References& out) {
  std::string_view driver;
  for (const KeyValue& one : mentions.docker_parameters) {
    if (one.key == "volume-driver") driver = one.value;
  }
  for (const KeyValue& one : mentions.docker_parameters) {
    if (one.key == "volume") {
      read_volume_parameter(one.value, driver, out);
    } else if (one.key == "mount") {  // type=bind and type=tmpfs are no volumes
      if (has_option(one.value, "type=bind") || has_option(one.value, "type=tmpfs")) continue;
      add_inexpressible(out, ReferenceSpelling::docker_parameter, one.value, {});
    } else if (one.key == "volumes-from") {
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

// DVDI_VOLUME_NAME, _DRIVER and _CONTAINERPATH, each also with one digit 1 to 9 behind it. The module takes
// rexray where no driver is given, and mounts nothing where no name is.
void read_dvdi_variables(const VolumeMentions& mentions, References& out) {
  if (mentions.variables.empty()) return;
  const auto value = [&](std::string_view word, char suffix) -> const KeyValue* {
    const std::size_t length = kDvdiPrefix.size() + word.size() + (suffix == 0 ? 0U : 1U);
    for (const KeyValue& one : mentions.variables) {
      if (one.key.size() != length || one.key.substr(kDvdiPrefix.size(), word.size()) != word) continue;
      if (suffix == 0 || one.key.back() == suffix) return &one;
    }
    return nullptr;
  };
  for (const char suffix : {'\0', '1', '2', '3', '4', '5', '6', '7', '8', '9'}) {
    const KeyValue* const name = value("NAME", suffix);
    if (name == nullptr) continue;
    const KeyValue* const driver = value("DRIVER", suffix);
    const KeyValue* const path = value("CONTAINERPATH", suffix);
    add(out, ReferenceSpelling::dvdi_variable,
        driver == nullptr || driver->value.empty() ? "rexray" : driver->value, name->value,
        path == nullptr ? std::string_view() : path->value, false);
  }
}

// Every way to name a volume that is known. A row without a reader is a place that is not read yet.
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
    Row{ReferenceSpelling::persistent_volume, nullptr},  // resources[].disk.persistence.id and disk.source
    Row{ReferenceSpelling::label, nullptr},              // extvold.* labels of tasks, executors, reservations
};
static_assert(kRows.size() == ReferenceSpelling_texts.size(), "a spelling without a row");

}  // namespace

void resolve_references(const VolumeMentions& mentions, std::vector<VolumeReference>& out) {
  if (mentions.empty()) return;
  for (const Row& row : kRows) {
    if (row.read != nullptr) row.read(mentions, out);
  }
}

}  // namespace extvold::ingest
