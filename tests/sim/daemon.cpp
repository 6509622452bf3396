// Its life: start, kill, power, pauses, the stream, the queue.
#include "tests/sim/daemon.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests/sim/world.h"

namespace extvold::sim {

Daemon::Daemon(World& world, int number)
    : world_(world),
      number_(number),
      random_(world.config.seed, fmt::format("daemon-{}", number)),
      disk_(random_.next()),
      path_("/ledger.db"),
      policy_(world.policy) {
  disk_.expect_log_of(std::size_t{36} << 20);  // ledger/ledger.cpp copies back after 8192 frames
}

Daemon::~Daemon() = default;

void Daemon::start() {
  if (state_ != DaemonState::off) return;
  world_.note("daemon.starts", number_);
  open();
}

// The driver's open(): the ledger, the snapshot, a new engine, and its first step.
void Daemon::open() {
  ledger::OpenOptions options;
  options.now = world_.time.wall();
  options.vfs = disk_.name();
  options.guarded = false;
  auto opened = ledger::Ledger::open(path_, options);
  if (disk_.dark()) return lose_power(random_.between(seconds(1), minutes(2)));
  if (!opened) return go_read_only(opened.error().message);
  ledger_ = std::move(*opened);
  auto loaded = ledger_->load();
  if (!loaded) return go_read_only(loaded.error().message);
  auto mirror = ledger_->load();
  if (!mirror) return go_read_only(mirror.error().message);
  mirror_ = std::move(*mirror);
  world_.oracle.started(number_, mirror_);
  engine_ = std::make_unique<reconcilers::Engine>(std::move(*loaded), policy_now());
  ++life_;
  state_ = DaemonState::running;
  reopen_failures_ = 0;
  policy_told_ = true;
  post(reconcilers::TimerFired{});
  subscribe(random_.between(milliseconds(1), milliseconds(500)));
}

void Daemon::close() {
  ++life_;
  unsubscribe();
  queue_.clear();
  uncommitted_.clear();
  committing_ = false;
  wake_at_ = kNever;
  engine_.reset();
  ledger_.reset();
}

void Daemon::kill(Duration away) {
  if (state_ == DaemonState::off) return;
  world_.note("daemon.killed", number_);
  close();
  come_back(away);
}

void Daemon::come_back(Duration away) {
  state_ = DaemonState::off;
  world_.time.after(away, [this] { start(); });
}

void Daemon::cut_power(Duration away) {
  if (state_ != DaemonState::off) lose_power(away);
}

void Daemon::lose_power(Duration away) {
  world_.note("daemon.power_cut", number_);
  world_.probes.hit(Probe::power_was_cut);
  disk_.cut_at(1);
  close();
  disk_.power_on(static_cast<tests::PowerCutVfs::Survival>(random_.below(4)));
  come_back(away);
}

void Daemon::pause(Duration how_long) {
  if (state_ != DaemonState::running) return;
  world_.note("daemon.paused", number_);
  world_.probes.hit(Probe::daemon_was_paused);
  state_ = DaemonState::paused;
  world_.time.after(how_long, [this, life = life_] {
    if (life != life_ || state_ != DaemonState::paused) return;
    state_ = DaemonState::running;
    schedule();
  });
}

// Nothing can be recorded, so nothing may be done; the ledger is opened anew after a while.
void Daemon::go_read_only(const std::string& why) {
  world_.note("daemon.read_only", number_, why);
  close();
  state_ = DaemonState::read_only;
  disk_.fail_at(-1, tests::PowerCutVfs::Fault::write_error);
  const Duration pause =
      std::min(seconds(60), seconds(1) * (std::int64_t{1} << std::min(reopen_failures_, 6)));
  if (++reopen_failures_ > 30) return world_.oracle.fail("ledger_does_not_open", why);
  world_.time.after(pause, [this, life = life_] {
    if (life != life_ || state_ != DaemonState::read_only) return;
    world_.probes.hit(Probe::ledger_reopened);
    open();
  });
}

// ---- the guard and the policy

Policy Daemon::policy_now() const {
  Policy out = policy_;
  out.observe_only = guard_why_;
  out.takes_over = takes_over_;
  out.others_acted = std::any_of(world_.guard.acted.begin(), world_.guard.acted.end(),
                                 [&](int one) { return one != number_; });
  return out;
}

void Daemon::set_policy(const Policy& policy) {
  policy_ = policy;
  policy_told_ = false;
  schedule();
}

void Daemon::set_guard(const std::string& why) {
  if (why == guard_why_) return;
  world_.note("daemon.guard", number_, why);
  guard_why_ = why;
  takes_over_ = why.empty() && world_.guard.newest != number_;
  if (takes_over_) {
    world_.time.after(policy_.call_takes_at_most(), [this, guard = ++guards_] { end_takeover(guard); });
  }
  tell_policy();
}

// From now on it attaches: who comes next has to wait for that.
void Daemon::end_takeover(std::int64_t guard) {
  if (guard != guards_ || !holds_guard()) return;
  takes_over_ = false;
  world_.guard.newest = number_;
  world_.guard.acted.insert(number_);
  tell_policy();
}

void Daemon::tell_policy() {
  policy_told_ = false;
  if (state_ == DaemonState::running) post(reconcilers::TimerFired{});
}

// ---- the queue

void Daemon::post(reconcilers::Input input) {
  queue_.push_back(std::move(input));
  schedule();
}

void Daemon::schedule() {
  if (scheduled_ || queue_.empty() || state_ != DaemonState::running) return;
  scheduled_ = true;
  world_.time.after(Duration{1000}, [this] {
    scheduled_ = false;
    turn();
  });
}

void Daemon::turn() {
  if (state_ != DaemonState::running || queue_.empty()) return;
  try {
    // What may be done is told before anything that could start a call.
    if (!policy_told_ && !std::holds_alternative<reconcilers::CommitFailed>(queue_.front())) {
      policy_told_ = true;
      step(reconcilers::PolicyChanged{policy_now()});
    } else {
      reconcilers::Input input = std::move(queue_.front());
      queue_.pop_front();
      step(std::move(input));
    }
  } catch (const Killed&) {
    close();
    come_back(random_.between(milliseconds(500), seconds(90)));
  }
  schedule();
}

void Daemon::step(reconcilers::Input input) {
  ++steps_;
  const std::int64_t life = life_;
  std::vector<reconcilers::Effect> effects =
      engine_->step({world_.time.now(), world_.time.wall()}, std::move(input));
  for (reconcilers::Effect& effect : effects) {
    std::visit([&](auto& one) { carry_out(one); }, effect);
    if (life != life_) return;  // it was the engine's last step
  }
}

void Daemon::maybe_die(Probe probe) {
  if (!world_.seldom(Fault::daemon_crash, random_)) return;
  world_.note("daemon.crashes", number_, to_text(probe));
  world_.probes.hit(probe);
  throw Killed{};
}

// ---- the stream

void Daemon::subscribe(Duration delay) {
  world_.time.after(delay, [this, life = life_] {
    if (life != life_ || subscribed_) return;
    ++stream_number_;
    if (!world_.master.subscribe(*this)) {
      const int doublings = std::min(subscribe_failures_++, 5);
      return subscribe(seconds(1) * (std::int64_t{1} << doublings));
    }
    subscribe_failures_ = 0;
    subscribed_ = true;
    post(reconcilers::EventsArrived{{SubscriptionOpened{world_.master.id()}}});
  });
}

void Daemon::unsubscribe() {
  world_.master.unsubscribe(*this);
  subscribed_ = false;
  ++stream_number_;
}

void Daemon::stream_said(std::int64_t stream, std::vector<MesosEvent> events) {
  if (stream != stream_number_ || !subscribed_ || engine_ == nullptr) return;
  post(reconcilers::EventsArrived{std::move(events)});
}

void Daemon::stream_closed(const std::string& why) {
  if (!subscribed_ || engine_ == nullptr) return;
  unsubscribe();
  post(reconcilers::EventsArrived{{SubscriptionClosed{why}}});
  subscribe(random_.between(milliseconds(500), seconds(20)));
}

void Daemon::order(Order order) {
  if (state_ != DaemonState::running) return;
  post(reconcilers::CommandArrived{{next_request_++, 1000, std::move(order)}});
}

}  // namespace extvold::sim
