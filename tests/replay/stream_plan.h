// What one subscriber gets and when: the recorded pieces, or for a late one the state so far and then the
// rest. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/replay/addresses.h"
#include "tests/replay/history.h"

namespace extvold::replay {

struct TimedPiece {
  Millis t = 0;
  std::string bytes;          // one chunk
  bool ends_record = true;    // a heartbeat may follow
  bool is_heartbeat = false;  // the last record in it is one
};

struct StreamPlan {
  std::vector<TimedPiece> pieces;  // by time
  std::optional<Millis> cut;       // when the connection breaks, without a final chunk
};

extern const char* const kHeartbeat;  // the whole record, with its length

// For a subscriber who comes at `at`.
StreamPlan plan_stream(const History& history, const Addresses& addresses, const Connection& connection,
                       Millis at);

std::string frame(const std::string& record);  // RecordIO: length, newline, record

}  // namespace extvold::replay
