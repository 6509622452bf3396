// BareUpdates: a bare SQLite loop that makes the ledger's row changes of tasks and claims, equally durable
// (WAL, synchronous=FULL). What the ledger is measured against.
//
// Its tables have no constraints, foreign keys, triggers and secondary indexes, and it does no bookkeeping:
// no sequence, no mark, no check for foreign writes. Changes of other kinds are left out.
#pragma once

#include <sqlite3.h>

#include <span>
#include <string>
#include <string_view>

#include "model/change.h"

namespace extvold::bench {

class BareUpdates {
 public:
  // tuned: with the ledger's page cache and checkpoint distance, else with SQLite's own.
  BareUpdates(const std::string& path, bool tuned);
  ~BareUpdates();
  BareUpdates(const BareUpdates&) = delete;
  BareUpdates& operator=(const BareUpdates&) = delete;

  void write(std::span<const Batch> batches);  // as one transaction

 private:
  void write(const TaskStateChange& row);
  void write(const ClaimStateChange& row);
  void write(const TaskRow& row);
  void write(const Claim& row);
  void run(sqlite3_stmt* statement);
  void execute(const char* sql);
  sqlite3_stmt* prepare(const char* sql);

  sqlite3* db_ = nullptr;
  sqlite3_stmt* begin_ = nullptr;
  sqlite3_stmt* commit_ = nullptr;
  sqlite3_stmt* task_ = nullptr;
  sqlite3_stmt* claim_ = nullptr;
  sqlite3_stmt* task_state_ = nullptr;
  sqlite3_stmt* claim_state_ = nullptr;
};

}  // namespace extvold::bench
