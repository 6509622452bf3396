// Attach: a claim that is wanted and live, on a host that may have the volume. What permits it stands in
// DESIGN.md section 4; every rule that refuses is one block below with its reason. "First" is the host that
// holds an attachment, else the lowest ledger sequence.
#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "reconcilers/reconcilers.h"
#include "reconcilers/rule.h"

namespace extvold::reconcilers {
namespace {

struct Candidate {
  HostId host;
  const Claim* claim = nullptr;  // the earliest on that host
};

bool asks_for_attach(const Claim& claim) {
  return claim.wanted && EXTVOLD_PERMITS(attach_live_claim, claim.liveness == Liveness::live) && claim.host;
}

// One candidate a host, the earliest claim first.
std::vector<Candidate> candidates_of(const VolumeEntry& entry) {
  std::vector<Candidate> out;
  for (const Claim* claim : entry.claims) {
    if (!asks_for_attach(*claim)) continue;
    const auto same =
        std::find_if(out.begin(), out.end(), [&](const Candidate& one) { return one.host == claim->host; });
    if (same == out.end()) {
      out.push_back({claim->host, claim});
    } else if (claim->kind == ClaimKind::format ||
               (same->claim->kind != ClaimKind::format &&
                claim->first_seen_sequence < same->claim->first_seen_sequence)) {
      same->claim = claim;
    }
  }
  // A volume that is still to be formatted goes to its format host before anybody else.
  std::sort(out.begin(), out.end(), [](const Candidate& a, const Candidate& b) {
    const bool a_formats = a.claim->kind == ClaimKind::format;
    const bool b_formats = b.claim->kind == ClaimKind::format;
    if (a_formats != b_formats) return a_formats;
    return std::tie(a.claim->first_seen_sequence, a.claim->id) <
           std::tie(b.claim->first_seen_sequence, b.claim->id);
  });
  return out;
}

bool reaches(const VolumeLook& look, HostId host) {
  if (look.provider.reach_all) return true;
  const Snapshot& snapshot = look.look.snapshot;
  if (host_name(snapshot, host) == look.provider.format_host) return true;
  const std::string pool = to_text(look.volume().pool);
  for (const auto& [id, agent] : snapshot.agents()) {
    if (agent.host == host && agent.attributes.find(":" + pool + "\n") != std::string::npos) return true;
  }
  return false;
}

// Made by this ledger, which has seen every attachment of it: not adopted, not made before a restore, which
// may have forgotten some, and no other ledger's daemon acted, which may have a copy of this one.
bool is_ours_alone(const VolumeLook& look) {
  const Volume& volume = look.volume();
  return volume.origin != VolumeOrigin::adopted &&
         EXTVOLD_PERMITS(attach_others_acted, !look.look.policy.others_acted) &&
         volume.created_generation.incarnation == look.look.snapshot.ledger.incarnation;
}

// Runs, or somebody is there to say so: of what left with its agent nobody ever tells.
bool may_yet_be_told(const VolumeLook& look, const Claim& claim) {
  const AgentView* agent = look.look.observed.agent(claim.agent);
  return claim.liveness == Liveness::live ||
         (claim.liveness == Liveness::unknown && agent != nullptr && agent->registered);
}

// Who may have run on this host when the volume was taken from it, and may run yet, where another host has
// had it since: it may have the old device open, with what it read and did not write before the other's
// writes. Whoever was not told of as new may be of any age, also where this ledger knows of no attachment,
// because it did not see them all. None: nobody.
const Claim* open_from_before(const VolumeLook& look, HostId host) {
  const Attachment* own = look.entry.attachment(host);
  if (!is_single_writer(look.volume().access) || (own == nullptr && is_ours_alone(look))) return nullptr;
  if (own != nullptr && own->detached_sequence == 0) return nullptr;
  const std::int64_t taken = own == nullptr ? 1 : own->detached_sequence;
  const auto& rows = look.entry.attachments;
  const bool was_elsewhere = std::any_of(rows.begin(), rows.end(), [&](const Attachment& one) {
    return one.host != host && !one.read_only && one.detached_sequence >= taken;
  });
  if (!was_elsewhere) return nullptr;
  const auto& claims = look.entry.claims;
  const auto found = std::find_if(claims.begin(), claims.end(), [&](const Claim* one) {
    return one->host == host && is_of_mesos(one->kind) && one->began_sequence < taken &&
           may_yet_be_told(look, *one);
  });
  return found == claims.end() ? nullptr : *found;
}

bool ordered_there(const VolumeLook& look, HostId host) {
  return std::any_of(look.entry.claims.begin(), look.entry.claims.end(), [&](const Claim* claim) {
    return claim->kind == ClaimKind::operator_ && claim->wanted && claim->host == host;
  });
}

std::string who_may_have_it_open(const VolumeLook& look, const Claim& old, const std::string& who,
                                 const std::string& host) {
  const std::string unproven = fmt::format(
      ", and nothing proves that its processes ended; stop what runs on {0}, see that {0} cannot write any "
      "more, then `extvold fence confirm {0} --reason ...`",
      host);
  const std::string then = !old.wanted                         ? "it is over" + unproven
                           : old.liveness == Liveness::unknown ? old.liveness_why + unproven
                                                               : std::string("stop it, or start it anew");
  return fmt::format(
      "{} waits: {} may have run on {} when volume {} was detached there, and another host has had it since; "
      "it may still have the old device open: {}",
      who, claim_text(look.look.snapshot, old), host, look.volume().name, then);
}

// What stands against attaching to this host, apart from other hosts. False: blocked, and said so.
bool host_may(const VolumeLook& look, const Candidate& candidate, VolumePlan& out) {
  const Volume& volume = look.volume();
  const Host* host = look.look.snapshot.host(candidate.host);
  const std::string who = claim_text(look.look.snapshot, *candidate.claim);
  const auto refuse = [&](std::string_view reason, Owner owner, std::string text) {
    out.block(volume.id, candidate.host, reason, owner, std::move(text));
    return false;
  };
  if (EXTVOLD_FORBIDS(attach_formatted, candidate.claim->kind != ClaimKind::format &&
                                            volume.format != FormatState::formatted &&
                                            volume.format != FormatState::not_wanted)) {
    return refuse(
        volume.format == FormatState::refused ? "format_refused" : "not_formatted_yet",
        volume.format == FormatState::refused ? Owner::operator_ : Owner::extvold,
        fmt::format("{} waits: volume {} is not formatted ({})", who, volume.name, to_text(volume.format)));
  }
  if (EXTVOLD_FORBIDS(attach_quarantine, host->quarantined)) {
    return refuse("host_quarantined", Owner::operator_,
                  fmt::format("{} waits: host {} is quarantined ({}); `extvold fence release {} --reason "
                              "...` when its leftovers are gone",
                              who, host->name, host->quarantine_reason, host->name));
  }
  if (const Claim* old = open_from_before(look, candidate.host);
      EXTVOLD_FORBIDS(attach_open_from_before, old != nullptr)) {
    out.wish_agent(old->agent);
    return refuse("open_from_before", Owner::operator_, who_may_have_it_open(look, *old, who, host->name));
  }
  if (EXTVOLD_FORBIDS(attach_unlisted, is_of_mesos(candidate.claim->kind) &&
                                           !look.provider.capabilities.list_attachments &&
                                           !is_ours_alone(look) && !ordered_there(look, candidate.host))) {
    return refuse(
        "attachments_not_listed", Owner::operator_,
        fmt::format(
            "{} waits: provider {} cannot list where volume {} is attached, and this ledger did not make "
            "it or was restored since; see that no other host has it, then `extvold volume attach {} {}`",
            who, look.provider.name.value, volume.name, volume.name, host->name));
  }
  if (!reaches(look, candidate.host)) {
    return refuse(
        "not_connected", Owner::operator_,
        fmt::format("{} waits: no agent of {} has an attribute that says {}, so it does not reach volume {}",
                    who, host->name, to_text(volume.pool), volume.name));
  }
  return true;
}

// Whether it is extvold that attaches it there. False: blocked, and said so.
bool is_ours_to_attach(const VolumeLook& look, const Candidate& candidate, VolumePlan& out) {
  const std::string who = claim_text(look.look.snapshot, *candidate.claim);
  const std::string& volume = look.volume().name;
  if (!look.provider.capabilities.attach_to_named_host) {
    out.block(look.volume().id, candidate.host, "cannot_attach", Owner::operator_,
              fmt::format("{} waits: provider {} cannot attach to a named host; attach {} there by hand", who,
                          look.provider.name.value, volume));
    return false;
  }
  if (!is_of_mesos(candidate.claim->kind)) return true;
  const DriverMapping* driver = look.look.policy.driver(candidate.claim->reference.driver);
  if (driver == nullptr || driver->attach_by != AttachBy::plugin) return true;
  out.block(look.volume().id, candidate.host, "plugin_attaches", Owner::host,
            fmt::format("{}: the plugin of driver {} on {} attaches volume {} by itself; not enforced", who,
                        driver->driver, host_name(look.look.snapshot, candidate.host), volume));
  return false;
}

// What may still attach it somewhere, of which this ledger holds no intent. Empty: nothing.
std::string calls_unknown_here(const VolumeLook& look, VolumePlan& out) {
  if (is_ours_alone(look)) return {};
  if (EXTVOLD_FORBIDS(attach_call_running, look.view != nullptr && look.view->call_running == TriState::yes))
    return "a call that is not this ledger's and is still at work";
  const Instant until = look.look.observed.former_calls_until;
  if (EXTVOLD_PERMITS(attach_former_calls, look.look.now >= until)) return {};
  out.wake(until);
  return fmt::format("calls that were made before this ledger began, {} s more",
                     (until - look.look.now).ns / 1'000'000'000 + 1);
}

// Everything else that must hold before an attach, as the reason to wait. Empty: ready.
std::string must_wait(const VolumeLook& look, const Candidate& candidate, VolumePlan& out) {
  if (std::string order = order_or_pause(look, OperationKind::attach, candidate.host, out); !order.empty())
    return order;
  if (candidate.claim->kind == ClaimKind::task || candidate.claim->kind == ClaimKind::executor) {
    if (EXTVOLD_FORBIDS(attach_view_complete, !look.look.observed.view_complete)) {
      return fmt::format("a complete Mesos view: {}", look.look.observed.view_incomplete_why);
    }
    const AgentView* agent = look.look.observed.agent(candidate.claim->agent);
    if (agent == nullptr || !agent->registered)
      return fmt::format("agent {} to be registered", candidate.claim->agent.value);
  }
  if (std::string calls = calls_unknown_here(look, out); !calls.empty()) return calls;
  // A provider that would not refuse a second host by itself is asked about this volume once more, after the
  // wish came up.
  const bool too_old = !look.provider.capabilities.exclusive_attach && look.view != nullptr &&
                       look.view->sent_at <= candidate.claim->last_event_at.value;
  if (EXTVOLD_FORBIDS(attach_fresh_look, !look.freshly_observed()) ||
      EXTVOLD_FORBIDS(attach_look_after_claim, too_old)) {
    out.wish_volume(look.volume().id);
    return fmt::format("a complete observation by {}", look.provider.name.value);
  }
  if (const HostId other = shown_unrecorded(look, candidate.host);
      EXTVOLD_FORBIDS(attach_shown_elsewhere, bool(other))) {
    out.wish_volume(look.volume().id);
    return fmt::format("another look by {}, which shows it at {}", look.provider.name.value,
                       host_name(look.look.snapshot, other));
  }
  return {};
}

void add_attach(const VolumeLook& look, const Candidate& candidate, EvidenceId evidence,
                std::vector<std::size_t> after, VolumePlan& out) {
  PlannedOperation planned;
  planned.operation.kind = OperationKind::attach;
  planned.operation.volume = look.volume().id;
  planned.operation.host = candidate.host;
  planned.operation.claim = candidate.claim->id;
  planned.operation.evidence = evidence;
  planned.operation.rule =
      candidate.claim->kind == ClaimKind::format ? "attach.to_format" : "attach.wanted_claim";
  planned.operation.cause = fmt::format("wanted by {}", claim_text(look.look.snapshot, *candidate.claim));
  planned.waits_for = must_wait(look, candidate, out);
  planned.after = std::move(after);
  if (planned.waits_for.empty() && !planned.after.empty())
    planned.waits_for = "the detach before it, read back";
  out.operations.push_back(std::move(planned));
}

void block_second_host(const VolumeLook& look, const Candidate& second, HostId first, VolumePlan& out) {
  const FormatState format = look.volume().format;
  if (format == FormatState::wanted || format == FormatState::intended) {
    out.block(look.volume().id, second.host, "not_formatted_yet", Owner::extvold,
              fmt::format("{} waits: volume {} is being formatted on {}",
                          claim_text(look.look.snapshot, *second.claim), look.volume().name,
                          host_name(look.look.snapshot, first)));
    return;
  }
  out.block(
      look.volume().id, second.host, "attached_elsewhere", Owner::operator_,
      fmt::format(
          "{} on {} waits: single-writer volume {} belongs to {} first, which wants it too; stop one of them",
          claim_text(look.look.snapshot, *second.claim), host_name(look.look.snapshot, second.host),
          look.volume().name, host_name(look.look.snapshot, first)));
}

// What is in the way on other hosts: nothing, detaches that come first, or something that only others can
// move.
struct Clearance {
  bool clear = true;
  EvidenceId evidence;
  std::vector<std::size_t> after;
};

Clearance clear_others(const VolumeLook& look, const Candidate& candidate, const VolumePlan& out) {
  Clearance result;
  const Capabilities& can = look.provider.capabilities;
  const bool read_only = attaches_read_only(look.volume(), candidate.claim);
  for (const Attachment& one : look.entry.attachments) {
    if (one.host == candidate.host || !excludes(look.volume().access, one.read_only, read_only)) continue;
    const bool released = EXTVOLD_PERMITS(
        attach_released, is_released(look.look, look.entry, look.provider, one, result.evidence));
    const PlannedOperation* detach = out.detach_of(one.host);
    // What is proven needs no detach, but one that can be had comes first; and a provider that refuses a
    // second host by itself would refuse this one, whatever is proven.
    if (released && (detach == nullptr || (!detach->waits_for.empty() && !can.exclusive_attach))) continue;
    if (detach == nullptr || !(released || can.detach_enforced)) {
      result.clear = false;
      return result;
    }
    result.after.push_back(static_cast<std::size_t>(detach - out.operations.data()));
  }
  return result;
}

// Attached, and it is not a leftover.
bool holds(const VolumeLook& look, const Attachment& attachment) {
  return attachment.state == AttachmentState::attached &&
         EXTVOLD_PERMITS(attach_superseded, !is_superseded(look.look.snapshot, look.entry, attachment));
}

void plan_single_writer(const VolumeLook& look, const std::vector<Candidate>& candidates, VolumePlan& out) {
  const auto candidate_on = [&](HostId host) {
    return std::find_if(candidates.begin(), candidates.end(),
                        [&](const Candidate& one) { return one.host == host; });
  };
  // The host that holds it, if it is still wanted there.
  for (const Attachment& one : look.entry.attachments) {
    if (!holds(look, one)) continue;
    const auto holder = candidate_on(one.host);
    if (EXTVOLD_PERMITS(attach_holder_keeps, holder == candidates.end())) continue;
    for (const Candidate& other : candidates) {
      if (other.host != one.host) block_second_host(look, other, one.host, out);
    }
    return;
  }
  const Candidate& first = candidates.front();
  for (std::size_t i = 1; i < candidates.size(); ++i) block_second_host(look, candidates[i], first.host, out);
  Clearance clearance = clear_others(look, first, out);
  if (!clearance.clear) return;  // reconcile_fence says who must act for what
  if (host_may(look, first, out) && is_ours_to_attach(look, first, out))
    add_attach(look, first, clearance.evidence, std::move(clearance.after), out);
}

// A host that may not have it, or must wait, holds up no other; what is ready goes one after the other,
// because a volume has one open operation.
void plan_several_hosts(const VolumeLook& look, const std::vector<Candidate>& candidates, VolumePlan& out) {
  bool one_is_ready = false;
  for (const Candidate& one : candidates) {
    const Attachment* attachment = look.entry.attachment(one.host);
    if (attachment != nullptr && attachment->state == AttachmentState::attached) continue;
    // While its writer, the format host, still has it, nobody reads it.
    Clearance clearance = clear_others(look, one, out);
    if (!clearance.clear || !host_may(look, one, out) || !is_ours_to_attach(look, one, out)) continue;
    add_attach(look, one, clearance.evidence, std::move(clearance.after), out);
    std::string& waits_for = out.operations.back().waits_for;
    if (!waits_for.empty()) continue;
    if (one_is_ready) waits_for = "the attach before it: one operation a volume";
    one_is_ready = true;
  }
}

// Mesos wants it there, or wanted it when the ledger was backed up, but nobody can tell whether anything
// runs: not attached for it, and said so.
void block_unknown(const VolumeLook& look, const Claim& claim, VolumePlan& out) {
  const Attachment* attachment = look.entry.attachment(claim.host);
  if (attachment != nullptr && attachment->state == AttachmentState::attached) return;
  const auto asks_there = [&](const Claim* other) {
    return other->host == claim.host && asks_for_attach(*other);
  };
  if (std::any_of(look.entry.claims.begin(), look.entry.claims.end(), asks_there)) return;
  out.block(look.volume().id, claim.host, "claim_unknown", Owner::host,
            fmt::format("{} waits: volume {} is not attached to {} for it before it is known to run ({})",
                        claim_text(look.look.snapshot, claim), look.volume().name,
                        host_name(look.look.snapshot, claim.host), claim.liveness_why));
}

// Nothing that extvold did: a plugin that took it, or a person.
void report_two_holders(const VolumeLook& look, VolumePlan& out) {
  const Attachment* first = nullptr;
  for (const Attachment& one : look.entry.attachments) {
    EvidenceId evidence;
    if (one.read_only || !holds(look, one) || is_released_by_itself(look.look, look.entry, one, evidence))
      continue;
    if (first == nullptr) {
      first = &one;
      continue;
    }
    const std::string at = host_name(look.look.snapshot, first->host);
    const std::string and_at = host_name(look.look.snapshot, one.host);
    out.block(
        look.volume().id, one.host, "attached_twice", Owner::operator_,
        fmt::format("volume {} is attached to {} and to {}, and only one may write to it: end what uses it "
                    "at one of them, then detach it there",
                    look.volume().name, at, and_at));
  }
}

}  // namespace

std::string why_not_for(const VolumeLook& look, const Claim& claim) {
  VolumePlan said;
  return host_may(look, {claim.host, &claim}, said) ? std::string() : said.blocked.front().text;
}

void reconcile_attach(const VolumeLook& look, VolumePlan& out) {
  // The common case first and without allocation: one attachment, wanted where it is, and nobody else wants
  // it.
  bool settled = true;
  bool any = false;
  if (is_single_writer(look.volume().access) && look.entry.attachments.size() > 1)
    report_two_holders(look, out);
  for (const Claim* claim : look.entry.claims) {
    if (!claim->wanted) continue;
    if (!claim->host) {
      out.block(look.volume().id, {}, "agent_unknown", Owner::extvold,
                fmt::format("{} waits: its agent {} is not known yet", claim_text(look.look.snapshot, *claim),
                            claim->agent.value));
    }
    // No event tells that an executor ended: its agent is asked again and again.
    if (claim->kind == ClaimKind::executor) out.wish_agent(claim->agent);
    if (claim->host && claim->liveness == Liveness::unknown) {
      block_unknown(look, *claim, out);
      // Its agent may show that it is gone, and no event would tell.
      const AgentView* agent = look.look.observed.agent(claim->agent);
      if (agent != nullptr && agent->registered) out.wish_agent(claim->agent);
    }
    if (!asks_for_attach(*claim)) continue;
    any = true;
    const Attachment* attachment = look.entry.attachment(claim->host);
    settled = settled && attachment != nullptr && holds(look, *attachment);
  }
  if (!any || settled) return;
  const std::vector<Candidate> candidates = candidates_of(look.entry);
  if (is_single_writer(look.volume().access)) {
    plan_single_writer(look, candidates, out);
  } else {
    plan_several_hosts(look, candidates, out);
  }
}

}  // namespace extvold::reconcilers
