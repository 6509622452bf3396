// Old ledgers come up to date: every schema that was ever released is a fixture under tests/schemas, and the
// machinery is tried with migrations that do not exist yet.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/ledger/ledger_fixture.h"

namespace extvold::ledger {
namespace {

namespace fs = std::filesystem;

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

// Tables, indexes and triggers as SQLite has them, without the accidents of how they were typed.
std::vector<std::string> schema_of(const std::string& path) {
  return sql_rows(path,
                  "SELECT type, name, tbl_name, replace(replace(sql, char(10), ''), ' ', '') FROM "
                  "sqlite_schema ORDER BY type, name");
}

std::vector<SqlFile> with(std::initializer_list<SqlFile> more) {
  std::vector<SqlFile> out(migrations().begin(), migrations().end());
  out.insert(out.end(), more);
  return out;
}

const SqlFile kNext = {
    "migrations/0002_test",
    "ALTER TABLE hosts ADD COLUMN rack TEXT NOT NULL DEFAULT 'r0'; PRAGMA user_version = 2;"};

Database open_database(const std::string& path) { return value_of(Database::open(path, {})); }

}  // namespace

TEST_CASE("A ledger of every old schema opens, keeps its rows and gets the newest schema") {
  const TempDir dir;
  open_ledger(dir / "fresh.db");
  int fixtures = 0;
  for (const auto& entry : fs::directory_iterator(EXTVOLD_SOURCE_DIR "/tests/schemas")) {
    if (entry.path().extension() != ".sql") continue;
    INFO(entry.path().string());
    ++fixtures;
    const std::string path = dir / entry.path().stem().string();
    sql_rows(path, read_file(entry.path()));
    const auto ledger = value_of(Ledger::open(path, {.now = kNow, .guarded = false}));
    const Snapshot s = value_of(ledger->load());
    CHECK(s.ledger.id == "0123456789abcdef0123456789abcdef");
    REQUIRE(s.volumes().size() == 2);
    CHECK(s.volume_by_name("vol1")->attachment({1})->state == AttachmentState::attached);
    CHECK(s.claim({1})->task.value == "task1");
    CHECK(value_of(ledger->history({})).size() == 1);
    CHECK(findings_text(*ledger, CheckDepth::full) == "");
    commit(*ledger, {sample_host(3)});
    CHECK(schema_of(path) == schema_of(dir / "fresh.db"));
  }
  CHECK(fixtures >= static_cast<int>(migrations().size()));
}

TEST_CASE("A migration is preceded by a backup and recorded with its hash") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  {
    const auto ledger = open_ledger(path);
    commit(*ledger, sample_state());
  }
  const auto known = with({kNext});
  {
    Database db = open_database(path);
    CHECK(value_of(schema_standing(db, path, known)) == SchemaStanding::older);
    const MigrationReport report = value_of(migrate(db, path, known, kNow, true));
    CHECK(report.from == 1);
    CHECK(report.to == 2);
    CHECK(report.backup == path + ".before-schema-2");
    CHECK(value_of(schema_standing(db, path, known)) == SchemaStanding::present);
    CHECK(value_of(migrate(db, path, known, kNow, true)).backup.empty());  // nothing more to do
  }
  CHECK(sql_rows(path, "SELECT name, rack FROM hosts ORDER BY id") ==
        std::vector<std::string>{"h1|r0", "h2|r0"});
  CHECK(sql_rows(path, "SELECT number FROM migrations ORDER BY number") ==
        std::vector<std::string>{"1", "2"});
  // This program does not know it and says so; the backup is what it can use.
  CHECK_THAT(error_of(Ledger::open(path, {})).message, Catch::Contains("newer extvold (schema 2"));
  const auto before = value_of(Ledger::open(path + ".before-schema-2", {.read_only = true}));
  CHECK(value_of(before->load()).hosts().size() == 2);
}

TEST_CASE(
    "A migration that fails leaves the ledger as it was, the backup beside it, and can be tried again") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  {
    const auto ledger = open_ledger(path);
    commit(*ledger, sample_state());
  }
  for (const SqlFile& bad :
       {SqlFile{"migrations/0002_bad",
                "CREATE TABLE extra (a); SELECT * FROM nowhere; PRAGMA user_version = 2;"},
        SqlFile{"migrations/0002_orphan", "DELETE FROM volumes WHERE id = 1; PRAGMA user_version = 2;"}}) {
    INFO(bad.name);
    Database db = open_database(path);
    REQUIRE(sqlite3_exec(db.handle(), "PRAGMA foreign_keys = OFF", nullptr, nullptr, nullptr) == SQLITE_OK);
    const Error error = error_of(migrate(db, path, with({bad}), kNow, true));
    CHECK(error.code == Errc::internal);
    CHECK_THAT(error.message, Catch::Contains(std::string(bad.name)));
  }
  CHECK(fs::exists(path + ".before-schema-2"));
  CHECK(fs::exists(path + ".before-schema-2.2"));
  const auto ledger = open_ledger(path);
  CHECK(value_of(ledger->load()).volumes().size() == 2);
  CHECK(findings_text(*ledger, CheckDepth::full) == "");
}

TEST_CASE("A migration may change what a view stands on") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  { const auto ledger = open_ledger(path); }
  const auto known =
      with({{"migrations/0002_test", "ALTER TABLE hosts DROP COLUMN boot_id; PRAGMA user_version = 2;"}});
  Database db = open_database(path);
  value_of(migrate(db, path, known, kNow, false));
  // Every view of the program is in the list of those that go, and they come back.
  CHECK(sql_rows(path, "SELECT name FROM sqlite_schema WHERE type = 'view'").empty());
  CHECK(sql_rows(path, "SELECT * FROM view_texts").empty());
}

TEST_CASE("Views follow the program without a migration, views of operators stay") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  { const auto ledger = open_ledger(path); }
  sql_rows(path,
           "DROP VIEW volume_status; CREATE VIEW volume_status AS SELECT 1 AS one; CREATE VIEW my_view AS "
           "SELECT 2 AS two;"
           "UPDATE view_texts SET hash = 'of an older program'");
  { const auto ledger = open_ledger(path); }
  CHECK(sql_rows(path, "SELECT * FROM volume_status").empty());
  CHECK(sql_rows(path, "SELECT * FROM my_view") == std::vector<std::string>{"2"});
}

}  // namespace extvold::ledger
