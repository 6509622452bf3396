// What the ingest tests share: the recordings, and events as text, which is how they are compared and
// searched.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "daemon/ingest/record_decoder.h"
#include "model/mesos.h"

namespace extvold::ingest::tests {

// Below tests/data/mesos.
std::string read_recorded(const std::string& path);
std::vector<std::string> scenarios();
// The files of SCENARIO/polls and SCENARIO/watch whose names have `part` in them, as paths for
// read_recorded().
std::vector<std::string> recorded_files(const std::string& scenario, std::string_view part);

struct RecordedConnection {
  std::string scenario;
  int number = 0;
  std::string bytes;                // all of it
  std::vector<std::size_t> pieces;  // the sizes in which it arrived
};
std::vector<RecordedConnection> recorded_connections();

// Every field of an event, on one line.
std::string event_text(const MesosEvent& event);
std::vector<std::string> event_texts(const std::vector<MesosEvent>& events);

// RecordIO.
std::string framed(std::string_view record);
// {"type":"SUBSCRIBED",...} around the four lists, each "\"tasks\":[...]" or empty.
std::string subscribed(std::string_view tasks = "", std::string_view executors = "",
                       std::string_view frameworks = "", std::string_view agents = "");

struct Decoded {
  std::vector<std::string> events;
  std::string error;  // of push() or finish(); empty: none
  Errc code = Errc::internal;
  IngestCounters counters;
};
// Pushes `bytes` in pieces of `piece` bytes, 0: all at once.
Decoded decode(std::string_view bytes, std::size_t piece = 0, Limits limits = {});
// A framed empty snapshot, then each record.
Decoded decode_records(const std::vector<std::string>& records);

}  // namespace extvold::ingest::tests
