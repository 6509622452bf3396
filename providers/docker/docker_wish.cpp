#include "providers/docker/docker_wish.h"

#include <algorithm>

#include "model/check.h"
#include "providers/foreign_text.h"
#include "providers/results.h"

namespace extvold::providers::docker {
namespace {

constexpr std::size_t kOwnNameBytesMax = 64;
constexpr std::int64_t kMiB = std::int64_t{1} << 20U;

bool needs_host(OperationKind kind) { return kind == OperationKind::attach || kind == OperationKind::detach; }

// The same each time: a plugin that knows its users by it has one of ours, however often its Mount came.
std::string mount_id(const OperationCall& call, const std::string& name) {
  return derived_name("extvold-", call.ledger_id + "/" + name);
}

Status check_host(const DockerConfig& config, const ProviderInfo& info, const OperationCall& call) {
  const std::string& name = call.volume.name;
  if (!info.capabilities.attach_to_named_host) {
    return fail(Errc::invalid,
                "volume {}: a Docker volume plugin mounts on the host it runs on and names none; extvold "
                "attaches through it only with host and shows_mounts in the configuration of {}, where the "
                "plugin shows a Mountpoint only of what is mounted",
                name, info.name.value);
  }
  if (call.read_only)
    return fail(Errc::invalid, "volume {}: a Docker volume plugin mounts nothing read-only", name);
  if (identity_of_call(info, call).empty()) {
    return fail(Errc::not_found,
                "volume {}: nobody says as whom {} knows host {}; the plugin's is host = \"{}\"", name,
                info.name.value, call.host_name, config.host);
  }
  return {};
}

}  // namespace

bool is_own_name(std::string_view name) {
  return name.starts_with("xv-") && name.size() > 3 && name.size() <= kOwnNameBytesMax &&
         std::all_of(name.begin() + 3, name.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

Result<std::string> name_of(const Volume& volume) {
  if (volume.origin == VolumeOrigin::adopted && !volume.provider_ref.empty()) return volume.provider_ref;
  if (!is_own_name(volume.key)) {
    return fail(Errc::invalid, "volume {}: \"{}\" is no name that extvold gives, and it was not adopted",
                volume.name, in_one_line(volume.key, 100));
  }
  if (!volume.provider_ref.empty() && volume.provider_ref != volume.key) {
    return fail(Errc::invalid, "volume {}: its provider id \"{}\" is not {}", volume.name,
                in_one_line(volume.provider_ref, 100), volume.key);
  }
  return volume.key;
}

Status check_wish(const DockerConfig& config, const ProviderInfo& info, const OperationCall& call) {
  const std::string& name = call.volume.name;
  if (needs_host(call.operation.kind)) return check_host(config, info, call);
  if (call.operation.kind == OperationKind::format) {
    return fail(Errc::invalid,
                "volume {}: a Docker volume plugin formats by itself, if at all; nobody else can", name);
  }
  if (call.operation.kind == OperationKind::resize)
    return fail(Errc::invalid, "volume {}: the protocol of Docker volume plugins has no resize", name);
  if (call.operation.kind != OperationKind::create) return {};
  if (call.volume.iops > 0) {
    return fail(Errc::invalid,
                "volume {}: the protocol of Docker volume plugins cannot limit IOPS; order it without --iops",
                name);
  }
  if (!call.source_ref.empty()) {
    return fail(Errc::invalid, "volume {}: the protocol of Docker volume plugins makes no clones", name);
  }
  if (call.volume.origin == VolumeOrigin::adopted)
    return fail(Errc::invalid, "volume {}: it was adopted, so it is not made", name);
  return {};
}

std::int64_t units_of(const DockerConfig& config, std::int64_t size_mb) {
  const std::int64_t unit = unit_bytes(config.size_unit);
  return (size_mb * kMiB + unit - 1) / unit;
}

std::int64_t granted_mb(const DockerConfig& config, std::int64_t size_mb) {
  if (config.size_option.empty()) return size_mb;
  return units_of(config, size_mb) * unit_bytes(config.size_unit) / kMiB;
}

bool is_mounted(const DockerConfig& config, const PluginVolume& volume) {
  return config.shows_mounts && !volume.mountpoint.empty();
}

bool is_so(const DockerConfig& config, OperationKind kind, const std::optional<PluginVolume>& seen) {
  switch (kind) {
    case OperationKind::create:
      return seen.has_value();
    case OperationKind::remove:
      return !seen;
    case OperationKind::attach:
      return seen && is_mounted(config, *seen);
    case OperationKind::detach:
      return !seen || !is_mounted(config, *seen);
    case OperationKind::format:
    case OperationKind::resize:
      return false;
  }
  EXTVOLD_UNREACHABLE();
}

Status check_seen(const DockerConfig& config, const ProviderInfo& info, const OperationCall& call,
                  const std::optional<PluginVolume>& seen) {
  const Volume& volume = call.volume;
  if (call.operation.kind == OperationKind::create) {
    const std::int64_t wanted = granted_mb(config, volume.size_mb);
    if (seen && seen->size_mb > 0 && seen->size_mb < wanted) {
      return fail(Errc::conflict, "volume {}: {} exists with {} MB, asked for: {} MB", volume.name,
                  seen->name, seen->size_mb, wanted);
    }
    return {};
  }
  const bool mounted = seen && is_mounted(config, *seen);
  const std::string holder = config.host.empty() ? "the plugin's host" : "host " + config.host;
  if (call.operation.kind == OperationKind::remove) {
    if (!mounted) return {};
    return fail(Errc::conflict, "volume {}: {} has it mounted at {}; a plugin would remove it all the same",
                volume.name, holder, in_one_line(seen->mountpoint, 200));
  }
  if (call.operation.kind == OperationKind::detach) {
    if (!mounted || identity_of_call(info, call) == config.host) return {};
    return fail(Errc::invalid, "volume {}: plugin {} mounts on host {} only; of {} it knows nothing",
                volume.name, config.plugin, config.host, call.host_name);
  }
  if (!seen)
    return fail(Errc::not_found, "volume {}: plugin {} has none of this name", volume.name, config.plugin);
  if (identity_of_call(info, call) == config.host) return {};
  if (mounted) {
    return fail(Errc::conflict, "volume {}: {} has it mounted at {}", volume.name, holder,
                in_one_line(seen->mountpoint, 200));
  }
  return fail(Errc::invalid, "volume {}: plugin {} mounts on host {} only, not on {}", volume.name,
              config.plugin, config.host, call.host_name);
}

PluginCall call_for(const DockerConfig& config, const OperationCall& call, const std::string& name) {
  nlohmann::json body = {{"Name", name}};
  switch (call.operation.kind) {
    case OperationKind::create: {
      nlohmann::json options = nlohmann::json::object();
      for (const auto& [option, value] : config.options) options[option] = value;
      if (!config.size_option.empty()) {
        options[config.size_option] =
            fmt::format("{}{}", units_of(config, call.volume.size_mb), config.size_suffix);
      }
      body["Opts"] = std::move(options);
      return {"Create", std::move(body)};
    }
    case OperationKind::remove:
      return {"Remove", std::move(body)};
    case OperationKind::attach:
      body["ID"] = mount_id(call, name);
      return {"Mount", std::move(body)};
    case OperationKind::detach:
      body["ID"] = mount_id(call, name);
      return {"Unmount", std::move(body)};
    case OperationKind::format:
    case OperationKind::resize:
      break;
  }
  EXTVOLD_UNREACHABLE();
}

}  // namespace extvold::providers::docker
