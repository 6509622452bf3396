// How a ledger is opened: a second daemon, files that are not what they should be, old copies, places that
// cannot be written.
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <optional>

#include "tests/ledger/ledger_fixture.h"
#include "tests/lib/skip.h"

namespace extvold::ledger {
namespace {

namespace fs = std::filesystem;

Error open_error(const std::string& path, OpenOptions options = {}) {
  return error_of(Ledger::open(path, options));
}

// Runs as a user without rights, as far as files go, for the life of the object.
class Nobody {
 public:
  Nobody() : user_(::setfsuid(65534)), group_(::setfsgid(65534)) {}
  ~Nobody() {
    ::setfsuid(static_cast<uid_t>(user_));
    ::setfsgid(static_cast<gid_t>(group_));
  }
  Nobody(const Nobody&) = delete;
  Nobody& operator=(const Nobody&) = delete;

 private:
  int user_;
  int group_;
};

void copy_ledger(const std::string& from, const std::string& to) {
  for (const char* ending : {"", "-wal", ".high-water"}) {
    if (fs::exists(from + ending))
      fs::copy_file(from + ending, to + ending, fs::copy_options::overwrite_existing);
  }
}

void overwrite(const std::string& path, std::streamoff offset, const std::string& bytes) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(offset);
  file << bytes;
}

// What another process gets: nullopt, it may. In a process of its own, because closing a file there takes
// SQLite's locks on it away.
template <typename Act>
std::optional<Errc> elsewhere(Act act) {
  constexpr int kDone = 100;
  const pid_t child = ::fork();
  if (child == 0) {
    const auto result = act();
    ::_exit(result ? kDone : static_cast<int>(result.error().code));
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  if (WEXITSTATUS(status) == kDone) return std::nullopt;
  return static_cast<Errc>(WEXITSTATUS(status));
}

std::optional<Errc> open_elsewhere(const std::string& path) {
  return elsewhere([&] { return Ledger::open(path, {}); });
}

std::unique_ptr<Ledger> open_reading(const std::string& path) {
  return value_of(Ledger::open(path, {.read_only = true}));
}

}  // namespace

TEST_CASE("A new ledger observes, has an identity, and is the same ledger when it is opened again") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  auto ledger = open_ledger(path);
  CHECK(ledger->report().created);
  const LedgerIdentity identity = ledger->identity();
  CHECK(identity.id.size() == 32);
  CHECK(identity.incarnation == 1);
  CHECK(value_of(ledger->load()).mode == Mode::observe);
  commit(*ledger, {SetMode{Mode::active}});
  ledger.reset();
  ledger = open_ledger(path);
  CHECK_FALSE(ledger->report().created);
  CHECK_FALSE(ledger->report().copied);
  CHECK(ledger->report().read_only_reason.empty());
  CHECK(ledger->identity() == identity);
  CHECK(value_of(ledger->load()).mode == Mode::active);
  const TempDir other;
  CHECK(open_ledger(other / "ledger.db")->identity().id != identity.id);
}

TEST_CASE("A second opener is refused with the pid of the first, also through another name of the file") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  auto first = open_ledger(path);
  const Error error = open_error(path);
  CHECK(error.code == Errc::busy);
  CHECK_THAT(error.message,
             Catch::Contains(fmt::format("another extvold (pid {}) holds the ledger {}", ::getpid(), path)) &&
                 Catch::Contains("ask it with the CLI"));
  fs::create_symlink(path, dir / "link.db");
  CHECK(open_error(dir / "link.db").code == Errc::busy);
  fs::create_directory_symlink(dir.path(), dir / "here");
  CHECK(open_error(dir / "here/ledger.db").code == Errc::busy);
  first.reset();
  CHECK(Ledger::open(path, {}).has_value());
}

TEST_CASE("A lock file that somebody removes lets nobody in") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  auto first = open_ledger(path);
  commit(*first, sample_state());
  fs::remove(path + ".lock");
  CHECK(open_elsewhere(path) == Errc::busy);
  CHECK(elsewhere([&] { return Ledger::restore(path, path, kNow); }) == Errc::busy);
  // That process made the file anew, so that a third one would find it free.
  const Error error = error_of(first->commit(make_batch(*first, {sample_host(3)})));
  CHECK(error.code == Errc::corrupt);
  CHECK_THAT(error.message, Catch::Contains("ledger.db.lock was removed or replaced"));
  first.reset();
  first = open_ledger(path);
  commit(*first, {sample_host(3)});
  CHECK(open_elsewhere(path) == Errc::busy);
}

TEST_CASE("A database that is moved away under its writer is not written any more") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  const auto ledger = open_ledger(path);
  commit(*ledger, sample_state());
  fs::rename(path, dir / "away.db");
  fs::copy_file(dir / "away.db", path);
  const Error error = error_of(ledger->commit(make_batch(*ledger, {sample_host(3)})));
  CHECK(error.code == Errc::corrupt);
  CHECK_THAT(error.message, Catch::Contains("was removed or replaced"));
}

TEST_CASE("A link to a ledger that is not there yet, and a second name of the file, lead to one lock") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  fs::create_symlink("ledger.db", dir / "middle.db");
  fs::create_symlink(dir / "middle.db", dir / "link.db");
  auto first = open_ledger(dir / "link.db");
  CHECK(first->path() == fs::canonical(path).string());
  commit(*first, sample_state());
  CHECK(open_elsewhere(path) == Errc::busy);
  CHECK(open_elsewhere(dir / "link.db") == Errc::busy);
  CHECK_FALSE(fs::exists(dir / "link.db.high-water"));
  fs::create_hard_link(path, dir / "hard.db");
  CHECK(open_elsewhere(dir / "hard.db") == Errc::busy);
  first.reset();
  CHECK_FALSE(open_ledger(path)->report().copied);
  fs::create_symlink(dir / "circle.db", dir / "circle.db");
  CHECK_FALSE(Ledger::open(dir / "circle.db", {}).has_value());
}

TEST_CASE("The lock of a killed process is gone with it") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  open_ledger(path);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto held = Ledger::open(path, {});
    if (!held || !(*held)->commit(make_batch(**held, {sample_host(1)}))) ::_exit(1);
    ::raise(SIGKILL);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  const auto ledger = open_ledger(path);
  CHECK_FALSE(ledger->report().copied);
  CHECK(value_of(ledger->load()).hosts().size() == 1);
}

TEST_CASE("Places that cannot be used are named, with the remedy") {
  const TempDir dir;
  Error error = open_error(dir / "missing/ledger.db");
  CHECK(error.code == Errc::not_found);
  CHECK_THAT(error.message, Catch::Contains(dir / "missing") && Catch::Contains("create it"));

  error = open_error(dir / "ledger.db", {.read_only = false, .create = false});
  CHECK(error.code == Errc::not_found);
  CHECK_THAT(error.message, Catch::Contains(dir / "ledger.db") && Catch::Contains("extvold serve"));
  error = open_error(dir / "ledger.db", {.read_only = true});
  CHECK(error.code == Errc::not_found);
  CHECK_FALSE(fs::exists(dir / "ledger.db"));  // asking made nothing

  fs::create_directory(dir / "directory.db");
  error = open_error(dir / "directory.db");
  CHECK_THAT(error.message, Catch::Contains("directory.db"));
}

TEST_CASE("A file or directory without the right to write is refused for writing and read for reading") {
  if (::geteuid() != 0) return tests::skip_test("needs root, to give rights up");
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  {
    const auto ledger = open_ledger(path);
    commit(*ledger, sample_state());
  }
  fs::permissions(dir.path(), fs::perms::owner_all | fs::perms::others_read | fs::perms::others_exec);
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write | fs::perms::others_read);
  const Nobody nobody;
  const Error error = open_error(path);
  CHECK(error.code == Errc::permission);
  CHECK_THAT(error.message, Catch::Contains("ledger.db.lock") && Catch::Contains("writable"));
  const auto reader = open_reading(path);
  CHECK(value_of(reader->load()).volumes().size() == 2);
  CHECK(value_of(reader->history({})).size() == 1);
}

TEST_CASE("A ledger whose directory is not writable is read while its daemon writes") {
  if (::geteuid() != 0) return tests::skip_test("needs root, to give rights up");
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  const auto ledger = open_ledger(path);
  commit(*ledger, sample_state());
  fs::permissions(dir.path(), fs::perms::owner_all | fs::perms::others_read | fs::perms::others_exec);
  for (const char* ending : {"", "-wal", "-shm"}) {
    fs::permissions(path + ending, fs::perms::owner_read | fs::perms::owner_write | fs::perms::others_read);
  }
  std::unique_ptr<Ledger> reader;
  {
    const Nobody nobody;
    reader = open_reading(path);
    CHECK(value_of(reader->load()) == value_of(ledger->load()));
  }
  commit(*ledger, {sample_host(3)});
  CHECK(value_of(reader->load()).hosts().size() == 3);
}

TEST_CASE("A read-only file is refused for writing, with the remedy") {
  if (::geteuid() != 0) return tests::skip_test("needs root, to give rights up");
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  { const auto ledger = open_ledger(path); }
  fs::permissions(dir.path(), fs::perms::all);
  for (const char* ending : {".lock", ".high-water"}) fs::permissions(path + ending, fs::perms::all);
  fs::permissions(path, fs::perms::owner_read | fs::perms::others_read);
  const Nobody nobody;
  const Error error = open_error(path);
  CHECK(error.code == Errc::permission);
  CHECK_THAT(error.message, Catch::Contains(path) && Catch::Contains("owner and mode"));
}

TEST_CASE("A reader reads beside a writer and can commit nothing") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  const auto ledger = open_ledger(path);
  commit(*ledger, sample_state());
  const auto reader = open_reading(path);
  CHECK(value_of(reader->load()) == value_of(ledger->load()));
  CHECK(findings_text(*reader, CheckDepth::full) == "");
  const Error error = error_of(reader->commit(make_batch(*reader, {sample_host(5)})));
  CHECK(error.code == Errc::permission);
  CHECK_THAT(error.message, Catch::Contains("reading only"));
  commit(*ledger, {sample_host(3)});  // nobody waited for it
  CHECK(value_of(reader->load()).hosts().size() == 3);
}

TEST_CASE("What is no ledger, or a newer one, is left as it is") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  SECTION("another SQLite database") {
    sql_rows(path, "CREATE TABLE phone_book (name TEXT)");
    const Error error = open_error(path);
    CHECK(error.code == Errc::conflict);
    CHECK_THAT(error.message,
               Catch::Contains(path) && Catch::Contains("no ledger") && Catch::Contains("another path"));
    CHECK(sql_rows(path, "SELECT count(*) FROM phone_book") == std::vector<std::string>{"0"});
  }
  SECTION("an empty file, for reading") {
    std::ofstream(path).flush();
    const Error error = open_error(path, {.read_only = true});
    CHECK(error.code == Errc::conflict);
    CHECK_THAT(error.message, Catch::Contains("no ledger yet"));
  }
  SECTION("no database at all") {
    std::ofstream(path) << std::string(10'000, 'x');
    const Error error = open_error(path);
    CHECK(error.code == Errc::corrupt);
    CHECK_THAT(error.message, Catch::Contains(path) && Catch::Contains("extvold ledger restore"));
    CHECK(fs::file_size(path) == 10'000);
  }
  SECTION("a newer ledger") {
    { const auto ledger = open_ledger(path); }
    sql_rows(path, "PRAGMA user_version = 999");
    for (const bool read_only : {false, true}) {
      const Error error = open_error(path, {.read_only = read_only});
      CHECK(error.code == Errc::conflict);
      CHECK_THAT(error.message, Catch::Contains(path) && Catch::Contains("newer extvold (schema 999") &&
                                    Catch::Contains("backup"));
    }
  }
  SECTION("a ledger whose list of migrations is shorter than its schema") {
    { const auto ledger = open_ledger(path); }
    sql_rows(path, "DELETE FROM migrations");
    const Error error = open_error(path);
    CHECK(error.code == Errc::conflict);
    CHECK_THAT(error.message, Catch::Contains("names 0 migrations, but its schema is 1"));
  }
  SECTION("a ledger that another migration made") {
    { const auto ledger = open_ledger(path); }
    sql_rows(path, "UPDATE migrations SET hash = 'edited'");
    CHECK_THAT(open_error(path).message,
               Catch::Contains("migrations/0001_init") && Catch::Contains("use the extvold that wrote it"));
  }
}

TEST_CASE("Damage is noticed, named, and nothing more is written") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  std::vector<Change> volumes = {sample_counters()};
  for (std::int64_t id = 1; id < 90; ++id) volumes.emplace_back(sample_volume(id));
  {
    const auto ledger = open_ledger(path);
    commit(*ledger, volumes);
  }
  SECTION("in a page of the state") {
    const auto page = sql_rows(path, "SELECT rootpage FROM sqlite_schema WHERE name = 'volumes'");
    overwrite(path, (std::stoll(page.front()) - 1) * 4096, std::string(4096, '\x5A'));
    const auto ledger = open_ledger(path);
    const Error error = error_of(ledger->load());
    CHECK(error.code == Errc::corrupt);
    CHECK_THAT(error.message, Catch::Contains(path) && Catch::Contains("extvold ledger restore"));
    CHECK_FALSE(value_of(ledger->check(CheckDepth::pages)).empty());
    const Error commit_error = error_of(ledger->commit(make_batch(*ledger, {sample_host(1)})));
    CHECK(commit_error.code == Errc::corrupt);
    CHECK_THAT(commit_error.message, Catch::Contains("extvold ledger restore"));
  }
  SECTION("in the schema") {
    overwrite(path, 100, std::string(300, '\xFF'));
    CHECK(open_error(path).code == Errc::corrupt);
  }
  SECTION("cut short") {
    fs::resize_file(path, 3 * 4096);
    const auto opened = Ledger::open(path, {});
    if (opened) {
      CHECK(error_of((*opened)->load()).code == Errc::corrupt);
    } else {
      CHECK(opened.error().code == Errc::corrupt);
    }
  }
  CHECK(fs::exists(path));
}

TEST_CASE("Rows that refer to what somebody deleted are damage, not a bug") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  {
    const auto ledger = open_ledger(path);
    commit(*ledger, sample_state());
    commit(*ledger, {sample_evidence(1, EvidenceKind::operator_, 1, 1, 1), Mount{{1}, {1}, "/mnt"},
                     BlockedRow{{1}, {}, "r", Owner::extvold, "t", {}, {}},
                     sample_operation("op-open", OperationKind::detach, 1, 1, 1)});
  }
  // As an operator's `sqlite3` does it: foreign keys are off there.
  const auto [sql, named] = GENERATE(table<const char*, const char*>({
      {"DELETE FROM volumes WHERE id = 1", "volume 1"},
      {"DELETE FROM hosts WHERE id = 1", "host 1"},
      {"DELETE FROM hosts WHERE id = 1; DELETE FROM attachments; UPDATE agents SET host = NULL", "host 1"},
      {"DELETE FROM volumes WHERE id = 1; DELETE FROM attachments", "volume 1"},
      {"DELETE FROM volumes WHERE id = 1; DELETE FROM attachments; DELETE FROM mounts", "volume 1"},
      {"DELETE FROM volumes WHERE id = 1; DELETE FROM attachments; DELETE FROM mounts; DELETE FROM evidence",
       "volume 1"},
      {"DELETE FROM volumes WHERE id = 1; DELETE FROM attachments; DELETE FROM mounts; DELETE FROM evidence; "
       "DELETE FROM claims",
       "volume 1"},
      {"DELETE FROM volumes WHERE id = 1; DELETE FROM attachments; DELETE FROM mounts; DELETE FROM evidence; "
       "DELETE FROM claims; DELETE FROM operations",
       "volume 1"},
      {"DROP INDEX volumes_by_name; UPDATE volumes SET name = 'vol1'", "volume 2"},
  }));
  INFO(sql);
  sql_rows(path, sql);
  const auto ledger = open_ledger(path);
  const Error error = error_of(ledger->load());
  CHECK(error.code == Errc::corrupt);
  CHECK_THAT(error.message, Catch::Contains(path) && Catch::Contains(named) &&
                                Catch::Contains("extvold ledger check") &&
                                Catch::Contains("extvold ledger restore"));
  CHECK(error_of(ledger->commit(make_batch(*ledger, {sample_host(5)}))).code == Errc::corrupt);
  CHECK(error_of(open_reading(path)->load()).code == Errc::corrupt);
}

TEST_CASE("A ledger that vanished is not made anew behind the operator's back") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  {
    const auto ledger = open_ledger(path);
    commit(*ledger, sample_state());
  }
  fs::remove(path);
  const Error error = open_error(path);
  CHECK(error.code == Errc::conflict);
  CHECK_THAT(error.message, Catch::Contains("is gone") && Catch::Contains("restore") &&
                                Catch::Contains(path + ".high-water"));
  fs::remove(path + ".high-water");
  CHECK(open_ledger(path)->report().created);
}

TEST_CASE("An old copy in the ledger's place opens for reading only and says why") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  {
    const auto ledger = open_ledger(path);
    commit(*ledger, sample_state());
  }
  SECTION("an earlier state of the file") {
    fs::copy_file(path, dir / "yesterday");
    {
      const auto ledger = open_ledger(path);
      commit(*ledger, {sample_host(3)});
    }
    fs::copy_file(dir / "yesterday", path, fs::copy_options::overwrite_existing);
  }
  SECTION("a WAL that was deleted") {
    const auto ledger = open_ledger(path);
    commit(*ledger, {sample_host(3)});
    fs::create_directory(dir / "crashed");
    for (const char* ending : {"", ".high-water"}) {  // as a crash leaves it, but somebody removed the WAL
      fs::copy_file(path + ending, dir / "crashed/ledger.db" + ending);
    }
    const auto crashed = open_ledger(dir / "crashed/ledger.db");
    CHECK_THAT(crashed->report().read_only_reason, Catch::Contains("older") && Catch::Contains("-wal"));
    return;
  }
  const auto ledger = open_ledger(path);
  CHECK_THAT(ledger->report().read_only_reason, Catch::Contains(path) && Catch::Contains("sequence 1") &&
                                                    Catch::Contains("sequence 2") &&
                                                    Catch::Contains("extvold ledger restore"));
  CHECK(value_of(ledger->load()).volumes().size() == 2);  // it can be looked at
  CHECK_THAT(open_reading(path)->report().read_only_reason, Catch::Contains("older"));
  const Error error = error_of(ledger->commit(make_batch(*ledger, {sample_host(4)})));
  CHECK(error.code == Errc::permission);
  CHECK_THAT(error.message, Catch::Contains("older"));
}

TEST_CASE("A copied ledger begins a new incarnation and observes") {
  const TempDir dir;
  fs::create_directory(dir / "a");
  fs::create_directory(dir / "b");
  const std::string path = dir / "a/ledger.db";
  {
    const auto ledger = open_ledger(path);
    commit(*ledger, sample_state());
    Volume released = sample_volume(1);
    released.hold = HoldState::released;
    Host released_host = sample_host(1);
    released_host.hold = HoldState::released;
    commit(*ledger, {SetMode{Mode::active}, sample_evidence(1, EvidenceKind::operator_, 1, 1, 1), released,
                     released_host});
  }
  copy_ledger(path, dir / "b/ledger.db");
  SECTION("with its mark") {}
  SECTION("without its mark") { fs::remove(dir / "b/ledger.db.high-water"); }
  const bool marked = fs::exists(dir / "b/ledger.db.high-water");
  if (marked) {  // also for those who only read it before it is taken up
    const auto reader = open_reading(dir / "b/ledger.db");
    CHECK(reader->report().copied);
    CHECK_THAT(reader->report().read_only_reason, Catch::Contains("is a copy"));
    const Snapshot seen = value_of(reader->load());
    CHECK(seen.mode == Mode::observe);
    CHECK(seen.volume({1})->volume.hold == HoldState::inherit);
    CHECK(seen.host({1})->hold == HoldState::inherit);
    CHECK_FALSE(open_reading(path)->report().copied);
  }
  auto copy = open_ledger(dir / "b/ledger.db");
  CHECK(copy->report().copied);
  CHECK(copy->identity().incarnation == (marked ? 2 : 1001));
  const Snapshot snapshot = value_of(copy->load());
  CHECK(snapshot.mode == Mode::observe);
  CHECK(snapshot.volume({1})->volume.hold == HoldState::inherit);
  CHECK(snapshot.host({1})->hold == HoldState::inherit);
  CHECK(snapshot.evidence().empty());
  CHECK(snapshot.claim({1})->liveness == Liveness::unknown);
  CHECK(snapshot.volume({1})->attachment({1})->state == AttachmentState::uncertain);
  CHECK(findings_text(*copy, CheckDepth::full) == "");
  copy.reset();
  CHECK_FALSE(open_ledger(dir / "b/ledger.db")->report().copied);
  // The original is untouched.
  const auto original = open_ledger(path);
  CHECK_FALSE(original->report().copied);
  CHECK(original->identity().incarnation == 1);
}

TEST_CASE("A renamed ledger is the same ledger") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  {
    const auto ledger = open_ledger(path);
    commit(*ledger, sample_state());
  }
  fs::create_directory(dir / "moved");
  for (const char* ending : {"", ".high-water", ".lock"})
    fs::rename(path + ending, dir / "moved/ledger.db" + ending);
  CHECK_FALSE(open_ledger(dir / "moved/ledger.db")->report().copied);
}

TEST_CASE("A mark of another ledger, or one that cannot be read, stops the writing") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  {
    const auto ledger = open_ledger(path);
    commit(*ledger, sample_state());
    const auto other = open_ledger(dir / "other.db");
  }
  SECTION("of another ledger") {
    fs::copy_file(dir / "other.db.high-water", path + ".high-water", fs::copy_options::overwrite_existing);
    CHECK_THAT(open_ledger(path)->report().read_only_reason, Catch::Contains("was written for ledger"));
  }
  SECTION("unreadable") {
    overwrite(path + ".high-water", 0, "garbage");
    const Error error = open_error(path);
    CHECK(error.code == Errc::corrupt);
    CHECK_THAT(error.message, Catch::Contains(path + ".high-water"));
  }
}

}  // namespace extvold::ledger
