// Settle: what providers say. A call's answer is a claim of the provider's; what counts is an observation
// that was sent after the call ended (DESIGN.md section 6, rule 3). What it shows beside is drift, and is
// recorded as found.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "model/check.h"
#include "reconcilers/engine.h"
#include "reconcilers/rule.h"

namespace extvold::reconcilers {
namespace {

bool confirmed(const VolumeEntry& entry, HostId host) {
  const auto word = [](const Evidence& one) { return one.kind == EvidenceKind::operator_; };
  const Attachment* attachment = entry.attachment(host);
  return attachment != nullptr && evidence_for(entry, *attachment, word) != nullptr;
}

// Where attachments are not listed, one that a look does not show may be there all the same.
bool tells_absence(const ProviderInfo& provider) {
  return EXTVOLD_PERMITS(absence_told, provider.capabilities.list_attachments);
}

// What the provider cannot name (somebody's own losetup) is held by somebody all the same.
void name_the_nameless(ProviderObservation& observation) {
  for (ObservedVolume& volume : observation.volumes) {
    for (ObservedAttachment& one : volume.attachments) {
      if (one.host_identity.empty())
        one.host_identity = fmt::format("unnamed@{}", observation.provider.value);
    }
  }
  std::erase_if(observation.hosts, [](const ObservedHost& one) { return one.host_identity.empty(); });
}

// Whether a look would show it if it were there.
bool tells_of(const ProviderInfo& provider, const Volume& volume) {
  return provider.capabilities.shows_created || !volume.provider_ref.empty();
}

}  // namespace

// Of ours; what is not may have any names. Empty: none.
std::string Engine::key_listed_twice(const ProviderObservation& observation) const {
  std::set<std::string_view> keys;
  for (const ObservedVolume& one : observation.volumes) {
    const bool is_ours = snapshot_.volume_by_key(observation.provider, one.key) != nullptr;
    if (is_ours && !keys.insert(one.key).second) return one.key;
  }
  return {};
}

// An empty or suddenly short list is a failed list, and so is one with something twice (controllers.md,
// invariant 21).
bool Engine::plausible(const ProviderObservation& observation, ProviderView& view) const {
  if (EXTVOLD_FORBIDS(list_complete, !observation.complete)) {
    view.why_incomplete =
        observation.why_incomplete.empty() ? "the provider's list broke off" : observation.why_incomplete;
    return false;
  }
  int expected = 0;
  for (const auto& [id, entry] : snapshot_.volumes()) {
    expected +=
        entry.volume.pool.provider == observation.provider && entry.volume.state == VolumeState::available
            ? 1
            : 0;
  }
  const int listed = static_cast<int>(observation.volumes.size());
  const int before = std::max(expected, view.listed_at.ns == 0 ? 0 : view.volumes_listed);
  if (EXTVOLD_FORBIDS(list_plausible,
                      (expected > 0 && listed == 0) || (before >= 10 && listed * 2 < before))) {
    view.why_incomplete = fmt::format(
        "it lists {} volumes where {} are expected; wrong credentials or a wrong directory?", listed, before);
    return false;
  }
  if (const std::string twice = key_listed_twice(observation);
      EXTVOLD_FORBIDS(list_plausible, !twice.empty())) {
    view.why_incomplete = fmt::format("it lists {} twice", twice);
    return false;
  }
  view.why_incomplete.clear();
  view.volumes_listed = listed;
  view.listed_at = observation.sent_at;
  return true;
}

// Of one volume, by its key.
void Engine::on_direct_look(const ProviderObservation& observation, Now now) {
  const VolumeEntry* entry = snapshot_.volume_by_key(observation.provider, observation.volume_key);
  if (entry == nullptr) return;
  inspecting_.erase(entry->volume.id);
  if (entry->volume.state == VolumeState::removed) return;
  if (!observation.complete) {
    inspect_not_before_[entry->volume.id] = now.at + policy_.retry_min;
    return;
  }
  const auto seen =
      std::find_if(observation.volumes.begin(), observation.volumes.end(),
                   [&](const ObservedVolume& one) { return one.key == observation.volume_key; });
  observe_volume(*entry, seen == observation.volumes.end() ? nullptr : &*seen, observation, now);
  // Still open: look again, at first often.
  if (entry->open_operation != nullptr) inspect_not_before_[entry->volume.id] = now.at + policy_.retry_min;
}

void Engine::on_observation(ProviderObservation observation, Now now) {
  const ProviderInfo* provider = policy_.provider(observation.provider);
  EXTVOLD_CHECK(provider != nullptr);  // nobody else was asked
  if (observation.throttled) {
    note_throttled(*provider, {Errc::throttled, observation.why_incomplete, observation.retry_after}, now);
  } else if (observation.complete) {
    note_served(*provider, now);
  }
  name_the_nameless(observation);
  if (!observation.volume_key.empty()) return on_direct_look(observation, now);
  PollState& poll = provider_polls_[observation.provider];
  poll.asked = false;
  poll.not_before = now.at + policy_.provider_list;
  ProviderView& view = observed_.providers[observation.provider];
  const std::string before = view.why_incomplete;
  if (!plausible(observation, view)) {
    if (before != view.why_incomplete) {
      history({.kind = "provider.incomplete",
               .rule = "list",
               .text = fmt::format("{}: {}", observation.provider.value, view.why_incomplete)});
    }
    return;
  }
  for (Pool& pool : observation.pools) {
    pool.observed_at = now.wall;
    const auto known = snapshot_.pools().find(pool.name);
    const bool same = known != snapshot_.pools().end() && known->second.capacity_mb == pool.capacity_mb &&
                      known->second.free_mb == pool.free_mb && known->second.iops == pool.iops;
    if (!same) change(pool);
  }
  for (const ObservedHost& one : observation.hosts) {
    Host row = *snapshot_.host(host_named(host_of(*provider, one.host_identity)));
    if (one.boot_id.empty() || row.boot_id == one.boot_id) continue;
    row.boot_id = one.boot_id;
    change(std::move(row));
  }
  lift_where_clean(*provider, observation, now);
  std::map<std::string_view, const ObservedVolume*> by_key;
  std::erase_if(foreign_, [&](const auto& one) { return one.first.first == observation.provider; });
  int foreign = 0;
  for (const ObservedVolume& one : observation.volumes) {
    by_key[one.key] = &one;
    const VolumeEntry* known = snapshot_.volume_by_key(observation.provider, one.key);
    if (known != nullptr && known->volume.state != VolumeState::removed) continue;
    constexpr int kForeignMax = 10'000;
    if (++foreign <= kForeignMax) foreign_[{observation.provider, one.key}] = one;
    if (one.ledger_id == snapshot_.ledger.id) see_lost_volume(one, observation, now);
  }
  for (const auto& [id, entry] : snapshot_.volumes()) {
    if (entry.volume.pool.provider != observation.provider || entry.volume.state == VolumeState::removed)
      continue;
    const auto seen = by_key.find(entry.volume.key);
    observe_volume(entry, seen == by_key.end() ? nullptr : seen->second, observation, now);
  }
}

// Our tag, but no row: shown, never deleted and never made again. A row of another provider explains it: the
// provider was renamed, or two share one storage; it stays among what is not ours there.
void Engine::see_lost_volume(const ObservedVolume& seen, const ProviderObservation& observation, Now now) {
  if (snapshot_.volume_by_key(seen.key) != nullptr) return;
  if (snapshot_.volume_by_name(seen.key) != nullptr) return;
  Volume row;
  row.id = {snapshot_.counters.next_volume++};
  counters_used_ = true;
  row.name = seen.key;
  row.key = seen.key;
  row.provider_ref = seen.provider_ref;
  row.pool = {observation.provider, seen.pool};
  row.size_mb = seen.size_mb;
  row.state = VolumeState::lost;
  row.origin = VolumeOrigin::adopted;
  row.created_at = now.wall;
  history({.kind = "volume.lost",
           .volume = row.id,
           .rule = "tag_without_row",
           .text = fmt::format("{} at {} carries this ledger's tag, but no row explains it", seen.key,
                               observation.provider.value)});
  touch(row.id);
  change(std::move(row));
}

void Engine::observe_volume(const VolumeEntry& entry, const ObservedVolume* seen,
                            const ProviderObservation& observation, Now now) {
  const VolumeId id = entry.volume.id;
  VolumeView& view = observed_.volumes[id];
  if (EXTVOLD_FORBIDS(look_sent_later, observation.sent_at <= view.acted_at)) {
    // Older than our newest call: it says nothing. A call that has not ended leaves acted_at alone, and is
    // open.
    if (entry.open_operation != nullptr && entry.open_operation->state == OperationState::issued) return;
    if (seen != nullptr) view.call_running = seen->call_running;
    inspect_not_before_.try_emplace(id, now.at);
    return;
  }
  const bool calling = entry.open_operation != nullptr &&
                       entry.open_operation->state == OperationState::issued &&
                       entry.open_operation->call_ended_at.value.ns == 0;
  if (calling) return;
  const ProviderInfo& provider = provider_of(entry);
  const VolumeView before = view;
  view.sent_at = observation.sent_at;
  view.direct = !observation.volume_key.empty();
  view.present = seen != nullptr;
  view.call_running = seen == nullptr ? TriState::no : seen->call_running;
  view.attachments.clear();
  if (seen != nullptr) {
    for (const ObservedAttachment& one : seen->attachments) {
      const HostId host = host_shown(entry, *seen, one);
      view.attachments.push_back({host, one.mounted, one.open});
      if (provider.capabilities.host_reports && one.mounted != TriState::unknown)
        note_mounts(entry, host, one.mount_paths);
    }
    std::sort(view.attachments.begin(), view.attachments.end(),
              [](const AttachmentView& a, const AttachmentView& b) { return a.host < b.host; });
  }
  if (seen != nullptr || !observation.volume_key.empty()) {
    const std::vector<Mount> mounts = entry.mounts;
    for (const Mount& one : mounts) {  // where it is not attached, nothing of it is mounted
      if (view.attachment(one.host) == nullptr) change(DropMount{one.volume, one.host, one.path});
    }
  }
  if (entry.open_operation != nullptr) settle_operation(entry, seen, observation, now);
  if (entry.open_operation == nullptr) {
    settle_attachments(entry, seen, observation, now);
    if (tells_absence(provider)) settle_vanished(entry, observation, now);
    if (seen != nullptr) {
      if (provider.capabilities.host_reports) note_unexplained_use(entry, *seen, observation);
      host_evidence(entry, *seen, observation, now);
      host_evidence_after_detach(entry, observation, now);
    }
  }
  const bool was_fresh = before.sent_at.ns != 0 && before.sent_at > before.acted_at;
  const bool news = !was_fresh || before.present != view.present || before.attachments != view.attachments ||
                    before.call_running != view.call_running;
  if (news || !observation.volume_key.empty()) touch(id);  // somebody waits for a direct look
}

void Engine::settle_operation(const VolumeEntry& entry, const ObservedVolume* seen,
                              const ProviderObservation& observation, Now now) {
  const Operation operation = *entry.open_operation;
  const Instant ended = operation.call_ended_at.value;
  if (ended.ns == 0 || observation.sent_at <= ended) return;
  const ProviderInfo& provider = provider_of(entry);
  const TriState running = seen == nullptr ? TriState::unknown : seen->call_running;
  // An orphaned child of a dead daemon is still at work: nothing is settled (an orphaned mkfs looks like a
  // blank disk).
  if (EXTVOLD_FORBIDS(settle_running, running == TriState::yes)) return;
  const ObservedAttachment* there = observed_on(seen, snapshot_, provider_of(entry), entry, operation.host);
  // A list settles what it shows, never what it leaves out, and reads nothing back: an entry may be stale,
  // and a volume that a call is still making or removing is in no list.
  const bool direct = !observation.volume_key.empty();
  const bool untold = there == nullptr && !tells_absence(provider);
  const bool is_ours =
      seen != nullptr && (!provider.capabilities.keeps_tags || seen->ledger_id == snapshot_.ledger.id);
  const bool made = EXTVOLD_PERMITS(create_ours, is_ours);
  const std::int64_t wanted_mb = entry.volume.wanted_size_mb;
  const bool grown = seen != nullptr && seen->size_mb >= wanted_mb;
  const bool shown = (operation.kind == OperationKind::create && made) ||
                     (operation.kind == OperationKind::resize && grown) ||
                     (operation.kind == OperationKind::attach && there != nullptr);
  if (EXTVOLD_FORBIDS(settle_list_absence, !direct && !shown)) {
    inspect_not_before_.try_emplace(entry.volume.id, now.at);
    return;
  }
  const bool over = provider.capabilities.shows_running_calls
                        ? EXTVOLD_PERMITS(settle_running, running == TriState::no || seen == nullptr)
                        : EXTVOLD_PERMITS(settle_time, now.at >= ended + provider.settle_time);
  switch (operation.kind) {
    case OperationKind::create:
      if (!made && !tells_of(provider, entry.volume)) return settle_untold(entry, operation, over, now);
      if (!made) return settle_not_shown(entry, operation, over, now);
      note_made(entry, *seen);
      return end_operation(operation, OperationState::done, Outcome::changed, {}, now);
    case OperationKind::remove:
      return settle_remove(entry, operation, seen != nullptr, over, now);
    case OperationKind::resize:
      if (!grown) return settle_not_shown(entry, operation, over, now);
      note_grown(entry, seen->size_mb);
      return end_operation(operation, OperationState::done, Outcome::changed, {}, now);
    case OperationKind::attach:
      if (untold) return;
      return settle_attach(entry, operation, there, over, now);
    case OperationKind::detach:
      if (untold) return;
      if (there == nullptr) {
        // Nothing was there before it either: whether it was carried out is what it was to settle.
        if (EXTVOLD_FORBIDS(settle_detach_untold, operation.rule == kSettlesAttach &&
                                                      operation.state == OperationState::uncertain &&
                                                      !confirmed(entry, operation.host)))
          return;
        return end_operation(operation, OperationState::done, Outcome::changed, {}, now);
      }
      if (operation.rule == kSettlesAttach) note_identity(entry, operation, *there, now);  // it did happen
      return settle_not_shown(entry, operation, over, now);
    case OperationKind::format:
      // Nothing but a new probe tells; the next format begins with one.
      if (over) {
        end_operation(operation, OperationState::failed, Outcome::none,
                      {Errc::uncertain, operation.error + "; it is probed again before anything is written"},
                      now);
      }
      return;
  }
}

void Engine::settle_remove(const VolumeEntry& entry, const Operation& operation, bool is_there, bool over,
                           Now now) {
  const bool in_doubt = operation.state == OperationState::uncertain;
  if (EXTVOLD_FORBIDS(remove_untold, !is_there && in_doubt && !tells_of(provider_of(entry), entry.volume)))
    return settle_untold(entry, operation, over, now);
  if (is_there) return settle_not_shown(entry, operation, over, now);
  end_operation(operation, OperationState::done, Outcome::changed, {}, now);
}

void Engine::note_made(const VolumeEntry& entry, const ObservedVolume& seen) {
  Volume row = entry.volume;
  row.provider_ref = seen.provider_ref;
  if (seen.size_mb > 0) row.size_mb = seen.size_mb;  // 0: it does not tell
  change(std::move(row));
}

void Engine::note_grown(const VolumeEntry& entry, std::int64_t size_mb) {
  Volume row = entry.volume;
  row.size_mb = size_mb;
  row.wanted_size_mb = 0;
  history({.kind = "volume.grown",
           .volume = row.id,
           .rule = "observed",
           .text = fmt::format("{} has {} MB now, {} before", row.name, row.size_mb, entry.volume.size_mb)});
  change(std::move(row));
}

void Engine::settle_attach(const VolumeEntry& entry, const Operation& operation,
                           const ObservedAttachment* there, bool over, Now now) {
  const bool in_doubt = operation.state == OperationState::uncertain;
  if (there != nullptr) {
    note_identity(entry, operation, *there, now);
    // What is shown may be an older call's doing, or a person's. Ours may come yet, also after a detach.
    if (EXTVOLD_FORBIDS(settle_attach_over, in_doubt && !over)) return;
    return end_operation(operation, OperationState::done, Outcome::changed, {}, now);
  }
  // Elsewhere "not there" settles it only by a person's word; or a detach does (reconcile_open_operation).
  const ProviderInfo& provider = provider_of(entry);
  if (EXTVOLD_FORBIDS(settle_attach_untold, in_doubt && !shows_attach_not_made(provider.capabilities) &&
                                                !confirmed(entry, operation.host)))
    return;
  settle_not_shown(entry, operation, over, now);
}

// No look shows what a create made whose answer was lost: the same call again does, by its name. What removes
// it begins with that.
void Engine::settle_untold(const VolumeEntry& entry, const Operation& operation, bool over, Now now) {
  if (operation.state == OperationState::issued) return settle_not_shown(entry, operation, over, now);
  if (!over) return;
  end_operation(operation, OperationState::failed, Outcome::none,
                {Errc::uncertain, operation.error + "; no look would show it, so it is asked for again"},
                now);
}

// A look does not show what the call was to do.
void Engine::settle_not_shown(const VolumeEntry& entry, const Operation& operation, bool over, Now now) {
  if (operation.state == OperationState::issued) {
    // The provider said done.
    Operation row = operation;
    row.state = OperationState::uncertain;
    row.error_code = Errc::uncertain;
    row.error = "the provider said it was done, a look that was sent later does not show it";
    history({.kind = "operation.uncertain",
             .volume = row.volume,
             .host = row.host,
             .operation = row.id,
             .rule = "read_back",
             .text = row.error});
    change(row);
    snapshot_.note_call_ended(entry.volume.id, operation.call_ended_at.value);
    return;
  }
  if (over) {
    end_operation(operation, OperationState::failed, Outcome::none,
                  {Errc::unavailable, operation.error + "; a later look shows that it did not happen"}, now);
  }
}

// An answer that was lost did not say what a fence must name; what the look shows is recorded before the
// attach counts as done (DESIGN.md section 10).
void Engine::note_identity(const VolumeEntry& entry, const Operation& operation,
                           const ObservedAttachment& there, Now now) {
  const HostId host = operation.host;
  const Attachment& known = *entry.attachment(host);
  const bool same = known.host_identity == there.host_identity && known.device == there.device &&
                    known.fence_addresses == there.fence_addresses && known.boot_id == there.boot_id;
  const bool told = operation.state != OperationState::uncertain && !known.host_identity.empty();
  if (same || told) return;
  keep_former_identity(entry, host, there.host_identity, now);
  Attachment row = *entry.attachment(host);
  row.host_identity = there.host_identity;
  row.fence_addresses = there.fence_addresses;
  row.device = there.device;
  row.boot_id = there.boot_id;
  row.mounted = !entry.volume.mount_point.empty() && there.mounted == TriState::yes;
  history({.kind = "attachment.identified",
           .volume = row.volume,
           .host = host,
           .rule = "observed",
           .text = fmt::format("the answer was lost; a look shows {}{}, {}", there.host_identity,
                               there.device.empty() ? "" : " with " + there.device,
                               there.boot_id.empty()
                                   ? "and not in which boot it was attached: no report of that host will be "
                                     "evidence for it"
                                   : "attached in boot " + there.boot_id)});
  change(std::move(row));
}

void Engine::on_result(OperationResult result, Now now) {
  const auto calling = calling_.find(result.id);
  if (calling == calling_.end()) return;  // of an engine before this one: an observation will settle it
  const VolumeEntry* entry = snapshot_.volume(calling->second);
  calling_.erase(calling);
  if (result.error.code == Errc::throttled && result.state != OperationState::done)
    note_throttled(provider_of(*entry), result.error, now);
  if (result.state == OperationState::done) note_served(provider_of(*entry), now);
  if (entry->open_operation == nullptr || entry->open_operation->id != result.id) return;
  Operation operation = *entry->open_operation;
  const VolumeId id = entry->volume.id;
  leave_lane(entry->volume.pool.provider, lane_of(operation.kind));
  observed_.volumes[id].acted_at = result.ended_at;
  touch(id);
  if (operation.kind == OperationKind::attach && result.state == OperationState::done) {
    // The identity that a fence needs, before the attach counts as done.
    Attachment row = *entry->attachment(operation.host);
    row.host_identity = result.host_identity;
    if (result.outcome == Outcome::changed) row.fence_addresses = result.fence_addresses;
    if (row.host_identity.empty()) {
      row.host_identity = identity_of(provider_of(*entry), host_name(snapshot_, operation.host));
    }
    row.device = result.device;
    row.boot_id = result.boot_id;
    row.mounted = result.mounted;
    change(row);
  }
  switch (result.state) {
    case OperationState::failed:
      if (operation.kind == OperationKind::format && result.format_refused) {
        Volume row = entry->volume;
        row.format = FormatState::refused;
        change(row);
      }
      if (operation.rule == kSettlesAttach) return leave_open(std::move(operation), result.error, now);
      return end_operation(operation, OperationState::failed, Outcome::none, result.error, now);
    case OperationState::done:
      if (operation.kind == OperationKind::format)
        return end_operation(operation, OperationState::done, result.outcome, {}, now);
      if (operation.kind == OperationKind::create &&
          (!result.provider_ref.empty() || result.granted_size_mb > 0)) {
        Volume row = entry->volume;
        if (!result.provider_ref.empty()) row.provider_ref = result.provider_ref;
        if (result.granted_size_mb > 0) row.size_mb = result.granted_size_mb;
        change(row);
      }
      operation.outcome = result.outcome;  // stays issued until it is read back
      if (operation.outcome != entry->open_operation->outcome) change(operation);
      break;
    case OperationState::recorded:
    case OperationState::issued:
    case OperationState::uncertain:
      operation.state = OperationState::uncertain;
      operation.error_code = Errc::uncertain;
      operation.error = result.error.message;
      history({.kind = "operation.uncertain",
               .volume = id,
               .host = operation.host,
               .operation = operation.id,
               .rule = operation.rule,
               .text = operation.error});
      change(operation);
      break;
  }
  snapshot_.note_call_ended(id, result.ended_at);
  inspect_not_before_[id] = now.at;
}

// Not again before a while, which doubles.
void Engine::pause_after_failure(const Operation& operation, Now now) {
  VolumeView& view = observed_.volumes[operation.volume];
  const auto same = [&](const RetryView& one) {
    return one.kind == operation.kind && one.host == operation.host;
  };
  auto retry = std::find_if(view.retries.begin(), view.retries.end(), same);
  if (retry == view.retries.end())
    retry = view.retries.insert(retry, {operation.kind, operation.host, {}, 0});
  if (operation.error_code == Errc::throttled) {  // no failure of its own: it waits as all others do
    retry->at = observed_.budget(provider_of(*snapshot_.volume(operation.volume)).name).paused_until;
    return;
  }
  ++retry->failures;
  Duration pause = policy_.retry_min;
  for (int i = 1; i < retry->failures && pause < policy_.retry_max; ++i) pause = pause * 2;
  pause = std::min(pause, policy_.retry_max);
  // Jitter without chance: failures of many volumes at once spread over a quarter of the pause.
  retry->at = now.at + Duration{pause.ns - (pause.ns / 4) * (operation.volume.value % 16) / 16};
}

// A detach that was to settle whether an attach happened has not settled it if it failed: the question stays
// open, and another such detach may take its place.
void Engine::leave_open(Operation operation, Error error, Now now) {
  operation.state = OperationState::uncertain;
  operation.outcome = Outcome::none;
  operation.error_code = error.code;
  operation.error = std::move(error.message);
  pause_after_failure(operation, now);
  history(operation, "uncertain", operation.error);
  const VolumeId volume = operation.volume;
  change(std::move(operation));
  snapshot_.note_call_ended(volume, now.at);
  touch(volume);
}

void Engine::end_operation(Operation operation, OperationState state, Outcome outcome, Error error, Now now) {
  const VolumeEntry& entry = *snapshot_.volume(operation.volume);
  VolumeView& view = observed_.volumes[operation.volume];
  const Outcome told = operation.outcome == Outcome::none ? outcome : operation.outcome;
  operation.state = state;
  operation.outcome = state == OperationState::done ? told : Outcome::none;
  operation.ended_at = now.wall;
  if (state == OperationState::failed) {
    operation.error_code = error.code;
    operation.error = std::move(error.message);
    pause_after_failure(operation, now);
  } else {
    operation.error.clear();
    view.retries.clear();
  }
  history(operation, to_text(state),
          state == OperationState::done ? to_text(operation.outcome) : std::string_view(operation.error));
  change(operation);
  apply_outcome(operation, entry, now);
  touch(operation.volume);
}

// Who waited for it: claims that name it, copies of it.
void Engine::note_created(const Volume& volume, Now now) {
  for (const std::string& name : {volume.name, volume.key}) resolve_again(name, now);
  for (const auto& [id, other] : snapshot_.volumes()) {
    if (other.volume.source == volume.id) touch(id);
  }
}

// What an ended operation makes of its volume and attachment.
void Engine::apply_outcome(const Operation& operation, const VolumeEntry& entry, Now now) {
  const bool done = operation.state == OperationState::done;
  Volume volume = entry.volume;
  switch (operation.kind) {
    case OperationKind::create:
      if (!done) return;
      volume.state = VolumeState::available;
      // Formatted is only what an operation of this incarnation made. "It exists" is the answer to a call
      // before which every other was settled as not happened: who made it, and what is on it, nobody knows.
      if (const bool was_there = operation.outcome == Outcome::unchanged ||
                                 operation.generation.incarnation != snapshot_.ledger.incarnation;
          volume.format == FormatState::wanted && EXTVOLD_FORBIDS(create_not_there, was_there)) {
        volume.format = FormatState::refused;
        history({.kind = "volume.format_refused",
                 .volume = volume.id,
                 .operation = operation.id,
                 .rule = "not_made_by_this_create",
                 .text = fmt::format("{} existed before it was created here: it may hold data", volume.key)});
      }
      change(volume);
      if (volume.format == FormatState::wanted) want_format(volume, "it is to be formatted", -1);
      note_created(volume, now);
      return;
    case OperationKind::resize:
      return;
    case OperationKind::remove:
      if (!done) return;
      volume.state = VolumeState::removed;
      change(volume);
      unresolve_claims(entry);
      return;
    case OperationKind::format:
      if (done) {
        volume.format = FormatState::formatted;
        change(volume);
        withdraw_format_claim(entry, "it is formatted", now);
      } else if (volume.format == FormatState::refused) {
        withdraw_format_claim(entry, "its format was refused", now);
      }
      return;
    case OperationKind::attach: {
      Attachment row = *entry.attachment(operation.host);
      row.changed_at = now.wall;
      if (done) {
        row.state = AttachmentState::attached;
        row.read_back = false;
        change(row);
        observed_.volumes[volume.id].idle_since = now.at;
      } else if (row.read_back) {
        row.state = AttachmentState::detached;  // as it was before; what was proven of an older generation
                                                // does not cover this one
        change(row);
      } else {
        change(DropAttachment{row.volume, row.host});  // it never was
      }
      return;
    }
    case OperationKind::detach: {
      Attachment row = *entry.attachment(operation.host);
      row.changed_at = now.wall;
      row.state = done ? AttachmentState::detached : AttachmentState::attached;
      row.read_back = done;
      if (done) row.mounted = false;
      if (done) row.gone_at = now.at;
      if (done) look_at_power(row.host, now);
      change(row);
      return;
    }
  }
}

}  // namespace extvold::reconcilers
