// PollDecoder: the body of one answer of the master to a poll, split anywhere, to PollBegan, its elements,
// PollEnded.
//
// GET_TASKS of a large cluster is hundreds of megabytes, so this streams as RecordDecoder does. Errors are
// Errc::corrupt; then no PollEnded comes and the caller posts PollFailed. An answer of another call, or one
// without its list, is an error: it would look like an empty cluster. The caller checks the HTTP status
// first. One thread; `counters` must outlive it.
#pragma once

#include <string_view>
#include <vector>

#include "daemon/ingest/agent_memory.h"
#include "daemon/ingest/counters.h"
#include "daemon/ingest/element_scanner.h"
#include "daemon/ingest/record_codec.h"
#include "model/mesos.h"
#include "model/result.h"

namespace extvold::ingest {

class PollDecoder {
 public:
  // `sent_at`: when the request was sent; goes into PollBegan and PollEnded. `agents`: of the answers to
  // GET_AGENTS before; without it every agent is parsed whole.
  PollDecoder(MasterCall call, Instant sent_at, IngestCounters& counters, AgentMemory& agents,
              std::size_t max_element_bytes = ElementScanner::kDefaultMaxElementBytes);
  PollDecoder(MasterCall call, Instant sent_at, IngestCounters& counters,
              std::size_t max_element_bytes = ElementScanner::kDefaultMaxElementBytes);

  Status push(std::string_view bytes, std::vector<MesosEvent>& out);
  // The whole body was pushed.
  Status finish(std::vector<MesosEvent>& out);

 private:
  PollDecoder(MasterCall call, Instant sent_at, IngestCounters& counters, AgentMemory* agents,
              std::size_t max_element_bytes);
  void begin(std::vector<MesosEvent>& out);
  Status next_parts(std::vector<MesosEvent>& out);
  Status entered(Place place);
  Status value(const ScanPart& part, std::vector<MesosEvent>& out);
  void metric(const ScanPart& part);

  MasterCall call_;
  Instant sent_at_;
  IngestCounters& counters_;
  ElementScanner scanner_;
  RecordCodec codec_;
  MasterMetricsSeen metrics_;
  bool began_ = false;
  bool type_seen_ = false;
  bool payload_seen_ = false;
};

// A whole body at once.
Result<std::vector<MesosEvent>> decode_poll(MasterCall call, Instant sent_at, std::string_view body,
                                            IngestCounters& counters);
Result<MasterSeen> decode_master(std::string_view body, IngestCounters& counters);
// /metrics/snapshot of the master.
Result<MasterMetricsSeen> decode_metrics(std::string_view body, IngestCounters& counters);

}  // namespace extvold::ingest
