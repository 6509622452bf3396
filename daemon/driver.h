// Driver: the only loop-side code that acts. It owns the Engine, feeds it Inputs and carries its Effects out.
//
//   bytes → ingest → events ┐
//   polls, agents' answers  ├→ queue → Engine::step ─→ Commit → ledger thread → Committed ┐
//   observations, results   │                      └→ Execute, Observe, Poll, Reply       │
//   commands, timer         ┘←────────────────────────────────────────────────────────────┘
//
// Loop thread only; outlived by everything in DriverParts. Inputs are queued and drained in a turn of their
// own, never from inside a callback; neighbouring events become one step, bounded in number, and a turn of
// the loop is bounded in time. When commits lag behind, the event stream is not read for a while; if that
// lasts, it is dropped and asked for anew, because the master buffers for a slow reader without limit.
//
// When the ledger cannot be written the driver goes `read_only`: it drops the stream, starts nothing, answers
// questions from what it knew last with the reason, and opens the ledger anew with backoff; then it begins
// with a new Engine.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "daemon/auth/authenticator.h"
#include "daemon/backoff.h"
#include "daemon/clock.h"
#include "daemon/http_stream.h"
#include "daemon/ingest/counters.h"
#include "daemon/ledger_session.h"
#include "daemon/log.h"
#include "daemon/masters.h"
#include "daemon/mesos_caller.h"
#include "daemon/mesos_reader.h"
#include "daemon/random.h"
#include "daemon/subscription.h"
#include "daemon/uv/deferred.h"
#include "daemon/uv/loop.h"
#include "daemon/uv/timer.h"
#include "model/enum_text.h"
#include "model/plan.h"
#include "providers/power.h"
#include "providers/provider.h"
#include "reconcilers/engine.h"

namespace extvold::ingest {
class RecordDecoder;
}

namespace extvold::daemon {

// starting: start() was not called yet, or failed. read_only: nothing can be recorded, so nothing is done;
// status says why.
EXTVOLD_ENUM(DriverState, starting, running, read_only, stopping, stopped)
EXTVOLD_ENUM(SubscriptionState, none, connecting, open)

struct DriverParts {
  uv::Loop& loop;
  const Clock& clock;
  Random& random;
  HttpClient& http;
  HttpStreamSource& streams;
  Log& log;
};

struct DriverOptions {
  std::string ledger_path;
  bool create_ledger = true;
  // Reads the ledger once, without its lock, and commits to memory only: `reconcile --dry-run`. Give it a
  // Policy with `observe_only` set, so that nothing is ever intended.
  bool dry_run = false;
  Masters masters;  // none(): no subscription
  SubscriptionConfig subscription;
  AuthConfig master_auth;
  AuthConfig agents_auth;
  MesosReaderOptions reader;
  Duration history_kept =
      seconds(90 * 24 * 3600);  // ended operations, spent evidence and history older than this go
  Duration ended_tasks_kept = seconds(24 * 3600);

  std::size_t events_a_step_max = 2'000;
  Duration turn_max = milliseconds(4);       // then the loop gets its turn
  std::size_t events_queued_max = 8'000;     // more: the stream pauses
  std::size_t batches_uncommitted_max = 64;  // more: the stream pauses
  Duration pause_max = seconds(30);          // a pause that lasts longer: the stream is dropped
  Duration reopen_min = seconds(1);
  Duration reopen_max = seconds(60);
};

struct DriverCounts {
  std::uint64_t stream_bytes = 0;
  std::uint64_t streams_opened = 0;
  std::uint64_t streams_lost = 0;
  std::uint64_t streams_undecodable = 0;  // of the lost: dropped because a record could not be decoded
  std::uint64_t stream_pauses = 0;
  std::uint64_t steps = 0;
  std::uint64_t batches_committed = 0;
  std::uint64_t changes_committed = 0;
  std::uint64_t commit_failures = 0;
  std::uint64_t ledger_reopened = 0;
  std::uint64_t calls_started = 0;  // operations handed to providers
  std::uint64_t calls_ended = 0;
  std::uint64_t observations = 0;
  std::uint64_t commands = 0;
};

struct DriverStatus {
  DriverState state = DriverState::starting;
  std::string read_only_reason;  // with read_only; the remedy included
  std::string ledger_path;
  ledger::OpenReport ledger;
  LedgerIdentity identity;
  Sequence committed;  // newest that is durable
  SubscriptionState subscription = SubscriptionState::none;
  std::string master;              // URL that answered, with open; else what was tried last
  std::string subscription_error;  // of the newest loss or failed attempt; empty: none since it opened
  WallTime subscription_since;     // of the present state
  bool masters_by_url = false;     // how the leader is found; with `zookeeper` by that
  std::optional<zookeeper::LinkStatus> zookeeper;
  std::size_t events_queued = 0;
  std::size_t batches_uncommitted = 0;
  std::size_t calls_running = 0;
  WallTime started_at;
  DriverCounts counts;
  ingest::IngestCounters ingest;
  MesosReaderCounts reader;
};

class Driver {
 public:
  Driver(DriverParts parts, DriverOptions options, Policy policy,
         std::vector<std::unique_ptr<providers::Provider>> providers);
  ~Driver();
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  // Before start(): who switches hosts off. None: nobody does.
  void set_power(std::unique_ptr<providers::PowerFence> power) { power_ = std::move(power); }

  // Opens the ledger, loads it, makes the Engine, subscribes. Blocks while the ledger is read. Errors are
  // those of Ledger::open(): busy (another extvold holds it), not_found, conflict. A ledger that can only be
  // read, or not even that because it is damaged, is no error: the state is then read_only.
  Status start();

  // Starts no operation any more, waits for the calls that run (at most `max`), closes. `stopped` comes once,
  // from the loop.
  void stop(Duration max, std::function<void()> stopped);

  // One order of an operator. `done` comes from the loop, once, after what it changed is durable.
  // unavailable: the driver is read_only or stops; nothing was ordered.
  void submit(Order order, std::int64_t user_uid, std::function<void(Result<std::string>)> done);

  // Reading the ledger beside the engine (history, checks, backup): `job` runs on the ledger thread after
  // everything that was committed before; `done` comes from the loop. unavailable: there is no ledger open;
  // `job` was not run.
  void with_ledger(std::function<void(ledger::Ledger&)> job, std::function<void(Status)> done);

  // Numbers of the policy that changed (SIGHUP). Providers, drivers and the hosts
  // of [power.NAME] stay as they were.
  void set_policy(Policy policy);

  // Which files prove who we are (SIGHUP). They are read anew also if their names are the same; connections
  // that are open stay.
  void set_auth(AuthConfig master, AuthConfig agents);

  // After start(), until stopped. What it shows is the tentative state: commits under way included.
  // References are good until the loop turns.
  const Snapshot& snapshot() const;
  const Observed& observed() const;
  const ForeignVolumes& foreign() const;
  const Policy& policy() const { return policy_; }
  reconcilers::EngineCounts engine_counts() const;
  Plan plan() const;  // of everything, now; costs a sweep
  DriverStatus status() const;

  // Why there may still be news: what is under way, not read yet, or ready to be done. Empty: everything that
  // can be known and done now is known and done.
  std::string unsettled() const;

  // False: a commit hangs; for the watchdog.
  bool healthy() const;

  // After stop(): what it knew, for who goes on with it.
  Snapshot take_snapshot();

  // For tests and one-shot runs. May be empty. on_turn: after each turn in which the engine made steps.
  // on_history: what was recorded, when it is durable.
  void on_turn(std::function<void()> callback) { on_turn_ = std::move(callback); }
  void on_history(std::function<void(const std::vector<HistoryEntry>&)> callback) {
    on_history_ = std::move(callback);
  }

 private:
  struct Uncommitted {
    Sequence sequence;
    Instant since;
    std::size_t changes = 0;
    std::vector<HistoryEntry> history;
  };

  // driver.cpp: life and death
  Status open();
  bool start_reading(const Error& error);
  void go_read_only(std::string why);
  void try_reopen();
  void finish_stop();
  void fail_commands(const Error& error);
  void upkeep();

  // driver_queue.cpp: inputs, steps, effects
  void post(reconcilers::Input input);
  void post_events(std::vector<MesosEvent> events);
  void post_event(MesosEvent event);
  void schedule();
  void drain();
  void step(reconcilers::Input input);
  void carry_out(reconcilers::Commit& effect);
  void carry_out(reconcilers::ObserveProvider& effect);
  void carry_out(reconcilers::ReadAgent& effect);
  void carry_out(reconcilers::PollMaster& effect);
  void carry_out(reconcilers::Resubscribe& effect);
  template <typename Ended, typename CallResult>
  std::function<void(CallResult)> start_call();
  void carry_out(reconcilers::Execute& effect);
  void carry_out(reconcilers::CallMaster& effect);
  void carry_out(reconcilers::ChangeFence& effect);
  void carry_out(reconcilers::Reply& effect);
  void carry_out(reconcilers::WakeAt& effect);
  void carry_out(reconcilers::Stop& effect);
  void set_wake();
  void on_committed(const CommitOutcome& outcome);
  void note_history(const Uncommitted& batch);
  providers::Provider& provider(const ProviderName& name);
  void tell_hosts(providers::Provider& provider);
  std::vector<HostIdentity> hosts_by_attribute(const std::string& attribute) const;
  std::vector<providers::KnownVolume> known_volumes(const ProviderName& name) const;

  // driver_zookeeper.cpp: who leads, and who of several daemons acts
  void connect_zookeeper();
  void disconnect_zookeeper();
  void on_leader();
  void on_guard();
  void on_zookeeper_session();
  void settle_candidate();
  bool refresh_guard();
  bool refresh_former();
  void wait_for_former();
  bool may_start_calls() const;

  // driver_stream.cpp: the subscription
  void subscribe();
  void begin_subscription();
  void look_up_masters();
  void note_masters(std::vector<std::string> found);
  void unsubscribe();
  void on_opened(const SubscriptionOpened& opened);
  Flow on_bytes(std::string_view bytes);
  void on_closed(const SubscriptionClosed& closed);
  bool must_pause() const;
  void resume_if_possible();

  DriverParts parts_;
  DriverOptions options_;
  Policy policy_;
  std::vector<std::unique_ptr<providers::Provider>> providers_;
  std::unique_ptr<providers::PowerFence> power_;

  DriverState state_ = DriverState::starting;
  std::string read_only_reason_;
  WallTime started_at_;
  DriverCounts counts_;
  ingest::IngestCounters ingest_counters_;
  std::function<void()> on_turn_;
  std::function<void(const std::vector<HistoryEntry>&)> on_history_;
  std::function<void()> stopped_;

  std::unique_ptr<LedgerSession> ledger_;
  ledger::OpenReport ledger_report_;
  std::unique_ptr<reconcilers::Engine> engine_;
  std::int64_t engine_number_ = 0;  // what comes back for an engine before this one is dropped
  Sequence committed_;
  std::deque<Uncommitted> uncommitted_;

  std::deque<reconcilers::Input> queue_;
  std::size_t events_queued_ = 0;
  bool scheduled_ = false;
  Instant wake_at_ = kNever;

  std::int64_t next_request_ = 1;
  std::map<std::int64_t, std::function<void(Result<std::string>)>> waiting_commands_;
  std::size_t calls_running_ = 0;  // those of earlier engines included
  std::size_t observing_ = 0;

  std::unique_ptr<zookeeper::Link> link_;
  std::string configured_observe_only_;  // policy_.observe_only without what the guard adds
  bool policy_told_ = true;              // the engine knows policy_
  std::int64_t guard_epoch_ = 0;         // with which we act; 0: we do not
  bool guard_news_ = false;              // why nothing is done may have another reason
  std::string leader_node_;              // whose events count; empty: nobody's
  std::string leader_url_;

  std::vector<std::unique_ptr<uv::NameLookup>> lookups_;  // of the masters' names
  std::unique_ptr<Subscription> subscription_;
  bool subscription_begun_ = false;
  std::unique_ptr<ingest::RecordDecoder> decoder_;
  SubscriptionState subscription_state_ = SubscriptionState::none;
  std::string master_;
  Recipient master_recipient_ = Recipient::stranger;  // with open: whether it may have our credentials
  std::string subscription_error_;
  WallTime subscription_since_;
  bool stream_paused_ = false;

  Authenticator master_auth_;
  Authenticator agents_auth_;
  MesosReader reader_;
  MesosCaller caller_;
  Backoff reopen_backoff_;
  uv::Timer wake_;
  uv::Timer reopen_;
  uv::Timer pause_;
  uv::Timer stop_deadline_;
  uv::Timer upkeep_;
  uv::Timer takeover_;  // until the calls of the daemon that acted before are over
  uv::Deferred deferred_;
};

}  // namespace extvold::daemon
