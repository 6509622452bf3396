// Retention drops what is old and leaves what something needs.
#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/ledger/ledger_fixture.h"

namespace extvold::ledger {
namespace {

HistoryEntry entry(const std::string& kind, std::int64_t volume) {
  HistoryEntry e;
  e.kind = kind;
  e.volume = {volume};
  e.text = kind;
  return e;
}

Operation ended(const std::string& id, std::int64_t volume, std::int64_t counter) {
  Operation o = sample_operation(id, OperationKind::attach, volume, 1, counter);
  o.state = OperationState::done;
  o.outcome = Outcome::changed;
  o.ended_at = kNow;
  return o;
}

std::vector<std::string> kinds(Ledger& ledger) {
  std::vector<std::string> out;
  for (const HistoryRow& row : value_of(ledger.history({}))) out.push_back(row.entry.kind);
  return out;
}

void commit_at(Ledger& ledger, std::int64_t ns, std::vector<Change> changes) {
  value_of(ledger.commit(Batch{{ledger.sequence().value + 1}, {ns}, std::move(changes)}));
}

}  // namespace

TEST_CASE("Old history goes, oldest first, the numbers go on and no gap is found") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  auto ledger = open_ledger(path);
  commit(*ledger, {sample_counters(), sample_host(1), sample_volume(1)});
  for (std::int64_t n = 1; n <= 10; ++n) commit_at(*ledger, n * 100, {entry(fmt::format("event.{}", n), 1)});
  const PruneReport report = value_of(ledger->prune({750}));
  CHECK(report.history == 7);
  CHECK_FALSE(report.more);
  CHECK(kinds(*ledger) == std::vector<std::string>{"event.8", "event.9", "event.10"});
  CHECK(findings_text(*ledger, CheckDepth::full) == "");
  ledger.reset();
  ledger = open_ledger(path);
  commit_at(*ledger, 1100, {entry("event.11", 1)});
  CHECK(value_of(ledger->history({})).back().number == 11);
  CHECK(value_of(ledger->prune({5000})).history == 4);
  CHECK(kinds(*ledger).empty());
  commit_at(*ledger, 1200, {entry("event.12", 1)});
  CHECK(value_of(ledger->history({})).back().number == 12);
  CHECK(findings_text(*ledger, CheckDepth::full) == "");
}

TEST_CASE("A clock that stepped back does not make retention skip the rows between") {
  const TempDir dir;
  const auto ledger = open_ledger(dir / "ledger.db");
  commit(*ledger, {sample_counters(), sample_host(1), sample_volume(1)});
  for (const std::int64_t at : {100, 900, 200, 300})
    commit_at(*ledger, at, {entry(fmt::format("at.{}", at), 1)});
  CHECK(value_of(ledger->prune({500})).history == 1);
  CHECK(kinds(*ledger) == std::vector<std::string>{"at.900", "at.200", "at.300"});
}

TEST_CASE(
    "What an attachment's generation, evidence that counts, an open operation or a live claim needs is "
    "kept") {
  const TempDir dir;
  const auto ledger = open_ledger(dir / "ledger.db");
  commit_at(*ledger, 1,
            sample_state());  // op-a made the attachment that stands; its history names it and claim 1
  Evidence counts = sample_evidence(1, EvidenceKind::agent_gone, 1, 1, 1);
  Evidence of_generation = sample_evidence(2, EvidenceKind::operator_, 1, 1, 1);
  of_generation.void_reason = "over";
  Evidence named = sample_evidence(3, EvidenceKind::operator_, 2, 2, 77);
  named.void_reason = "over";
  Evidence nobody_needs = sample_evidence(4, EvidenceKind::operator_, 2, 2, 78);
  nobody_needs.void_reason = "over";
  for (Evidence* e : {&counts, &of_generation, &named, &nobody_needs}) e->request_sent_at = {2};
  Operation old = ended("op-old", 2, 50);
  Operation newest = ended("op-newest", 2, 51);
  newest.evidence = {3};
  old.ended_at = newest.ended_at = {2};
  Operation open = sample_operation("op-open", OperationKind::detach, 1, 1, 1);
  commit_at(*ledger, 2, {counts, of_generation, named, nobody_needs, old, newest, open});
  HistoryEntry of_evidence = entry("of.evidence", 1);
  of_evidence.evidence = {1};
  HistoryEntry of_open = entry("of.open", 1);
  of_open.operation = open.id;
  HistoryEntry of_old = entry("of.old", 2);
  of_old.operation = old.id;
  HistoryEntry of_dropped_claim = entry("of.dropped", 2);
  of_dropped_claim.claim = {99};
  commit_at(*ledger, 3, {of_evidence, of_open, of_old, of_dropped_claim, entry("of.nothing", 2)});
  const Snapshot before = value_of(ledger->load());

  const PruneReport report = value_of(ledger->prune({kNow.ns + 1}));
  CHECK(report.operations == 1);
  CHECK(report.evidence == 1);
  CHECK(kinds(*ledger) == std::vector<std::string>{"attachment.attached", "of.evidence", "of.open"});
  CHECK(value_of(ledger->load()) == before);
  CHECK(findings_text(*ledger, CheckDepth::full) == "");
}

TEST_CASE("History that stayed for a claim goes when the claim has gone, and not before") {
  const TempDir dir;
  const auto ledger = open_ledger(dir / "ledger.db");
  commit_at(*ledger, 1, sample_state());  // its history names claim 1 and op-a
  HistoryEntry of_claim = entry("of.claim", 1);
  of_claim.claim = {1};
  commit_at(*ledger, 2, {of_claim, entry("of.nothing", 1)});
  CHECK(value_of(ledger->prune({100})).history == 1);
  CHECK(kinds(*ledger) == std::vector<std::string>{"attachment.attached", "of.claim"});
  CHECK(findings_text(*ledger, CheckDepth::full) == "");
  // Nobody else may remove what retention left.
  CHECK(raw_sql(*ledger, "DELETE FROM history") == SQLITE_CONSTRAINT_TRIGGER);
  commit_at(*ledger, 3, {DropClaim{{1}}});
  CHECK(value_of(ledger->prune({100})).history == 1);
  CHECK(kinds(*ledger) == std::vector<std::string>{"attachment.attached"});
  CHECK(findings_text(*ledger, CheckDepth::full) == "");
}

TEST_CASE("Retention is bounded at each call") {
  const TempDir dir;
  const auto ledger = open_ledger(dir / "ledger.db");
  commit(*ledger, {sample_counters(), sample_host(1), sample_volume(1)});
  std::vector<Change> many;
  for (std::int64_t n = 0; n < 5'000; ++n) {
    Operation o = ended(fmt::format("op-{}", n), 1, n + 1);
    o.ended_at = {5};
    many.emplace_back(o);
    HistoryEntry e = entry("event", 1);
    e.operation = o.id;
    many.emplace_back(e);
  }
  commit_at(*ledger, 5, std::move(many));
  std::int64_t operations = 0;
  int calls = 0;
  for (bool more = true; more; ++calls) {
    const PruneReport report = value_of(ledger->prune({100}));
    CHECK(report.operations <= 2'000);
    operations += report.operations;
    more = report.more;
  }
  CHECK(calls == 3);
  CHECK(operations == 4'999);
  CHECK(kinds(*ledger).size() == 1);  // of the newest operation
  CHECK(findings_text(*ledger, CheckDepth::full) == "");
}

TEST_CASE("What retention asks is answered by indexes") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  open_ledger(path);
  for (const std::string name : {"prune_operations", "prune_evidence", "prune_history"}) {
    for (const auto& row : sql_rows(path, "EXPLAIN QUERY PLAN " + std::string(sql_text("queries/" + name)))) {
      INFO(name << ": " << row);
      CHECK_THAT(row, !Catch::Contains("SCAN"));
    }
  }
}

TEST_CASE("Questions to the history are answered by indexes") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  open_ledger(path);
  for (const std::string by : {"volume", "host", "task"}) {
    const std::string text(sql_text("queries/list_history_of_" + by));
    CHECK_THAT(sql_rows(path, "EXPLAIN QUERY PLAN " + text).front(),
               Catch::Contains(fmt::format("SEARCH history USING INDEX history_by_{} ({}=? ", by, by)));
  }
  const auto rows = sql_rows(path, "EXPLAIN QUERY PLAN " + std::string(sql_text("queries/list_history")));
  CHECK_THAT(rows.front(), Catch::Contains("SEARCH history USING INTEGER PRIMARY KEY (rowid>?"));
  CHECK_THAT(rows.back(), Catch::Contains("SEARCH since USING COVERING INDEX history_by_time"));
}

TEST_CASE("Much history is dropped in parts") {
  const TempDir dir;
  const auto ledger = open_ledger(dir / "ledger.db");
  commit(*ledger, {sample_counters(), sample_host(1), sample_volume(1)});
  std::vector<Change> many(45'000, Change(entry("event", 1)));
  commit_at(*ledger, 5, std::move(many));
  int calls = 1;
  while (value_of(ledger->prune({100})).more) ++calls;
  CHECK(calls == 3);
  CHECK(kinds(*ledger).empty());
}

TEST_CASE("Tasks that are over go after their own bound, a part at a call, and others stay") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  const auto ledger = open_ledger(path);
  const auto task = [](const std::string& id, TaskState state) {
    TaskRow row;
    row.framework = FrameworkId("f1");
    row.task = TaskId(id);
    row.agent = AgentId("S1");
    row.state = state;
    return row;
  };
  std::vector<Change> many;
  for (const std::string_view word : TaskState_texts)
    many.emplace_back(task(fmt::format("a.{}", word), *from_text<TaskState>(word)));
  for (int n = 0; n < 45'000; ++n) many.emplace_back(task(fmt::format("t.{}", n), TaskState::task_finished));
  commit_at(*ledger, 100, std::move(many));
  commit_at(*ledger, 500, {task("a.late", TaskState::task_failed)});
  TaskStateChange update;
  update.framework = FrameworkId("f1");
  update.task = TaskId("t.7");
  update.state = TaskState::task_failed;
  commit_at(*ledger, 600, {update});
  CHECK(value_of(ledger->prune({50})).tasks == 0);  // without a bound none
  int calls = 0;
  std::int64_t gone = 0;
  for (bool more = true; more; ++calls) {
    const PruneReport report = value_of(ledger->prune({50}, {400}));
    gone += report.tasks;
    more = report.more;
  }
  CHECK(calls == 3);
  CHECK(gone == 45'000 - 1 + 8);
  std::vector<std::string> left = {"a.late", "t.7"};
  for (const std::string_view word : TaskState_texts) {
    if (!is_terminal(*from_text<TaskState>(word))) left.push_back(fmt::format("a.{}", word));
  }
  std::sort(left.begin(), left.end());
  CHECK(sql_rows(path, "SELECT task FROM tasks ORDER BY task") == left);
  // An update of what is gone is one of a task that is not recorded.
  update.task = TaskId("t.8");
  CHECK(commit(*ledger, {update}).tasks_not_found == 1);
}

TEST_CASE("History is asked for by volume, host, task, time and page") {
  const TempDir dir;
  const auto ledger = open_ledger(dir / "ledger.db");
  commit(*ledger, {sample_counters(), sample_host(1), sample_volume(1), sample_volume(2)});
  for (std::int64_t n = 1; n <= 6; ++n) {
    HistoryEntry e = entry(fmt::format("e.{}", n), n % 2 + 1);
    e.host = {n % 3 + 1};
    e.task = TaskId(n > 4 ? "late" : "early");
    commit_at(*ledger, n * 10, {e});
  }
  const auto asked = [&](const HistoryFilter& filter) {
    std::string out;
    for (const HistoryRow& row : value_of(ledger->history(filter))) out += row.entry.kind.substr(2);
    return out;
  };
  CHECK(asked({}) == "123456");
  CHECK(asked({.volume = {1}}) == "246");
  CHECK(asked({.host = {1}}) == "36");
  CHECK(asked({.volume = {1}, .host = {1}}) == "6");
  CHECK(asked({.task = TaskId("late")}) == "56");
  CHECK(asked({.since = {35}}) == "456");
  CHECK(asked({.limit = 2}) == "56");
  CHECK(asked({.before = 5, .limit = 2}) == "34");
  CHECK(asked({.host = {1}, .task = TaskId("late")}) == "6");
  CHECK(asked({.since = {1'000'000}}).empty());
  commit_at(*ledger, 15, {entry("e.7", 1)});  // the clock stepped back
  CHECK(asked({.since = {15}}) == "234567");
}

}  // namespace extvold::ledger
