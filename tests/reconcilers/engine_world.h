// EngineWorld: the production engine under virtual time, with a small world around it: a provider that keeps
// the truth (and none of the engine's rules), agents that answer, a master that lists what its events told, a
// ledger in memory and a mirror that apply each commit. Tests script what happens and look at the end state.
//
// After every step two things are checked: that a Snapshot which only sees the commits equals the engine's
// own, and that the provider's truth never shows a single-writer volume at two hosts. After every commit the
// ledger's invariants hold (sql/checks).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ledger/ledger.h"
#include "reconcilers/engine.h"

namespace extvold::testing {

struct FakeVolume {
  Volume made;
  std::string ledger_id;
  std::set<std::string> hosts;
  std::set<std::string> busy_hosts;          // mounted or open there: a detach is refused
  std::map<std::string, std::string> boots;  // host → its boot id when it was attached there
  // As whom a host is shown; absent: as the configuration knows it now.
  std::map<std::string, std::string> identities{};
  bool blank = true;
  std::set<std::string> held_hosts{};  // a detach is refused, and no look shows why
};

// What the master answers when it is polled. Follows its own events; a new snapshot begins it anew.
struct FakeMaster {
  std::map<std::pair<std::string, std::string>, TaskRecord> tasks;  // by task and agent
  std::map<std::string, AgentSeen> agents;
  std::map<std::pair<std::string, std::string>, ExecutorRecord> executors;  // by executor and agent
  std::map<std::string, RegistryAgentSeen> registry;  // who is unreachable or gone, by agent
  std::vector<MaintenanceSeen> windows;               // the schedule
  std::vector<MaintenanceSeen> machines;              // draining, down
  std::int64_t tasks_hidden = 0;                      // running, counted, and shown to nobody
  std::map<MasterCall, std::string> refused;          // these calls, and how
  std::optional<MasterMetricsSeen> metrics{};         // what it counts, if not what it lists
  std::map<MasterCall, int> answers;                  // how often each was asked
  std::string master_id = "the-master";
  // What becomes of the changes that are asked of it.
  MesosAnswer to_changes = MesosAnswer::accepted;
  Error why_not{};
  bool changes_take_effect = true;
  std::vector<MesosOperation> changes_asked{};

  void told(const MesosEvent& event);
  std::vector<MesosEvent> answer(MasterCall call, Instant at);
  void carry_out(const MesosOperation& operation);
};

// Thrown by the world in the place where a scripted crash happens; the test then calls restart().
struct Crash {};

// What the provider does with the next calls of a kind.
enum class Mishap { none, fail_before, lose_reply_after, lose_reply_before, lie, hang };

using reconcilers::Engine;
using reconcilers::Reply;

class EngineWorld {
 public:
  EngineWorld();
  explicit EngineWorld(Policy policy);
  EngineWorld(Policy policy, WallTime ledger_began);
  virtual ~EngineWorld() = default;
  EngineWorld(const EngineWorld&) = delete;
  EngineWorld& operator=(const EngineWorld&) = delete;

  static Policy default_policy();

  // ---- the clock
  void advance(Duration by);  // fires timers on the way
  void settle();              // until nothing happens any more at this instant
  Now now() const { return {at_, {1'700'000'000'000'000'000 + at_.ns}}; }

  // ---- Mesos
  void event(MesosEvent event);
  void observe(ProviderObservation observation);  // as if it had been asked for
  void subscribe(std::vector<MesosEvent> snapshot = {});
  void disconnect(const std::string& why = "the connection broke");
  void agent_added(const std::string& name, const std::string& host, std::string attributes = {});
  TaskRecord task(const std::string& id, const std::string& agent, const std::string& volume,
                  TaskState state = TaskState::task_staging) const;
  void task_added(const TaskRecord& task);
  void task_updated(const std::string& id, const std::string& agent, TaskState state, StatusSource source,
                    std::string reason = {}, std::string message = {});
  void run_task(const std::string& id, const std::string& agent,
                const std::string& volume);                             // added and running, container there
  void end_container(const std::string& id, const std::string& agent);  // the agent counts it as completed

  // ---- operators
  Reply order(Order order);
  void post_order(Order order);  // not waited for: with commits that are held
  void make_volume(const std::string& name, Filesystem filesystem = Filesystem::none,
                   AccessMode access = AccessMode::rw);

  // ---- looks
  const VolumeEntry& volume(const std::string& name) const;
  const Attachment* attachment(const std::string& volume, const std::string& host) const;
  bool attached(const std::string& volume, const std::string& host) const;  // in the ledger and in truth
  const Claim* claim(const std::string& task) const;
  std::string blocked(const std::string& volume, const std::string& host = {}) const;  // the reason
  const Engine& engine() const { return *engine_; }
  void restart();              // kill -9 and start again from the ledger; calls under way are lost
  void restore();              // ... from what a restored ledger still believes
  void reload(Policy policy);  // SIGHUP
  void restart(Policy policy);
  void finish_hung();  // the calls that hang take effect and are answered

  FakeMaster master;
  std::map<std::string, FakeVolume> truth;                  // by key
  std::map<OperationKind, Mishap> mishap;                   // stays until changed
  std::map<std::string, std::set<std::string>> containers;  // agent → executors that it lists
  std::map<std::string, std::set<std::string>> completed;   // agent → executors that it counts as completed
  // What its agent's list says of an executor's volumes; by executor.
  std::map<std::string, std::vector<VolumeReference>> executor_volumes;
  std::set<std::string> docker_executors;              // by the agents' word, of those that are completed
  std::map<std::string, int> agent_rounds;             // how often each was asked
  std::set<std::string> silent_agents;                 // accept and never answer
  std::map<std::string, std::int64_t> destroy_errors;  // agent → container_destroy_errors
  std::map<std::string, std::string> boot_ids;         // host → boot id; absent: no node side
  std::set<std::string> mute_hosts;                    // whose node side says nothing
  std::set<std::string> still_open;                    // hosts that use what is not attached there any more
  std::set<std::string> running_calls;                 // keys with a call at work
  std::set<std::string> powered_off;                   // hosts that cannot write, whatever they have
  std::set<std::string> fenced_hosts;                  // cut off from the provider: the same
  std::set<std::pair<std::string, std::string>> fenced_volumes;  // by key and host: taken away for good
  std::map<FenceAct, Mishap> fence_mishap;                       // stays until changed
  bool fences_unseen = false;                                    // a check sees neither yes nor no
  bool fences_throttled = false;                                 // by the provider, not by power switches
  Duration fence_lasts;                  // from each time that it is set; 0: as fence_expires_at says
  WallTime fence_expires_at;             // of what is set; 0: never
  std::vector<std::string> fence_calls;  // "set volume a1", "check power a1", in order
  std::map<std::string, std::string> fence_addresses;  // of hosts, as things are now
  std::string list_repeats;                            // a key that lists have twice
  std::set<std::string> list_omits;                    // keys that lists leave out; a direct look shows them
  bool provider_silent = false;
  bool sizes_untold = false;        // a look tells no size
  bool attachments_untold = false;  // nor where a volume is attached
  bool silent_master = false;       // polls are not answered
  bool inspects_fail = false;       // direct looks; lists are answered
  bool list_empty = false;
  bool others_attach = false;  // a plugin that preempts, people: what they do breaks no promise of ours
  int serves_per_second = 0;   // what is asked more in a second is throttled; 0: nothing
  Duration retry_after;        // and it asks to wait so long; 0: it does not say
  std::vector<Instant> asked;  // calls and looks, in order
  std::vector<Instant> throttled_at;                 // of these
  std::map<MasterCall, std::vector<Instant>> polls;  // when each was asked
  std::vector<std::string> resubscribed;             // why
  std::vector<std::string> source_refs;              // of the creates that were to copy, in order
  // The n-th commit, call or look from now on is where the daemon dies: before it takes place. 0: never.
  int crash_before_effect = 0;
  bool hold_commits = false;       // commits wait until released
  std::vector<std::string> calls;  // "attach pgdata a1", in order
  std::vector<HistoryEntry> history;
  std::vector<Reply> replies;

 protected:
  // What comes of a question to the master or to an agent: an input in the queue, now or later.
  virtual void answer_poll(const reconcilers::PollMaster& wish);
  virtual void answer_agent(const reconcilers::ReadAgent& wish);
  virtual void before_call(const OperationCall&) {}
  virtual void after_step() {}
  void post(reconcilers::Input input) { queue_.push_back(std::move(input)); }

 private:
  void step(reconcilers::Input input);
  void perform(reconcilers::Effect effect);
  void check() const;
  void record(const Batch& batch);
  void answer_observation(const reconcilers::ObserveProvider& wish);
  void answer_call(const OperationCall& call);
  bool throttles();
  void answer_change(const MesosOperation& operation);
  void answer_fence(const FenceCall& call);
  bool is_fenced(const FenceCall& call) const;
  void set_fence(const FenceCall& call, bool stands);
  void take_effect(const OperationCall& call, OperationResult& result);
  ObservedVolume observed(const std::string& key, const FakeVolume& volume) const;

  Instant at_{seconds(1000).ns};
  std::vector<Instant> served_;  // in the last second
  Policy policy_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<ledger::Ledger> ledger_;
  Snapshot mirror_;
  std::vector<reconcilers::Input> queue_;
  std::vector<OperationCall> hung_;
  std::vector<Batch> held_;
  Instant wake_ = kNever;
  std::int64_t next_request_ = 1;
};

}  // namespace extvold::testing
