// Power cuts and failing disks, by PowerCutVfs: what commit() acknowledged is there afterwards, what it did
// not is there whole or not at all, and the ledger always opens and passes every check.
#include <catch2/catch.hpp>
#include <random>

#include "tests/ledger/ledger_fixture.h"
#include "tests/lib/power_cut_vfs.h"

namespace extvold::ledger {
namespace {

using tests::PowerCutVfs;
using Survival = PowerCutVfs::Survival;
using Fault = PowerCutVfs::Fault;

const std::string kPath = "/ledger.db";

Result<std::unique_ptr<Ledger>> open_on(const PowerCutVfs& vfs) {
  return Ledger::open(kPath, {.now = kNow, .vfs = vfs.name(), .guarded = false});
}

// Batches that pass every check: volumes, attachments with their operations, history, tasks; some small, some
// of many pages.
std::vector<Batch> workload(std::size_t count) {
  std::vector<Batch> out;
  std::mt19937_64 random(count);
  for (std::size_t n = 0; n < count; ++n) {
    Batch batch{{static_cast<std::int64_t>(n) + 1}, kNow, {}};
    const auto id = static_cast<std::int64_t>(n) + 1;
    batch.changes.emplace_back(sample_counters());
    batch.changes.emplace_back(sample_host(id));
    batch.changes.emplace_back(sample_volume(id));
    Operation attach = sample_operation(fmt::format("op-{}", n), OperationKind::attach, id, id, id);
    batch.changes.emplace_back(attach);
    attach.state = OperationState::issued;
    batch.changes.emplace_back(attach);
    batch.changes.emplace_back(sample_attachment(id, id, AttachmentState::attaching, id));
    batch.changes.emplace_back(sample_claim(id, id, id));
    HistoryEntry entry;
    entry.kind = "operation.issued";
    entry.volume = {id};
    batch.changes.emplace_back(entry);
    for (std::size_t tasks = random() % 4 == 0 ? 60 : 1; tasks > 0; --tasks) {
      TaskRow row;
      row.framework = FrameworkId("f");
      row.task = TaskId(fmt::format("task-{}", random() % 500));
      row.reason = std::string(random() % 400, 'r');
      batch.changes.emplace_back(row);
    }
    out.push_back(std::move(batch));
  }
  return out;
}

struct Run {
  LedgerIdentity identity;
  std::int64_t acknowledged = 0;
  bool failed = false;
};

// Commits until something fails. `relaxed`: with synchronous=NORMAL, which must be shown to lose commits;
// then the power goes before the ledger is closed in order.
Run run_workload(PowerCutVfs& vfs, const std::vector<Batch>& batches, bool relaxed = false) {
  Run run;
  auto opened = open_on(vfs);
  if (!opened) return {.identity = {}, .acknowledged = 0, .failed = true};
  Ledger& ledger = **opened;
  run.identity = ledger.identity();
  if (relaxed) REQUIRE(raw_sql(ledger, "PRAGMA synchronous = NORMAL") == SQLITE_OK);
  for (const Batch& batch : batches) {
    if (!ledger.commit(batch)) {
      run.failed = true;
      break;
    }
    run.acknowledged = batch.sequence.value;
    // The checkpoint is where a database without syncs would be torn.
    if (batch.sequence.value % 7 == 0) static_cast<void>(ledger.checkpoint());
    if (batch.sequence.value % 11 == 0) static_cast<void>(ledger.prune({kNow.ns - 1}));
  }
  if (relaxed) vfs.cut_at(1);
  return run;
}

// Opens what is left, compares it with the batches up to the sequence that it says, and returns that
// sequence.
std::int64_t require_sound(const PowerCutVfs& vfs, const std::vector<Batch>& batches, const Run& run) {
  const auto ledger = value_of(open_on(vfs));
  const Snapshot snapshot = value_of(ledger->load());
  const std::int64_t sequence = snapshot.sequence.value;
  REQUIRE(sequence <= static_cast<std::int64_t>(batches.size()));
  // A cut while the ledger was being made leaves none: it is made again, with another identity.
  const LedgerIdentity identity = run.identity.id.empty() ? snapshot.ledger : run.identity;
  REQUIRE(snapshot == fold(identity, batches, static_cast<std::size_t>(sequence)));
  REQUIRE(findings_text(*ledger, CheckDepth::full) == "");
  return sequence;
}

}  // namespace

TEST_CASE("Acknowledged commits survive 300 power cuts, whatever else the disk kept") {
  const auto batches = workload(24);
  PowerCutVfs whole(1);
  REQUIRE_FALSE(run_workload(whole, batches).failed);
  std::mt19937_64 random(20);
  int in_flight_kept = 0;
  for (std::uint64_t round = 0; round < 300; ++round) {
    PowerCutVfs vfs(round);
    const auto within = [&](std::int64_t n) {
      return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n)) + 1;
    };
    if (round % 3 == 0) {
      vfs.cut_at_sync(within(whole.syncs()));
    } else {
      vfs.cut_at(within(whole.calls()));
    }
    const Run run = run_workload(vfs, batches);
    vfs.power_on(static_cast<Survival>(round % 4));
    INFO("round " << round << ", acknowledged " << run.acknowledged);
    const std::int64_t sequence = require_sound(vfs, batches, run);
    REQUIRE(sequence >= run.acknowledged);
    REQUIRE(sequence <= run.acknowledged + 1);
    in_flight_kept += sequence > run.acknowledged ? 1 : 0;
  }
  CHECK(in_flight_kept > 0);  // the cuts do strike between a commit's writes and its answer
}

TEST_CASE("With synchronous=NORMAL the same test finds lost commits: it can fail") {
  const auto batches = workload(12);
  int lost = 0;
  for (std::uint64_t round = 0; round < 30; ++round) {
    PowerCutVfs vfs(round);
    const Run run = run_workload(vfs, batches, true);
    REQUIRE_FALSE(run.failed);
    vfs.power_on(Survival::nothing);
    if (require_sound(vfs, batches, run) < run.acknowledged) ++lost;
  }
  CHECK(lost == 30);
}

TEST_CASE("Every single point at which the power can go leaves a sound ledger") {
  const auto batches = workload(8);
  std::int64_t at = 0;
  for (bool cut = true; cut;) {
    ++at;
    PowerCutVfs vfs(static_cast<std::uint64_t>(at));
    vfs.cut_at(at);
    const Run run = run_workload(vfs, batches);
    cut = vfs.calls() >= at;
    vfs.power_on(static_cast<Survival>(at % 4));
    INFO("cut at call " << at << ", acknowledged " << run.acknowledged);
    const std::int64_t sequence = require_sound(vfs, batches, run);
    REQUIRE(sequence >= run.acknowledged);
    REQUIRE(sequence <= run.acknowledged + 1);
  }
  CHECK(at > 100);
}

TEST_CASE("A cut during the recovery from a cut is survived as well") {
  const auto batches = workload(10);
  for (std::uint64_t round = 0; round < 40; ++round) {
    PowerCutVfs vfs(round);
    vfs.cut_at(static_cast<std::int64_t>(60 + round));
    const Run run = run_workload(vfs, batches);
    for (std::int64_t again = 1; again <= 5; ++again) {
      vfs.power_on(static_cast<Survival>((round + static_cast<std::uint64_t>(again)) % 4));
      vfs.cut_at(again);
      if (auto opened = open_on(vfs)) static_cast<void>((*opened)->checkpoint());
    }
    vfs.power_on(Survival::some);
    INFO("round " << round);
    REQUIRE(require_sound(vfs, batches, run) >= run.acknowledged);
  }
}

TEST_CASE("A call that fails once, at every call in turn: the error is told, and the ledger is sound") {
  const auto batches = workload(8);
  for (const Fault fault : {Fault::disk_full, Fault::write_error, Fault::sync_error}) {
    int told = 0;
    std::int64_t at = 0;
    for (bool hit = true; hit;) {
      ++at;
      PowerCutVfs vfs(static_cast<std::uint64_t>(at));
      vfs.fail_at(at, fault);
      const Run run = run_workload(vfs, batches);
      hit = vfs.fault_hit();
      told += run.failed ? 1 : 0;
      INFO("fault " << static_cast<int>(fault) << " at call " << at << ", acknowledged " << run.acknowledged);
      // The process ends; the machine goes on. Nobody may have seen more than one batch in doubt.
      vfs.power_on(Survival::everything);
      const std::int64_t sequence = require_sound(vfs, batches, run);
      REQUIRE(sequence >= run.acknowledged);
      REQUIRE(sequence <= run.acknowledged + 1);
    }
    CHECK(at > 20);
    CHECK(told > 10);
  }
}

TEST_CASE(
    "After a failed sync nothing more is committed, after a full disk the same batch can be tried again") {
  const auto batches = workload(3);
  for (const Fault fault : {Fault::sync_error, Fault::disk_full}) {
    PowerCutVfs vfs(9);
    const auto ledger = value_of(open_on(vfs));
    value_of(ledger->commit(batches[0]));
    vfs.fail_at(1, fault);
    const Error error = error_of(ledger->commit(batches[1]));
    CHECK(error.code == (fault == Fault::sync_error ? Errc::corrupt : Errc::exhausted));
    CHECK(value_of(ledger->load()).sequence.value == 1);  // it can still be read
    if (fault == Fault::sync_error) {
      CHECK(error_of(ledger->commit(batches[1])) == error);
      CHECK(error_of(ledger->prune({1})) == error);
    } else {
      value_of(ledger->commit(batches[1]));
      CHECK(findings_text(*ledger, CheckDepth::full) == "");
    }
  }
}

}  // namespace extvold::ledger
