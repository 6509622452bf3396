// ZooKeeper's part in the driver: who leads, and who of several daemons acts.
#include <fmt/format.h>

#include <utility>

#include "daemon/driver.h"
#include "daemon/ingest/record_decoder.h"

namespace extvold::daemon {

void Driver::connect_zookeeper() {
  if (!options_.masters.zookeeper) return;
  zookeeper::Link::Callbacks callbacks;
  callbacks.leader = [this] { on_leader(); };
  callbacks.guard = [this] { on_guard(); };
  callbacks.session = [this] { on_zookeeper_session(); };
  callbacks.masters = [this] { note_masters({link_->masters().begin(), link_->masters().end()}); };
  link_ = std::make_unique<zookeeper::Link>(parts_.loop, parts_.clock, parts_.random,
                                            *options_.masters.zookeeper, std::move(callbacks));
  settle_candidate();
  if (configured_observe_only_.empty()) policy_.observe_only = link_->guard_reason(parts_.clock.now());
  link_->start();
}

void Driver::disconnect_zookeeper() {
  if (link_ == nullptr) return;
  if (calls_running_ > 0) link_->abandon();  // they go on without us
  takeover_.stop();
  link_.reset();
}

// The events of an old connection are void from here on, whatever its master still sends: it may not know yet
// that it does not lead any more.
void Driver::on_leader() {
  const auto& leader = link_->leader();
  if (leader) {
    parts_.log.info("leader_found", {{"master", link_->leader_url()},
                                     {"node", leader->node},
                                     {"master_id", leader->master.id},
                                     {"unreadable", leader->unreadable}});
  } else {
    parts_.log.warning("leader_unknown", {{"reason", link_->why_none()}});
  }
  std::string node = leader ? leader->node : std::string();
  std::string url = link_->leader_url();
  const bool same = leader && node == leader_node_ && url == leader_url_;
  leader_node_ = std::move(node);
  leader_url_ = std::move(url);
  if (subscription_ == nullptr) return;
  if (!subscription_begun_) {
    if (leader) return begin_subscription();
    subscription_error_ = link_->why_none();
    return post_event(extvold::SubscriptionClosed{subscription_error_});
  }
  if (same) return;
  reader_.cancel_master();
  decoder_.reset();
  subscription_->drop(Errc::unavailable,
                      leader ? fmt::format("{} leads now", leader_url_) : link_->why_none());
  subscription_->retry_now();
}

void Driver::on_zookeeper_session() {
  const std::string address = options_.masters.zookeeper->address.text();
  const zookeeper::SessionState state = link_->session_state();
  if (state == zookeeper::SessionState::connected)
    parts_.log.info("zookeeper_connected", {{"address", address}, {"session", link_->status().session_id}});
  if (state == zookeeper::SessionState::lost)
    parts_.log.warning("zookeeper_lost", {{"address", address}, {"reason", link_->session_error()}});
}

void Driver::on_guard() {
  guard_news_ = true;
  if (!refresh_guard()) return;
  policy_told_ = false;
  post(reconcilers::TimerFired{});  // drain() tells the engine before anything else
}

// A guard that is not wanted any more is kept until the calls that it covers have ended.
void Driver::settle_candidate() {
  if (link_ == nullptr) return;
  const bool wanted = configured_observe_only_.empty();
  if (wanted || calls_running_ == 0) link_->set_candidate(wanted);
}

// True: policy_.observe_only has changed. A guard that was lost and taken again meanwhile counts as lost
// first: others may have acted in between.
bool Driver::refresh_guard() {
  if (link_ == nullptr || !configured_observe_only_.empty()) return false;
  const Instant now = parts_.clock.now();
  const std::int64_t epoch = link_->guard_epoch(now);
  const bool acts = policy_.observe_only.empty();
  if (acts && epoch == guard_epoch_) return refresh_former();
  if (!acts && epoch == 0 && !std::exchange(guard_news_, false)) return false;
  std::string why = link_->guard_reason(now);
  if (acts && why.empty()) why = "extvold's guard in ZooKeeper was lost for a moment";
  if (why == policy_.observe_only) return false;
  policy_.observe_only = std::move(why);
  guard_epoch_ = policy_.observe_only.empty() ? epoch : 0;
  takeover_.stop();
  if (guard_epoch_ != 0) {
    refresh_former();
    if (policy_.takes_over) wait_for_former();
    const zookeeper::LinkStatus status = link_->status();
    parts_.log.info("guard_held",
                    {{"path", status.guard_path}, {"node", status.guard_node}, {"epoch", guard_epoch_}});
  } else {
    parts_.log.write(acts ? LogLevel::warning : LogLevel::info, "guard_not_held",
                     std::vector<LogField>{{"reason", policy_.observe_only}});
  }
  return true;
}

// True: what the policy says of the daemons that acted before has changed.
bool Driver::refresh_former() {
  const bool same =
      policy_.others_acted == link_->others_acted() && policy_.takes_over == link_->takes_over();
  policy_.others_acted = link_->others_acted();
  policy_.takes_over = link_->takes_over();
  return !same;
}

// Its last call was begun before the guard came to us, and is over after its deadline and its provider's
// settle time.
void Driver::wait_for_former() {
  takeover_.start(policy_.call_takes_at_most(), [this] { link_->end_takeover(); });
}

bool Driver::may_start_calls() const {
  return link_ == nullptr || (guard_epoch_ != 0 && link_->guard_epoch(parts_.clock.now()) == guard_epoch_);
}

}  // namespace extvold::daemon
