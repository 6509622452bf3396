// The provider of a World: what calls, fences and looks do to the truth and show of it.
#include <fmt/format.h>

#include <algorithm>

#include "tests/small_world/world.h"

namespace extvold::small_world {
namespace {

std::string host_text(int host) { return fmt::format("h{}", host); }

template <typename Grid>
auto& at(Grid& grid, int volume, int host) {
  return grid[static_cast<std::size_t>(volume)][static_cast<std::size_t>(host)];
}

int host_named(std::string_view name) { return name == "h0" ? 0 : 1; }

}  // namespace

bool World::lets_through(int volume, int host) const {
  const Place& place = at(places_, volume, host);
  return (place.listed || place.open) && !place.fenced && !cut_off_[static_cast<std::size_t>(host)];
}

// Why the provider would not do it. Empty: it would.
std::string World::refusal(const CallAtWork& call) const {
  const OperationKind kind = call.what.call.operation.kind;
  if (kind == OperationKind::attach) {
    if (at(places_, call.volume, call.host).fenced && setting_->can.fence_bars_late_calls)
      return "it is fenced from this volume";
    for (int host = 0; host < kHosts; ++host) {
      if (setting_->can.exclusive_attach && host != call.host && at(places_, call.volume, host).listed)
        return "it is attached to another host";
    }
  }
  if (kind == OperationKind::detach && setting_->detach_refused_in_use &&
      at(places_, call.volume, call.host).mounted)
    return "it is in use";
  return {};
}

void World::take_effect(CallAtWork& call) {
  Place& place = at(places_, call.volume, call.host);
  call.happened = true;
  if (call.what.call.operation.kind == OperationKind::attach) {
    place.listed = true;
    place.fenced = false;
    return;
  }
  judge_detach(call.volume, call.host);
  const bool enforced = setting_->can.detach_enforced && setting_->lie != Lie::detach_not_enforced;
  place.open = place.listed && place.mounted && !enforced;
  place.listed = false;
}

void World::answer(std::size_t index) {
  const CallAtWork call = calls_[index];
  calls_.erase(calls_.begin() + static_cast<std::ptrdiff_t>(index));
  OperationResult result;
  result.id = call.what.call.operation.id;
  result.ended_at = now_;
  if (call.happened) {
    result.state = OperationState::done;
    result.outcome = Outcome::changed;
    result.host_identity = host_text(call.host);
    result.device = "/dev/x";
    if (setting_->can.host_reports) result.boot_id = "boot";
  } else {
    const std::string why = refusal(call);
    if (why.empty()) --refusals_;
    result.state = OperationState::failed;
    result.error = {Errc::unavailable, why.empty() ? "it failed" : why};
  }
  queue_.emplace_back(reconcilers::OperationEnded{std::move(result)});
}

// Nobody waits for it any longer. It may take effect yet, for as long as the provider says.
void World::give_up(std::size_t index) {
  CallAtWork& call = calls_[index];
  OperationResult result;
  result.id = call.what.call.operation.id;
  result.error = {Errc::uncertain, "no answer in time"};
  result.ended_at = now_;
  queue_.emplace_back(reconcilers::OperationEnded{std::move(result)});
  call.awaited = false;
  call.until = now_ + kSettleTime;
  if (call.happened) calls_.erase(calls_.begin() + static_cast<std::ptrdiff_t>(index));
}

// ---- fences

void World::take_effect(FenceAtWork& call) {
  call.happened = true;
  const bool stands = call.what.act == FenceAct::set;
  const int host = host_named(call.what.fence.target);
  if (call.what.fence.rung == FenceRung::host) {
    cut_off_[static_cast<std::size_t>(host)] = stands;
    return;
  }
  Place& place = at(places_, static_cast<int>(call.what.fence.volume.value) - 1, host);
  place.fenced = stands;
  if (stands) place.listed = place.open = false;  // it is taken away, not only barred
}

void World::answer_fence(std::size_t index) {
  const FenceAtWork call = fence_calls_[index];
  fence_calls_.erase(fence_calls_.begin() + static_cast<std::ptrdiff_t>(index));
  FenceResult result;
  result.id = call.what.fence.id;
  result.act = call.what.act;
  result.state = call.happened ? FenceCallState::done : FenceCallState::failed;
  if (!call.happened) {
    --refusals_;
    result.error = {Errc::unavailable, "it failed"};
  }
  result.sent_at = result.ended_at = now_;
  queue_.emplace_back(reconcilers::FenceCallEnded{std::move(result)});
}

void World::give_up_fence(std::size_t index) {
  FenceAtWork& call = fence_calls_[index];
  FenceResult result;
  result.id = call.what.fence.id;
  result.act = call.what.act;
  result.state = FenceCallState::uncertain;
  result.error = {Errc::uncertain, "no answer in time"};
  result.sent_at = result.ended_at = now_;
  queue_.emplace_back(reconcilers::FenceCallEnded{std::move(result)});
  call.awaited = false;
  call.until = now_ + kSettleTime;
  if (call.happened) fence_calls_.erase(fence_calls_.begin() + static_cast<std::ptrdiff_t>(index));
}

FenceResult World::check(const Question& question) const {
  const Fence& fence = question.fence.fence;
  const int host = host_named(fence.target);
  const bool holds = fence.rung == FenceRung::host
                         ? cut_off_[static_cast<std::size_t>(host)]
                         : at(places_, static_cast<int>(fence.volume.value) - 1, host).fenced;
  FenceResult result;
  result.id = fence.id;
  result.act = FenceAct::check;
  result.state = FenceCallState::done;
  result.held = holds || setting_->lie == Lie::fence_not_held ? TriState::yes : TriState::no;
  result.seen = holds ? "it is cut off" : "it is not cut off";
  result.sent_at = question.sent_at;
  return result;
}

// ---- looks

ProviderObservation World::see(const Question& question) const {
  ProviderObservation out;
  out.provider = ProviderName("local~lab");
  out.complete = true;
  out.sent_at = question.sent_at;
  if (question.volume >= 0) out.volume_key = fmt::format("xv-v{}", question.volume);
  const bool reports = setting_->can.host_reports;
  for (int volume = 0; volume < kVolumes; ++volume) {
    if (question.volume >= 0 && question.volume != volume) continue;
    ObservedVolume seen;
    seen.key = seen.provider_ref = fmt::format("xv-v{}", volume);
    seen.ledger_id = "small-world";
    seen.pool = "p";
    seen.size_mb = 64;
    if (setting_->can.shows_running_calls) {
      const bool runs = std::any_of(calls_.begin(), calls_.end(), [&](const CallAtWork& one) {
        return one.volume == volume && !one.happened;
      });
      seen.call_running = runs ? TriState::yes : TriState::no;
    }
    for (int host = 0; host < kHosts; ++host) {
      const Place& place = at(places_, volume, host);
      if (!place.listed) continue;
      ObservedAttachment one;
      one.host_identity = host_text(host);
      one.device = "/dev/x";
      if (reports) one.boot_id = "boot";
      if (reports && links_[static_cast<std::size_t>(host)] == Link::whole) {
        one.mounted = one.open = place.mounted ? TriState::yes : TriState::no;
        if (place.mounted) one.mount_paths.emplace_back("/mnt");
      }
      seen.attachments.push_back(std::move(one));
    }
    out.volumes.push_back(std::move(seen));
  }
  for (int host = 0; host < kHosts; ++host) {
    if (!reports || links_[static_cast<std::size_t>(host)] != Link::whole) continue;
    bool used = false;
    for (int volume = 0; volume < kVolumes; ++volume) used = used || at(places_, volume, host).mounted;
    out.hosts.push_back({host_text(host), "boot", used ? TriState::yes : TriState::no});
  }
  return out;
}

reconcilers::Input World::see_all(const Question& question) const {
  switch (question.of) {
    case Question::Of::provider:
      return reconcilers::ObservationArrived{see(question)};
    case Question::Of::fence:
      return reconcilers::FenceCallEnded{check(question)};
    case Question::Of::agent:
      break;
  }
  reconcilers::EventsArrived out;
  if (links_[static_cast<std::size_t>(question.host)] == Link::whole) {
    out.events.emplace_back(read_agent(question));
  } else {
    out.events.emplace_back(AgentApiFailed{AgentId(fmt::format("A{}", question.host)), "timed out"});
  }
  return out;
}

void World::look(std::size_t index) {
  const Question question = std::move(questions_[index]);
  questions_.erase(questions_.begin() + static_cast<std::ptrdiff_t>(index));
  reconcilers::Input answer = question.taken == nullptr ? see_all(question) : *question.taken;
  if (auto* seen = std::get_if<reconcilers::ObservationArrived>(&answer)) seen->observation.ended_at = now_;
  if (auto* fence = std::get_if<reconcilers::FenceCallEnded>(&answer)) fence->result.ended_at = now_;
  if (auto* events = std::get_if<reconcilers::EventsArrived>(&answer)) {
    if (auto* read = std::get_if<AgentApiRead>(&events->events.front())) read->ended_at = now_;
  }
  queue_.push_back(std::move(answer));
}

}  // namespace extvold::small_world
