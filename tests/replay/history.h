// What a recording says of any moment T: who answers, with which row, what state the master's books are in,
// which SUBSCRIBE stream is open. Pure; immutable after construction, any thread; the Recording must outlive
// it.
//
// "Before the clock" (an absent T) is the time until the first subscriber comes: everything answers as at its
// first good row, so that a client that looks around before it subscribes finds a whole cluster.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/replay/cluster_state.h"
#include "tests/replay/recording.h"

namespace extvold::replay {

using Moment = std::optional<Millis>;  // absent: before the clock

enum class Condition {
  refused,  // nothing listens
  frozen,   // the kernel accepts, nobody answers
  answering,
};

// From `from` on (until the next phase) an endpoint is in this condition. `process` counts its starts:
// answers of an earlier process say nothing about a later one.
struct Phase {
  Millis from = 0;
  Condition condition = Condition::refused;
  int process = 0;
};

class History {
 public:
  explicit History(const Recording& recording);

  const Recording& recording() const { return *recording_; }

  // Phases by time; the first begins at the lowest Millis.
  const std::vector<Phase>& phases(const std::string& endpoint) const;
  Condition condition(const std::string& endpoint, Moment at) const;

  // The row that answers: the latest at or before `at` of the same process, else its first one, else (the
  // process never was asked) the latest before. nullptr: the recording has none. `view` as in Row; 0 matches
  // all.
  const Row* row(const std::string& endpoint, const std::string& call, const Json& arguments, int view,
                 Moment at) const;
  // The same, but only a row at or before `at` of the same process: what had been told by then.
  const Row* told(const std::string& endpoint, const std::string& call, int view, Millis at) const;

  // The stream that is open at `at`. With views it is the view's own, at any time. nullptr: none.
  const Connection* connection(int view, Millis at) const;
  bool has_views() const { return recording_->unauthorized.has_value(); }

  // The view that a row of this recording belongs to; 0: everybody's.
  int view_of(const Row& row) const;

  // When the clock starts: the recorded opening of the first connection (of that view).
  Millis start(int view) const;

  // The state of the connection's master at `at`: snapshot, events, and what rows told that events never say.
  ClusterState state(const Connection& connection, Millis at) const;
  // From the stream alone.
  static ClusterState state_by_events(const Connection& connection, Millis at);

 private:
  const Phase& phase(const std::string& endpoint, Millis at) const;
  void assign_views();

  const Recording* recording_;
  std::map<std::string, std::vector<Phase>> phases_;
  std::vector<int> views_;  // by row
};

}  // namespace extvold::replay
