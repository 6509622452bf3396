// Storage: what is true at the providers: which disks exist, which hosts get through to them, what is written
// there; and the many ways in which a provider carries a call out, or says what it has. It knows nothing of
// claims, evidence or plans.
//
// A Provider behaves as its Capabilities promise, also when it misbehaves: what it refused never happens
// later; what it gave up happens, if it does, within its settle_time, or is shown as running; a direct look
// says what is true at some moment between the question and the answer. Everything else may be wrong: answers
// get lost, lists are old, short or empty, `done` may be a lie.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "model/call.h"
#include "model/fence.h"
#include "model/observation.h"
#include "tests/sim/config.h"
#include "tests/sim/random.h"

namespace extvold::sim {

class World;

struct Grant {
  Generation generation;  // of the attachment that our call made; none: by hand
  std::string boot_id;    // in which it was attached, where a node side tells
  std::string device;
  bool by_hand = false;  // a person's: no task's container opens it
};

// A process has the disk open: from its mount to the process' end, whatever becomes of the access meanwhile.
struct Session {
  std::int64_t id = 0;  // in the order in which they were opened
  int host = 0;
  std::string container;
  Instant opened_at;
  bool over = false;  // its task was told to be over, or forgotten, when it opened it
};

struct Disk {
  int provider = 0;
  std::string key;
  std::string name;  // what operators call it
  std::string ref;
  std::string ledger_id;  // the tag
  std::string pool;
  std::int64_t size_mb = 0;
  AccessMode access = AccessMode::rw;
  bool blank = true;
  bool to_be_formatted = false;  // nothing can be mounted before it is
  bool adopted = false;          // ours by a person's word, whatever its tag
  std::map<int, Grant> grants;
  std::set<int> lingering;  // was detached there, and who has it open is still let through
  std::set<int> barred;     // by a fence: no late attach lets it in
  std::vector<Session> sessions;
  // The newest write, by the session that made it.
  std::int64_t last_session = 0;
  int last_host = -1;

  bool open_on(int host) const;
};

class Storage {
 public:
  using Done = std::function<void(OperationResult)>;
  using Seen = std::function<void(ProviderObservation)>;
  using Fenced = std::function<void(FenceResult)>;

  explicit Storage(World& world);

  void execute(OperationCall call, Done done);
  void observe(const ProviderName& provider, const std::string& key, Seen seen);
  void change_fence(FenceCall call, Fenced done);

  // Whether a fence keeps this host from having this volume (empty: from having any) at all.
  bool bars(const ProviderName& provider, const std::string& key, int host) const;
  // Whether a write of this host would be taken.
  bool lets_through(const Disk& disk, int host) const;
  Disk* find(const ProviderName& provider, std::string_view key);
  std::vector<Disk*> disks_named(std::string_view name);
  template <typename Act>
  void for_each(const Act& act) {
    for (Provider& one : providers_) {
      for (auto& [key, disk] : one.disks) act(disk);
    }
  }
  const Personality& personality(const Disk& disk) const;

  // Sessions. `close` of a container that is gone.
  void open(Disk& disk, int host, const std::string& container, bool over);
  void close(int host, const std::string& container);

  // By a person's hand, past all daemons.
  void grant_by_hand(Disk& disk, int host);
  void grant_to_task(Disk& disk, int host);  // before there was an extvold
  void revoke_by_hand(Disk& disk, int host);
  void lift_by_hand(Disk& disk, int host);  // what bars the host from it
  void make_foreign(int provider, const std::string& key, const std::string& name);

  // Everything is answered, at once and truly, from now on.
  void heal();
  std::int64_t changes() const { return changes_; }  // that calls of ours made
  void silence(int provider, Duration how_long);

 private:
  struct HostFence {
    WallTime expires_at;  // 0: never
  };
  struct Provider {
    Personality personality;
    std::map<std::string, Disk> disks;
    std::map<std::string, int> running;  // calls at work, by key
    std::map<int, HostFence> cut_off;
    std::map<std::string, ObservedVolume> old_list;  // what a list that is behind shows
    Instant old_list_at;
    Instant silent_until;
  };
  const HostFence* cutting_off(const Provider& at, int host) const;  // nullptr: none, or it ran out
  enum class Answer { truth, lost, lie };
  struct Course {  // of one call
    bool refused = false;
    bool takes_effect = true;
    Duration effect_after;
    Duration answer_after;
    Answer answer = Answer::truth;
    bool twice = false;
  };

  Provider& provider(const ProviderName& name);
  const Provider& provider(const ProviderName& name) const;
  Course draw_course(const Provider& provider, const OperationCall& call);
  Duration draw_retry_after();
  void throttle(ProviderObservation out, Seen seen);
  OperationResult apply(Provider& provider, const OperationCall& call);
  OperationResult create(Provider& provider, const OperationCall& call);
  OperationResult attach(Provider& provider, Disk& disk, const OperationCall& call, int host);
  OperationResult detach(Provider& provider, Disk& disk, const OperationCall& call, int host);
  OperationResult format(Disk& disk, const OperationCall& call, int host);
  OperationResult remove(Provider& provider, Disk& disk, const OperationCall& call);
  OperationResult resize(Provider& provider, Disk& disk, const OperationCall& call);
  void let_in(Disk& disk, int host, Grant grant, bool by_hand);
  void shut_out(Disk& disk, int host, bool enforced);

  ObservedVolume describe(const Provider& provider, const Disk& disk) const;
  void describe_all(Provider& provider, ProviderObservation& out);
  void bend_list(Provider& provider, ProviderObservation& out);

  FenceResult look_at_fence(const Provider& provider, const FenceCall& call) const;
  void set_fence(Provider& provider, const FenceCall& call);
  void lift_fence(Provider& provider, const FenceCall& call);
  FenceResult change_power(const FenceCall& call);

  World& world_;
  Random random_;
  Random looks_;
  Random fences_;
  Random throttles_;
  std::vector<Provider> providers_;
  std::int64_t next_session_ = 1;
  std::int64_t changes_ = 0;
};

}  // namespace extvold::sim
