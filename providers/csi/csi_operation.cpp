#include "providers/csi/csi_operation.h"

#include <utility>

#include "providers/results.h"

namespace extvold::providers::csi {

void CsiOperation::refuse(Errc code, std::string_view why) const { fail({code, std::string(why)}); }

void CsiOperation::fail(const Error& error) const {
  done(failed_call(call, {error.code, fmt::format("volume {}: {}", call.volume.name, error.message)},
                   driver.now()));
}

void CsiOperation::look(std::function<void(std::optional<SeenVolume>)> then) const {
  look_at(driver, can, call.volume.provider_ref, until,
          [self = *this, then = std::move(then)](Result<std::optional<SeenVolume>> seen) {
            if (!seen) return self.fail(seen.error());
            then(*std::move(seen));
          });
}

void CsiOperation::read_back(std::function<void(std::optional<SeenVolume>)> then) const {
  look_at(driver, can, call.volume.provider_ref, until,
          [self = *this, then = std::move(then)](Result<std::optional<SeenVolume>> seen) {
            if (!seen)
              return self.refuse(Errc::uncertain,
                                 "it may be done, it is not read back: " + seen.error().message);
            then(*std::move(seen));
          });
}

void CsiOperation::finish(Outcome outcome) const {
  OperationResult result = extvold::providers::done_call(call, outcome, driver.now());
  result.provider_ref = call.volume.provider_ref;
  result.granted_size_mb = call.volume.size_mb;
  result.host_identity = node_id;
  if (call.operation.kind == OperationKind::attach)
    result.fence_addresses = fence_addresses_of(driver.config(), node_id);
  result.device = call.device;
  done(std::move(result));
}

std::string CsiOperation::hosts_text(const std::vector<std::string>& nodes) const {
  std::string text;
  for (const std::string& node : nodes) {
    if (!text.empty()) text += " and ";
    text += fmt::format("{} (node {})", host_of(node), node);
  }
  return text;
}

pb::VolumeCapability capability_of(const Volume& volume) {
  pb::VolumeCapability capability;
  if (volume.filesystem == Filesystem::none)
    capability.mutable_block();
  else
    capability.mutable_mount()->set_fs_type(std::string(to_text(volume.filesystem)));
  using Mode = pb::VolumeCapability::AccessMode;
  switch (volume.access) {
    case AccessMode::rw:
      capability.mutable_access_mode()->set_mode(Mode::SINGLE_NODE_WRITER);
      break;
    case AccessMode::ro:
      capability.mutable_access_mode()->set_mode(Mode::MULTI_NODE_READER_ONLY);
      break;
    case AccessMode::shared:
      capability.mutable_access_mode()->set_mode(Mode::MULTI_NODE_MULTI_WRITER);
      break;
  }
  return capability;
}

}  // namespace extvold::providers::csi
