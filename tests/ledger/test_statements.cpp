// What stands in sql/ fits what stands in C++: every file prepares, every word of every enumeration is known
// to both.
#include <catch2/catch.hpp>

#include "tests/ledger/ledger_fixture.h"

namespace extvold::ledger {
namespace {

int prepare_alone(Ledger& ledger, std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const char* rest = nullptr;
  const int code =
      sqlite3_prepare_v2(ledger.database().handle(), sql.data(), static_cast<int>(sql.size()), &raw, &rest);
  sqlite3_finalize(raw);
  return code;
}

std::vector<std::string_view> texts_of(std::span<const std::string_view> texts) {
  return {texts.begin(), texts.end()};
}

}  // namespace

TEST_CASE("Every embedded query and check prepares against the newest schema") {
  const TempDir dir;
  const auto ledger = open_ledger(dir / "ledger.db");
  int prepared = 0;
  for (const SqlFile& file : sql_files()) {
    if (!file.name.starts_with("queries/") && !file.name.starts_with("checks/")) continue;
    INFO(file.name);
    CHECK(prepare_alone(*ledger, file.text) == SQLITE_OK);
    ++prepared;
  }
  CHECK(prepared > 80);
}

TEST_CASE("Every view can be read, on an empty ledger too, and every operator's view is there") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  const auto ledger = open_ledger(path);
  for (const char* view : {"volume_status", "attachment_status", "blocked", "open_operations", "pool_usage",
                           "host_status", "agent_status", "claim_status", "reservation_status", "timeline",
                           "mesos_operations_status", "fence_status"}) {
    INFO(view);
    CHECK(sql_rows(path, fmt::format("SELECT * FROM {}", view)).empty());
  }
  CHECK(sql_rows(path, "SELECT name FROM sqlite_schema WHERE type = 'view'").size() ==
        files_below("views/").size());
}

// The columns of words, and the words that C++ has for them.
TEST_CASE("Every enumerator can be stored under its name, and nothing else") {
  const TempDir dir;
  const auto ledger = open_ledger(dir / "ledger.db");
  std::vector<Change> changes = sample_state();
  changes.emplace_back(TaskRow{});
  Agent agent;
  agent.id = AgentId("S1");
  agent.host = {1};
  changes.emplace_back(agent);
  changes.emplace_back(sample_evidence(1, EvidenceKind::operator_, 1, 1, 1));
  changes.emplace_back(BlockedRow{{1}, {1}, "r", Owner::host, "t", {}, {}});
  MesosOperation asked;
  asked.id = OperationId("op-m");
  asked.agent = AgentId("S1");
  changes.emplace_back(asked);
  changes.emplace_back(sample_fence(1, FenceState::held, 1, "h1"));
  commit(*ledger, std::move(changes));

  struct Column {
    const char* table;
    const char* column;
    std::vector<std::string_view> words;
  };
  std::vector<std::string_view> errors;
  for (int code = 0; code <= static_cast<int>(Errc::internal); ++code)
    errors.push_back(to_text(static_cast<Errc>(code)));
  const std::vector<Column> columns = {
      {"ledger_meta", "mode", texts_of(enum_texts(Mode{}))},
      {"hosts", "hold", texts_of(enum_texts(HoldState{}))},
      {"agents", "state", texts_of(enum_texts(AgentState{}))},
      {"agents", "maintenance", texts_of(enum_texts(Maintenance{}))},
      {"tasks", "state", texts_of(enum_texts(TaskState{}))},
      {"tasks", "source", texts_of(enum_texts(StatusSource{}))},
      {"claims", "kind", texts_of(enum_texts(ClaimKind{}))},
      {"claims", "unresolved", texts_of(enum_texts(Unresolved{}))},
      {"claims", "containerizer", texts_of(enum_texts(Containerizer{}))},
      {"claims", "spelling", texts_of(enum_texts(ReferenceSpelling{}))},
      {"claims", "task_state", texts_of(enum_texts(TaskState{}))},
      {"claims", "liveness", texts_of(enum_texts(Liveness{}))},
      {"volumes", "filesystem", texts_of(enum_texts(Filesystem{}))},
      {"volumes", "access", texts_of(enum_texts(AccessMode{}))},
      {"volumes", "origin", texts_of(enum_texts(VolumeOrigin{}))},
      {"volumes", "state", texts_of(enum_texts(VolumeState{}))},
      {"volumes", "format", texts_of(enum_texts(FormatState{}))},
      {"volumes", "hold", texts_of(enum_texts(HoldState{}))},
      {"attachments", "state", texts_of(enum_texts(AttachmentState{}))},
      {"attachments", "origin", texts_of(enum_texts(AttachmentOrigin{}))},
      {"evidence", "kind", texts_of(enum_texts(EvidenceKind{}))},
      {"evidence", "grade", texts_of(enum_texts(EvidenceGrade{}))},
      {"operations", "kind", texts_of(enum_texts(OperationKind{}))},
      {"operations", "outcome", texts_of(enum_texts(Outcome{}))},
      {"operations", "error_code", errors},
      {"fences", "error_code", errors},
      {"blocks", "owner", texts_of(enum_texts(Owner{}))},
      {"mesos_operations", "kind", texts_of(enum_texts(MesosOperationKind{}))},
      {"mesos_operations", "outcome", texts_of(enum_texts(Outcome{}))},
      {"mesos_operations", "error_code", errors},
  };
  for (const Column& c : columns) {
    for (const std::string_view word : c.words) {
      INFO(c.table << "." << c.column << " = " << word);
      CHECK(raw_sql(*ledger, fmt::format("UPDATE {} SET {} = '{}'", c.table, c.column, word)) == SQLITE_OK);
    }
    INFO(c.table << "." << c.column);
    CHECK(raw_sql(*ledger, fmt::format("UPDATE {} SET {} = 'zzz'", c.table, c.column)) ==
          SQLITE_CONSTRAINT_CHECK);
    CHECK(raw_sql(*ledger, fmt::format("UPDATE {} SET {} = NULL", c.table, c.column)) ==
          SQLITE_CONSTRAINT_NOTNULL);
  }
}

TEST_CASE("An operation moves in the file as it may move in memory") {
  for (const std::string_view from : OperationState_texts) {
    for (const std::string_view to : OperationState_texts) {
      if (from == to) continue;
      const TempDir dir;
      const auto ledger = open_ledger(dir / "ledger.db");
      commit(*ledger, {sample_host(1), sample_volume(1)});
      Operation o = sample_operation("op-1", OperationKind::attach, 1, 1, 1);
      o.state = *from_text<OperationState>(from);
      commit(*ledger, {o});
      o.state = *from_text<OperationState>(to);
      const bool may = operation_may_move(*from_text<OperationState>(from), *from_text<OperationState>(to));
      // An ended operation that is "put" as open again is another try, in a row of its own.
      const bool another_try = !is_open(*from_text<OperationState>(from)) && is_open(o.state);
      INFO(from << " to " << to);
      CHECK(ledger->commit(make_batch(*ledger, {o})).has_value() == (may || another_try));
      const std::string set =
          is_open(o.state) ? "ended_order = NULL, open_volume = 1" : "ended_order = 99, open_volume = NULL";
      if (!another_try) continue;
      CHECK(raw_sql(*ledger, fmt::format("UPDATE operations SET state = '{}', {} WHERE state = '{}'", to, set,
                                         from)) == SQLITE_CONSTRAINT_TRIGGER);
    }
  }
}

TEST_CASE("A fence moves in the file as it may move in memory") {
  for (const std::string_view from : FenceState_texts) {
    for (const std::string_view to : FenceState_texts) {
      if (from == to) continue;
      const TempDir dir;
      const auto ledger = open_ledger(dir / "ledger.db");
      commit(*ledger, {sample_host(1), sample_volume(1)});
      commit(*ledger, {sample_fence(1, *from_text<FenceState>(from), 1, "h1")});
      const Fence moved = sample_fence(1, *from_text<FenceState>(to), 1, "h1");
      INFO(from << " to " << to);
      CHECK(ledger->commit(make_batch(*ledger, {moved})).has_value() ==
            fence_may_move(*from_text<FenceState>(from), moved.state));
    }
  }
}

TEST_CASE("Two fences of one host are never under way at once") {
  const TempDir dir;
  const auto ledger = open_ledger(dir / "ledger.db");
  commit(*ledger, {sample_host(1), sample_volume(1), sample_fence(1, FenceState::issued, 1, "h1")});
  CHECK_FALSE(ledger->commit(make_batch(*ledger, {sample_fence(2, FenceState::recorded, 1, "h1")})));
  CHECK(ledger->commit(make_batch(*ledger, {sample_fence(2, FenceState::uncertain, 1, "h1")})));
}

TEST_CASE("A value that this program does not know is reported as damage, with its place") {
  const TempDir dir;
  const std::string path = dir / "ledger.db";
  auto ledger = open_ledger(path);
  commit(*ledger, sample_state());
  REQUIRE(raw_sql(*ledger, "PRAGMA ignore_check_constraints = ON; UPDATE volumes SET state = 'melted'") ==
          SQLITE_OK);
  const Error error = error_of(ledger->load());
  CHECK(error.code == Errc::corrupt);
  CHECK_THAT(error.message, Catch::Contains(path) && Catch::Contains("melted") && Catch::Contains("state") &&
                                Catch::Contains("restore"));
}

}  // namespace extvold::ledger
