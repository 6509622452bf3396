// What one answer to GET_AGENTS costs while nothing changes: 10,000 agents through decoder and engine, in the
// pieces and steps of the daemon. And one in which the resources of some agents did change.
//
//   bench_agents_diff [RECORDINGS [AGENTS]]
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "bench/ingest_generator.h"
#include "bench/pipeline.h"
#include "daemon/ingest/poll_decoder.h"

namespace extvold::bench {
namespace {

constexpr std::size_t kChunk = std::size_t{64} << 10U;
constexpr std::size_t kStep = 2'000;  // as the driver
constexpr int kRounds = 15;

// The agents of a generated snapshot, as an answer of their own.
std::string answer(const std::string& recordings, std::uint32_t agents) {
  auto generator =
      IngestGenerator::load(recordings, {.agents = agents, .tasks = 0, .executors = 0, .frameworks = 1});
  if (!generator) stop(generator.error().message);
  std::string record;
  std::string chunk;
  for (generator->next(kChunk, chunk); !chunk.empty(); generator->next(kChunk, chunk)) record += chunk;
  constexpr std::string_view kBegin = R"("get_agents":)";
  constexpr std::string_view kEnd = R"(,"heartbeat_interval_seconds")";
  const std::size_t begin = record.find(kBegin);
  const std::size_t end = record.rfind(kEnd);
  if (begin == std::string::npos || end == std::string::npos) stop("the generator made no agents");
  return R"({"type":"GET_AGENTS",)" + record.substr(begin, end - 1 - begin) + "}";
}

struct Cost {
  double decode = 0;
  double engine = 0;
  double sum() const { return decode + engine; }
};

class Bench {
 public:
  Bench() : engine_(Snapshot(), bench_policy()) { step({SubscriptionOpened{"bench"}}); }

  Cost poll(std::string_view body) {
    Cost cost;
    std::vector<MesosEvent> events;
    ingest::PollDecoder decoder(MasterCall::get_agents, now().at, counters_, memory_);
    for (std::size_t at = 0; at < body.size(); at += kChunk) {
      const double start = wall_seconds();
      if (const Status done = decoder.push(body.substr(at, kChunk), events); !done)
        stop(done.error().message);
      cost.decode += wall_seconds() - start;
      cost.engine += hand_over(events);
    }
    if (const Status done = decoder.finish(events); !done) stop(done.error().message);
    cost.engine += hand_over(events);
    return cost;
  }
  std::int64_t changes() const { return changes_; }
  std::size_t agents() const { return engine_.snapshot().agents().size(); }
  std::size_t reserving() const { return engine_.snapshot().reservations().size(); }

 private:
  static Now now() { return {{static_cast<std::int64_t>(wall_seconds() * 1e9)}, {1}}; }

  double hand_over(std::vector<MesosEvent>& events) {
    const double start = wall_seconds();
    for (std::size_t at = 0; at < events.size(); at += kStep) {
      const auto from = events.begin() + static_cast<std::ptrdiff_t>(at);
      const auto to = events.begin() + static_cast<std::ptrdiff_t>(std::min(at + kStep, events.size()));
      step({std::make_move_iterator(from), std::make_move_iterator(to)});
    }
    events.clear();
    return wall_seconds() - start;
  }
  void step(std::vector<MesosEvent> events) {
    for (reconcilers::Effect& effect : engine_.step(now(), reconcilers::EventsArrived{std::move(events)})) {
      if (auto* one = std::get_if<reconcilers::Commit>(&effect)) {
        changes_ += static_cast<std::int64_t>(one->batch.changes.size());
        engine_.step(now(), reconcilers::Committed{one->batch.sequence, false});
      }
    }
  }

  reconcilers::Engine engine_;
  ingest::IngestCounters counters_;
  ingest::AgentMemory memory_;
  std::int64_t changes_ = 0;
};

// The same number of bytes, with other amounts in every n-th agent.
std::string changed(std::string body, std::size_t every) {
  constexpr std::string_view kAmount = R"("total_resources":[{"name":)";
  constexpr std::string_view kValue = R"("scalar":{"value":)";
  std::size_t agent = 0;
  for (std::size_t at = body.find(kAmount); at != std::string::npos; at = body.find(kAmount, at + 1)) {
    const std::size_t value = body.find(kValue, at);
    if (agent++ % every != 0 || value == std::string::npos) continue;
    char& digit = body[value + kValue.size()];
    digit = digit == '7' ? '8' : '7';
  }
  return body;
}

int run(int argc, char** argv) {
  const std::string recordings = argc > 1 ? argv[1] : "tests/data/mesos";
  const auto agents = static_cast<std::uint32_t>(argc > 2 ? std::atoi(argv[2]) : 10'000);
  const std::string body = answer(recordings, agents);
  Bench bench;
  const Cost first = bench.poll(body);
  if (bench.agents() != agents) stop("not every agent arrived");
  const std::int64_t before = bench.changes();
  Cost best = {1e9, 1e9};
  for (int i = 0; i < kRounds; ++i) {
    const Cost one = bench.poll(body);
    if (one.sum() < best.sum()) best = one;
  }
  const std::int64_t unchanged = bench.changes() - before;
  const Cost some = bench.poll(changed(body, 100));
  fmt::print("agents    {} agents, {:.0f} MB, {} with reservations\n", agents,
             static_cast<double>(body.size()) / 1e6, bench.reserving());
  const auto print = [](std::string_view what, const Cost& cost, std::string_view more) {
    fmt::print("agents    {:<22} {:8.1f} ms    decoder {:.1f} ms, engine {:.1f} ms{}\n", what,
               cost.sum() * 1e3, cost.decode * 1e3, cost.engine * 1e3, more);
  };
  print("first answer", first, "");
  print("unchanged", best, fmt::format(", {} changes  (goal: below 100 ms)", unchanged));
  print("1 in 100 changed", some, "");
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace extvold::bench

int main(int argc, char** argv) { return extvold::bench::run(argc, argv); }
