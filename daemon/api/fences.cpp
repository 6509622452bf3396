#include "daemon/api/fences.h"

#include <algorithm>

#include "reconcilers/look.h"

namespace extvold::daemon::api {
namespace {

using reconcilers::claim_text;

Json text_or_null(std::string_view text) { return text.empty() ? Json(nullptr) : Json(text); }

template <typename E>
std::string word(E value) {
  return std::string(to_text(value));
}

// Whole seconds: what is shown is a clock for people.
Duration whole(Duration duration) { return {duration.ns - duration.ns % 1'000'000'000}; }

struct ClockState {
  const FenceClock& clock;
  Duration ran;
  Duration after;
  bool due;
};

ClockState state_of(const World& world, const VolumeEntry& entry, const FenceClock& clock) {
  const Duration ran = clock.elapsed(world.now.at);
  const Duration after = world.policy.fence_policy(entry.volume).after;
  return {clock, ran, after, ran >= after};
}

// Null: it stands, or who looks has no clock of his own.
Json due_at(const World& world, const ClockState& state) {
  if (state.clock.since.ns == 0) return nullptr;
  return instant_or_null(world.now, world.now.at + (state.after - state.ran));
}

std::string plain(const Json& time) { return time.is_null() ? std::string("?") : time.get<std::string>(); }

Json clock_view(const World& world, const VolumeEntry& entry, const FenceClock& clock) {
  const ClockState state = state_of(world, entry, clock);
  return {{"volume", entry.volume.name},           {"host", host_name(world.snapshot, clock.host)},
          {"runs", clock.since.ns != 0},           {"ran", record::to_text(whole(state.ran))},
          {"after", record::to_text(state.after)}, {"since", instant_or_null(world.now, clock.since)},
          {"due_at", due_at(world, state)},        {"due", state.due}};
}

Json all_clocks(const World& world, HostId host) {
  Json out = Json::array();
  for (const auto& [id, view] : world.observed.volumes) {
    const VolumeEntry* entry = world.snapshot.volume(id);
    if (entry == nullptr) continue;
    for (const FenceClock& clock : view.clocks) {
      if (!host || clock.host == host) out.push_back(clock_view(world, *entry, clock));
    }
  }
  return out;
}

// One that stands: also what it proves, and what a look of this run said.
Json standing_view(const World& world, const Fence& fence) {
  Json out = fence_view(world.snapshot, fence);
  const reconcilers::Look look{world.snapshot, world.observed, world.policy, world.now.at};
  Json& proves = out["proves"] = Json::array();
  for (const auto& [id, evidence] : world.snapshot.evidence()) {
    if (evidence.fence != fence.id) continue;
    const VolumeEntry* entry = world.snapshot.volume(evidence.volume);
    proves.push_back({{"volume", entry == nullptr ? Json(nullptr) : Json(entry->volume.name)},
                      {"evidence", id.value},
                      {"counts", in_force(look, evidence)}});
  }
  const FenceView* view = world.observed.fence(fence.id);
  out["checked_at"] = view == nullptr ? Json(nullptr) : instant_or_null(world.now, view->checked_at);
  out["counts_until"] = view == nullptr ? Json(nullptr) : instant_or_null(world.now, view->good_until);
  out["look_error"] = view == nullptr ? Json(nullptr) : text_or_null(view->error);
  return out;
}

Json standing_of(const World& world, HostId host) {
  Json out = Json::array();
  for (const auto& [id, fence] : world.snapshot.fences()) {
    if (!host || fence.host == host) out.push_back(standing_view(world, fence));
  }
  return out;
}

Json host_row(const World& world, const Host& host) {
  Json agents = Json::array();
  for (const Agent* agent : world.snapshot.agents_of_host(host.id))
    agents.push_back({{"id", agent->id.value}, {"state", word(agent->state)}});
  return {{"name", host.name},
          {"quarantined", host.quarantined},
          {"quarantine_reason", text_or_null(host.quarantine_reason)},
          {"quarantine_fence", host.quarantine_fence ? Json(host.quarantine_fence.value) : Json(nullptr)},
          {"fence_held", host.fence_held},
          {"hold", word(host.hold)},
          {"agents", std::move(agents)}};
}

Json tries_of(const World& world, HostId host) {
  Json out = Json::array();
  for (const FenceTry& one : world.observed.fence_tries) {
    if (one.host != host) continue;
    const VolumeEntry* entry = world.snapshot.volume(one.volume);
    out.push_back({{"rung", word(one.rung)},
                   {"provider", text_or_null(one.provider.value)},
                   {"volume", entry == nullptr ? Json(nullptr) : Json(entry->volume.name)},
                   {"failures", one.failures},
                   {"why", one.why},
                   {"again_at", instant_or_null(world.now, one.at)}});
  }
  return out;
}

Json ended_view(const FenceStatusRow& row) {
  return {{"id", row.id},
          {"rung", row.rung},
          {"state", row.state},
          {"provider", text_or_null(row.provider)},
          {"volume", text_or_null(row.volume)},
          {"target", row.target},
          {"grade", row.grade},
          {"cause", row.cause},
          {"seen", text_or_null(row.seen)},
          {"error", text_or_null(row.error)},
          {"recorded_at", text_or_null(row.recorded_at)},
          {"held_at", text_or_null(row.held_at)},
          {"ended_at", text_or_null(row.ended_at)},
          {"expires_at", text_or_null(row.expires_at)}};
}

}  // namespace

Json fence_view(const Snapshot& snapshot, const Fence& fence) {
  const VolumeEntry* entry = snapshot.volume(fence.volume);
  const Claim* claim = snapshot.claim(fence.claim);
  return {{"id", fence.id.value},
          {"key", fence.key.value},
          {"text", describe(fence, snapshot)},
          {"rung", word(fence.rung)},
          {"state", word(fence.state)},
          {"host", host_name(snapshot, fence.host)},
          {"provider", text_or_null(fence.provider.value)},
          {"volume", entry == nullptr ? Json(nullptr) : Json(entry->volume.name)},
          {"target", fence.target},
          {"fence_addresses", text_or_null(fence.fence_addresses)},
          {"grade", word(fence.cooperative ? EvidenceGrade::cooperative : EvidenceGrade::proven)},
          {"generation", extvold::to_text(fence.generation)},
          {"claim", claim == nullptr ? Json(nullptr) : Json(claim_text(snapshot, *claim))},
          {"cause", fence.cause},
          {"seen", text_or_null(fence.seen)},
          {"error_code", fence.error.empty() ? Json(nullptr) : Json(word(fence.error_code))},
          {"error", text_or_null(fence.error)},
          {"user_uid", fence.user_uid < 0 ? Json(nullptr) : Json(fence.user_uid)},
          {"recorded_at", time_or_null(fence.recorded_at)},
          {"held_at", time_or_null(fence.held_at)},
          {"expires_at", time_or_null(fence.expires_at)}};
}

Json fences_view(const World& world) {
  Json hosts = Json::array();
  for (const auto& [id, host] : world.snapshot.hosts()) {
    if (host.quarantined || host.fence_held || !world.snapshot.fences_of_host(id).empty())
      hosts.push_back(host_row(world, host));
  }
  return {{"stopped", world.snapshot.fence_stop},
          {"fences", standing_of(world, {})},
          {"hosts", std::move(hosts)},
          {"clocks", all_clocks(world, {})}};
}

Json fences_of_host_view(const World& world, const Host& host, const std::vector<FenceStatusRow>& rows) {
  Json ended = Json::array();
  for (const FenceStatusRow& row : rows) {
    if (!row.ended_at.empty()) ended.push_back(ended_view(row));
  }
  return {{"stopped", world.snapshot.fence_stop},  {"host", host_row(world, host)},
          {"fences", standing_of(world, host.id)}, {"clocks", all_clocks(world, host.id)},
          {"tries", tries_of(world, host.id)},     {"ended", std::move(ended)}};
}

Json clocks_view(const World& world, const VolumeEntry& entry) {
  Json out = Json::array();
  const VolumeView* view = world.observed.volume(entry.volume.id);
  if (view == nullptr) return out;
  for (const FenceClock& clock : view->clocks) out.push_back(clock_view(world, entry, clock));
  return out;
}

std::vector<std::string> clock_texts(const World& world, const VolumeEntry& entry) {
  std::vector<std::string> out;
  const VolumeView* view = world.observed.volume(entry.volume.id);
  if (view == nullptr) return out;
  for (const FenceClock& clock : view->clocks) {
    const ClockState state = state_of(world, entry, clock);
    const std::string due = plain(due_at(world, state));
    const std::string name =
        fmt::format("the clock of a fence of {}: ", host_name(world.snapshot, clock.host));
    const std::string so_far =
        fmt::format("{} of {}", record::to_text(whole(state.ran)), record::to_text(state.after));
    if (clock.since.ns == 0) {
      out.push_back(fmt::format("{}{}, and it stands", name, so_far));
    } else if (state.due) {
      out.push_back(fmt::format("{}its {} have run; due since {}", name, record::to_text(state.after), due));
    } else {
      out.push_back(fmt::format("{}{}, it runs since {}; due at {}", name, so_far,
                                plain(instant_or_null(world.now, clock.since)), due));
    }
  }
  return out;
}

}  // namespace extvold::daemon::api
