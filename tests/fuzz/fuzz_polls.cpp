// Polls: any bytes as the body of an answer. The first byte says to what: one of the master's calls, or one
// of the bodies of an agent's round.
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/ingest/agent_answers.h"
#include "daemon/ingest/poll_decoder.h"
#include "model/check.h"
#include "tests/fuzz/same_events.h"

namespace extvold::tests {

namespace {

bool decode_pieces(MasterCall call, std::string_view body, std::size_t piece,
                   std::vector<MesosEvent>& events) {
  ingest::IngestCounters counters;
  ingest::PollDecoder decoder(call, Instant{1}, counters, 1 << 14);
  for (std::size_t at = 0; at < body.size(); at += piece) {
    const std::string_view view = body.substr(at, piece);
    const std::vector<char> exact(view.begin(), view.end());
    if (!decoder.push({exact.data(), exact.size()}, events)) return false;
  }
  return decoder.finish(events).has_value();
}

void fuzz_master(MasterCall call, std::string_view body) {
  std::vector<MesosEvent> whole;
  std::vector<MesosEvent> bytes;
  const bool good = decode_pieces(call, body, body.size() + 1, whole);
  EXTVOLD_CHECK(decode_pieces(call, body, 1, bytes) == good);
  EXTVOLD_CHECK(same_events(whole, bytes));
}

void fuzz_agent(std::size_t which, std::string_view body) {
  const std::string_view self = R"({"type":"GET_AGENT","get_agent":{"agent_info":{"id":{"value":"S"}}}})";
  std::array<std::string_view, 5> bodies{self, R"({"type":"GET_CONTAINERS"})",
                                         R"({"type":"GET_EXECUTORS","get_executors":{}})", self, "{}"};
  const std::vector<char> exact(body.begin(), body.end());
  bodies.at(which) = {exact.data(), exact.size()};
  ingest::IngestCounters counters;
  const auto read =
      ingest::decode_agent_answers({AgentId("S"), "10.0.0.1:5051", Instant{1}, Instant{2}},
                                   {bodies[0], bodies[1], bodies[2], bodies[3], bodies[4]}, counters);
  EXTVOLD_CHECK(read || which < 4);  // unreadable metrics are no failure
}

void fuzz_answer(std::uint8_t kind, std::string_view body) {
  // 'a' to 'e', the five bodies of an agent's round, and what was added later.
  constexpr std::array kCalls{MasterCall::get_agents,
                              MasterCall::get_tasks,
                              MasterCall::get_executors,
                              MasterCall::get_master,
                              MasterCall::metrics,
                              MasterCall::registry,
                              MasterCall::get_maintenance_schedule,
                              MasterCall::get_maintenance_status};
  constexpr std::size_t kFirst = 5;
  constexpr std::size_t kBodies = 5;
  const std::size_t which = (kind - std::size_t{'a'}) % (kCalls.size() + kBodies);
  if (which < kFirst) {
    fuzz_master(kCalls[which], body);
  } else if (which < kFirst + kBodies) {
    fuzz_agent(which - kFirst, body);
  } else {
    fuzz_master(kCalls[which - kBodies], body);
  }
}

}  // namespace

}  // namespace extvold::tests

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  extvold::tests::fuzz_answer(data[0], {reinterpret_cast<const char*>(data) + 1, size - 1});
  return 0;
}
