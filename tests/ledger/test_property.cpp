// The ledger and the snapshot are two images of the same changes: after every batch, and after opening the
// file again.
#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <map>

#include "tests/ledger/ledger_fixture.h"

namespace extvold::ledger {
namespace {

// As value_of(), but a failure goes to RapidCheck, which makes the example smaller.
template <typename T>
T checked(Result<T> result) {
  if (!result) RC_FAIL(result.error().message);
  return std::move(*result);
}

// What the ledger keeps and the snapshot does not: tasks and history, kept here in the plainest way.
class Oracle {
 public:
  void apply(const Batch& batch) {
    not_found = 0;
    for (const Change& change : batch.changes) {
      if (const auto* row = std::get_if<TaskRow>(&change)) put(*row);
      if (const auto* row = std::get_if<TaskStateChange>(&change)) apply(*row);
      if (const auto* row = std::get_if<EndTasksOfView>(&change)) {
        std::erase_if(tasks_, [&](const auto& one) { return one.second.view_epoch < row->view_epoch; });
      }
      if (const auto* row = std::get_if<HistoryEntry>(&change)) history_.push_back({batch.sequence, *row});
    }
  }

  void require_equal(Ledger& ledger) const {
    const auto rows = checked(ledger.history({}));
    RC_ASSERT(rows.size() == history_.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      RC_ASSERT(rows[i].number == static_cast<std::int64_t>(i) + 1);
      RC_ASSERT(rows[i].sequence == history_[i].first);
      RC_ASSERT(rows[i].entry == history_[i].second);
    }
    std::vector<TaskRow> expected;
    for (const auto& [key, row] : tasks_) expected.push_back(row);
    RC_ASSERT(read_tasks(ledger) == expected);
  }

  std::int64_t not_found = 0;

 private:
  void apply(const TaskStateChange& change) {
    const auto found = tasks_.find({change.task, change.framework});
    if (found == tasks_.end() || (!change.agent.empty() && found->second.agent != change.agent)) {
      ++not_found;
      return;
    }
    TaskRow& row = found->second;
    row.state = change.state;
    row.source = change.source;
    row.reason = change.reason;
    if (!change.container.empty()) row.container = change.container;
  }

  // What is over leaves alone what the same view has alive.
  void put(const TaskRow& row) {
    const auto [known, fresh] = tasks_.try_emplace({row.task, row.framework}, row);
    const bool yields = is_terminal(row.state) && !is_terminal(known->second.state) &&
                        row.view_epoch == known->second.view_epoch;
    if (!fresh && !yields) known->second = row;
  }

  static std::vector<TaskRow> read_tasks(Ledger& ledger) {
    sqlite3_stmt* raw = nullptr;
    REQUIRE(sqlite3_prepare_v2(
                ledger.database().handle(),
                "SELECT framework, task, agent, executor, name, state, source, reason, container, view_epoch "
                "FROM tasks ORDER BY task, framework",
                -1, &raw, nullptr) == SQLITE_OK);
    std::vector<TaskRow> out;
    while (sqlite3_step(raw) == SQLITE_ROW) {
      TaskRow& t = out.emplace_back();
      REQUIRE((read_value(raw, 0, t.framework) && read_value(raw, 1, t.task) && read_value(raw, 2, t.agent) &&
               read_value(raw, 3, t.executor) && read_value(raw, 4, t.name) && read_value(raw, 5, t.state) &&
               read_value(raw, 6, t.source) && read_value(raw, 7, t.reason) &&
               read_value(raw, 8, t.container) && read_value(raw, 9, t.view_epoch)));
    }
    sqlite3_finalize(raw);
    return out;
  }

  std::map<std::pair<TaskId, FrameworkId>, TaskRow> tasks_;
  std::vector<std::pair<Sequence, HistoryEntry>> history_;
};

rc::Gen<std::vector<std::vector<ChangeSeed>>> batches_of_seeds() {
  const auto seed =
      rc::gen::map(rc::gen::pair(rc::gen::inRange(0, kChangeKinds), rc::gen::arbitrary<std::uint64_t>()),
                   [](const std::pair<int, std::uint64_t>& p) {
                     return ChangeSeed{p.first, p.second};
                   });
  // Volumes and hosts come early, so that the rest has something to speak of.
  return rc::gen::container<std::vector<std::vector<ChangeSeed>>>(
      rc::gen::container<std::vector<ChangeSeed>>(seed));
}

void run(Ledger& ledger, const std::vector<std::vector<ChangeSeed>>& seeds, Snapshot& snapshot,
         Oracle& oracle) {
  for (const auto& batch_seeds : seeds) {
    Batch batch{{snapshot.sequence.value + 1}, kNow, {}};
    for (const ChangeSeed& seed : batch_seeds) {
      const auto change = make_change(seed, snapshot);
      if (!change) continue;
      batch.changes.push_back(*change);
      snapshot.apply(*change);
    }
    snapshot.sequence = batch.sequence;
    oracle.apply(batch);
    RC_ASSERT(checked(ledger.commit(batch)).tasks_not_found == oracle.not_found);
    RC_ASSERT(checked(ledger.load()) == snapshot);
  }
}

}  // namespace

TEST_CASE("The ledger equals the snapshot after every batch and after opening it again") {
  const bool ok = rc::check([] {
    const TempDir dir;
    const std::string path = dir / "ledger.db";
    auto seeds = *batches_of_seeds();
    seeds.insert(seeds.begin(), {{6, 1}, {6, 2}, {6, 5}, {12, 1}, {12, 2}, {12, 7}});
    auto ledger = open_ledger(path);
    Snapshot snapshot = checked(ledger->load());
    Oracle oracle;
    run(*ledger, seeds, snapshot, oracle);
    oracle.require_equal(*ledger);
    ledger.reset();
    ledger = open_ledger(path);
    RC_ASSERT(checked(ledger->load()) == snapshot);
    oracle.require_equal(*ledger);
    // And it goes on from there.
    run(*ledger, {{{0, 3}, {13, 4}, {17, 9}}}, snapshot, oracle);
    RC_ASSERT(
        checked(ledger->check(CheckDepth::full)).size() ==
        checked(ledger->check(CheckDepth::invariants)).size());  // pages, indexes and foreign keys are sound
  });
  REQUIRE(ok);
}

TEST_CASE("Every kind of change is drawn by the random changes") {
  Snapshot snapshot;
  std::map<std::size_t, int> seen;
  for (std::uint64_t i = 0; i < 3000; ++i) {
    const auto change = make_change({static_cast<int>(i % kChangeKinds), i * 7919}, snapshot);
    if (!change) continue;
    ++seen[change->index()];
    snapshot.apply(*change);
  }
  CHECK(seen.size() == std::variant_size_v<Change>);
}

}  // namespace extvold::ledger
