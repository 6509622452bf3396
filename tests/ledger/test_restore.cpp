// Backups, and what a restored ledger no longer believes.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "tests/ledger/ledger_fixture.h"

namespace extvold::ledger {
namespace {

namespace fs = std::filesystem;

// sample_state() with everything that a restore must doubt.
std::vector<Change> state_to_doubt() {
  std::vector<Change> out = sample_state();
  Volume wanted = sample_volume(2);
  wanted.format = FormatState::wanted;
  out.emplace_back(wanted);
  out.emplace_back(sample_evidence(1, EvidenceKind::operator_, 1, 1, 1));
  out.emplace_back(sample_attachment(2, 2, AttachmentState::detached, 3));
  Operation recorded = sample_operation("op-r", OperationKind::attach, 2, 2, 4);
  out.emplace_back(recorded);
  Operation issued = sample_operation("op-i", OperationKind::detach, 1, 1, 1);
  issued.state = OperationState::issued;
  out.emplace_back(issued);
  out.emplace_back(SetMode{Mode::active});
  Claim told = sample_claim(1, 1, 1);
  told.first_seen_sequence = told.began_sequence = 1;
  out.emplace_back(told);
  Volume released = sample_volume(3);
  released.hold = HoldState::released;
  out.emplace_back(released);
  Volume held = sample_volume(4);
  held.hold = HoldState::held;
  out.emplace_back(held);
  Host released_host = sample_host(1);
  released_host.hold = HoldState::released;
  out.emplace_back(released_host);
  Host held_host = sample_host(2);
  held_host.hold = HoldState::held;
  out.emplace_back(held_host);
  return out;
}

}  // namespace

TEST_CASE("A backup is the whole ledger in one file, taken while the daemon works") {
  const TempDir dir;
  const auto ledger = open_ledger(dir / "ledger.db");
  commit(*ledger, state_to_doubt());
  require_ok(ledger->backup(dir / "backup"));
  commit(*ledger, {sample_host(9)});
  CHECK_FALSE(fs::exists(dir / "backup-wal"));
  const auto reader = value_of(Ledger::open(dir / "backup", {.read_only = true}));
  const Snapshot snapshot = value_of(reader->load());
  CHECK(snapshot.sequence.value == 1);
  CHECK(snapshot.hosts().size() == 2);
  CHECK(findings_text(*reader, CheckDepth::full) == "");

  const Status again = ledger->backup(dir / "backup");
  REQUIRE_FALSE(again);
  CHECK(again.error().code == Errc::conflict);
  CHECK_THAT(again.error().message, Catch::Contains("exists"));
  // A reader can make one too: `extvold ledger backup` needs no daemon and stops none.
  require_ok(value_of(Ledger::open(dir / "ledger.db", {.read_only = true}))->backup(dir / "second"));
  CHECK(value_of(value_of(Ledger::open(dir / "second", {.read_only = true}))->load()).hosts().size() == 3);
}

TEST_CASE("A restored ledger doubts everything that it says about the present") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  LedgerIdentity identity;
  {
    const auto ledger = open_ledger(path);
    identity = ledger->identity();
    commit(*ledger, state_to_doubt());
    require_ok(ledger->backup(dir / "backup"));
    commit(*ledger, {sample_host(3)});
    const auto busy = Ledger::restore(dir / "backup", path, kNow);
    CHECK(error_of(busy).code == Errc::busy);
  }
  const RestoreReport report = value_of(Ledger::restore(dir / "backup", path, kNow));
  CHECK(report.ledger == LedgerIdentity{identity.id, 2, report.ledger.began_at});
  CHECK(report.kept == path + ".before-restore");
  CHECK_FALSE(fs::exists(path + ".restoring"));

  const auto ledger = open_ledger(path);
  CHECK(ledger->report().read_only_reason.empty());
  CHECK_FALSE(ledger->report().copied);
  const Snapshot s = value_of(ledger->load());
  CHECK(s.ledger == report.ledger);
  CHECK(s.mode == Mode::observe);
  // What was released by name would act in spite of that.
  CHECK(s.volume({3})->volume.hold == HoldState::inherit);
  CHECK(s.volume({4})->volume.hold == HoldState::held);
  CHECK(s.host({1})->hold == HoldState::inherit);
  CHECK(s.host({2})->hold == HoldState::held);
  CHECK(s.hosts().size() == 2);
  CHECK(s.evidence().empty());
  CHECK(s.claim({1})->liveness == Liveness::unknown);
  CHECK(s.claim({1})->began_sequence == 0);
  CHECK(s.volume({1})->attachment({1})->state == AttachmentState::uncertain);
  CHECK(s.volume({2})->attachment({2})->state == AttachmentState::uncertain);
  CHECK(s.volume({1})->open_operation->state == OperationState::uncertain);
  CHECK(s.volume({2})->open_operation->state == OperationState::uncertain);
  CHECK(s.volume({2})->volume.format == FormatState::refused);
  CHECK(s.volume({1})->volume.format == FormatState::formatted);
  const auto history = value_of(ledger->history({}));
  const auto of = [&](const HistoryFilter& filter) { return value_of(ledger->history(filter)).back().entry; };
  REQUIRE(history.size() >= 4);
  const HistoryEntry& whole = history[history.size() - 4].entry;
  CHECK(whole.kind == "ledger.restored");
  CHECK_THAT(whole.text, Catch::Contains(dir / "backup") && Catch::Contains("incarnation 2"));
  // What `explain` and `history` of a volume show.
  CHECK(of({.volume = {1}}).kind == "volume.doubted");
  CHECK_THAT(
      of({.volume = {1}}).text,
      Catch::Contains("evidence is void (1); attachments are uncertain (1); claims are unknown (1); its "
                      "open operation is uncertain"));
  CHECK_THAT(of({.volume = {2}}).text, Catch::Contains("not formatted without an order"));
  CHECK_THAT(of({.volume = {3}}).text, Catch::Contains("no longer released by name"));
  CHECK(value_of(ledger->history({.volume = {4}})).empty());  // nothing to doubt
  CHECK(findings_text(*ledger, CheckDepth::full) == "");
  commit(*ledger, {sample_host(4)});

  // What was there is kept, whole.
  CHECK(sql_rows(report.kept, "SELECT count(*) FROM hosts") == std::vector<std::string>{"3"});
}

TEST_CASE("Each restore is a new incarnation, also of the same backup") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  {
    const auto ledger = open_ledger(path);
    commit(*ledger, sample_state());
    require_ok(ledger->backup(dir / "backup"));
  }
  CHECK(value_of(Ledger::restore(dir / "backup", path, kNow)).ledger.incarnation == 2);
  CHECK(value_of(Ledger::restore(dir / "backup", path, kNow)).ledger.incarnation == 3);
  fs::remove(path + ".high-water");  // nobody knows any more how far it had got
  CHECK(value_of(Ledger::restore(dir / "backup", path, kNow)).ledger.incarnation == 1001);
  CHECK(open_ledger(path)->identity().incarnation == 1001);
}

TEST_CASE(
    "A backup can be restored where no ledger is, where a damaged one is, and over one that was killed") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  {
    const auto source = open_ledger(dir / "source.db");
    commit(*source, sample_state());
    require_ok(source->backup(dir / "backup"));
  }
  SECTION("nothing there") { CHECK(value_of(Ledger::restore(dir / "backup", path, kNow)).kept.empty()); }
  SECTION("a damaged ledger") {
    std::ofstream(path) << "not a database";
    const RestoreReport report = value_of(Ledger::restore(dir / "backup", path, kNow));
    CHECK(fs::file_size(report.kept) == 14);
  }
  SECTION("a WAL of another ledger lies there") {
    const auto other = open_ledger(dir / "other.db");
    commit(*other, {sample_host(7)});
    fs::copy_file(dir / "other.db", path);
    fs::copy_file(dir / "other.db-wal", path + "-wal");
    const RestoreReport report = value_of(Ledger::restore(dir / "backup", path, kNow));
    CHECK(fs::exists(report.kept + "-wal"));
    CHECK_FALSE(fs::exists(path + "-wal"));
  }
  SECTION("a ledger that was killed, twice") {
    const auto other = open_ledger(dir / "other.db");
    commit(*other, {sample_host(7)});
    for (const char* ending : {"", "-wal"}) fs::copy_file(dir / "other.db" + ending, path + ending);
    const RestoreReport report = value_of(Ledger::restore(dir / "backup", path, kNow));
    CHECK(sql_rows(report.kept, "SELECT name FROM hosts") == std::vector<std::string>{"h7"});
    // A WAL that lost its database is of nobody.
    fs::rename(report.kept, dir / "elsewhere");
    std::ofstream(path + ".before-restore-wal") << "stale";
    CHECK(value_of(Ledger::restore(dir / "backup", path, kNow)).kept == path + ".before-restore.2");
  }
  SECTION("an earlier restore was interrupted") {
    std::ofstream(path + ".restoring") << "half";
    std::ofstream(path + ".restoring-wal") << "half";
    value_of(Ledger::restore(dir / "backup", path, kNow));
  }
  const auto ledger = open_ledger(path);
  CHECK(value_of(ledger->load()).hosts().size() == 2);
  CHECK(findings_text(*ledger, CheckDepth::full) == "");
}

TEST_CASE("What is no backup is not restored, and what was there stays") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  {
    const auto ledger = open_ledger(path);
    commit(*ledger, sample_state());
    require_ok(ledger->backup(dir / "backup"));
  }
  CHECK(error_of(Ledger::restore(dir / "nothing", path, kNow)).code == Errc::not_found);
  std::ofstream(dir / "text") << std::string(5000, 'x');
  CHECK(error_of(Ledger::restore(dir / "text", path, kNow)).code == Errc::corrupt);
  sql_rows(dir / "foreign", "CREATE TABLE t (a)");
  CHECK(error_of(Ledger::restore(dir / "foreign", path, kNow)).code == Errc::conflict);
  require_ok(open_ledger(path)->backup(dir / "orphans"));
  sql_rows(dir / "orphans", "DELETE FROM volumes WHERE id = 1");
  const Error orphans = error_of(Ledger::restore(dir / "orphans", path, kNow));
  CHECK(orphans.code == Errc::corrupt);
  CHECK_THAT(orphans.message, Catch::Contains("orphans") && Catch::Contains("volumes"));
  {
    std::fstream file(dir / "backup", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096 * 5);
    file << std::string(4096 * 3, '\x11');
  }
  const Error error = error_of(Ledger::restore(dir / "backup", path, kNow));
  CHECK(error.code == Errc::corrupt);
  CHECK_THAT(error.message, Catch::Contains("backup"));
  const auto ledger = open_ledger(path);
  CHECK(ledger->identity().incarnation == 1);
  CHECK(value_of(ledger->load()).hosts().size() == 2);
}

}  // namespace extvold::ledger
