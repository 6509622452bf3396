// Link: everything that the daemon has of ZooKeeper: the session, the leader's detector and the guard.
//
// Loop thread only; outlived by everything given to the constructor. The callbacks come from the loop, never
// from inside a member function, and must not destroy the Link.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/zookeeper/guard.h"
#include "daemon/zookeeper/leader_detector.h"
#include "daemon/zookeeper/session.h"

namespace extvold::daemon::zookeeper {

struct LinkOptions {
  Address address;
  bool https = false;  // how masters are spoken to: ZooKeeper does not say
  SessionOptions session;
  std::string guard_path;  // "/extvold/mesos"
  GuardIdentity identity;
};

struct LinkStatus {  // for people: without credentials
  std::string address;
  SessionState session = SessionState::closed;
  WallTime session_since;
  std::string session_id;  // "0x1000..."; empty: none
  std::string session_error;
  std::string leader_node;  // empty: nobody is known to lead, and leader_error says why
  std::string leader_id;
  std::string leader_url;
  std::string leader_hostname;
  std::string leader_error;  // with a leader: why its node could not be read and another master is asked
  std::string guard_path;
  bool guard_acting = false;
  std::string guard_node;
  std::int64_t guard_epoch = 0;
  std::string guard_holder;
  std::string guard_reason;
  bool guard_takes_over = false;  // it is held, and the calls of the daemon before may still take effect
};

class Link {
 public:
  struct Callbacks {
    std::function<void()> leader;  // leader() or why_none() has changed
    std::function<void()> guard;   // guard_reason() may have changed
    std::function<void()> session;
    std::function<void()> masters = [] {};  // masters() has changed
  };

  Link(uv::Loop& loop, const Clock& clock, Random& random, LinkOptions options, Callbacks callbacks);
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  void start();
  // False: this daemon does not want to act, and leaves the guard to others, at once.
  void set_candidate(bool candidate);
  // Work of ours goes on: the guard passes to others only when the session's time-out is over.
  void abandon() { session_.abandon(); }

  const std::optional<Leader>& leader() const { return detector_.leader(); }
  // Where to subscribe; unavailable while nobody leads.
  Result<std::vector<std::string>> master_urls() const;
  std::string leader_url() const;  // empty: nobody leads
  const std::string& why_none() const { return detector_.why_none(); }
  // Host names and addresses of all masters that this process has seen in the election.
  const std::set<std::string>& masters() const { return detector_.members(); }
  // Why nothing may be done at `now`; empty: this daemon holds the guard.
  std::string guard_reason(Instant now) const;
  bool guard_acting(Instant now) const { return guard_ && guard_->acting(now); }
  // Another number each time that the guard is taken; 0: it is not held at `now`.
  std::int64_t guard_epoch(Instant now) const { return guard_acting(now) ? guard_->epoch() : 0; }
  // It is known who acts.
  bool guard_decided(Instant now) const { return guard_acting(now) || (guard_ && !guard_->holder().empty()); }

  // While the guard is held: whether daemons with other ledgers have acted, and whether one of them did last.
  bool others_acted() const { return !guard_ || guard_->others_acted(); }
  bool takes_over() const { return !guard_ || guard_->takes_over(); }
  void set_ledger(std::string ledger);
  void end_takeover() {
    if (guard_) guard_->end_takeover();
  }

  SessionState session_state() const { return session_.state(); }
  const std::string& session_error() const { return session_.error(); }
  LinkStatus status() const;

 private:
  void on_session(SessionState state);
  void remove_guard_nodes();

  uv::Loop& loop_;
  const Clock& clock_;
  LinkOptions options_;
  Callbacks callbacks_;
  Session session_;
  LeaderDetector detector_;
  std::optional<Guard> guard_;
  std::string ledger_;
  bool may_have_nodes_ = false;  // of the guard, in this session
  WallTime session_since_;
};

}  // namespace extvold::daemon::zookeeper
