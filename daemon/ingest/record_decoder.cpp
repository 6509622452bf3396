#include "daemon/ingest/record_decoder.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "daemon/ingest/element_decoder.h"
#include "daemon/ingest/printable.h"

namespace extvold::ingest {

namespace {

// Event.Type of v1 master.proto, and the payload that goes with it.
struct EventType {
  std::string_view type;
  Place payload;
};
constexpr std::array kEventTypes{
    EventType{"TASK_UPDATED", Place::task_updated},
    EventType{"TASK_ADDED", Place::task_added},
    EventType{"HEARTBEAT", Place::none},
    EventType{"AGENT_ADDED", Place::agent_added},
    EventType{"AGENT_REMOVED", Place::agent_removed},
    EventType{"FRAMEWORK_ADDED", Place::framework_added},
    EventType{"FRAMEWORK_UPDATED", Place::framework_updated},
    EventType{"FRAMEWORK_REMOVED", Place::framework_removed},
    EventType{"SUBSCRIBED", Place::subscribed},
};

const EventType* find_type(std::string_view type) {
  const auto found = std::find_if(kEventTypes.begin(), kEventTypes.end(),
                                  [&](const EventType& one) { return one.type == type; });
  return found == kEventTypes.end() ? nullptr : &*found;
}

constexpr std::size_t kMaxTypeBytes = 64;

}  // namespace

RecordDecoder::RecordDecoder(IngestCounters& counters, Limits limits)
    : counters_(counters),
      frames_(limits.max_record_bytes),
      scanner_(limits.max_element_bytes),
      codec_(counters) {}

Status RecordDecoder::push(std::string_view bytes, std::vector<MesosEvent>& out) {
  if (!dead_.empty()) return fail(Errc::corrupt, "stream: pushed on after an error ({})", dead_);
  counters_.bytes += bytes.size();
  while (true) {
    auto part = frames_.next(bytes);
    Status done;
    if (!part) {
      done = tl::make_unexpected(std::move(part).error());
    } else {
      switch (part->kind) {
        case FramePart::Kind::need_more:
          return {};
        case FramePart::Kind::began:
          begin_record();
          break;
        case FramePart::Kind::bytes:
          done = push_body(part->bytes, out);
          break;
        case FramePart::Kind::ended:
          done = end_record(out);
          break;
      }
      if (!done) done = in_record(done.error());
    }
    if (!done) {
      dead_ = done.error().message;
      return done;
    }
  }
}

Status RecordDecoder::finish() const {
  if (dead_.empty() && frames_.at_boundary()) return {};
  return fail(Errc::corrupt, "stream: ends at byte {} inside of a record", frames_.offset());
}

void RecordDecoder::begin_record() {
  record_at_ = frames_.offset();
  scanner_.begin(stream_nodes());
  type_.clear();
  payload_ = Place::none;
  state_seen_ = false;
  waiting_.clear();
}

Status RecordDecoder::push_body(std::string_view bytes, std::vector<MesosEvent>& out) {
  scanner_.feed(bytes);
  while (true) {
    ASSIGN(const ScanPart part, scanner_.next());
    switch (part.kind) {
      case ScanPart::Kind::need_more:
        return {};
      case ScanPart::Kind::entered:
        TRY(entered(part.place, out));
        break;
      case ScanPart::Kind::value:
        if (part.copied) ++counters_.elements_copied;
        TRY(value(part, out));
        break;
      case ScanPart::Kind::unknown:
        ++counters_.unknown_fields;
        break;
    }
  }
}

Status RecordDecoder::entered(Place place, std::vector<MesosEvent>& out) {
  if (place == Place::get_state) state_seen_ = true;
  if (place != Place::subscribed) return {};
  if (payload_ != Place::none) return fail(Errc::corrupt, "a second payload, {}", to_text(place));
  if (snapshot_seen_) return fail(Errc::corrupt, "a second SUBSCRIBED on one connection");
  if (!type_.empty() && type_ != "SUBSCRIBED")
    return fail(Errc::corrupt, "type {} with the payload of SUBSCRIBED", type_);
  payload_ = place;
  heartbeat_interval_ = seconds(15);
  out.emplace_back(SnapshotBegan{});
  return {};
}

Status RecordDecoder::value(const ScanPart& part, std::vector<MesosEvent>& out) {
  if (part.place == Place::type) return read_type(part.json);
  if (part.place == Place::heartbeat_interval) {
    read_heartbeat_interval(part.json);
    return {};
  }
  if (payload_ == Place::subscribed && part.place >= Place::task) {
    Status done = decode_element(codec_, part.place, part.json, ElementOrigin::snapshot, out);
    return done ? std::move(done) : Status(wrap(done.error(), scanner_.where()));
  }
  return read_payload(part);
}

void RecordDecoder::read_heartbeat_interval(std::string_view json) {
  const auto number = plain_number(json);
  if (number && *number > 0 && *number <= 3600) {
    heartbeat_interval_ = milliseconds(static_cast<std::int64_t>(*number * 1000));
  } else {
    ++counters_.unknown_values;
  }
}

Status RecordDecoder::read_type(std::string_view json) {
  if (!type_.empty()) return fail(Errc::corrupt, "a second type");
  type_ = printable(plain_text(json), kMaxTypeBytes);
  if (type_.empty()) return fail(Errc::corrupt, "type is no plain text");
  if (!snapshot_seen_ && type_ != "SUBSCRIBED") {
    return fail(Errc::corrupt, "the first record is {}, not SUBSCRIBED", type_);
  }
  return {};
}

// An event's payload. The event waits for the end of the record: its type may come later, and nothing may
// come of a record that turns out to be broken.
Status RecordDecoder::read_payload(const ScanPart& part) {
  if (payload_ != Place::none) return fail(Errc::corrupt, "a second payload, {}", to_text(part.place));
  payload_ = part.place;
  if (!type_.empty()) {
    const EventType* const type = find_type(type_);
    if (type == nullptr) return {};  // an unknown type may carry what it likes
    if (type->payload != part.place) {
      return fail(Errc::corrupt, "type {} with the payload {}", type_, to_text(part.place));
    }
  }
  return decode_event(part.place, part.json, waiting_);
}

Status RecordDecoder::decode_event(Place place, std::string_view json, std::vector<MesosEvent>& out) {
  if (place == Place::task_updated) {
    return append_event<TaskUpdated>(
        out, [&](TaskUpdated& event) { return codec_.read_task_updated(json, event); });
  }
  if (place == Place::task_added) {
    return append_event<TaskSeen>(out,
                                  [&](TaskSeen& event) { return codec_.read_task_added(json, event.task); });
  }
  if (place == Place::agent_added) {
    return append_event<AgentSeen>(out,
                                   [&](AgentSeen& event) { return codec_.read_agent_added(json, event); });
  }
  if (place == Place::agent_removed) {
    return append_event<AgentRemoved>(
        out, [&](AgentRemoved& event) { return codec_.read_agent_removed(json, event.agent); });
  }
  if (place == Place::framework_added || place == Place::framework_updated) {
    return append_event<FrameworkSeen>(
        out, [&](FrameworkSeen& event) { return codec_.read_framework_event(json, event.framework); });
  }
  if (place == Place::framework_removed) {
    return append_event<FrameworkRemoved>(
        out, [&](FrameworkRemoved& event) { return codec_.read_framework_removed(json, event.framework); });
  }
  return fail(Errc::corrupt, "{} is no event's payload", to_text(place));
}

Status RecordDecoder::end_record(std::vector<MesosEvent>& out) {
  TRY(scanner_.finish());
  ++counters_.records;
  if (type_.empty()) return fail(Errc::corrupt, "a record without a type");
  const EventType* const type = find_type(type_);
  if (type == nullptr) {
    if (payload_ == Place::subscribed)
      return fail(Errc::corrupt, "type {} with the payload of SUBSCRIBED", type_);
    ++counters_.unknown_types;
    out.emplace_back(UnknownSkipped{type_});
    return {};
  }
  if (type->payload != payload_)
    return fail(Errc::corrupt, "type {} with the payload {}", type_, to_text(payload_));
  if (payload_ == Place::subscribed) return end_snapshot(out);
  if (payload_ == Place::none) out.emplace_back(HeartbeatSeen{});
  std::move(waiting_.begin(), waiting_.end(), std::back_inserter(out));
  waiting_.clear();
  return {};
}

// Without get_state an answer would look like an empty cluster.
Status RecordDecoder::end_snapshot(std::vector<MesosEvent>& out) {
  if (!state_seen_) return fail(Errc::corrupt, "SUBSCRIBED without get_state");
  snapshot_seen_ = true;
  out.emplace_back(SnapshotEnded{heartbeat_interval_});
  return {};
}

tl::unexpected<Error> RecordDecoder::in_record(const Error& error) const {
  return wrap(error,
              fmt::format("stream: record at byte {}{}{}", record_at_, type_.empty() ? "" : ", ", type_));
}

}  // namespace extvold::ingest
