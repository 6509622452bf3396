#include "daemon/ingest/element_decoder.h"

#include <charconv>

namespace extvold::ingest {

namespace {

Status append_task(RecordCodec& codec, std::string_view json, TaskList list, ElementOrigin origin,
                   std::vector<MesosEvent>& out) {
  return append_event<TaskSeen>(out, [&](TaskSeen& event) {
    event.origin = origin;
    event.list = list;
    return codec.read_task(json, event.task);
  });
}

Status append_framework(RecordCodec& codec, std::string_view json, bool completed, ElementOrigin origin,
                        std::vector<MesosEvent>& out) {
  return append_event<FrameworkSeen>(out, [&](FrameworkSeen& event) {
    event.origin = origin;
    event.completed = completed;
    return codec.read_framework(json, event.framework);
  });
}

Status append_agent(RecordCodec& codec, std::string_view json, bool recovered, ElementOrigin origin,
                    std::vector<MesosEvent>& out) {
  return append_event<AgentSeen>(out, [&](AgentSeen& event) {
    event.origin = origin;
    return recovered ? codec.read_recovered_agent(json, event) : codec.read_agent(json, event);
  });
}

Status append_executor(RecordCodec& codec, std::string_view json, ElementOrigin origin,
                       std::vector<MesosEvent>& out) {
  return append_event<ExecutorSeen>(out, [&](ExecutorSeen& event) {
    event.origin = origin;
    return codec.read_executor(json, event.executor);
  });
}

Status append_registry_agent(RecordCodec& codec, std::string_view json, RegistryList list,
                             std::vector<MesosEvent>& out) {
  return append_event<RegistryAgentSeen>(out, [&](RegistryAgentSeen& event) {
    event.list = list;
    return codec.read_registry_agent(json, event);
  });
}

}  // namespace

Status decode_element(RecordCodec& codec, Place place, std::string_view json, ElementOrigin origin,
                      std::vector<MesosEvent>& out) {
  if (place == Place::task) return append_task(codec, json, TaskList::tasks, origin, out);
  if (place == Place::unreachable_task)
    return append_task(codec, json, TaskList::unreachable_tasks, origin, out);
  if (place == Place::completed_task) return append_task(codec, json, TaskList::completed_tasks, origin, out);
  if (place == Place::executor) return append_executor(codec, json, origin, out);
  if (place == Place::framework) return append_framework(codec, json, false, origin, out);
  if (place == Place::completed_framework) return append_framework(codec, json, true, origin, out);
  if (place == Place::agent) return append_agent(codec, json, false, origin, out);
  if (place == Place::recovered_agent) return append_agent(codec, json, true, origin, out);
  if (place == Place::unreachable_agent)
    return append_registry_agent(codec, json, RegistryList::unreachable, out);
  if (place == Place::gone_agent) return append_registry_agent(codec, json, RegistryList::gone, out);
  if (place == Place::window)
    return append_event<MaintenanceSeen>(out, [&](auto& event) { return codec.read_window(json, event); });
  if (place == Place::draining_machine) {
    return append_event<MaintenanceSeen>(
        out, [&](auto& event) { return codec.read_draining_machine(json, event); });
  }
  if (place == Place::down_machine)
    return append_event<MaintenanceSeen>(out, [&](auto& event) { return codec.read_machine(json, event); });
  return fail(Errc::corrupt, "{} is no list of a master's answer", to_text(place));
}

std::string_view plain_text(std::string_view json) {
  if (json.size() < 2 || json.front() != '"' || json.back() != '"') return {};
  const std::string_view text = json.substr(1, json.size() - 2);
  return text.find('\\') == std::string_view::npos ? text : std::string_view();
}

std::optional<double> plain_number(std::string_view json) {
  double number = 0;
  const auto parsed = std::from_chars(json.data(), json.data() + json.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != json.data() + json.size()) return std::nullopt;
  return number;
}

}  // namespace extvold::ingest
