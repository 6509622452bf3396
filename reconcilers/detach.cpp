// Detach: when it had a claim on that host, none is wanted any more, and there is evidence for each
// (DESIGN.md sections 3 and 4).
#include <fmt/format.h>

#include <algorithm>

#include "model/ascii.h"
#include "reconcilers/reconcilers.h"
#include "reconcilers/rule.h"

namespace extvold::reconcilers {
namespace {

struct HostClaims {
  int count = 0;
  int wanted = 0;
  const Claim* not_dead = nullptr;  // a claim that is not wanted and not proven dead
  EvidenceId evidence;              // the newest that made one of them dead
  bool only_withdrawn = true;       // every claim was our own or an operator's, and given up
};

HostClaims claims_on(const VolumeEntry& entry, HostId host) {
  HostClaims out;
  for (const Claim* claim : entry.claims) {
    if (claim->host != host) continue;
    ++out.count;
    if (claim->wanted) ++out.wanted;
    if (is_withdrawn(*claim)) continue;
    out.only_withdrawn = false;
    if (claim->liveness == Liveness::dead) {
      if (out.evidence < claim->evidence) out.evidence = claim->evidence;
    } else if (!claim->wanted && out.not_dead == nullptr) {
      out.not_dead = claim;
    }
  }
  return out;
}

bool wanted_elsewhere(const VolumeEntry& entry, HostId host) {
  for (const Claim* claim : entry.claims) {
    if (claim->host != host && claim->wanted && claim->liveness == Liveness::live) return true;
  }
  return false;
}

bool says_view_is_incomplete(const VolumeLook& look, const Attachment& attachment, VolumePlan& out) {
  const Observed& observed = look.look.observed;
  if (observed.view_complete) return false;
  out.block(look.volume().id, attachment.host, "view_incomplete", Owner::extvold,
            fmt::format("volume {} stays at {} while the Mesos view is incomplete: {}", look.volume().name,
                        host_name(look.look.snapshot, attachment.host), observed.view_incomplete_why));
  return true;
}

// A claim that is over for Mesos, but nothing proves it: what could, and who must bring it about.
void block_for_evidence(const VolumeLook& look, const Attachment& attachment, const Claim& claim,
                        VolumePlan& out) {
  const Snapshot& snapshot = look.look.snapshot;
  const Policy& policy = look.look.policy;
  const std::string host = host_name(snapshot, attachment.host);
  const std::string who = claim_text(snapshot, claim);
  const VolumeId id = look.volume().id;
  const std::string confirm = fmt::format(
      "see that {} cannot write to it any more, then `extvold fence confirm {} --reason ...`", host, host);
  if (claim.kind == ClaimKind::synthetic) {
    for (const Claim* other : look.entry.claims) {  // what else is over there can be proven all the same
      if (other->host == attachment.host && is_of_mesos(other->kind) && !other->wanted &&
          other->liveness != Liveness::dead)
        out.wish_agent(other->agent);
    }
    out.block(id, attachment.host, "unexplained_attachment", Owner::operator_,
              fmt::format("volume {} is attached to {} and nothing says who uses it there; {}",
                          look.volume().name, host, confirm));
    return;
  }
  if (claim.containerizer == Containerizer::docker) {
    out.block(
        id, attachment.host, "no_evidence_possible", Owner::operator_,
        fmt::format(
            "volume {} stays at {}: {} ran under the Docker containerizer, whose end no agent proves; {}",
            look.volume().name, host, who, confirm));
    return;
  }
  if (!policy.agents_use_linux_launcher || !policy.agents_api_unfiltered) {
    out.block(id, attachment.host, "agents_not_trusted", Owner::operator_,
              fmt::format("volume {} stays at {}: the agents' own word is no evidence before [mesos.agents] "
                          "says launcher = \"linux\" and "
                          "api = \"unfiltered\"; or {}",
                          look.volume().name, host, confirm));
    return;
  }
  // Nobody is registered then, whoever is there.
  if (is_of_mesos(claim.kind) && says_view_is_incomplete(look, attachment, out)) return;
  const AgentView* agent = look.look.observed.agent(claim.agent);
  if (agent == nullptr || !agent->registered) {
    out.block(id, attachment.host, "agent_not_registered", Owner::operator_,
              fmt::format("volume {} stays at {}: agent {} is not registered with the master, so nobody can "
                          "tell whether {} still writes; {}",
                          look.volume().name, host, claim.agent.value, who, confirm));
    out.wish_agent(claim.agent);  // it may answer all the same
    return;
  }
  out.wish_agent(claim.agent);
  if (agent->destroy_errors != 0) {
    out.block(
        id, attachment.host, "containers_left_behind", Owner::operator_,
        fmt::format("volume {} stays at {}: agent {} counts {} containers that it could not destroy, and {} "
                    "may be one of them; {}",
                    look.volume().name, host, claim.agent.value, agent->destroy_errors, who, confirm));
    return;
  }
  out.block(id, attachment.host, "waits_for_agent", Owner::extvold,
            fmt::format("volume {} stays at {} until its agent shows that {} is gone ({}){}{}",
                        look.volume().name, host, who, claim.liveness_why,
                        agent->api_error.empty() ? "" : "; its API: ", agent->api_error));
}

// The host's part of the view must be whole: another claim could be hidden in what was not read.
bool host_view_complete(const VolumeLook& look, const Attachment& attachment, VolumePlan& out) {
  const AgentId* unread = unread_agent_on(look.look, look.entry, attachment);
  if (unread == nullptr) return true;
  out.wish_agent(*unread);
  const Agent* agent = look.look.snapshot.agent(*unread);
  const bool awaited = agent != nullptr && (is_listed(agent->state) || agent->state == AgentState::recovered);
  if (!awaited) {  // it may never come back
    const std::string host = host_name(look.look.snapshot, attachment.host);
    out.block(look.volume().id, attachment.host, "agent_not_registered", Owner::operator_,
              fmt::format("volume {} stays at {}: agent {} is not registered with the master, so nobody can "
                          "tell what runs there now; see that {} cannot write to it any more, then `extvold "
                          "fence confirm {} --reason ...`",
                          look.volume().name, host, unread->value, host, host));
    return false;
  }
  out.block(look.volume().id, attachment.host, "host_view_incomplete", Owner::extvold,
            fmt::format("volume {} stays at {} until agent {} is registered and its own API was read since "
                        "then and since the newest task was launched there",
                        look.volume().name, host_name(look.look.snapshot, attachment.host), unread->value));
  return false;
}

// A plugin attached it there by itself, and may do so again: nothing that Mesos or an agent says of
// containers covers that.
bool leaves_it_to_plugin(const VolumeLook& look, const Attachment& attachment, VolumePlan& out) {
  for (const Claim* claim : look.entry.claims) {
    if (claim->host != attachment.host || !is_of_mesos(claim->kind)) continue;
    const DriverMapping* driver = look.look.policy.driver(claim->reference.driver);
    if (driver == nullptr || driver->attach_by != AttachBy::plugin) continue;
    EvidenceId evidence;
    if (is_released_by_itself(look.look, look.entry, attachment, evidence)) return false;
    const std::string host = host_name(look.look.snapshot, attachment.host);
    out.block(
        look.volume().id, attachment.host, "plugin_left_it", Owner::operator_,
        fmt::format("volume {} stays at {}: the plugin of driver {} attached it there by itself; see that "
                    "{} cannot write to it any more, then `extvold fence confirm {} --reason ...`",
                    look.volume().name, host, driver->driver, host, host));
    return true;
  }
  return false;
}

// What is not understood could be any volume, but for a Docker name of which only the driver is not said. A
// driver that nothing maps could be another name of this volume's provider. A name that there is only in
// other letters is the same to some storages (REX-Ray looks names up without regard to case).
bool could_be(const Policy& policy, const Claim& claim, const Volume& volume) {
  const VolumeReference& reference = claim.reference;
  const bool docker_name =
      reference.spelling == ReferenceSpelling::docker_parameter && reference.driver == kDockerDefaultDriver;
  if (claim.unresolved == Unresolved::not_understood && !docker_name) return true;
  if (claim.unresolved == Unresolved::no_such_volume) {
    const DriverMapping* driver = policy.driver(reference.driver);
    return driver != nullptr && driver->provider == volume.pool.provider &&
           (is_same_ignoring_case(reference.name, volume.name) ||
            is_same_ignoring_case(reference.name, volume.key));
  }
  return reference.name == volume.name;
}

const Claim* unresolved_on(const VolumeLook& look, HostId host) {
  for (const Claim* claim : look.look.snapshot.unresolved_claims()) {
    if (claim->host == host && claim->liveness != Liveness::dead &&
        could_be(look.look.policy, *claim, look.volume()))
      return claim;
  }
  return nullptr;
}

// Whatever is proven of those who are known: the host's own word that somebody has it mounted (orphan.cpp
// says so) or open. It stands until the host itself takes it back. Our own mount goes with the detach.
bool is_used_there(const VolumeLook& look, const Attachment& attachment, VolumePlan& out) {
  const AttachmentView* there = look.view->attachment(attachment.host);
  const bool used = (there != nullptr && use_of(there->mounted, there->open) == TriState::yes) ||
                    EXTVOLD_FORBIDS(host_word_stands, attachment.unexplained_use);
  EvidenceId evidence;
  if (!used || attachment.mounted || is_released_by_itself(look.look, look.entry, attachment, evidence))
    return false;
  const bool mounted = std::any_of(look.entry.mounts.begin(), look.entry.mounts.end(),
                                   [&](const Mount& one) { return one.host == attachment.host; });
  if (mounted) return true;
  const std::string host = host_name(look.look.snapshot, attachment.host);
  out.block(
      look.volume().id, attachment.host, "used_there", Owner::operator_,
      fmt::format(
          "volume {} stays at {}: {} itself says that somebody has it open; find out who and end "
          "that, or see that {} cannot write to it any more, then `extvold fence confirm {} --reason ...`",
          look.volume().name, host, host, host, host));
  return true;
}

// What says more than that a look is due: the newest try failed. False: nothing did, or it is over.
bool says_it_failed(const VolumeLook& look, HostId host, VolumePlan& out) {
  const RetryView* failed = look.view == nullptr ? nullptr : look.view->retry(OperationKind::detach, host);
  if (failed == nullptr || failed->at <= look.look.now) return false;
  const std::size_t before = out.blocked.size();
  order_or_pause(look, OperationKind::detach, host, out);
  return out.blocked.size() != before;
}

// Whether nothing stands against a detach there; else `out` says what does, and what would settle it.
bool is_permitted(const VolumeLook& look, const Attachment& attachment, const HostClaims& claims,
                  VolumePlan& out) {
  const Volume& volume = look.volume();
  if (EXTVOLD_FORBIDS(detach_wanted, claims.wanted > 0)) return false;
  if (EXTVOLD_FORBIDS(detach_unclaimed, claims.count == 0)) return false;  // reconcile_orphan says so
  if (EXTVOLD_FORBIDS(detach_not_dead, claims.not_dead != nullptr)) {
    block_for_evidence(look, attachment, *claims.not_dead, out);
    return false;
  }
  const auto counts = [&](const Evidence& one) { return in_force(look.look, one); };
  if (EXTVOLD_FORBIDS(detach_evidence,
                      !claims.only_withdrawn && evidence_for(look.entry, attachment, counts) == nullptr)) {
    out.block(volume.id, attachment.host, "evidence_void", Owner::extvold,
              fmt::format("volume {} stays at {}: what proved its users gone does not count any more",
                          volume.name, host_name(look.look.snapshot, attachment.host)));
    return false;
  }
  if (EXTVOLD_FORBIDS(detach_view_complete, says_view_is_incomplete(look, attachment, out))) return false;
  if (EXTVOLD_FORBIDS(detach_host_view, !host_view_complete(look, attachment, out))) return false;
  if (EXTVOLD_FORBIDS(detach_plugin, leaves_it_to_plugin(look, attachment, out))) return false;
  if (const Claim* unresolved = unresolved_on(look, attachment.host);
      EXTVOLD_FORBIDS(detach_unresolved, unresolved != nullptr)) {
    if (!unresolved->wanted) out.wish_agent(unresolved->agent);  // it alone proves an end
    const std::string how = unresolved->unresolved == Unresolved::not_understood
                                ? "names a volume in a way that is not understood"
                            : unresolved->unresolved == Unresolved::no_such_volume
                                ? "names a volume that is there only by another name, or in other letters"
                                : "names a volume of a driver that nothing maps";
    out.block(volume.id, attachment.host, "unresolved_reference", Owner::operator_,
              fmt::format("volume {} stays at {}: {} there {} (\"{} {}\") and could mean it", volume.name,
                          host_name(look.look.snapshot, attachment.host),
                          claim_text(look.look.snapshot, *unresolved), how, unresolved->reference.driver,
                          unresolved->reference.name));
    return false;
  }
  if (EXTVOLD_FORBIDS(detach_fresh_look, !look.freshly_observed())) {
    out.wish_volume(volume.id);
    if (says_it_failed(look, attachment.host, out)) return false;
    out.block(volume.id, attachment.host, "not_observed", Owner::provider,
              fmt::format("volume {} stays at {} until {} was asked about it again", volume.name,
                          host_name(look.look.snapshot, attachment.host), look.provider.name.value));
    return false;
  }
  return EXTVOLD_PERMITS(detach_used_there, !is_used_there(look, attachment, out));
}

void plan_one(const VolumeLook& look, const Attachment& attachment, VolumePlan& out) {
  const Volume& volume = look.volume();
  const HostClaims claims = claims_on(look.entry, attachment.host);
  if (!is_permitted(look, attachment, claims, out)) return;
  PlannedOperation planned;
  planned.operation.kind = OperationKind::detach;
  planned.operation.volume = volume.id;
  planned.operation.host = attachment.host;
  planned.operation.evidence = claims.evidence;
  planned.operation.rule = claims.only_withdrawn ? "detach.order_withdrawn" : "detach.no_wanted_claim";
  const Evidence* ground = look.look.snapshot.evidence(claims.evidence);
  planned.operation.cause = ground == nullptr
                                ? std::string("its order was withdrawn")
                                : fmt::format("nothing wants it there; {}{}: {}",
                                              ground->grade == EvidenceGrade::assumed ? "assumption " : "",
                                              to_text(ground->kind), ground->detail);
  planned.waits_for = order_or_pause(look, OperationKind::detach, attachment.host, out);
  const bool hurry = claims.only_withdrawn || wanted_elsewhere(look.entry, attachment.host);
  const Instant due = look.view->idle_since + look.look.policy.detach_linger;
  if (planned.waits_for.empty() && !hurry && due > look.look.now) {
    planned.waits_for = "the linger: a restarting task does not pay twice";
    out.wake(due);
  }
  if (planned.waits_for.empty() && EXTVOLD_FORBIDS(detach_storm, look.look.snapshot.detach_storm) &&
      !was_only_formatted(look.entry, attachment.host)) {
    planned.waits_for =
        "a person: too many attachments were to be detached at once; `extvold release --all` if that is "
        "right";
  }
  out.operations.push_back(std::move(planned));
}

}  // namespace

bool may_detach(const VolumeLook& look, const Attachment& attachment) {
  VolumePlan said;
  return is_permitted(look, attachment, claims_on(look.entry, attachment.host), said);
}

void reconcile_detach(const VolumeLook& look, VolumePlan& out) {
  for (const Attachment& attachment : look.entry.attachments) {
    if (attachment.state == AttachmentState::attached) plan_one(look, attachment, out);
  }
}

}  // namespace extvold::reconcilers
