// Orders: what operators order. Each is checked by the same rules as everything else, recorded with who
// asked, and answered after the commit. An order never edits only the ledger: it changes what is wanted, or
// states a fact that a person answers for.
#include <fmt/format.h>

#include <algorithm>

#include "reconcilers/engine.h"
#include "reconcilers/rule.h"

namespace extvold::reconcilers {
namespace {

constexpr std::int64_t kTrashDays = 7;

// The configuration names no such profile. An error if it names others; else it says nothing, and that is
// all.
Result<std::string> profile_note(const Policy& policy, const std::string& profile) {
  std::vector<std::string> known;
  for (const FenceRule& rule : policy.fences) {
    if (!rule.profile.empty()) known.push_back(rule.profile);
  }
  if (profile.empty() || std::find(known.begin(), known.end(), profile) != known.end()) return std::string();
  if (!known.empty()) {
    return fail(Errc::not_found, "--profile {0}: the configuration has no [profiles.{0}.fence]; it has: {1}",
                profile, fmt::join(known, ", "));
  }
  return fmt::format("; but the configuration has no [profiles.{}.fence], so that its profile says nothing",
                     profile);
}

// What the provider makes of it: never less.
Result<std::int64_t> rounded_size(const ProviderInfo& provider, const std::string& volume,
                                  std::int64_t size_mb) {
  constexpr std::int64_t kSizeMbMax = std::int64_t{1} << 40;  // 2^60 bytes
  if (size_mb < 1)
    return fail(Errc::invalid, "volume {}: a size of at least 1 MB is needed (--size 10GB)", volume);
  if (size_mb > kSizeMbMax)
    return fail(Errc::invalid, "volume {}: {} MB is more than any volume can have", volume, size_mb);
  const std::int64_t step = std::max<std::int64_t>(provider.size_step_mb, 1);
  return (std::max(size_mb, provider.size_min_mb) + step - 1) / step * step;
}

// A copy has what its source has: the filesystem, and at least the size. The source may still have to be
// made.
Status copy_from(const Snapshot& snapshot, const ProviderInfo& provider, const CreateVolume& order,
                 Volume& row) {
  const VolumeEntry* found = snapshot.volume_by_name(order.from);
  if (found == nullptr) return fail(Errc::not_found, "--from {}: no such volume", order.from);
  const Volume& source = found->volume;
  if (source.pool.provider != provider.name) {
    return fail(Errc::invalid, "--from {}: it lives at {}, not at {}", order.from, source.pool.provider.value,
                provider.name.value);
  }
  if (!provider.capabilities.clone) {
    return fail(Errc::conflict,
                "--from {}: provider {} makes no volume from another one: create an empty one and copy",
                order.from, provider.name.value);
  }
  if (source.state != VolumeState::planned && source.state != VolumeState::available)
    return fail(Errc::conflict, "--from {}: it is {}", order.from, to_text(source.state));
  if (order.filesystem && *order.filesystem != source.filesystem) {
    return fail(Errc::invalid, "--from {}: it has {}, and so has a copy of it: leave --fs out", order.from,
                to_text(source.filesystem));
  }
  if (order.size_mb != 0 && order.size_mb < source.size_mb) {
    return fail(Errc::invalid, "--from {}: it has {} MB, and a copy cannot have less (--size)", order.from,
                source.size_mb);
  }
  row.source = source.id;
  row.origin = VolumeOrigin::cloned;
  row.filesystem = source.filesystem;
  row.size_mb = std::max(order.size_mb, source.size_mb);
  return {};
}

// What is to become of it once it is made. Only what is new and blank is ever formatted.
Result<FormatState> format_of_new(const ProviderInfo& provider, const Volume& row, const std::string& name) {
  if (row.filesystem == Filesystem::none || row.origin != VolumeOrigin::created)
    return FormatState::not_wanted;
  switch (provider.capabilities.formatting) {
    case Formatting::format_host:
      return FormatState::wanted;
    case Formatting::node_side:
      return FormatState::not_wanted;
    case Formatting::nobody:
      break;
  }
  return fail(Errc::conflict,
              "volume {}: at {} nobody makes a filesystem on it: create it with --fs none, and make it where "
              "it is used first",
              name, provider.name.value);
}

// Why a volume cannot be removed. Empty: it can.
std::string in_use(const Snapshot& snapshot, const VolumeEntry& entry) {
  if (entry.open_operation != nullptr) {
    return fmt::format("its operation \"{}\" is {}", describe(*entry.open_operation, snapshot),
                       to_text(entry.open_operation->state));
  }
  if (const Attachment* holder = first_holder(entry))
    return fmt::format("it is {} at {}", to_text(holder->state), host_name(snapshot, holder->host));
  if (!entry.claims.empty()) return fmt::format("{} claims it", claim_text(snapshot, *entry.claims.front()));
  for (const auto& [id, other] : snapshot.volumes()) {
    // One that is removed before anybody knows its id is asked for once more, as a copy of this one.
    const bool is_asked_for =
        other.volume.state == VolumeState::planned ||
        (other.volume.state == VolumeState::removing && other.volume.provider_ref.empty());
    if (other.volume.source == entry.volume.id && is_asked_for) {
      return fmt::format("volume {} is still to be made from it", other.volume.name);
    }
  }
  return {};
}

// What removing it means.
struct Goodbye {
  VolumeState state = VolumeState::trashed;
  std::string_view history = "moved to the trash";
  std::string_view reply;
};

Goodbye goodbye_of(const VolumeEntry& entry) {
  if (entry.volume.state == VolumeState::planned && entry.last_operation == nullptr)
    return {VolumeState::removed, "removed before it was made", "was never made and is removed"};
  // Whatever its creates have left goes with it; nobody ever had it, so there is nothing on it to keep.
  if (entry.volume.state == VolumeState::planned) {
    return {VolumeState::removing, "removed before it was whole",
            "was not made yet; what its creation may have left is removed"};
  }
  if (entry.volume.origin == VolumeOrigin::adopted) {
    return {VolumeState::removed, "given back: it stays at the provider as it is",
            "was adopted: extvold forgets it, and it stays at the provider as it is"};
  }
  return {};
}

}  // namespace

void Engine::on_command(Command command, Now now) {
  Result<std::string> answer =
      std::visit([&](const auto& order) { return obey(order, command, now); }, command.order);
  Reply reply;
  reply.request = command.request;
  if (answer) {
    reply.text = std::move(*answer);
  } else {
    reply.status = tl::make_unexpected(answer.error());
  }
  replies_.push_back(std::move(reply));
}

Result<std::string> Engine::obey(const CreateVolume& order, const Command& command, Now now) {
  if (!is_good_volume_name(order.name)) {
    return fail(Errc::invalid, "volume name \"{}\": 1 to 200 of letters, digits, '.', '_' and '-'",
                order.name);
  }
  if (const VolumeEntry* known = snapshot_.volume_by_name(order.name)) {
    return fail(Errc::conflict, "volume {} exists ({}){}", order.name, to_text(known->volume.state),
                known->volume.state == VolumeState::trashed ? ": restore or purge it first" : "");
  }
  const ProviderInfo* provider = policy_.provider(order.pool.provider);
  if (provider == nullptr)
    return fail(Errc::not_found, "pool {}: no provider {} in the configuration", to_text(order.pool),
                order.pool.provider.value);
  if (std::find(provider->pools.begin(), provider->pools.end(), order.pool.pool) == provider->pools.end()) {
    return fail(Errc::not_found, "provider {} has no pool \"{}\"; it has: {}", provider->name.value,
                order.pool.pool, fmt::join(provider->pools, ", "));
  }
  if (!order.mount_point.empty() && order.mount_point.front() != '/') {
    return fail(Errc::invalid, "volume {}: mount point \"{}\" must be absolute", order.name,
                order.mount_point);
  }
  if (order.iops < 0) return fail(Errc::invalid, "volume {}: {} IOPS", order.name, order.iops);
  ASSIGN(const std::string note, profile_note(policy_, order.profile));
  Volume row;
  row.filesystem = order.filesystem.value_or(Filesystem::none);
  row.size_mb = order.size_mb;
  if (!order.from.empty()) {
    TRY(copy_from(snapshot_, *provider, order, row));
  }
  ASSIGN(row.size_mb, rounded_size(*provider, order.name, row.size_mb));
  ASSIGN(row.format, format_of_new(*provider, row, order.name));
  row.id = {snapshot_.counters.next_volume++};
  counters_used_ = true;
  row.name = order.name;
  row.key = derived_name(
      "xv-", fmt::format("{}/{}/{}", snapshot_.ledger.id, snapshot_.ledger.incarnation, row.id.value));
  row.pool = order.pool;
  row.iops = order.iops;
  row.access = order.access;
  row.mount_point = order.mount_point;
  row.profile = order.profile;
  row.created_generation = {snapshot_.ledger.incarnation, 1};
  row.created_at = now.wall;
  history({.kind = "volume.ordered",
           .volume = row.id,
           .rule = "order.create",
           .text = fmt::format("create {} of {} MB in {}", row.name, row.size_mb, to_text(row.pool)),
           .user_uid = command.user_uid});
  touch(row.id);
  change(row);
  return fmt::format("volume {} of {} MB is recorded and will be created in {}{}", row.name, row.size_mb,
                     to_text(row.pool), note);
}

// Planned for this ledger, and perhaps more than that: what it does not remember may have been written by
// tasks.
bool Engine::may_be_used_since(const VolumeEntry& entry) const {
  return entry.volume.state == VolumeState::planned && entry.last_operation != nullptr &&
         (entry.volume.created_generation.incarnation != snapshot_.ledger.incarnation ||
          policy_.others_acted);
}

Result<std::string> Engine::obey(const RemoveVolume& order, const Command& command, Now now) {
  const VolumeEntry* entry = snapshot_.volume_by_name(order.name);
  if (entry == nullptr) return fail(Errc::not_found, "no volume {}", order.name);
  if (order.typed_name != order.name)
    return fail(Errc::invalid, "volume {} is not removed: its name was not typed again", order.name);
  if (entry->volume.state == VolumeState::trashed)
    return fmt::format("volume {} is in the trash already", order.name);
  if (const std::string why = in_use(snapshot_, *entry); EXTVOLD_FORBIDS(remove_in_use, !why.empty())) {
    return fail(Errc::conflict, "volume {} is not removed: {}", order.name, why);
  }
  if (EXTVOLD_FORBIDS(remove_restored, may_be_used_since(*entry))) {
    return fail(
        Errc::conflict,
        "volume {} is not removed: this ledger was restored, or another has acted since, and the volume "
        "may have been made and used meanwhile; let it be created first (`extvold explain {}`), then "
        "remove it",
        order.name, order.name);
  }
  Volume row = entry->volume;
  const Goodbye goodbye = goodbye_of(*entry);
  row.state = goodbye.state;
  row.purge_after = {now.wall.ns + kTrashDays * 24 * 3600 * 1'000'000'000};
  history({.kind = "volume.trashed",
           .volume = row.id,
           .rule = "order.remove",
           .text = std::string(goodbye.history),
           .user_uid = command.user_uid});
  touch(row.id);
  change(row);
  if (row.state != VolumeState::trashed) return fmt::format("volume {} {}", order.name, goodbye.reply);
  return fmt::format(
      "volume {} is in the trash; `extvold volume restore {}` brings it back, `extvold volume purge {}` "
      "deletes it for good after {} days",
      order.name, order.name, order.name, kTrashDays);
}

Result<std::string> Engine::obey(const RestoreVolume& order, const Command& command, Now) {
  const VolumeEntry* entry = snapshot_.volume_by_name(order.name);
  if (entry == nullptr) return fail(Errc::not_found, "no volume {}, not in the trash either", order.name);
  if (entry->volume.state != VolumeState::trashed)
    return fail(Errc::conflict, "volume {} is not in the trash ({})", order.name,
                to_text(entry->volume.state));
  Volume row = entry->volume;
  row.state = VolumeState::available;
  row.purge_after = {};
  history({.kind = "volume.restored",
           .volume = row.id,
           .rule = "order.restore",
           .text = "taken out of the trash",
           .user_uid = command.user_uid});
  touch(row.id);
  change(row);
  return fmt::format("volume {} is back", order.name);
}

Result<std::string> Engine::obey(const PurgeVolume& order, const Command& command, Now now) {
  const VolumeEntry* entry = snapshot_.volume_by_name(order.name);
  if (entry == nullptr) return fail(Errc::not_found, "no volume {}", order.name);
  if (order.typed_name != order.name)
    return fail(Errc::invalid, "volume {} is not purged: its name was not typed again", order.name);
  if (entry->volume.state != VolumeState::trashed)
    return fail(Errc::conflict, "volume {} is not in the trash ({})", order.name,
                to_text(entry->volume.state));
  if (!order.now && entry->volume.purge_after > now.wall) {
    return fail(Errc::conflict, "volume {} is kept in the trash for {} days; --now deletes it before",
                order.name, kTrashDays);
  }
  if (entry->volume.origin == VolumeOrigin::adopted) {
    return fail(Errc::conflict, "volume {} was adopted, not made by this ledger: delete it at {} by hand",
                order.name, entry->volume.pool.provider.value);
  }
  if (const std::string why = in_use(snapshot_, *entry); EXTVOLD_FORBIDS(remove_in_use, !why.empty()))
    return fail(Errc::conflict, "volume {} is not purged: {}", order.name, why);
  Volume row = entry->volume;
  row.state = VolumeState::removing;
  history({.kind = "volume.purged",
           .volume = row.id,
           .rule = "order.purge",
           .text = "its deletion was ordered",
           .user_uid = command.user_uid});
  touch(row.id);
  change(row);
  return fmt::format("volume {} is being deleted at {}", order.name, row.pool.provider.value);
}

Result<std::string> Engine::obey(const AttachVolume& order, const Command& command, Now) {
  const VolumeEntry* entry = snapshot_.volume_by_name(order.name);
  if (entry == nullptr) return fail(Errc::not_found, "no volume {}", order.name);
  const Host* host = snapshot_.host_by_name(order.host);
  if (host == nullptr)
    return fail(Errc::not_found, "no host {}; `extvold status` lists those that agents and providers named",
                order.host);
  Claim claim;
  for (const Claim* known : entry->claims) {
    if (known->kind != ClaimKind::operator_ || !known->wanted || known->host != host->id) continue;
    if (known->liveness == Liveness::live)
      return fmt::format("volume {} is ordered to {} already", order.name, order.host);
    claim = *known;  // a restored ledger does not trust it: a person gives it again
  }
  if (!claim.id) {
    claim.id = {snapshot_.counters.next_claim++};
    counters_used_ = true;
    claim.kind = ClaimKind::operator_;
    claim.volume = entry->volume.id;
    claim.host = host->id;
    claim.wanted = true;
    claim.first_seen_sequence = snapshot_.sequence.value + 1;
  }
  claim.liveness = Liveness::live;
  claim.liveness_why = "an operator ordered it";
  claim.evidence = {};
  claim.user_uid = command.user_uid;
  void_evidence(*entry, host->id, /*keep_fenced=*/true, "a newer claim was seen there");
  history({.kind = "claim.ordered",
           .volume = claim.volume,
           .host = claim.host,
           .claim = claim.id,
           .rule = "order.attach",
           .text = fmt::format("attach to {}", host->name),
           .user_uid = command.user_uid});
  touch(claim.volume);
  change(std::move(claim));
  return fmt::format("volume {} is wanted at {}; `extvold explain {}` says how it goes", order.name,
                     order.host, order.name);
}

Result<std::string> Engine::obey(const DetachVolume& order, const Command& command, Now now) {
  const VolumeEntry* entry = snapshot_.volume_by_name(order.name);
  if (entry == nullptr) return fail(Errc::not_found, "no volume {}", order.name);
  const Host* host = snapshot_.host_by_name(order.host);
  if (host == nullptr) return fail(Errc::not_found, "no host {}", order.host);
  std::vector<ClaimStateChange> withdrawn;
  const Claim* other = nullptr;
  for (const Claim* claim : entry->claims) {
    if (claim->host != host->id) continue;
    if (claim->kind == ClaimKind::operator_ && claim->wanted) {
      withdrawn.push_back(
          {claim->id, claim->task_state, false, Liveness::dead, "the order was withdrawn", {}, {}});
    } else if (claim->kind != ClaimKind::operator_) {
      other = claim;
    }
  }
  if (withdrawn.empty()) {
    return fail(Errc::conflict, "volume {} is not at {} by an operator's order{}", order.name, order.host,
                other == nullptr ? std::string()
                                 : fmt::format("; {} claims it there", claim_text(snapshot_, *other)));
  }
  for (ClaimStateChange& row : withdrawn) change(std::move(row));
  observed_.volumes[entry->volume.id].idle_since = now.at;
  history({.kind = "claim.withdrawn",
           .volume = entry->volume.id,
           .host = host->id,
           .rule = "order.detach",
           .text = fmt::format("no longer wanted at {}", host->name),
           .user_uid = command.user_uid});
  touch(entry->volume.id);
  return other == nullptr
             ? fmt::format("volume {} is no longer wanted at {} and will be detached", order.name, order.host)
             : fmt::format("the order is withdrawn; volume {} stays at {} as long as {} claims it",
                           order.name, order.host, claim_text(snapshot_, *other));
}

// What the newest list shows under that key, and is no volume of the ledger's.
Result<ObservedVolume> Engine::adoptable(const AdoptVolume& order) const {
  const auto seen = foreign_.find({order.pool.provider, order.provider_key});
  if (seen != foreign_.end()) return seen->second;
  return fail(
      Errc::not_found,
      "provider {} does not show a volume \"{}\" that is not ours: `extvold volume list --foreign` has "
      "the keys",
      order.pool.provider.value, order.provider_key);
}

// Its own, where the provider tells; else the one that was ordered.
Result<PoolName> Engine::pool_of_adopted(const AdoptVolume& order, const ObservedVolume& seen) const {
  const ProviderInfo* provider = policy_.provider(order.pool.provider);
  if (provider == nullptr)
    return fail(Errc::not_found, "no provider {} in the configuration", order.pool.provider.value);
  if (!seen.pool.empty() && seen.pool != order.pool.pool) {
    return fail(Errc::invalid, "{} is in the pool {}, not in {}", order.provider_key,
                to_text(PoolName{order.pool.provider, seen.pool}), to_text(order.pool));
  }
  if (std::find(provider->pools.begin(), provider->pools.end(), order.pool.pool) == provider->pools.end()) {
    return fail(Errc::not_found, "provider {} has no pool \"{}\"; it has: {}", provider->name.value,
                order.pool.pool, fmt::join(provider->pools, ", "));
  }
  return order.pool;
}

// Who had it, and what was proven of them, was before it was out of sight.
void Engine::forget_former_life(const VolumeEntry& entry) {
  std::vector<HostId> hosts;
  for (const Attachment& one : entry.attachments) hosts.push_back(one.host);
  for (const Evidence* one : entry.evidence) hosts.push_back(one->host);
  for (const HostId host : hosts)
    void_evidence(entry, host, /*keep_fenced=*/false, "the volume was given back, and adopted again");
  for (const HostId host : hosts) {
    if (entry.attachment(host) != nullptr) change(DropAttachment{entry.volume.id, host});
  }
}

Result<std::string> Engine::obey(const AdoptVolume& order, const Command& command, Now now) {
  if (!is_good_volume_name(order.name))
    return fail(Errc::invalid, "volume name \"{}\": letters, digits, '.', '_' and '-'", order.name);
  const VolumeEntry* known = snapshot_.volume_by_key(order.pool.provider, order.provider_key);
  const bool lost = known != nullptr && known->volume.state == VolumeState::lost;
  const bool given_back = known != nullptr && known->volume.state == VolumeState::removed;
  if (known != nullptr && !lost && !given_back)
    return fail(Errc::conflict, "{} is volume {} already", order.provider_key, known->volume.name);
  const VolumeEntry* named = snapshot_.volume_by_name(order.name);
  if (named != nullptr && named != known) return fail(Errc::conflict, "volume {} exists", order.name);
  Volume row;
  if (lost) row = known->volume;
  if (!lost) {
    ASSIGN(const ObservedVolume seen, adoptable(order));
    ASSIGN(row.pool, pool_of_adopted(order, seen));
    row.id = given_back ? known->volume.id : VolumeId{snapshot_.counters.next_volume++};
    counters_used_ = true;
    row.key = order.provider_key;
    row.provider_ref = seen.provider_ref;
    row.size_mb = seen.size_mb;
    row.created_at = now.wall;
  }
  row.name = order.name;
  row.filesystem = order.filesystem;
  row.access = order.access;
  row.origin = VolumeOrigin::adopted;
  row.state = VolumeState::available;
  row.format = FormatState::not_wanted;
  history({.kind = "volume.adopted",
           .volume = row.id,
           .rule = "order.adopt",
           .text = fmt::format("{} of {} is now {}", row.key, row.pool.provider.value, row.name),
           .user_uid = command.user_uid});
  const VolumeId id = row.id;
  change(std::move(row));
  if (given_back) forget_former_life(*snapshot_.volume(id));
  // Where it is attached is recorded from a complete look of its own before anything else.
  observed_.volumes[id].acted_at = now.at;
  inspect_not_before_[id] = now.at;
  for (const std::string& name : {order.name, order.provider_key}) resolve_again(name, now);
  touch(id);
  return fmt::format("volume {} is adopted; it is never formatted", order.name);
}

Result<std::string> Engine::obey(const ResizeVolume& order, const Command& command, Now) {
  const VolumeEntry* entry = snapshot_.volume_by_name(order.name);
  if (entry == nullptr) return fail(Errc::not_found, "no volume {}", order.name);
  Volume row = entry->volume;
  if (row.state != VolumeState::available)
    return fail(Errc::conflict, "volume {} is {}: it can be made larger when it is available", order.name,
                to_text(row.state));
  const Operation* open = entry->open_operation.get();
  if (open != nullptr && open->kind == OperationKind::resize) {
    return fail(Errc::conflict, "volume {} is being made larger ({}): order it when that is over", order.name,
                to_text(open->state));
  }
  const ProviderInfo* provider = policy_.provider(row.pool.provider);
  if (provider == nullptr)
    return fail(Errc::conflict, "volume {} lives at {}, which the configuration does not know", order.name,
                row.pool.provider.value);
  if (order.size_mb < row.size_mb) {
    return fail(Errc::invalid,
                "volume {} has {} MB and is never made smaller: what is on it would be cut off", order.name,
                row.size_mb);
  }
  const bool takes_back = order.size_mb == row.size_mb;
  if (!takes_back && !provider->capabilities.resize) {
    return fail(Errc::conflict, "provider {} cannot make volumes larger: create a larger one and copy",
                provider->name.value);
  }
  const bool was_wanted = row.wanted_size_mb != 0;
  row.wanted_size_mb = 0;
  if (!takes_back) {
    ASSIGN(row.wanted_size_mb, rounded_size(*provider, order.name, order.size_mb));
  }
  if (takes_back && !was_wanted) return fmt::format("volume {} has {} MB already", order.name, row.size_mb);
  history({.kind = "volume.resize_ordered",
           .volume = row.id,
           .rule = "order.resize",
           .text = takes_back ? fmt::format("{} stays at {} MB", row.name, row.size_mb)
                              : fmt::format("grow {} from {} MB to {} MB", row.name, row.size_mb,
                                            row.wanted_size_mb),
           .user_uid = command.user_uid});
  touch(row.id);
  change(row);
  if (takes_back) return fmt::format("volume {} stays at {} MB", order.name, row.size_mb);
  return fmt::format(
      "volume {} is to grow from {} MB to {} MB; its filesystem is grown by whoever has it "
      "mounted (xfs_growfs, resize2fs)",
      order.name, row.size_mb, row.wanted_size_mb);
}

Result<std::string> Engine::obey(const ForceFormat& order, const Command& command, Now) {
  const VolumeEntry* entry = snapshot_.volume_by_name(order.name);
  if (entry == nullptr) return fail(Errc::not_found, "no volume {}", order.name);
  if (order.typed_name != order.name || order.reason.empty()) {
    return fail(Errc::invalid, "volume {} is not formatted: its name must be typed again and a reason given",
                order.name);
  }
  if (EXTVOLD_FORBIDS(format_again_refused, entry->volume.origin != VolumeOrigin::created ||
                                                entry->volume.format != FormatState::refused)) {
    return fail(Errc::conflict,
                "volume {} ({}, format {}): only a refused format of a volume made here can be tried again",
                order.name, to_text(entry->volume.origin), to_text(entry->volume.format));
  }
  if (entry->volume.state != VolumeState::available) {
    return fail(Errc::conflict, "volume {} is {}: it can be formatted when it is available", order.name,
                to_text(entry->volume.state));
  }
  if (const std::string why = in_use(snapshot_, *entry); !why.empty())
    return fail(Errc::conflict, "volume {} is not formatted: {}", order.name, why);
  const ProviderInfo* provider = policy_.provider(entry->volume.pool.provider);
  if (provider == nullptr || provider->format_host.empty())
    return fail(Errc::conflict, "volume {}: no format_host is configured", order.name);
  Volume row = entry->volume;
  row.format = FormatState::wanted;
  change(row);
  want_format(row, "an operator ordered its format again", command.user_uid);
  history({.kind = "volume.format_again",
           .volume = row.id,
           .rule = "order.format",
           .text = order.reason,
           .user_uid = command.user_uid});
  touch(row.id);
  return fmt::format("volume {} is probed and, if blank, formatted again", order.name);
}

Result<std::string> Engine::set_hold(const std::string& target, HoldState hold, const Command& command) {
  const std::string verb(to_text(hold));
  if (const VolumeEntry* entry = snapshot_.volume_by_name(target)) {
    Volume row = entry->volume;
    row.hold = hold;
    history({.kind = fmt::format("volume.{}", verb),
             .volume = row.id,
             .rule = "order." + verb,
             .text = fmt::format("volume {} is {}", target, verb),
             .user_uid = command.user_uid});
    touch(row.id);
    change(row);
    return fmt::format("volume {} is {}", target, verb);
  }
  if (const Host* host = snapshot_.host_by_name(target)) {
    Host row = *host;
    row.hold = hold;
    history({.kind = fmt::format("host.{}", verb),
             .host = row.id,
             .rule = "order." + verb,
             .text = fmt::format("host {} is {}", target, verb),
             .user_uid = command.user_uid});
    change(row);
    touch_all();
    return fmt::format("host {} is {}", target, verb);
  }
  return fail(Errc::not_found, "no volume and no host is named {}", target);
}

Result<std::string> Engine::obey(const Hold& order, const Command& command, Now) {
  if (!order.target.empty()) return set_hold(order.target, HoldState::held, command);
  history({.kind = "mode.observe",
           .rule = "order.hold",
           .text = "nothing is changed from now on",
           .user_uid = command.user_uid});
  change(SetMode{Mode::observe});
  // What was released by name would go on acting.
  std::vector<Volume> volumes;
  for (const auto& [id, entry] : snapshot_.volumes()) {
    if (entry.volume.hold == HoldState::released) volumes.push_back(entry.volume);
  }
  std::vector<Host> hosts;
  for (const auto& [id, host] : snapshot_.hosts()) {
    if (host.hold == HoldState::released) hosts.push_back(host);
  }
  for (Volume& row : volumes) {
    row.hold = HoldState::inherit;
    history({.kind = "volume.inherit",
             .volume = row.id,
             .rule = "order.hold",
             .text = fmt::format("volume {} is no longer released by name", row.name),
             .user_uid = command.user_uid});
    change(std::move(row));
  }
  for (Host& row : hosts) {
    row.hold = HoldState::inherit;
    history({.kind = "host.inherit",
             .host = row.id,
             .rule = "order.hold",
             .text = fmt::format("host {} is no longer released by name", row.name),
             .user_uid = command.user_uid});
    change(std::move(row));
  }
  touch_all();
  return std::string("everything is held: extvold plans and explains, and changes nothing");
}

Result<std::string> Engine::obey(const Release& order, const Command& command, Now) {
  if (!order.target.empty()) return set_hold(order.target, HoldState::released, command);
  history({.kind = "mode.active",
           .rule = "order.release",
           .text = "extvold acts from now on",
           .user_uid = command.user_uid});
  change(SetMode{Mode::active});
  if (snapshot_.detach_storm) change(SetDetachStorm{false});
  recent_detaches_.clear();
  touch_all();
  return std::string("everything is released, save what is held by name");
}

Result<std::string> Engine::obey(const ReconcileNow&, const Command& command, Now now) {
  for (auto& [id, view] : observed_.volumes) view.retries.clear();
  observed_.fence_tries.clear();
  for (auto& [name, poll] : provider_polls_) poll.not_before = now.at;
  for (auto& [call, poll] : master_polls_) {
    poll.wanted = true;
    poll.backoff = {};
    poll.not_before = now.at;
  }
  for (auto& [id, poll] : agent_polls_) {
    const AgentView* view = observed_.agent(id);
    poll.wanted = poll.wanted || (view != nullptr && view->registered);
    poll.backoff = {};
    poll.not_before = now.at;
    queue_agent(id, poll);
  }
  history({.kind = "reconcile.ordered",
           .rule = "order.reconcile",
           .text = "everything is looked at again",
           .user_uid = command.user_uid});
  touch_all();
  return std::string("everything is looked at again");
}

}  // namespace extvold::reconcilers
