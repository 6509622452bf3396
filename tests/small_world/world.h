// World: two hosts with an agent each, two volumes at one provider, a master, and the production engine with
// its ledger, as one value that can be copied: the state of the search.
//
// What is true (who is let through, who has what mounted, what runs, which calls are on their way) is kept
// apart from what the engine knows. Whatever may happen next is a Choice; take() makes it happen, together
// with all that follows from it without a choice. The oracle looks at the truth after each of them.
//
// Owned by the search. Time is virtual: each step of the engine takes a microsecond, and only the choice
// `time` lets it pass.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "reconcilers/engine.h"
#include "tests/small_world/fingerprint.h"
#include "tests/small_world/setting.h"

namespace extvold::small_world {

inline constexpr int kHosts = 2;
inline constexpr int kVolumes = 2;

enum class Act : std::uint8_t {
  commit,        // the oldest commit is durable
  take_effect,   // a call does what it is to do
  answer,        // ... is answered: done if it took effect, else refused
  lose_answer,   // ... is given up; it may take effect later
  vanish,        // ... that was given up never takes effect
  look,          // a look is taken and answered
  take_look,     // a look is taken, and its answer is on its way
  fence_effect,  // the same of calls about fences
  fence_answer,
  fence_lose_answer,
  fence_vanish,
  place,         // the scheduler places the task that wants this volume on this host
  start,         // its process runs and has the volume mounted
  say_finished,  // its executor says that it is over
  end,           // its container is gone
  agent_cleans,  // its agent says how it ended, having cleaned up
  unmount,       // the host lets go of the volume
  cut,           // the agent is partitioned from the master and from us
  declare_lost,  // the master calls it unreachable
  heal,
  break_stream,
  subscribe,
  crash,  // the daemon; `index`: how many of the commits under way became durable
  time,   // passes until something is due
};

// What a path has come to: a search that comes to nothing finds nothing.
EXTVOLD_ENUM(Reached, moved, agent_clean, agent_gone, host_unmounted, fenced, uncertain, settling_detach,
             late_effect, crash_in_call, back_after_fence)

struct Choice {
  Act act = Act::time;
  int index = 0;
  int host = 0;
};

// A volume at a host, in truth.
struct Place {
  bool listed = false;  // the provider shows it as attached
  bool open = false;    // ... does not, and the host gets through all the same: what it had it kept
  bool mounted = false;
  bool fenced = false;
};

// The task that wants this volume on this host.
struct Task {
  bool placed = false;
  bool runs = false;   // its process
  bool ended = false;  // its container is gone
  TaskState told = TaskState::task_staging;
};

enum class Link : std::uint8_t { whole, cut, lost };

// A call at the provider that is on its way.
struct CallAtWork {
  reconcilers::Execute what;
  int volume = 0;
  int host = 0;
  bool happened = false;
  bool awaited = true;  // by the engine that made it, and not given up
  Instant until;        // it is answered or given up by then; after that, it is over by then
};
struct FenceAtWork {
  FenceCall what;
  bool happened = false;
  bool awaited = true;
  Instant until;
};

// A question that was asked and not answered.
struct Question {
  enum class Of : std::uint8_t { provider, agent, fence };
  Of of = Of::provider;
  int volume = -1;  // of one; -1: everything
  int host = 0;     // agent
  FenceCall fence;
  Instant sent_at;
  std::shared_ptr<const reconcilers::Input> taken;  // what was seen, and is on its way
};

class World {
 public:
  explicit World(const Setting& setting);
  World(World&&) = default;
  World& operator=(World&&) = default;

  World copy() const;
  std::vector<Choice> choices() const;
  void take(const Choice& choice);
  std::string text(const Choice& choice) const;  // for people, before it is taken
  StateName name() const;

  std::uint32_t reached() const { return reached_; }  // bits, by Reached
  const std::string& violation() const { return violation_; }
  std::string describe() const;  // the state, for people

 private:
  World() = default;

  // world.cpp: the engine, its ledger, the clock
  Now wall() const { return {now_, {1'700'000'000'000'000'000 + now_.ns}}; }
  void feed(reconcilers::Input input);
  void settle();
  void calm();
  void begin(Begin where);
  void begin_unsure();
  void perform(reconcilers::Effect effect);
  void ask(Question question);
  void start_call(reconcilers::Execute call);
  Snapshot stored() const;
  bool is_stored(const Operation& intent) const;
  void make_durable();
  void crash(std::size_t durable_commits);
  void pass_time();
  Instant next_event() const;
  void take_of_fence(const Choice& choice);
  void add_calls(std::vector<Choice>& out) const;
  void add_world(std::vector<Choice>& out) const;
  void put_truth(Fingerprint& print) const;
  void put_commits(Fingerprint& print) const;
  void put_question(Fingerprint& print, const Question& question) const;

  // storage.cpp: the provider
  bool lets_through(int volume, int host) const;
  std::string refusal(const CallAtWork& call) const;
  void take_effect(CallAtWork& call);
  void answer(std::size_t call);
  void give_up(std::size_t call);
  void take_effect(FenceAtWork& call);
  void answer_fence(std::size_t call);
  void give_up_fence(std::size_t call);
  ProviderObservation see(const Question& question) const;
  FenceResult check(const Question& question) const;
  reconcilers::Input see_all(const Question& question) const;
  void look(std::size_t question);

  // cluster.cpp: hosts, agents, the master
  void take_of_task(const Choice& choice);
  void take_of_cluster(const Choice& choice);
  void tell(MesosEvent event);
  void set_told(int volume, int host, TaskState state, StatusSource source, std::string reason);
  TaskRecord record(int volume, int host) const;
  AgentSeen agent(int host, ElementOrigin origin) const;
  std::vector<MesosEvent> tasks(ElementOrigin origin) const;
  std::vector<MesosEvent> answer(MasterCall call) const;
  AgentApiRead read_agent(const Question& question) const;
  void subscribe();
  void heal(int host);
  void add_tasks(std::vector<Choice>& out) const;

  // oracle.cpp
  void fail(std::string why);
  void reach(Reached what) { reached_ |= 1U << static_cast<unsigned>(what); }
  void judge();
  void note_reached();
  void judge_evidence(const Evidence& evidence);
  void judge_call(const OperationCall& call);
  void judge_detach(int volume, int host);

  const Setting* setting_ = nullptr;
  std::unique_ptr<reconcilers::Engine> engine_;
  // The ledger: as it once was, what was committed since, and what is under way.
  std::shared_ptr<const Snapshot> ledger_;
  std::vector<std::shared_ptr<const Batch>> committed_;
  std::vector<std::shared_ptr<const Batch>> commits_;
  std::vector<reconcilers::Input> queue_;
  Instant now_{seconds(1000).ns};
  Instant wake_ = kNever;

  std::array<std::array<Place, kHosts>, kVolumes> places_{};
  std::array<bool, kHosts> cut_off_{};  // by a fence of the whole host
  std::array<std::array<Task, kHosts>, kVolumes> tasks_{};
  std::array<Link, kHosts> links_{};
  std::vector<CallAtWork> calls_;
  std::vector<FenceAtWork> fence_calls_;
  std::vector<Question> questions_;
  bool subscribed_ = false;

  int passes_ = 0;   // how often time passed
  int crashes_ = 0;  // left
  int partitions_ = 0;
  int lost_answers_ = 0;
  int refusals_ = 0;
  int slow_looks_ = 0;
  int stream_breaks_ = 0;
  std::uint32_t reached_ = 0;
  std::string violation_;
};

}  // namespace extvold::small_world
