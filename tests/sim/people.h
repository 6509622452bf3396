// People: operators, who never lie, and err only where extvold can know better. They order volumes, release
// what waits for them, look after what extvold says waits for a person, and confirm only hosts that really
// cannot write; whoever was confirmed dead stays so until it was cleaned. Some also act by hand in between,
// which extvold is not told.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "model/cluster.h"
#include "model/snapshot.h"
#include "tests/sim/random.h"
#include "tests/sim/storage.h"

namespace extvold::sim {

class World;
class Daemon;

class People {
 public:
  explicit People(World& world);
  void start();

  // Whether this host cannot write to anything that this daemon has at it: off, or nobody there uses it.
  bool cannot_write(const Daemon& daemon, int host) const;
  // ... and nothing else lives there by Mesos' word: then extvold takes a person's word for it.
  bool may_confirm(const Daemon& daemon, const Host& host) const;

  // Somebody ended there, and nothing proves him gone.
  bool has_unproven_end(const VolumeEntry& entry, HostId host) const;

  // By hand.
  void map_by_hand();
  void use_by_hand();
  void switch_on();  // what a fence has switched off
  void end_use(int volume, int host);

 private:
  void look();
  void want_volumes(Daemon& daemon);
  void adopt(Daemon& daemon);
  void release(Daemon& daemon);
  void confirm_hosts(Daemon& daemon);
  void clean_hosts(Daemon& daemon);
  void take_leftovers(const Daemon& daemon, int host, HostId row);
  void look_after_fencing(Daemon& daemon);
  void stop_what_is_old(Daemon& daemon);
  void lift_forgotten_fences(Daemon& daemon);
  void end_what_is_barred(const Snapshot& snapshot, HostId row);
  void retry_formats(Daemon& daemon);
  void order_spare(Daemon& daemon);
  void grow_one(Daemon& daemon);  // or takes such an order back
  void hold_by_name(Daemon& daemon);
  // Mesos says so of something: nobody confirms such a host who does not err.
  static bool lives_there(const Snapshot& snapshot, HostId host);
  void err(Daemon& daemon);
  void err_about_host(Daemon& daemon, const Host& host);
  void err_about_volume(Daemon& daemon, const VolumeEntry& entry);

  World& world_;
  Random random_;
  Random whims_;  // what they do besides
  Random growth_;
  int spares_ = 0;
};

}  // namespace extvold::sim
