// Guard: of all daemons of a cluster, the one that may act.
//
// Each has an ephemeral sequential node below one path; the lowest acts. acting() is a question about now, to
// be asked before each call to a provider: it is true only while the session is known to exist at the servers
// for a good while yet, a third of its time-out, so that this daemon has stopped before another can begin,
// also if it was frozen meanwhile. What it cannot do: end a call that a provider is already carrying out. So
// each ledger whose daemon acts leaves a permanent node beside the others: whoever acts next sees whose calls
// may still take effect (docs/decisions/0037).
//
// Loop thread only; outlived by the Session. Its owner tells it what becomes of the session. `changed` comes
// when acting() or reason() may have changed, from callbacks of the session or the loop; it must not destroy
// the Guard.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/clock.h"
#include "daemon/uv/timer.h"
#include "daemon/zookeeper/session.h"

namespace extvold::daemon::zookeeper {

// How the names of a session's own nodes begin.
std::string guard_node_prefix(std::int64_t session_id);

// Whose daemons have acted, by the names of the nodes that their ledgers left.
struct ActedBefore {
  bool others = false;           // also other ledgers'
  bool newest_is_other = false;  // the last that acted was one
  std::string own;               // the newest of this ledger's; empty: none
  std::vector<std::string> own_older;
};
ActedBefore acted_before(const std::vector<std::string>& names, std::string_view ledger);

struct GuardIdentity {  // what others are told about who acts
  std::string host;
  std::int64_t pid = 0;
};

class Guard {
 public:
  Guard(uv::Loop& loop, const Clock& clock, Session& session, std::string path, GuardIdentity identity,
        std::function<void()> changed);  // its node stays when it is destroyed
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  void on_session(SessionState state);
  void on_confirmed();
  // By which ledger this daemon acts, its id and incarnation; empty: by none that is known, and all that
  // acted before were others.
  void set_ledger(std::string ledger);
  // The calls of the one before are over.
  void end_takeover();

  // Daemons with other ledgers have acted, or may have; and one of them did so last. While acting.
  bool others_acted() const { return others_acted_; }
  bool takes_over() const { return takes_over_; }

  bool acting(Instant now) const { return lowest_ && now < held_until(); }
  // Why this daemon does not act, the holder by name; empty if it does.
  std::string reason(Instant now) const;

  const std::string& path() const { return path_; }
  const std::string& node() const { return node_; }  // our own; empty: none
  std::int64_t epoch() const { return epoch_; }      // our node's czxid while we act, else 0
  // Who acts, "host m1 (pid 12)"; empty: nobody is known.
  const std::string& holder() const { return holder_; }

 private:
  Instant held_until() const;
  void make_path(std::size_t from);
  void make_part(const std::string& part, std::size_t end);
  void look_for_own();
  void create();
  void list();
  void on_members(const std::vector<std::string>& names);
  void read_lowest(const std::string& name);
  void know_nothing_of_former();
  void judge_former();
  void on_former(const ActedBefore& before);
  void record_acted(const ActedBefore& before);
  void set_lowest(bool lowest, std::int64_t epoch, std::string holder, std::string error);
  void lapse();
  void failed(const Error& error);
  std::string own_prefix() const { return guard_node_prefix(session_.id()); }
  std::string node_data() const;

  template <typename F>
  auto in_this_round(F then) {
    return [this, then, round = round_, alive = std::weak_ptr<int>(alive_)](auto&&... args) {
      if (!alive.expired() && round == round_) then(std::forward<decltype(args)>(args)...);
    };
  }

  // Our own records change the list of members, and begin another round.
  template <typename F>
  auto while_held(F then) {
    return [this, then, node = node_, alive = std::weak_ptr<int>(alive_)](auto&&... args) {
      if (!alive.expired() && lowest_ && node == node_) then(std::forward<decltype(args)>(args)...);
    };
  }

  const Clock& clock_;
  Session& session_;
  std::string path_;
  GuardIdentity identity_;
  std::function<void()> changed_;

  std::string node_;
  bool lowest_ = false;
  bool lapsed_ = false;  // it was given up for want of a confirmation
  std::string ledger_;
  bool others_acted_ = true;
  bool takes_over_ = true;
  bool wait_is_over_ = false;
  std::int64_t epoch_ = 0;
  std::string holder_;
  std::string error_;
  std::int64_t round_ = 0;
  uv::Timer retry_;
  uv::Timer lapse_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace extvold::daemon::zookeeper
