// Claims: wanted, liveness, evidence. The three questions of DESIGN.md section 4, kept apart: what Mesos last
// said, whether anything may still run, and what is proven. What follows from what stands in liveness.cpp;
// here it is applied.
#include <fmt/format.h>

#include <algorithm>

#include "reconcilers/engine.h"
#include "reconcilers/rule.h"

namespace extvold::reconcilers {
namespace {

std::string_view executor_name(const Claim& claim) {
  return claim.executor.empty() ? claim.task.value : claim.executor.value;
}

}  // namespace

Engine::Verdict Engine::judge(const Claim& claim, const Saying& saying, std::string_view reason) {
  const LivenessRow& row = liveness_row(saying);
  Verdict out;
  out.rule = row.name;
  out.wanted = row.wanted == Wanted::as_it_was ? claim.wanted : row.wanted == Wanted::yes;
  out.liveness = row.liveness.value_or(claim.liveness);
  out.evidence = row.evidence;
  if (out.liveness == Liveness::dead) out.liveness = Liveness::unknown;  // until prove_dead() has recorded it
  out.why = explain(row, saying.state, reason);
  return out;
}

// Writes what changed of a claim, and nothing if nothing did. Whatever is dead stays so until its evidence is
// void or it is seen alive, which voids it.
void Engine::move_claim(const Claim& claim, TaskState state, const Verdict& verdict,
                        const ContainerId& container, Now) {
  const bool alive = verdict.liveness == Liveness::live;
  if (claim.liveness == Liveness::dead && !alive) return;
  if (EXTVOLD_FORBIDS(evidence_voided_by_life, alive && !claim.wanted && claim.volume && claim.host)) {
    void_evidence(*snapshot_.volume(claim.volume), claim.host, /*keep_fenced=*/true,
                  "its task is alive again");
  }
  ClaimStateChange row;
  row.id = claim.id;
  row.task_state = state;
  row.wanted = verdict.wanted;
  row.liveness = verdict.liveness;
  row.liveness_why = verdict.why;
  row.container = container.empty() ? claim.container : container;
  const bool moved = claim.wanted != row.wanted || claim.liveness != row.liveness;
  if (!moved && claim.task_state == row.task_state && claim.container == row.container &&
      claim.liveness_why == row.liveness_why)
    return;
  if (moved && claim.volume) {
    history(
        {.kind = "claim.moved",
         .volume = claim.volume,
         .host = claim.host,
         .framework = claim.framework,
         .task = claim.task,
         .claim = claim.id,
         .rule = std::string(verdict.rule),
         .text = fmt::format("{}: {}, {} ({})", claim_text(snapshot_, claim),
                             row.wanted ? "wanted" : "not wanted", to_text(row.liveness), row.liveness_why)});
  }
  touch(claim.volume);
  change(std::move(row));
}

Evidence Engine::new_evidence(EvidenceKind kind, const Attachment& attachment, WallTime sent_at) {
  Evidence row;
  row.id = {snapshot_.counters.next_evidence++};
  counters_used_ = true;
  row.kind = kind;
  row.volume = attachment.volume;
  row.host = attachment.host;
  row.attachment_generation = attachment.generation;
  row.view_epoch = snapshot_.view.epoch;
  row.recorded_sequence = snapshot_.sequence.value + 1;
  row.request_sent_at = sent_at;
  return row;
}

// Of all who may use the volume there: the evidence names no claim.
void Engine::end_claims(const Evidence& evidence, Now now) {
  std::vector<ClaimStateChange> ended;
  for (const Claim* claim : snapshot_.volume(evidence.volume)->claims) {
    if (claim->host != evidence.host || claim->liveness == Liveness::dead) continue;
    ended.push_back({claim->id, claim->task_state, false, Liveness::dead, evidence.detail, evidence.id,
                     claim->container});
  }
  for (ClaimStateChange& row : ended) change(std::move(row));
  observed_.volumes[evidence.volume].idle_since = now.at;
}

void Engine::prove_dead(const Claim& claim, EvidenceKind kind, std::string detail, bool assumption,
                        WallTime sent_at, Now now) {
  assumptions_due_.erase(claim.id);
  snapshot_.note_claim_event(claim.id, now.at);
  if (!claim.executor.empty())  // the next one of this name may be of another containerizer
    mesos_executors_.erase({claim.framework, claim.executor.value, claim.agent});
  if (claim.kind == ClaimKind::executor && !assumption)
    gone_executors_.insert({claim.framework, claim.executor.value, claim.agent});
  ClaimStateChange row;
  row.id = claim.id;
  row.task_state = claim.task_state;
  row.wanted = false;
  row.liveness = Liveness::dead;
  row.liveness_why = fmt::format("{}{}: {}", assumption ? "assumed, " : "", to_text(kind), detail);
  row.container = claim.container;
  const VolumeEntry* entry = claim.volume ? snapshot_.volume(claim.volume) : nullptr;
  const Attachment* attachment = entry == nullptr ? nullptr : entry->attachment(claim.host);
  if (attachment != nullptr && attachment->state != AttachmentState::detached) {
    Evidence evidence = new_evidence(kind, *attachment, sent_at);
    evidence.agent = claim.agent;
    evidence.claim = claim.id;
    evidence.container = claim.container;
    evidence.detail = std::move(detail);
    if (assumption) evidence.grade = EvidenceGrade::assumed;
    row.evidence = evidence.id;
    history({.kind = assumption ? "evidence.assumed" : "evidence.recorded",
             .volume = claim.volume,
             .host = claim.host,
             .framework = claim.framework,
             .task = claim.task,
             .evidence = evidence.id,
             .claim = claim.id,
             .rule = std::string(to_text(kind)),
             .text = fmt::format("{} is gone from {}: {}", claim_text(snapshot_, claim),
                                 host_name(snapshot_, claim.host), evidence.detail)});
    change(std::move(evidence));
  }
  if (claim.volume) {
    observed_.volumes[claim.volume].idle_since = now.at;
    touch(claim.volume);
  } else {  // it could have meant any volume there
    for (const auto& [id, other] : snapshot_.volumes()) {
      if (other.attachment(claim.host) != nullptr) touch(id);
    }
  }
  change(std::move(row));
}

// Evidence on (volume, host) stops counting.
void Engine::void_evidence(const VolumeEntry& entry, HostId host, bool keep_fenced, const std::string& why) {
  std::vector<Evidence> ended;
  for (const Evidence* one : entry.evidence) {
    if (one->host == host && !(keep_fenced && one->kind == EvidenceKind::fenced)) ended.push_back(*one);
  }
  for (Evidence& one : ended) end_evidence(std::move(one), why);
}

// What says that this one is over, by itself or with all the others there; who else is over stays so. A fence
// holds whoever lives.
void Engine::void_evidence_of(const Claim& claim, const std::string& why) {
  std::vector<Evidence> ended;
  for (const Evidence* one : snapshot_.volume(claim.volume)->evidence) {
    const bool its = one->claim == claim.id || !one->claim;
    if (one->host == claim.host && its && one->kind != EvidenceKind::fenced) ended.push_back(*one);
  }
  for (Evidence& one : ended) end_evidence(std::move(one), why);
}

// It stops counting; claims that it had ended are open questions again.
void Engine::end_evidence(Evidence evidence, const std::string& why) {
  std::vector<ClaimStateChange> reopened;
  for (const Claim* claim : snapshot_.volume(evidence.volume)->claims) {
    if (EXTVOLD_FORBIDS(void_reopens_claims,
                        claim->liveness == Liveness::dead && claim->evidence == evidence.id))
      reopened.push_back({claim->id, claim->task_state, false, Liveness::unknown, why, {}, claim->container});
  }
  for (ClaimStateChange& row : reopened) change(std::move(row));
  history({.kind = "evidence.void",
           .volume = evidence.volume,
           .host = evidence.host,
           .evidence = evidence.id,
           .claim = evidence.claim,
           .rule = std::string(to_text(evidence.kind)),
           .text = why});
  evidence.void_reason = why;
  touch(evidence.volume);
  change(std::move(evidence));
}

// `agent_gone`: GET_AGENT, GET_CONTAINERS, GET_EXECUTORS, GET_AGENT, all sent after the claim's last event,
// the agent itself both times; the root container (and any container of that framework and executor) not
// listed, its executor among the completed ones.
void Engine::judge_agent_read(const AgentApiRead& read, Now now) {
  const auto listed = [&](const Claim& claim) {
    return std::any_of(read.containers.begin(), read.containers.end(), [&](const AgentContainer& one) {
      const bool same_container =
          !claim.container.empty() && (one.container == claim.container || one.parent == claim.container);
      return same_container ||
             (one.framework == claim.framework && one.executor.value == executor_name(claim));
    });
  };
  const auto among = [](const std::vector<ExecutorRecord>& executors, const Claim& claim) {
    const auto it = std::find_if(executors.begin(), executors.end(), [&](const ExecutorRecord& one) {
      return one.framework == claim.framework && one.executor.value == executor_name(claim);
    });
    return it == executors.end() ? nullptr : &*it;
  };
  for (const Claim* claim : snapshot_.claims_of_agent(read.expected)) {
    if (!is_of_mesos(claim->kind)) continue;
    const bool there = listed(*claim) || among(read.executors, *claim) != nullptr;
    const bool later = read.first_sent_at > claim->last_event_at.value;
    if (claim->liveness == Liveness::dead) {
      if (EXTVOLD_FORBIDS(evidence_voided_by_life, there && claim->volume && later))
        void_evidence_of(*claim, "its agent lists it again");
      continue;
    }
    const ExecutorRecord* completed = among(read.completed_executors, *claim);
    // The claim may stand for an executor of which only a task told; what ran it, its agent knows best.
    const bool mesos = claim->containerizer == Containerizer::mesos &&
                       (completed == nullptr || completed->containerizer == Containerizer::mesos);
    Saying saying{.said = Said::agent_read, .state = claim->task_state};
    saying.facts.put(Fact::listed, EXTVOLD_FORBIDS(gone_listed, there));
    saying.facts.put(Fact::completed, EXTVOLD_PERMITS(gone_completed, completed != nullptr));
    saying.facts.put(Fact::asked_later, EXTVOLD_PERMITS(gone_asked_later, later));
    saying.facts.put(Fact::open_question, !claim->wanted || claim->liveness == Liveness::unknown ||
                                              claim->kind == ClaimKind::executor);
    saying.facts.put(Fact::of_executor, claim->kind == ClaimKind::executor);
    saying.facts.put(Fact::mesos_containerizer, EXTVOLD_PERMITS(gone_mesos, mesos));
    saying.facts.put(Fact::linux_launcher, EXTVOLD_PERMITS(gone_trusted, policy_.agents_use_linux_launcher));
    saying.facts.put(Fact::unfiltered, EXTVOLD_PERMITS(gone_trusted, policy_.agents_api_unfiltered));
    saying.facts.put(Fact::no_destroy_errors,
                     EXTVOLD_PERMITS(gone_no_destroy_errors, read.container_destroy_errors.value_or(0) == 0));
    const Verdict verdict = judge(*claim, saying);
    if (!verdict.evidence) {
      // No other event tells that an executor ended.
      if (!liveness_row(saying).liveness) continue;
      // Its agent's word of it is no proof, but newer than the master's list, which may hold it
      // for long: else the two would take turns.
      if (claim->kind == ClaimKind::executor)
        gone_executors_.insert({claim->framework, claim->executor.value, claim->agent});
      move_claim(*claim, claim->task_state, verdict, {}, now);
      continue;
    }
    prove_dead(
        *claim, *verdict.evidence,
        fmt::format("agent {} lists neither container {} nor its executor, which it counts as completed",
                    read.expected.value,
                    claim->container.empty() ? std::string("(never named)") : claim->container.value),
        /*assumption=*/false, now.wall_of(read.first_sent_at), now);
  }
}

// The volume was taken from under it, and nobody has proven it gone since: it may have the old device open,
// and its host does not get the volume back after another one had it (docs/decisions/0028). What went with
// its agent nobody tells any more; for a host that a person or a fence answered for nobody asks.
bool Engine::may_have_it_open(const VolumeEntry& entry, const Claim& claim) const {
  const Attachment* own = entry.attachment(claim.host);
  if (!is_of_mesos(claim.kind) || claim.liveness == Liveness::dead || own == nullptr) return false;
  if (own->state != AttachmentState::detached || claim.began_sequence >= own->detached_sequence) return false;
  const Agent* agent = snapshot_.agent(claim.agent);
  if (agent == nullptr || agent->state == AgentState::removed || agent->state == AgentState::gone)
    return false;
  const auto answered_for = [](const Evidence& one) {
    return one.kind == EvidenceKind::operator_ || one.kind == EvidenceKind::fenced;
  };
  return !snapshot_.host(claim.host)->quarantined && evidence_for(entry, *own, answered_for) == nullptr;
}

// It is attached there again, by nobody's order: somebody unknown stands for all of them.
void Engine::forget_who_had_it_open(const VolumeEntry& entry, HostId host) {
  std::vector<ClaimId> forgotten;
  for (const Claim* claim : entry.claims) {
    if (claim->host == host && !claim->wanted && may_have_it_open(entry, *claim))
      forgotten.push_back(claim->id);
  }
  for (const ClaimId id : forgotten) drop_claim(id);
}

// A claim that is over, on a host that has nothing of the volume any more, protects nothing.
void Engine::drop_idle_claims(VolumeId volume) {
  const VolumeEntry* entry = snapshot_.volume(volume);
  if (entry == nullptr || entry->claims.empty()) return;
  bool any_over = false;
  for (const Claim* claim : entry->claims) any_over = any_over || !claim->wanted;
  if (!any_over) return;
  std::vector<ClaimId> idle;
  for (const Claim* claim : entry->claims) {
    if (claim->wanted) continue;
    const bool protects =
        std::any_of(entry->attachments.begin(), entry->attachments.end(), [&](const Attachment& one) {
          return one.state != AttachmentState::detached && (one.host == claim->host || !claim->host);
        });
    if (!protects && !EXTVOLD_FORBIDS(claim_kept_open, may_have_it_open(*entry, *claim)))
      idle.push_back(claim->id);
  }
  for (ClaimId id : idle) {
    std::vector<Evidence> spent;
    for (const Evidence* one : entry->evidence) {
      if (EXTVOLD_FORBIDS(evidence_spent, one->claim == id && (one->kind == EvidenceKind::agent_clean ||
                                                               one->kind == EvidenceKind::agent_gone)))
        spent.push_back(*one);
    }
    for (Evidence& one : spent) {
      one.void_reason = "its claim ended: the volume is detached there";
      change(std::move(one));
    }
    drop_claim(id);
  }
}

void Engine::drop_claim(ClaimId id) {
  assumptions_due_.erase(id);
  change(DropClaim{id});
}

// Somebody may be using what nothing explains. A claim that is dead explains its attachment as long as its
// evidence counts, and nothing else.
void Engine::ensure_synthetic(const Attachment& attachment, Now now) {
  const VolumeEntry& entry = *snapshot_.volume(attachment.volume);
  const bool explained = std::any_of(entry.claims.begin(), entry.claims.end(), [&](const Claim* claim) {
    const bool counts = claim->liveness != Liveness::dead || is_withdrawn(*claim) ||
                        snapshot_.evidence(claim->evidence) != nullptr;
    return claim->host == attachment.host && counts;
  });
  if (EXTVOLD_PERMITS(synthetic_claim, explained)) return;
  Claim claim = new_synthetic(attachment, now);
  const Verdict verdict = judge(claim, {.said = Said::attachment_found});
  claim.wanted = verdict.wanted;
  claim.liveness = verdict.liveness;
  claim.liveness_why = verdict.why;
  add_synthetic(std::move(claim),
                fmt::format("attached to {} without a claim", host_name(snapshot_, attachment.host)));
}

Claim Engine::new_synthetic(const Attachment& attachment, Now now) {
  Claim claim;
  claim.id = {snapshot_.counters.next_claim++};
  counters_used_ = true;
  claim.kind = ClaimKind::synthetic;
  claim.volume = attachment.volume;
  claim.host = attachment.host;
  claim.liveness = Liveness::unknown;
  claim.first_seen_sequence = snapshot_.sequence.value + 1;
  claim.last_event_at = now.at;
  return claim;
}

// Of who used it there and left with his agent, or because of it. No other agent explains that, and no task
// that was told of, of whatever agent.
Claim Engine::new_synthetic(const Attachment& attachment, const AgentId& left_by, std::string why, Now now) {
  Claim claim = new_synthetic(attachment, now);
  claim.agent = left_by;
  claim.liveness_why = std::move(why);
  claim.first_seen_sequence = 0;
  return claim;
}

void Engine::add_synthetic(Claim claim, std::string text) {
  history({.kind = "claim.synthetic",
           .volume = claim.volume,
           .host = claim.host,
           .claim = claim.id,
           .rule = "synthetic",
           .text = std::move(text)});
  touch(claim.volume);
  change(std::move(claim));
}

// It left while nobody watched. What it had started there meanwhile, on a volume that was there by our own
// order or for its format, nobody ever tells.
void Engine::doubt_orders_on(const Agent& agent, Now now) {
  std::vector<Attachment> unexplained;
  for (const auto& [id, entry] : snapshot_.volumes()) {
    const Attachment* attachment = entry.attachment(agent.host);
    if (attachment == nullptr || attachment->state == AttachmentState::detached) continue;
    const bool only_orders = std::all_of(entry.claims.begin(), entry.claims.end(), [&](const Claim* claim) {
      return claim->host != agent.host || claim->kind == ClaimKind::format ||
             claim->kind == ClaimKind::operator_;
    });
    if (EXTVOLD_FORBIDS(view_watched, only_orders)) unexplained.push_back(*attachment);
  }
  const std::string why = fmt::format("agent {} left {} while nobody watched what it ran there",
                                      agent.id.value, host_name(snapshot_, agent.host));
  for (const Attachment& one : unexplained) add_synthetic(new_synthetic(one, agent.id, why, now), why);
}

// A task that was resolved explains an attachment only after its agent's own API was read, if it lives, and
// if it may be what the attachment is for: not one that was told of as new after the attachment was found,
// because who had the volume before that is still unknown.
void Engine::replace_synthetic(const AgentId& agent) {
  std::vector<ClaimId> replaced;
  for (const Claim* known : snapshot_.claims_of_agent(agent)) {
    if (!known->volume || !is_of_mesos(known->kind) || known->liveness != Liveness::live) continue;
    for (const Claim* claim : snapshot_.volume(known->volume)->claims) {
      const bool may_be_older =
          EXTVOLD_PERMITS(synthetic_older, known->listed_in_view.value != 0 ||
                                               known->first_seen_sequence <= claim->first_seen_sequence);
      // What an agent left behind on this host no other agent explains.
      const bool left_by_other =
          EXTVOLD_FORBIDS(synthetic_of_agent, !claim->agent.empty() && claim->agent != agent);
      if (claim->kind == ClaimKind::synthetic && claim->host == known->host && may_be_older && !left_by_other)
        replaced.push_back(claim->id);
    }
  }
  for (ClaimId id : replaced) {
    if (snapshot_.claim(id) != nullptr) change(DropClaim{id});
  }
}

// accept = ["executor_terminal+10m"]: weaker grounds that an operator chose; each says that it was an
// assumption.
void Engine::apply_assumptions(Now now) {
  if (!observed_.view_complete) return;  // due when it is
  std::vector<ClaimId> due;
  for (const auto& [id, at] : assumptions_due_) {
    if (at <= now.at) due.push_back(id);
  }
  for (ClaimId id : due) {
    assumptions_due_.erase(id);
    const Claim* claim = snapshot_.claim(id);
    if (claim == nullptr || claim->wanted || claim->liveness == Liveness::dead) continue;
    const LivenessRow& row = liveness_row({.said = Said::ground_accepted});
    prove_dead(*claim, *row.evidence, std::string(row.text), row.assumption, now.wall, now);
  }
}

}  // namespace extvold::reconcilers
