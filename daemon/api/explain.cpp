// Why a volume is as it is: the same reconcilers that act, asked about this one volume, beside what is
// recorded of it.
#include <algorithm>

#include "daemon/api/fences.h"
#include "daemon/api/reasons.h"
#include "daemon/api/views.h"
#include "reconcilers/look.h"
#include "reconcilers/planner.h"
#include "reconcilers/reconcilers.h"

namespace extvold::daemon::api {
namespace {

using reconcilers::claim_text;

struct Outlook {
  std::vector<PlannedOperation> operations;
  std::vector<Fence> fences;
  std::vector<BlockedRow> blocked;
  Instant next_look = kNever;
};

// Without a daemon nothing was observed, and everything would be blocked for that: then the rows of the last
// commit speak.
Outlook outlook(const World& world, const VolumeEntry& entry) {
  Outlook out;
  if (!world.live) {
    out.blocked = entry.blocked;
    return out;
  }
  reconcilers::VolumePlan plan;
  plan_volume({world.snapshot, world.observed, world.policy, world.now.at}, entry, plan);
  out.operations = std::move(plan.operations);
  out.fences = std::move(plan.fences);
  out.blocked = std::move(plan.blocked);
  out.next_look = plan.next_look;
  for (BlockedRow& row : out.blocked) {
    for (const BlockedRow& known : entry.blocked) {
      if (known.host != row.host || known.reason != row.reason) continue;
      row.since = known.since;
      row.next_look = known.next_look;
    }
  }
  return out;
}

std::string where_it_is(const World& world, const VolumeEntry& entry) {
  std::string out;
  for (const Attachment& one : entry.attachments) {
    if (one.state == AttachmentState::detached) continue;
    out += fmt::format("{}{} {} {}", out.empty() ? "" : ", ", to_text(one.state),
                       one.state == AttachmentState::detaching ? "from" : "to",
                       host_name(world.snapshot, one.host));
  }
  return out.empty() ? "not attached" : out;
}

std::string who_wants_it(const World& world, const VolumeEntry& entry) {
  std::string out;
  for (const Claim* claim : entry.claims) {
    if (!claim->wanted) continue;
    out += fmt::format("{}{} on {}", out.empty() ? "" : ", ", claim_text(world.snapshot, *claim),
                       host_name(world.snapshot, claim->host));
  }
  return out.empty() ? "nobody" : out;
}

// The row that says how it goes on: that of a fence before one for a person, that before any other.
const BlockedRow& foremost(const std::vector<BlockedRow>& rows) {
  const auto rank = [](const BlockedRow& row) {
    if (row.reason.starts_with("fence_") || row.reason == "never_fenced" || row.reason == "no_rung_left")
      return 0;
    return row.owner == Owner::operator_ ? 1 : 2;
  };
  return *std::min_element(rows.begin(), rows.end(),
                           [&](const BlockedRow& a, const BlockedRow& b) { return rank(a) < rank(b); });
}

std::string summary(const World& world, const VolumeEntry& entry, const Outlook& plan) {
  const Volume& volume = entry.volume;
  const std::string now = fmt::format("volume {} is {}, {}; wanted by {}", volume.name, to_text(volume.state),
                                      where_it_is(world, entry), who_wants_it(world, entry));
  if (entry.open_operation != nullptr) {
    return fmt::format("{}; \"{}\" is {}", now, describe(*entry.open_operation, world.snapshot),
                       to_text(entry.open_operation->state));
  }
  if (!plan.fences.empty())
    return fmt::format("{}; next: {}", now, describe(plan.fences.front(), world.snapshot));
  if (!plan.blocked.empty()) {
    const BlockedRow& row = foremost(plan.blocked);
    return fmt::format("{}; blocked: {} ({} must act)", now, row.reason, to_text(row.owner));
  }
  for (const PlannedOperation& one : plan.operations) {
    return fmt::format("{}; next: {}{}{}", now, describe(one.operation, world.snapshot),
                       one.waits_for.empty() ? "" : ", which waits for ", one.waits_for);
  }
  return now + "; nothing to do";
}

void add_grounds(const World& world, const VolumeEntry& entry, Json& notes) {
  std::map<HostId, int> writers;
  for (const Claim* claim : entry.claims) {
    const std::string who = claim_text(world.snapshot, *claim);
    if (claim->wanted && is_of_mesos(claim->kind) && !claim->reference.read_only) ++writers[claim->host];
    const Evidence* evidence = world.snapshot.evidence(claim->evidence);
    if (evidence != nullptr && evidence->grade == EvidenceGrade::assumed)
      notes.push_back(fmt::format("that {} is gone is an assumption which the configuration accepts: {}", who,
                                  evidence->detail));
    const DriverMapping* driver = world.policy.driver(claim->reference.driver);
    if (is_of_mesos(claim->kind) && driver != nullptr && driver->attach_by == AttachBy::plugin)
      notes.push_back(
          fmt::format("not enforced: the agents' own plugin of driver {} attaches it", driver->driver));
  }
  for (const auto& [host, count] : writers) {
    if (count > 1 && is_single_writer(entry.volume.access)) {
      notes.push_back(
          fmt::format("{} tasks on {} write to it; that is one attachment, and theirs to get along", count,
                      host_name(world.snapshot, host)));
    }
  }
}

// What rests on the help of the host that it speaks of, and whether that counts here.
void add_cooperative(const World& world, const VolumeEntry& entry, Json& notes) {
  const bool accepted = world.policy.fence_policy(entry.volume).accept_cooperative;
  for (const Attachment& one : entry.attachments) {
    for (const Evidence* evidence : entry.evidence) {
      if (evidence->host != one.host || evidence->attachment_generation != one.generation ||
          evidence->grade != EvidenceGrade::cooperative)
        continue;
      notes.push_back(fmt::format(
          "that {0} cannot write to it rests on the help of {0} itself (cooperative, fence {1}), which the "
          "policy {2} (accept_cooperative)",
          host_name(world.snapshot, one.host), evidence->fence.value,
          accepted ? "accepts" : "does not accept: it permits nothing"));
    }
  }
}

Json notes(const World& world, const VolumeEntry& entry) {
  Json out = Json::array();
  const reconcilers::Look look{world.snapshot, world.observed, world.policy, world.now.at};
  if (!world.live) {
    out.push_back("no daemon runs: this is as of the last commit, and nothing is observed");
  } else if (!world.policy.observe_only.empty()) {
    out.push_back(fmt::format("nothing is done: {}", world.policy.observe_only));
  } else if (const std::string order = reconcilers::standing_order(look, entry.volume, HostId{});
             !order.empty()) {
    out.push_back(fmt::format("nothing is done before {}", order));
  }
  const ProviderInfo* provider = world.policy.provider(entry.volume.pool.provider);
  if (provider != nullptr && is_single_writer(entry.volume.access) &&
      !provider->capabilities.detach_enforced) {
    out.push_back(
        fmt::format("provider {} cannot enforce a detach: the volume moves to another host only with a "
                    "fence, the host's own word or "
                    "`extvold fence confirm`",
                    provider->name.value));
  }
  add_grounds(world, entry, out);
  add_cooperative(world, entry, out);
  for (std::string& clock : clock_texts(world, entry)) out.push_back(std::move(clock));
  for (const Claim* claim : world.snapshot.unresolved_claims()) {
    const bool here = claim->host && claim->liveness != Liveness::dead &&
                      entry.attachment(claim->host) != nullptr &&
                      claim->unresolved == Unresolved::not_understood;
    if (!here) continue;
    out.push_back(fmt::format(
        "{} on {} names a volume in a way that is not understood (\"{} {}\"); it could be this one",
        claim_text(world.snapshot, *claim), host_name(world.snapshot, claim->host), claim->reference.driver,
        claim->reference.name));
  }
  return out;
}

}  // namespace

Json explanation(const World& world, const VolumeEntry& entry, std::span<const ledger::HistoryRow> history) {
  Outlook plan = outlook(world, entry);
  Json out;
  out["summary"] = summary(world, entry, plan);
  out["live"] = world.live;
  out["as_of"] = time_or_null(world.now.wall);
  out["notes"] = notes(world, entry);
  out["volume"] = volume_detail(world, entry);
  Json& operations = out["plan"] = Json::array();
  for (PlannedOperation& one : plan.operations) {
    Json row = {{"text", describe(one.operation, world.snapshot)},
                {"kind", std::string(to_text(one.operation.kind))},
                {"rule", one.operation.rule},
                {"cause", one.operation.cause},
                {"waits_for", one.waits_for.empty() ? Json(nullptr) : Json(one.waits_for)}};
    operations.push_back(std::move(row));
  }
  for (const Fence& one : plan.fences) {
    operations.push_back({{"text", describe(one, world.snapshot)},
                          {"kind", "fence"},
                          {"rule", fmt::format("fence.{}", to_text(one.rung))},
                          {"cause", one.cause},
                          {"waits_for", nullptr}});  // it is due
  }
  out["clocks"] = clocks_view(world, entry);
  Json& blocked = out["blocked"] = Json::array();
  for (const BlockedRow& one : plan.blocked) {
    Json row = blocked_view(world.snapshot, one);
    const std::string_view remedy = remedy_of(one.reason);
    row["remedy"] = remedy.empty() ? Json(nullptr) : Json(std::string(remedy));
    blocked.push_back(std::move(row));
  }
  out["next_look"] = instant_or_null(world.now, plan.next_look);
  out["history"] = history_view(world.snapshot, history)["history"];
  return out;
}

}  // namespace extvold::daemon::api
