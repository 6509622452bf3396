// How a ledger is opened: what is refused, what is made new, what opens for reading only.
#include <algorithm>
#include <array>
#include <filesystem>

#include "ledger/ledger.h"

namespace extvold::ledger {
namespace {

// How far the incarnation jumps where the mark is lost that says how far it had got.
constexpr std::int64_t kLostMarkStep = 1000;

std::string random_id() {
  std::array<unsigned char, 16> bytes{};
  sqlite3_randomness(static_cast<int>(bytes.size()),
                     bytes.data());  // by the VFS, so that a simulation repeats itself
  std::string out;
  for (const unsigned char byte : bytes) out += fmt::format("{:02x}", byte);
  return out;
}

// What every schema can tell about itself; nullopt: a file that was not finished when it was made.
Result<std::optional<HighWaterMark>> read_own_mark(Database& db) {
  ASSIGN(Statement statement, db.prepare("queries/get_mark"));
  Query query(statement);
  ASSIGN(const bool found, query.next());
  if (!found) return std::optional<HighWaterMark>();
  HighWaterMark mark;
  TRY(query.read(mark.ledger_id, mark.incarnation, mark.sequence));
  return std::optional<HighWaterMark>(mark);
}

bool has_content(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  return !error && size > 0;
}

std::optional<std::string> why_behind(const std::string& path, const HighWaterMark& own,
                                      const HighWaterMark& mark) {
  if (own.ledger_id != mark.ledger_id) {
    return fmt::format(
        "{} is ledger {}, but {} was written for ledger {}: nobody can tell whether it is up to date; put it "
        "there "
        "with `extvold ledger restore FILE`, which keeps what was there before",
        path, own.ledger_id, high_water_path(path), mark.ledger_id);
  }
  if (std::tie(own.incarnation, own.sequence) >= std::tie(mark.incarnation, mark.sequence))
    return std::nullopt;
  return fmt::format(
      "the ledger {} is older (incarnation {}, sequence {}) than it has been (incarnation {}, sequence {} by "
      "{}): it "
      "was replaced by an old copy or lost its {}-wal; nothing is changed from it. Put the newest copy back, "
      "or "
      "accept this one with `extvold ledger backup FILE` and `extvold ledger restore FILE`",
      path, own.incarnation, own.sequence.value, mark.incarnation, mark.sequence.value, high_water_path(path),
      path);
}

// One line of history for each volume of which a new incarnation takes something back.
Result<std::vector<HistoryEntry>> list_doubts(Database& db, const std::string& why) {
  ASSIGN(Statement statement, db.prepare("queries/list_doubts"));
  Query query(statement);
  std::vector<HistoryEntry> out;
  for (;;) {
    ASSIGN(const bool more, query.next());
    if (!more) return out;
    HistoryEntry entry;
    std::int64_t evidence = 0;
    std::int64_t attachments = 0;
    std::int64_t claims = 0;
    std::int64_t operations = 0;
    bool format = false;
    bool released = false;
    TRY(query.read(entry.volume, evidence, attachments, claims, operations, format, released));
    std::vector<std::string> taken;
    if (evidence > 0) taken.push_back(fmt::format("evidence is void ({})", evidence));
    if (attachments > 0) taken.push_back(fmt::format("attachments are uncertain ({})", attachments));
    if (claims > 0) taken.push_back(fmt::format("claims are unknown ({})", claims));
    if (operations > 0) taken.emplace_back("its open operation is uncertain");
    if (format) taken.emplace_back("it is not formatted without an order: it may have been");
    if (released) taken.emplace_back("it is no longer released by name");
    if (taken.empty()) continue;
    entry.kind = "volume.doubted";
    entry.rule = "ledger.new_incarnation";
    entry.text = fmt::format("{}: {}", why, fmt::join(taken, "; "));
    out.push_back(std::move(entry));
  }
}

}  // namespace

std::int64_t next_incarnation(std::int64_t own, const std::optional<HighWaterMark>& mark) {
  return mark ? std::max(own, mark->incarnation) + 1 : own + kLostMarkStep;
}

Result<std::unique_ptr<Ledger>> Ledger::open(const std::string& path, const OpenOptions& options) {
  std::string resolved = path;
  if (options.guarded) {
    ASSIGN(resolved, resolve(path));
  }
  std::unique_ptr<Ledger> ledger(new Ledger(std::move(resolved), options));
  if (options.read_only) {
    TRY(ledger->open_for_reading());
  } else {
    TRY(ledger->open_for_writing());
  }
  return ledger;
}

Ledger::~Ledger() {
  if (db_.handle() != nullptr) sqlite3_wal_hook(db_.handle(), nullptr, nullptr);
}

Status Ledger::open_for_reading() {
  report_.read_only_reason = fmt::format("the ledger {} was opened for reading only", path_);
  if (options_.guarded && !file_exists(path_)) {
    return fail(Errc::not_found,
                "there is no ledger {}: check the path in the configuration, or start `extvold serve` once",
                path_);
  }
  // The mark first: beside a daemon the database goes on, and must not seem to be behind.
  std::optional<HighWaterMark> mark;
  if (auto read = HighWaterFile::read(path_); options_.guarded && read) mark = *read;
  Database::Options how{.read_only = true, .create = false, .immutable = false, .vfs = options_.vfs};
  ASSIGN(db_, Database::open(path_, how));
  auto application = db_.number("queries/get_application_id");
  // Without a daemon, SQLite wants to make its two files beside the ledger even to read. Where it may not,
  // and no daemon left a WAL there, the file is whole and is read as it lies.
  if (!application && application.error().code != Errc::corrupt && options_.guarded &&
      !has_content(path_ + "-wal")) {
    how.immutable = true;
    ASSIGN(db_, Database::open(path_, how));
    application = db_.number("queries/get_application_id");
  }
  TRY(application);
  ASSIGN(const SchemaStanding standing, schema_standing(db_, path_, migrations()));
  if (standing == SchemaStanding::empty) {
    return fail(Errc::conflict, "{} is empty: it is no ledger yet; start `extvold serve` once", path_);
  }
  if (standing == SchemaStanding::older) {
    return fail(
        Errc::conflict,
        "the ledger {} has an older schema than this extvold reads: start `extvold serve` once, it makes a "
        "backup and brings the ledger up to date",
        path_);
  }
  const std::string reading_only = report_.read_only_reason;
  TRY(judge_against_mark(mark));
  if (mark) {
    ASSIGN(const FileIdentity file, identify(path_));
    report_.copied = !(mark->file == file);
  }
  if (report_.copied && report_.read_only_reason == reading_only) {
    report_.read_only_reason = fmt::format(
        "{} is a copy, or was moved to another filesystem (its mark {} was written for another file): what "
        "it "
        "says about the present may be wrong, so it is shown as observing; `extvold serve` takes it up as a "
        "new incarnation",
        reading_only, high_water_path(path_));
  }
  TRY(db_.run("queries/set_trusted_schema"));
  TRY(db_.run("queries/set_cell_size_check"));
  ASSIGN(meta_, read_meta(db_));
  return {};
}

Status Ledger::open_for_writing() {
  std::optional<HighWaterMark> mark;
  if (options_.guarded) {
    ASSIGN(lock_, take_lock(path_));
    ASSIGN(mark, HighWaterFile::read(path_));
    if (!has_content(path_) && mark) {
      return fail(
          Errc::conflict,
          "the ledger {} is gone, but it had got to sequence {} ({}): put it back, or restore a backup with "
          "`extvold ledger restore FILE`. To forget every volume and begin anew, remove {}",
          path_, mark->sequence.value, high_water_path(path_), high_water_path(path_));
    }
    if (!file_exists(path_) && !options_.create) {
      return fail(Errc::not_found,
                  "there is no ledger {}: check the path in the configuration, or start `extvold serve` once",
                  path_);
    }
  }
  ASSIGN(db_, Database::open(
                  path_,
                  {.read_only = false, .create = options_.create, .immutable = false, .vfs = options_.vfs}));
  if (options_.guarded) {
    ASSIGN(database_lock_, take_database_lock(path_));
  }
  ASSIGN(const SchemaStanding standing, schema_standing(db_, path_, migrations()));
  if (standing == SchemaStanding::older || standing == SchemaStanding::present) {
    TRY(judge_against_mark(mark));
    if (!report_.read_only_reason.empty()) {
      if (standing == SchemaStanding::older) return fail(Errc::conflict, "{}", report_.read_only_reason);
      ASSIGN(meta_, read_meta(db_));
      return {};
    }
  }
  TRY(open_file());
  if (!options_.guarded) return {};
  ASSIGN(const FileIdentity file, identify(path_));
  return take_up(mark, file);
}

Status Ledger::judge_against_mark(const std::optional<HighWaterMark>& mark) {
  if (!mark) return {};
  ASSIGN(const std::optional<HighWaterMark> own, read_own_mark(db_));
  if (!own) return {};
  if (const auto why = why_behind(path_, *own, *mark)) report_.read_only_reason = *why;
  return {};
}

// Settings, schema, statements: everything that does not depend on where the file came from.
Status Ledger::open_file() {
  TRY(apply_settings());
  ASSIGN(report_.migration, migrate(db_, path_, migrations(), options_.now, options_.guarded));
  TRY(refresh_views(db_));
  ASSIGN(const std::optional<HighWaterMark> own, read_own_mark(db_));
  if (!own) {
    report_.created = true;
    TRY(db_.run("queries/insert_meta", {"id", "committed_at"}, random_id(), options_.now));
  }
  TRY(db_.run("queries/set_foreign_keys"));
  TRY(prepare_statements());
  ASSIGN(meta_, read_meta(db_));
  ASSIGN(known_data_version_, db_.number("queries/get_data_version"));
  return {};
}

Status Ledger::apply_settings() {
  {
    ASSIGN(Statement statement, db_.prepare("queries/set_journal_mode"));
    Query query(statement);
    ASSIGN(const bool row, query.next());
    std::string mode;
    if (row) TRY(query.read(mode));
    if (options_.guarded && mode != "wal") {
      return fail(
          Errc::unavailable,
          "ledger {}: SQLite cannot keep a write-ahead log on this filesystem (it says \"{}\"); put the "
          "ledger on a local disk",
          path_, mode);
    }
  }
  for (const std::string_view name :
       {"queries/set_synchronous", "queries/set_trusted_schema", "queries/set_cell_size_check",
        "queries/set_cache_size", "queries/set_journal_size_limit", "queries/set_wal_autocheckpoint"}) {
    TRY(db_.run(name));
  }
  return {};
}

Status Ledger::prepare_statements() {
  ASSIGN(transactions_, prepare_transactions(db_));
  ASSIGN(data_version_, db_.prepare("queries/get_data_version"));
  ASSIGN(writer_, RowWriter::prepare(db_));
  sqlite3_wal_hook(db_.handle(), &Ledger::on_wal, this);
  return {};
}

// Compares the file with the mark beside it and makes them agree. The mark is not behind by more than what a
// power cut may take from an unsynced file, and never ahead: judge_against_mark() has seen to that.
Status Ledger::take_up(const std::optional<HighWaterMark>& mark, const FileIdentity& file) {
  const bool never_used = meta_.sequence.value == 0 && meta_.ledger.incarnation == 1;
  if (mark && mark->file == file && mark->ledger_id == meta_.ledger.id) {
    ASSIGN(high_water_, HighWaterFile::open(path_));
    return {};
  }
  if (mark || !never_used) {
    report_.copied = true;
    TRY(begin_incarnation(
        next_incarnation(meta_.ledger.incarnation, mark), "ledger.copied",
        fmt::format("this file is a copy of the ledger, or was moved to another filesystem: {}",
                    mark ? "its mark was written for another file" : "its high-water mark is missing")));
  }
  ASSIGN(high_water_,
         HighWaterFile::write(path_, {meta_.ledger.id, meta_.ledger.incarnation, meta_.sequence, file}));
  return {};
}

// From here on nothing that the file says about the present can be relied on: it may be a copy while the
// original went on.
Status Ledger::begin_incarnation(std::int64_t incarnation, const std::string& kind, const std::string& why) {
  WriteContext context{.sequence = {meta_.sequence.value + 1},
                       .at = options_.now,
                       .history_last = meta_.history_last,
                       .operation_ends = meta_.operation_ends};
  ASSIGN(Transaction transaction, Transaction::begin(db_, transactions_));
  ASSIGN(std::vector<HistoryEntry> doubts, list_doubts(db_, why));
  TRY(db_.run("queries/update_incarnation", {"incarnation", "began_at"}, incarnation, options_.now));
  TRY(db_.run("queries/inherit_released_volumes"));
  TRY(db_.run("queries/inherit_released_hosts"));
  TRY(db_.run("queries/void_all_evidence", {"why", "sequence"}, why, context.sequence));
  TRY(db_.run("queries/doubt_all_attachments", {"at"}, options_.now));
  TRY(db_.run("queries/doubt_all_claims", {"why"}, why));
  TRY(db_.run("queries/doubt_open_operations"));
  TRY(db_.run("queries/doubt_open_mesos_operations"));
  TRY(db_.run("queries/doubt_fences"));
  TRY(db_.run("queries/refuse_all_formats"));
  HistoryEntry entry;
  entry.kind = kind;
  entry.rule = "ledger.new_incarnation";
  entry.text = fmt::format(
      "{}; incarnation {} begins: evidence is void, attachments are uncertain, claims are unknown, and "
      "nothing is changed until `extvold release --all`",
      why, incarnation);
  TRY(writer_->apply(Change(std::move(entry)), context));
  for (HistoryEntry& doubt : doubts) TRY(writer_->apply(Change(std::move(doubt)), context));
  TRY(writer_->finish(context));
  TRY(transaction.commit());
  ASSIGN(meta_, read_meta(db_));
  return {};
}

}  // namespace extvold::ledger
