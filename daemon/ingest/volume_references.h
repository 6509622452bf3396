// How a task or executor names a volume: what was said (VolumeMentions, views) and what of it is a volume
// (VolumeReference).
//
// One table (volume_references.cpp) has a row for each way; a new spelling is a reader in that table. A
// reference that is seen but cannot be expressed keeps the text that was found and has no driver, so that it
// shows up as unresolved and never vanishes. Field facts: reference 4.2 (Mesos' Volume, DockerInfo),
// mesos-module-dvdi, Docker's `--volume` and `--mount`. For operators: docs/volumes-in-tasks.md.
#pragma once

#include <string_view>
#include <vector>

#include "model/mesos.h"

namespace extvold::ingest {

struct KeyValue {
  std::string_view key;
  std::string_view value;
};

// One entry of ContainerInfo.volumes. Empty: not said.
struct ContainerVolume {
  std::string_view mode;  // RW, RO
  std::string_view container_path;
  std::string_view host_path;  // the old field: a path, or a volume's name with DockerInfo.volume_driver
  std::string_view source;     // source.type as sent: DOCKER_VOLUME, CSI_VOLUME, HOST_PATH, ...
  std::string_view driver;     // of DOCKER_VOLUME; plugin_name of CSI_VOLUME
  std::string_view name;       // of DOCKER_VOLUME; static_provisioning.volume_id of CSI_VOLUME
};

// DiskInfo of one entry of Task.resources or ExecutorInfo.resources. Empty: not said.
struct DiskMention {
  std::string_view persistence_id;
  std::string_view container_path;  // of disk.volume
  std::string_view mode;            // of disk.volume: RW, RO
  std::string_view vendor;          // of disk.source
  std::string_view source_id;       // of disk.source: the storage's own id, for CSI the volume id
};

struct VolumeMentions {
  std::vector<ContainerVolume> volumes;
  std::vector<KeyValue> docker_parameters;
  std::string_view docker_volume_driver;  // DockerInfo.volume_driver, deprecated
  std::vector<KeyValue> variables;        // those of the command's environment that begin with DVDI_VOLUME_
  std::vector<DiskMention> disks;
  std::vector<KeyValue> labels;  // those that begin with extvold.

  bool empty() const {
    return volumes.empty() && docker_parameters.empty() && variables.empty() && disks.empty() &&
           labels.empty();
  }
  void clear() {
    volumes.clear();
    docker_parameters.clear();
    docker_volume_driver = {};
    variables.clear();
    disks.clear();
    labels.clear();
  }
};

// Appends to `out`, in the table's order.
void resolve_references(const VolumeMentions& mentions, std::vector<VolumeReference>& out);

inline constexpr std::string_view kDvdiPrefix = "DVDI_VOLUME_";
inline constexpr std::string_view kLabelPrefix = "extvold.";

// Longer texts are no volume that any provider has: such a reference keeps the beginning and has no driver.
inline constexpr std::size_t kMaxReferenceBytes = 1024;

}  // namespace extvold::ingest
