// LeaderDetector: which master leads, by the election's nodes below one path.
//
// The master whose node has the lowest sequence number leads, whatever its label is. While nobody is known to
// lead, why_none() says why. If the leader's node cannot be read, the next readable master is answered with,
// because it redirects to the leader.
//
// Loop thread only; outlived by the Session. Its owner tells it what becomes of the session. `changed` comes
// from the session's callbacks, never from inside a member function other than on_session(), whenever
// leader() or why_none() has changed, `members_changed` when members() has; neither may destroy the
// LeaderDetector.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/uv/timer.h"
#include "daemon/zookeeper/master_node.h"
#include "daemon/zookeeper/session.h"

namespace extvold::daemon::zookeeper {

struct Leader {
  std::string node;        // its name; another one is another term of office, also of the same master
  MasterInfo master;       // who is to be asked
  std::string unreadable;  // not empty: why the leader itself could not be read, and `master` is another
  bool operator==(const Leader&) const = default;
};

class LeaderDetector {
 public:
  LeaderDetector(uv::Loop& loop, Session& session, std::string path, std::function<void()> changed,
                 std::function<void()> members_changed);
  LeaderDetector(const LeaderDetector&) = delete;
  LeaderDetector& operator=(const LeaderDetector&) = delete;

  void on_session(SessionState state);

  const std::optional<Leader>& leader() const { return leader_; }
  const std::string& why_none() const { return why_none_; }
  // Host names and addresses of all masters that were ever seen in the election, in order. A master that left
  // it may be cut off from ZooKeeper, and a master yet.
  const std::set<std::string>& members() const { return members_; }

 private:
  void list();
  void wait_for_path();
  void on_children(const std::vector<std::string>& names);
  void read_members(const std::vector<MasterNode>& nodes);
  void on_member(const MasterNode& node, const Result<Node>& read);
  void read(std::vector<MasterNode> nodes, std::size_t index, std::string unreadable);
  void on_data(std::vector<MasterNode> nodes, std::size_t index, std::string unreadable,
               const Result<Node>& node);
  void set(std::optional<Leader> leader, std::string why_none);
  void try_later(const Error& error);

  template <typename F>
  auto in_this_round(F then) {
    return [this, then, round = round_, alive = std::weak_ptr<int>(alive_)](auto&&... args) {
      if (!alive.expired() && round == round_) then(std::forward<decltype(args)>(args)...);
    };
  }

  Session& session_;
  std::string path_;
  std::function<void()> changed_;
  std::function<void()> members_changed_;
  std::optional<Leader> leader_;
  std::string why_none_ = "ZooKeeper was not asked yet";
  std::set<std::string> members_;
  std::set<std::string> members_read_;  // nodes of the election whose data was read
  std::int64_t round_ = 0;              // of looking; what belongs to an earlier one is dropped
  uv::Timer retry_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace extvold::daemon::zookeeper
