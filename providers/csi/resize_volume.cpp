// Resize, by ControllerExpandVolume, which is idempotent: "if a volume corresponding to the specified volume
// ID is already larger than or equal to the target capacity, the plugin SHOULD reply 0 OK". What was granted
// is read back, so a driver that shows no sizes is not asked. The node's half is its node plugin's.
#include <utility>

#include "providers/csi/csi_operation.h"

namespace extvold::providers::csi {
namespace {

bool is_large_enough(const CsiOperation& op, const std::optional<SeenVolume>& seen) {
  return seen && seen->size_mb >= op.call.volume.wanted_size_mb;
}

void end(const CsiOperation& op, const std::optional<SeenVolume>& seen) {
  if (!is_large_enough(op, seen)) {
    return op.refuse(Errc::uncertain,
                     "ControllerExpandVolume was answered with OK, and the driver does not show it larger");
  }
  op.finish(Outcome::changed);
}

void expand(const CsiOperation& op) {
  const Result<SecretTexts> secrets = op.driver.secrets(op.driver.config().create_secrets_file);
  if (!secrets) return op.fail(secrets.error());
  pb::ControllerExpandVolumeRequest request;
  request.set_volume_id(op.call.volume.provider_ref);
  request.mutable_capacity_range()->set_required_bytes(op.call.volume.wanted_size_mb << 20);
  *request.mutable_volume_capability() = capability_of(op.call.volume);
  op.driver.call<pb::ControllerExpandVolumeResponse>(
      "/csi.v1.Controller/ControllerExpandVolume", request, *secrets, op.until,
      [op](const Replied<pb::ControllerExpandVolumeResponse>& reply) {
        if (!reply) return op.fail(error_of_change(reply.error()));
        op.read_back([op](const std::optional<SeenVolume>& seen) { end(op, seen); });
      });
}

}  // namespace

void resize_volume(CsiOperation operation) {
  const CsiOperation op = std::move(operation);
  op.look([op](const std::optional<SeenVolume>& seen) {
    if (!seen) return op.refuse(Errc::not_found, "the driver does not show it");
    if (is_large_enough(op, seen)) return op.finish(Outcome::unchanged);
    if (seen->size_mb == 0)
      return op.refuse(Errc::invalid, "the driver shows no sizes: that it has grown could not be read back");
    if (!op.driver.config().resize_attached && !seen->nodes.empty())
      return op.refuse(Errc::conflict,
                       "is not made larger: it is published at " + op.hosts_text(seen->nodes));
    expand(op);
  });
}

}  // namespace extvold::providers::csi
