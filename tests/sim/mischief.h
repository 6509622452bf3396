// Mischief: the faults that come from time to time, each kind for itself: a host dies, a network breaks, a
// master fails over, a daemon is killed. (Those that strike a single call, look or message are drawn where it
// is made: World::strikes.)
#pragma once

#include "tests/sim/faults.h"
#include "tests/sim/random.h"

namespace extvold::sim {

class World;
class Daemon;

class Mischief {
 public:
  explicit Mischief(World& world);
  void start();
  void stop();  // everything is mended, save hosts that are dead

 private:
  using Act = void (Mischief::*)();
  struct Kind {
    Fault fault;
    Act act;
    int rarer = 1;  // so much seldomer than the others
  };
  static const Kind kKinds[];

  void again(const Kind& kind);
  int some_host();
  Daemon& some_daemon();
  Duration a_while();
  bool nobody_holds_the_guard() const;

  void cut_stream();
  void fail_master_over();
  void hide_tasks();
  void restart_agent();
  void renew_agent();
  void unregister_agent();
  void mark_agent_gone();
  void remove_framework();
  void cut_off_host();
  void freeze_host();
  void kill_host();
  void reboot_host();
  void silence_provider();
  void make_foreign_volume();
  void act_by_hand();
  void kill_daemon();
  void cut_power();
  void pause_daemon();
  void take_guard();
  void restore_ledger();
  void lose_ledger();
  void change_daemons();
  void set_clock();

  World& world_;
  Random random_;
  int frameworks_ = 1;
};

}  // namespace extvold::sim
