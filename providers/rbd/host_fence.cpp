// The fence of a host: an entry of the cluster's blocklist for its address or range, as recorded when it was
// attached. From the moment the monitors have it no OSD that knows the entry takes an operation of a client
// there, whatever its nonce, and a client that comes later brings that knowledge along: an OSD answers nobody
// before it knows as much as he who asks. So what the next host has touched, the fenced one cannot change any
// more.
//
// Whether it holds: fence_check.cpp. How it is renewed: fence_target.h. Lifted: its own entries alone. The
// entries for single clients of that address (with a nonce), which breaking a lock has made, are left to run
// out, an hour by default: they are no act of this fence, and one that were taken back could let that very
// client, if it still lives, write what it had not written then. `check` and `lift` name them.
#include <array>
#include <functional>
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
  void look_before_set();
  void look_at_monitors(const Blocklist& list);
  void set(const Blocklist& list);
  void lift();
  void on_entries_to_lift(const Blocklist& list);
  void after_lift(const Blocklist& list);
  void add_step(std::string_view verb, bool is_address, const AddressRange& part);
  void run_steps(const std::function<void()>& then);
  void fail_with(const Error& error);
  void end(std::string seen = {});

  const Site site_;
  const FenceCall call_;
  std::function<void(FenceResult)> done_;
  const Instant sent_at_;
  const Instant deadline_at_;
  AddressRange target_;
  std::vector<std::vector<std::string>> steps_;  // words of ceph that are to be run yet, the last one first
  bool changed_ = false;
};

void HostFence::begin() {
  const Result<AddressRange> target = target_of(call_);
  if (!target)
    return site_.defer([self = shared_from_this(), error = target.error()] { self->fail_with(error); });
  target_ = *target;
  if (call_.act == FenceAct::set) return look_before_set();
  lift();
}

void HostFence::look_before_set() {
  site_.looks.blocklist(deadline_at_, [self = shared_from_this()](const Result<Blocklist>& list) {
    if (!list) return self->fail_with(list.error());
    self->look_at_monitors(*list);
  });
}

void HostFence::look_at_monitors(const Blocklist& list) {
  const auto on_monitors = [self = shared_from_this(),
                            list](const Result<std::vector<AddressRange>>& monitors) {
    if (!monitors) return self->fail_with(monitors.error());
    const Result<std::vector<AddressRange>> own = own_storage_addresses();
    if (!own) return self->fail_with(own.error());
    if (const Status may = check_barred(self->target_, {*own, *monitors, list.osds}); !may)
      return self->fail_with(may.error());
    self->set(list);
  };
  site_.looks.monitors(deadline_at_, on_monitors);
}

// The form that ends sooner, or does not stand, is made anew; only under the other one is anything taken
// back.
void HostFence::set(const Blocklist& list) {
  const std::array<BarForm, 2> forms = forms_of(target_);
  const auto first = end_of(list, forms[0]);
  const auto second = end_of(list, forms[1]);
  const bool first_is_due = !first || (second && *first <= *second);
  const BarForm& due = first_is_due ? forms[0] : forms[1];
  if (first_is_due ? second.has_value() : first.has_value()) {
    for (const AddressRange& part : standing_of(list, due)) add_step("rm", due.is_address, part);
  }
  for (const AddressRange& part : due.parts) add_step("add", due.is_address, part);
  run_steps([self = shared_from_this()] { self->end(); });
}

void HostFence::lift() {
  site_.looks.blocklist(deadline_at_, [self = shared_from_this()](const Result<Blocklist>& list) {
    if (!list) return self->fail_with(list.error());
    self->on_entries_to_lift(*list);
  });
}

void HostFence::on_entries_to_lift(const Blocklist& list) {
  for (const BarForm& form : forms_of(target_)) {
    for (const AddressRange& part : standing_of(list, form)) add_step("rm", form.is_address, part);
  }
  run_steps([self = shared_from_this()] {
    self->site_.looks.blocklist(self->deadline_at_, [self](const Result<Blocklist>& after) {
      if (!after) return self->fail_with({Errc::uncertain, after.error().message});
      self->after_lift(*after);
    });
  });
}

void HostFence::add_step(std::string_view verb, bool is_address, const AddressRange& part) {
  std::vector<std::string> words{"osd", "blocklist"};
  if (!is_address) words.emplace_back("range");
  words.emplace_back(verb);
  words.push_back(is_address ? to_text(part) : range_text(part));
  if (verb == "add") words.push_back(std::to_string(site_.config.blocklist_for.ns / 1'000'000'000));
  steps_.insert(steps_.begin(), std::move(words));
}

void HostFence::run_steps(const std::function<void()>& then) {
  if (steps_.empty()) return then();
  std::vector<std::string> words = std::move(steps_.back());
  steps_.pop_back();
  const std::string what = fmt::format("ceph {}", fmt::join(words, " "));
  site_.tools.run({Program::ceph, std::move(words), deadline_at_},
                  [self = shared_from_this(), what, then](const Result<ToolAnswer>& ended) {
                    if (const Status done = changed(ended, what); !done) return self->fail_with(done.error());
                    self->changed_ = true;
                    self->run_steps(then);
                  });
}

void HostFence::after_lift(const Blocklist& list) {
  if (!standing_of(list, forms_of(target_)[0]).empty() || !standing_of(list, forms_of(target_)[1]).empty()) {
    return fail_with({Errc::uncertain, fmt::format("the entry of {} was removed, and epoch {} shows it",
                                                   to_text(target_), list.epoch)});
  }
  end(fmt::format("the blocklist of epoch {} has no entry for {}{}", list.epoch, to_text(target_),
                  others_of(list, target_)));
}

// After the first of several programs that changed something nobody can say that nothing happened.
void HostFence::fail_with(const Error& error) {
  const Errc code = changed_ ? Errc::uncertain : error.code;
  done_(failed_fence(call_, {code, error.message}, sent_at_, site_.clock()));
}

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
