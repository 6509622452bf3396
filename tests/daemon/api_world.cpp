#include "tests/daemon/api_world.h"

#include <stdlib.h>

#include <catch2/catch.hpp>
#include <filesystem>

namespace extvold::tests {
namespace {

constexpr WallTime kThen{1'767'222'000'000'000'000};  // an hour before FixedClock

Volume volume(std::int64_t id, std::string name, std::int64_t size_mb) {
  Volume row;
  row.id = {id};
  row.name = std::move(name);
  row.key = derived_name("xv-", row.name);
  row.provider_ref = row.key + ".img";
  row.pool = {ProviderName("local~laptop"), "hdd"};
  row.size_mb = size_mb;
  row.filesystem = Filesystem::ext4;
  row.format = FormatState::formatted;
  row.state = VolumeState::available;
  row.created_generation = {1, 1};
  row.created_at = kThen;
  return row;
}

Agent agent(std::string id, std::int64_t host, std::string hostname, AgentState state) {
  Agent row;
  row.id = AgentId(std::move(id));
  row.host = {host};
  row.hostname = std::move(hostname);
  row.address = "127.0.0.1:5051";
  row.version = "1.11.0";
  row.state = state;
  return row;
}

Claim claim(std::int64_t id, std::int64_t volume, std::string agent, std::string task) {
  Claim row;
  row.id = {id};
  row.volume = {volume};
  row.agent = AgentId(std::move(agent));
  row.framework = FrameworkId("F1");
  row.task = TaskId(std::move(task));
  row.container = ContainerId("c-" + row.task.value);
  row.reference = {ReferenceSpelling::docker_volume, "rexray", "pgdata", "/data", false};
  row.task_state = TaskState::task_running;
  row.wanted = true;
  row.liveness = Liveness::live;
  row.liveness_why = "Mesos says task_running";
  row.first_seen_sequence = id;
  return row;
}

Batch cluster() {
  Batch batch;
  batch.at = kThen;
  const auto put = [&](Change change) { batch.changes.push_back(std::move(change)); };
  put(Host{{1}, "a1", "boot-1", HoldState::inherit, false, "", {}, false});
  put(Host{{2}, "a2", "", HoldState::held, false, "", {}, false});
  put(agent("S1", 1, "a1", AgentState::absent));
  put(agent("S2", 2, "a2", AgentState::registered));
  put(Framework{FrameworkId("F1"), "marathon", "", true, true, true, false});
  put(Pool{{ProviderName("local~laptop"), "hdd"}, 100'000, 90'000, 0, kThen});
  put(volume(1, "pgdata", 10'240));
  put(volume(2, "logs", 512));
  Volume waiting = volume(3, "new", 1'536);
  waiting.state = VolumeState::planned;
  waiting.format = FormatState::wanted;
  put(waiting);
  put(MesosView{3, "m1", "1767000000.5", "1.11.0"});
  Counters counters;
  counters.next_host = 3;
  counters.next_volume = 4;
  counters.next_claim = 4;
  counters.next_generation = 3;
  put(counters);
  put(HistoryEntry{.kind = "volume.ordered",
                   .volume = {1},
                   .rule = "order.create",
                   .text = "create pgdata of 10240 MB in local~laptop~hdd",
                   .user_uid = 1000});
  return batch;
}

Batch partition() {
  Batch batch;
  batch.at = {kThen.ns + seconds(60).ns};
  const auto put = [&](Change change) { batch.changes.push_back(std::move(change)); };
  Operation attach;
  attach.kind = OperationKind::attach;
  attach.volume = {1};
  attach.host = {1};
  attach.generation = {1, 1};
  attach.id = OperationId("op-aaaaaaaaaaaaaaaaaaaaaaaaaa");
  attach.rule = "attach.wanted_claim";
  attach.cause = "wanted by task pg.1 of marathon";
  attach.recorded_at = batch.at;
  put(attach);
  Attachment row;
  row.volume = {1};
  row.host = {1};
  row.state = AttachmentState::attached;
  row.generation = {1, 1};
  row.device = "/dev/loop7";
  row.host_identity = "a1";
  row.boot_id = "boot-1";
  row.changed_at = batch.at;
  put(row);
  attach.state = OperationState::done;
  attach.outcome = Outcome::changed;
  attach.ended_at = batch.at;
  Claim old = claim(1, 1, "S1", "pg.1");
  old.wanted = false;
  old.liveness = Liveness::unknown;
  old.task_state = TaskState::task_lost;
  old.liveness_why = "task_lost is the master's bookkeeping (REASON_SLAVE_REMOVED), not the container's end";
  put(old);
  put(claim(2, 1, "S2", "pg.2"));
  Claim odd = claim(3, 0, "S2", "web\x1b[31m.1");
  odd.volume = {};
  odd.unresolved = Unresolved::unmapped_driver;
  odd.reference.driver = "glusterfs";
  odd.reference.name = "shared/web";
  put(odd);
  Operation issued = attach;
  issued.state = OperationState::issued;
  issued.ended_at = {};
  issued.outcome = Outcome::none;
  put(issued);
  put(attach);
  put(BlockedRow{{1},
                 {2},
                 "waits_for_unknown_claim",
                 Owner::operator_,
                 "task pg.2 of marathon on a2 waits: volume pgdata is attached to a1",
                 batch.at,
                 {}});
  put(HistoryEntry{.kind = "operation.done",
                   .volume = {1},
                   .host = {1},
                   .operation = attach.id,
                   .rule = attach.rule,
                   .text = "attach volume pgdata to a1: changed"});
  put(HistoryEntry{.kind = "volume.blocked",
                   .volume = {1},
                   .host = {2},
                   .rule = "waits_for_unknown_claim",
                   .text = "task pg.2 of marathon on a2 waits: volume pgdata is attached to a1"});
  return batch;
}

}  // namespace

TempFolder::TempFolder() {
  path_ = (std::filesystem::temp_directory_path() / "extvold-test-XXXXXX").string();
  REQUIRE(::mkdtemp(path_.data()) != nullptr);
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Policy small_policy() {
  Policy policy;
  ProviderInfo provider;
  provider.name = ProviderName("local~laptop");
  provider.pools = {"hdd"};
  provider.capabilities = {true, true, true, true, false, false, true, true};
  provider.reach_all = true;
  provider.format_host = "a1";
  policy.providers.push_back(provider);
  DriverMapping driver;
  driver.driver = "rexray";
  driver.provider = provider.name;
  policy.drivers.push_back(driver);
  return policy;
}

void make_small_ledger(const std::string& path) {
  ledger::OpenOptions options;
  options.now = kThen;
  auto ledger = ledger::Ledger::open(path, options);
  if (!ledger) FAIL(ledger.error().message);
  for (Batch batch : {cluster(), partition()}) {
    batch.sequence = {(*ledger)->sequence().value + 1};
    const auto committed = (*ledger)->commit(batch);
    if (!committed) FAIL(committed.error().message);
  }
}

}  // namespace extvold::tests
