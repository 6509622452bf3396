#include "tests/recordings/recorded_world.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "daemon/ingest/agent_answers.h"
#include "daemon/ingest/poll_decoder.h"

namespace extvold::testing {
namespace {

using replay::Json;
using replay::Millis;

constexpr Duration kReconnect = milliseconds(100);
constexpr Duration kRetry = seconds(1);
constexpr Duration kAgentDeadline = seconds(5);
constexpr Duration kMasterDeadline = seconds(60);
constexpr Duration kTick = milliseconds(50);
constexpr Duration kAfterwards = seconds(240);

Policy policy_of_recordings() {
  Policy policy = EngineWorld::default_policy();
  const DriverMapping mapped = policy.drivers.front();
  policy.drivers.clear();
  for (const char* driver : {"extvold", "rexray"}) {
    policy.drivers.push_back(mapped);
    policy.drivers.back().driver = driver;
  }
  policy.master_poll = seconds(10);
  return policy;
}

// Every name of a volume anywhere below `value`: container volumes, docker parameters, DVDI variables.
void names_below(const Json& value, std::set<std::string>& out) {
  if (value.is_object()) {
    if (const auto docker = value.find("docker_volume"); docker != value.end())
      out.insert(docker->value("name", ""));
    const std::string name = replay::text_at(value, {"name"});
    if (name.starts_with("DVDI_VOLUME_NAME")) out.insert(replay::text_at(value, {"value"}));
    if (replay::text_at(value, {"key"}) == "volume") {
      const std::string text = replay::text_at(value, {"value"});
      out.insert(text.substr(0, text.find(':')));
    }
  }
  if (value.is_structured()) {
    for (const Json& one : value) names_below(one, out);
  }
}

const Json& at_path(const Json& value, std::initializer_list<const char*> path) {
  static const Json kNone;
  const Json* here = &value;
  for (const char* key : path) {
    if (!here->is_object() || !here->contains(key)) return kNone;
    here = &here->at(key);
  }
  return *here;
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

}  // namespace

RecordedWorld::RecordedWorld(const replay::Recording& recording, PlayOptions options)
    : EngineWorld(policy_of_recordings()),
      options_(std::move(options)),
      history_(recording),
      credentials_(replay::Credentials::defaults()),
      answers_(history_, addresses_, credentials_) {
  for (const replay::Endpoint& endpoint : recording.endpoints) addresses_.add(endpoint, endpoint.port);
  note_uses(recording);
  for (const std::string& name : options_.volumes) make_volume(name);
  advance(seconds(1));
  start_ = now().at;
  start_recorded_ = history_.start(options_.view);
  reconnect_at_ = start_;
}

// By the recording's own words, past everything that extvold decodes.
void RecordedWorld::note_uses(const replay::Recording& recording) {
  const auto note = [&](const Json& holder, std::string agent, std::string framework, std::string executor,
                        Millis since) {
    std::set<std::string> names;
    names_below(holder, names);
    for (const std::string& name : names) uses_.push_back({name, agent, framework, executor, since});
  };
  const auto task = [&](const Json& one, Millis since) {
    const std::string executor = replay::text_at(one, {"executor_id", "value"});
    note(one, replay::text_at(one, {"agent_id", "value"}), replay::text_at(one, {"framework_id", "value"}),
         executor.empty() ? replay::text_at(one, {"task_id", "value"}) : executor, since);
  };
  const auto agent = [&](const Json& one) {
    const std::string pid = replay::text_at(one, {"pid"});
    for (const replay::Endpoint& endpoint : recording.endpoints) {
      if (pid.ends_with(fmt::format("@{}:{}", endpoint.ip, endpoint.port)))
        endpoint_of_agent_[replay::text_at(one, {"agent_info", "id", "value"})] = endpoint.name;
    }
  };
  for (const replay::Connection& connection : recording.connections) {
    for (const replay::StreamRecord& record : connection.records) {
      task(at_path(record.value, {"task_added", "task"}), record.t);
      agent(at_path(record.value, {"agent_added", "agent"}));
      for (const Json& one : at_path(record.value, {"subscribed", "get_state", "get_tasks", "tasks"}))
        task(one, record.t);
      for (const Json& one : at_path(record.value, {"subscribed", "get_state", "get_agents", "agents"}))
        agent(one);
    }
  }
  for (const replay::Row& row : recording.rows) {
    if (row.call != "GET_EXECUTORS" || row.status != 200 || row.endpoint == "m1") continue;
    const Json body = Json::parse(row.body, nullptr, false);
    for (const auto& [id, endpoint] : endpoint_of_agent_) {
      if (endpoint != row.endpoint) continue;
      for (const Json& one : at_path(body, {"get_executors", "executors"})) {
        note(one, id, replay::text_at(one, {"executor_info", "framework_id", "value"}),
             replay::text_at(one, {"executor_info", "executor_id", "value"}), row.t);
      }
    }
  }
}

Millis RecordedWorld::recorded_now() const {
  return start_recorded_ + std::llround(static_cast<double>((now().at - start_).ns) / 1e6 * options_.speed);
}

Instant RecordedWorld::when(Millis recorded) const {
  return {start_.ns + std::llround(static_cast<double>(recorded - start_recorded_) * 1e6 / options_.speed)};
}

void RecordedWorld::play() {
  const Instant end = when(history_.recording().end) + kAfterwards;
  while (now().at < end) {
    if (!connected_ && now().at >= reconnect_at_) connect();
    if (connected_) deliver_due();
    while (!later_.empty() && later_.begin()->first <= now().at) {
      MesosEvent due = std::move(later_.begin()->second);
      later_.erase(later_.begin());
      event(std::move(due));
    }
    advance(kTick);
  }
}

// ---- the stream

replay::Reply RecordedWorld::ask(const std::string& endpoint, const std::string& path,
                                 const std::string& body) const {
  replay::Ask out;
  out.endpoint = endpoint;
  out.method = body.empty() ? "GET" : "POST";
  out.path = path;
  out.content_type = "application/json";
  out.accept = "application/json";
  if (!options_.authorization.empty()) out.authorization = options_.authorization;
  out.body = body;
  return answers_.answer(out, recorded_now());
}

void RecordedWorld::connect() {
  reconnect_at_ = now().at + kRetry;
  if (history_.condition("m1", recorded_now()) != replay::Condition::answering) return;
  const replay::Reply reply = ask("m1", "/api/v1", R"({"type":"SUBSCRIBE"})");
  if (reply.kind != replay::Reply::Kind::stream) return;
  const replay::Connection* connection = history_.connection(options_.view, recorded_now());
  if (connection == nullptr) return;
  connected_ = true;
  decoder_ = std::make_unique<ingest::RecordDecoder>(counters_);
  plan_ = replay::plan_stream(history_, addresses_, *connection, recorded_now());
  next_piece_ = 0;
  unframed_.clear();
  event(SubscriptionOpened{"http://m1"});
}

void RecordedWorld::deliver_due() {
  while (connected_ && next_piece_ < plan_.pieces.size() && when(plan_.pieces[next_piece_].t) <= now().at) {
    unframed_ += plan_.pieces[next_piece_++].bytes;
    for (std::size_t newline; connected_ && (newline = unframed_.find('\n')) != std::string::npos;) {
      const std::size_t size = newline + 1 + std::stoul(unframed_.substr(0, newline));
      if (unframed_.size() < size) break;
      const std::string record = unframed_.substr(0, size);
      unframed_.erase(0, size);
      push(record);
    }
  }
  if (connected_ && next_piece_ == plan_.pieces.size() && plan_.cut && when(*plan_.cut) <= now().at)
    close("the recorded connection broke");
}

void RecordedWorld::push(const std::string& record) {
  std::vector<MesosEvent> events;
  const Status decoded = decoder_->push(record, events);
  INFO((decoded ? std::string() : decoded.error().message));
  REQUIRE(decoded);
  for (MesosEvent& one : events) event(std::move(one));
  if (++records_ == options_.cut_after) close("cut by the test");
}

void RecordedWorld::close(const std::string& why) {
  connected_ = false;
  reconnect_at_ = now().at + kReconnect;
  decoder_.reset();
  std::erase_if(later_, [](const auto& one) { return std::holds_alternative<PollFailed>(one.second); });
  disconnect(why);
}

// ---- questions

void RecordedWorld::later(Duration by, MesosEvent event) { later_.emplace(now().at + by, std::move(event)); }

void RecordedWorld::answer_poll(const reconcilers::PollMaster& wish) {
  const replay::Condition condition = history_.condition("m1", recorded_now());
  if (condition == replay::Condition::frozen)
    return later(kMasterDeadline, PollFailed{wish.call, "no answer in time"});
  reconcilers::EventsArrived arrived;
  if (condition == replay::Condition::refused) {
    arrived.events.emplace_back(PollFailed{wish.call, "refused"});
    return post(std::move(arrived));
  }
  const bool metrics = wish.call == MasterCall::metrics;
  const bool registry = wish.call == MasterCall::registry;
  const replay::Reply reply =
      metrics    ? ask("m1", "/metrics/snapshot", {})
      : registry ? ask("m1", "/registrar(1)/registry", {})
                 : ask("m1", "/api/v1", fmt::format(R"({{"type":"{}"}})", upper(to_text(wish.call))));
  const auto failed = [&](const std::string& why) {
    arrived.events.clear();
    arrived.events.emplace_back(PollFailed{wish.call, why});
  };
  if (reply.kind != replay::Reply::Kind::text || reply.status != 200) {
    failed(fmt::format("answered {}", reply.status));
  } else if (metrics) {
    const auto seen = ingest::decode_metrics(reply.body, counters_);
    if (seen) arrived.events.emplace_back(*seen);
    if (!seen) failed(seen.error().message);
  } else if (wish.call == MasterCall::get_master) {
    const auto seen = ingest::decode_master(reply.body, counters_);
    if (seen) arrived.events.emplace_back(*seen);
    if (!seen) failed(seen.error().message);
  } else {
    auto events = ingest::decode_poll(wish.call, now().at, reply.body, counters_);
    if (events) arrived.events = std::move(*events);
    if (!events) failed(events.error().message);
  }
  post(std::move(arrived));
}

void RecordedWorld::answer_agent(const reconcilers::ReadAgent& wish) {
  std::string name;
  for (const replay::Endpoint& endpoint : history_.recording().endpoints) {
    if (wish.address == fmt::format("{}:{}", endpoint.ip, endpoint.port)) name = endpoint.name;
  }
  const replay::Condition condition =
      name.empty() ? replay::Condition::refused : history_.condition(name, recorded_now());
  if (condition == replay::Condition::frozen)
    return later(kAgentDeadline, AgentApiFailed{wish.agent, "no answer in time"});
  reconcilers::EventsArrived arrived;
  arrived.events.push_back(condition == replay::Condition::refused
                               ? MesosEvent(AgentApiFailed{wish.agent, "refused"})
                               : read(wish, name));
  post(std::move(arrived));
}

MesosEvent RecordedWorld::read(const reconcilers::ReadAgent& wish, const std::string& endpoint) {
  constexpr std::array<const char*, 4> kCalls = {
      R"({"type":"GET_AGENT"})",
      R"({"type":"GET_CONTAINERS","get_containers":{"show_nested":true,"show_standalone":true}})",
      R"({"type":"GET_EXECUTORS"})", R"({"type":"GET_AGENT"})"};
  std::array<std::string, kCalls.size()> bodies;
  for (std::size_t i = 0; i < kCalls.size(); ++i) {
    replay::Reply reply = ask(endpoint, "/api/v1", kCalls[i]);
    if (reply.kind != replay::Reply::Kind::text || reply.status != 200)
      return AgentApiFailed{wish.agent, fmt::format("answered {}", reply.status)};
    bodies[i] = std::move(reply.body);
  }
  const replay::Reply metrics = ask(endpoint, "/metrics/snapshot", {});
  ingest::AgentAnswers answers{bodies[0], bodies[1], bodies[2], bodies[3], std::nullopt};
  if (metrics.status == 200) answers.metrics = metrics.body;
  auto decoded =
      ingest::decode_agent_answers({wish.agent, wish.address, now().at, now().at}, answers, counters_);
  if (!decoded) return AgentApiFailed{wish.agent, decoded.error().message};
  return std::move(*decoded);
}

// ---- the judge

// When the agent's own list still shows the container of `use` after `at`; the watch kept only answers that
// differed from the one before.
std::optional<Millis> RecordedWorld::listed_after(const std::string& endpoint, const Use& use,
                                                  Millis at) const {
  const auto lists = [&](const replay::Row& row) {
    const Json body = Json::parse(row.body, nullptr, false);
    const Json& list = at_path(body, {"get_containers", "containers"});
    return std::any_of(list.begin(), list.end(), [&](const Json& one) {
      return replay::text_at(one, {"framework_id", "value"}) == use.framework &&
             replay::text_at(one, {"executor_id", "value"}) == use.executor;
    });
  };
  const replay::Row* last = nullptr;
  for (const replay::Row& row : history_.recording().rows) {
    if (row.endpoint != endpoint || row.call != "GET_CONTAINERS" || row.status != 200) continue;
    if (row.t > at && lists(row)) return row.t;
    last = &row;
  }
  if (last != nullptr && last->t <= at && lists(*last)) return history_.recording().end;
  return std::nullopt;
}

void RecordedWorld::before_call(const OperationCall& call) {
  if (call.operation.kind != OperationKind::detach) return;
  const Millis at = recorded_now();
  for (const Use& use : uses_) {
    const auto endpoint = endpoint_of_agent_.find(use.agent);
    if (use.volume != call.volume.name || use.since > at || endpoint == endpoint_of_agent_.end()) continue;
    const Agent* agent = engine().snapshot().agent(AgentId(use.agent));
    const Host* host = agent == nullptr ? nullptr : engine().snapshot().host(agent->host);
    if (host == nullptr || host->name != call.host_name) continue;
    const auto listed = listed_after(endpoint->second, use, at);
    INFO("recorded " << at << " ms: " << use.volume << " is detached from " << call.host_name
                     << ", where executor " << use.executor << " is listed at " << listed.value_or(0));
    REQUIRE_FALSE(listed.has_value());
  }
}

// ---- what is told

namespace {

std::string host_of(const Snapshot& snapshot, HostId id) {
  const Host* host = snapshot.host(id);
  return host == nullptr ? std::string("?") : host->name;
}

std::string name_of(const Claim& claim, const Snapshot& snapshot) {
  const VolumeEntry* entry = snapshot.volume(claim.volume);
  return fmt::format(
      "{} {} on {}, {}", to_text(claim.kind), claim.task.empty() ? claim.executor.value : claim.task.value,
      host_of(snapshot, claim.host), entry == nullptr ? claim.reference.name : entry->volume.name);
}

std::string state_of(const Claim& claim) {
  return fmt::format("{} {}", claim.wanted ? "wanted" : "not wanted", to_text(claim.liveness));
}

}  // namespace

void RecordedWorld::after_step() {
  const Snapshot& snapshot = engine().snapshot();
  for (const Claim* claim : snapshot.unresolved_claims()) {
    if (policy_of_recordings().driver(claim->reference.driver) != nullptr)
      missing_.insert(claim->reference.name);
  }
  std::map<ClaimId, std::string> now_there;
  for (const auto& [id, claim] : snapshot.claims()) {
    if (claim.kind == ClaimKind::operator_ || claim.kind == ClaimKind::format) continue;
    const std::string state = state_of(claim);
    now_there[id] = state;
    const auto before = claim_now_.find(id);
    if (before == claim_now_.end()) {
      claims_.emplace_back(id, fmt::format("{}: {}", name_of(claim, snapshot), state));
    } else if (before->second != state) {
      for (auto& [known, text] : claims_) {
        if (known == id) text += ", " + state;
      }
    }
  }
  claim_now_ = std::move(now_there);
}

std::vector<std::string> RecordedWorld::timeline() const {
  std::vector<std::string> out;
  for (const auto& [id, text] : claims_) out.push_back(text);
  return out;
}

std::vector<std::string> RecordedWorld::end_state() const {
  const Snapshot& snapshot = engine().snapshot();
  std::vector<std::string> out;
  for (const auto& [id, entry] : snapshot.volumes()) {
    std::vector<std::string> parts;
    for (const Attachment& one : entry.attachments) {
      if (one.state == AttachmentState::detached) continue;
      parts.push_back(fmt::format("{} at {}", to_text(one.state), host_of(snapshot, one.host)));
    }
    for (const Claim* claim : entry.claims)
      parts.push_back(fmt::format("{}: {}", name_of(*claim, snapshot), state_of(*claim)));
    for (const BlockedRow& row : entry.blocked)
      parts.push_back(
          fmt::format("blocked at {}: {} ({})", host_of(snapshot, row.host), row.reason, to_text(row.owner)));
    std::sort(parts.begin(), parts.end());
    out.push_back(fmt::format("{}: {}", entry.volume.name,
                              parts.empty() ? std::string("nowhere, wanted by nobody")
                                            : fmt::format("{}", fmt::join(parts, "; "))));
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace extvold::testing
