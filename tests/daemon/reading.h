// Reading: a MesosReader with real connections on a loop of its own, and the events that it handed over.
#pragma once

#include <functional>
#include <utility>
#include <variant>
#include <vector>

#include "daemon/http_client.h"
#include "daemon/mesos_reader.h"
#include "tests/daemon/support.h"

namespace extvold::daemon::tests {

struct Reading {
  explicit Reading(MesosReaderOptions options = fast(), MesosReader::Auth auth = {})
      : reader({loop, clock, random, http, http, counters}, options, auth,
               [this](std::vector<MesosEvent> more) {
                 for (MesosEvent& one : more) events.push_back(std::move(one));
                 if (on_events) on_events();
                 return flow;
               }) {}
  static MesosReaderOptions fast() {
    MesosReaderOptions options;
    options.master_deadline = seconds(2);
    options.agent_deadline = milliseconds(300);
    options.master_jitter_max = milliseconds(2);
    options.agent_jitter_max = milliseconds(2);
    return options;
  }

  template <typename T>
  std::vector<T> all() const {
    std::vector<T> out;
    for (const MesosEvent& one : events) {
      if (const T* found = std::get_if<T>(&one)) out.push_back(*found);
    }
    return out;
  }
  bool until_idle() {
    return run_until(loop, [&] { return reader.idle(); });
  }

  SystemClock clock;
  FixedRandom random{1};
  uv::Loop loop;
  CurlHttpClient http{loop, clock};
  ingest::IngestCounters counters;
  std::vector<MesosEvent> events;
  std::function<void()> on_events;
  Flow flow = Flow::go_on;
  MesosReader reader;
};

}  // namespace extvold::daemon::tests
