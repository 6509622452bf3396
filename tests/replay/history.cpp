#include "tests/replay/history.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "model/check.h"
#include "tests/replay/phases.h"

namespace extvold::replay {
namespace {

constexpr Millis kSameBatch = 500;  // polls of one batch follow each other without a pause

// The recordings are checked when they are loaded: a record that cannot be folded is a bug of ours.
ClusterState fold(const Connection& connection, Millis at) {
  auto state = ClusterState::from_subscribed(connection.records.front().value);
  EXTVOLD_CHECK(state.has_value());
  for (std::size_t i = 1; i < connection.records.size() && connection.records[i].t <= at; ++i) {
    state->apply(connection.records[i].t, connection.records[i].value);
  }
  return std::move(*state);
}

std::set<std::string> task_ids(const Json& tasks) {
  std::set<std::string> ids;
  for (const Json& task : tasks)
    ids.insert(text_at(task, {"task_id", "value"}) + " " + text_at(task, {"state"}));
  return ids;
}

// Whether this answer to GET_TASKS shows what the connection's principal may see at that time.
bool shows(const Json& answer, const Connection& connection, Millis at) {
  const ClusterState state = fold(connection, at);
  for (const char* name : {"tasks", "unreachable_tasks", "completed_tasks"}) {
    const Json* told = find_path(answer, {"get_tasks", name});
    if (told == nullptr || task_ids(*told) != task_ids(state.list("get_tasks", name))) return false;
  }
  return true;
}

bool is_good(const Row& row) {
  return row.outcome == Outcome::answered && row.status >= 200 && row.status < 300;
}

}  // namespace

History::History(const Recording& recording) : recording_(&recording) {
  for (const Endpoint& endpoint : recording.endpoints) {
    phases_[endpoint.name] = find_phases(recording, endpoint);
  }
  for (const Row& row : recording.rows) views_.push_back(row.view);
  if (has_views()) assign_views();
}

// A recording does not say with whose credentials a call was made: polls and watch both change theirs on the
// way. Calls come in batches; a batch belongs to the principal whose stream agrees with its GET_TASKS (the
// watch leaves an answer out that did not change: then with its last one). Plain GETs show everybody the
// same.
void History::assign_views() {
  for (const bool polled : {true, false}) {
    int view = recording_->connections.front().number;
    Json tasks;
    std::vector<std::size_t> batch;
    const auto close_batch = [&] {
      if (batch.empty()) return;
      const Millis t = recording_->rows[batch.back()].t;
      for (const std::size_t i : batch) {
        if (recording_->rows[i].call == "GET_TASKS") tasks = parse_json(recording_->rows[i].body);
      }
      for (const Connection& connection : recording_->connections) {
        if (connection.opened > t || !shows(tasks, connection, t)) continue;
        view = connection.number;
        break;
      }
      for (const std::size_t i : batch) views_[i] = view;
      batch.clear();
    };
    for (std::size_t i = 0; i < recording_->rows.size(); ++i) {
      const Row& row = recording_->rows[i];
      if (row.endpoint != "m1" || row.polled != polled || row.call.starts_with('/')) continue;
      if (!batch.empty() && row.t - recording_->rows[batch.back()].t > kSameBatch) close_batch();
      batch.push_back(i);
    }
    close_batch();
  }
}

int History::view_of(const Row& row) const {
  const auto index = static_cast<std::size_t>(&row - recording_->rows.data());
  EXTVOLD_CHECK(index < views_.size());
  return views_[index];
}

const std::vector<Phase>& History::phases(const std::string& endpoint) const {
  const auto found = phases_.find(endpoint);
  EXTVOLD_CHECK(found != phases_.end());
  return found->second;
}

const Phase& History::phase(const std::string& endpoint, Millis at) const {
  const auto& all = phases(endpoint);
  const auto next = std::upper_bound(all.begin(), all.end(), at,
                                     [](Millis t, const Phase& phase) { return t < phase.from; });
  return *(next - 1);
}

Condition History::condition(const std::string& endpoint, Moment at) const {
  if (at) return phase(endpoint, *at).condition;
  const auto& rows = recording_->rows;
  const bool ever = std::any_of(rows.begin(), rows.end(),
                                [&](const Row& row) { return row.endpoint == endpoint && is_good(row); });
  return ever ? Condition::answering : Condition::refused;
}

const Row* History::row(const std::string& endpoint, const std::string& call, const Json& arguments, int view,
                        Moment at) const {
  const Row* latest_same = nullptr;
  const Row* first_same = nullptr;
  const Row* latest = nullptr;
  const Row* first = nullptr;
  const int process = at ? phase(endpoint, *at).process : 0;
  for (std::size_t i = 0; i < recording_->rows.size(); ++i) {
    const Row& row = recording_->rows[i];
    if (row.endpoint != endpoint || row.call != call || row.arguments != arguments) continue;
    if (view != 0 && views_[i] != 0 && views_[i] != view) continue;
    if (!at) {
      if (is_good(row)) return &row;
      continue;
    }
    if (row.outcome == Outcome::refused) continue;  // a matter of phases
    if (row.outcome == Outcome::timed_out && explained_by_freeze(*recording_, row)) continue;
    const bool same = phase(endpoint, row.t).process == process;
    if (row.t <= *at) {
      latest = &row;
      if (same) latest_same = &row;
    } else {
      if (first == nullptr) first = &row;
      if (same && first_same == nullptr) first_same = &row;
    }
  }
  for (const Row* found : {latest_same, first_same, latest, first}) {
    if (found != nullptr) return found;
  }
  return nullptr;
}

const Row* History::told(const std::string& endpoint, const std::string& call, int view, Millis at) const {
  const Row* found = row(endpoint, call, Json(), view, at);
  if (found == nullptr || found->t > at || !is_good(*found)) return nullptr;
  return phase(endpoint, found->t).process == phase(endpoint, at).process ? found : nullptr;
}

const Connection* History::connection(int view, Millis at) const {
  const Connection* found = nullptr;
  for (const Connection& connection : recording_->connections) {
    if (has_views()) {
      if (connection.number == view) return &connection;
    } else if (connection.opened <= at && (!connection.closed || at < *connection.closed)) {
      found = &connection;
    }
  }
  return found;
}

Millis History::start(int view) const {
  Millis start = std::numeric_limits<Millis>::max();
  for (const Connection& connection : recording_->connections) {
    if (view == 0 || !has_views() || connection.number == view) start = std::min(start, connection.opened);
  }
  return start;
}

ClusterState History::state_by_events(const Connection& connection, Millis at) {
  return fold(connection, at);
}

ClusterState History::state(const Connection& connection, Millis at) const {
  ClusterState state = fold(connection, at);
  const int view = has_views() ? connection.number : 0;
  if (const Row* agents = told("m1", "GET_AGENTS", view, at))
    state.refresh_agents(agents->t, parse_json(agents->body));
  if (const Row* executors = told("m1", "GET_EXECUTORS", view, at)) {
    state.refresh_executors(parse_json(executors->body));
  }
  return state;
}

}  // namespace extvold::replay
