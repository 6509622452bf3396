// Remove, by the id that the create told. A driver that deletes what is published (a real one does) is not
// asked to.
#include <utility>

#include "providers/csi/csi_operation.h"

namespace extvold::providers::csi {
namespace {

void end(const CsiOperation& op, const std::optional<SeenVolume>& seen) {
  if (seen)
    return op.refuse(Errc::uncertain, "DeleteVolume was answered with OK, and the driver still shows it");
  op.finish(Outcome::changed);
}

void erase(const CsiOperation& op) {
  const Result<SecretTexts> secrets = op.driver.secrets(op.driver.config().create_secrets_file);
  if (!secrets) return op.fail(secrets.error());
  pb::DeleteVolumeRequest request;
  request.set_volume_id(op.call.volume.provider_ref);
  op.driver.call<pb::DeleteVolumeResponse>(
      "/csi.v1.Controller/DeleteVolume", request, *secrets, op.until,
      [op](const Replied<pb::DeleteVolumeResponse>& reply) {
        if (!reply) return op.fail(error_of_change(reply.error()));
        if (op.can.validates_anything) op.driver.note_removed(op.call.volume.provider_ref);
        op.read_back([op](const std::optional<SeenVolume>& seen) { end(op, seen); });
      });
}

// Its create was never answered. The same call again tells the id, and no other does.
void learn_id_and_remove(CsiOperation op) {
  CsiOperation create = op;
  create.told = [op = std::move(op)](const std::string& id) mutable {
    if (id.empty()) return op.finish(Outcome::unchanged);
    op.call.volume.provider_ref = id;
    erase(op);
  };
  create_volume(std::move(create));
}

}  // namespace

void remove_volume(CsiOperation operation) {
  if (operation.call.volume.provider_ref.empty()) return learn_id_and_remove(std::move(operation));
  const CsiOperation op = std::move(operation);
  op.look([op](const std::optional<SeenVolume>& seen) {
    if (!seen) return op.finish(Outcome::unchanged);
    if (!seen->nodes.empty())
      return op.refuse(Errc::conflict, "is not removed: it is published at " + op.hosts_text(seen->nodes));
    erase(op);
  });
}

}  // namespace extvold::providers::csi
