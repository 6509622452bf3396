#include "ledger/sqlite.h"

#include <algorithm>
#include <cstring>

#include "ledger/sql_files.h"

namespace extvold::ledger {
namespace {

Errc errc_of(int extended_code) {
  switch (extended_code & 0xFF) {
    case SQLITE_FULL:
    case SQLITE_NOMEM:
      return Errc::exhausted;
    case SQLITE_TOOBIG:
      return Errc::invalid;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Errc::busy;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return Errc::permission;
    case SQLITE_CANTOPEN:
      return Errc::unavailable;
    case SQLITE_IOERR:
      return extended_code == SQLITE_IOERR_NOMEM ? Errc::exhausted : Errc::corrupt;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Errc::corrupt;
    default:
      return Errc::internal;
  }
}

std::string_view remedy(int extended_code) {
  switch (extended_code & 0xFF) {
    case SQLITE_FULL:
      return "; free space on its filesystem: this change was not written, earlier ones are safe";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return "; the file is left as it is: restore a backup with `extvold ledger restore FILE`";
    case SQLITE_IOERR:
      return "; look at the kernel's log, at quotas and file size limits; extvold writes no more to it until "
             "it "
             "is started again";
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return "; check the owner and mode of the file and of its directory, and that the filesystem is not "
             "mounted read-only";
    case SQLITE_BUSY:
      return "; another program holds a lock on it: end that program's transaction";
    default:
      return "";
  }
}

}  // namespace

Error sqlite_error(sqlite3* db, int extended_code, std::string_view what) {
  const char* const file = db == nullptr ? nullptr : sqlite3_db_filename(db, "main");
  const bool own_text = db != nullptr && (sqlite3_extended_errcode(db) & 0xFF) == (extended_code & 0xFF);
  std::string text = own_text ? sqlite3_errmsg(db) : sqlite3_errstr(extended_code);
  const int system = db == nullptr ? 0 : sqlite3_system_errno(db);
  const int primary = extended_code & 0xFF;
  if (system != 0 && (primary == SQLITE_IOERR || primary == SQLITE_FULL || primary == SQLITE_CANTOPEN)) {
    text += fmt::format(" ({})", std::strerror(system));
  }
  return {errc_of(extended_code), fmt::format("ledger {}: {}: {} (SQLite {}){}", file == nullptr ? "" : file,
                                              what, text, extended_code, remedy(extended_code))};
}

int bind_value(sqlite3_stmt* statement, int index, std::int64_t value) {
  return sqlite3_bind_int64(statement, index, value);
}

int bind_value(sqlite3_stmt* statement, int index, std::string_view value) {
  // Without a pointer SQLite would store NULL.
  return sqlite3_bind_text64(statement, index, value.data() == nullptr ? "" : value.data(), value.size(),
                             SQLITE_STATIC, SQLITE_UTF8);
}

int bind_value(sqlite3_stmt* statement, int index, Null) { return sqlite3_bind_null(statement, index); }

bool read_value(sqlite3_stmt* statement, int column, std::int64_t& value) {
  value = sqlite3_column_int64(statement, column);
  return true;
}

bool read_value(sqlite3_stmt* statement, int column, std::uint64_t& value) {
  value = static_cast<std::uint64_t>(sqlite3_column_int64(statement, column));
  return true;
}

bool read_value(sqlite3_stmt* statement, int column, int& value) {
  const std::int64_t wide = sqlite3_column_int64(statement, column);
  value = static_cast<int>(wide);
  return value == wide;
}

bool read_value(sqlite3_stmt* statement, int column, bool& value) {
  value = sqlite3_column_int64(statement, column) != 0;
  return true;
}

std::string_view column_text(sqlite3_stmt* statement, int column) {
  const auto* const text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
  return text == nullptr
             ? std::string_view()
             : std::string_view(text, static_cast<std::size_t>(sqlite3_column_bytes(statement, column)));
}

bool read_value(sqlite3_stmt* statement, int column, std::string& value) {
  value = column_text(statement, column);
  return true;
}

bool read_value(sqlite3_stmt* statement, int column, Errc& value) {
  const std::string_view text = column_text(statement, column);
  value = errc_from_text(text);
  return to_text(value) == text;
}

Status Statement::finish() {
  sqlite3_stmt* const statement = statement_.get();
  int code = sqlite3_step(statement);
  while (code == SQLITE_ROW) code = sqlite3_step(statement);
  // The bindings stay: every run binds all of them again before it steps.
  if (code == SQLITE_DONE) {
    sqlite3_reset(statement);
    return {};
  }
  auto error = failed(code);
  sqlite3_reset(statement);
  return error;
}

tl::unexpected<Error> Statement::failed(int code) {
  return tl::make_unexpected(sqlite_error(sqlite3_db_handle(statement_.get()), code, name_));
}

std::int64_t Statement::rows_changed() const {
  return sqlite3_changes64(sqlite3_db_handle(statement_.get()));
}

Query::~Query() {
  sqlite3_reset(statement_.statement_.get());
  sqlite3_clear_bindings(statement_.statement_.get());
}

Result<bool> Query::next() {
  if (bound_ != SQLITE_OK) return statement_.failed(bound_);
  const int code = sqlite3_step(statement_.statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return statement_.failed(code);
}

bool Query::is_null(int column) const {
  return sqlite3_column_type(statement_.statement_.get(), column) == SQLITE_NULL;
}

Status Query::unreadable(int column) const {
  sqlite3_stmt* const statement = statement_.statement_.get();
  const char* const file = sqlite3_db_filename(sqlite3_db_handle(statement), "main");
  return fail(
      Errc::corrupt,
      "ledger {}: {}: column {} holds \"{}\", which this program does not know; restore a backup with "
      "`extvold ledger restore FILE`, or use the extvold that wrote it",
      file == nullptr ? "" : file, statement_.name(), sqlite3_column_name(statement, column),
      column_text(statement, column));
}

void Database::Closer::operator()(sqlite3* db) const {
  EXTVOLD_CHECK(sqlite3_close(db) == SQLITE_OK);  // else a Statement outlives it
}

namespace {

// A path as the file part of an SQLite URI.
std::string uri_of(const std::string& path) {
  std::string out = "file:";
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      out += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

Result<Database> Database::open(const std::string& path, const Options& options) {
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_URI;
  flags |= options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  if (options.create) flags |= SQLITE_OPEN_CREATE;
  const std::string name =
      path == ":memory:" ? path : uri_of(path) + (options.immutable ? "?immutable=1" : "");
  sqlite3* raw = nullptr;
  const int code =
      sqlite3_open_v2(name.c_str(), &raw, flags, options.vfs.empty() ? nullptr : options.vfs.c_str());
  Database db;
  db.handle_.reset(raw);
  if (code != SQLITE_OK) {
    Error error = sqlite_error(raw, code, "cannot open it");
    if (raw == nullptr || sqlite3_db_filename(raw, "main") == nullptr)
      error.message += fmt::format(" [{}]", path);
    return tl::make_unexpected(std::move(error));
  }
  // SQLite opens a file that may not be written for reading only, and says so at the first write.
  if (!options.read_only && sqlite3_db_readonly(raw, "main") == 1) {
    return tl::make_unexpected(sqlite_error(raw, SQLITE_READONLY, "cannot open it for writing"));
  }
  sqlite3_busy_timeout(raw, options.busy_timeout_ms);
  // The file may have been written by somebody else: no shadow tables, no double-quoted strings, no
  // surprises.
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  return db;
}

std::string_view sql_text(std::string_view name) {
  const auto files = sql_files();
  const auto found = std::lower_bound(files.begin(), files.end(), name,
                                      [](const SqlFile& file, std::string_view n) { return file.name < n; });
  EXTVOLD_CHECK(found != files.end() && found->name == name);
  return found->text;
}

Result<Statement> Database::prepare(std::string_view name, const std::vector<std::string_view>& parameters) {
  const std::string_view text = sql_text(name);
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v3(handle_.get(), text.data(), static_cast<int>(text.size()),
                                      SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  Statement statement;
  statement.statement_.reset(raw);
  statement.name_ = name;
  if (code != SQLITE_OK) return tl::make_unexpected(sqlite_error(handle_.get(), code, name));
  EXTVOLD_CHECK(sqlite3_bind_parameter_count(raw) == static_cast<int>(parameters.size()));
  for (const std::string_view parameter : parameters) {
    const int index = sqlite3_bind_parameter_index(raw, fmt::format(":{}", parameter).c_str());
    EXTVOLD_CHECK(index > 0);
    statement.indexes_.push_back(index);
  }
  return statement;
}

Status Database::execute(std::string_view name, std::string_view sql) {
  const std::string text(sql);
  const int code = sqlite3_exec(handle_.get(), text.c_str(), nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) return {};
  return tl::make_unexpected(sqlite_error(handle_.get(), code, name));
}

Result<std::int64_t> Database::number(std::string_view name) {
  ASSIGN(Statement statement, prepare(name));
  Query query(statement);
  ASSIGN(const bool row, query.next());
  std::int64_t value = 0;
  if (row) TRY(query.read(value));
  return value;
}

Result<TransactionStatements> prepare_transactions(Database& db) {
  TransactionStatements out;
  ASSIGN(out.begin, db.prepare("queries/begin_transaction"));
  ASSIGN(out.commit, db.prepare("queries/commit_transaction"));
  ASSIGN(out.rollback, db.prepare("queries/rollback_transaction"));
  return out;
}

Result<Transaction> Transaction::begin(Database& db, TransactionStatements& statements) {
  TRY(statements.begin.run());
  return Transaction(db, statements);
}

Transaction::Transaction(Transaction&& other) noexcept : db_(other.db_), statements_(other.statements_) {
  other.db_ = nullptr;
}

Transaction::~Transaction() {
  if (db_ == nullptr) return;
  // After some errors SQLite has rolled back by itself. A rollback writes nothing in WAL mode; if it fails
  // all the same, the connection is unusable and every later statement says so.
  if (sqlite3_get_autocommit(db_->handle()) == 0) static_cast<void>(statements_->rollback.run());
}

Status Transaction::commit() {
  for (sqlite3_stmt* s = sqlite3_next_stmt(db_->handle(), nullptr); s != nullptr;
       s = sqlite3_next_stmt(db_->handle(), s)) {
    EXTVOLD_CHECK(sqlite3_stmt_busy(s) == 0);
  }
  TRY(statements_->commit.run());
  db_ = nullptr;
  return {};
}

}  // namespace extvold::ledger
