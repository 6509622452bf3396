// Create, which the name makes idempotent: "the CO MAY call CreateVolume again, with the same name, to ensure
// the volume exists and to retrieve the volume's volume_id". No other call finds a volume by its name.
#include <algorithm>
#include <utility>

#include "providers/csi/csi_operation.h"
#include "providers/foreign_text.h"

namespace extvold::providers::csi {
namespace {

class Create : public std::enable_shared_from_this<Create> {
 public:
  explicit Create(CsiOperation operation) : op_(std::move(operation)) {}

  void start() {
    const auto& pools = op_.driver.config().pools;
    const std::string& name = op_.call.volume.pool.pool;
    const auto pool =
        std::find_if(pools.begin(), pools.end(), [&](const CsiPool& one) { return one.name == name; });
    if (pool == pools.end())
      return op_.refuse(Errc::not_found, fmt::format("the provider has no pool \"{}\"", name));
    if (!op_.call.source_ref.empty() && !op_.can.has(Rpc::CLONE_VOLUME)) {
      return op_.refuse(Errc::invalid, "the driver cannot make a volume from another one (CLONE_VOLUME)");
    }
    const Result<SecretTexts> secrets = op_.driver.secrets(op_.driver.config().create_secrets_file);
    if (!secrets) return op_.fail(secrets.error());
    secrets_ = *secrets;
    prepare(*pool);
    // Whether it was there before, the answer does not tell.
    if (!op_.can.has(Rpc::LIST_VOLUMES)) return make();
    list_volumes(op_.driver, op_.can, op_.until, [self = shared_from_this()](Result<SeenVolumes> before) {
      if (!before) return self->op_.fail(before.error());
      self->before_ = *std::move(before);
      self->make();
    });
  }

 private:
  void prepare(const CsiPool& pool) {
    const Volume& volume = op_.call.volume;
    request_.set_name(volume.key);
    request_.mutable_capacity_range()->set_required_bytes(volume.size_mb << 20);
    *request_.add_volume_capabilities() = capability_of(volume);
    request_.mutable_parameters()->insert(pool.parameters.begin(), pool.parameters.end());
    if (!op_.call.source_ref.empty())
      request_.mutable_volume_content_source()->mutable_volume()->set_volume_id(op_.call.source_ref);
    if (!pool.topology.empty()) {
      request_.mutable_accessibility_requirements()->add_requisite()->mutable_segments()->insert(
          pool.topology.begin(), pool.topology.end());
    }
  }

  void make() {
    op_.driver.call<pb::CreateVolumeResponse>(
        "/csi.v1.Controller/CreateVolume", request_, secrets_, op_.until,
        [self = shared_from_this()](const Replied<pb::CreateVolumeResponse>& reply) {
          if (!reply) return self->op_.fail(error_of_change(reply.error()));
          self->read(reply->volume());
        });
  }

  void read(const pb::Volume& made) {
    if (made.volume_id().empty())
      return op_.refuse(Errc::uncertain, "CreateVolume: an answer without the id of a volume");
    const std::string shown = in_one_line(made.volume_id(), 200);
    const std::int64_t granted = made.capacity_bytes();
    if (granted != 0 && granted < request_.capacity_range().required_bytes()) {
      return op_.refuse(Errc::conflict, fmt::format("{} exists as {} and has {} bytes only", request_.name(),
                                                    shown, granted));
    }
    // A driver that has overlooked the source made an empty volume.
    const std::string& source = op_.call.source_ref;
    if (!source.empty() && made.content_source().volume().volume_id() != source) {
      return op_.refuse(
          Errc::uncertain,
          fmt::format("the driver made {} and does not say that it is a copy of {}", shown, source));
    }
    op_.call.volume.provider_ref = made.volume_id();
    if (granted != 0) op_.call.volume.size_mb = granted >> 20;
    op_.read_back([self = shared_from_this()](const std::optional<SeenVolume>& seen) { self->end(seen); });
  }

  void end(const std::optional<SeenVolume>& seen) {
    const std::string& id = op_.call.volume.provider_ref;
    if (!seen)
      return op_.refuse(Errc::uncertain,
                        fmt::format("the driver made {} and does not show it", in_one_line(id, 200)));
    // Where it cannot be told it counts as one that was there, and perhaps holds data.
    const bool is_new = op_.can.has(Rpc::LIST_VOLUMES) && !before_.contains(id);
    op_.finish(is_new ? Outcome::changed : Outcome::unchanged);
  }

  CsiOperation op_;
  SecretTexts secrets_;
  pb::CreateVolumeRequest request_;
  SeenVolumes before_;
};

}  // namespace

void create_volume(CsiOperation operation) { std::make_shared<Create>(std::move(operation))->start(); }

}  // namespace extvold::providers::csi
