// A recording: everything that a plan is made from, as a folder of text files. `extvold reconcile --dry-run
// --record DIR` writes one; put under tests/golden/ it is a test as it is.
//
//   snapshot.json       what the ledger holds            observed.json   what was seen in this run
//   policy.json         what the configuration decides   now             the instant of the plan
//   expected-plan.txt   the plan, as text
//
// Functions on values, any thread; they read and write files and nothing else. Names and ids of a cluster are
// in it, secrets are not: none ever gets into these values. Errors name the file and the place in it.
#pragma once

#include <string>

#include "daemon/record/codec.h"
#include "model/plan.h"
#include "model/snapshot.h"

namespace extvold::daemon::record {

struct Recording {
  Snapshot snapshot;
  Observed observed;
  Policy policy;
  Instant now;
};

inline constexpr std::string_view kPlanFile = "expected-plan.txt";

// invalid: rows that contradict each other (an attachment of a volume that is not there, two volumes of one
// name, ...).
Json snapshot_to_json(const Snapshot& snapshot);
Result<Snapshot> snapshot_from_json(const Json& json);

// Any struct that is listed in fields.h.
template <Listed T>
Result<T> value_from_json(const Json& json) {
  T out{};
  TRY(from_json(json, out, Place()));
  return out;
}

// invalid: not JSON; the message says where it stops to be.
Result<Json> parse_json(std::string_view text);

// The folder is made; one that is there must be empty, so that no recording mixes two moments.
Status write_recording(const std::string& folder, const Snapshot& snapshot, const Observed& observed,
                       const Policy& policy, Instant now, const Plan& plan);
Result<Recording> read_recording(const std::string& folder);

Result<std::string> read_file(const std::string& path);
Status write_file(const std::string& path, std::string_view text);

}  // namespace extvold::daemon::record
