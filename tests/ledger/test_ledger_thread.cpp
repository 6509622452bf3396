// The ledger thread: everything submitted is answered once, in order; groups are whole; the queue is bounded.
// Run under the thread sanitizer too.
#include <catch2/catch.hpp>
#include <condition_variable>
#include <mutex>

#include "ledger/ledger_thread.h"
#include "tests/ledger/ledger_fixture.h"

namespace extvold::ledger {
namespace {

// What came back, awaited from the test's thread.
class Answers {
 public:
  LedgerThread::OnCommitted callback() {
    return [this](CommitReport report) {
      const std::lock_guard lock(mutex_);
      reports_.push_back(std::move(report));
      changed_.notify_all();
    };
  }
  void wait_for(Sequence last) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !reports_.empty() && reports_.back().last >= last; });
  }
  std::vector<CommitReport> take() {
    const std::lock_guard lock(mutex_);
    return std::move(reports_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<CommitReport> reports_;
};

// Holds the ledger thread inside a job until released.
class Gate {
 public:
  explicit Gate(LedgerThread& thread) {
    thread.run([this](Ledger&) {
      std::unique_lock lock(mutex_);
      entered_ = true;
      changed_.notify_all();
      changed_.wait(lock, [this] { return open_; });
    });
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return entered_; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool entered_ = false;
  bool open_ = false;
};

Batch batch_of(std::int64_t sequence, std::vector<Change> changes = {sample_host(1)}) {
  return {{sequence}, kNow, std::move(changes)};
}

}  // namespace

TEST_CASE("Everything that was submitted is committed and answered once, in order") {
  const TempDir dir;
  Answers answers;
  LedgerThread thread(open_ledger(dir / "ledger.db"), {}, answers.callback());
  for (std::int64_t n = 1; n <= 500; ++n) {
    Batch batch = batch_of(n, {sample_host(n)});
    while (!thread.submit(std::move(batch))) answers.wait_for({n - 100});
  }
  const auto ledger = thread.stop();
  std::int64_t next = 1;
  for (const CommitReport& report : answers.take()) {
    CHECK(report.first.value == next);
    REQUIRE(report.result);
    CHECK(static_cast<std::int64_t>(report.result->size()) == report.last.value - report.first.value + 1);
    next = report.last.value + 1;
  }
  CHECK(next == 501);
  CHECK(value_of(ledger->load()).hosts().size() == 500);
}

TEST_CASE("What waits is one transaction, jobs keep their turn") {
  const TempDir dir;
  Answers answers;
  LedgerThread thread(open_ledger(dir / "ledger.db"), {}, answers.callback());
  Gate gate(thread);
  for (std::int64_t n = 1; n <= 5; ++n) REQUIRE(thread.submit(batch_of(n)));
  std::int64_t seen = -1;  // written by the ledger thread before stop() returns
  thread.run([&seen](Ledger& ledger) { seen = ledger.sequence().value; });
  for (std::int64_t n = 6; n <= 8; ++n) REQUIRE(thread.submit(batch_of(n)));
  gate.open();
  thread.stop();
  CHECK(seen == 5);
  const auto reports = answers.take();
  REQUIRE(reports.size() == 2);
  CHECK(reports[0].last.value == 5);
  CHECK(reports[1].first.value == 6);
  CHECK(reports[1].last.value == 8);
}

TEST_CASE("A full queue refuses and leaves the batch to its owner") {
  const TempDir dir;
  Answers answers;
  LedgerThread::Options options;
  options.batches_max = 3;
  options.changes_max = 10;
  LedgerThread thread(open_ledger(dir / "ledger.db"), options, answers.callback());
  Gate gate(thread);
  const std::vector<Change> six(6, Change(sample_host(1)));
  REQUIRE(thread.submit(batch_of(1, six)));
  Batch too_much = batch_of(2, six);
  CHECK_FALSE(thread.submit(std::move(too_much)));
  CHECK(too_much.changes.size() == 6);  // NOLINT(bugprone-use-after-move): a refused batch is untouched
  REQUIRE(thread.submit(batch_of(2)));
  REQUIRE(thread.submit(batch_of(3)));
  CHECK_FALSE(thread.submit(batch_of(4)));
  gate.open();
  answers.wait_for({3});
  // More than the bound at once is taken when nothing else waits.
  REQUIRE(thread.submit(batch_of(4, std::vector<Change>(50, Change(sample_host(1))))));
  answers.wait_for({4});
}

TEST_CASE("A group is bounded in changes") {
  const TempDir dir;
  Answers answers;
  LedgerThread::Options options;
  options.group_changes_max = 10;
  LedgerThread thread(open_ledger(dir / "ledger.db"), options, answers.callback());
  Gate gate(thread);
  for (std::int64_t n = 1; n <= 4; ++n)
    REQUIRE(thread.submit(batch_of(n, std::vector<Change>(4, Change(sample_host(1))))));
  gate.open();
  thread.stop();
  const auto reports = answers.take();
  REQUIRE(reports.size() == 2);
  CHECK(reports[0].last.value == 2);
}

TEST_CASE("A failed commit fails what was built on it, and the ledger goes on from what it holds") {
  const TempDir dir;
  Answers answers;
  LedgerThread thread(open_ledger(dir / "ledger.db"), {}, answers.callback());
  Gate gate(thread);
  REQUIRE(thread.submit(batch_of(1)));
  ClaimStateChange of_nothing;
  of_nothing.id = {5};
  thread.run([](Ledger&) {});  // the next is a group of its own
  REQUIRE(thread.submit(batch_of(2, {of_nothing})));
  thread.run([](Ledger&) {});
  REQUIRE(thread.submit(batch_of(3)));
  gate.open();
  answers.wait_for({3});
  REQUIRE(thread.submit(batch_of(2, {sample_host(2)})));
  const auto ledger = thread.stop();
  const auto reports = answers.take();
  REQUIRE(reports.size() == 4);
  CHECK(reports[0].result);
  CHECK(error_of(reports[1].result).code == Errc::internal);
  CHECK(error_of(reports[2].result).code == Errc::conflict);
  CHECK(reports[3].result);
  CHECK(value_of(ledger->load()).hosts().size() == 2);
}

TEST_CASE("Stopping finishes what waits, the destructor does the same") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  Answers answers;
  int jobs = 0;
  {
    LedgerThread thread(open_ledger(path), {}, answers.callback());
    Gate gate(thread);
    for (std::int64_t n = 1; n <= 3; ++n) {
      REQUIRE(thread.submit(batch_of(n, {sample_host(n)})));
      thread.run([&jobs](Ledger&) { ++jobs; });
    }
    gate.open();
  }
  CHECK(jobs == 3);
  CHECK(answers.take().size() == 3);
  CHECK(value_of(open_ledger(path)->load()).hosts().size() == 3);  // and the lock is free
}

}  // namespace extvold::ledger
