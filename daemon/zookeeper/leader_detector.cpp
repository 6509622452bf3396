#include "daemon/zookeeper/leader_detector.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace extvold::daemon::zookeeper {
namespace {

constexpr Duration kTryLater = seconds(5);

}  // namespace

LeaderDetector::LeaderDetector(uv::Loop& loop, Session& session, std::string path,
                               std::function<void()> changed, std::function<void()> members_changed)
    : session_(session),
      path_(std::move(path)),
      changed_(std::move(changed)),
      members_changed_(std::move(members_changed)),
      retry_(loop) {}

// A connection that broke changes nothing: whoever led still leads as far as anyone can know, until the
// session is lost. After each connection it looks again; watches that were missed are of an earlier round.
void LeaderDetector::on_session(SessionState state) {
  if (state == SessionState::connected) return list();
  ++round_;
  retry_.stop();
  if (state == SessionState::lost)
    set(std::nullopt, fmt::format("there is no session with ZooKeeper: {}", session_.error()));
}

void LeaderDetector::list() {
  ++round_;
  retry_.stop();
  session_.children(path_, in_this_round([this] { list(); }),
                    in_this_round([this](Result<std::vector<std::string>> names) {
                      if (names) return on_children(*names);
                      if (names.error().code == Errc::not_found) return wait_for_path();
                      try_later(names.error());
                    }));
}

// No master has ever been started with this path.
void LeaderDetector::wait_for_path() {
  set(std::nullopt, fmt::format("ZooKeeper has no {}: no master has registered there; is it the path of the "
                                "masters' --zk?",
                                path_));
  session_.exists(path_, in_this_round([this] { list(); }), in_this_round([this](const Result<bool>& exists) {
                    if (!exists) return try_later(exists.error());
                    if (*exists) list();
                  }));
}

void LeaderDetector::on_children(const std::vector<std::string>& names) {
  std::vector<MasterNode> nodes;
  for (const std::string& name : names) {
    if (auto node = parse_node_name(name)) nodes.push_back(std::move(*node));
  }
  if (nodes.empty()) return set(std::nullopt, fmt::format("no master has a node below {}", path_));
  std::sort(nodes.begin(), nodes.end(), [](const MasterNode& a, const MasterNode& b) {
    return std::tie(a.sequence, a.name) < std::tie(b.sequence, b.name);
  });
  read_members(nodes);
  // What is in a node never changes, so the same one needs no second look.
  if (leader_ && leader_->node == nodes.front().name && leader_->unreadable.empty()) return;
  read(std::move(nodes), 0, {});
}

void LeaderDetector::read_members(const std::vector<MasterNode>& nodes) {
  std::erase_if(members_read_, [&](const std::string& name) {
    return std::none_of(nodes.begin(), nodes.end(),
                        [&](const MasterNode& node) { return node.name == name; });
  });
  for (const MasterNode& node : nodes) {
    if (members_read_.contains(node.name)) continue;
    session_.get(fmt::format("{}/{}", path_, node.name),
                 in_this_round([this, node](const Result<Node>& read) { on_member(node, read); }));
  }
}

// One that has gone, or cannot be read yet: the next list asks again if it is still there.
void LeaderDetector::on_member(const MasterNode& node, const Result<Node>& read) {
  if (!read) return;
  members_read_.insert(node.name);
  const Result<MasterInfo> master = parse_master(node.format, read->data);
  if (!master) return;
  constexpr std::size_t kMembersMax = 1000;
  const std::size_t before = members_.size();
  for (const std::string& name : {master->host, master->hostname}) {
    if (!name.empty() && members_.size() < kMembersMax) members_.insert(name);
  }
  if (members_.size() != before) members_changed_();
}

void LeaderDetector::read(std::vector<MasterNode> nodes, std::size_t index, std::string unreadable) {
  if (index == nodes.size()) return set(std::nullopt, std::move(unreadable));
  const std::string path = fmt::format("{}/{}", path_, nodes[index].name);
  session_.get(path,
               in_this_round([this, nodes = std::move(nodes), index, unreadable = std::move(unreadable)](
                                 const Result<Node>& node) { on_data(nodes, index, unreadable, node); }));
}

void LeaderDetector::on_data(std::vector<MasterNode> nodes, std::size_t index, std::string unreadable,
                             const Result<Node>& node) {
  const std::string& name = nodes[index].name;
  if (!node && node.error().code == Errc::not_found && index == 0) {
    // Gone between list and get. The watch of the list tells of what follows.
    return set(std::nullopt, fmt::format("the leader's node {}/{} has just gone", path_, name));
  }
  if (!node && node.error().code == Errc::unavailable) return;  // the session's end or return follows
  const Result<MasterInfo> master =
      node ? parse_master(nodes[index].format, node->data) : tl::make_unexpected(node.error());
  if (!master) {
    if (index == 0)
      unreadable = fmt::format("the leader's node {}/{} {}", path_, name, master.error().message);
    return read(std::move(nodes), index + 1, std::move(unreadable));
  }
  set(Leader{nodes.front().name, *master, std::move(unreadable)}, {});
}

void LeaderDetector::set(std::optional<Leader> leader, std::string why_none) {
  if (leader == leader_ && why_none == why_none_) return;
  leader_ = std::move(leader);
  why_none_ = std::move(why_none);
  changed_();
}

void LeaderDetector::try_later(const Error& error) {
  if (error.code == Errc::unavailable) return;  // the session's end or return follows
  set(std::nullopt,
      error.code == Errc::permission
          ? fmt::format("{}: give extvold's user in ZooKeeper the right to read it", error.message)
          : error.message);
  retry_.start(kTryLater, [this] { list(); });
}

}  // namespace extvold::daemon::zookeeper
