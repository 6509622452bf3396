// The fence of a host: an entry of the cluster's blocklist for its address or range, as recorded when it was
// attached. From the moment the monitors have it no OSD that knows the entry takes an operation of a client
// there, whatever its nonce, and a client that comes later brings that knowledge along: an OSD answers nobody
// before it knows as much as he who asks. So what the next host has touched, the fenced one cannot change any
// more.
//
// Whether it holds: fence_check.cpp. Lifted: that entry alone. The entries for single clients of that address
// (with a nonce), which breaking a lock has made, are left to run out, an hour by default: they are no act of
// this fence, and one that were taken back could let that very client, if it still lives, write what it had
// not written then. `check` names them.
#include <memory>
#include <utility>

#include "providers/rbd/fence_target.h"
#include "providers/rbd/own_addresses.h"
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
  void look_before_set();
  void look_at_monitors(const Blocklist& list);
  void set();
  void lift();
  void after_lift(const Blocklist& list);
  void fail_with(const Error& error);
  void end(std::string seen = {});

  const Site site_;
  const FenceCall call_;
  std::function<void(FenceResult)> done_;
  const Instant sent_at_;
  const Instant deadline_at_;
  AddressRange target_;
};

void HostFence::begin() {
  const Result<AddressRange> target = target_of(call_);
  if (!target)
    return site_.defer([self = shared_from_this(), error = target.error()] { self->fail_with(error); });
  target_ = *target;
  if (call_.act == FenceAct::set) return look_before_set();
  lift();
}

std::vector<std::string> HostFence::blocklist_words(std::string_view verb) const {
  std::vector<std::string> words{"osd", "blocklist"};
  if (!target_.is_one()) words.emplace_back("range");
  words.emplace_back(verb);
  words.push_back(to_text(target_));
  return words;
}

void HostFence::look_before_set() {
  site_.looks.blocklist(deadline_at_, [self = shared_from_this()](const Result<Blocklist>& list) {
    if (!list) return self->fail_with(list.error());
    self->look_at_monitors(*list);
  });
}

void HostFence::look_at_monitors(const Blocklist& list) {
  const auto on_monitors = [self = shared_from_this(),
                            osds = list.osds](const Result<std::vector<AddressRange>>& monitors) {
    if (!monitors) return self->fail_with(monitors.error());
    const Result<std::vector<AddressRange>> own = own_storage_addresses();
    if (!own) return self->fail_with(own.error());
    if (const Status may = check_barred(self->target_, {*own, *monitors, osds}); !may)
      return self->fail_with(may.error());
    self->set();
  };
  site_.looks.monitors(deadline_at_, on_monitors);
}

void HostFence::set() {
  std::vector<std::string> words = blocklist_words("add");
  words.push_back(std::to_string(site_.config.blocklist_for.ns / 1'000'000'000));
  site_.tools.run({Program::ceph, std::move(words), deadline_at_},
                  [self = shared_from_this()](const Result<ToolAnswer>& ended) {
                    if (const Status set = changed(ended, "ceph osd blocklist add"); !set)
                      return self->fail_with(set.error());
                    self->end();
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
  end(fmt::format("the blocklist of epoch {} has no entry for {}{}", list.epoch, to_text(target_),
                  others_of(list, target_)));
}

void HostFence::fail_with(const Error& error) { done_(failed_fence(call_, error, sent_at_, site_.clock())); }

void HostFence::end(std::string seen) {
  FenceResult result;
  result.id = call_.fence.id;
  result.act = call_.act;
  result.state = FenceCallState::done;
  result.seen = std::move(seen);
  result.sent_at = sent_at_;
  result.ended_at = site_.clock();
  done_(std::move(result));
}

}  // namespace

void change_host_fence(const Site& site, FenceCall call, std::function<void(FenceResult)> done) {
  if (call.act == FenceAct::check) return check_host_fence(site, std::move(call), std::move(done));
  std::make_shared<HostFence>(site, std::move(call), std::move(done))->begin();
}

}  // namespace extvold::providers::rbd
