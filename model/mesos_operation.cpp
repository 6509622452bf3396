#include "model/mesos_operation.h"

#include <fmt/format.h>

namespace extvold {

OperationId operation_id(std::string_view ledger_id, MesosOperationKind kind, const AgentId& agent,
                         Generation generation) {
  return OperationId(derived_name(
      "op-", fmt::format("{}/{}/agent/{}/{}", ledger_id, to_text(kind), agent.value, to_text(generation))));
}

std::string scalar_text(std::int64_t milli) {
  std::string out = fmt::format("{}{}", milli < 0 ? "-" : "", (milli < 0 ? -milli : milli) / 1000);
  const std::int64_t rest = (milli < 0 ? -milli : milli) % 1000;
  if (rest == 0) return out;
  out += fmt::format(".{:03}", rest);
  while (out.back() == '0') out.pop_back();
  return out;
}

std::string to_text(MesosOperationKind kind, const MesosRequest& request) {
  switch (kind) {
    case MesosOperationKind::reserve_resources:
      return fmt::format("reserve {} of {} for role {}", scalar_text(request.amount_milli), request.resource,
                         request.role);
    case MesosOperationKind::unreserve_resources:
      return fmt::format("give back {} of {} reserved for role {}", scalar_text(request.amount_milli),
                         request.resource, request.role);
    case MesosOperationKind::create_volumes:
      return fmt::format("create persistent volume {} of {} MB for role {}", request.persistence_id,
                         scalar_text(request.amount_milli), request.role);
    case MesosOperationKind::destroy_volumes:
      return fmt::format("destroy persistent volume {} of role {}", request.persistence_id, request.role);
    case MesosOperationKind::deactivate_agent:
      return "deactivate";
    case MesosOperationKind::reactivate_agent:
      return "reactivate";
    case MesosOperationKind::drain_agent:
      return request.mark_gone ? "drain, then mark gone" : "drain";
    case MesosOperationKind::mark_agent_gone:
      return "mark gone";
  }
  return {};
}

}  // namespace extvold
