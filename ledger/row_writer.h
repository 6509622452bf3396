// RowWriter: writes each alternative of Change into its table, with statements that are prepared once. It
// knows nothing of transactions: Ledger::commit() opens and closes them. Used by whoever owns the Database,
// on one thread at a time.
#pragma once

#include "ledger/sqlite.h"
#include "model/change.h"

namespace extvold::ledger {

// What the rows of one transaction share, and the numbers it hands out. Kept only if the transaction commits.
struct WriteContext {
  Sequence sequence;
  WallTime at;
  std::int64_t history_last = 0;     // number of the newest history row
  std::int64_t operation_ends = 0;   // newest operations.ended_order
  std::int64_t tasks_not_found = 0;  // task updates of tasks that are not recorded
};

class RowWriter {
 public:
  static Result<RowWriter> prepare(Database& db);

  // One change. Errors: those of SQLite; internal for a change of a row that must exist and does not.
  Status apply(const Change& change, WriteContext& context);
  // Last in the transaction.
  Status finish(const WriteContext& context);

 private:
  struct Hot {
    Statement put_task, update_task_state, put_claim, update_claim_state, insert_history, update_sequence;
  };
  struct Cluster {
    Statement put_host, put_agent, delete_agent, put_framework, delete_framework, delete_claim, delete_tasks,
        put_evidence, put_fence;
    Statement insert_reservation, insert_label, delete_reservations;
  };
  struct Storage {
    Statement put_pool, put_volume, put_attachment, delete_attachment, put_mount, delete_mount, put_block,
        delete_block;
    Statement update_open_operation, update_ended_operation, insert_operation;
    Statement update_mesos_operation, insert_mesos_operation;
  };
  struct Meta {
    Statement update_view, update_mode, update_detach_storm, update_fence_stop, update_counters;
  };
  static Result<Hot> prepare_hot(Database& db);
  static Result<Cluster> prepare_cluster(Database& db);
  static Result<Storage> prepare_storage(Database& db);
  static Result<Meta> prepare_meta(Database& db);

  Status write(const TaskRow& row, WriteContext& context);
  Status write(const TaskStateChange& row, WriteContext& context);
  Status write(const EndTasksOfView& row, WriteContext& context);
  Status write(const Claim& row, WriteContext& context);
  Status write(const ClaimStateChange& row, WriteContext& context);
  Status write(const DropClaim& row, WriteContext& context);
  Status write(const Host& row, WriteContext& context);
  Status write(const Agent& row, WriteContext& context);
  Status write(const DropAgent& row, WriteContext& context);
  Status write(const Framework& row, WriteContext& context);
  Status write(const DropFramework& row, WriteContext& context);
  Status write(const ReservationRecord& row, WriteContext& context);
  Status write(const DropReservations& row, WriteContext& context);
  Status write(const Pool& row, WriteContext& context);
  Status write(const Volume& row, WriteContext& context);
  Status write(const Attachment& row, WriteContext& context);
  Status write(const DropAttachment& row, WriteContext& context);
  Status write(const Mount& row, WriteContext& context);
  Status write(const DropMount& row, WriteContext& context);
  Status write(const Operation& row, WriteContext& context);
  Status write(const MesosOperation& row, WriteContext& context);
  Status write(const Fence& row, WriteContext& context);
  Status write(const Evidence& row, WriteContext& context);
  Status write(const BlockedRow& row, WriteContext& context);
  Status write(const DropBlocked& row, WriteContext& context);
  Status write(const MesosView& row, WriteContext& context);
  Status write(const SetMode& row, WriteContext& context);
  Status write(const SetDetachStorm& row, WriteContext& context);
  Status write(const SetFenceStop& row, WriteContext& context);
  Status write(const Counters& row, WriteContext& context);
  Status write(const HistoryEntry& row, WriteContext& context);

  Database* db_ = nullptr;
  Hot hot_;
  Cluster cluster_;
  Storage storage_;
  Meta meta_;
};

}  // namespace extvold::ledger
