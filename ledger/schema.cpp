#include "ledger/schema.h"

#include <algorithm>
#include <vector>

#include "ledger/files.h"

namespace extvold::ledger {
namespace {

// An identifier against accidents (an edited or half-merged migration), not against forgery.
std::string hash_of(std::string_view text) { return derived_name("", text); }

Status check_hashes(Database& db, const std::string& path, std::span<const SqlFile> known,
                    std::int64_t version) {
  ASSIGN(Statement statement, db.prepare("queries/list_migrations"));
  Query query(statement);
  std::int64_t expected = 0;
  for (;;) {
    ASSIGN(const bool row, query.next());
    if (!row) break;
    std::int64_t number = 0;
    std::string name;
    std::string hash;
    TRY(query.read(number, name, hash));
    if (number != ++expected || number > std::ssize(known)) {
      return fail(
          Errc::conflict,
          "ledger {}: its list of migrations is not one that this extvold knows (number {}, {}); use the "
          "extvold that wrote it, or restore a backup with `extvold ledger restore FILE`",
          path, number, name);
    }
    const SqlFile& file = known[static_cast<std::size_t>(number - 1)];
    if (name != file.name || hash != hash_of(file.text)) {
      return fail(
          Errc::conflict,
          "ledger {}: it was made by another {} than this extvold holds; use the extvold that wrote it", path,
          name);
    }
  }
  if (expected != version) {
    return fail(
        Errc::conflict,
        "ledger {}: it names {} migrations, but its schema is {}: somebody changed it by hand; restore "
        "a backup with `extvold ledger restore FILE`",
        path, expected, version);
  }
  return {};
}

Status run_migrations(Database& db, std::span<const SqlFile> known, std::int64_t from, WallTime now) {
  ASSIGN(TransactionStatements statements, prepare_transactions(db));
  ASSIGN(Transaction transaction, Transaction::begin(db, statements));
  if (from > 0) TRY(db.execute("setup/drop_views", sql_text("setup/drop_views")));
  for (std::int64_t number = from + 1; number <= std::ssize(known); ++number) {
    const SqlFile& file = known[static_cast<std::size_t>(number - 1)];
    TRY(db.execute(file.name, file.text));
    ASSIGN(const std::int64_t version, db.number("queries/get_user_version"));
    EXTVOLD_CHECK(version == number);  // each migration sets it
    TRY(db.run("queries/insert_migration", {"number", "name", "hash", "applied_at"}, number, file.name,
               hash_of(file.text), now));
  }
  ASSIGN(Statement foreign_keys, db.prepare("queries/check_foreign_keys"));
  {
    Query query(foreign_keys);
    ASSIGN(const bool broken, query.next());
    if (broken)
      return fail(Errc::internal, "the migration to {} leaves rows that refer to nothing", known.back().name);
  }
  return transaction.commit();
}

}  // namespace

std::span<const SqlFile> files_below(std::string_view folder) {
  const auto files = sql_files();
  const auto first =
      std::find_if(files.begin(), files.end(), [&](const SqlFile& f) { return f.name.starts_with(folder); });
  const auto last =
      std::find_if(first, files.end(), [&](const SqlFile& f) { return !f.name.starts_with(folder); });
  return {first, last};
}

std::span<const SqlFile> migrations() { return files_below("migrations/"); }

Result<SchemaStanding> schema_standing(Database& db, const std::string& path,
                                       std::span<const SqlFile> known) {
  ASSIGN(const std::int64_t application, db.number("queries/get_application_id"));
  ASSIGN(const std::int64_t version, db.number("queries/get_user_version"));
  ASSIGN(const std::int64_t objects, db.number("queries/count_schema"));
  if (application == 0 && version == 0 && objects == 0) return SchemaStanding::empty;
  if (application != kApplicationId) {
    return fail(
        Errc::conflict,
        "{} is an SQLite database, but no ledger of extvold: it is left as it is; give the ledger another "
        "path in the configuration",
        path);
  }
  if (version > std::ssize(known)) {
    return fail(
        Errc::conflict,
        "ledger {} was written by a newer extvold (schema {}, this one knows up to {}): it is left as it is; "
        "install that version again, or restore the backup that it made before it changed the schema",
        path, version, known.size());
  }
  TRY(check_hashes(db, path, known, version));
  return version == std::ssize(known) ? SchemaStanding::present : SchemaStanding::older;
}

Result<MigrationReport> migrate(Database& db, const std::string& path, std::span<const SqlFile> known,
                                WallTime now, bool keep) {
  MigrationReport report;
  ASSIGN(report.from, db.number("queries/get_user_version"));
  report.to = std::ssize(known);
  if (report.from == report.to) return report;
  if (report.from > 0 && keep) {
    report.backup = free_name(fmt::format("{}.before-schema-{}", path, report.to));
    TRY(db.run("queries/vacuum_into", {"file"}, report.backup));
    TRY(sync_file(report.backup));
    TRY(sync_directory_of(report.backup));
  }
  TRY(run_migrations(db, known, report.from, now));
  return report;
}

Status refresh_views(Database& db) {
  const auto views = files_below("views/");
  std::string all;
  for (const SqlFile& view : views) all += view.text;
  const std::string hash = hash_of(all);
  {
    ASSIGN(Statement statement, db.prepare("queries/get_view_texts"));
    Query query(statement);
    ASSIGN(const bool row, query.next());
    std::string stored;
    if (row) TRY(query.read(stored));
    if (stored == hash) return {};
  }
  ASSIGN(TransactionStatements statements, prepare_transactions(db));
  ASSIGN(Transaction transaction, Transaction::begin(db, statements));
  for (const SqlFile& view : views) TRY(db.execute(view.name, view.text));
  TRY(db.run("queries/put_view_texts", {"hash"}, hash));
  return transaction.commit();
}

}  // namespace extvold::ledger
