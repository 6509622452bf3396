#include "tests/reconcilers/engine_world.h"

#include <algorithm>
#include <catch2/catch.hpp>

namespace extvold::testing {
namespace {

const ProviderName kProvider{"local~lab"};

const WallTime kMade{1'700'000'000'000'000'000};
const WallTime kUnreachableAt{1'795'405'662'771'228'928};  // as recorded: more than a double holds

std::unique_ptr<ledger::Ledger> fresh_ledger(WallTime began) {
  ledger::OpenOptions options;
  options.now = began;
  options.guarded = false;
  auto opened = ledger::Ledger::open(":memory:", options);
  REQUIRE(opened);
  REQUIRE((*opened)->commit(Batch{{1}, kMade, {SetMode{Mode::active}}}));
  return std::move(*opened);
}

// Its random identity would name volumes otherwise in each run.
Snapshot load(ledger::Ledger& ledger) {
  Result<Snapshot> loaded = ledger.load();
  INFO((loaded ? std::string() : loaded.error().message));
  REQUIRE(loaded);
  loaded->ledger.id = "ledger-of-the-test";
  return std::move(*loaded);
}

}  // namespace

Policy EngineWorld::default_policy() {
  Policy policy;
  ProviderInfo provider;
  provider.name = kProvider;
  provider.capabilities = {.create = true,
                           .clone = true,
                           .attach_to_named_host = true,
                           .list_attachments = true,
                           .detach_enforced = true,
                           .exclusive_attach = true,
                           .fence_verifiable = false,
                           .shows_running_calls = true,
                           .host_reports = true,
                           .resize = true,
                           .resize_attached = true};
  provider.pools = {"p1"};
  provider.reach_all = true;
  provider.format_host = "fmt";
  policy.providers = {provider};
  policy.drivers = {{"extvold", kProvider, AttachBy::extvold, {}}};
  policy.agents_use_linux_launcher = true;
  policy.agents_api_unfiltered = true;
  return policy;
}

void FakeMaster::told(const MesosEvent& event) {
  if (std::holds_alternative<SnapshotBegan>(event)) {
    tasks.clear();
    agents.clear();
    executors.clear();
  } else if (const auto* task = std::get_if<TaskSeen>(&event)) {
    if (task->origin == ElementOrigin::poll) return;
    tasks[{task->task.task.value, task->task.agent.value.str()}] = task->task;
  } else if (const auto* update = std::get_if<TaskUpdated>(&event)) {
    const std::string agent = update->status.agent.value.str();
    for (auto& [key, record] : tasks) {
      if (key.first == update->task.value && (agent.empty() || key.second == agent))
        record.state = update->state;
    }
    // No event tells of an agent that became unreachable.
    if (update->state == TaskState::task_unreachable) {
      agents.erase(agent);
      registry[agent] = {AgentId(agent), RegistryList::unreachable, kUnreachableAt};
    }
  } else if (const auto* agent = std::get_if<AgentSeen>(&event)) {
    if (agent->origin == ElementOrigin::poll) return;
    agents[agent->agent.agent.value.str()] = *agent;
    registry.erase(agent->agent.agent.value.str());
  } else if (const auto* removed = std::get_if<AgentRemoved>(&event)) {
    agents.erase(removed->agent.value.str());
  } else if (const auto* executor = std::get_if<ExecutorSeen>(&event)) {
    const ExecutorRecord& record = executor->executor;
    executors[{record.executor.value, record.agent.value.str()}] = record;
  }
}

std::vector<MesosEvent> FakeMaster::answer(MasterCall call, Instant at) {
  ++answers[call];
  if (const auto no = refused.find(call); no != refused.end()) return {PollFailed{call, no->second}};
  if (call == MasterCall::metrics && metrics) return {*metrics};
  std::int64_t running = tasks_hidden;
  for (const auto& [key, task] : tasks) running += task.state == TaskState::task_running ? 1 : 0;
  std::vector<MesosEvent> out = {PollBegan{call, at}};
  switch (call) {
    case MasterCall::get_master:
      return {MasterSeen{master_id, "1", "1.11.0"}};
    case MasterCall::metrics:
      return {MasterMetricsSeen{running, static_cast<std::int64_t>(agents.size())}};
    case MasterCall::get_tasks:
      for (const TaskList list : {TaskList::tasks, TaskList::unreachable_tasks, TaskList::completed_tasks}) {
        for (const auto& [key, task] : tasks) {
          const TaskList its_list = task.state == TaskState::task_unreachable ? TaskList::unreachable_tasks
                                    : is_terminal(task.state)                 ? TaskList::completed_tasks
                                                                              : TaskList::tasks;
          if (its_list == list) out.emplace_back(TaskSeen{task, ElementOrigin::poll, list});
        }
      }
      break;
    case MasterCall::get_agents:
      for (const auto& [id, agent] : agents) {
        out.emplace_back(agent);
        std::get<AgentSeen>(out.back()).origin = ElementOrigin::poll;
      }
      break;
    case MasterCall::get_executors:
      for (const auto& [key, executor] : executors)
        out.emplace_back(ExecutorSeen{executor, ElementOrigin::poll});
      break;
    case MasterCall::registry:
      for (const auto& [id, entry] : registry) out.emplace_back(entry);
      break;
    case MasterCall::get_maintenance_schedule:
      out.insert(out.end(), windows.begin(), windows.end());
      break;
    case MasterCall::get_maintenance_status:
      out.insert(out.end(), machines.begin(), machines.end());
      break;
  }
  out.emplace_back(PollEnded{call, at});
  return out;
}

// Into what its list of agents shows from now on.
void FakeMaster::carry_out(const MesosOperation& operation) {
  const std::string id = operation.agent.value.str();
  if (operation.kind == MesosOperationKind::mark_agent_gone) {
    agents.erase(id);
    registry[id] = {operation.agent, RegistryList::gone, kUnreachableAt};
  }
  const auto found = agents.find(id);
  if (found == agents.end()) return;
  AgentRecord& agent = found->second.agent;
  const MesosRequest& request = operation.request;
  auto list =
      found->second.reservations == nullptr ? std::vector<ReservationRecord>{} : *found->second.reservations;
  const bool of_volume = operation.kind == MesosOperationKind::create_volumes;
  ReservationRecord record;
  record.agent = operation.agent;
  record.role = request.role;
  record.resource = request.resource;
  record.amount_milli = request.amount_milli;
  record.labels = request.labels;
  switch (operation.kind) {
    case MesosOperationKind::create_volumes:
      record.persistence_id = request.persistence_id;
      record.container_path = request.container_path;
      [[fallthrough]];
    case MesosOperationKind::unreserve_resources:
      for (ReservationRecord& one : list) {
        if (one.persistence_id.empty() && one.resource == request.resource)
          one.amount_milli -= request.amount_milli;
      }
      std::erase_if(list, [](const ReservationRecord& one) { return one.amount_milli == 0; });
      if (of_volume) list.push_back(record);
      break;
    case MesosOperationKind::reserve_resources:
      list.push_back(record);
      break;
    case MesosOperationKind::destroy_volumes:
      for (ReservationRecord& one : list) {
        if (one.persistence_id == request.persistence_id) one.persistence_id = one.container_path = {};
      }
      break;
    case MesosOperationKind::deactivate_agent:
    case MesosOperationKind::reactivate_agent:
      agent.deactivated = operation.kind == MesosOperationKind::deactivate_agent;
      break;
    case MesosOperationKind::drain_agent:
      agent.drain_state = "DRAINING";
      agent.deactivated = true;
      break;
    case MesosOperationKind::mark_agent_gone:
      return;
  }
  ++agent.resources_hash;
  found->second.reservations = std::make_shared<const std::vector<ReservationRecord>>(std::move(list));
}

EngineWorld::EngineWorld() : EngineWorld(default_policy()) {}

EngineWorld::EngineWorld(Policy policy) : EngineWorld(std::move(policy), kMade) {}

EngineWorld::EngineWorld(Policy policy, WallTime ledger_began)
    : policy_(std::move(policy)), ledger_(fresh_ledger(ledger_began)), mirror_(load(*ledger_)) {
  engine_ = std::make_unique<Engine>(load(*ledger_), policy_);
  step(reconcilers::TimerFired{});
  settle();
}

void EngineWorld::reload(Policy policy) {
  policy_ = std::move(policy);
  step(reconcilers::PolicyChanged{policy_});
  settle();
}

void EngineWorld::restart(Policy policy) {
  policy_ = std::move(policy);
  restart();
}

void EngineWorld::restart() {
  queue_.clear();
  held_.clear();
  hung_.clear();
  Snapshot copy = load(*ledger_);
  REQUIRE(copy == mirror_);
  engine_ = std::make_unique<Engine>(std::move(copy), policy_);
  step(reconcilers::TimerFired{});
  settle();
}

// As Ledger::restore(), save the incarnation: only a file knows how far that has got.
void EngineWorld::restore() {
  Batch batch{{mirror_.sequence.value + 1}, now().wall, {SetMode{Mode::observe}}};
  const char* const why = "the ledger was restored";
  for (const auto& [id, claim] : mirror_.claims()) {
    Claim row = claim;
    row.liveness = Liveness::unknown;
    row.liveness_why = why;
    row.evidence = {};
    row.began_sequence = 0;
    batch.changes.emplace_back(std::move(row));
  }
  for (const auto& [id, row] : mirror_.evidence()) {
    Evidence evidence = row;
    evidence.void_reason = why;
    batch.changes.emplace_back(std::move(evidence));
  }
  for (const auto& [id, entry] : mirror_.volumes()) {
    if (entry.volume.format == FormatState::wanted || entry.volume.format == FormatState::intended) {
      Volume row = entry.volume;
      row.format = FormatState::refused;
      batch.changes.emplace_back(std::move(row));
    }
    for (Attachment row : entry.attachments) {
      row.state = AttachmentState::uncertain;
      row.read_back = false;
      batch.changes.emplace_back(std::move(row));
    }
  }
  record(batch);
  restart();
}

void EngineWorld::step(reconcilers::Input input) {
  std::vector<reconcilers::Effect> effects = engine_->step(now(), std::move(input));
  for (reconcilers::Effect& effect : effects) perform(std::move(effect));
  check();
  after_step();
}

void EngineWorld::check() const {
  if (held_.empty()) REQUIRE(engine_->snapshot() == mirror_);
  for (const auto& [key, volume] : truth) {
    if (is_single_writer(volume.made.access) && !others_attach) {
      INFO("single-writer volume " << volume.made.name << " is at two hosts");
      REQUIRE(std::count_if(volume.hosts.begin(), volume.hosts.end(), [&](const std::string& host) {
                return !powered_off.contains(host) && !fenced_hosts.contains(host);
              }) <= 1);
    }
  }
}

void EngineWorld::record(const Batch& batch) {
  mirror_.apply(batch);
  const auto committed = ledger_->commit(batch);
  INFO((committed ? std::string() : committed.error().message));
  REQUIRE(committed);
  const auto findings = ledger_->check(ledger::CheckDepth::invariants);
  REQUIRE(findings);
  for (const ledger::Finding& one : *findings) FAIL(one.check << ": " << one.subject << ": " << one.problem);
}

void EngineWorld::perform(reconcilers::Effect effect) {
  const bool matters = std::holds_alternative<reconcilers::Commit>(effect) ||
                       std::holds_alternative<reconcilers::Execute>(effect) ||
                       std::holds_alternative<reconcilers::CallMaster>(effect) ||
                       std::holds_alternative<reconcilers::ChangeFence>(effect) ||
                       std::holds_alternative<reconcilers::ObserveProvider>(effect);
  if (matters && crash_before_effect > 0 && --crash_before_effect == 0) throw Crash{};
  if (auto* commit = std::get_if<reconcilers::Commit>(&effect)) {
    for (const Change& change : commit->batch.changes) {
      if (const auto* entry = std::get_if<HistoryEntry>(&change)) history.push_back(*entry);
    }
    held_.push_back(std::move(commit->batch));
    if (hold_commits) return;
    for (Batch& batch : held_) {
      record(batch);
      queue_.emplace_back(reconcilers::Committed{batch.sequence});
    }
    held_.clear();
  } else if (auto* wish = std::get_if<reconcilers::ObserveProvider>(&effect)) {
    answer_observation(*wish);
  } else if (auto* read = std::get_if<reconcilers::ReadAgent>(&effect)) {
    answer_agent(*read);
  } else if (auto* poll = std::get_if<reconcilers::PollMaster>(&effect)) {
    polls[poll->call].push_back(at_);
    if (!silent_master) answer_poll(*poll);
  } else if (auto* drop = std::get_if<reconcilers::Resubscribe>(&effect)) {
    resubscribed.push_back(drop->why);
  } else if (auto* execute = std::get_if<reconcilers::Execute>(&effect)) {
    answer_call(execute->call);
  } else if (auto* call = std::get_if<reconcilers::CallMaster>(&effect)) {
    answer_change(call->operation);
  } else if (auto* fence = std::get_if<reconcilers::ChangeFence>(&effect)) {
    answer_fence(fence->call);
  } else if (auto* reply = std::get_if<Reply>(&effect)) {
    replies.push_back(std::move(*reply));
  } else if (auto* wake = std::get_if<reconcilers::WakeAt>(&effect)) {
    wake_ = wake->at;
  }
}

void EngineWorld::answer_change(const MesosOperation& operation) {
  master.changes_asked.push_back(operation);
  if (master.changes_take_effect && master.to_changes != MesosAnswer::refused) master.carry_out(operation);
  MesosCallResult result;
  result.id = operation.id;
  result.agent = operation.agent;
  result.answer = master.to_changes;
  result.error = master.why_not;
  result.ended_at = at_;
  post(reconcilers::MesosCallEnded{std::move(result)});
}

void EngineWorld::settle() {
  for (int i = 0; i < 1000; ++i) {
    if (!hold_commits && !held_.empty()) {
      for (Batch& batch : held_) {
        record(batch);
        queue_.emplace_back(reconcilers::Committed{batch.sequence});
      }
      held_.clear();
    }
    if (queue_.empty()) {
      if (wake_ > at_) return;
      wake_ = kNever;
      step(reconcilers::TimerFired{});
      continue;
    }
    at_ = at_ + Duration{1000};  // what follows is later
    reconcilers::Input input = std::move(queue_.front());
    queue_.erase(queue_.begin());
    step(std::move(input));
  }
  FAIL("the engine does not come to rest");
}

void EngineWorld::advance(Duration by) {
  const Instant end = at_ + by;
  settle();
  for (int i = 0; i < 100'000 && wake_ <= end; ++i) {
    at_ = std::max(at_, wake_);
    settle();
  }
  at_ = std::max(at_, end);
  settle();
}

void EngineWorld::event(MesosEvent event) {
  at_ = at_ + Duration{1000};
  master.told(event);
  reconcilers::EventsArrived arrived;
  arrived.events.push_back(std::move(event));
  step(std::move(arrived));
  settle();
}

void EngineWorld::observe(ProviderObservation observation) {
  at_ = at_ + Duration{1000};
  step(reconcilers::ObservationArrived{std::move(observation)});
  settle();
}

void EngineWorld::subscribe(std::vector<MesosEvent> snapshot) {
  event(SubscriptionOpened{"10.9.9.9:5050"});
  event(SnapshotBegan{});
  for (MesosEvent& one : snapshot) event(std::move(one));
  event(SnapshotEnded{});
}

void EngineWorld::disconnect(const std::string& why) { event(SubscriptionClosed{why}); }

void EngineWorld::agent_added(const std::string& name, const std::string& host, std::string attributes) {
  AgentSeen seen;
  seen.agent.agent = AgentId(name);
  seen.agent.hostname = host;
  seen.agent.address = "127.0.0.1:5051";
  if (!attributes.empty()) seen.agent.attributes.emplace_back("ext-storage", attributes);
  event(seen);
}

TaskRecord EngineWorld::task(const std::string& id, const std::string& agent, const std::string& volume,
                             TaskState state) const {
  TaskRecord task;
  task.framework = FrameworkId("F");
  task.task = TaskId(id);
  task.agent = AgentId(agent);
  task.name = id;
  task.state = state;
  if (!volume.empty())
    task.volumes.push_back({ReferenceSpelling::docker_volume, "extvold", volume, "data", false});
  return task;
}

void EngineWorld::task_added(const TaskRecord& task) {
  event(TaskSeen{task, ElementOrigin::event, TaskList::tasks});
}

void EngineWorld::task_updated(const std::string& id, const std::string& agent, TaskState state,
                               StatusSource source, std::string reason, std::string message) {
  TaskUpdated update;
  update.framework = FrameworkId("F");
  update.task = TaskId(id);
  update.state = state;
  update.status.state = state;
  update.status.source = source;
  update.status.reason = std::move(reason);
  update.status.message = std::move(message);
  update.status.agent = AgentId(agent);
  update.status.executor = ExecutorId(id);
  update.status.container = ContainerId("container-of-" + id);
  event(update);
}

void EngineWorld::run_task(const std::string& id, const std::string& agent, const std::string& volume) {
  containers[agent].insert(id);
  completed[agent].erase(id);
  task_added(task(id, agent, volume));
  task_updated(id, agent, TaskState::task_running, StatusSource::source_executor);
}

void EngineWorld::end_container(const std::string& id, const std::string& agent) {
  containers[agent].erase(id);
  completed[agent].insert(id);
  master.executors.erase({id, agent});
}

Reply EngineWorld::order(Order order) {
  const std::int64_t request = next_request_++;
  at_ = at_ + Duration{1000};
  step(reconcilers::CommandArrived{{request, 1000, std::move(order)}});
  settle();
  for (const Reply& reply : replies) {
    if (reply.request == request) return reply;
  }
  FAIL("the order was not answered");
  return {};
}

void EngineWorld::post_order(Order order) {
  at_ = at_ + Duration{1000};
  step(reconcilers::CommandArrived{{next_request_++, 1000, std::move(order)}});
}

void EngineWorld::make_volume(const std::string& name, Filesystem filesystem, AccessMode access) {
  CreateVolume create;
  create.name = name;
  create.pool = {kProvider, "p1"};
  create.size_mb = 64;
  create.filesystem = filesystem;
  create.access = access;
  const Reply reply = order(create);
  INFO(reply.text);
  REQUIRE(reply.status);
  advance(milliseconds(10));
}

const VolumeEntry& EngineWorld::volume(const std::string& name) const {
  const VolumeEntry* entry = engine_->snapshot().volume_by_name(name);
  REQUIRE(entry != nullptr);
  return *entry;
}

const Attachment* EngineWorld::attachment(const std::string& name, const std::string& host) const {
  const Host* row = engine_->snapshot().host_by_name(host);
  return row == nullptr ? nullptr : volume(name).attachment(row->id);
}

bool EngineWorld::attached(const std::string& name, const std::string& host) const {
  const Attachment* row = attachment(name, host);
  const auto real = truth.find(volume(name).volume.key);
  const bool in_truth = real != truth.end() && real->second.hosts.contains(host);
  const bool in_ledger = row != nullptr && row->state == AttachmentState::attached;
  INFO(name << " at " << host << ": ledger " << in_ledger << ", provider " << in_truth);
  CHECK(in_truth == in_ledger);
  return in_truth && in_ledger;
}

const Claim* EngineWorld::claim(const std::string& task) const {
  const auto claims = engine_->snapshot().claims_of_task(FrameworkId("F"), TaskId(task));
  return claims.empty() ? nullptr : claims.front();
}

std::string EngineWorld::blocked(const std::string& name, const std::string& host) const {
  const Host* row = host.empty() ? nullptr : engine_->snapshot().host_by_name(host);
  for (const BlockedRow& one : volume(name).blocked) {
    if (one.host == (row == nullptr ? HostId{} : row->id)) return one.reason;
  }
  return {};
}

void EngineWorld::answer_poll(const reconcilers::PollMaster& wish) {
  post(reconcilers::EventsArrived{master.answer(wish.call, at_)});
}

void EngineWorld::answer_agent(const reconcilers::ReadAgent& wish) {
  ++agent_rounds[wish.agent.value.str()];
  if (silent_agents.contains(wish.agent.value.str())) {
    queue_.emplace_back(reconcilers::EventsArrived{{AgentApiFailed{wish.agent, "timed out"}}});
    return;
  }
  AgentApiRead read;
  read.expected = read.first_answer = read.second_answer = wish.agent;
  read.address = wish.address;
  read.first_sent_at = at_;
  read.ended_at = at_;
  const auto errors = destroy_errors.find(wish.agent.value.str());
  read.container_destroy_errors = errors == destroy_errors.end() ? 0 : errors->second;
  for (const std::string& id : containers[wish.agent.value.str()]) {
    read.containers.push_back({ContainerId("container-of-" + id), {}, FrameworkId("F"), ExecutorId(id)});
    read.executors.push_back(
        {FrameworkId("F"), ExecutorId(id), wish.agent, Containerizer::mesos, executor_volumes[id]});
  }
  for (const std::string& id : completed[wish.agent.value.str()]) {
    const bool docker = docker_executors.contains(id);
    read.completed_executors.push_back({FrameworkId("F"),
                                        ExecutorId(id),
                                        wish.agent,
                                        docker ? Containerizer::docker : Containerizer::mesos,
                                        {}});
  }
  queue_.emplace_back(reconcilers::EventsArrived{{std::move(read)}});
}

}  // namespace extvold::testing
