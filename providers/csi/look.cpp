#include "providers/csi/look.h"

#include <set>
#include <utility>

namespace extvold::providers::csi {
namespace {

constexpr int kCodeNotFound = 5;
constexpr int kCodeAborted = 10;
constexpr std::size_t kPagesMax = 10'000;
constexpr int kListTries = 3;

using Seen = std::optional<SeenVolume>;

class Listing : public std::enable_shared_from_this<Listing> {
 public:
  Listing(CsiDriver& driver, const DriverCapabilities& can, Instant until,
          std::function<void(Result<VolumeList>)> done)
      : driver_(driver), can_(can), until_(until), done_(std::move(done)) {}

  void ask(const std::string& token) {
    pb::ListVolumesRequest request;
    request.set_starting_token(token);
    driver_.call<pb::ListVolumesResponse>(
        "/csi.v1.Controller/ListVolumes", request, until_,
        [self = shared_from_this(), token](const Replied<pb::ListVolumesResponse>& reply) {
          self->read(token, reply);
        });
  }

 private:
  void read(const std::string& token, const Replied<pb::ListVolumesResponse>& page) {
    // Its place in the list is not known there any more.
    if (!page && page.error().code == kCodeAborted && !token.empty() && ++tries_ < kListTries) {
      volumes_.clear();
      tokens_.clear();
      return ask("");
    }
    if (!page) return done_(tl::make_unexpected(error_of_look(page.error())));
    if (Status status = read_page(can_, *page, volumes_); !status)
      return done_(tl::make_unexpected(status.error()));
    if (page->next_token().empty()) return done_(VolumeList{std::move(volumes_), tokens_.empty()});
    if (!tokens_.insert(page->next_token()).second || tokens_.size() >= kPagesMax)
      return done_(fail(Errc::unavailable, "ListVolumes: the list does not end"));
    ask(page->next_token());
  }

  CsiDriver& driver_;
  const DriverCapabilities can_;
  const Instant until_;
  std::function<void(Result<VolumeList>)> done_;
  SeenVolumes volumes_;
  std::set<std::string> tokens_;  // of the pages after the first
  int tries_ = 0;
};

class LookAtOne : public std::enable_shared_from_this<LookAtOne> {
 public:
  LookAtOne(CsiDriver& driver, const DriverCapabilities& can, std::string id, Instant until,
            std::function<void(Result<Seen>)> done)
      : driver_(driver), can_(can), id_(std::move(id)), until_(until), done_(std::move(done)) {}

  void start() {
    if (can_.has(Rpc::GET_VOLUME)) return get();
    find_or_validate();
  }

 private:
  void get() {
    pb::ControllerGetVolumeRequest request;
    request.set_volume_id(id_);
    driver_.call<pb::ControllerGetVolumeResponse>(
        "/csi.v1.Controller/ControllerGetVolume", request, until_,
        [self = shared_from_this()](const Replied<pb::ControllerGetVolumeResponse>& reply) {
          if (!reply) return self->end(reply.error());
          self->read(*reply);
        });
  }

  void read(const pb::ControllerGetVolumeResponse& reply) {
    // A real driver answers so for a volume that does not exist; others for one that is merely ill.
    if (reply.status().volume_condition().abnormal()) return find_or_validate();
    const bool silent = can_.has(Rpc::LIST_VOLUMES_PUBLISHED_NODES) && !reply.has_status();
    if (silent) return find_or_validate();
    Result<SeenVolume> seen = read_volume(can_, id_, reply);
    if (!seen) return done_(tl::make_unexpected(seen.error()));
    done_(Seen(*std::move(seen)));
  }

  void find_or_validate() {
    if (!can_.has(Rpc::LIST_VOLUMES)) return validate();
    list_volumes(driver_, can_, until_, [self = shared_from_this()](Result<VolumeList> all) {
      if (!all) return self->done_(tl::make_unexpected(all.error()));
      const auto found = all->volumes.find(self->id_);
      if (found != all->volumes.end()) return self->done_(Seen(std::move(found->second)));
      if (all->one_view) return self->done_(Seen());
      self->validate();
    });
  }

  void validate() {
    if (can_.validates_anything) return done_(as_told_before());
    driver_.validate(id_, until_, [self = shared_from_this()](const auto& asked) {
      if (!asked) {
        return self->driver_.defer(
            [self, error = asked.error()] { self->done_(tl::make_unexpected(error)); });
      }
      const auto& reply = *asked;
      if (!reply) return self->end(reply.error());
      self->done_(self->there_somewhere());
    });
  }

  Result<Seen> there_somewhere() const {
    if (can_.has(Rpc::LIST_VOLUMES_PUBLISHED_NODES))
      return fail(Errc::unavailable, "volume {}: the driver does not say where it is published", id_);
    SeenVolume seen;
    seen.id = id_;
    return Seen(std::move(seen));
  }

  // No question tells: there is what it made and was not told to remove.
  Result<Seen> as_told_before() const {
    if (driver_.is_removed(id_)) return Seen();
    return there_somewhere();
  }

  void end(const RpcProblem& problem) {
    if (problem.code == kCodeNotFound) return done_(Seen());
    done_(tl::make_unexpected(error_of_look(problem)));
  }

  CsiDriver& driver_;
  const DriverCapabilities can_;
  const std::string id_;
  const Instant until_;
  std::function<void(Result<Seen>)> done_;
};

}  // namespace

void list_volumes(CsiDriver& driver, const DriverCapabilities& can, Instant until,
                  std::function<void(Result<VolumeList>)> done) {
  std::make_shared<Listing>(driver, can, until, std::move(done))->ask("");
}

void look_at(CsiDriver& driver, const DriverCapabilities& can, const std::string& id, Instant until,
             std::function<void(Result<std::optional<SeenVolume>>)> done) {
  std::make_shared<LookAtOne>(driver, can, id, until, std::move(done))->start();
}

}  // namespace extvold::providers::csi
