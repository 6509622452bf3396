// RexrayProvider: what is refused before anything is asked, with what would do instead.
#include <algorithm>

#include "providers/foreign_text.h"
#include "providers/results.h"
#include "providers/rexray/names.h"
#include "providers/rexray/rexray_provider.h"

namespace extvold::providers::rexray {

Result<std::string> RexrayProvider::host_of_call(const OperationCall& call) const {
  if (config_.mode == Mode::cli && call.host_name != config_.cli_host) {
    if (config_.cli_host.empty())
      return fail(Errc::invalid,
                  "the program rexray attaches to its own host only, and no cli_host says which that is; "
                  "attach it on {} by hand, or use mode = \"rest\"",
                  call.host_name);
    return fail(Errc::invalid, "the program rexray attaches to its own host {} only, not to {}",
                config_.cli_host, call.host_name);
  }
  std::string identity = identity_of_call(info_, call);
  if (identity.empty())
    return fail(Errc::not_found, "nobody told as whom REX-Ray knows host {}: write it into `hosts` of {}",
                call.host_name, config_.name.value);
  if (!is_plain_identity(identity))
    return fail(Errc::invalid, "\"{}\" is no instance id; write the one of {} into `hosts` of {}",
                in_one_line(identity, 80), call.host_name, config_.name.value);
  return identity;
}

// None: there is no such pool.
const RexrayPool* RexrayProvider::pool_named(const std::string& name) const {
  const auto pool = std::find_if(config_.pools.begin(), config_.pools.end(),
                                 [&](const RexrayPool& one) { return one.name == name; });
  return pool == config_.pools.end() ? nullptr : &*pool;
}

Status RexrayProvider::check_create(const OperationCall& call) const {
  const Volume& volume = call.volume;
  if (!call.source_ref.empty())
    return fail(Errc::invalid,
                "REX-Ray cannot make a volume from another one: the program ignores the source and makes an "
                "empty volume, the API does so for some drivers only");
  const RexrayPool* pool = pool_named(volume.pool.pool);
  if (pool == nullptr) return fail(Errc::invalid, "{} has no pool {}", config_.name.value, volume.pool.pool);
  if (volume.iops > 0 && !pool->send_iops)
    return fail(
        Errc::invalid,
        "pool {} cannot limit IOPS: order it without --iops, or set send_iops = true of the pool if its "
        "driver takes them",
        pool->name);
  if (volume.size_mb <= 0) return fail(Errc::invalid, "a volume has at least 1 MB");
  return {};
}

Status RexrayProvider::check_call(const OperationCall& call) const {
  const Volume& volume = call.volume;
  const bool adopted = volume.origin == VolumeOrigin::adopted;
  if (call.operation.kind == OperationKind::format) {
    if (info_.format_host.empty())
      return fail(Errc::invalid, "nothing here can format: REX-Ray itself overwrites what it does not know");
    if (volume.filesystem == Filesystem::none) return fail(Errc::invalid, "it has no filesystem to make");
    if (volume.origin != VolumeOrigin::created)
      return fail(Errc::conflict, "{} volumes are never formatted", to_text(volume.origin));
  }
  if (call.operation.kind == OperationKind::resize)
    return fail(Errc::invalid, "REX-Ray cannot make a volume larger: neither its API nor its program can");
  if (call.operation.kind == OperationKind::create) TRY(check_create(call));
  if (!adopted && !is_own_key(volume.key))
    return fail(Errc::conflict, "\"{}\" is no name that extvold gives: what has it is not ours",
                in_one_line(volume.key, 80));
  if (adopted && (call.operation.kind == OperationKind::create || volume.provider_ref.empty()))
    return fail(Errc::invalid, "an adopted volume goes by its id at the provider");
  return {};
}

}  // namespace extvold::providers::rexray
