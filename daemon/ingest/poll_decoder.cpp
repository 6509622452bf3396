#include "daemon/ingest/poll_decoder.h"

#include <array>
#include <cmath>

#include "daemon/ingest/element_decoder.h"
#include "daemon/ingest/printable.h"
#include "model/check.h"

namespace extvold::ingest {

namespace {

struct Answer {
  MasterCall call;
  std::string_view type;  // as in Response.Type; empty: no JSON of the operator API
  Place payload;
};
constexpr std::array kAnswers{
    Answer{MasterCall::get_agents, "GET_AGENTS", Place::get_agents},
    Answer{MasterCall::get_tasks, "GET_TASKS", Place::get_tasks},
    Answer{MasterCall::get_executors, "GET_EXECUTORS", Place::get_executors},
    Answer{MasterCall::get_master, "GET_MASTER", Place::master},
    Answer{MasterCall::metrics, "", Place::none},
    Answer{MasterCall::registry, "", Place::registry_master},
    Answer{MasterCall::get_maintenance_schedule, "GET_MAINTENANCE_SCHEDULE", Place::get_maintenance_schedule},
    Answer{MasterCall::get_maintenance_status, "GET_MAINTENANCE_STATUS", Place::get_maintenance_status},
};

const Answer& answer_of(MasterCall call) {
  for (const Answer& one : kAnswers) {
    if (one.call == call) return one;
  }
  EXTVOLD_UNREACHABLE();
}

// What stands inside of the payload, or beside it.
bool belongs_to(MasterCall call, Place place) {
  return (call == MasterCall::get_maintenance_schedule && place == Place::schedule) ||
         (call == MasterCall::get_maintenance_status && place == Place::status) ||
         (call == MasterCall::registry && (place == Place::unreachable || place == Place::gone));
}

std::span<const Node> nodes_of(MasterCall call) {
  if (call == MasterCall::metrics) return metrics_nodes();
  return call == MasterCall::registry ? registry_nodes() : master_nodes();
}

}  // namespace

PollDecoder::PollDecoder(MasterCall call, Instant sent_at, IngestCounters& counters,
                         std::size_t max_element_bytes)
    : PollDecoder(call, sent_at, counters, nullptr, max_element_bytes) {}

PollDecoder::PollDecoder(MasterCall call, Instant sent_at, IngestCounters& counters, AgentMemory& agents,
                         std::size_t max_element_bytes)
    : PollDecoder(call, sent_at, counters, &agents, max_element_bytes) {
  if (call == MasterCall::get_agents) agents.begin_answer();
}

PollDecoder::PollDecoder(MasterCall call, Instant sent_at, IngestCounters& counters, AgentMemory* agents,
                         std::size_t max_element_bytes)
    : call_(call),
      sent_at_(sent_at),
      counters_(counters),
      scanner_(max_element_bytes),
      codec_(counters, agents) {
  scanner_.begin(nodes_of(call));
}

void PollDecoder::begin(std::vector<MesosEvent>& out) {
  if (began_) return;
  began_ = true;
  out.emplace_back(PollBegan{call_, sent_at_});
}

Status PollDecoder::push(std::string_view bytes, std::vector<MesosEvent>& out) {
  begin(out);
  counters_.bytes += bytes.size();
  scanner_.feed(bytes);
  Status done = next_parts(out);
  return done ? std::move(done) : Status(wrap(done.error(), fmt::format("answer to {}", to_text(call_))));
}

Status PollDecoder::next_parts(std::vector<MesosEvent>& out) {
  while (true) {
    ASSIGN(const ScanPart part, scanner_.next());
    switch (part.kind) {
      case ScanPart::Kind::need_more:
        return {};
      case ScanPart::Kind::entered:
        TRY(entered(part.place));
        break;
      case ScanPart::Kind::value:
        if (part.copied) ++counters_.elements_copied;
        TRY(value(part, out));
        break;
      case ScanPart::Kind::unknown:  // of the metrics and the registry only a little is read
        if (!answer_of(call_).type.empty()) ++counters_.unknown_fields;
        break;
    }
  }
}

Status PollDecoder::entered(Place place) {
  if (belongs_to(call_, place)) return {};
  if (place != answer_of(call_).payload) return fail(Errc::corrupt, "it holds {}", to_text(place));
  if (payload_seen_) return fail(Errc::corrupt, "a second {}", to_text(place));
  payload_seen_ = true;
  return {};
}

Status PollDecoder::value(const ScanPart& part, std::vector<MesosEvent>& out) {
  if (call_ == MasterCall::metrics) {
    metric(part);
    return {};
  }
  if (part.place == Place::type) {
    const std::string_view type = plain_text(part.json);
    if (type != answer_of(call_).type) return fail(Errc::corrupt, "its type is \"{}\"", printable(type, 32));
    type_seen_ = true;
    return {};
  }
  // A master that does not lead answers "{}": not that nobody is unreachable.
  if (part.place == Place::registry_master) return entered(part.place);
  if (part.place == Place::master) {
    TRY(entered(part.place));
    return append_event<MasterSeen>(out,
                                    [&](MasterSeen& event) { return codec_.read_master(part.json, event); });
  }
  Status done = decode_element(codec_, part.place, part.json, ElementOrigin::poll, out);
  return done ? std::move(done) : Status(wrap(done.error(), scanner_.where()));
}

void PollDecoder::metric(const ScanPart& part) {
  const auto number = plain_number(part.json);
  if (!number || !(std::abs(*number) < 1e15)) {
    ++counters_.unknown_values;
    return;
  }
  const auto count = static_cast<std::int64_t>(*number);
  if (part.place == Place::metric_tasks_running) metrics_.tasks_running = count;
  if (part.place == Place::metric_agents_active) metrics_.agents_active = count;
}

Status PollDecoder::finish(std::vector<MesosEvent>& out) {
  begin(out);
  const std::string_view call = to_text(call_);
  if (const Status done = scanner_.finish(); !done)
    return wrap(done.error(), fmt::format("answer to {}", call));
  if (call_ == MasterCall::metrics) {
    out.emplace_back(metrics_);
  } else if (call_ == MasterCall::registry && !payload_seen_) {
    return fail(Errc::corrupt, "answer to {}: it names no master, so it is not the leader's", call);
  } else if (call_ != MasterCall::registry && (!type_seen_ || !payload_seen_)) {
    return fail(Errc::corrupt, "answer to {}: it has no {}", call,
                type_seen_ ? to_text(answer_of(call_).payload) : "type");
  }
  out.emplace_back(PollEnded{call_, sent_at_});
  return {};
}

Result<std::vector<MesosEvent>> decode_poll(MasterCall call, Instant sent_at, std::string_view body,
                                            IngestCounters& counters) {
  PollDecoder decoder(call, sent_at, counters);
  std::vector<MesosEvent> events;
  TRY(decoder.push(body, events));
  TRY(decoder.finish(events));
  return events;
}

namespace {

template <typename Event>
Result<Event> decode_one(MasterCall call, std::string_view body, IngestCounters& counters) {
  ASSIGN(const std::vector<MesosEvent> events, decode_poll(call, Instant(), body, counters));
  for (const MesosEvent& one : events) {
    if (const auto* const event = std::get_if<Event>(&one)) return *event;
  }
  return fail(Errc::corrupt, "answer to {}: empty", to_text(call));
}

}  // namespace

Result<MasterSeen> decode_master(std::string_view body, IngestCounters& counters) {
  return decode_one<MasterSeen>(MasterCall::get_master, body, counters);
}

Result<MasterMetricsSeen> decode_metrics(std::string_view body, IngestCounters& counters) {
  return decode_one<MasterMetricsSeen>(MasterCall::metrics, body, counters);
}

}  // namespace extvold::ingest
