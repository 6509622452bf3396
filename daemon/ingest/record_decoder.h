// RecordDecoder: the bytes of one SUBSCRIBE answer, split anywhere, to events. The one thing here that the
// daemon needs for the stream; PollDecoder and decode_agent_answers() do the polls.
//
// SUBSCRIBED becomes SnapshotBegan, one event an element in the order sent, SnapshotEnded; every other record
// becomes one event, or UnknownSkipped if this version does not know its type. A record is never skipped
// because it cannot be decoded: any error is Errc::corrupt, the decoder is dead, and the connection must be
// dropped. A snapshot that broke off has no SnapshotEnded.
//
// One per connection, one thread at a time; `counters` must outlive it and may be shared by the decoders of
// that thread. Memory is one element (at most Limits::max_element_bytes, a few times over while such a giant
// is parsed) plus the events of a push.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "daemon/ingest/counters.h"
#include "daemon/ingest/element_scanner.h"
#include "daemon/ingest/frame_reader.h"
#include "daemon/ingest/record_codec.h"
#include "model/mesos.h"
#include "model/result.h"

namespace extvold::ingest {

struct Limits {
  std::uint64_t max_record_bytes = FrameReader::kDefaultMaxRecordBytes;
  std::size_t max_element_bytes = ElementScanner::kDefaultMaxElementBytes;
};

class RecordDecoder {
 public:
  explicit RecordDecoder(IngestCounters& counters, Limits limits = {});

  // Appends the events of `bytes`. A piece of up to 256 KiB keeps the list short: the smallest record, a
  // heartbeat, is 23 bytes and an event a few hundred. After an error the events appended are still good, up
  // to the record that failed.
  Status push(std::string_view bytes, std::vector<MesosEvent>& out);

  // The connection ended. Errc::corrupt if it broke off inside of a record, which then is lost; otherwise
  // nothing is.
  Status finish() const;

 private:
  void begin_record();
  Status push_body(std::string_view bytes, std::vector<MesosEvent>& out);
  Status end_record(std::vector<MesosEvent>& out);
  Status entered(Place place, std::vector<MesosEvent>& out);
  Status value(const ScanPart& part, std::vector<MesosEvent>& out);
  Status read_type(std::string_view json);
  void read_heartbeat_interval(std::string_view json);
  Status read_payload(const ScanPart& part);
  Status decode_event(Place place, std::string_view json, std::vector<MesosEvent>& out);
  Status end_snapshot(std::vector<MesosEvent>& out);
  tl::unexpected<Error> in_record(const Error& error) const;

  IngestCounters& counters_;
  FrameReader frames_;
  ElementScanner scanner_;
  RecordCodec codec_;
  std::string dead_;  // why; empty: alive
  bool snapshot_seen_ = false;
  // The present record.
  std::uint64_t record_at_ = 0;  // its offset in the stream
  std::string type_;             // empty: not come yet
  Place payload_ = Place::none;  // which payload it has
  bool state_seen_ = false;      // subscribed.get_state
  Duration heartbeat_interval_ = seconds(15);
  std::vector<MesosEvent> waiting_;  // the event of a record that has not ended
};

}  // namespace extvold::ingest
