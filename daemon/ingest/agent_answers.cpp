#include "daemon/ingest/agent_answers.h"

#include <cmath>

#include "daemon/ingest/element_decoder.h"
#include "daemon/ingest/element_scanner.h"
#include "daemon/ingest/printable.h"
#include "daemon/ingest/record_codec.h"

namespace extvold::ingest {

namespace {

class AnswerReader {
 public:
  explicit AnswerReader(IngestCounters& counters) : counters_(counters), codec_(counters) {}

  // Reads one body; on_value(part) → Status gets every value but the type. `payload` must be there, and be
  // the only one.
  template <typename OnValue>
  Status read(std::string_view type, Place payload, std::string_view body, OnValue&& on_value) {
    const Status done = read_parts(type, payload, body, on_value);
    return done ? Status() : Status(wrap(done.error(), fmt::format("agent's answer to {}", type)));
  }

  Status read_self(std::string_view body, AgentId& out) {
    return read("GET_AGENT", Place::agent_self, body,
                [&](const ScanPart& part) { return codec_.read_agent_self(part.json, out); });
  }

  Status read_containers(std::string_view body, std::vector<AgentContainer>& out) {
    return read("GET_CONTAINERS", Place::get_containers, body,
                [&](const ScanPart& part) { return codec_.read_container(part.json, out.emplace_back()); });
  }

  Status read_executors(std::string_view body, AgentApiRead& out) {
    return read("GET_EXECUTORS", Place::get_executors, body, [&](const ScanPart& part) -> Status {
      const bool completed = part.place == Place::completed_executor;
      ExecutorRecord& record = (completed ? out.completed_executors : out.executors).emplace_back();
      record.agent = out.first_answer.empty() ? out.expected : out.first_answer;
      TRY(codec_.read_executor(part.json, record));
      if (completed) record.volumes.clear();
      return {};
    });
  }

  std::optional<std::int64_t> read_destroy_errors(std::string_view body) {
    std::optional<std::int64_t> count;
    scanner_.begin(metrics_nodes());
    scanner_.feed(body);
    counters_.bytes += body.size();
    while (true) {
      const auto part = scanner_.next();
      if (!part) return std::nullopt;
      if (part->kind == ScanPart::Kind::need_more) break;
      if (part->kind != ScanPart::Kind::value || part->place != Place::metric_destroy_errors) continue;
      const auto number = plain_number(part->json);
      if (number && *number >= 0 && *number < 1e15) count = static_cast<std::int64_t>(std::ceil(*number));
    }
    return scanner_.finish() ? count : std::nullopt;
  }

 private:
  template <typename OnValue>
  Status read_parts(std::string_view type, Place payload, std::string_view body, OnValue& on_value) {
    bool type_seen = false;
    bool payload_seen = false;
    scanner_.begin(agent_nodes());
    scanner_.feed(body);
    counters_.bytes += body.size();
    while (true) {
      ASSIGN(const ScanPart part, scanner_.next());
      if (part.kind == ScanPart::Kind::need_more) break;
      if (part.kind == ScanPart::Kind::unknown) {
        ++counters_.unknown_fields;
        continue;
      }
      if (part.place == Place::type) {
        const std::string_view found = plain_text(part.json);
        if (found != type) return fail(Errc::corrupt, "its type is \"{}\"", printable(found, 32));
        type_seen = true;
        continue;
      }
      const bool top = part.kind == ScanPart::Kind::entered || part.place == Place::agent_self;
      if (top && (part.place != payload || payload_seen))
        return fail(Errc::corrupt, "it holds {}", to_text(part.place));
      payload_seen = true;
      if (part.kind == ScanPart::Kind::entered) continue;
      if (const Status done = on_value(part); !done) return wrap(done.error(), scanner_.where());
    }
    TRY(scanner_.finish());
    if (!type_seen) return fail(Errc::corrupt, "it has no type");
    // An agent without containers answers {"type":"GET_CONTAINERS"} (seen on 1.12); the other lists are
    // always there.
    if (!payload_seen && payload != Place::get_containers)
      return fail(Errc::corrupt, "it has no {}", to_text(payload));
    return {};
  }

  IngestCounters& counters_;
  RecordCodec codec_;
  ElementScanner scanner_;
};

}  // namespace

Result<AgentApiRead> decode_agent_answers(const AgentQuestion& question, const AgentAnswers& answers,
                                          IngestCounters& counters) {
  AgentApiRead read;
  read.expected = question.expected;
  read.address = question.address;
  read.first_sent_at = question.first_sent_at;
  read.ended_at = question.ended_at;
  AnswerReader reader(counters);
  TRY(reader.read_self(answers.agent_before, read.first_answer));
  TRY(reader.read_containers(answers.containers, read.containers));
  TRY(reader.read_executors(answers.executors, read));
  TRY(reader.read_self(answers.agent_after, read.second_answer));
  if (answers.metrics) read.container_destroy_errors = reader.read_destroy_errors(*answers.metrics);
  return read;
}

}  // namespace extvold::ingest
