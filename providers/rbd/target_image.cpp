#include "providers/rbd/target_image.h"

#include <algorithm>

namespace extvold::providers::rbd {

Result<ImageRef> target_image(const RbdConfig& config, const Volume& volume) {
  const bool adopted = volume.origin == VolumeOrigin::adopted;
  ImageRef target{volume.pool.pool, volume.key, ""};
  if (!volume.provider_ref.empty()) {
    const auto ref = image_ref_from_text(volume.provider_ref);
    if (!ref) return fail(Errc::invalid, "\"{}\" is no image", volume.provider_ref);
    target = *ref;
  }
  if (!adopted && (!is_own_key(volume.key) || target.image != volume.key))
    return fail(Errc::invalid, "\"{}\" is no name that extvold gives an image", volume.key);
  if (adopted && target.id.empty())
    return fail(Errc::invalid, "it is adopted, and the id of its image is not known");
  const bool known_pool = std::any_of(config.pools.begin(), config.pools.end(),
                                      [&](const RbdPool& pool) { return pool.name == target.pool; });
  if (!known_pool) return fail(Errc::invalid, "pool {} is none of this provider's", target.pool);
  return target;
}

Status check_target(const KnownImage& image, const ImageRef& target, const OperationCall& call) {
  if (!target.id.empty() && image.ref.id != target.id) {
    return fail(Errc::conflict, "image {} has the id {}, not {}: it is another one of that name",
                spec_of(target), image.ref.id, target.id);
  }
  if (call.volume.origin != VolumeOrigin::adopted && !is_made_by(image, call.ledger_id))
    return fail(Errc::conflict, "image {} is not of this ledger", spec_of(target));
  return {};
}

}  // namespace extvold::providers::rbd
