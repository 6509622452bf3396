// The schema of a ledger file: numbered migrations and the views. Used while opening, by whoever holds the
// write lock.
#pragma once

#include <span>
#include <string>

#include "ledger/sql_files.h"
#include "ledger/sqlite.h"

namespace extvold::ledger {

// Marks a database as a ledger, in its header: "XVLD".
inline constexpr std::int64_t kApplicationId = 0x58564C44;

// The embedded files of one folder ("checks/"), sorted by name.
std::span<const SqlFile> files_below(std::string_view folder);

// The embedded migrations, in their order; number n is element n - 1.
std::span<const SqlFile> migrations();

enum class SchemaStanding { empty, older, present };

// What kind of file this is, without changing it. conflict: not a ledger, or written by a newer extvold, or a
// migration that made it is not the one that this program knows.
Result<SchemaStanding> schema_standing(Database& db, const std::string& path, std::span<const SqlFile> known);

struct MigrationReport {
  std::int64_t from = 0;
  std::int64_t to = 0;
  std::string backup;  // where the file as it was before lies; empty: there was nothing to keep
};

// Brings the schema up to the last of `known` in one transaction. If the file holds a ledger and `keep`, a
// backup is made beside it first. Foreign keys must be off: they are checked at the end.
Result<MigrationReport> migrate(Database& db, const std::string& path, std::span<const SqlFile> known,
                                WallTime now, bool keep);

// Makes the views anew if the program's are others.
Status refresh_views(Database& db);

}  // namespace extvold::ledger
