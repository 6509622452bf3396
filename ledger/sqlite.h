// SQLite as values that clean up after themselves: Database, Statement (prepared once), Query (a cursor),
// Transaction.
//
// One Database and what was prepared on it belong to one thread at a time (opened without SQLite's mutexes);
// they may be handed to another thread while nobody uses them. A Statement must not outlive its Database. No
// SQL text outside sql/: a Statement is named by its embedded file, its parameters by their names, resolved
// to indexes when it is prepared. Every error names the file, the statement and what SQLite said;
// sqlite_error() says which Errc stands for what.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "model/check.h"
#include "model/enum_text.h"
#include "model/ids.h"
#include "model/instant.h"
#include "model/result.h"

namespace extvold::ledger {

// What SQLite answered, as an Error that names the database's file. exhausted: disk full, out of memory.
// busy: somebody holds a lock. permission: read-only file or directory. corrupt: damaged, not a database, or
// an I/O error: stop writing. internal: a constraint or misuse, that is, a bug of ours.
Error sqlite_error(sqlite3* db, int extended_code, std::string_view what);

// Text that is stored as NULL when there is none.
struct NullIfEmpty {
  std::string_view text;
};
struct Null {};

// Values are bound without a copy: they must live until the statement has run.
int bind_value(sqlite3_stmt* statement, int index, std::int64_t value);
int bind_value(sqlite3_stmt* statement, int index, std::string_view value);
int bind_value(sqlite3_stmt* statement, int index, Null value);

inline int bind_value(sqlite3_stmt* statement, int index, int value) {
  return bind_value(statement, index, std::int64_t{value});
}
inline int bind_value(sqlite3_stmt* statement, int index, bool value) {
  return bind_value(statement, index, std::int64_t{value ? 1 : 0});
}
inline int bind_value(sqlite3_stmt* statement, int index, const std::string& value) {
  return bind_value(statement, index, std::string_view(value));
}
inline int bind_value(sqlite3_stmt* statement, int index, const char* value) {
  return bind_value(statement, index, std::string_view(value));
}
inline int bind_value(sqlite3_stmt* statement, int index, NullIfEmpty value) {
  return value.text.empty() ? bind_value(statement, index, Null{}) : bind_value(statement, index, value.text);
}
inline int bind_value(sqlite3_stmt* statement, int index, WallTime value) {
  return bind_value(statement, index, value.ns);
}
inline int bind_value(sqlite3_stmt* statement, int index, Sequence value) {
  return bind_value(statement, index, value.value);
}
template <typename Tag, typename Text>
int bind_value(sqlite3_stmt* statement, int index, const TextId<Tag, Text>& id) {
  return bind_value(statement, index, std::string_view(id.value));
}
template <typename Tag>
int bind_value(sqlite3_stmt* statement, int index, NumberId<Tag> id) {
  return id ? bind_value(statement, index, id.value) : bind_value(statement, index, Null{});
}
template <typename E>
requires std::is_enum_v<E>
int bind_value(sqlite3_stmt* statement, int index, E value) {
  return bind_value(statement, index, std::string_view(to_text(value)));
}

// False: the column holds something that this type cannot.
bool read_value(sqlite3_stmt* statement, int column, std::int64_t& value);
bool read_value(sqlite3_stmt* statement, int column, std::string& value);
bool read_value(sqlite3_stmt* statement, int column, bool& value);
bool read_value(sqlite3_stmt* statement, int column, int& value);
bool read_value(sqlite3_stmt* statement, int column, std::uint64_t& value);
std::string_view column_text(sqlite3_stmt* statement, int column);  // valid until the next step

inline bool read_value(sqlite3_stmt* statement, int column, WallTime& value) {
  return read_value(statement, column, value.ns);
}
inline bool read_value(sqlite3_stmt* statement, int column, Sequence& value) {
  return read_value(statement, column, value.value);
}
template <typename Tag, typename Text>
bool read_value(sqlite3_stmt* statement, int column, TextId<Tag, Text>& id) {
  const std::string_view text = column_text(statement, column);
  // Neighbouring rows often name the same thing: what is there already is not made anew.
  if (std::string_view(id.value) != text) id = TextId<Tag, Text>(text);
  return true;
}
template <typename Tag>
bool read_value(sqlite3_stmt* statement, int column, NumberId<Tag>& id) {
  return read_value(statement, column, id.value);  // NULL reads as 0, none
}
template <typename E>
requires std::is_enum_v<E>
bool read_value(sqlite3_stmt* statement, int column, E& value) {
  const auto found = from_text<E>(column_text(statement, column));
  if (found) value = *found;
  return found.has_value();
}
bool read_value(sqlite3_stmt* statement, int column, Errc& value);

class Statement {
 public:
  Statement() = default;

  // Runs it to its end, ignoring rows. Values in the order of the names given to prepare().
  template <typename... Ts>
  Status run(const Ts&... values) {
    if (const int code = bind_all(values...); code != SQLITE_OK) return failed(code);
    return finish();
  }

  std::int64_t rows_changed() const;  // by the newest run, of this or any statement of the connection
  std::string_view name() const { return name_; }

 private:
  friend class Database;
  friend class Query;
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };

  template <typename... Ts>
  int bind_all(const Ts&... values) {
    EXTVOLD_CHECK(statement_ != nullptr && sizeof...(values) == indexes_.size());
    int code = SQLITE_OK;
    [[maybe_unused]] std::size_t next = 0;
    ((code = code == SQLITE_OK ? bind_value(statement_.get(), indexes_[next++], values) : code), ...);
    return code;
  }
  Status finish();
  tl::unexpected<Error> failed(int code);

  std::unique_ptr<sqlite3_stmt, Finalizer> statement_;
  std::vector<int> indexes_;  // of the named parameters, in the order of prepare()
  std::string_view name_;
};

// A running statement that yields rows. On the stack only; resets its statement and lets go of the values at
// its end.
class Query {
 public:
  template <typename... Ts>
  explicit Query(Statement& statement, const Ts&... values)
      : statement_(statement), bound_(statement.bind_all(values...)) {}
  ~Query();
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  Result<bool> next();  // false: no more rows

  // The columns of the present row, all of them, in the order of the SELECT.
  template <typename... Ts>
  Status read(Ts&... values) {
    sqlite3_stmt* const row = statement_.statement_.get();
    EXTVOLD_CHECK(sqlite3_column_count(row) == static_cast<int>(sizeof...(values)));
    int column = -1;
    if ((read_value(row, ++column, values) && ...)) return {};
    return unreadable(column);
  }
  bool is_null(int column) const;

 private:
  Status unreadable(int column) const;

  Statement& statement_;
  int bound_;
};

class Database {
 public:
  struct Options {
    bool read_only = false;
    bool create = false;
    bool immutable = false;       // read a file beside which nothing may be written, and which nobody writes
    std::string vfs{};            // empty: the system's
    int busy_timeout_ms = 5'000;  // how long to wait for another connection's lock
  };
  static Result<Database> open(const std::string& path, const Options& options);

  // An embedded file of one statement; `parameters` are the names of all of its parameters, without the
  // colon.
  Result<Statement> prepare(std::string_view name, const std::vector<std::string_view>& parameters = {});
  // An embedded file, or SQL text that stands in for one, of any number of statements without parameters.
  Status execute(std::string_view name, std::string_view sql);
  // Runs one embedded statement once.
  template <typename... Ts>
  Status run(std::string_view name, const std::vector<std::string_view>& parameters, const Ts&... values) {
    ASSIGN(Statement statement, prepare(name, parameters));
    return statement.run(values...);
  }
  Status run(std::string_view name) { return run(name, {}); }
  // One number that one embedded statement yields.
  Result<std::int64_t> number(std::string_view name);

  sqlite3* handle() const { return handle_.get(); }

 private:
  struct Closer {
    void operator()(sqlite3* db) const;
  };
  std::unique_ptr<sqlite3, Closer> handle_;
};

// The text of an embedded file; CHECKs that it exists. `name` as in "queries/put_task".
std::string_view sql_text(std::string_view name);

// What a Transaction runs at its borders, prepared once.
struct TransactionStatements {
  Statement begin;
  Statement commit;
  Statement rollback;
};
Result<TransactionStatements> prepare_transactions(Database& db);

// BEGIN IMMEDIATE … COMMIT; rolled back at the end of its scope unless commit() succeeded.
class Transaction {
 public:
  static Result<Transaction> begin(Database& db, TransactionStatements& statements);
  ~Transaction();
  Transaction(Transaction&& other) noexcept;
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  Transaction& operator=(Transaction&&) = delete;

  Status commit();  // CHECKs that no Query is alive

 private:
  Transaction(Database& db, TransactionStatements& statements) : db_(&db), statements_(&statements) {}

  Database* db_;  // null: ended or moved from
  TransactionStatements* statements_;
};

}  // namespace extvold::ledger
