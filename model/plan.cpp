#include "model/plan.h"

#include <fmt/format.h>

#include "model/snapshot.h"

namespace extvold {
namespace {

std::string volume_name(const Snapshot& snapshot, VolumeId id) {
  const VolumeEntry* entry = snapshot.volume(id);
  return entry == nullptr ? fmt::format("#{}", id.value) : entry->volume.name;
}

}  // namespace

std::string host_name(const Snapshot& snapshot, HostId host) {
  const Host* row = snapshot.host(host);
  return row == nullptr ? std::string("(unknown host)") : row->name;
}

std::string describe(const Operation& operation, const Snapshot& snapshot) {
  const std::string volume = volume_name(snapshot, operation.volume);
  switch (operation.kind) {
    case OperationKind::create: {
      const VolumeEntry* entry = snapshot.volume(operation.volume);
      if (entry == nullptr) return fmt::format("create volume {}", volume);
      return fmt::format("create volume {} of {} MB in {}", volume, entry->volume.size_mb,
                         to_text(entry->volume.pool));
    }
    case OperationKind::format:
      return fmt::format("format volume {} on {}", volume, host_name(snapshot, operation.host));
    case OperationKind::attach:
      return fmt::format("attach volume {} to {}", volume, host_name(snapshot, operation.host));
    case OperationKind::detach:
      return fmt::format("detach volume {} from {}", volume, host_name(snapshot, operation.host));
    case OperationKind::remove:
      return fmt::format("remove volume {}", volume);
    case OperationKind::resize: {
      const VolumeEntry* entry = snapshot.volume(operation.volume);
      if (entry == nullptr || entry->volume.wanted_size_mb == 0) return fmt::format("grow volume {}", volume);
      return fmt::format("grow volume {} from {} MB to {} MB", volume, entry->volume.size_mb,
                         entry->volume.wanted_size_mb);
    }
  }
  return {};
}

std::string describe(const MesosOperation& operation, const Snapshot& snapshot) {
  const Agent* agent = snapshot.agent(operation.agent);
  return fmt::format(
      "{} agent {}{}", to_text(operation.kind, operation.request), operation.agent.value,
      agent == nullptr || agent->hostname.empty() ? "" : fmt::format(" ({})", agent->hostname));
}

std::string describe(const Fence& fence, const Snapshot& snapshot) {
  const std::string host = host_name(snapshot, fence.host);
  switch (fence.rung) {
    case FenceRung::volume:
      return fmt::format("fence {} from volume {} (as {} at {})", host, volume_name(snapshot, fence.volume),
                         fence.target, fence.provider.value);
    case FenceRung::host:
      return fmt::format("fence {} from everything at {} (as {})", host, fence.provider.value, fence.target);
    case FenceRung::power:
      return fmt::format("switch {} off", host);
    case FenceRung::operator_:
      break;
  }
  return {};
}

std::string to_text(const Plan& plan, const Snapshot& snapshot, Instant now) {
  std::string out;
  for (std::size_t i = 0; i < plan.operations.size(); ++i) {
    const PlannedOperation& one = plan.operations[i];
    out += fmt::format("{} {} ({})", i + 1, describe(one.operation, snapshot), one.operation.cause);
    for (std::size_t k = 0; k < one.after.size(); ++k)
      out += fmt::format("{}{}", k == 0 ? " after " : ", ", one.after[k] + 1);
    if (!one.waits_for.empty()) out += fmt::format(" waits for {}", one.waits_for);
    out += '\n';
  }
  for (const Fence& one : plan.fences) out += fmt::format("{} ({})\n", describe(one, snapshot), one.cause);
  for (const MesosOperation& one : plan.mesos_operations) {
    out += fmt::format("under way: {} [{}]{}\n", describe(one, snapshot), to_text(one.state),
                       one.error.empty() ? "" : fmt::format(": {}", one.error));
  }
  for (const BlockedRow& one : plan.blocked) {
    out += "blocked";
    if (one.volume) out += fmt::format(" {}", volume_name(snapshot, one.volume));
    if (one.host) out += fmt::format(" on {}", host_name(snapshot, one.host));
    out += fmt::format(" [{}; {} must act]: {}\n", one.reason, to_text(one.owner), one.text);
  }
  if (plan.operations.empty() && plan.mesos_operations.empty() && plan.fences.empty() && plan.blocked.empty())
    out += "nothing to do\n";
  if (plan.next_look != kNever)
    out += fmt::format("next look in {} ms\n", (plan.next_look - now).ns / 1'000'000);
  return out;
}

}  // namespace extvold
