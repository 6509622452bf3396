#include "providers/scaleio/scaleio_plan.h"

#include <algorithm>

#include "model/check.h"
#include "providers/foreign_text.h"
#include "providers/results.h"

namespace extvold::providers::scaleio {
namespace {

constexpr std::size_t kNameBytesMax = 31;
constexpr std::int64_t kStepMb = 8192;
constexpr std::int64_t kSizeMbMax = std::int64_t{1} << 30U;
constexpr std::int64_t kIopsMin = 11;  // the MDM takes no smaller limit
constexpr std::string_view kVolumePath = "/api/instances/Volume::";
constexpr std::string_view kSetLimits = "setMappedSdcLimits";

bool has_host(OperationKind kind) { return kind == OperationKind::attach || kind == OperationKind::detach; }

std::int64_t granted_mb(std::int64_t size_mb) { return (size_mb + kStepMb - 1) / kStepMb * kStepMb; }

std::string action(const std::string& volume_id, std::string_view name) {
  return fmt::format("{}{}/action/{}", kVolumePath, volume_id, name);
}

std::string holder_text(const GatewayLook& look, const ProviderInfo& info, const SdcMapping& mapping) {
  const std::string guid = look.guid_of(mapping.sdc_id);
  if (guid.empty()) return "SDC " + mapping.sdc_id;
  const std::string host = host_of(info, guid);
  return host == guid ? "the SDC of GUID " + guid : fmt::format("host {} (SDC {})", host, guid);
}

std::string_view access_text(MappedAs access) {
  switch (access) {
    case MappedAs::writable:
      return "writable";
    case MappedAs::read_only:
      return "read-only";
    case MappedAs::no_access:
      return "without access";
  }
  EXTVOLD_UNREACHABLE();
}

// Everybody who reaches it, as the end of a sentence; empty: nobody.
std::string holders_text(const GatewayLook& look, const ProviderInfo& info, const GatewayVolume& volume) {
  std::string out;
  for (const SdcMapping& one : volume.mappings)
    out += (out.empty() ? "" : ", ") + holder_text(look, info, one);
  if (volume.to_all_sdcs) out += out.empty() ? "every SDC" : ", every SDC";
  if (volume.to_scsi_initiators) out += out.empty() ? "SCSI initiators" : ", SCSI initiators";
  return out;
}

// It grows only: a smaller size is refused by the gateway itself.
Step grow_step(const GatewayVolume& seen, std::int64_t wanted_mb) {
  return Step{action(seen.id, "setVolumeSize"), {{"sizeInGB", std::to_string(wanted_mb / 1024)}}};
}

Result<std::optional<Step>> next_create(const ScaleioConfig& config, const OperationCall& call,
                                        const GatewayLook& look, bool source_is_gone) {
  const Volume& volume = call.volume;
  const std::int64_t wanted_mb = granted_mb(volume.size_mb);
  ASSIGN(const GatewayPool pool, look.pool_of(volume.pool.pool, config));
  if (const GatewayVolume* seen = look.volume()) {
    const bool same_source = seen->ancestor_id == call.source_ref || source_is_gone;
    if (seen->pool_id != pool.id || !same_source) {
      return fail(Errc::conflict, "{} exists in pool {}{}; asked for: pool {}{}", seen->name,
                  look.pool_name(seen->pool_id, config),
                  seen->ancestor_id.empty() ? "" : ", made of " + seen->ancestor_id, volume.pool.pool,
                  call.source_ref.empty() ? "" : ", made of " + call.source_ref);
    }
    if (!call.source_ref.empty() && seen->is_read_only)
      return Step{action(seen->id, "setVolumeAccessModeLimit"), {{"accessModeLimit", "ReadWrite"}}};
    if (seen->size_mb >= wanted_mb) return std::nullopt;
    if (call.source_ref.empty()) {
      return fail(Errc::conflict, "{} exists with {} MB, asked for: {} MB", seen->name, seen->size_mb,
                  wanted_mb);
    }
    return grow_step(*seen, wanted_mb);
  }
  if (!call.source_ref.empty()) {
    nlohmann::json one = {{"volumeId", call.source_ref}, {"snapshotName", volume.key}};
    nlohmann::json body;
    body["snapshotDefs"] = nlohmann::json::array({std::move(one)});
    return Step{fmt::format("/api/instances/System::{}/action/snapshotVolumes", look.system_id),
                std::move(body)};
  }
  return Step{
      "/api/types/Volume/instances",
      {{"name", volume.key},
       {"volumeSizeInKb", std::to_string(wanted_mb * 1024)},
       {"storagePoolId", pool.id},
       {"protectionDomainId", pool.domain_id},
       {"volumeType", config.provisioning == Provisioning::thin ? "ThinProvisioned" : "ThickProvisioned"}}};
}

// A limit belongs to the mapping and ends with it. Both are set together: nobody says what becomes of one
// that is not named.
struct Limits {
  std::int64_t iops = 0;  // 0: none
  std::int64_t mb = 0;    // per second; 0: none
  bool operator==(const Limits&) const = default;
};

Limits wished_limits(const ScaleioConfig& config, const OperationCall& call, const GatewayLook& look,
                     const GatewayVolume& volume) {
  Limits out;
  if (call.volume.iops > 0) out.iops = std::max(call.volume.iops, kIopsMin);
  const std::string name = look.pool_name(volume.pool_id, config);
  for (const ScaleioPool& pool : config.pools) {
    if (pool.name == name) out.mb = pool.bandwidth_mb;
  }
  return out;
}

Result<std::optional<Step>> next_attach(const ScaleioConfig& config, const ProviderInfo& info,
                                        const OperationCall& call, const GatewayLook& look) {
  const GatewayVolume* seen = look.volume();
  if (seen == nullptr) return fail(Errc::not_found, "the gateway shows no such volume");
  const std::string guid = guid_of_call(info, call);
  ASSIGN(const std::string sdc_id, look.sdc_of(guid));
  const SdcMapping* own = nullptr;
  for (const SdcMapping& one : seen->mappings) {
    if (one.sdc_id == sdc_id) own = &one;
  }
  const bool others =
      seen->mappings.size() > (own == nullptr ? 0U : 1U) || seen->to_all_sdcs || seen->to_scsi_initiators;
  if (others) return fail(Errc::conflict, "it is mapped to {}", holders_text(look, info, *seen));
  if (own == nullptr && seen->is_read_only && !call.read_only) {
    return fail(Errc::conflict,
                "the gateway gives it to nobody writable (accessModeLimit ReadOnly); set it to ReadWrite "
                "there, or attach it read-only");
  }
  if (own == nullptr) {
    nlohmann::json body = {{"sdcId", sdc_id}, {"allowMultipleMappings", "FALSE"}};
    if (call.read_only) body["accessMode"] = "ReadOnly";
    return Step{action(seen->id, "addMappedSdc"), std::move(body)};
  }
  if (own->access != (call.read_only ? MappedAs::read_only : MappedAs::writable)) {
    return fail(Errc::conflict, "it is mapped {} to {}; detach it first", access_text(own->access),
                holder_text(look, info, *own));
  }
  const Limits wished = wished_limits(config, call, look, *seen);
  if (wished == Limits{own->limit_iops, own->limit_mb}) return std::nullopt;
  return Step{action(seen->id, kSetLimits),
              {{"sdcId", sdc_id},
               {"iopsLimit", std::to_string(wished.iops)},
               {"bandwidthLimitInKbps", std::to_string(wished.mb * 1024)}}};
}

}  // namespace

bool is_own_name(std::string_view name) {
  return name.starts_with("xv-") && name.size() > 3 && name.size() <= kNameBytesMax &&
         std::all_of(name.begin() + 3, name.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

Status check_wish(const ProviderInfo& info, const OperationCall& call) {
  const Volume& volume = call.volume;
  const OperationKind kind = call.operation.kind;
  if (volume.origin == VolumeOrigin::adopted) {
    if (kind == OperationKind::create) return fail(Errc::invalid, "it was adopted, so it is not made");
    if (volume.provider_ref.empty()) return fail(Errc::invalid, "it was adopted without an id");
  } else if (!is_own_name(volume.key)) {
    return fail(Errc::invalid, "\"{}\" is no name that extvold gives, and it was not adopted",
                in_one_line(volume.key, 100));
  }
  const std::int64_t size_mb = kind == OperationKind::resize ? volume.wanted_size_mb : volume.size_mb;
  const bool sizes = kind == OperationKind::create || kind == OperationKind::resize;
  if (sizes && (size_mb < 1 || size_mb > kSizeMbMax)) return fail(Errc::invalid, "{} MB is no size", size_mb);
  if (kind == OperationKind::format) {
    return fail(Errc::invalid,
                "the gateway formats nothing; that needs a node side on the host that it is mapped to");
  }
  if (has_host(kind) && guid_of_call(info, call).empty()) {
    return fail(Errc::not_found,
                "nobody says which SDC host {} is; put its GUID (drv_cfg --query_guid) into hosts of the "
                "configuration",
                call.host_name);
  }
  return {};
}

LookFor what_to_look_for(const Volume& volume) {
  if (!volume.provider_ref.empty()) return {volume.provider_ref, {}};
  return {{}, volume.key};
}

std::string guid_of_call(const ProviderInfo& info, const OperationCall& call) {
  return upper_case(identity_of_call(info, call));
}

Status check_ours(const Volume& volume, const GatewayVolume& seen) {
  if (volume.origin == VolumeOrigin::adopted || seen.name == volume.key) return {};
  return fail(Errc::conflict, "volume {} at the gateway has the name \"{}\" and not {}; it is not touched",
              seen.id, in_one_line(seen.name, 100), volume.key);
}

Result<const SdcMapping*> mapping_of(const GatewayLook& look, const GatewayVolume& volume,
                                     std::string_view guid) {
  const SdcMapping* nameless = nullptr;
  for (const SdcMapping& one : volume.mappings) {
    const std::string of = look.guid_of(one.sdc_id);
    if (of == guid) return &one;
    if (of.empty()) nameless = &one;
  }
  if (nameless != nullptr) {
    return fail(Errc::unavailable, "it is mapped to SDC {}, whose GUID the gateway does not tell",
                nameless->sdc_id);
  }
  return nullptr;
}

Step unmap_step(const std::string& volume_id, const std::string& sdc_id) {
  return {action(volume_id, "removeMappedSdc"), {{"sdcId", sdc_id}}};
}

bool is_limit_step(const Step& step) { return step.path.ends_with(kSetLimits); }

Result<std::optional<Step>> next_step(const ScaleioConfig& config, const ProviderInfo& info,
                                      const OperationCall& call, const GatewayLook& look,
                                      bool source_is_gone) {
  const GatewayVolume* seen = look.volume();
  if (seen != nullptr) TRY(check_ours(call.volume, *seen));
  switch (call.operation.kind) {
    case OperationKind::create:
      return next_create(config, call, look, source_is_gone);
    case OperationKind::attach:
      return next_attach(config, info, call, look);
    case OperationKind::detach: {
      if (seen == nullptr) return std::nullopt;
      if (seen->to_all_sdcs)
        return fail(Errc::conflict, "it is mapped to every SDC; none can be taken away from it");
      ASSIGN(const SdcMapping* mapping, mapping_of(look, *seen, guid_of_call(info, call)));
      if (mapping == nullptr) return std::nullopt;
      return unmap_step(seen->id, mapping->sdc_id);
    }
    case OperationKind::remove: {
      if (seen == nullptr) return std::nullopt;
      const std::string holders = holders_text(look, info, *seen);
      if (!holders.empty()) return fail(Errc::conflict, "it is mapped to {}", holders);
      return Step{action(seen->id, "removeVolume"), {{"removeMode", "ONLY_ME"}}};
    }
    case OperationKind::resize: {
      if (seen == nullptr) return fail(Errc::not_found, "the gateway shows no such volume");
      const std::int64_t wanted_mb = granted_mb(call.volume.wanted_size_mb);
      if (seen->size_mb >= wanted_mb) return std::nullopt;
      return grow_step(*seen, wanted_mb);
    }
    case OperationKind::format:
      break;
  }
  EXTVOLD_UNREACHABLE();
}

}  // namespace extvold::providers::scaleio
