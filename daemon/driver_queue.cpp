// Inputs are queued, drained one step at a time in a turn of their own, and the effects carried out.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "daemon/driver.h"
#include "daemon/ingest/record_decoder.h"
#include "model/check.h"

namespace extvold::daemon {
namespace {

// The first of that name; empty: none.
std::string attribute_of(const Agent& agent, const std::string& name) {
  std::string_view lines = agent.attributes;
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ':')
      return std::string(line.substr(name.size() + 1));
    lines.remove_prefix(std::min(line.size() + 1, lines.size()));
  }
  return {};
}

// Of one committed batch; a first snapshot can bring a hundred thousand lines.
constexpr std::size_t kHistoryLinesMax = 100;
// Timers are set for no longer than this, so that a clock that counts a suspend is looked at again.
constexpr Duration kTimerMax = minutes(60);

// "claim.seen" → "claim_seen": the names of log lines have no dots.
std::string event_name(const std::string& kind) {
  std::string out = kind;
  std::replace(out.begin(), out.end(), '.', '_');
  return out;
}

LogLevel level_of(std::string_view kind) {
  constexpr std::array<std::string_view, 18> kWarnings = {
      "operation.failed",   "operation.uncertain", "volume.blocked",    "volume.lost",
      "view.closed",        "view.authorisation",  "view.call_failing", "provider.incomplete",
      "guard.detach_storm", "evidence.assumed",    "agent.moved",       "guard.fence_storm",
      "fence.uncertain",    "fence.failed",        "fence.lost",        "fence.lift_failed",
      "fence.stopped",      "fence.mesos_not_told"};
  if (std::find(kWarnings.begin(), kWarnings.end(), kind) != kWarnings.end()) return LogLevel::warning;
  return kind.starts_with("claim.") ? LogLevel::debug : LogLevel::info;
}

}  // namespace

void Driver::post(reconcilers::Input input) {
  if (state_ != DriverState::running && state_ != DriverState::stopping) return;
  queue_.emplace_back(std::move(input));
  schedule();
}

// Neighbouring events become one input, up to the bound of a step.
void Driver::post_events(std::vector<MesosEvent> events) {
  if (state_ != DriverState::running || events.empty()) return;
  events_queued_ += events.size();
  auto from = events.begin();
  while (from != events.end()) {
    auto* last = queue_.empty() ? nullptr : std::get_if<reconcilers::EventsArrived>(&queue_.back());
    if (last == nullptr || last->events.size() >= options_.events_a_step_max)
      last = &std::get<reconcilers::EventsArrived>(queue_.emplace_back(reconcilers::EventsArrived{}));
    const auto room = static_cast<std::ptrdiff_t>(options_.events_a_step_max - last->events.size());
    const auto to = from + std::min(room, events.end() - from);
    std::move(from, to, std::back_inserter(last->events));
    from = to;
  }
  schedule();
}

void Driver::post_event(MesosEvent event) {
  std::vector<MesosEvent> events;
  events.push_back(std::move(event));
  post_events(std::move(events));
}

void Driver::schedule() {
  if (scheduled_) return;
  scheduled_ = true;
  deferred_.post([this] { drain(); });
}

void Driver::drain() {
  scheduled_ = false;
  const Instant began = parts_.clock.now();
  while (!queue_.empty()) {
    // What may be done is told before anything that could start a call. After a failed commit nothing can.
    if (refresh_guard()) policy_told_ = false;
    if (!policy_told_ && !std::holds_alternative<reconcilers::CommitFailed>(queue_.front())) {
      policy_told_ = true;
      step(reconcilers::PolicyChanged{policy_});
      continue;
    }
    reconcilers::Input input = std::move(queue_.front());
    queue_.pop_front();
    if (const auto* events = std::get_if<reconcilers::EventsArrived>(&input))
      events_queued_ -= events->events.size();
    step(std::move(input));
    if (parts_.clock.now() - began >= options_.turn_max) break;
  }
  if (!queue_.empty()) schedule();
  resume_if_possible();
  if (state_ == DriverState::stopping && queue_.empty() && uncommitted_.empty() && calls_running_ == 0)
    finish_stop();
  if (on_turn_) on_turn_();
}

void Driver::step(reconcilers::Input input) {
  ++counts_.steps;
  const std::int64_t engine = engine_number_;
  std::vector<reconcilers::Effect> effects =
      engine_->step({parts_.clock.now(), parts_.clock.wall()}, std::move(input));
  for (reconcilers::Effect& effect : effects) {
    std::visit([&](auto& one) { carry_out(one); }, effect);
    if (engine != engine_number_) return;  // it was the engine's last step
  }
}

void Driver::carry_out(reconcilers::Commit& effect) {
  Uncommitted batch;
  batch.sequence = effect.batch.sequence;
  batch.since = parts_.clock.now();
  batch.changes = effect.batch.changes.size();
  for (const Change& change : effect.batch.changes) {
    if (const auto* entry = std::get_if<HistoryEntry>(&change)) batch.history.push_back(*entry);
  }
  uncommitted_.push_back(std::move(batch));
  ledger_->commit(std::move(effect.batch));
}

void Driver::on_committed(const CommitOutcome& outcome) {
  if (state_ != DriverState::running && state_ != DriverState::stopping) return;
  if (!outcome.status) {
    ++counts_.commit_failures;
    queue_.emplace_front(reconcilers::CommitFailed{outcome.status.error()});
    return schedule();
  }
  while (!uncommitted_.empty() && uncommitted_.front().sequence <= outcome.upto) {
    ++counts_.batches_committed;
    counts_.changes_committed += uncommitted_.front().changes;
    note_history(uncommitted_.front());
    if (on_history_) on_history_(uncommitted_.front().history);
    uncommitted_.pop_front();
  }
  committed_ = outcome.upto;
  post(reconcilers::Committed{outcome.upto, outcome.unknown_tasks});
}

// What was decided is logged once, when it is durable: the same words as in `extvold history`.
void Driver::note_history(const Uncommitted& batch) {
  if (options_.dry_run) return;
  std::size_t lines = 0;
  std::size_t left_out = 0;
  for (const HistoryEntry& entry : batch.history) {
    const LogLevel level = level_of(entry.kind);
    if (!parts_.log.is_on(level)) continue;
    if (++lines > kHistoryLinesMax) {
      ++left_out;
      continue;
    }
    std::vector<LogField> fields;
    if (const VolumeEntry* volume = snapshot().volume(entry.volume))
      fields.emplace_back("volume", volume->volume.name);
    if (const Host* host = snapshot().host(entry.host)) fields.emplace_back("host", host->name);
    if (!entry.task.empty()) fields.emplace_back("task", entry.task.value);
    if (!entry.operation.empty()) fields.emplace_back("operation", entry.operation.value);
    if (entry.user_uid >= 0) fields.emplace_back("uid", entry.user_uid);
    fields.emplace_back("rule", entry.rule);
    fields.emplace_back("text", entry.text);
    fields.emplace_back("sequence", batch.sequence.value);
    parts_.log.write(level, event_name(entry.kind), fields);
  }
  if (left_out > 0) {
    parts_.log.info("history_not_logged",
                    {{"lines", left_out}, {"sequence", batch.sequence.value}, {"see", "extvold history"}});
  }
}

providers::Provider& Driver::provider(const ProviderName& name) {
  const auto found = std::find_if(providers_.begin(), providers_.end(),
                                  [&](const auto& one) { return one->info().name == name; });
  EXTVOLD_CHECK(found != providers_.end());  // the policy was made from these
  return **found;
}

// For a provider that keeps no key of ours: whom the ledger has there, and under which id.
std::vector<providers::KnownVolume> Driver::known_volumes(const ProviderName& name) const {
  std::vector<providers::KnownVolume> known;
  for (const auto& [id, entry] : engine_->snapshot().volumes()) {
    const Volume& one = entry.volume;
    if (one.pool.provider != name || one.state == VolumeState::removed) continue;
    known.push_back({one.key, one.provider_ref, one.pool.pool, one.size_mb});
  }
  return known;
}

// Of a host or a name that is told twice nobody can say which is right: it is not told at all. An agent that
// is lost says nothing where its host has one that is here.
std::vector<HostIdentity> Driver::hosts_by_attribute(const std::string& attribute) const {
  std::map<std::string, std::string> by_host;
  std::map<std::string, std::string> by_identity;
  std::set<std::string> in_doubt;
  for (const auto& [id, agent] : engine_->snapshot().agents()) {
    const Host* host = engine_->snapshot().host(agent.host);
    const std::string value = attribute_of(agent, attribute);
    if (host == nullptr || value.empty()) continue;
    const std::vector<const Agent*> beside = engine_->snapshot().agents_of_host(agent.host);
    const bool one_is_here =
        std::any_of(beside.begin(), beside.end(), [](const Agent* one) { return is_listed(one->state); });
    if (one_is_here && !is_listed(agent.state)) continue;
    if (!by_host.try_emplace(host->name, value).second && by_host[host->name] != value)
      in_doubt.insert(host->name);
    const auto [same, is_new] = by_identity.try_emplace(value, host->name);
    if (!is_new && same->second != host->name) in_doubt.insert({same->second, host->name});
  }
  std::vector<HostIdentity> out;
  for (const auto& [host, identity] : by_host) {
    if (!in_doubt.contains(host)) out.push_back({host, identity});
  }
  return out;
}

// As whom a provider knows hosts by its agents' attributes: told before it is asked, and to the engine before
// that gets the answer.
void Driver::tell_hosts(providers::Provider& provider) {
  const std::string attribute = provider.hosts_attribute();
  if (attribute.empty()) return;
  provider.know_hosts(hosts_by_attribute(attribute));
  for (ProviderInfo& one : policy_.providers) {
    if (one.name != provider.info().name || one.host_identities == provider.info().host_identities) continue;
    one.host_identities = provider.info().host_identities;
    policy_told_ = false;
    post(reconcilers::TimerFired{});
  }
}

void Driver::carry_out(reconcilers::ObserveProvider& effect) {
  ++observing_;
  ++counts_.observations;
  providers::Provider& asked = provider(effect.provider);
  tell_hosts(asked);
  if (asked.wants_known_volumes()) asked.know_volumes(known_volumes(effect.provider));
  asked.observe(std::move(effect.volume_key),
                [this, engine = engine_number_](ProviderObservation observation) {
                  --observing_;
                  if (engine == engine_number_) post(reconcilers::ObservationArrived{std::move(observation)});
                });
}

// Counts a call that begins; what comes back is for its end, which becomes an input of the engine that made
// it, if that still runs.
template <typename Ended, typename CallResult>
std::function<void(CallResult)> Driver::start_call() {
  ++calls_running_;
  ++counts_.calls_started;
  return [this, engine = engine_number_](CallResult result) {
    --calls_running_;
    ++counts_.calls_ended;
    settle_candidate();
    if (engine == engine_number_) post(Ended{std::move(result)});
  };
}

void Driver::carry_out(reconcilers::Execute& effect) {
  EXTVOLD_CHECK(!options_.dry_run);
  if (!may_start_calls()) {
    OperationResult result;
    result.id = effect.call.operation.id;
    result.state = OperationState::failed;
    result.error = {Errc::unavailable, "not started: extvold's guard in ZooKeeper was lost just before"};
    result.ended_at = parts_.clock.now();
    return post(reconcilers::OperationEnded{std::move(result)});
  }
  const ProviderName name = effect.call.volume.pool.provider;
  provider(name).execute(std::move(effect.call), start_call<reconcilers::OperationEnded, OperationResult>());
}

void Driver::carry_out(reconcilers::CallMaster& effect) {
  EXTVOLD_CHECK(!options_.dry_run);
  const auto may_ask = [this, engine = engine_number_] {
    return engine == engine_number_ && may_start_calls() && subscription_state_ == SubscriptionState::open;
  };
  if (!may_ask()) {
    MesosCallResult result;
    result.id = effect.operation.id;
    result.agent = effect.operation.agent;
    result.answer = MesosAnswer::refused;
    result.error = {Errc::unavailable, "not asked: the master, or extvold's guard in ZooKeeper, was lost"};
    result.ended_at = parts_.clock.now();
    return post(reconcilers::MesosCallEnded{std::move(result)});
  }
  caller_.call(master_, master_recipient_, std::move(effect.operation), may_ask,
               start_call<reconcilers::MesosCallEnded, MesosCallResult>());
}

// A look changes nothing and is always allowed; it may be what keeps a fence from running out unnoticed.
void Driver::carry_out(reconcilers::ChangeFence& effect) {
  const auto ended = start_call<reconcilers::FenceCallEnded, FenceResult>();
  FenceResult refused;
  refused.id = effect.call.fence.id;
  refused.act = effect.call.act;
  refused.state = FenceCallState::failed;
  refused.sent_at = refused.ended_at = parts_.clock.now();
  if (effect.call.act != FenceAct::check && (options_.dry_run || !may_start_calls())) {
    refused.error = {Errc::unavailable, "not started: extvold's guard in ZooKeeper was lost just before"};
    return ended(std::move(refused));
  }
  if (effect.call.fence.rung != FenceRung::power)
    return provider(effect.call.fence.provider).change_fence(std::move(effect.call), ended);
  if (power_ != nullptr) return power_->change_fence(std::move(effect.call), ended);
  refused.error = {Errc::not_found, "no [power.NAME] of the configuration says how to switch it off"};
  ended(std::move(refused));
}

void Driver::carry_out(reconcilers::PollMaster& effect) {
  // Closed meanwhile: the engine will know, and asks anew after the next subscription.
  if (subscription_state_ == SubscriptionState::open)
    reader_.poll_master(master_, effect.call, master_recipient_);
}

void Driver::carry_out(reconcilers::Resubscribe& effect) {
  if (subscription_state_ == SubscriptionState::open) subscription_->drop(Errc::unavailable, effect.why);
}

void Driver::carry_out(reconcilers::ReadAgent& effect) {
  const auto known = snapshot().agents().find(effect.agent);
  reader_.read_agent(effect.agent, effect.address,
                     known == snapshot().agents().end() ? std::string() : known->second.hostname);
}

void Driver::carry_out(reconcilers::Reply& effect) {
  const auto waiting = waiting_commands_.find(effect.request);
  if (waiting == waiting_commands_.end()) return;
  Result<std::string> answer = effect.status
                                   ? Result<std::string>(std::move(effect.text))
                                   : Result<std::string>(tl::make_unexpected(effect.status.error()));
  deferred_.post([done = std::move(waiting->second), answer = std::move(answer)] { done(answer); });
  waiting_commands_.erase(waiting);
}

void Driver::carry_out(reconcilers::WakeAt& effect) {
  wake_at_ = effect.at;
  set_wake();
}

void Driver::set_wake() {
  if (wake_at_ == kNever) return wake_.stop();
  const Duration after = std::min(wake_at_ - parts_.clock.now(), kTimerMax);
  wake_.start(after, [this] {
    if (parts_.clock.now() < wake_at_) return set_wake();
    post(reconcilers::TimerFired{});
  });
}

void Driver::carry_out(reconcilers::Stop& effect) { go_read_only(effect.why.message); }

}  // namespace extvold::daemon
