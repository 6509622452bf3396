#include "bench/bare_insert.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <vector>

#include "bench/pipeline.h"

namespace extvold::bench {
namespace {

void run(sqlite3* db, const std::string& sql) {
  char* message = nullptr;
  if (sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &message) != SQLITE_OK)
    stop(fmt::format("{}: {}", sql, message));
}

struct Table {
  std::string name;
  int columns = 0;
  std::vector<sqlite3_value*> values;  // row by row
};

std::vector<std::string> texts(sqlite3* db, const char* sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(db, sql, -1, &statement, nullptr) != SQLITE_OK) stop(sqlite3_errmsg(db));
  std::vector<std::string> out;
  while (sqlite3_step(statement) == SQLITE_ROW)
    out.emplace_back(reinterpret_cast<const char*>(sqlite3_column_text(statement, 0)));
  sqlite3_finalize(statement);
  return out;
}

Table read(sqlite3* db, const std::string& name) {
  Table table{name, 0, {}};
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(db, fmt::format("SELECT * FROM {}", name).c_str(), -1, &statement, nullptr) !=
      SQLITE_OK)
    stop(sqlite3_errmsg(db));
  table.columns = sqlite3_column_count(statement);
  while (sqlite3_step(statement) == SQLITE_ROW) {
    for (int i = 0; i < table.columns; ++i)
      table.values.push_back(sqlite3_value_dup(sqlite3_column_value(statement, i)));
  }
  sqlite3_finalize(statement);
  return table;
}

void write(sqlite3* db, const Table& table, std::int64_t rows_a_transaction, std::int64_t& rows) {
  std::string marks = "?";
  for (int i = 1; i < table.columns; ++i) marks += ",?";
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(db, fmt::format("INSERT INTO {} VALUES({})", table.name, marks).c_str(), -1,
                         &statement, nullptr) != SQLITE_OK) {
    stop(sqlite3_errmsg(db));
  }
  const std::size_t width = static_cast<std::size_t>(table.columns);
  for (std::size_t at = 0; at < table.values.size(); at += width) {
    for (std::size_t i = 0; i < width; ++i)
      sqlite3_bind_value(statement, static_cast<int>(i) + 1, table.values[at + i]);
    if (sqlite3_step(statement) != SQLITE_DONE) stop(fmt::format("{}: {}", table.name, sqlite3_errmsg(db)));
    sqlite3_reset(statement);
    if (++rows % rows_a_transaction == 0) run(db, "COMMIT; BEGIN");
  }
  sqlite3_finalize(statement);
}

}  // namespace

BareInsert bare_insert(const std::string& from, const std::string& to, std::int64_t rows_a_transaction) {
  sqlite3* source = nullptr;
  sqlite3* target = nullptr;
  if (sqlite3_open(from.c_str(), &source) != SQLITE_OK || sqlite3_open(to.c_str(), &target) != SQLITE_OK)
    stop("cannot open the ledgers");
  run(target, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL");
  for (const std::string& sql : texts(source,
                                      "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND type IN "
                                      "('table', 'index') ORDER BY rowid")) {
    if (!sql.starts_with("CREATE TABLE sqlite_")) run(target, sql);
  }
  std::vector<Table> tables;
  for (const std::string& name : texts(source,
                                       "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT "
                                       "LIKE 'sqlite_%' ORDER BY rowid")) {
    tables.push_back(read(source, name));
  }
  BareInsert out;
  const double start = wall_seconds();
  run(target, "BEGIN");
  for (const Table& table : tables) write(target, table, rows_a_transaction, out.rows);
  run(target, "COMMIT");
  out.seconds = wall_seconds() - start;
  for (const Table& table : tables) {
    for (sqlite3_value* value : table.values) sqlite3_value_free(value);
  }
  sqlite3_close(source);
  sqlite3_close(target);
  return out;
}

}  // namespace extvold::bench
