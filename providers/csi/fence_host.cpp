#include "providers/csi/fence_host.h"

#include <csi_proto/fence.pb.h>
#include <csi_proto/identity.pb.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "providers/csi/addresses.h"
#include "providers/foreign_text.h"
#include "providers/results.h"

namespace extvold::providers::csi {
namespace {

using Ranges = std::vector<AddressRange>;

constexpr int kCodeUnimplemented = 12;

// What ListClusterFence shows.
struct Standing {
  Ranges ranges;
  std::string unread;  // the first that is no address; empty: all were read
};

std::string text_of(const Ranges& ranges) {
  std::string text;
  for (const AddressRange& one : ranges) text += (text.empty() ? "" : ", ") + to_text(one);
  return text;
}

class HostFence : public std::enable_shared_from_this<HostFence> {
 public:
  HostFence(CsiDriver& addons, FenceCall call, std::function<void(FenceResult)> done)
      : addons_(addons),
        call_(std::move(call)),
        done_(std::move(done)),
        sent_at_(addons.now()),
        until_(sent_at_ + call_.deadline) {}

  void start() {
    if (Status ready = prepare(); !ready) {
      const Error error = ready.error();
      return addons_.defer([self = shared_from_this(), error] { self->end(error); });
    }
    addons_.call<identity::GetCapabilitiesResponse>(
        "/identity.Identity/GetCapabilities", identity::GetCapabilitiesRequest(), until_,
        [self = shared_from_this()](const Replied<identity::GetCapabilitiesResponse>& reply) {
          if (!reply) return self->end(error_of_look(reply.error()));
          const auto fences = [](const identity::Capability& one) {
            return one.network_fence().type() == identity::Capability::NetworkFence::NETWORK_FENCE;
          };
          const auto& all = reply->capabilities();
          if (std::none_of(all.begin(), all.end(), fences))
            return self->end({Errc::invalid, "the driver's csi-addons do not offer NETWORK_FENCE"});
          self->act();
        });
  }

 private:
  // The addresses that were recorded when attaching, never those that the node has now.
  Status prepare() {
    const auto ranges = ranges_from_text(call_.fence.fence_addresses);
    if (!ranges) {
      return fail(Errc::not_found,
                  "node \"{}\": its addresses were not known when it was attached: add it to "
                  "fence_addresses of provider {}, for the next attach",
                  in_one_line(call_.fence.target, 80), addons_.config().name.value);
    }
    ours_ = *ranges;
    ASSIGN(secrets_, addons_.secrets(addons_.config().fence_secrets_file));
    return {};
  }

  void act() {
    switch (call_.act) {
      case FenceAct::set:
        return change<fence::FenceClusterNetworkRequest, fence::FenceClusterNetworkResponse>(
            "/fence.FenceController/FenceClusterNetwork", ours_, &HostFence::done);
      case FenceAct::check:
        return list(&HostFence::tell);
      case FenceAct::lift:
        return list(&HostFence::lift);
    }
  }

  template <typename Request, typename Response>
  void change(const char* method, const Ranges& ranges, void (HostFence::*then)()) {
    Request request;
    request.mutable_parameters()->insert(addons_.config().fence_parameters.begin(),
                                         addons_.config().fence_parameters.end());
    for (const AddressRange& one : ranges) request.add_cidrs()->set_cidr(to_text(one));
    addons_.call<Response>(method, request, secrets_, until_,
                           [self = shared_from_this(), then](const Replied<Response>& reply) {
                             if (!reply) return self->end(error_of_change(reply.error()));
                             ((*self).*then)();
                           });
  }

  void list(void (HostFence::*then)(const Standing&)) {
    fence::ListClusterFenceRequest request;
    request.mutable_parameters()->insert(addons_.config().fence_parameters.begin(),
                                         addons_.config().fence_parameters.end());
    addons_.call<fence::ListClusterFenceResponse>(
        "/fence.FenceController/ListClusterFence", request, secrets_, until_,
        [self = shared_from_this(), then](const Replied<fence::ListClusterFenceResponse>& reply) {
          // Some drivers have the other two only: what was set there can be taken back, if not seen.
          const bool unseen = !reply && reply.error().code == kCodeUnimplemented;
          if (unseen && self->call_.act == FenceAct::lift) return self->unfence(self->ours_);
          if (!reply) return self->end(error_of_look(reply.error()));
          Standing standing;
          for (const fence::CIDR& one : reply->cidrs()) {
            if (const std::optional<AddressRange> range = address_range_from_text(one.cidr()))
              standing.ranges.push_back(*range);
            else if (standing.unread.empty())
              standing.unread = in_one_line(one.cidr(), 80);
          }
          ((*self).*then)(standing);
        });
  }

  Ranges barred(const Standing& standing) const {
    Ranges out;
    for (const AddressRange& one : ours_) {
      if (covers_all(standing.ranges, one)) out.push_back(one);
    }
    return out;
  }

  // Those of ours in which there is an entry: a wider one that somebody else made stays, and does not count.
  Ranges with_entries(const Standing& standing) const {
    Ranges out;
    for (const AddressRange& one : ours_) {
      const auto is_inside = [&](const AddressRange& entry) { return covers(one, entry); };
      if (std::any_of(standing.ranges.begin(), standing.ranges.end(), is_inside)) out.push_back(one);
    }
    return out;
  }

  void tell(const Standing& standing) {
    // As long as a part of it stands, it is not taken back.
    const bool lifting = call_.fence.state == FenceState::lifting;
    const Ranges found = lifting ? with_entries(standing) : barred(standing);
    const bool holds = lifting ? !found.empty() : found.size() == ours_.size();
    result_.held = holds ? TriState::yes : standing.unread.empty() ? TriState::no : TriState::unknown;
    result_.seen =
        fmt::format("ListClusterFence shows {} of {} address ranges of node {} barred: {}", found.size(),
                    ours_.size(), call_.fence.target, found.empty() ? "none" : text_of(found));
    if (result_.held == TriState::unknown)
      result_.seen += fmt::format("; \"{}\" there is no address", standing.unread);
    done();
  }

  void lift(const Standing& standing) { unfence(with_entries(standing)); }

  void unfence(const Ranges& ranges) {
    if (ranges.empty()) return done();
    change<fence::UnfenceClusterNetworkRequest, fence::UnfenceClusterNetworkResponse>(
        "/fence.FenceController/UnfenceClusterNetwork", ranges, &HostFence::done);
  }

  void end(const Error& error) {
    done_(failed_call(call_, {error.code, fmt::format("host {}: {}", call_.host_name, error.message)},
                      sent_at_, addons_.now()));
  }

  void done() {
    result_.id = call_.fence.id;
    result_.act = call_.act;
    result_.state = FenceCallState::done;
    result_.sent_at = sent_at_;
    result_.ended_at = addons_.now();
    done_(std::move(result_));
  }

  CsiDriver& addons_;
  const FenceCall call_;
  std::function<void(FenceResult)> done_;
  const Instant sent_at_;
  const Instant until_;
  Ranges ours_;
  SecretTexts secrets_;
  FenceResult result_;
};

}  // namespace

void change_host_fence(CsiDriver& addons, FenceCall call, std::function<void(FenceResult)> done) {
  std::make_shared<HostFence>(addons, std::move(call), std::move(done))->start();
}

}  // namespace extvold::providers::csi
