// Engine: the whole daemon as a pure machine. Input in, effects out; no clock, no file, no thread, no chance.
//
// Loop thread only; owned by the driver (or the simulator, or a test). What it knows is one Snapshot, the
// image of the ledger plus what is being committed (the tentative state), and one Observed, what was seen in
// this run. Each step ends in at most one Commit with everything that changed: events, state, history and the
// intents that follow.
//
// Rules that the shape keeps:
//   - Execute is emitted only while handling the Committed that holds its intent.
//   - Evidence is checked when the intent is written and again when the call starts; void by then: `failed
//   (superseded)`.
//   - A Reply leaves only after the commit that it speaks of.
//   - After CommitFailed the engine is done: memory is ahead of the ledger. The driver makes a new one from
//   what the ledger holds.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "model/call.h"
#include "model/command.h"
#include "model/fence.h"
#include "model/mesos.h"
#include "reconcilers/liveness.h"
#include "reconcilers/look.h"
#include "reconcilers/planner.h"
#include "reconcilers/recent.h"

namespace extvold::small_world {
class EngineMemory;
}

namespace extvold::reconcilers {

// ---- Inputs
struct EventsArrived {
  std::vector<MesosEvent> events;
};
struct Committed {
  Sequence upto;
  bool unknown_tasks = false;  // an update spoke of a task that the ledger does not have
};
struct CommitFailed {
  Error error;
};
struct ObservationArrived {
  ProviderObservation observation;
};
struct OperationEnded {
  OperationResult result;
};
struct MesosCallEnded {
  MesosCallResult result;
};
struct FenceCallEnded {
  FenceResult result;
};
struct CommandArrived {
  Command command;
};
struct PolicyChanged {  // numbers and intervals; providers and drivers are as they were
  Policy policy;
};
struct TimerFired {};
struct StopRequested {};
using Input =
    std::variant<EventsArrived, Committed, CommitFailed, ObservationArrived, OperationEnded, MesosCallEnded,
                 FenceCallEnded, CommandArrived, PolicyChanged, TimerFired, StopRequested>;

// ---- Effects
struct Commit {
  Batch batch;
};
struct ObserveProvider {
  ProviderName provider;
  std::string volume_key;  // empty: list everything
};
struct ReadAgent {  // one round of its own API
  AgentId agent;
  std::string address;
};
struct PollMaster {
  MasterCall call = MasterCall::get_agents;
};
struct Resubscribe {  // the stream is not to be believed any more
  std::string why;
};
struct Execute {
  OperationCall call;
};
struct CallMaster {  // carries out an operation; ends in MesosCallEnded
  MesosOperation operation;
};
struct ChangeFence {  // sets, checks or lifts; ends in FenceCallEnded. Rung power: by no provider
  FenceCall call;
};
struct Reply {
  std::int64_t request = 0;
  Status status;
  std::string text;  // one sentence for people
};
struct WakeAt {
  Instant at;
};  // replaces the one before
struct Stop {
  Error why;
};
using Effect = std::variant<Commit, ObserveProvider, ReadAgent, PollMaster, Resubscribe, Execute, CallMaster,
                            ChangeFence, Reply, WakeAt, Stop>;

struct EngineCounts {  // for status and metrics
  std::int64_t events = 0;
  std::int64_t unknown_skipped = 0;
  std::int64_t looks = 0;   // volumes planned
  std::int64_t sweeps = 0;  // full audits
  std::int64_t commits = 0;
};

class Engine {
 public:
  // `snapshot` as the ledger holds it. The first step settles what a crash left: open operations become
  // uncertain, evidence is void.
  Engine(Snapshot snapshot, Policy policy);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  std::vector<Effect> step(Now now, Input input);

  const Snapshot& snapshot() const { return snapshot_; }
  const Observed& observed() const { return observed_; }
  const ForeignVolumes& foreign() const { return foreign_; }
  const Policy& policy() const { return policy_; }
  const EngineCounts& counts() const { return counts_; }
  bool halted() const { return halted_; }  // after CommitFailed, or take_snapshot()

  // Its end: what it knew, for who goes on with it.
  Snapshot take_snapshot() {
    halted_ = true;
    return std::move(snapshot_);
  }

 private:
  friend class small_world::EngineMemory;  // copies one and tells two apart (tests/small_world)

  // Each group lives in the file that its comment names.

  struct PollState;

  // engine.cpp: the step itself
  void start(Now now);
  void change(Change change);
  VolumeId volume_of_news(const Change& change) const;
  void history(HistoryEntry entry);
  void history(const Operation& operation, std::string_view what, std::string_view why);
  void touch(VolumeId volume);
  void touch_all();
  void touch_askers(const AgentId& agent);
  void doubt_looks(Now now);
  void wait_for_former_calls(Now now);
  void note_detached(Attachment& row) const;
  void look_at_dirty(Now now);
  void look_at_turn(Now now);
  void look_at(VolumeEntry const& entry, Now now, VolumePlan& out);
  void carry_out(const VolumeEntry& entry, VolumePlan& plan, Now now);
  void record(PlannedOperation planned, Now now);
  void update_blocked(const VolumeEntry& entry, const VolumePlan& plan, Now now);
  void fit_to_source(const VolumeEntry& entry);
  void supersede(Operation operation, Now now);
  void begin_calls(Sequence upto, Now now);
  void begin_call(const OperationId& id, VolumeId volume, Now now);
  bool still_permitted(const Operation& operation, Now now) const;
  void finish_step(Now now);
  void request_polls(Now now);
  Instant request_looks(Now now);
  void request_master_polls(Now now, Instant& next);
  void request_agent_reads(Now now, Instant& next);
  void want_agent(const AgentId& agent, Instant at);
  void want_agent_soon(const AgentId& agent, Now now);
  void queue_agent(const AgentId& agent, PollState& poll);
  PollState& end_agent_read(const AgentId& agent, Now now);
  bool detach_storm_guard(const VolumeEntry& entry, const Operation& detach, Now now);

  // lanes.cpp: how much is asked of a provider, at once and in all
  bool take_lane(const ProviderInfo& provider, Lane lane, VolumeId volume, HostId host, Now now);
  void leave_lane(const ProviderName& provider, Lane lane);
  struct LaneState;
  bool call_waiting(Now now);
  void call_next(LaneState& lane);
  int calls_now(const ProviderInfo& provider, Now now) const;
  void spend_call(const ProviderInfo& provider, Now now);
  void note_throttled(const ProviderInfo& provider, const Error& error, Now now);
  void note_served(const ProviderInfo& provider, Now now);
  Instant next_call(const ProviderInfo& provider) const;
  Instant next_call_of_lanes() const;

  // intake.cpp: what Mesos says
  void on(SubscriptionOpened& event, Now now);
  void on(SubscriptionClosed& event, Now now);
  void on(SnapshotBegan& event, Now now);
  void on(SnapshotEnded& event, Now now);
  void on(HeartbeatSeen&, Now) {}
  void on(AgentSeen& event, Now now);
  void on(AgentRemoved& event, Now now);
  void on(FrameworkSeen& event, Now now);
  void on(FrameworkRemoved& event, Now now);
  void on(PollBegan& event, Now now);
  void on(PollEnded& event, Now now);
  void on(PollFailed& event, Now now);
  void on(MasterSeen& event, Now now);
  void on(MasterMetricsSeen& event, Now now);
  void on(AgentApiRead& event, Now now);
  void on(AgentApiFailed& event, Now now);
  void on(UnknownSkipped& event, Now now);
  void interrupt_view(const std::string& why, Now now);
  void note_master_call(MasterCall call, const std::string& error, Now now);
  void judge_self_check(const std::string& problem, Now now);
  Duration interval_of(MasterCall call) const;
  Instant next_master_poll(MasterCall call, Now now) const;
  void end_absent_agents(Instant asked_at, Now now);
  void forget_gone(bool absent_too);
  void end_absent_executors(Instant asked_at, Now now);
  void doubt_absent_tasks(Instant asked_at, Now now);
  void put_agent(const AgentSeen& seen, HostId host, Now now);
  void put_reservations(const AgentId& agent, const std::vector<ReservationRecord>& reservations);
  HostId host_named(const std::string& name);

  // agents.cpp: on which host an agent is, why it is in no list, what is planned for its machine
  HostId host_of_agent(const AgentSeen& seen);
  void leave_host(const AgentId& agent, HostId from, HostId to, Now now);
  void on(RegistryAgentSeen& event, Now now);
  void on(MaintenanceSeen& event, Now now);
  void settle_registry(Instant asked_at, Now now);
  void set_maintenance(Agent& row, Now now) const;
  void settle_maintenance(Now now);

  struct Verdict {  // about a claim, of what was said: a row of liveness.h
    std::string_view rule;
    bool wanted = false;
    Liveness liveness = Liveness::unknown;
    std::string why;
    std::optional<EvidenceKind> evidence{};  // it is dead when this is recorded
  };

  using NameOnAgent = std::tuple<FrameworkId, std::string, AgentId>;  // a task's or an executor's

  // tasks.cpp: what Mesos says of tasks and executors
  void on(TaskSeen& event, Now now);
  void on(TaskUpdated& event, Now now);
  void on(ExecutorSeen& event, Now now);
  void put_task(const TaskRecord& task);
  void see_claim(Claim claim, Now now);
  bool may_protect(const Claim& claim, bool heard_of) const;
  const Claim* known_claim(const Claim& claim) const;
  const Claim* new_claim(Claim claim, const Verdict& verdict, bool heard_of);
  bool runs_under_mesos(const Claim& claim) const;
  void ask_agent_about(const TaskUpdated& event, bool without_claim, Now now);
  void hear_of_executor(const TaskRecord& task, Now now);
  bool know_executor(const NameOnAgent& name, Now now);
  bool is_known_executor(const NameOnAgent& name) const;
  void forget_executors(const AgentApiRead& read);
  void note_launched(const TaskRecord& task);
  std::int64_t executor_began(const NameOnAgent& name) const;
  bool concerns_us(const VolumeReference& reference) const;
  void see_task_claims(const TaskRecord& task, bool launched, Now now);
  void see_executor_claims(const ExecutorRecord& executor, Now now);
  bool stale_poll(const Claim& claim, ElementOrigin origin, MasterCall call) const;
  std::vector<const Claim*> claims_following(const FrameworkId& framework, const TaskId& task,
                                             const AgentId& agent) const;
  void forget_ended(const TaskRecord& task);
  void note_back(const FrameworkId& framework, const TaskId& task, const AgentId& agent);
  bool has_ended(const FrameworkId& framework, const TaskId& task, const AgentId& agent) const;
  void resolve(Claim& claim) const;
  void resolve_again(std::string_view name, Now now);
  void unresolve_claims(const VolumeEntry& entry);

  // claims.cpp: wanted, liveness, evidence
  static Verdict judge(const Claim& claim, const Saying& saying, std::string_view reason = {});
  void move_claim(const Claim& claim, TaskState state, const Verdict& verdict, const ContainerId& container,
                  Now now);
  void prove_dead(const Claim& claim, EvidenceKind kind, std::string detail, bool assumption,
                  WallTime sent_at, Now now);
  Evidence new_evidence(EvidenceKind kind, const Attachment& attachment, WallTime sent_at);
  void end_claims(const Evidence& evidence, Now now);
  void void_evidence_of(const Claim& claim, const std::string& why);
  void end_evidence(Evidence evidence, const std::string& why);
  void void_evidence(const VolumeEntry& entry, HostId host, bool keep_fenced, const std::string& why);
  void judge_agent_read(const AgentApiRead& read, Now now);
  bool may_have_it_open(const VolumeEntry& entry, const Claim& claim) const;
  void forget_who_had_it_open(const VolumeEntry& entry, HostId host);
  void drop_idle_claims(VolumeId volume);
  void drop_claim(ClaimId id);
  void ensure_synthetic(const Attachment& attachment, Now now);
  Claim new_synthetic(const Attachment& attachment, Now now);
  Claim new_synthetic(const Attachment& attachment, const AgentId& left_by, std::string why, Now now);
  void add_synthetic(Claim claim, std::string text);
  void doubt_orders_on(const Agent& agent, Now now);
  void replace_synthetic(const AgentId& agent);
  void apply_assumptions(Now now);

  // mesos_operations.cpp: what is asked of the master
  Result<std::string> obey(const AskMesos& order, const Command& command, Now now);
  Status may_ask(const AskMesos& order, const Agent& agent) const;
  void doubt_mesos_operations(Now now);
  void begin_mesos_call(const AgentId& agent, const OperationId& id, Now now);
  std::string why_not_ask(const MesosOperation& operation) const;
  void on_result(const MesosCallResult& result, Now now);
  void request_read_backs(Now now, Instant& next);
  void give_up_on_unreachable(Instant asked_at, Now now);
  void settle_mesos_operations(MasterCall call, Instant asked_at, Now now);
  void end_mesos_operation(MesosOperation operation, OperationState state, Error error, Now now);
  void history(const MesosOperation& operation, std::string_view what, std::string_view why);

  // fences.cpp: what takes a host's access away, and gives it back
  struct FenceWork;
  void doubt_fences(Now now);
  void carry_out_fences(VolumePlan& plan, Now now);
  std::string work_under_way(const Fence& fence) const;
  void record(Fence fence, Now now);
  std::set<HostId> hosts_of_storm(Now now);
  std::int64_t fence_storm_limit() const;
  bool fence_storm_guard(const Fence& fence, Now now);
  void begin_fence(FenceId id, Now now);
  std::string why_not_fence(const Fence& fence) const;
  void ask_fence(const Fence& fence, FenceAct act, Now now);
  bool provider_is_there(const Fence& fence) const;
  bool has_uncommitted_order() const;
  void request_fence_calls(Now now, Instant& next);
  void on_result(const FenceResult& result, Now now);
  void doubt(Fence fence, std::string why);
  void wait_longer(FenceWork& work, Now now) const;
  bool is_put_off(const Fence& fence, const FenceResult& result, Now now);
  void on_set(Fence fence, const FenceResult& result, Now now);
  void on_check(Fence fence, const FenceResult& result, Now now);
  bool leaves_a_bar(const Fence& fence) const;
  void on_not_held(Fence fence, const FenceResult& result, Now now);
  void on_switched_on(Fence fence, Now now);
  void drop_clean_attachments(const Fence& fence, bool another_boot);
  void on_untold(Fence fence, const FenceResult& result, Now now);
  void on_lift(Fence fence, const FenceResult& result, Now now);
  Duration settle_time_of(const Fence& fence) const;
  void hold_fence(Fence fence, const FenceResult& result, Now now);
  void note_held(const Fence& fence, const FenceResult& result, Now now);
  std::vector<Attachment> not_proven_yet(const Fence& fence, Now now) const;
  void prove_fenced(const Fence& fence, const Attachment& attachment, WallTime sent_at, Now now);
  void settle_by_fence(const Fence& fence, Attachment attachment, Now now);
  void void_fence_evidence(const Fence& fence, const std::string& why);
  const VolumeEntry* volume_of(const Fence& fence) const;
  std::set<AgentId> lost_agents_of(HostId host) const;
  void tell_mesos(const Fence& fence, Now now);
  void note_try(const Fence& fence, const std::string& why, Now now);
  void forget_try(const Fence& fence);
  void end_fence(Fence fence, FenceState state, Error error, Now now);
  void look_at_power(HostId host, Now now);
  void touch_host(HostId host);
  void set_clocks(VolumeId id, const VolumePlan& plan, Now now);
  void history(const Fence& fence, std::string_view what, std::string_view why);

  // quarantine.cpp: the way back of a host that was fenced
  void end_quarantine(HostId id, const std::string& why);
  void keep_quarantine(HostId id);
  std::string why_not_clean(HostId host) const;
  void lift_fences(HostId host, std::string why, std::int64_t user_uid, Now now);
  void lift_where_clean(const ProviderInfo& provider, const ProviderObservation& observation, Now now);

  // settle.cpp: what providers say
  const ProviderInfo& provider_of(const VolumeEntry& entry) const {
    return *policy_.provider(entry.volume.pool.provider);
  }
  void on_observation(ProviderObservation observation, Now now);
  void on_result(OperationResult result, Now now);
  std::string key_listed_twice(const ProviderObservation& observation) const;
  bool plausible(const ProviderObservation& observation, ProviderView& view) const;
  void observe_volume(const VolumeEntry& entry, const ObservedVolume* seen,
                      const ProviderObservation& observation, Now now);
  void settle_operation(const VolumeEntry& entry, const ObservedVolume* seen,
                        const ProviderObservation& observation, Now now);
  void note_mounts(const VolumeEntry& entry, HostId host, const std::vector<std::string>& paths);
  void note_made(const VolumeEntry& entry, const ObservedVolume& seen);
  void note_grown(const VolumeEntry& entry, std::int64_t size_mb);
  void settle_attach(const VolumeEntry& entry, const Operation& operation, const ObservedAttachment* there,
                     bool over, Now now);
  void on_direct_look(const ProviderObservation& observation, Now now);
  HostId host_shown(const VolumeEntry& entry, const ObservedVolume& seen, const ObservedAttachment& one);
  void settle_remove(const VolumeEntry& entry, const Operation& operation, bool is_there, bool over, Now now);
  void settle_untold(const VolumeEntry& entry, const Operation& operation, bool over, Now now);
  void settle_not_shown(const VolumeEntry& entry, const Operation& operation, bool over, Now now);
  void note_identity(const VolumeEntry& entry, const Operation& operation, const ObservedAttachment& there,
                     Now now);
  void settle_attachments(const VolumeEntry& entry, const ObservedVolume* seen,
                          const ProviderObservation& observation, Now now);
  std::string identity_now(const ProviderInfo& provider, HostId host) const {
    return identity_of(provider, host_name(snapshot_, host));
  }
  bool keep_former_identity(const VolumeEntry& entry, HostId host, std::string_view identity, Now now);
  void settle_vanished(const VolumeEntry& entry, const ProviderObservation& observation, Now now);
  void note_unexplained_use(const VolumeEntry& entry, const ObservedVolume& seen,
                            const ProviderObservation& observation);
  void host_evidence(const VolumeEntry& entry, const ObservedVolume& seen,
                     const ProviderObservation& observation, Now now);
  void host_evidence_after_detach(const VolumeEntry& entry, const ProviderObservation& observation, Now now);
  void see_lost_volume(const ObservedVolume& seen, const ProviderObservation& observation, Now now);
  void end_operation(Operation operation, OperationState state, Outcome outcome, Error error, Now now);
  void leave_open(Operation operation, Error error, Now now);
  void pause_after_failure(const Operation& operation, Now now);
  void note_created(const Volume& volume, Now now);
  void apply_outcome(const Operation& operation, const VolumeEntry& entry, Now now);
  void want_format(const Volume& volume, std::string why, std::int64_t user_uid);
  void settle_format_claim(const VolumeEntry& entry);
  bool is_format_host_quarantined(const VolumeEntry& entry) const;
  void withdraw_format_claim(const VolumeEntry& entry, std::string why, Now now);

  // orders.cpp: what operators order of volumes, and of all
  void on_command(Command command, Now now);
  Result<std::string> obey(const CreateVolume& order, const Command& command, Now now);
  Result<std::string> obey(const RemoveVolume& order, const Command& command, Now now);
  Result<std::string> obey(const RestoreVolume& order, const Command& command, Now now);
  Result<std::string> obey(const PurgeVolume& order, const Command& command, Now now);
  Result<std::string> obey(const AttachVolume& order, const Command& command, Now now);
  Result<std::string> obey(const DetachVolume& order, const Command& command, Now now);
  bool may_be_used_since(const VolumeEntry& entry) const;
  void forget_former_life(const VolumeEntry& entry);
  Result<ObservedVolume> adoptable(const AdoptVolume& order) const;
  Result<PoolName> pool_of_adopted(const AdoptVolume& order, const ObservedVolume& seen) const;
  Result<std::string> obey(const AdoptVolume& order, const Command& command, Now now);
  Result<std::string> obey(const ResizeVolume& order, const Command& command, Now now);
  Result<std::string> obey(const ForceFormat& order, const Command& command, Now now);
  Result<std::string> obey(const Hold& order, const Command& command, Now now);
  Result<std::string> obey(const Release& order, const Command& command, Now now);
  Result<std::string> obey(const ReconcileNow& order, const Command& command, Now now);
  Result<std::string> set_hold(const std::string& target, HoldState hold, const Command& command);

  // fence_orders.cpp: what a person orders about fences
  Result<std::string> obey(const FenceConfirm& order, const Command& command, Now now);
  Result<std::string> obey(const FenceRelease& order, const Command& command, Now now);
  Result<std::string> obey(const FenceHold& order, const Command& command, Now now);
  bool is_forgotten_at_release(const VolumeEntry& entry, const Attachment& attachment) const;
  void drop_answered_attachments(HostId host);
  Result<std::string> forget_fences(HostId host, const FenceRelease& order, const Command& command, Now now);
  std::string let_be_fenced(Host host, const std::string& reason, std::int64_t user_uid);
  Result<std::string> resume_fencing(const FenceRelease& order, const Command& command, Now now);
  std::string attach_under_way(const VolumeEntry& entry, HostId host, Now now) const;
  bool stands_against_others(const VolumeEntry& entry, const Attachment& attachment, Now now) const;

  Snapshot snapshot_;
  Observed observed_;
  Policy policy_;
  EngineCounts counts_;
  bool started_ = false;
  bool halted_ = false;
  bool stopping_ = false;

  // This step.
  std::vector<Change> changes_;
  std::vector<Effect> effects_;
  std::vector<Reply> replies_;  // of this step's commit
  bool counters_used_ = false;

  // Waiting for a commit.
  struct AwaitingCommit {
    std::vector<std::pair<OperationId, VolumeId>> calls;
    std::vector<std::pair<OperationId, AgentId>> mesos_calls;
    std::vector<FenceId> fences;
    std::vector<Reply> replies;
  };
  std::map<Sequence, AwaitingCommit> awaiting_;
  std::map<OperationId, VolumeId> calling_;  // handed to a provider and not answered

  // Looking.
  std::set<VolumeId> dirty_;
  std::set<std::pair<Instant, VolumeId>> wakes_;
  std::map<VolumeId, Instant> wake_of_;
  Instant next_audit_;
  Instant announced_wake_ = kNever;
  VolumePlan scratch_;

  // Lanes: calls at work, and who waits, in turn by host.
  struct LaneState {
    int calls = 0;
    std::map<HostId, std::vector<VolumeId>> waiting;
    std::map<VolumeId, HostId> waits_at;  // the same, by volume
    HostId last_host;
    bool had_turn = false;  // when there was less to call than who waited

    void forget(std::map<VolumeId, HostId>::iterator known);
  };
  std::map<std::pair<ProviderName, Lane>, LaneState> lanes_;
  std::map<std::pair<VolumeId, HostId>, Instant> recent_detaches_;

  // What is asked about a fence, and when next.
  struct FenceWork {
    bool calling = false;
    bool set_again = false;  // it was lost, or runs out
    bool lifted = false;     // it was asked to be taken back, and a look is to show that
    int unknown_looks = 0;   // in a row
    int put_off = 0;         // in a row, by a provider that is asked too often
    Instant due;
    Instant call_ended_at;  // of the newest set or lift: only what was sent later tells what it did
    Duration backoff;
    Instant may_lift_until;                         // a call to take it back may take effect until then
    bool just_set = false;                          // no look since
    std::map<AgentId, std::string> mesos_not_told;  // why, as it was said last
    std::set<AgentId> lost_before;  // agents of its host that were lost when it began, or this run did
    std::set<AgentId> told_gone;
  };
  std::map<FenceId, FenceWork> fence_work_;
  std::map<HostId, Instant> recent_fences_;
  Instant fence_guard_off_until_;  // a person said that so many are right
  std::optional<std::set<HostId>>
      fence_guard_allows_;  // these; none: said before this run, of whom nobody knows

  // Polling: what was asked and not answered, when it may be asked again.
  struct PollState {
    bool asked = false;
    bool wanted = false;  // an event asks for it
    bool queued = false;  // an agent that stands in agents_due_, under queued_at
    Instant not_before;
    Instant queued_at;
    Instant sent_at;   // the newest
    Duration backoff;  // of failures; of an agent also of answers that told nothing new
  };
  std::map<MasterCall, PollState> master_polls_;
  std::map<AgentId, PollState> agent_polls_;
  std::set<std::pair<Instant, AgentId>>
      agents_due_;  // wanted and not asked; who has waited longest comes first
  int agents_asked_ = 0;
  std::map<AgentId, std::set<VolumeId>> askers_;  // whose plan waits for that agent's answer
  std::map<ProviderName, PollState> provider_polls_;
  std::set<VolumeId> inspecting_;
  std::map<VolumeId, Instant> inspect_not_before_;

  // The view that is being built.
  bool subscribed_ = false;
  bool snapshot_whole_ = false;
  Instant view_opened_at_;
  std::string authorisation_problem_;
  int authorisation_misses_ = 0;
  std::set<AgentId> agents_of_view_;
  std::set<AgentId> agents_of_poll_;
  std::set<ClaimId> executors_of_poll_;
  std::set<ClaimId> tasks_of_poll_;  // claims of what GET_TASKS lists
  std::set<ClaimId> absent_tasks_;   // claims that live, and that the GET_TASKS before did not list
  std::map<AgentId, RegistryAgentSeen> registry_of_poll_;  // of agents that we know
  // By machine, its hostname in small letters: of the newest whole answers, and of those under way.
  std::map<MachineId, WallTime> windows_;
  std::map<MachineId, WallTime> windows_of_poll_;
  std::map<MachineId, Maintenance> machines_;
  std::map<MachineId, Maintenance> machines_of_poll_;
  std::map<MasterCall, Instant> poll_sent_at_;
  std::int64_t tasks_running_in_poll_ = 0;
  std::int64_t tasks_running_seen_ = -1;  // in the newest whole list of tasks
  // How often the stream told of a task that runs now: by now, before that list was asked for, and before the
  // one that is under way was.
  std::int64_t tasks_began_running_ = 0;
  std::int64_t began_before_list_ = 0;
  std::int64_t began_before_ask_ = 0;
  ForeignVolumes foreign_;  // bounded
  std::map<ClaimId, Instant> assumptions_due_;

  // Tasks whose end this view was told. What is older than that, the answer to a poll or an executor that is
  // still going down, does not bring their claims back: only TASK_ADDED or a snapshot does.
  Recent<NameOnAgent> ended_tasks_;
  // Executors that a task of the same name asked for: they do not end with it, as those do that agents make
  // for command tasks.
  Recent<NameOnAgent> asked_executors_;
  // Executors that were proven gone, or that their agent does not list any more. The master may list them for
  // long, the message that they exited is not a reliable one; only their agent's own list or a snapshot
  // brings them back.
  Recent<NameOnAgent> gone_executors_;
  // Executors that a list of this view shows, under the Mesos containerizer.
  Recent<NameOnAgent> mesos_executors_;
  // Executors of which this view has heard, and when last: a list shows them, or was asked for them. By the
  // hash of framework and name, of which there may be very many; two that are taken for one are never new.
  std::map<AgentId, std::map<std::size_t, Instant>> known_executors_;
  // Executors that were launched for a task of which this process was told as new, each with the commit that
  // told of it.
  Recent<NameOnAgent, std::int64_t> launched_executors_;
};

}  // namespace extvold::reconcilers
