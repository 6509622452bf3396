// The operators' interface: what the views say of a known state. Their columns are documented and only ever
// added to.
#include <catch2/catch.hpp>

#include "tests/ledger/ledger_fixture.h"

namespace extvold::ledger {
namespace {

std::vector<Change> state() {
  std::vector<Change> out = sample_state();
  Agent agent;
  agent.id = AgentId("S1");
  agent.host = {1};
  agent.state = AgentState::registered;
  out.emplace_back(agent);
  Pool pool;
  pool.name = {ProviderName("local~laptop"), "ssd"};
  pool.capacity_mb = 10'000;
  pool.free_mb = 7'000;
  pool.observed_at = kNow;
  out.emplace_back(pool);
  out.emplace_back(Mount{{1}, {1}, "/mnt/vol1"});
  out.emplace_back(sample_evidence(1, EvidenceKind::agent_gone, 1, 1, 1));
  Operation o = sample_operation("op-b", OperationKind::detach, 1, 1, 1);
  o.state = OperationState::uncertain;
  o.cause = "nobody wants it";
  o.error_code = Errc::uncertain;
  o.error = "no answer";
  out.emplace_back(o);
  out.emplace_back(BlockedRow{{2}, {2}, "waits_for_unknown_claim", Owner::operator_, "vol2 waits", kNow, {}});
  return out;
}

}  // namespace

TEST_CASE("The views say what is recorded") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  const auto ledger = open_ledger(path);
  commit(*ledger, state());
  const auto row = [&](const std::string& sql) {
    const auto rows = sql_rows(path, sql);
    return rows.empty() ? std::string("(no row)") : rows.front();
  };
  CHECK(row("SELECT volume, state, pool, size_mb, attached_to, claims_wanted, claims_unknown, operation, "
            "blocked FROM volume_status") == "vol1|available|local~laptop~ssd|1024|h1|1|0|detach uncertain|");
  CHECK(row("SELECT volume, attached_to, claims_wanted, operation, blocked FROM volume_status WHERE volume = "
            "'vol2'") == "vol2||0||waits_for_unknown_claim (operator)");
  CHECK(row("SELECT volume, host, state, generation, mounts, host_identity, evidence, changed_at FROM "
            "attachment_status") == "vol1|h1|attached|1.1|/mnt/vol1|node-1|agent_gone|2023-11-14T22:13:20Z");
  CHECK(row("SELECT volume, host, reason, owner, text, since, next_look FROM blocked") ==
        "vol2|h2|waits_for_unknown_claim|operator|vol2 waits|2023-11-14T22:13:20Z|");
  CHECK(row("SELECT volume, kind, host, state, attempt, cause, error, operation FROM open_operations") ==
        "vol1|detach|h1|uncertain|1|nobody wants it|uncertain: no answer|op-b");
  CHECK(row("SELECT pool, volumes, allocated_mb, capacity_mb, free_mb, drift_mb, iops FROM pool_usage") ==
        "local~laptop~ssd|2|2048|10000|7000|952|");
  CHECK(row("SELECT host, agents, attached, attachments_in_doubt, claims_wanted, claims_unknown FROM "
            "host_status") == "h1|S1 registered|1|0|1|0");
  CHECK(row("SELECT claim, kind, volume, unresolved, host, agent, task, task_state, wanted, liveness, "
            "evidence FROM claim_status") == "1|task|vol1||h1|S1|task1|task_running|1|live|");
  CHECK(row("SELECT at, kind, volume, host, text, rule, operation, sequence FROM timeline") ==
        "2023-11-14T22:13:20Z|attachment.attached|vol1|h1|vol1 is attached to h1|attach.wanted|op-a|1");
}

TEST_CASE("The view of agents says what each is in, by whose word and since when") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  const auto ledger = open_ledger(path);
  Host host;
  host.id = {1};
  host.name = "h1";
  std::vector<Change> rows = {host};
  for (const AgentState state :
       {AgentState::registered, AgentState::disconnected, AgentState::recovered, AgentState::unreachable,
        AgentState::gone, AgentState::absent, AgentState::removed}) {
    Agent agent;
    agent.id = AgentId(fmt::format("S{}", static_cast<int>(state)));
    agent.host = {1};
    agent.state = state;
    rows.emplace_back(agent);
  }
  Agent full;
  full.id = AgentId("T");
  full.hostname = "t.cluster";
  full.address = "10.0.0.7:5051";
  full.version = "1.11.0";
  full.state = AgentState::unreachable;
  full.state_fact = {AgentSource::registry, {1'795'405'662'771'228'928}};
  full.drain_state = "DRAINING";
  full.drain_fact = {AgentSource::get_agents, kNow};
  full.deactivated = true;
  full.deactivated_fact = {AgentSource::snapshot, kNow};
  full.maintenance = Maintenance::draining;
  full.maintenance_start = kNow;
  full.maintenance_fact = {AgentSource::get_maintenance_status, kNow};
  rows.emplace_back(full);
  commit(*ledger, rows);
  CHECK(sql_rows(path, "SELECT * FROM agent_status WHERE agent = 'T'") ==
        std::vector<std::string>{
            "|T|unreachable|2026-11-23T03:47:42Z|registry|DRAINING|2023-11-14T22:13:20Z|get_agents|1|"
            "2023-11-14T22:13:20Z|snapshot|draining|2023-11-14T22:13:20Z|2023-11-14T22:13:20Z|"
            "get_maintenance_status|t.cluster|10.0.0.7:5051|1.11.0|"});
  CHECK(sql_rows(path, "SELECT agent, state, since, source FROM agent_status WHERE host = 'h1'").front() ==
        "S0|registered||");
  CHECK(sql_rows(path, "SELECT agents FROM host_status") ==
        std::vector<std::string>{"S0 registered, S1 disconnected, S2 recovered, S3 unreachable, S4 gone, "
                                 "S5 absent"});
}

TEST_CASE("What moves is not in doubt, what is planned is not used, and lists are in order") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  const auto ledger = open_ledger(path);
  commit(*ledger, state());
  Host first = sample_host(9);
  first.name = "a-host";
  Volume planned = sample_volume(3);
  planned.state = VolumeState::planned;
  commit(*ledger,
         {first, planned, Mount{{1}, {1}, "/a"}, sample_attachment(1, 9, AttachmentState::uncertain, 7),
          sample_attachment(2, 1, AttachmentState::detaching, 8),
          sample_evidence(2, EvidenceKind::host_unmounted, 1, 1, 1)});
  CHECK(sql_rows(path, "SELECT host, attached, attachments_moving, attachments_in_doubt FROM host_status") ==
        std::vector<std::string>{"a-host|0|0|1", "h1|1|1|0", "h2|0|0|0"});
  CHECK(sql_rows(path, "SELECT allocated_mb, drift_mb FROM pool_usage") ==
        std::vector<std::string>{"3072|952"});
  CHECK(sql_rows(path, "SELECT attached_to FROM volume_status WHERE volume = 'vol1'") ==
        std::vector<std::string>{"a-host (uncertain), h1"});
  CHECK(sql_rows(path,
                 "SELECT mounts, evidence FROM attachment_status WHERE host = 'h1' AND volume = 'vol1'") ==
        std::vector<std::string>{"/a, /mnt/vol1|agent_gone, host_unmounted"});
}

TEST_CASE("The view of reservations shows wishes, in the order of the labels") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  const auto ledger = open_ledger(path);
  Agent agent;
  agent.id = AgentId("S1");
  agent.host = {1};
  agent.hostname = "h1";
  Host host;
  host.id = {1};
  host.name = "h1";
  const ReservationRecord wish{
      agent.id,
      "db",
      "ext-storage-inst1",
      "",
      "",
      "",
      7'500'000'500,
      {{"team", "x"}, {"extvold.volume", "w"}, {"extvoldish", "y"}, {"extvold.fs", "xfs"}}};
  const ReservationRecord disk{agent.id, "db", "disk", "pv", "data", "MOUNT id=i", 2'048'000, {}};
  commit(*ledger, {host, agent, wish, disk});
  CHECK(sql_rows(path, "SELECT * FROM reservation_status") ==
        std::vector<std::string>{"S1|h1|db|ext-storage-inst1|7500000.5||||extvold.volume=w extvold.fs=xfs",
                                 "S1|h1|db|disk|2048.0|pv|data|MOUNT id=i|"});
}

TEST_CASE("A volume that was removed is in no view but the timeline") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  const auto ledger = open_ledger(path);
  Volume v = sample_volume(1);
  v.state = VolumeState::removed;
  HistoryEntry entry;
  entry.kind = "volume.removed";
  entry.volume = {1};
  commit(*ledger, {v, entry});
  CHECK(sql_rows(path, "SELECT volume FROM volume_status").empty());
  CHECK(sql_rows(path, "SELECT * FROM pool_usage").empty());
  CHECK(sql_rows(path, "SELECT volume FROM timeline") == std::vector<std::string>{"vol1"});
}

}  // namespace extvold::ledger
