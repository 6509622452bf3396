#include "ledger/ledger_thread.h"

#include <utility>

namespace extvold::ledger {

LedgerThread::LedgerThread(std::unique_ptr<Ledger> ledger, Options options, OnCommitted on_committed)
    : ledger_(std::move(ledger)),
      options_(options),
      on_committed_(std::move(on_committed)),
      thread_([this] { work(); }) {}

LedgerThread::~LedgerThread() { stop(); }

bool LedgerThread::submit(Batch&& batch) {
  {
    const std::lock_guard lock(mutex_);
    EXTVOLD_CHECK(!stopping_);
    const std::size_t size = batch.changes.size();
    const bool full =
        batches_ >= options_.batches_max || (batches_ > 0 && changes_ + size > options_.changes_max);
    if (full) return false;
    ++batches_;
    changes_ += size;
    queue_.emplace_back(std::move(batch));
  }
  wake_.notify_one();
  return true;
}

void LedgerThread::run(Job job) {
  {
    const std::lock_guard lock(mutex_);
    EXTVOLD_CHECK(!stopping_);
    queue_.emplace_back(std::move(job));
  }
  wake_.notify_one();
}

std::unique_ptr<Ledger> LedgerThread::stop() {
  if (!thread_.joinable()) return nullptr;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
  return std::move(ledger_);
}

std::vector<Batch> LedgerThread::take_group() {
  std::vector<Batch> group;
  std::size_t changes = 0;
  while (!queue_.empty()) {
    Batch* const batch = std::get_if<Batch>(&queue_.front());
    if (batch == nullptr) break;
    const std::size_t size = batch->changes.size();
    if (!group.empty() && changes + size > options_.group_changes_max) break;
    changes += size;
    group.push_back(std::move(*batch));
    queue_.pop_front();
  }
  batches_ -= group.size();
  changes_ -= changes;
  return group;
}

void LedgerThread::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;  // stopping, and everything is done
    const std::vector<Batch> group = take_group();
    if (!group.empty()) {
      lock.unlock();
      on_committed_({group.front().sequence, group.back().sequence, ledger_->commit(group)});
    } else {
      const Job job = std::move(std::get<Job>(queue_.front()));
      queue_.pop_front();
      lock.unlock();
      job(*ledger_);
    }
    lock.lock();
  }
}

}  // namespace extvold::ledger
