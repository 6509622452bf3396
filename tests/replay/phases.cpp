#include "tests/replay/phases.h"

#include <algorithm>
#include <limits>
#include <string_view>

namespace extvold::replay {
namespace {

constexpr Millis kWatchTimeout = 1000;  // of the recorder's calls
constexpr Millis kNoticedWithin =
    2500;  // the watch asks each endpoint about once a second, one call after the other

enum class Sign { froze, thawed, died, refused, alive };

struct Signal {
  Millis t = 0;
  Sign sign = Sign::alive;
};

bool concerns(const Action& action, const Endpoint& endpoint) {
  return action.endpoint == endpoint.name || (action.endpoint.empty() && endpoint.is_master());
}

std::vector<Signal> find_signals(const Recording& recording, const Endpoint& endpoint) {
  std::vector<Signal> signals;
  for (const Action& action : recording.actions) {
    if (!concerns(action, endpoint)) continue;
    if (action.name == "freeze") signals.push_back({action.t, Sign::froze});
    if (action.name == "thaw") signals.push_back({action.t, Sign::thawed});
    if (action.name == "master dies" || action.name.starts_with("kill -9"))
      signals.push_back({action.t, Sign::died});
  }
  for (const Row& row : recording.rows) {
    if (row.endpoint != endpoint.name) continue;
    if (row.outcome == Outcome::refused) signals.push_back({row.t, Sign::refused});
    if (row.outcome == Outcome::answered) signals.push_back({row.t, Sign::alive});
  }
  if (endpoint.is_master()) {
    for (const Connection& connection : recording.connections)
      signals.push_back({connection.opened, Sign::alive});
  }
  std::stable_sort(signals.begin(), signals.end(),
                   [](const Signal& a, const Signal& b) { return a.t < b.t; });
  return signals;
}

// After a death an answer may still be a late one of the dead process: if the watch met a refusal soon after,
// only what follows that refusal shows a new process.
Millis dead_until(const std::vector<Signal>& signals, std::size_t death) {
  const Millis died = signals[death].t;
  for (std::size_t i = death + 1; i < signals.size() && signals[i].t <= died + kNoticedWithin; ++i) {
    if (signals[i].sign == Sign::refused) return signals[i].t;
  }
  return died;
}

}  // namespace

std::vector<Phase> find_phases(const Recording& recording, const Endpoint& endpoint) {
  std::vector<Phase> phases{{std::numeric_limits<Millis>::min(), Condition::refused, 0}};
  const auto turn = [&](Millis t, Condition condition, int process) {
    if (phases.back().condition == condition) return;
    phases.push_back({t, condition, process});
  };
  const std::vector<Signal> signals = find_signals(recording, endpoint);
  Millis dead = std::numeric_limits<Millis>::min();
  for (std::size_t i = 0; i < signals.size(); ++i) {
    const Signal& signal = signals[i];
    const Condition now = phases.back().condition;
    const int process = phases.back().process;
    switch (signal.sign) {
      case Sign::froze:
        if (now == Condition::answering) turn(signal.t, Condition::frozen, process);
        break;
      case Sign::thawed:
        if (now == Condition::frozen) turn(signal.t, Condition::answering, process);
        break;
      case Sign::died:
        dead = dead_until(signals, i);
        turn(signal.t, Condition::refused, process);
        break;
      case Sign::refused:
        if (now == Condition::answering) turn(signal.t, Condition::refused, process);
        break;
      case Sign::alive:
        if (now == Condition::refused && signal.t > dead) turn(signal.t, Condition::answering, process + 1);
        break;
    }
  }
  return phases;
}

bool explained_by_freeze(const Recording& recording, const Row& row) {
  const Action* freeze = nullptr;
  for (const Action& action : recording.actions) {
    if (action.endpoint != row.endpoint || action.t > row.t) continue;
    if (action.name == "freeze") freeze = &action;
    if (action.name == "thaw" && action.t <= row.t - kWatchTimeout) freeze = nullptr;
  }
  return freeze != nullptr;
}

}  // namespace extvold::replay
