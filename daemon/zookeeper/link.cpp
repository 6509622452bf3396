#include "daemon/zookeeper/link.h"

#include <fmt/format.h>

#include <utility>

namespace extvold::daemon::zookeeper {

Link::Link(uv::Loop& loop, const Clock& clock, Random& random, LinkOptions options, Callbacks callbacks)
    : loop_(loop),
      clock_(clock),
      options_(std::move(options)),
      callbacks_(std::move(callbacks)),
      session_(loop, clock, random, options_.address, options_.session,
               {[this](SessionState state) { on_session(state); },
                [this] {
                  if (guard_) guard_->on_confirmed();
                }}),
      detector_(
          loop, session_, options_.address.path, [this] { callbacks_.leader(); },
          [this] { callbacks_.masters(); }) {}

void Link::start() {
  session_since_ = clock_.wall();
  session_.start();
}

void Link::set_candidate(bool candidate) {
  if (candidate == guard_.has_value()) return;
  if (!candidate) {
    guard_.reset();
    return remove_guard_nodes();
  }
  may_have_nodes_ = true;
  guard_.emplace(loop_, clock_, session_, options_.guard_path, options_.identity,
                 [this] { callbacks_.guard(); });
  guard_->set_ledger(ledger_);
}

void Link::set_ledger(std::string ledger) {
  ledger_ = std::move(ledger);
  if (guard_) guard_->set_ledger(ledger_);
}

// Found by their names, because one may just be being made; done again after each connection, because the
// requests may be lost with it. A node that stayed would keep every daemon from acting.
void Link::remove_guard_nodes() {
  if (!may_have_nodes_ || !session_.connected()) return;
  session_.children(options_.guard_path, nullptr, [this](const Result<std::vector<std::string>>& names) {
    if (!names || guard_) return;
    const std::string prefix = guard_node_prefix(session_.id());
    for (const std::string& name : *names) {
      if (name.starts_with(prefix)) session_.remove(fmt::format("{}/{}", options_.guard_path, name));
    }
  });
}

void Link::on_session(SessionState state) {
  session_since_ = clock_.wall();
  if (state == SessionState::lost) may_have_nodes_ = guard_.has_value();
  if (guard_) guard_->on_session(state);
  if (!guard_ && state == SessionState::connected) remove_guard_nodes();
  detector_.on_session(state);
  callbacks_.session();
}

Result<std::vector<std::string>> Link::master_urls() const {
  if (!leader()) return fail(Errc::unavailable, "{}: {}", options_.address.text(), why_none());
  return std::vector<std::string>{leader_url()};
}

std::string Link::leader_url() const {
  return leader() ? leader()->master.url(options_.https) : std::string();
}

std::string Link::guard_reason(Instant now) const {
  if (!guard_) return "this daemon does not ask for the guard in ZooKeeper";
  return guard_->reason(now);
}

LinkStatus Link::status() const {
  LinkStatus out;
  out.address = options_.address.text();
  out.session = session_.state();
  out.session_since = session_since_;
  if (session_.id() != 0) out.session_id = fmt::format("0x{:x}", static_cast<std::uint64_t>(session_.id()));
  out.session_error = session_.error();
  if (leader()) {
    out.leader_node = leader()->node;
    out.leader_id = leader()->master.id;
    out.leader_url = leader_url();
    out.leader_hostname = leader()->master.hostname;
    out.leader_error = leader()->unreadable;
  } else {
    out.leader_error = why_none();
  }
  out.guard_path = options_.guard_path;
  const Instant now = clock_.now();
  out.guard_acting = guard_acting(now);
  out.guard_reason = guard_reason(now);
  if (guard_) {
    out.guard_node = guard_->node();
    out.guard_epoch = out.guard_acting ? guard_->epoch() : 0;
    out.guard_holder = guard_->holder();
    out.guard_takes_over = out.guard_acting && guard_->takes_over();
  }
  return out;
}

}  // namespace extvold::daemon::zookeeper
