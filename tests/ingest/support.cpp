#include "tests/ingest/support.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

namespace extvold::ingest::tests {

namespace {

const std::filesystem::path kRecordings = std::filesystem::path(EXTVOLD_SOURCE_DIR) / "tests/data/mesos";

std::string text(const VolumeReference& v) {
  return fmt::format("[{} driver={} name={} path={} ro={}]", to_text(v.spelling), v.driver, v.name,
                     v.container_path, v.read_only);
}

std::string text(const std::vector<VolumeReference>& volumes) {
  std::string out;
  for (const VolumeReference& one : volumes) out += text(one);
  return out;
}

std::string text(const TaskStatus& s) {
  return fmt::format(
      "({} {} reason={} message={} agent={} executor={} container={} parent={} uuid={} unreachable={})",
      to_text(s.state), to_text(s.source), s.reason, s.message, s.agent.value, s.executor.value,
      s.container.value, s.parent_container.value, s.uuid, s.unreachable_time_set);
}

std::string text(const TaskRecord& t) {
  return fmt::format("framework={} task={} agent={} executor={} name={} {} {} status={} volumes={}",
                     t.framework.value, t.task.value, t.agent.value, t.executor.value, t.name,
                     to_text(t.state), to_text(t.containerizer),
                     t.last_status ? text(*t.last_status) : "none", text(t.volumes));
}

std::string text(const ExecutorRecord& e) {
  return fmt::format("framework={} executor={} agent={} {} volumes={}", e.framework.value, e.executor.value,
                     e.agent.value, to_text(e.containerizer), text(e.volumes));
}

using Pairs = std::vector<std::pair<std::string, std::string>>;

std::string text(const Pairs& pairs) {
  std::string out;
  for (const auto& [key, value] : pairs) out += fmt::format("{}={};", key, value);
  return out;
}

std::string text(const AgentSeen& seen) {
  const AgentRecord& a = seen.agent;
  std::string out = fmt::format(
      "agent={} hostname={} address={} version={} active={} deactivated={} drain={} attributes={} hash={:x} "
      "{} recovered={}",
      a.agent.value, a.hostname, a.address, a.version, a.active, a.deactivated, a.drain_state,
      text(a.attributes), a.resources_hash, to_text(seen.origin), seen.recovered);
  if (!seen.reservations) return out;
  for (const ReservationRecord& r : *seen.reservations) {
    out +=
        fmt::format(" {{agent={} role={} resource={} persistence={} path={} source={} amount={} labels={}}}",
                    r.agent.value, r.role, r.resource, r.persistence_id, r.container_path, r.disk_source,
                    r.amount_milli, text(r.labels));
  }
  return out;
}

struct EventText {
  std::string operator()(const SubscriptionOpened& e) const { return fmt::format("opened {}", e.master); }
  std::string operator()(const SubscriptionClosed& e) const { return fmt::format("closed {}", e.why); }
  std::string operator()(const SnapshotBegan&) const { return "snapshot began"; }
  std::string operator()(const SnapshotEnded& e) const {
    return fmt::format("snapshot ended, heartbeat {} ns", e.heartbeat_interval.ns);
  }
  std::string operator()(const HeartbeatSeen&) const { return "heartbeat"; }
  std::string operator()(const TaskSeen& e) const {
    return fmt::format("task {} {} {}", to_text(e.origin), to_text(e.list), text(e.task));
  }
  std::string operator()(const TaskUpdated& e) const {
    return fmt::format("task updated framework={} task={} {} {}", e.framework.value, e.task.value,
                       to_text(e.state), text(e.status));
  }
  std::string operator()(const AgentSeen& e) const { return text(e); }
  std::string operator()(const AgentRemoved& e) const {
    return fmt::format("agent removed {}", e.agent.value);
  }
  std::string operator()(const FrameworkSeen& e) const {
    const FrameworkRecord& f = e.framework;
    return fmt::format(
        "framework={} name={} principal={} active={} connected={} checkpoint={} {} completed={}",
        f.framework.value, f.name, f.principal, f.active, f.connected, f.checkpoint, to_text(e.origin),
        e.completed);
  }
  std::string operator()(const FrameworkRemoved& e) const {
    return fmt::format("framework removed {}", e.framework.value);
  }
  std::string operator()(const ExecutorSeen& e) const {
    return fmt::format("executor {} {}", to_text(e.origin), text(e.executor));
  }
  std::string operator()(const PollBegan& e) const { return fmt::format("poll {} began", to_text(e.call)); }
  std::string operator()(const PollEnded& e) const { return fmt::format("poll {} ended", to_text(e.call)); }
  std::string operator()(const PollFailed& e) const { return fmt::format("poll failed {}", e.why); }
  std::string operator()(const MasterSeen& e) const {
    return fmt::format("master {} elected {} version {}", e.master_id, e.elected_time, e.version);
  }
  std::string operator()(const MasterMetricsSeen& e) const {
    return fmt::format("metrics tasks={} agents={}", e.tasks_running, e.agents_active);
  }
  std::string operator()(const RegistryAgentSeen& e) const {
    return fmt::format("registry {} agent={} since={}", to_text(e.list), e.agent.value, e.since.ns);
  }
  std::string operator()(const MaintenanceSeen& e) const {
    std::string out = fmt::format("maintenance {} start={}", to_text(e.state), e.start.ns);
    for (const MachineId& one : e.machines) out += fmt::format(" ({}, {})", one.hostname, one.ip);
    return out;
  }
  std::string operator()(const AgentApiRead& e) const {
    std::string out = fmt::format("agent api expected={} address={} first={} second={} errors={}",
                                  e.expected.value, e.address, e.first_answer.value, e.second_answer.value,
                                  e.container_destroy_errors ? *e.container_destroy_errors : -1);
    for (const AgentContainer& c : e.containers) {
      out += fmt::format(" container({} parent={} framework={} executor={})", c.container.value,
                         c.parent.value, c.framework.value, c.executor.value);
    }
    for (const ExecutorRecord& one : e.executors) out += " executor(" + text(one) + ")";
    for (const ExecutorRecord& one : e.completed_executors) out += " completed(" + text(one) + ")";
    return out;
  }
  std::string operator()(const AgentApiFailed& e) const { return fmt::format("agent api failed {}", e.why); }
  std::string operator()(const UnknownSkipped& e) const { return fmt::format("unknown {}", e.what); }
};

}  // namespace

std::string read_recorded(const std::string& path) {
  std::ifstream in(kRecordings / path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::vector<std::string> scenarios() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kRecordings)) {
    if (entry.is_directory()) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> recorded_files(const std::string& scenario, std::string_view part) {
  std::vector<std::string> files;
  for (const char* const folder : {"polls", "watch"}) {
    for (const auto& entry : std::filesystem::directory_iterator(kRecordings / scenario / folder)) {
      const std::string name = entry.path().filename().string();
      if (name.find(part) != std::string::npos)
        files.push_back(fmt::format("{}/{}/{}", scenario, folder, name));
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<RecordedConnection> recorded_connections() {
  std::vector<RecordedConnection> all;
  for (const std::string& scenario : scenarios()) {
    const std::string stream = read_recorded(scenario + "/stream.recordio");
    std::map<int, RecordedConnection> connections;
    std::ifstream index(kRecordings / scenario / "stream.index");
    for (std::string line; std::getline(index, line);) {
      const auto row = nlohmann::json::parse(line, nullptr, false);
      if (!row.contains("offset")) continue;
      RecordedConnection& one = connections[row["connection"].get<int>()];
      one.pieces.push_back(row["length"].get<std::size_t>());
      one.bytes += stream.substr(row["offset"].get<std::size_t>(), one.pieces.back());
    }
    for (auto& [number, connection] : connections) {
      connection.scenario = scenario;
      connection.number = number;
      all.push_back(std::move(connection));
    }
  }
  return all;
}

std::string event_text(const MesosEvent& event) { return std::visit(EventText{}, event); }

std::vector<std::string> event_texts(const std::vector<MesosEvent>& events) {
  std::vector<std::string> out;
  out.reserve(events.size());
  for (const MesosEvent& event : events) out.push_back(event_text(event));
  return out;
}

std::string framed(std::string_view record) { return fmt::format("{}\n{}", record.size(), record); }

std::string subscribed(std::string_view tasks, std::string_view executors, std::string_view frameworks,
                       std::string_view agents) {
  return fmt::format(
      R"({{"type":"SUBSCRIBED","subscribed":{{"get_state":{{"get_tasks":{{{}}},"get_executors":{{{}}},)"
      R"("get_frameworks":{{{}}},"get_agents":{{{}}}}},"heartbeat_interval_seconds":15.0}}}})",
      tasks, executors, frameworks, agents);
}

Decoded decode(std::string_view bytes, std::size_t piece, Limits limits) {
  Decoded out;
  RecordDecoder decoder(out.counters, limits);
  std::vector<MesosEvent> events;
  Status done;
  for (std::size_t at = 0; at < bytes.size() && done;) {
    const std::size_t n = piece == 0 ? bytes.size() : std::min(piece, bytes.size() - at);
    // A copy of exactly that size: a sanitizer then sees every read beyond it.
    const std::vector<char> exact(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                                  bytes.begin() + static_cast<std::ptrdiff_t>(at + n));
    done = decoder.push({exact.data(), exact.size()}, events);
    at += n;
  }
  if (done) done = decoder.finish();
  if (!done) {
    out.error = done.error().message;
    out.code = done.error().code;
  }
  out.events = event_texts(events);
  return out;
}

Decoded decode_records(const std::vector<std::string>& records) {
  std::string bytes = framed(subscribed());
  for (const std::string& record : records) bytes += framed(record);
  Decoded out = decode(bytes);
  if (out.events.size() >= 2) out.events.erase(out.events.begin(), out.events.begin() + 2);
  return out;
}

}  // namespace extvold::ingest::tests
