// What the query API answers, as JSON values made from the state: names instead of numbers, times in UTC,
// null for what is not known or not there. The shapes are documented in docs/api.md and are kept stable:
// fields are added, never renamed.
//
// Pure functions on values; any thread that may read the values.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "daemon/driver.h"
#include "daemon/record/codec.h"
#include "ledger/ledger.h"
#include "model/observed.h"
#include "model/plan.h"
#include "model/policy.h"
#include "model/snapshot.h"

namespace extvold::daemon::api {

using record::Json;

// Everything that the views read, of one moment.
struct World {
  const Snapshot& snapshot;
  const Observed& observed;
  const Policy& policy;
  Now now;
  bool live =
      true;  // false: no daemon runs; nothing was observed, and blocked rows are those of the last commit
};

Json volume_summary(const World& world, const VolumeEntry& entry);
Json volume_detail(const World& world, const VolumeEntry& entry);

// A list may be long and the loop has other things to do: a part at a time. `next` of the answer is the
// `after` of the next part, null when there is none.
struct Page {
  std::int64_t after = 0;
  std::int64_t limit = 1000;  // about; rows of one volume are not split
};
Json volumes_view(const World& world, const Page& page, bool removed_too);  // ordered by id
Json attachments_view(const World& world, const Page& page);  // ordered by volume's id, then host
Json claims_view(const World& world, const Page& page);       // ordered by id
Json operations_view(const World& world);
Json hosts_view(const World& world);
Json agents_list(const World& world);            // ordered by id
Json reservations_view(const World& world);      // ordered by agent, as it lists them
Json mesos_operations_view(const World& world);  // open ones, ordered by agent
Json pools_view(const World& world);
// Ordered by provider, then key; `after` counts rows.
Json foreign_view(const ForeignVolumes& foreign, const Page& page);

Json operation_view(const Snapshot& snapshot, const Operation& operation);
Json mesos_operation_view(const Snapshot& snapshot, const MesosOperation& operation);
Json blocked_view(const Snapshot& snapshot, const BlockedRow& row);
Json plan_view(const Snapshot& snapshot, const Plan& plan, Now now);
Json history_view(const Snapshot& snapshot, std::span<const ledger::HistoryRow> rows);

struct StatusFacts {
  std::optional<DriverStatus> driver;
  reconcilers::EngineCounts engine;
  std::optional<ledger::WalState> wal;
  std::string ledger_path;
};
Json status_view(const World& world, const StatusFacts& facts);

// Why a volume is as it is. `history`: its newest rows, oldest first.
Json explanation(const World& world, const VolumeEntry& entry, std::span<const ledger::HistoryRow> history);

// Times for people and programs: null for 0.
Json time_or_null(WallTime time);
// When an instant of this run was, on the wall's clock; null for 0 and never.
Json instant_or_null(Now now, Instant at);

}  // namespace extvold::daemon::api
