#include "bench/ledger_rows.h"

namespace extvold::bench {
namespace {

constexpr std::int64_t kTime = 1'700'000'000'000'000'000;

std::uint64_t mix(std::uint64_t n) {
  n = (n ^ (n >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  n = (n ^ (n >> 27U)) * 0x94D049BB133111EBULL;
  return n ^ (n >> 31U);
}

std::string uuid(std::uint64_t n) {
  const std::uint64_t a = mix(n + 1);
  const std::uint64_t b = mix(a);
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", a >> 32U, (a >> 16U) & 0xFFFFU, a & 0xFFFFU,
                     b >> 48U, b & 0xFFFFFFFFFFFFU);
}

AgentId agent_id(std::size_t n) { return AgentId(fmt::format("{}-S{}", uuid(0), n)); }
FrameworkId framework_id(std::size_t n) { return FrameworkId(fmt::format("{}-{:04}", uuid(0), n % 4)); }
TaskId task_id(std::size_t n) { return TaskId(fmt::format("service-{:03}.{}", n % 500, uuid(n))); }
ContainerId container_id(std::size_t n) { return ContainerId(uuid(n + 1'000'000'000)); }
HostId host_of(std::size_t n, std::size_t hosts) { return {static_cast<std::int64_t>(n % hosts) + 1}; }

}  // namespace

std::vector<Change> host_rows(std::size_t hosts) {
  std::vector<Change> out;
  for (std::size_t n = 0; n < hosts; ++n) {
    Host host;
    host.id = host_of(n, hosts);
    host.name = fmt::format("node-{:05}.example.net", n);
    out.emplace_back(host);
    Agent agent;
    agent.id = agent_id(n);
    agent.host = host.id;
    agent.hostname = host.name;
    agent.address = fmt::format("10.{}.{}.{}:5051", n / 65536, n / 256 % 256, n % 256);
    agent.version = "1.11.0";
    agent.state = AgentState::registered;
    agent.attributes = "rack:r1\next-storage-inst1:scaleio~row8~pool-hdd";
    out.emplace_back(std::move(agent));
  }
  return out;
}

Volume volume_row(std::size_t n) {
  Volume v;
  v.id = {static_cast<std::int64_t>(n) + 1};
  v.name = fmt::format("volume-{:06}", n);
  v.key = derived_name("xv-", v.name);
  v.provider_ref = fmt::format("/var/lib/extvold/row8/{}", v.key);
  v.pool = {ProviderName("scaleio~row8"), "pool-hdd"};
  v.size_mb = 10'240;
  v.filesystem = Filesystem::ext4;
  v.state = VolumeState::available;
  v.format = FormatState::formatted;
  v.created_generation = {1, 1};
  v.created_at = {kTime};
  return v;
}

Attachment attachment_row(std::size_t n, std::size_t hosts) {
  Attachment a;
  a.volume = {static_cast<std::int64_t>(n) + 1};
  a.host = host_of(n, hosts);
  a.state = AttachmentState::attached;
  a.generation = {1, static_cast<std::int64_t>(n) + 1};
  a.device = fmt::format("/dev/scini{}", n % 64);
  a.host_identity = uuid(n % hosts);
  a.boot_id = uuid(n % hosts + 7);
  a.changed_at = {kTime};
  return a;
}

TaskRow task_row(std::size_t n, std::size_t hosts) {
  TaskRow t;
  t.framework = framework_id(n);
  t.task = task_id(n);
  t.agent = agent_id(n % hosts);
  t.name = fmt::format("service-{:03}", n % 500);
  t.state = TaskState::task_staging;
  t.source = StatusSource::source_none;
  t.container = container_id(n);
  t.view_epoch = 1;
  return t;
}

Claim claim_row(std::size_t n, std::size_t hosts) {
  Claim c;
  c.id = {static_cast<std::int64_t>(n) + 1};
  c.volume = {static_cast<std::int64_t>(n) + 1};
  c.host = host_of(n, hosts);
  c.agent = agent_id(n % hosts);
  c.framework = framework_id(n);
  c.task = task_id(n);
  c.container = container_id(n);
  c.reference = {ReferenceSpelling::docker_volume, "rexray", fmt::format("volume-{:06}", n), "/data", false};
  c.task_state = TaskState::task_staging;
  c.wanted = true;
  c.liveness = Liveness::live;
  c.liveness_why = "claim.seen: the task is in the master's list";
  c.first_seen_sequence = 1;
  c.began_sequence = 1;
  return c;
}

TaskStateChange task_update(std::size_t n, TaskState state) {
  return {framework_id(n),
          task_id(n),
          {},
          state,
          StatusSource::source_executor,
          "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED",
          container_id(n)};
}

ClaimStateChange claim_update(std::size_t n, TaskState state) {
  return {{static_cast<std::int64_t>(n) + 1},
          state,
          true,
          Liveness::live,
          "claim.update: the executor says that it runs",
          {},
          container_id(n)};
}

}  // namespace extvold::bench
