#include "daemon/ledger_session.h"

#include <deque>
#include <mutex>
#include <utility>
#include <variant>
#include <vector>

#include "daemon/uv/async.h"
#include "daemon/uv/deferred.h"
#include "daemon/uv/lifeline.h"
#include "ledger/ledger_thread.h"

namespace extvold::daemon {
namespace {

class ThreadSession final : public LedgerSession {
 public:
  ThreadSession(uv::Loop& loop, std::unique_ptr<ledger::Ledger> ledger, Committed committed)
      : committed_(std::move(committed)),
        async_(loop, [this] { on_wake(); }),
        thread_(std::make_unique<ledger::LedgerThread>(
            std::move(ledger), ledger::LedgerThread::Options{},
            [this](ledger::CommitReport report) { answer(outcome_of(report)); })) {}

  ~ThreadSession() override { thread_.reset(); }  // joined before the async that it sends to goes

  void commit(Batch batch) override {
    waiting_.push_back(std::move(batch));
    submit_waiting();
  }

  void run(std::function<void(ledger::Ledger&)> job, std::function<void()> done) override {
    // After what waits for a place in the thread's queue, too.
    jobs_.push_back({waiting_.size(), std::move(job), std::move(done)});
    submit_waiting();
  }

 private:
  struct Job {
    std::size_t batches_before = 0;  // of those waiting here
    std::function<void(ledger::Ledger&)> job;
    std::function<void()> done;
  };
  using Answer = std::variant<CommitOutcome, std::function<void()>>;

  static CommitOutcome outcome_of(const ledger::CommitReport& report) {
    CommitOutcome outcome;
    outcome.upto = report.last;
    if (!report.result) {
      outcome.status = tl::make_unexpected(report.result.error());
      return outcome;
    }
    for (const ledger::CommitInfo& info : *report.result) {
      if (info.tasks_not_found > 0) outcome.unknown_tasks = true;
    }
    return outcome;
  }

  void submit_waiting() {
    for (;;) {
      while (!jobs_.empty() && jobs_.front().batches_before == 0) {
        hand_over(std::move(jobs_.front()));
        jobs_.pop_front();
      }
      if (waiting_.empty() || !thread_->submit(std::move(waiting_.front()))) return;
      waiting_.pop_front();
      for (Job& job : jobs_) --job.batches_before;
    }
  }

  void hand_over(Job job) {
    thread_->run(
        [this, job = std::move(job.job), done = std::move(job.done)](ledger::Ledger& ledger) mutable {
          job(ledger);
          answer(std::move(done));
        });
  }

  void answer(Answer answer) {  // on the ledger thread
    {
      const std::lock_guard lock(mutex_);
      answers_.push_back(std::move(answer));
    }
    async_.send();
  }

  void on_wake() {
    std::vector<Answer> answers;
    {
      const std::lock_guard lock(mutex_);
      answers.swap(answers_);
    }
    submit_waiting();
    const uv::Lifeline::Watch alive(lifeline_);
    for (Answer& one : answers) {
      if (auto* outcome = std::get_if<CommitOutcome>(&one)) {
        const Committed committed = committed_;  // a copy: it may destroy this object
        committed(*outcome);
      } else {
        std::get<std::function<void()>>(one)();
      }
      if (alive.cut()) return;
    }
  }

  Committed committed_;
  std::deque<Batch> waiting_;  // for a place in the thread's queue
  std::deque<Job> jobs_;
  std::mutex mutex_;
  std::vector<Answer> answers_;  // guarded by mutex_
  uv::Lifeline lifeline_;
  uv::Async async_;
  std::unique_ptr<ledger::LedgerThread> thread_;
};

class MemorySession final : public LedgerSession {
 public:
  MemorySession(uv::Loop& loop, std::unique_ptr<ledger::Ledger> ledger, Committed committed)
      : ledger_(std::move(ledger)), committed_(std::move(committed)), deferred_(loop) {}

  void commit(Batch batch) override {
    deferred_.post([this, upto = batch.sequence] {
      const Committed committed = committed_;
      committed({upto, false, {}});
    });
  }

  void run(std::function<void(ledger::Ledger&)> job, std::function<void()> done) override {
    deferred_.post([this, job = std::move(job), done = std::move(done)] {
      job(*ledger_);
      done();
    });
  }

 private:
  std::unique_ptr<ledger::Ledger> ledger_;
  Committed committed_;
  uv::Deferred deferred_;
};

}  // namespace

Result<OpenedLedger> open_ledger(uv::Loop& loop, const LedgerSessionOptions& options,
                                 LedgerSession::Committed committed) {
  ledger::OpenOptions open;
  open.read_only = options.in_memory;
  open.create = options.create && !options.in_memory;
  open.now = options.now;
  ASSIGN(std::unique_ptr<ledger::Ledger> ledger, ledger::Ledger::open(options.path, open));
  ASSIGN(Snapshot snapshot, ledger->load());
  OpenedLedger opened;
  opened.report = ledger->report();
  opened.snapshot = std::move(snapshot);
  if (options.in_memory) {
    opened.session = std::make_unique<MemorySession>(loop, std::move(ledger), std::move(committed));
  } else {
    opened.session = std::make_unique<ThreadSession>(loop, std::move(ledger), std::move(committed));
  }
  return opened;
}

}  // namespace extvold::daemon
