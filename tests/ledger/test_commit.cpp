// What commit() promises when things go wrong: wrong sequences, foreign writes, full disks, forgetful
// readers.
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>

#include "tests/ledger/ledger_fixture.h"
#include "tests/lib/skip.h"

namespace extvold::ledger {
namespace {

namespace fs = std::filesystem;

std::vector<Change> big_batch(std::int64_t from, std::int64_t count) {
  std::vector<Change> out;
  for (std::int64_t n = from; n < from + count; ++n) {
    TaskRow row;
    row.framework = FrameworkId("f");
    row.task = TaskId(fmt::format("task-{}", n));
    row.name = std::string(1000, 'x');
    out.emplace_back(row);
  }
  return out;
}

std::int64_t count_tasks(const std::string& path) {
  return std::stoll(sql_rows(path, "SELECT count(*) FROM tasks").front());
}

// A read transaction that somebody forgot.
class ForgetfulReader {
 public:
  explicit ForgetfulReader(const std::string& path) {
    REQUIRE(sqlite3_open_v2(path.c_str(), &db_, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK);
    REQUIRE(sqlite3_exec(db_, "BEGIN; SELECT count(*) FROM hosts", nullptr, nullptr, nullptr) == SQLITE_OK);
  }
  ~ForgetfulReader() { sqlite3_close(db_); }
  ForgetfulReader(const ForgetfulReader&) = delete;
  ForgetfulReader& operator=(const ForgetfulReader&) = delete;

 private:
  sqlite3* db_ = nullptr;
};

}  // namespace

TEST_CASE("Only the next sequence is committed") {
  const TempDir dir;
  const auto ledger = open_ledger(dir / "ledger.db");
  commit(*ledger, {sample_host(1)});
  for (const std::int64_t wrong : {-1, 0, 1, 3, 99}) {
    const Error error = error_of(ledger->commit(Batch{{wrong}, kNow, {sample_host(2)}}));
    CHECK(error.code == Errc::conflict);
    CHECK_THAT(error.message, Catch::Contains("the next one is 2"));
  }
  CHECK(value_of(ledger->load()).hosts().size() == 1);
  CHECK(commit(*ledger, {sample_host(2)}).sequence.value == 2);
}

TEST_CASE("A task that is over does not take the place of one of the same id that the same view has alive") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  const auto ledger = open_ledger(path);
  TaskRow alive;
  alive.framework = FrameworkId("f");
  alive.task = TaskId("pg");
  alive.agent = AgentId("A2");
  alive.state = TaskState::task_running;
  alive.view_epoch = 3;
  TaskRow over = alive;
  over.agent = AgentId("A1");
  over.state = TaskState::task_finished;
  const auto rows = [&] { return sql_rows(path, "SELECT agent || ' ' || state FROM tasks"); };
  commit(*ledger, {alive, over});
  CHECK(rows() == std::vector<std::string>{"A2 task_running"});
  over.view_epoch = 4;  // the next view does not have the other one
  commit(*ledger, {over});
  CHECK(rows() == std::vector<std::string>{"A1 task_finished"});
  alive.view_epoch = 4;
  commit(*ledger, {alive});
  CHECK(rows() == std::vector<std::string>{"A2 task_running"});
}

TEST_CASE("A group is one transaction: all of it or nothing") {
  const TempDir dir;
  const auto ledger = open_ledger(dir / "ledger.db");
  TaskStateChange unknown_task;
  unknown_task.task = TaskId("nobody");
  const std::vector<Batch> group = {
      {{1}, kNow, {sample_host(1), unknown_task}}, {{2}, kNow, {}}, {{3}, kNow, {sample_host(2)}}};
  const auto infos = value_of(ledger->commit(group));
  REQUIRE(infos.size() == 3);
  CHECK(infos[0].tasks_not_found == 1);
  CHECK(infos[2].tasks_not_found == 0);
  CHECK(infos[2].sequence.value == 3);
  CHECK(ledger->sequence().value == 3);

  ClaimStateChange of_nothing;
  of_nothing.id = {55};
  const std::vector<Batch> bad = {{{4}, kNow, {sample_host(3)}}, {{5}, kNow, {of_nothing}}};
  const Error error = error_of(ledger->commit(bad));
  CHECK(error.code == Errc::internal);
  CHECK_THAT(error.message, Catch::Contains("claim 55"));
  CHECK(value_of(ledger->load()).hosts().size() == 2);
  commit(*ledger, {sample_host(3)});
  CHECK(ledger->sequence().value == 4);
}

TEST_CASE("A write by somebody else is noticed and the ledger is loaded again") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  const auto ledger = open_ledger(path);
  commit(*ledger, sample_state());
  sql_rows(path, "SELECT * FROM volume_status");  // reading is nothing to notice
  commit(*ledger, {sample_host(3)});
  sql_rows(path, "UPDATE volumes SET size_mb = 1 WHERE id = 1");
  const Batch batch = make_batch(*ledger, {sample_host(4)});
  CHECK(error_of(ledger->commit(batch)).code == Errc::conflict);
  const Error error = error_of(ledger->commit(batch));  // it does not go away by asking again
  CHECK_THAT(error.message, Catch::Contains(path) && Catch::Contains("another program"));
  CHECK(value_of(ledger->load()).volume({1})->volume.size_mb == 1);
  value_of(ledger->commit(batch));
}

TEST_CASE("A full disk fails the commit, and room made lets it go on") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  const auto ledger = open_ledger(path);
  commit(*ledger, sample_state());
  const Snapshot before = value_of(ledger->load());
  REQUIRE(raw_sql(*ledger, "PRAGMA max_page_count = 60") == SQLITE_OK);
  const Error error = error_of(ledger->commit(make_batch(*ledger, big_batch(0, 500))));
  CHECK(error.code == Errc::exhausted);
  CHECK_THAT(error.message,
             Catch::Contains(path) && Catch::Contains("full") && Catch::Contains("free space"));
  CHECK(value_of(ledger->load()) == before);
  commit(*ledger, {sample_host(3)});  // what fits is committed
  REQUIRE(raw_sql(*ledger, "PRAGMA max_page_count = 100000") == SQLITE_OK);
  commit(*ledger, big_batch(0, 500));
  CHECK(count_tasks(path) == 500);
  CHECK(findings_text(*ledger, CheckDepth::full) == "");
}

TEST_CASE("After an I/O error nothing more is committed until the ledger is opened anew, nothing is lost") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  auto ledger = open_ledger(path);
  commit(*ledger, sample_state());
  ::signal(SIGXFSZ, SIG_IGN);  // a write past the limit fails instead
  rlimit old{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &old) == 0);
  const rlimit low{300'000, old.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &low) == 0);
  const auto result = ledger->commit(make_batch(*ledger, big_batch(0, 2000)));
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &old) == 0);
  CHECK(error_of(result).code == Errc::corrupt);
  CHECK_THAT(error_of(result).message, Catch::Contains(path) && Catch::Contains("file size limits"));
  CHECK(error_of(ledger->commit(make_batch(*ledger, {sample_host(3)}))) == error_of(result));
  CHECK(value_of(ledger->load()).hosts().size() == 2);
  ledger.reset();
  ledger = open_ledger(path);
  commit(*ledger, big_batch(0, 2000));
  CHECK(count_tasks(path) == 2000);
  CHECK(findings_text(*ledger, CheckDepth::full) == "");
}

TEST_CASE("A really full filesystem: nothing is lost, nothing is pretended") {
  if (::geteuid() != 0) return tests::skip_test("needs root: mounts a small tmpfs");
  const TempDir dir;
  if (::mount("tmpfs", dir.path().c_str(), "tmpfs", 0, "size=2m") != 0)
    return tests::skip_test("may not mount a tmpfs here");
  struct Unmount {
    const TempDir& dir;
    ~Unmount() { ::umount2(dir.path().c_str(), MNT_DETACH); }
  } const unmount{dir};
  const std::string path = dir / "ledger.db";
  auto ledger = open_ledger(path);
  std::int64_t acknowledged = 0;
  Error error;
  for (;;) {
    const auto result = ledger->commit(make_batch(*ledger, big_batch(acknowledged * 20, 20)));
    if (!result) {
      error = result.error();
      break;
    }
    ++acknowledged;
    REQUIRE(acknowledged < 1000);
  }
  CHECK(acknowledged > 5);
  CHECK(error.code == Errc::exhausted);
  CHECK_THAT(error.message, Catch::Contains(path) && Catch::Contains("free space"));
  CHECK(value_of(ledger->load()).sequence.value == acknowledged);
  ledger.reset();
  ledger = open_ledger(path);
  CHECK(value_of(ledger->load()).sequence.value == acknowledged);
  CHECK(findings_text(*ledger, CheckDepth::full) == "");
}

TEST_CASE(
    "A reader that forgets its transaction makes the WAL grow, which is reported, nobody waits for it") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  const auto ledger = open_ledger(path);
  commit(*ledger, sample_state());
  const auto forgetful = std::make_unique<ForgetfulReader>(path);
  for (std::int64_t n = 0; n < 12; ++n) commit(*ledger, big_batch(n * 2500, 2500));
  WalState wal = value_of(ledger->checkpoint());
  CHECK(wal.frames > 8192);  // past the usual checkpoint
  CHECK(wal.frames_not_yet > 8192);
  CHECK(wal.bytes > wal.frames * 4096);
}

TEST_CASE("Without such a reader the WAL is copied back and begins again") {
  const TempDir dir;
  const auto ledger = open_ledger(dir / "ledger.db");
  std::int64_t largest = 0;
  for (std::int64_t n = 0; n < 12; ++n) {
    commit(*ledger, big_batch(n * 2500, 2500));
    largest = std::max(largest, value_of(ledger->wal()).bytes);
  }
  CHECK(value_of(ledger->wal()).frames_not_yet < 8192);
  CHECK(largest < 64 << 20);
  const WalState wal = value_of(ledger->checkpoint());
  CHECK(wal.frames_not_yet == 0);
}

TEST_CASE("Operators read the views while batches are committed") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  const auto ledger = open_ledger(path);
  commit(*ledger, sample_state());
  for (std::int64_t n = 10; n < 40; ++n) {
    commit(*ledger, {sample_volume(n)});
    CHECK(sql_rows(path, "SELECT volume FROM volume_status").size() == static_cast<std::size_t>(n) - 7);
  }
}

}  // namespace extvold::ledger
