// The fence of a host: an entry of the cluster's blocklist for its address or range, as recorded when it was
// attached. From the moment the monitors have it no OSD that knows the entry takes an operation of a client
// there, whatever its nonce, and a client that comes later brings that knowledge along: an OSD answers nobody
// before it knows as much as he who asks. So what the next host has touched, the fenced one cannot change any
// more.
//
// Held: the entry stands in `ceph osd dump`, and no client of that address watches the volume (of a host's
// fence: any image of the pools). Lifted: that entry alone. The entries for single clients of that address
// (with a nonce), which breaking a lock has made, are left to run out, an hour by default: they are no act of
// this fence, and one that were taken back could let that very client, if it still lives, write what it had
// not written then. `check` names them.
#include <algorithm>
#include <memory>
#include <utility>

#include "providers/rbd/site.h"
#include "providers/results.h"

namespace extvold::providers::rbd {
namespace {

class HostFence : public std::enable_shared_from_this<HostFence> {
 public:
  HostFence(const Site& site, FenceCall call, std::function<void(FenceResult)> done)
      : site_(site),
        call_(std::move(call)),
        done_(std::move(done)),
        sent_at_(site.clock()),
        deadline_at_(sent_at_ + call_.deadline) {}
  void begin();

 private:
  std::vector<std::string> blocklist_words(std::string_view verb) const;
  void set();
  void lift();
  void after_lift(const Blocklist& list);
  void check();
  void on_entries(const Blocklist& list);
  void look_at_watchers();
  void look_at_everything();
  void on_everything(const ProviderObservation& seen);
  void on_watched(const std::vector<std::string>& images);
  void fail_with(const Error& error);
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

std::optional<WallTime> entry_of(const Blocklist& list, const AddressRange& target) {
  if (target.is_one()) {
    for (const BlockedClient& one : list.clients) {
      if (one.client.address == target && one.client.nonce == 0) return one.until;
    }
  }
  for (const BlockedRange& one : list.ranges) {
    if (one.range == target) return one.until;
  }
  return std::nullopt;
}

std::string clients_left(const Blocklist& list, const AddressRange& target) {
  std::size_t left = 0;
  for (const BlockedClient& one : list.clients) {
    if (one.client.nonce != 0 && contains(target, one.client.address)) ++left;
  }
  if (left == 0) return {};
  return fmt::format("; {} entries of single clients there run out by themselves", left);
}

void HostFence::begin() {
  const auto target = address_range_from_text(call_.fence.target);
  if (!target || is_too_wide(*target)) {
    const Error error{
        Errc::invalid,
        fmt::format("host {}: \"{}\" is no storage address of a host: write an address or a range "
                    "into hosts",
                    call_.host_name, call_.fence.target)};
    return site_.defer([self = shared_from_this(), error] { self->fail_with(error); });
  }
  target_ = *target;
  if (call_.act == FenceAct::set) return set();
  if (call_.act == FenceAct::lift) return lift();
  check();
}

std::vector<std::string> HostFence::blocklist_words(std::string_view verb) const {
  std::vector<std::string> words{"osd", "blocklist"};
  if (!target_.is_one()) words.emplace_back("range");
  words.emplace_back(verb);
  words.push_back(to_text(target_));
  return words;
}

void HostFence::set() {
  std::vector<std::string> words = blocklist_words("add");
  words.push_back(std::to_string(site_.config.blocklist_for.ns / 1'000'000'000));
  site_.tools.run({Program::ceph, std::move(words), deadline_at_},
                  [self = shared_from_this()](const Result<ToolAnswer>& ended) {
                    if (const Status set = changed(ended, "ceph osd blocklist add"); !set)
                      return self->fail_with(set.error());
                    self->end(TriState::unknown, "");
                  });
}

void HostFence::lift() {
  site_.tools.run({Program::ceph, blocklist_words("rm"), deadline_at_},
                  [self = shared_from_this()](const Result<ToolAnswer>& ended) {
                    if (const Status lifted = changed(ended, "ceph osd blocklist rm"); !lifted)
                      return self->fail_with(lifted.error());
                    self->site_.looks.blocklist(self->deadline_at_, [self](const Result<Blocklist>& list) {
                      if (!list) return self->fail_with({Errc::uncertain, list.error().message});
                      self->after_lift(*list);
                    });
                  });
}

void HostFence::after_lift(const Blocklist& list) {
  if (entry_of(list, target_)) {
    return fail_with({Errc::uncertain, fmt::format("the entry of {} was removed, and epoch {} shows it",
                                                   to_text(target_), list.epoch)});
  }
  end(TriState::unknown, "");
}

void HostFence::check() {
  site_.looks.blocklist(deadline_at_, [self = shared_from_this()](const Result<Blocklist>& list) {
    if (!list) return self->fail_with(list.error());
    self->on_entries(*list);
  });
}

void HostFence::on_entries(const Blocklist& list) {
  const auto until = entry_of(list, target_);
  if (!until) {
    return end(TriState::no, fmt::format("the blocklist of epoch {} has no entry for {}{}", list.epoch,
                                         to_text(target_), clients_left(list, target_)));
  }
  expires_at_ = *until;
  seen_ = fmt::format("the blocklist of epoch {} has {}{}", list.epoch, to_text(target_),
                      clients_left(list, target_));
  look_at_watchers();
}

void HostFence::look_at_watchers() {
  const auto ref = image_ref_from_text(call_.volume.provider_ref);
  if (!ref) return look_at_everything();
  const auto on_clients = [self = shared_from_this(),
                           ref](const Result<std::optional<std::vector<ClientAddress>>>& clients) {
    if (!clients) return self->fail_with(clients.error());
    if (!*clients) return self->look_at_everything();  // the image is gone, or so it says
    std::vector<std::string> watched;
    for (const ClientAddress& client : **clients) {
      if (contains(self->target_, client.address)) watched = {spec_of(*ref)};
    }
    self->on_watched(watched);
  };
  site_.looks.watchers(*ref, deadline_at_, on_clients);
}

void HostFence::look_at_everything() {
  ProviderObservation everything;
  everything.provider = site_.config.name;
  everything.sent_at = site_.clock();
  observe_images(site_, std::move(everything),
                 [self = shared_from_this()](const ProviderObservation& seen) { self->on_everything(seen); });
}

void HostFence::on_everything(const ProviderObservation& seen) {
  std::vector<std::string> watched;
  for (const ObservedVolume& volume : seen.volumes) {
    for (const ObservedAttachment& attachment : volume.attachments) {
      const auto address = address_range_from_text(attachment.host_identity);
      if (address && (contains(target_, *address) || contains(*address, target_)))
        watched.push_back(volume.key);
    }
  }
  if (!seen.complete && watched.empty())
    return end(TriState::unknown,
               fmt::format("{}, but not every image could be looked at: {}", seen_, seen.why_incomplete));
  on_watched(watched);
}

void HostFence::on_watched(const std::vector<std::string>& images) {
  if (images.empty()) return end(TriState::yes, seen_ + ", and no image is open there");
  end(TriState::unknown, fmt::format("{}, but {} of its images still have a watcher there, as {}", seen_,
                                     images.size(), images.front()));
}

void HostFence::fail_with(const Error& error) {
  const std::string who = call_.host_name.empty() ? call_.fence.target : call_.host_name;
  done_(failed_call(call_, {error.code, fmt::format("host {}: {}", who, error.message)}, sent_at_,
                    site_.clock()));
}

void HostFence::end(TriState held, std::string seen) {
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

void change_host_fence(const Site& site, FenceCall call, std::function<void(FenceResult)> done) {
  std::make_shared<HostFence>(site, std::move(call), std::move(done))->begin();
}

}  // namespace extvold::providers::rbd
