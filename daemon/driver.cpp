// Life and death of the driver: opening the ledger, losing it, taking it up again, stopping.
#include "daemon/driver.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "daemon/ingest/record_decoder.h"
#include "model/check.h"
#include "reconcilers/planner.h"

namespace extvold::daemon {
namespace {

constexpr Duration kPruneFirst = seconds(60);
constexpr Duration kPruneAgain = seconds(1);
constexpr Duration kUpkeep = minutes(10);
// A commit that takes longer hangs in the kernel.
constexpr Duration kCommitMax = seconds(45);
constexpr std::int64_t kWalBytesMax = 256LL << 20;

}  // namespace

Driver::Driver(DriverParts parts, DriverOptions options, Policy policy,
               std::vector<std::unique_ptr<providers::Provider>> providers)
    : parts_(parts),
      options_(std::move(options)),
      policy_(std::move(policy)),
      providers_(std::move(providers)),
      configured_observe_only_(policy_.observe_only),
      master_auth_(options_.master_auth, parts.log),
      agents_auth_(options_.agents_auth, parts.log),
      reader_({parts.loop, parts.clock, parts.random, parts.http, parts.streams, ingest_counters_},
              options_.reader, {&master_auth_, &agents_auth_},
              [this](std::vector<MesosEvent> events) {
                post_events(std::move(events));
                return must_pause() ? Flow::pause : Flow::go_on;
              }),
      caller_(parts.http, parts.clock, &master_auth_, options_.reader.master_deadline),
      reopen_backoff_(options_.reopen_min, options_.reopen_max),
      wake_(parts.loop),
      reopen_(parts.loop),
      pause_(parts.loop),
      stop_deadline_(parts.loop),
      upkeep_(parts.loop),
      takeover_(parts.loop),
      deferred_(parts.loop) {}

Driver::~Driver() { disconnect_zookeeper(); }

Status Driver::start() {
  EXTVOLD_CHECK(state_ == DriverState::starting);
  started_at_ = parts_.clock.wall();
  if (!options_.masters.none()) {
    master_auth_.look();
    agents_auth_.look();
  }
  connect_zookeeper();
  if (auto opened = open(); !opened && !start_reading(opened.error())) {
    disconnect_zookeeper();
    return opened;
  }
  look_up_masters();
  upkeep_.start(kPruneFirst, [this] { upkeep(); });
  return {};
}

// A damaged ledger, or one that may not be written, is no reason to start again and again: the same found an
// hour later makes the driver read-only. What can be read is shown; of a damaged file that may be nothing.
bool Driver::start_reading(const Error& error) {
  const bool damaged = error.code == Errc::corrupt;
  if (options_.dry_run || (!damaged && error.code != Errc::permission)) return false;
  LedgerSessionOptions options;
  options.path = options_.ledger_path;
  options.in_memory = true;
  options.now = started_at_;
  Snapshot snapshot;
  if (auto opened = open_ledger(parts_.loop, options, [](const CommitOutcome&) {})) {
    ledger_ = std::move(opened->session);
    ledger_report_ = std::move(opened->report);
    ledger_report_.read_only_reason = error.message;
    snapshot = std::move(opened->snapshot);
  } else if (!damaged) {
    return false;  // there is no ledger yet, and none can be made
  }
  committed_ = snapshot.sequence;
  engine_ = std::make_unique<reconcilers::Engine>(std::move(snapshot), policy_);
  ++engine_number_;
  go_read_only(error.message);
  return true;
}

Status Driver::open() {
  LedgerSessionOptions options;
  options.path = options_.ledger_path;
  options.create = options_.create_ledger;
  options.in_memory = options_.dry_run;
  options.now = parts_.clock.wall();
  ASSIGN(OpenedLedger opened,
         open_ledger(parts_.loop, options, [this](const CommitOutcome& outcome) { on_committed(outcome); }));
  ledger_ = std::move(opened.session);
  ledger_report_ = std::move(opened.report);
  committed_ = opened.snapshot.sequence;
  if (link_ != nullptr) {
    const LedgerIdentity& ledger = opened.snapshot.ledger;
    link_->set_ledger(fmt::format("{}.{}", ledger.id, ledger.incarnation));
  }
  engine_ = std::make_unique<reconcilers::Engine>(std::move(opened.snapshot), policy_);
  ++engine_number_;
  if (!ledger_report_.read_only_reason.empty() && !options_.dry_run) {
    go_read_only(ledger_report_.read_only_reason);
    return {};
  }
  state_ = DriverState::running;
  read_only_reason_.clear();
  reopen_backoff_.reset();
  post(reconcilers::TimerFired{});  // the engine's first step settles what a crash left, and asks the
                                    // providers
  subscribe();
  return {};
}

// Nothing can be recorded, so nothing may be done. Questions are answered from what was known last.
void Driver::go_read_only(std::string why) {
  const bool news = state_ != DriverState::read_only || why != read_only_reason_;
  if (news) parts_.log.error("read_only", {{"ledger", options_.ledger_path}, {"reason", why}});
  const bool was_stopping = state_ == DriverState::stopping;
  state_ = DriverState::read_only;
  read_only_reason_ = std::move(why);
  unsubscribe();
  reader_.cancel();
  wake_.stop();
  queue_.clear();
  events_queued_ = 0;
  uncommitted_.clear();
  ++engine_number_;
  fail_commands(
      {Errc::uncertain, fmt::format("it may or may not be recorded: the ledger failed ({}); look before "
                                    "ordering it again",
                                    read_only_reason_)});
  if (was_stopping) return finish_stop();
  reopen_.start(reopen_backoff_.next(parts_.random), [this] { try_reopen(); });
}

void Driver::try_reopen() {
  ledger_.reset();  // the lock is ours to take again
  ++counts_.ledger_reopened;
  if (Status opened = open(); !opened) return go_read_only(opened.error().message);
  if (state_ == DriverState::running)
    parts_.log.info("ledger_reopened", {{"ledger", options_.ledger_path}, {"sequence", committed_.value}});
}

void Driver::stop(Duration max, std::function<void()> stopped) {
  EXTVOLD_CHECK(stopped_ == nullptr);
  stopped_ = std::move(stopped);
  if (state_ != DriverState::running) return finish_stop();
  state_ = DriverState::stopping;
  unsubscribe();
  reader_.cancel();
  upkeep_.stop();
  post(reconcilers::StopRequested{});
  stop_deadline_.start(max, [this] { finish_stop(); });
}

// What still runs goes on without us; at the next start its operation is `uncertain` and is looked at first.
void Driver::finish_stop() {
  if (state_ == DriverState::stopped) return;
  state_ = DriverState::stopped;
  unsubscribe();
  disconnect_zookeeper();
  reader_.cancel();
  for (uv::Timer* timer : {&wake_, &reopen_, &pause_, &stop_deadline_, &upkeep_}) timer->stop();
  queue_.clear();
  events_queued_ = 0;
  ++engine_number_;
  ledger_.reset();
  fail_commands({Errc::unavailable, "extvold was stopped before this was recorded for certain"});
  deferred_.post([this] {
    const auto stopped = std::exchange(stopped_, nullptr);  // it may destroy this object
    if (stopped) stopped();
  });
}

void Driver::fail_commands(const Error& error) {
  auto waiting = std::move(waiting_commands_);
  waiting_commands_.clear();
  for (auto& [request, done] : waiting) {
    deferred_.post([done = std::move(done), error] { done(tl::make_unexpected(error)); });
  }
}

void Driver::submit(Order order, std::int64_t user_uid, std::function<void(Result<std::string>)> done) {
  if (state_ != DriverState::running) {
    const Error error{Errc::unavailable, state_ == DriverState::read_only
                                             ? fmt::format("extvold is read-only: {}", read_only_reason_)
                                             : fmt::format("extvold is {}", to_text(state_))};
    deferred_.post([done = std::move(done), error] { done(tl::make_unexpected(error)); });
    return;
  }
  ++counts_.commands;
  Command command;
  command.request = next_request_++;
  command.user_uid = user_uid;
  command.order = std::move(order);
  waiting_commands_[command.request] = std::move(done);
  post(reconcilers::CommandArrived{std::move(command)});
}

void Driver::with_ledger(std::function<void(ledger::Ledger&)> job, std::function<void(Status)> done) {
  if (ledger_ == nullptr) {
    const Error error{Errc::unavailable,
                      read_only_reason_.empty() ? "the ledger is closed" : read_only_reason_};
    deferred_.post([done = std::move(done), error] { done(tl::make_unexpected(error)); });
    return;
  }
  ledger_->run(std::move(job), [done = std::move(done)] { done(Status{}); });
}

void Driver::set_policy(Policy policy) {
  policy.providers = policy_.providers;
  policy.drivers = policy_.drivers;
  policy.power_hosts = policy_.power_hosts;
  const bool asked_before = configured_observe_only_.empty();
  configured_observe_only_ = policy.observe_only;
  settle_candidate();
  if (link_ != nullptr && policy.observe_only.empty()) {  // refresh_guard() goes on from there
    policy.observe_only =
        asked_before ? policy_.observe_only : "extvold's guard in ZooKeeper is being asked for";
  }
  if (!configured_observe_only_.empty()) guard_epoch_ = 0;
  policy.others_acted = policy_.others_acted;
  policy.takes_over = policy_.takes_over;
  policy.masters = policy_.masters;
  policy_ = std::move(policy);
  policy_told_ = false;
  guard_news_ = true;
  post(reconcilers::TimerFired{});  // drain() tells the engine before anything else
}

void Driver::set_auth(AuthConfig master, AuthConfig agents) {
  if (options_.masters.none()) return;
  master_auth_.set(std::move(master));
  agents_auth_.set(std::move(agents));
}

// Retention, and a look at the write-ahead log: a reader that forgot its transaction keeps it from shrinking.
void Driver::upkeep() {
  upkeep_.start(kUpkeep, [this] { upkeep(); });
  if (options_.dry_run || state_ != DriverState::running) return;
  struct Found {
    Result<ledger::PruneReport> pruned = ledger::PruneReport{};
    Result<ledger::WalState> wal = ledger::WalState{};
  };
  const auto found = std::make_shared<Found>();
  const std::int64_t now = parts_.clock.wall().ns;
  const WallTime older_than{now - options_.history_kept.ns};
  const WallTime tasks_older_than{now - options_.ended_tasks_kept.ns};
  with_ledger(
      [found, older_than, tasks_older_than](ledger::Ledger& ledger) {
        found->pruned = ledger.prune(older_than, tasks_older_than);
        found->wal = ledger.wal();
      },
      [this, found](const Status& ran) {
        if (!ran || state_ != DriverState::running) return;
        if (!found->pruned) {
          parts_.log.warning("retention_failed", {{"reason", found->pruned.error().message}});
        } else if (found->pruned->more) {
          upkeep_.start(kPruneAgain, [this] { upkeep(); });
        }
        if (found->wal && found->wal->bytes > kWalBytesMax && found->wal->frames_not_yet > 0) {
          parts_.log.warning("wal_grows",
                             {{"ledger", options_.ledger_path},
                              {"bytes", found->wal->bytes},
                              {"remedy", "a reader holds a transaction open: end it (`fuser LEDGER`)"}});
        }
      });
}

// ---- What others ask

const Snapshot& Driver::snapshot() const {
  EXTVOLD_CHECK(engine_ != nullptr);
  return engine_->snapshot();
}

const Observed& Driver::observed() const {
  EXTVOLD_CHECK(engine_ != nullptr);
  return engine_->observed();
}

const ForeignVolumes& Driver::foreign() const {
  EXTVOLD_CHECK(engine_ != nullptr);
  return engine_->foreign();
}

reconcilers::EngineCounts Driver::engine_counts() const {
  return engine_ == nullptr ? reconcilers::EngineCounts{} : engine_->counts();
}

Snapshot Driver::take_snapshot() {
  EXTVOLD_CHECK(state_ == DriverState::stopped);
  return engine_->take_snapshot();
}

bool Driver::healthy() const {
  return uncommitted_.empty() || parts_.clock.now() - uncommitted_.front().since < kCommitMax;
}

Plan Driver::plan() const { return reconcilers::plan(snapshot(), observed(), parts_.clock.now(), policy_); }

DriverStatus Driver::status() const {
  DriverStatus out;
  out.state = state_;
  out.read_only_reason = read_only_reason_;
  out.ledger_path = options_.ledger_path;
  out.ledger = ledger_report_;
  if (engine_ != nullptr) out.identity = engine_->snapshot().ledger;
  out.committed = committed_;
  out.subscription = subscription_state_;
  out.master = master_;
  out.subscription_error = subscription_error_;
  out.subscription_since = subscription_since_;
  out.masters_by_url = !options_.masters.urls.empty();
  if (link_ != nullptr) out.zookeeper = link_->status();
  out.events_queued = events_queued_;
  out.batches_uncommitted = uncommitted_.size();
  out.calls_running = calls_running_;
  out.started_at = started_at_;
  out.counts = counts_;
  out.ingest = ingest_counters_;
  out.reader = reader_.counts();
  return out;
}

std::string Driver::unsettled() const {
  if (state_ != DriverState::running) return fmt::format("extvold is {}", to_text(state_));
  if (!queue_.empty() || !uncommitted_.empty()) return "what arrived is not recorded yet";
  if (calls_running_ > 0) return fmt::format("{} calls are under way", calls_running_);
  for (const ProviderInfo& provider : policy_.providers) {
    const auto view = observed().providers.find(provider.name);
    const bool told = view != observed().providers.end() &&
                      (view->second.listed_at.ns != 0 || !view->second.why_incomplete.empty());
    if (!told) return fmt::format("provider {} has not answered yet", provider.name.value);
  }
  if (observing_ > 0) return fmt::format("{} questions to providers are under way", observing_);
  if (link_ != nullptr && configured_observe_only_.empty() && !link_->guard_decided(parts_.clock.now()))
    return policy_.observe_only;
  if (!options_.masters.none()) {
    if (!observed().view_complete) return fmt::format("the Mesos view: {}", observed().view_incomplete_why);
    for (const auto& [id, agent] : observed().agents) {
      if (agent.registered && !agent.complete() && agent.api_error.empty())
        return fmt::format("agent {} was not read yet", id.value);
    }
    if (!reader_.idle()) return "questions to the master or agents are under way";
  }
  for (const auto& [id, entry] : snapshot().volumes()) {
    const Operation* open = entry.open_operation.get();
    if (open != nullptr && open->state != OperationState::uncertain)
      return fmt::format("an operation of volume {} is {}", entry.volume.name, to_text(open->state));
  }
  if (options_.dry_run) return {};
  const Plan now = plan();
  const auto ready = std::find_if(now.operations.begin(), now.operations.end(), [](const auto& planned) {
    return planned.waits_for.empty() && planned.after.empty();
  });
  if (ready != now.operations.end()) return fmt::format("ready: {}", describe(ready->operation, snapshot()));
  return {};
}

}  // namespace extvold::daemon
