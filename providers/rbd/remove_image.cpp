// Removes an image that is the recorded one: by pool, name and id, tagged by this ledger (or adopted), open
// nowhere, without snapshots but those that clones of ours were made from. `rbd rm` knows names only, so the
// id is looked at just before it.
#include <algorithm>

#include "providers/rbd/change_steps.h"
#include "providers/rbd/target_image.h"

namespace extvold::providers::rbd {
namespace {

constexpr std::size_t kNamesShown = 5;

std::string shown_names(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kNamesShown); ++i)
    text += (i == 0 ? "" : ", ") + names[i];
  return text;
}

class RemoveImage final : public ChangeSteps {
 public:
  using ChangeSteps::ChangeSteps;
  void begin();

 private:
  std::shared_ptr<RemoveImage> self() { return std::static_pointer_cast<RemoveImage>(shared_from_this()); }
  bool is_adopted() const { return call_.volume.origin == VolumeOrigin::adopted; }
  ImageRef fresh() const { return {target_.pool, fresh_name(target_.image), ""}; }
  void refuse(Errc code, std::string why) { fail_with({code, std::move(why)}); }

  void on_names(const std::vector<std::string>& names);
  void on_leftover(const std::optional<KnownImage>& image);
  void look_at_image();
  void on_image(const std::optional<KnownImage>& image);
  void look_at_id();
  void on_watchers(const std::vector<ClientAddress>& clients);
  void on_snapshots(const std::vector<Snapshot>& snapshots);
  void remove_snapshot(std::size_t at);
  void unprotect_snapshot(std::size_t at, const std::string& snapshot);
  void remove_it();
  void read_back();
  void end_parent();
  void end_snapshot(const std::string& snapshot);

  ImageRef target_;
  bool there_ = false;
  Instant looked_at_;  // for its watchers
  std::optional<KnownImage> image_;
  std::vector<Snapshot> snapshots_;
};

void RemoveImage::begin() {
  const Result<ImageRef> target = target_image(site_.config, call_.volume);
  if (!target) return site_.defer([me = self(), error = target.error()] { me->fail_with(error); });
  target_ = *target;
  site_.looks.names(target_.pool, deadline_at_,
                    or_end<std::vector<std::string>>(
                        [me = self()](const std::vector<std::string>& names) { me->on_names(names); }));
}

void RemoveImage::on_names(const std::vector<std::string>& names) {
  const auto has = [&](const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  there_ = has(target_.image);
  if (is_adopted() || !has(fresh().image)) return look_at_image();
  site_.looks.image(fresh().pool, fresh().image, deadline_at_,
                    or_end<std::optional<KnownImage>>(
                        [me = self()](const std::optional<KnownImage>& image) { me->on_leftover(image); }));
}

// What a create that never ended has left.
void RemoveImage::on_leftover(const std::optional<KnownImage>& image) {
  if (image && image->tag && image->tag->ledger_id != call_.ledger_id)
    return refuse(Errc::conflict, fmt::format("image {} is of another ledger", spec_of(fresh())));
  change({"rm", "--no-progress", spec_of(fresh())}, [me = self()] { me->look_at_image(); });
}

void RemoveImage::look_at_image() {
  if (!there_) return succeed({}, 0);
  site_.looks.image(target_.pool, target_.image, deadline_at_,
                    or_end<std::optional<KnownImage>>(
                        [me = self()](const std::optional<KnownImage>& image) { me->on_image(image); }));
}

void RemoveImage::on_image(const std::optional<KnownImage>& image) {
  const std::string spec = spec_of(target_);
  if (!image) {
    // A removal that was broken off: its data and its tag are gone, its name and its id are left. An image of
    // ours only.
    if (!is_adopted() && !target_.id.empty()) return look_at_id();
    return refuse(Errc::conflict,
                  fmt::format("image {} cannot be opened: nobody can tell whose it is", spec));
  }
  if (const Status ours = check_target(*image, target_, call_); !ours) return fail_with(ours.error());
  image_ = image;
  const auto on_clients = [me = self()](const std::optional<std::vector<ClientAddress>>& clients) {
    if (!clients)
      return me->refuse(Errc::unavailable, fmt::format("image {} vanished", spec_of(me->target_)));
    me->on_watchers(*clients);
  };
  looked_at_ = site_.clock();
  site_.looks.watchers(target_, deadline_at_, or_end<std::optional<std::vector<ClientAddress>>>(on_clients));
}

void RemoveImage::look_at_id() {
  const auto on_id = [me = self()](const std::optional<std::string>& id) {
    if (id && *id == me->target_.id) return me->remove_it();
    me->refuse(Errc::conflict,
               fmt::format("image {} cannot be opened, and the pool's list has the id {} for it, not {}",
                           spec_of(me->target_), id ? *id : "none", me->target_.id));
  };
  site_.looks.listed_id(target_.pool, target_.image, deadline_at_, or_end<std::optional<std::string>>(on_id));
}

void RemoveImage::on_watchers(const std::vector<ClientAddress>& clients) {
  if (!clients.empty()) {
    if (site_.own.may_be_seen(spec_of(target_), looked_at_)) {
      return refuse(Errc::unavailable,
                    fmt::format("image {} has a client, perhaps a program of ours that was killed just now",
                                spec_of(target_)));
    }
    std::string hosts;
    for (const std::string& identity : identities_of(site_.info, clients))
      hosts += (hosts.empty() ? "" : ", ") + host_of(site_.info, identity);
    return refuse(Errc::conflict, fmt::format("image {} is open on {}", spec_of(target_), hosts));
  }
  if (image_->snapshots == 0) return remove_it();
  site_.looks.snapshots(target_, deadline_at_,
                        or_end<std::vector<Snapshot>>([me = self()](const std::vector<Snapshot>& snapshots) {
                          me->on_snapshots(snapshots);
                        }));
}

void RemoveImage::on_snapshots(const std::vector<Snapshot>& snapshots) {
  std::vector<std::string> foreign;
  for (const Snapshot& one : snapshots) {
    if (!is_own_key(one.name) || is_adopted()) foreign.push_back(one.name);
  }
  if (!foreign.empty()) {
    return refuse(Errc::conflict,
                  fmt::format("image {} has {} snapshots: {}; remove them first with `rbd snap rm`",
                              spec_of(target_), foreign.size(), shown_names(foreign)));
  }
  snapshots_ = snapshots;
  remove_snapshot(0);
}

// That of a clone that is not there any more. A clone of the old kind needs a protected snapshot, and keeps
// it so; one of the new kind (require-min-compat-client mimic) does not: Ceph would take the snapshot from
// the list, keep it for the clone, and then refuse to remove the image.
void RemoveImage::remove_snapshot(std::size_t at) {
  if (at == snapshots_.size()) return remove_it();
  const std::string snapshot = spec_of(target_) + "@" + snapshots_[at].name;
  const auto on_clones = [me = self(), at, snapshot](const std::vector<std::string>& clones) {
    if (clones.empty()) return me->unprotect_snapshot(at, snapshot);
    me->refuse(Errc::conflict, fmt::format("image {} is the source of the clone{} {}", spec_of(me->target_),
                                           clones.size() == 1 ? "" : "s", shown_names(clones)));
  };
  site_.looks.clones(snapshot, deadline_at_, or_end<std::vector<std::string>>(on_clones));
}

void RemoveImage::unprotect_snapshot(std::size_t at, const std::string& snapshot) {
  const auto remove = [me = self(), at, snapshot] {
    me->change({"snap", "rm", "--no-progress", snapshot}, [me, at] { me->remove_snapshot(at + 1); });
  };
  if (!snapshots_[at].is_protected) return remove();
  change({"snap", "unprotect", snapshot}, remove, [me = self(), at](const Error& error) {
    if (error.code != Errc::conflict) return me->fail_with(error);
    me->refuse(Errc::conflict, fmt::format("image {} is the source of the clone {}: {}", spec_of(me->target_),
                                           me->snapshots_[at].name, error.message));
  });
}

// All its objects are removed one by one, and whoever is killed at it begins anew: it has a time of its own.
void RemoveImage::remove_it() {
  deadline_at_ = std::max(deadline_at_, site_.clock() + site_.config.remove_deadline);
  change({"rm", "--no-progress", spec_of(target_)}, [me = self()] { me->read_back(); });
}

void RemoveImage::read_back() {
  const auto on_names = [me = self()](const std::vector<std::string>& names) {
    if (std::find(names.begin(), names.end(), me->target_.image) != names.end())
      return me->refuse(Errc::uncertain,
                        fmt::format("image {} was removed, and a look shows it", spec_of(me->target_)));
    me->end_parent();
  };
  site_.looks.names(target_.pool, deadline_at_, or_end<std::vector<std::string>>(on_names));
}

// The volume is gone. The snapshot that it was cloned from has its key for a name; where it cannot be removed
// now, it goes with its image.
void RemoveImage::end_parent() {
  if (!image_ || !image_->parent || image_->parent->snapshot != call_.volume.key || is_adopted())
    return succeed({}, 0);
  const std::string snapshot =
      fmt::format("{}/{}@{}", image_->parent->pool, image_->parent->image, image_->parent->snapshot);
  site_.looks.clones(snapshot, deadline_at_,
                     [me = self(), snapshot](const Result<std::vector<std::string>>& clones) {
                       if (!clones || !clones->empty()) return me->succeed({}, 0);
                       me->end_snapshot(snapshot);
                     });
}

void RemoveImage::end_snapshot(const std::string& snapshot) {
  run_noted({"snap", "unprotect", snapshot}, deadline_at_,
            [me = self(), snapshot](const Result<ToolAnswer>&) {
              me->run_noted({"snap", "rm", "--no-progress", snapshot}, me->deadline_at_,
                            [me](const Result<ToolAnswer>&) { me->succeed({}, 0); });
            });
}

}  // namespace

void remove_image(const Site& site, OperationCall call, CallDone done) {
  std::make_shared<RemoveImage>(site, std::move(call), std::move(done))->begin();
}

}  // namespace extvold::providers::rbd
