// Daemon: one extvold: the production engine and the production ledger, on a disk of its own that can lose
// power, driven as daemon/driver.cpp drives them. It carries effects out against the simulated world, and can
// be killed before and after each of them.
//
//   off ──start──▶ running ──Stop──▶ read_only ──reopened──▶ running          killed: off, at any moment
//
// One input a step, and each step later than the one before, as on a real clock.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ledger/ledger.h"
#include "reconcilers/engine.h"
#include "tests/lib/power_cut_vfs.h"
#include "tests/sim/probes.h"
#include "tests/sim/random.h"

namespace extvold::sim {

EXTVOLD_ENUM(DaemonState, off, running, read_only, paused)

class World;

class Daemon {
 public:
  Daemon(World& world, int number);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  int number() const { return number_; }
  DaemonState state() const { return state_; }
  const reconcilers::Engine* engine() const { return engine_.get(); }
  // What its ledger holds for good: by applying each batch that was committed.
  const Snapshot& committed() const { return mirror_; }

  void start();
  void kill(Duration away);       // kill -9; it is started again
  void cut_power(Duration away);  // its machine's
  void pause(Duration how_long);  // SIGSTOP
  void order(Order order);
  // Nothing waits to be taken in: what is ordered now is judged by the engine as it stands.
  bool idle() const { return state_ == DaemonState::running && queue_.empty(); }
  void set_policy(const Policy& policy);
  // Whether it may act: the guard in ZooKeeper. `why`: empty, it holds it.
  void set_guard(const std::string& why);
  bool holds_guard() const { return guard_why_.empty(); }

  // Its ledger's files: a backup, a restore of it (a new incarnation that observes), the loss of all.
  void back_up();
  bool has_backup() const { return !backup_.database.empty(); }
  void restore();
  void lose_ledger();
  void take_ledger_of(const Daemon& other);  // a copy of its files, which is a new incarnation
  void fail_next_write(tests::PowerCutVfs::Fault fault);

  // ---- from the master
  std::int64_t stream_number() const { return stream_number_; }
  void stream_said(std::int64_t stream, std::vector<MesosEvent> events);
  void stream_closed(const std::string& why);

  void check_deeply();  // what its ledger holds, read anew, is what the engine has
  std::int64_t steps() const { return steps_; }
  // That may have changed something at a provider: what is refused is tried again for ever, by right.
  std::int64_t calls_made() const { return calls_made_; }

 private:
  struct Killed {};  // thrown where a run of effects ends
  struct Backup {    // the ledger's files, copied while nobody writes
    std::vector<unsigned char> database;
    std::vector<unsigned char> wal;
  };

  void open();
  void close();
  void lose_power(Duration away);
  void schedule();
  void turn();
  void step(reconcilers::Input input);
  void post(reconcilers::Input input);
  std::function<void(MesosEvent)> poster_of_events();
  void maybe_die(Probe probe);
  void carry_out(reconcilers::Commit& effect);
  void carry_out(reconcilers::ObserveProvider& effect);
  void carry_out(reconcilers::ReadAgent& effect);
  void carry_out(reconcilers::PollMaster& effect);
  void carry_out(reconcilers::Resubscribe& effect);
  void carry_out(reconcilers::Execute& effect);
  void carry_out(reconcilers::CallMaster& effect);
  void carry_out(reconcilers::ChangeFence& effect);
  void carry_out(reconcilers::Reply& effect);
  void carry_out(reconcilers::WakeAt& effect);
  void carry_out(reconcilers::Stop& effect);
  void commit_waiting();
  void end_commit(std::vector<Batch> group);
  void note_committed(const Batch& batch);
  void subscribe(Duration delay);
  void unsubscribe();
  void go_read_only(const std::string& why);
  void come_back(Duration away);
  void put_files(const Backup& files);
  void put_ledger(const Backup& files);  // and begins anew with it
  Status begin_incarnation();
  Policy policy_now() const;
  void tell_policy();
  void end_takeover(std::int64_t guard);

  World& world_;
  const int number_;
  Random random_;
  tests::PowerCutVfs disk_;
  std::string path_;
  DaemonState state_ = DaemonState::off;
  Policy policy_;
  std::string guard_why_;
  bool takes_over_ = false;
  std::int64_t guards_ = 0;  // how often it was given the guard
  std::unique_ptr<ledger::Ledger> ledger_;
  std::unique_ptr<reconcilers::Engine> engine_;
  Snapshot mirror_;
  std::int64_t life_ = 0;  // what comes back for one before this one is dropped
  std::deque<reconcilers::Input> queue_;
  bool scheduled_ = false;
  bool policy_told_ = true;
  Instant wake_at_ = kNever;
  std::vector<Batch> uncommitted_;
  bool committing_ = false;
  std::int64_t stream_number_ = 0;
  bool subscribed_ = false;
  int subscribe_failures_ = 0;
  int reopen_failures_ = 0;
  std::int64_t next_request_ = 1;
  std::int64_t steps_ = 0;
  std::int64_t commits_ = 0;
  std::int64_t calls_made_ = 0;
  Backup backup_;
  std::int64_t incarnations_ = 1;  // what its high-water mark would know
};

}  // namespace extvold::sim
