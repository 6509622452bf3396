#include "bench/pipeline.h"

#include <fmt/format.h>
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace extvold::bench {

void stop(const std::string& why) {
  fmt::print(stderr, "bench: {}\n", why);
  std::exit(EXIT_FAILURE);
}

double wall_seconds() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

double peak_mib() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    if (word == "VmHWM:") {
      double kib = 0;
      status >> kib;
      return kib / 1024;
    }
  }
  return 0;
}

void reset_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }

Policy bench_policy() {
  Policy out;
  ProviderInfo provider;
  provider.name = ProviderName("local~bench");
  provider.capabilities = {.create = true,
                           .attach_to_named_host = true,
                           .list_attachments = true,
                           .detach_enforced = true,
                           .exclusive_attach = true,
                           .fence_verifiable = false,
                           .shows_running_calls = true,
                           .host_reports = true};
  provider.pools = {"p1"};
  provider.reach_all = true;
  out.providers = {provider};
  out.drivers = {{"extvold", provider.name, AttachBy::extvold, {}},
                 {"rexray", provider.name, AttachBy::extvold, {}}};
  return out;
}

Pipeline::Pipeline(const std::string& path, Policy policy) : decoder_(counters_) {
  auto ledger = ledger::Ledger::open(path, {.now = {1}});
  if (!ledger) stop(ledger.error().message);
  Result<Snapshot> snapshot = (*ledger)->load();
  if (!snapshot) stop(snapshot.error().message);
  durable_ = submitted_ = told_ = snapshot->sequence;
  engine_ = std::make_unique<reconcilers::Engine>(std::move(*snapshot), std::move(policy));
  thread_ = std::make_unique<ledger::LedgerThread>(std::move(*ledger), ledger::LedgerThread::Options{},
                                                   [this](ledger::CommitReport report) {
                                                     const std::lock_guard lock(mutex_);
                                                     if (report.result) {
                                                       durable_ = report.last;
                                                       if (tap_ != nullptr)
                                                         tap_->groups.push_back(report.last);
                                                     } else {
                                                       failed_ = report.result.error().message;
                                                     }
                                                     committed_.notify_one();
                                                   });
}

Pipeline::~Pipeline() { thread_->stop(); }

void Pipeline::push(std::string_view bytes) {
  if (const Status done = decoder_.push(bytes, events_); !done) stop(done.error().message);
  constexpr std::size_t kStep = 2'000;  // as the driver
  for (std::size_t at = 0; at < events_.size(); at += kStep) {
    reconcilers::EventsArrived some;
    const auto from = events_.begin() + static_cast<std::ptrdiff_t>(at);
    const auto to = events_.begin() + static_cast<std::ptrdiff_t>(std::min(at + kStep, events_.size()));
    some.events.assign(std::make_move_iterator(from), std::make_move_iterator(to));
    step(std::move(some));
  }
  events_.clear();
}

void Pipeline::step(reconcilers::Input input) {
  take_commits();
  const Now now{{static_cast<std::int64_t>(wall_seconds() * 1e9)}, {1}};
  for (reconcilers::Effect& effect : engine_->step(now, std::move(input))) {
    if (auto* one = std::get_if<reconcilers::Commit>(&effect)) commit(std::move(one->batch));
  }
}

void Pipeline::commit(Batch batch) {
  changes_ += static_cast<std::int64_t>(batch.changes.size());
  submitted_ = batch.sequence;
  if (tap_ != nullptr) tap_->batches.push_back(batch);
  while (!thread_->submit(std::move(batch))) {
    std::unique_lock lock(mutex_);
    const Sequence seen = durable_;
    committed_.wait(lock, [&] { return durable_ != seen || !failed_.empty() || durable_ == submitted_; });
    if (!failed_.empty()) stop(failed_);
  }
}

void Pipeline::take_commits() {
  Sequence upto;
  {
    const std::lock_guard lock(mutex_);
    if (!failed_.empty()) stop(failed_);
    upto = durable_;
  }
  if (upto == told_) return;
  told_ = upto;
  const Now now{{static_cast<std::int64_t>(wall_seconds() * 1e9)}, {1}};
  for (reconcilers::Effect& effect : engine_->step(now, reconcilers::Committed{upto, false})) {
    if (auto* one = std::get_if<reconcilers::Commit>(&effect)) commit(std::move(one->batch));
  }
}

void Pipeline::finish() {
  std::unique_lock lock(mutex_);
  committed_.wait(lock, [&] { return durable_ == submitted_ || !failed_.empty(); });
  if (!failed_.empty()) stop(failed_);
}

}  // namespace extvold::bench
