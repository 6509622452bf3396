// The state of the daemon and of what it sees, in one answer.
#include "daemon/api/views.h"
#include "daemon/version.h"
#include "reconcilers/look.h"

namespace extvold::daemon::api {
namespace {

// {"registered": 2, "absent": 1, ...}: every word of the enumeration, also those that count 0.
template <typename E>
class Tally {
 public:
  void add(E value) { ++counts_[value]; }
  Json json() const {
    Json out = Json::object();
    for (std::string_view word : enum_texts(E{})) {
      const auto at = counts_.find(*from_text<E>(word));
      out[std::string(word)] = at == counts_.end() ? 0 : at->second;
    }
    return out;
  }

 private:
  std::map<E, std::int64_t> counts_;
};

// What is asked of the master again and again, and how it answers.
Json calls_view(const World& world) {
  Json out = Json::array();
  for (const auto& [call, view] : world.observed.master_calls) {
    out.push_back({{"call", std::string(to_text(call))},
                   {"answered_at", instant_or_null(world.now, view.answered_at)},
                   {"failed_at", instant_or_null(world.now, view.failed_at)},
                   {"failures", view.failures},
                   {"error", view.error.empty() ? Json(nullptr) : Json(view.error)}});
  }
  return out;
}

// How the leader is found, and who of several daemons acts. Credentials are in none of it.
Json zookeeper_view(const std::optional<zookeeper::LinkStatus>& link) {
  if (!link) return nullptr;
  const auto text_or_null = [](const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); };
  Json leader = nullptr;
  if (!link->leader_node.empty()) {
    leader = {{"node", link->leader_node},
              {"id", text_or_null(link->leader_id)},
              {"url", link->leader_url},
              {"hostname", text_or_null(link->leader_hostname)}};
  }
  return {{"address", link->address},
          {"session", std::string(to_text(link->session))},
          {"session_since", time_or_null(link->session_since)},
          {"session_id", text_or_null(link->session_id)},
          {"session_error", text_or_null(link->session_error)},
          {"leader", std::move(leader)},
          {"leader_error", text_or_null(link->leader_error)},
          {"guard",
           {{"path", link->guard_path},
            {"held", link->guard_acting},
            {"node", text_or_null(link->guard_node)},
            {"epoch", link->guard_epoch == 0 ? Json(nullptr) : Json(link->guard_epoch)},
            {"holder", text_or_null(link->guard_holder)},
            {"why_not_held", text_or_null(link->guard_reason)},
            {"takes_over", link->guard_takes_over}}}};
}

Json mesos_view(const World& world, const StatusFacts& facts) {
  const MesosView& view = world.snapshot.view;
  Json out = {
      {"view_complete", world.observed.view_complete},
      {"view_incomplete_why", world.observed.view_complete
                                  ? Json(nullptr)
                                  : Json(world.live ? world.observed.view_incomplete_why : "no daemon runs")},
      {"epoch", view.epoch},
      {"master_id", view.master_id},
      {"elected_time", view.elected_time},
      {"master_version", view.master_version},
      {"calls", calls_view(world)}};
  if (!facts.driver) return out;
  out["leader_by"] = facts.driver->zookeeper        ? Json("zookeeper")
                     : facts.driver->masters_by_url ? Json("url")
                                                    : Json(nullptr);
  out["zookeeper"] = zookeeper_view(facts.driver->zookeeper);
  out["subscription"] = std::string(to_text(facts.driver->subscription));
  out["master"] = facts.driver->master;
  out["since"] = time_or_null(facts.driver->subscription_since);
  out["error"] =
      facts.driver->subscription_error.empty() ? Json(nullptr) : Json(facts.driver->subscription_error);
  return out;
}

Json agents_view(const World& world) {
  Tally<AgentState> states;
  std::int64_t complete = 0;
  std::int64_t draining = 0;
  std::int64_t drained = 0;
  std::int64_t deactivated = 0;
  std::int64_t maintenance = 0;
  Json failing = Json::array();
  for (const auto& [id, agent] : world.snapshot.agents()) {
    states.add(agent.state);
    draining += agent.drain_state == "DRAINING" ? 1 : 0;
    drained += agent.drain_state == "DRAINED" ? 1 : 0;
    deactivated += agent.deactivated ? 1 : 0;
    maintenance += agent.maintenance == Maintenance::none ? 0 : 1;
    const AgentView* view = world.observed.agent(id);
    if (view == nullptr) continue;
    complete += view->complete() ? 1 : 0;
    if (!view->api_error.empty())
      failing.push_back({{"agent", id.value}, {"host", agent.hostname}, {"error", view->api_error}});
  }
  Json out = states.json();
  out["draining"] = draining;  // beside the states, of which each agent has one
  out["drained"] = drained;
  out["deactivated"] = deactivated;
  out["in_maintenance"] = maintenance;
  out["view_complete"] = complete;
  out["api_failing"] = std::move(failing);
  return out;
}

Json unresolved_view(const World& world) {
  Json out = Json::array();
  for (const Claim* claim : world.snapshot.unresolved_claims()) {
    out.push_back({{"who", reconcilers::claim_text(world.snapshot, *claim)},
                   {"host", claim->host ? Json(host_name(world.snapshot, claim->host)) : Json(nullptr)},
                   {"why", std::string(to_text(claim->unresolved))},
                   {"spelling", std::string(to_text(claim->reference.spelling))},
                   {"driver", claim->reference.driver},
                   {"name", claim->reference.name},
                   {"wanted", claim->wanted}});
  }
  return out;
}

// How often it may be asked; null: as often as there is something to ask.
Json budget_view(const World& world, const ProviderInfo& provider) {
  const Budget budget = world.observed.budget(provider.name);
  const std::int64_t rate = budget.rate_milli(provider.calls_per_second);
  const bool paused = budget.paused_until > world.now.at;
  return {{"calls_per_second", rate == 0 ? Json(nullptr) : Json(static_cast<double>(rate) / 1000)},
          {"configured", provider.calls_per_second == 0 ? Json(nullptr) : Json(provider.calls_per_second)},
          {"paused_until", paused ? instant_or_null(world.now, budget.paused_until) : Json(nullptr)}};
}

Json providers_view(const World& world) {
  Json out = Json::array();
  for (const ProviderInfo& provider : world.policy.providers) {
    const auto seen = world.observed.providers.find(provider.name);
    const ProviderView* view = seen == world.observed.providers.end() ? nullptr : &seen->second;
    const bool complete = view != nullptr && view->listed_at.ns != 0 && view->why_incomplete.empty();
    out.push_back(
        {{"name", provider.name.value},
         {"pools", provider.pools},
         {"complete", complete},
         {"why_incomplete", complete                                          ? Json(nullptr)
                            : view == nullptr || view->why_incomplete.empty() ? Json("not listed yet")
                                                                              : Json(view->why_incomplete)},
         {"listed_at", view == nullptr ? Json(nullptr) : instant_or_null(world.now, view->listed_at)},
         {"volumes_listed", view == nullptr ? 0 : view->volumes_listed},
         {"budget", budget_view(world, provider)},
         {"detach_enforced", provider.capabilities.detach_enforced},
         {"capabilities", record::to_json(provider.capabilities, record::Defaults::written)}});
  }
  return out;
}

Json drivers_view(const World& world) {
  Json out = Json::array();
  for (const DriverMapping& driver : world.policy.drivers) {
    const auto& after = driver.accept_executor_terminal_after;
    out.push_back({{"name", driver.driver},
                   {"provider", driver.provider.value},
                   {"attach_by", std::string(to_text(driver.attach_by))},
                   {"enforced", driver.attach_by == AttachBy::extvold && !after},
                   {"assumes_ended_after", after ? Json(record::to_text(*after)) : Json(nullptr)}});
  }
  return out;
}

void add_counts(const World& world, Json& out) {
  Tally<VolumeState> volumes;
  Tally<AttachmentState> attachments;
  Tally<OperationState> operations;
  Tally<Owner> owners;
  std::int64_t blocked = 0;
  for (const auto& [id, entry] : world.snapshot.volumes()) {
    volumes.add(entry.volume.state);
    for (const Attachment& one : entry.attachments) attachments.add(one.state);
    if (entry.open_operation != nullptr) operations.add(entry.open_operation->state);
    for (const BlockedRow& row : entry.blocked) owners.add(row.owner);
    blocked += entry.blocked.empty() ? 0 : 1;
  }
  Tally<Liveness> liveness;
  std::int64_t wanted = 0;
  for (const auto& [id, claim] : world.snapshot.claims()) {
    liveness.add(claim.liveness);
    wanted += claim.wanted ? 1 : 0;
  }
  out["volumes"] = volumes.json();
  out["attachments"] = attachments.json();
  out["claims"] = liveness.json();
  out["claims"]["wanted"] = wanted;
  out["operations"] = {{"recorded", 0}, {"issued", 0}, {"uncertain", 0}};
  const Json counted = operations.json();
  for (auto& [word, count] : out["operations"].items()) count = counted[word];
  out["blocked"] = {{"volumes", blocked}, {"by_owner", owners.json()}};
}

// By state, of those that did not end.
Json fences_summary(const World& world) {
  Tally<FenceState> states;
  for (const auto& [id, fence] : world.snapshot.fences()) states.add(fence.state);
  Json out = states.json();
  out.erase("failed");
  out.erase("lifted");
  return out;
}

Json hosts_summary(const World& world) {
  Json names = Json::array();
  Json quarantined = Json::array();
  Json held = Json::array();
  Json released = Json::array();
  Json fence_held = Json::array();
  for (const auto& [id, host] : world.snapshot.hosts()) {
    names.push_back(host.name);
    if (host.quarantined) quarantined.push_back(host.name);
    if (host.hold == HoldState::held) held.push_back(host.name);
    if (host.hold == HoldState::released) released.push_back(host.name);
    if (host.fence_held) fence_held.push_back(host.name);
  }
  return {{"known", world.snapshot.hosts().size()}, {"names", std::move(names)},
          {"quarantined", std::move(quarantined)},  {"held", std::move(held)},
          {"released", std::move(released)},        {"fence_held", std::move(fence_held)}};
}

Json ledger_view(const World& world, const StatusFacts& facts) {
  Json out = {{"path", facts.ledger_path},
              {"id", world.snapshot.ledger.id},
              {"incarnation", world.snapshot.ledger.incarnation},
              {"sequence", world.snapshot.sequence.value},
              {"committed", facts.driver ? facts.driver->committed.value : world.snapshot.sequence.value},
              {"wal_bytes", facts.wal ? Json(facts.wal->bytes) : Json(nullptr)},
              {"wal_warning", nullptr}};
  constexpr std::int64_t kWalFramesLarge = 16'384;  // 64 MiB of 4 KiB pages
  if (facts.wal && facts.wal->frames_not_yet > kWalFramesLarge) {
    out["wal_warning"] = fmt::format(
        "{} pages wait to be copied into the ledger: a reader keeps an old transaction open; find it with "
        "`lsof {}`",
        facts.wal->frames_not_yet, facts.ledger_path);
  }
  return out;
}

// What came in and what was skipped, replaced or cut of it.
Json ingest_view(const ingest::IngestCounters& counters) {
  return {{"bytes", counters.bytes},
          {"records", counters.records},
          {"elements", counters.elements},
          {"elements_copied", counters.elements_copied},
          {"unknown_types", counters.unknown_types},
          {"unknown_fields", counters.unknown_fields},
          {"unknown_values", counters.unknown_values},
          {"replaced_bytes", counters.replaced_bytes},
          {"cut_texts", counters.cut_texts}};
}

Json activity_view(const StatusFacts& facts) {
  if (!facts.driver) return nullptr;
  const DriverStatus& driver = *facts.driver;
  return {{"events", facts.engine.events},
          {"events_unknown", facts.engine.unknown_skipped},
          {"looks", facts.engine.looks},
          {"sweeps", facts.engine.sweeps},
          {"steps", driver.counts.steps},
          {"batches_committed", driver.counts.batches_committed},
          {"commit_failures", driver.counts.commit_failures},
          {"calls_started", driver.counts.calls_started},
          {"calls_running", driver.calls_running},
          {"streams_opened", driver.counts.streams_opened},
          {"streams_lost", driver.counts.streams_lost},
          {"streams_undecodable", driver.counts.streams_undecodable},
          {"stream_pauses", driver.counts.stream_pauses},
          {"stream_bytes", driver.counts.stream_bytes},
          {"events_queued", driver.events_queued},
          {"batches_uncommitted", driver.batches_uncommitted},
          {"polls", driver.reader.polls},
          {"polls_failed", driver.reader.polls_failed},
          {"agent_reads", driver.reader.agent_reads},
          {"agent_reads_failed", driver.reader.agent_reads_failed},
          {"ingest", ingest_view(driver.ingest)}};
}

}  // namespace

Json status_view(const World& world, const StatusFacts& facts) {
  Json out;
  out["version"] = std::string(kVersion);
  out["daemon"] = facts.driver ? std::string(to_text(facts.driver->state)) : std::string("none");
  out["as_of"] = time_or_null(world.now.wall);
  out["started_at"] = facts.driver ? time_or_null(facts.driver->started_at) : Json(nullptr);
  const std::string read_only = facts.driver ? facts.driver->read_only_reason : std::string();
  out["read_only_reason"] = read_only.empty() ? Json(nullptr) : Json(read_only);
  out["mode"] = std::string(to_text(world.snapshot.mode));
  out["observe_only"] =
      !facts.driver || world.policy.observe_only.empty() ? Json(nullptr) : Json(world.policy.observe_only);
  out["detach_storm"] = world.snapshot.detach_storm;
  out["fence_stop"] = world.snapshot.fence_stop;
  out["mesos"] = mesos_view(world, facts);
  out["ledger"] = ledger_view(world, facts);
  out["agents"] = agents_view(world);
  out["hosts"] = hosts_summary(world);
  out["fences"] = fences_summary(world);
  add_counts(world, out);
  out["unresolved"] = unresolved_view(world);
  out["providers"] = providers_view(world);
  out["drivers"] = drivers_view(world);
  out["activity"] = activity_view(facts);
  return out;
}

}  // namespace extvold::daemon::api
