#include "tests/ledger/ledger_fixture.h"

#include <array>
#include <cstdlib>
#include <filesystem>

namespace extvold::ledger {

TempDir::TempDir() {
  // In memory where that is possible: what depends on the disk itself is tested by PowerCutVfs.
  const bool in_memory = std::filesystem::is_directory("/dev/shm");
  const std::filesystem::path base = in_memory ? "/dev/shm" : std::filesystem::temp_directory_path();
  std::string pattern = (base / "extvold-ledger-XXXXXX").string();
  REQUIRE(::mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void require_ok(const Status& status) {
  INFO((status ? std::string() : status.error().message));
  REQUIRE(status.has_value());
}

std::unique_ptr<Ledger> open_ledger(const std::string& path) {
  return value_of(Ledger::open(path, {.now = kNow}));
}

Batch make_batch(const Ledger& ledger, std::vector<Change> changes) {
  return {{ledger.sequence().value + 1}, {kNow.ns + ledger.sequence().value}, std::move(changes)};
}

CommitInfo commit(Ledger& ledger, std::vector<Change> changes) {
  return value_of(ledger.commit(make_batch(ledger, std::move(changes))));
}

std::vector<std::string> sql_rows(const std::string& path, const std::string& sql) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr) ==
          SQLITE_OK);
  std::vector<std::string> rows;
  const auto take = [](void* out, int columns, char** values, char**) {
    std::string row;
    for (int i = 0; i < columns; ++i)
      row += std::string(i == 0 ? "" : "|") + (values[i] == nullptr ? "" : values[i]);
    static_cast<std::vector<std::string>*>(out)->push_back(row);
    return 0;
  };
  char* text = nullptr;
  const int code = sqlite3_exec(db, sql.c_str(), take, &rows, &text);
  INFO((text == nullptr ? "" : text));
  REQUIRE(code == SQLITE_OK);
  sqlite3_close(db);
  return rows;
}

int raw_sql(Ledger& ledger, const std::string& sql) {
  return sqlite3_exec(ledger.database().handle(), sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK
             ? SQLITE_OK
             : sqlite3_extended_errcode(ledger.database().handle());
}

std::string findings_text(Ledger& ledger, CheckDepth depth) {
  std::string out;
  for (const Finding& one : value_of(ledger.check(depth)))
    out += fmt::format("{}: {}: {}\n", one.check, one.subject, one.problem);
  return out;
}

Volume sample_volume(std::int64_t id) {
  Volume v;
  v.id = {id};
  v.name = fmt::format("vol{}", id);
  v.key = fmt::format("xv-{}", id);
  v.pool = {ProviderName("local~laptop"), "ssd"};
  v.size_mb = 1024;
  v.filesystem = Filesystem::ext4;
  v.state = VolumeState::available;
  v.format = FormatState::formatted;
  v.created_generation = {1, 1};
  v.created_at = kNow;
  return v;
}

Host sample_host(std::int64_t id) {
  Host h;
  h.id = {id};
  h.name = fmt::format("h{}", id);
  return h;
}

Attachment sample_attachment(std::int64_t volume, std::int64_t host, AttachmentState state,
                             std::int64_t counter) {
  Attachment a;
  a.volume = {volume};
  a.host = {host};
  a.state = state;
  a.generation = {1, counter};
  a.device = "/dev/loop0";
  a.host_identity = fmt::format("node-{}", host);
  a.read_back = state == AttachmentState::detached;
  a.changed_at = kNow;
  return a;
}

Claim sample_claim(std::int64_t id, std::int64_t volume, std::int64_t host) {
  Claim c;
  c.id = {id};
  c.volume = {volume};
  c.host = {host};
  c.agent = AgentId(fmt::format("S{}", host));
  c.framework = FrameworkId("f1");
  c.task = TaskId(fmt::format("task{}", id));
  c.reference.name = fmt::format("vol{}", volume);
  c.task_state = TaskState::task_running;
  c.wanted = true;
  c.liveness = Liveness::live;
  c.liveness_why = "claim.running: the task runs";
  return c;
}

Operation sample_operation(const std::string& id, OperationKind kind, std::int64_t volume, std::int64_t host,
                           std::int64_t counter) {
  Operation o;
  o.id = OperationId(id);
  o.kind = kind;
  o.volume = {volume};
  o.host = {host};
  o.generation = {1, counter};
  o.rule = fmt::format("{}.wanted", to_text(kind));
  o.recorded_at = kNow;
  return o;
}

Fence sample_fence(std::int64_t id, FenceState state, std::int64_t host, const std::string& target) {
  Fence f;
  f.id = {id};
  f.key = OperationId(fmt::format("op-fence-{}", id));
  f.rung = FenceRung::host;
  f.state = state;
  f.host = {host};
  f.provider = sample_volume(1).pool.provider;
  f.target = target;
  f.generation = {1, 1000 + id};
  f.cause = "a task waits";
  f.recorded_at = kNow;
  f.held_at = kNow;
  if (state == FenceState::failed || state == FenceState::lifted) f.ended_at = kNow;
  return f;
}

Evidence sample_evidence(std::int64_t id, EvidenceKind kind, std::int64_t volume, std::int64_t host,
                         std::int64_t counter) {
  Evidence e;
  e.id = {id};
  e.kind = kind;
  e.volume = {volume};
  e.host = {host};
  e.attachment_generation = {1, counter};
  e.request_sent_at = kNow;
  e.detail = "seen";
  return e;
}

Counters sample_counters() { return {100, 100, 100'000, 100'000, 1'000'000, 100}; }

std::vector<Change> sample_state() {
  Operation attach = sample_operation("op-a", OperationKind::attach, 1, 1, 1);
  attach.state = OperationState::done;
  attach.outcome = Outcome::changed;
  attach.ended_at = kNow;
  Agent agent;
  agent.id = AgentId("S1");
  agent.host = {1};
  agent.state = AgentState::registered;
  HistoryEntry entry;
  entry.kind = "attachment.attached";
  entry.volume = {1};
  entry.host = {1};
  entry.operation = attach.id;
  entry.claim = {1};
  entry.rule = "attach.wanted";
  entry.text = "vol1 is attached to h1";
  return {sample_counters(),
          sample_host(1),
          sample_host(2),
          agent,
          sample_volume(1),
          sample_volume(2),
          attach,
          sample_attachment(1, 1, AttachmentState::attached, 1),
          sample_claim(1, 1, 1),
          entry};
}

Snapshot fold(const LedgerIdentity& ledger, const std::vector<Batch>& batches, std::size_t count) {
  Snapshot out;
  out.ledger = ledger;
  for (std::size_t i = 0; i < count; ++i) out.apply(batches[i]);
  return out;
}

}  // namespace extvold::ledger
