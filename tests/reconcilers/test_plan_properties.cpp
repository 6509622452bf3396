// What must hold of a plan in every state, however unlikely.
#include <fmt/format.h>
#include <rapidcheck.h>
#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

#include "reconcilers/planner.h"
#include "tests/lib/random_state.h"

namespace extvold {
namespace {

using reconcilers::plan;
using tests::random_state;
using tests::RandomState;

const PlannedOperation* detach_before(const Plan& plan, const PlannedOperation& attach, HostId host) {
  for (std::size_t index : attach.after) {
    const PlannedOperation& other = plan.operations[index];
    if (other.operation.kind == OperationKind::detach && other.operation.volume == attach.operation.volume &&
        other.operation.host == host)
      return &other;
  }
  return nullptr;
}

bool counts(const Evidence& evidence, const Attachment& attachment) {
  return evidence.host == attachment.host && evidence.attachment_generation == attachment.generation;
}

// DESIGN.md section 4, "what permits an attach", written once more and independently of the planner.
bool is_released(const Snapshot& state, const Observed& observed, Instant now, const VolumeEntry& entry,
                 const Attachment& attachment, bool detach_enforced) {
  const auto proven = [&](std::set<EvidenceKind> kinds) {
    return std::any_of(entry.evidence.begin(), entry.evidence.end(), [&](const Evidence* one) {
      return counts(*one, attachment) && kinds.contains(one->kind);
    });
  };
  // A fence counts while a look of this run shows it; one that switched the host off wants a detach beside
  // it.
  const auto fenced = [&](bool with_power) {
    return std::any_of(entry.evidence.begin(), entry.evidence.end(), [&](const Evidence* one) {
      const Fence* fence = state.fence(one->fence);
      const FenceView* view = observed.fence(one->fence);
      return counts(*one, attachment) && one->kind == EvidenceKind::fenced && fence != nullptr &&
             fence->state == FenceState::held && (with_power || fence->rung != FenceRung::power) &&
             view != nullptr && view->checked_at.ns != 0 && view->good_until > now;
    });
  };
  if (proven({EvidenceKind::operator_}) || fenced(false)) return true;
  if (attachment.state != AttachmentState::detached || !attachment.read_back) return false;
  return detach_enforced || fenced(true) ||
         proven({EvidenceKind::host_unmounted, EvidenceKind::host_rebooted});
}

// The world after an operation that succeeded and was read back.
void succeed(Snapshot& snapshot, Observed& observed, const Policy& policy, const Operation& operation) {
  Volume volume = snapshot.volume(operation.volume)->volume;
  const auto withdraw_format = [&] {
    std::vector<ClaimStateChange> rows;
    for (const Claim* claim : snapshot.volume(volume.id)->claims) {
      if (claim->kind == ClaimKind::format && claim->wanted)
        rows.push_back({claim->id, claim->task_state, false, Liveness::dead, "formatted", {}, {}});
    }
    for (ClaimStateChange& row : rows) snapshot.apply(Change(std::move(row)));
  };
  Attachment attachment;
  if (const Attachment* known = snapshot.volume(volume.id)->attachment(operation.host)) attachment = *known;
  attachment.volume = volume.id;
  attachment.host = operation.host;
  VolumeView& view = observed.volumes[volume.id];
  switch (operation.kind) {
    case OperationKind::create:
      volume.state = VolumeState::available;
      view.present = true;
      snapshot.apply(Change(volume));
      if (volume.format == FormatState::wanted &&
          !policy.provider(volume.pool.provider)->format_host.empty()) {
        Claim claim;
        claim.id = {snapshot.counters.next_claim++};
        claim.kind = ClaimKind::format;
        claim.volume = volume.id;
        claim.host = snapshot.host_by_name(policy.provider(volume.pool.provider)->format_host)->id;
        claim.wanted = true;
        claim.liveness = Liveness::live;
        snapshot.apply(Change(std::move(claim)));
      }
      break;
    case OperationKind::format:
      volume.format = FormatState::formatted;
      snapshot.apply(Change(volume));
      withdraw_format();
      break;
    case OperationKind::attach:
      attachment.state = AttachmentState::attached;
      attachment.read_back = false;
      attachment.generation = {snapshot.ledger.incarnation, snapshot.counters.next_generation++};
      snapshot.apply(Change(attachment));
      break;
    case OperationKind::detach:
      if (operation.rule == reconcilers::kSettlesAttach) {  // read back, it ends the question
        Operation open = *snapshot.volume(volume.id)->open_operation;
        open.state = OperationState::failed;
        snapshot.apply(Change(std::move(open)));
      }
      attachment.state = AttachmentState::detached;
      attachment.read_back = true;
      snapshot.apply(Change(attachment));
      break;
    case OperationKind::remove:
      volume.state = VolumeState::removed;
      view.present = false;
      snapshot.apply(Change(volume));
      break;
    case OperationKind::resize:
      volume.size_mb = volume.wanted_size_mb;
      volume.wanted_size_mb = 0;
      snapshot.apply(Change(volume));
      break;
  }
  view.acted_at = view.sent_at;
  view.sent_at = view.sent_at + Duration{1};
}

bool is_nowhere(const VolumeEntry& entry) {
  return std::all_of(entry.attachments.begin(), entry.attachments.end(),
                     [](const Attachment& one) { return one.state == AttachmentState::detached; });
}

std::string shown(const RandomState& state, const Snapshot& snapshot, const Plan& made) {
  return fmt::format("mode {}\n{}", to_text(state.mode), to_text(made, snapshot, state.now));
}

}  // namespace

TEST_CASE("property: the order in which rows came changes no byte of the plan") {
  CHECK(rc::check([] {
    RandomState state = random_state();
    const Snapshot first = state.snapshot();
    state.shuffle();
    const Snapshot second = state.snapshot();
    const Plan a = plan(first, state.observed, state.now, state.policy);
    const Plan b = plan(second, state.observed, state.now, state.policy);
    RC_ASSERT(to_text(a, first, state.now) == to_text(b, second, state.now));
    RC_ASSERT(a.operations == b.operations);
    RC_ASSERT(a.blocked == b.blocked);
    RC_ASSERT(a.observe == b.observe);
    RC_ASSERT(a.next_look == b.next_look);
  }));
}

// Only rules that the planner may not break whatever it thinks; each operation is judged as if all that it
// comes after had happened, and nothing else.
TEST_CASE("property: every prefix of a plan is safe") {
  CHECK(rc::check([] {
    const RandomState state = random_state();
    const Snapshot snapshot = state.snapshot();
    const Plan made = plan(snapshot, state.observed, state.now, state.policy);
    RC_LOG() << shown(state, snapshot, made);
    for (std::size_t i = 0; i < made.operations.size(); ++i) {
      const PlannedOperation& planned = made.operations[i];
      const Operation& operation = planned.operation;
      const VolumeEntry& entry = *snapshot.volume(operation.volume);
      const bool enforced = state.policy.provider(entry.volume.pool.provider)->capabilities.detach_enforced;
      if (entry.open_operation != nullptr) {  // only the detach that settles it
        RC_ASSERT(entry.open_operation->kind == OperationKind::attach);
        RC_ASSERT(entry.open_operation->state == OperationState::uncertain);
        RC_ASSERT(operation.kind == OperationKind::detach);
        RC_ASSERT(operation.host == entry.open_operation->host);
        continue;
      }
      for (std::size_t index : planned.after) {
        RC_ASSERT(index < i);                   // what it depends on comes before
        RC_ASSERT(!planned.waits_for.empty());  // and it is not ready
      }
      switch (operation.kind) {
        case OperationKind::attach: {
          const Claim* claim = snapshot.claim(operation.claim);
          RC_ASSERT(claim != nullptr);
          RC_ASSERT(claim->wanted);
          RC_ASSERT(claim->liveness == Liveness::live);
          RC_ASSERT(claim->host == operation.host);
          RC_ASSERT(!snapshot.host(operation.host)->quarantined);
          if (entry.volume.access == AccessMode::shared) break;
          const bool readers = entry.volume.access == AccessMode::ro && claim->kind != ClaimKind::format;
          for (const Attachment& other : entry.attachments) {
            if (other.host == operation.host || (readers && other.read_only)) continue;
            const bool follows = enforced && detach_before(made, planned, other.host) != nullptr;
            RC_ASSERT(follows || is_released(snapshot, state.observed, state.now, entry, other, enforced));
          }
          break;
        }
        case OperationKind::detach: {
          const Attachment* attachment = entry.attachment(operation.host);
          RC_ASSERT(attachment != nullptr);
          bool withdrawn_only = true;
          for (const Claim* claim : entry.claims) {
            if (claim->host != operation.host) continue;
            RC_ASSERT(!claim->wanted);
            const bool own = claim->kind == ClaimKind::format || claim->kind == ClaimKind::operator_;
            withdrawn_only = withdrawn_only && own;
            RC_ASSERT(own || claim->liveness == Liveness::dead);
          }
          const bool proven = std::any_of(entry.evidence.begin(), entry.evidence.end(),
                                          [&](const Evidence* one) { return counts(*one, *attachment); });
          RC_ASSERT(withdrawn_only || proven);
          RC_ASSERT(state.observed.view_complete);
          break;
        }
        case OperationKind::format:
          RC_ASSERT(entry.volume.origin == VolumeOrigin::created);
          RC_ASSERT(entry.volume.format != FormatState::formatted);
          RC_ASSERT(entry.volume.format != FormatState::refused);
          RC_ASSERT(entry.attachment(operation.host) != nullptr);
          RC_ASSERT(entry.attachment(operation.host)->state == AttachmentState::attached);
          break;
        case OperationKind::create:
          RC_ASSERT(entry.volume.state == VolumeState::planned);
          break;
        case OperationKind::remove:
          RC_ASSERT(entry.volume.state == VolumeState::removing);
          RC_ASSERT(is_nowhere(entry));
          break;
        case OperationKind::resize: {
          const Capabilities& can = state.policy.provider(entry.volume.pool.provider)->capabilities;
          RC_ASSERT(entry.volume.state == VolumeState::available);
          RC_ASSERT(entry.volume.wanted_size_mb > entry.volume.size_mb);
          RC_ASSERT(can.resize);
          RC_ASSERT((can.resize_attached || is_nowhere(entry)));
          break;
        }
      }
    }
  }));
}

TEST_CASE("property: nothing is ready where a person said hold, or the ledger observes") {
  CHECK(rc::check([] {
    const RandomState state = random_state();
    const Snapshot snapshot = state.snapshot();
    const Plan made = plan(snapshot, state.observed, state.now, state.policy);
    for (const PlannedOperation& planned : made.operations) {
      if (!planned.waits_for.empty()) continue;
      const Volume& volume = snapshot.volume(planned.operation.volume)->volume;
      const Host* host = snapshot.host(planned.operation.host);
      RC_ASSERT(volume.hold != HoldState::held);
      RC_ASSERT((host == nullptr || host->hold != HoldState::held));
      RC_ASSERT(state.policy.observe_only.empty());
      const bool released =
          volume.hold == HoldState::released || (host != nullptr && host->hold == HoldState::released);
      RC_ASSERT(state.mode == Mode::active || released);
    }
  }));
}

TEST_CASE("property: whoever wants a volume and does not have it is told why") {
  CHECK(rc::check([] {
    const RandomState state = random_state();
    const Snapshot snapshot = state.snapshot();
    const Plan made = plan(snapshot, state.observed, state.now, state.policy);
    for (const auto& [id, claim] : snapshot.claims()) {
      if (!claim.volume || !claim.wanted) continue;
      const VolumeEntry& entry = *snapshot.volume(claim.volume);
      // Gone for good, or a call is under way; both speak for themselves.
      if (entry.volume.state == VolumeState::removed || entry.open_operation != nullptr) continue;
      const Attachment* attachment = entry.attachment(claim.host);
      if (attachment != nullptr && attachment->state == AttachmentState::attached) continue;
      const VolumeId volume = claim.volume;
      const auto of_volume = [&](const auto& row) { return row.volume == volume; };
      const bool said = std::any_of(made.blocked.begin(), made.blocked.end(), of_volume) ||
                        std::any_of(made.operations.begin(), made.operations.end(),
                                    [&](const PlannedOperation& one) { return of_volume(one.operation); });
      if (!said)
        RC_LOG() << "volume " << entry.volume.name << ", claim " << id.value << "\n"
                 << shown(state, snapshot, made);
      RC_ASSERT(said);
    }
    for (const BlockedRow& row : made.blocked) {
      RC_ASSERT(!row.reason.empty());
      RC_ASSERT(!row.text.empty());
    }
  }));
}

TEST_CASE("property: what succeeds is not planned again") {
  CHECK(rc::check([] {
    const RandomState state = random_state();
    Snapshot snapshot = state.snapshot();
    // A host of that name, for volumes that become formatable.
    Observed observed = state.observed;
    for (int round = 0; round < 40; ++round) {
      const Plan made = plan(snapshot, observed, state.now, state.policy);
      bool any = false;
      for (const PlannedOperation& planned : made.operations) {
        if (!planned.waits_for.empty()) continue;
        any = true;
        succeed(snapshot, observed, state.policy, planned.operation);
        break;
      }
      if (!any) return;
    }
    RC_FAIL("40 operations and no end");
  }));
}

}  // namespace extvold
