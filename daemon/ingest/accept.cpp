#include "daemon/ingest/accept.h"

#include <charconv>

namespace extvold::ingest {

namespace {

template <typename Id>
Status required(const Id& id, std::string_view message, std::string_view field) {
  if (!id.empty()) return {};
  return fail(Errc::corrupt, "{}: no {}", message, field);
}

}  // namespace

Status accept(const TaskRecord& task) {
  TRY(required(task.framework, "task", "framework_id"));
  TRY(required(task.task, "task", "task_id"));
  return required(task.agent, "task", "agent_id");
}

Status accept(const TaskUpdated& update) {
  TRY(required(update.framework, "task_updated", "framework_id"));
  return required(update.task, "task_updated", "status.task_id");
}

Status accept(const AgentRecord& agent) { return required(agent.agent, "agent", "agent_info.id"); }

Status accept(const FrameworkRecord& framework) {
  return required(framework.framework, "framework", "framework_info.id");
}

Status accept(const ExecutorRecord& executor) {
  TRY(required(executor.framework, "executor", "framework_id"));
  TRY(required(executor.executor, "executor", "executor_id"));
  return required(executor.agent, "executor", "agent_id");
}

Status accept(const AgentContainer& container) {
  return required(container.container, "container", "container_id");
}

Status accept(const AgentId& agent) { return required(agent, "agent_removed", "agent_id"); }

Status accept(const RegistryAgentSeen& entry) { return required(entry.agent, "registry", "id"); }

Status accept(const FrameworkId& framework) {
  return required(framework, "framework_removed", "framework_info.id");
}

std::string_view address_of_pid(std::string_view pid) {
  const std::size_t at = pid.rfind('@');
  if (at == std::string_view::npos) return {};
  const std::string_view address = pid.substr(at + 1);
  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return {};
  const std::string_view host = address.substr(0, colon);
  const std::string_view port = address.substr(colon + 1);
  // libprocess writes an IP, never a name.
  const std::string_view allowed = host.front() == '[' ? "[]0123456789abcdefABCDEF:." : "0123456789.";
  if (host.find_first_not_of(allowed) != std::string_view::npos) return {};
  unsigned number = 0;
  const auto parsed = std::from_chars(port.data(), port.data() + port.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != port.data() + port.size() || number == 0 || number > 65535)
    return {};
  return address;
}

}  // namespace extvold::ingest
