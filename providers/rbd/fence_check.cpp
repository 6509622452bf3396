// Whether the fence of a host holds: its entry stands in `ceph osd dump`, and no client of that host watches
// the volume (of a host's fence: any image of the pools).
//
// A client is that host's if its address is in what the fence names, or if the table `hosts` says so now: a
// host that was given another address writes from there, and the entry of the old one bars nothing.
#include <algorithm>
#include <memory>
#include <utility>

#include "providers/rbd/fence_target.h"
#include "providers/rbd/site.h"

namespace extvold::providers::rbd {
namespace {

class FenceCheck : public std::enable_shared_from_this<FenceCheck> {
 public:
  FenceCheck(const Site& site, FenceCall call, std::function<void(FenceResult)> done)
      : site_(site),
        call_(std::move(call)),
        done_(std::move(done)),
        sent_at_(site.clock()),
        deadline_at_(sent_at_ + call_.deadline) {}
  void begin();

 private:
  void on_entries(const Blocklist& list);
  void look_at_volume();
  void look_at_every_image();
  bool is_of_host(const AddressRange& client) const;
  void end_by(const OpenImages& seen);
  void fail_with(const Error& error) { done_(failed_fence(call_, error, sent_at_, site_.clock())); }
  void end(TriState held, std::string seen);

  const Site site_;
  const FenceCall call_;
  std::function<void(FenceResult)> done_;
  const Instant sent_at_;
  const Instant deadline_at_;
  AddressRange target_;
  WallTime expires_at_;
  std::string seen_;
};

void FenceCheck::begin() {
  const Result<AddressRange> target = target_of(call_);
  if (!target)
    return site_.defer([self = shared_from_this(), error = target.error()] { self->fail_with(error); });
  target_ = *target;
  site_.looks.blocklist(deadline_at_, [self = shared_from_this()](const Result<Blocklist>& list) {
    if (!list) return self->fail_with(list.error());
    self->on_entries(*list);
  });
}

void FenceCheck::on_entries(const Blocklist& list) {
  const auto until = fence_end(list, target_);
  const std::string others = others_of(list, target_);
  if (!until) {
    return end(TriState::no, fmt::format("the blocklist of epoch {} has no entry for {}{}", list.epoch,
                                         to_text(target_), others));
  }
  expires_at_ = *until;
  seen_ = fmt::format("the blocklist of epoch {} has {}{}", list.epoch, to_text(target_), others);
  look_at_volume();
}

void FenceCheck::look_at_volume() {
  const auto ref = image_ref_from_text(call_.volume.provider_ref);
  if (!ref) return look_at_every_image();
  const auto on_clients = [self = shared_from_this(),
                           ref](const Result<std::optional<std::vector<ClientAddress>>>& clients) {
    if (!clients) return self->fail_with(clients.error());
    if (!*clients) return self->look_at_every_image();  // the image is gone, or so it says
    OpenImages seen;
    for (const ClientAddress& client : **clients) seen.clients.push_back({spec_of(*ref), client.address});
    self->end_by(seen);
  };
  site_.looks.watchers(*ref, deadline_at_, on_clients);
}

void FenceCheck::look_at_every_image() {
  look_who_has_open(site_, deadline_at_,
                    [self = shared_from_this()](const OpenImages& seen) { self->end_by(seen); });
}

bool FenceCheck::is_of_host(const AddressRange& client) const {
  if (contains(target_, client)) return true;
  return !call_.host_name.empty() &&
         host_of(site_.info, identity_of_client(site_.info, client)) == call_.host_name;
}

void FenceCheck::end_by(const OpenImages& seen) {
  const auto of_host = [&](const OpenImages::Client& one) { return is_of_host(one.address); };
  const auto first = std::find_if(seen.clients.begin(), seen.clients.end(), of_host);
  if (first == seen.clients.end()) {
    if (seen.why_incomplete.empty()) return end(TriState::yes, seen_ + ", and no image is open there");
    return end(TriState::unknown,
               fmt::format("{}, but not every image could be looked at: {}", seen_, seen.why_incomplete));
  }
  const auto count = std::count_if(seen.clients.begin(), seen.clients.end(), of_host);
  const std::string what = fmt::format("{}, but {} clients of its images are still there, one of {} at {}",
                                       seen_, count, first->image, to_text(first->address));
  if (contains(target_, first->address)) return end(TriState::unknown, what);
  end(TriState::unknown, fmt::format("{}: hosts says that this is {} too, and that address is not fenced",
                                     what, call_.host_name));
}

void FenceCheck::end(TriState held, std::string seen) {
  FenceResult result;
  result.id = call_.fence.id;
  result.act = call_.act;
  result.state = FenceCallState::done;
  result.held = held;
  result.seen = std::move(seen);
  result.expires_at = expires_at_;
  result.sent_at = sent_at_;
  result.ended_at = site_.clock();
  done_(std::move(result));
}

}  // namespace

void check_host_fence(const Site& site, FenceCall call, std::function<void(FenceResult)> done) {
  std::make_shared<FenceCheck>(site, std::move(call), std::move(done))->begin();
}

}  // namespace extvold::providers::rbd
