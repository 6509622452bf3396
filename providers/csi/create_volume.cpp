// Create, which the name makes idempotent: "the CO MAY call CreateVolume again, with the same name, to ensure
// the volume exists and to retrieve the volume's volume_id". No other call finds a volume by its name.
#include <algorithm>
#include <utility>

#include "providers/csi/csi_operation.h"
#include "providers/foreign_text.h"

namespace extvold::providers::csi {
namespace {

// To refuse what is there already would be against the specification: so it is not. Being short of space or
// asked too often, or a source that is gone, say nothing of that.
bool refuses_as_such(const RpcProblem& problem) {
  constexpr int kInvalidArgument = 3;
  constexpr int kOutOfRange = 11;
  return !problem.not_sent && !problem.unreadable &&
         (problem.code == kInvalidArgument || problem.code == kOutOfRange);
}

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
    if (!op_.call.source_ref.empty() && !op_.driver.config().clone) {
      return op_.refuse(Errc::invalid,
                        fmt::format("provider {} makes no volume from another one (clone = false)",
                                    op_.driver.config().name.value));
    }
    const Result<SecretTexts> secrets = op_.driver.secrets(op_.driver.config().create_secrets_file);
    if (!secrets) return op_.fail(secrets.error());
    secrets_ = *secrets;
    prepare(*pool);
    // Whether it was there before, the answer does not tell.
    if (!op_.can.has(Rpc::LIST_VOLUMES)) return take_snapshot();
    list_volumes(op_.driver, op_.can, op_.until, [self = shared_from_this()](Result<VolumeList> before) {
      if (!before) return self->op_.fail(before.error());
      self->before_ = *std::move(before);
      self->take_snapshot();
    });
  }

 private:
  void prepare(const CsiPool& pool) {
    const Volume& volume = op_.call.volume;
    request_.set_name(volume.key);
    request_.mutable_capacity_range()->set_required_bytes(volume.size_mb << 20);
    *request_.add_volume_capabilities() = capability_of(volume);
    request_.mutable_parameters()->insert(pool.parameters.begin(), pool.parameters.end());
    if (!op_.call.source_ref.empty() && !by_snapshot())
      request_.mutable_volume_content_source()->mutable_volume()->set_volume_id(op_.call.source_ref);
    if (!pool.topology.empty()) {
      request_.mutable_accessibility_requirements()->add_requisite()->mutable_segments()->insert(
          pool.topology.begin(), pool.topology.end());
    }
  }

  bool by_snapshot() const { return !op_.call.source_ref.empty() && !op_.can.has(Rpc::CLONE_VOLUME); }

  // By a name of its own, which makes it idempotent as well, until the copy is made.
  void take_snapshot() {
    if (!by_snapshot()) return make();
    pb::CreateSnapshotRequest request;
    request.set_source_volume_id(op_.call.source_ref);
    request.set_name(request_.name() + "-source");
    op_.driver.call<pb::CreateSnapshotResponse>(
        "/csi.v1.Controller/CreateSnapshot", request, secrets_, op_.until,
        [self = shared_from_this()](const Replied<pb::CreateSnapshotResponse>& reply) {
          if (!reply) return self->op_.fail(error_of_look(reply.error()));  // no volume was asked for yet
          self->read_snapshot(reply->snapshot());
        });
  }

  void read_snapshot(const pb::Snapshot& snapshot) {
    const std::string& id = snapshot.snapshot_id();
    if (!is_good_id(id))
      return op_.refuse(Errc::unavailable, "CreateSnapshot: an answer without the id of a snapshot");
    if (snapshot.source_volume_id() != op_.call.source_ref) {
      return op_.refuse(Errc::conflict,
                        fmt::format("the snapshot {} is of {}, not of {}", in_one_line(id, 200),
                                    in_one_line(snapshot.source_volume_id(), 200), op_.call.source_ref));
    }
    if (!snapshot.ready_to_use()) {
      return op_.refuse(Errc::busy,
                        fmt::format("the snapshot {} of its source is not ready yet; it is asked for "
                                    "again",
                                    in_one_line(id, 200)));
    }
    request_.mutable_volume_content_source()->mutable_snapshot()->set_snapshot_id(id);
    make();
  }

  // The copy is made and told first: who is called again finds the same snapshot. Whatever comes of this, a
  // driver that needs the snapshot as long as there is the copy refuses.
  void drop_snapshot() {
    pb::DeleteSnapshotRequest request;
    request.set_snapshot_id(request_.volume_content_source().snapshot().snapshot_id());
    op_.driver.call<pb::DeleteSnapshotResponse>("/csi.v1.Controller/DeleteSnapshot", request, secrets_,
                                                op_.until, [](const Replied<pb::DeleteSnapshotResponse>&) {});
  }

  void make() {
    op_.driver.call<pb::CreateVolumeResponse>(
        "/csi.v1.Controller/CreateVolume", request_, secrets_, op_.until,
        [self = shared_from_this()](const Replied<pb::CreateVolumeResponse>& reply) {
          if (!reply && self->op_.told && refuses_as_such(reply.error())) return self->tell({});
          if (!reply) return self->op_.fail(error_of_change(reply.error()));
          self->read(reply->volume());
        });
  }

  void read(const pb::Volume& made) {
    const std::string shown = in_one_line(made.volume_id(), 200);
    if (!is_good_id(made.volume_id())) {
      return op_.refuse(Errc::uncertain,
                        fmt::format("CreateVolume: an answer without a good id of a volume (\"{}\")", shown));
    }
    if (op_.told) return tell(made.volume_id());
    const std::int64_t granted = made.capacity_bytes();
    if (granted != 0 && granted < request_.capacity_range().required_bytes()) {
      return op_.refuse(Errc::uncertain, fmt::format("{} exists as {} and has {} bytes only", request_.name(),
                                                     shown, granted));
    }
    // A driver that has overlooked the source made an empty volume.
    if (!is_from(made.content_source())) {
      return op_.refuse(Errc::uncertain,
                        fmt::format("the driver made {} and does not say that it is a copy of {}", shown,
                                    op_.call.source_ref));
    }
    op_.call.volume.provider_ref = made.volume_id();
    if (granted != 0) op_.call.volume.size_mb = granted >> 20;
    op_.read_back([self = shared_from_this()](const std::optional<SeenVolume>& seen) {
      self->end(seen);
      if (seen && self->by_snapshot()) self->drop_snapshot();
    });
  }

  void tell(const std::string& id) {
    if (by_snapshot()) drop_snapshot();
    op_.told(id);
  }

  bool is_from(const pb::VolumeContentSource& source) const {
    const pb::VolumeContentSource& asked = request_.volume_content_source();
    return source.volume().volume_id() == asked.volume().volume_id() &&
           source.snapshot().snapshot_id() == asked.snapshot().snapshot_id();
  }

  void end(const std::optional<SeenVolume>& seen) {
    const std::string& id = op_.call.volume.provider_ref;
    if (!seen)
      return op_.refuse(Errc::uncertain,
                        fmt::format("the driver made {} and does not show it", in_one_line(id, 200)));
    // Where it cannot be told it counts as one that was there, and perhaps holds data.
    const bool is_new = op_.can.has(Rpc::LIST_VOLUMES) && before_.one_view && !before_.volumes.contains(id);
    op_.finish(is_new ? Outcome::changed : Outcome::unchanged);
  }

  CsiOperation op_;
  SecretTexts secrets_;
  pb::CreateVolumeRequest request_;
  VolumeList before_;
};

}  // namespace

void create_volume(CsiOperation operation) { std::make_shared<Create>(std::move(operation))->start(); }

}  // namespace extvold::providers::csi
