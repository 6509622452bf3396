// Task updates: the bytes of TASK_ADDED and TASK_UPDATED, through decoder, engine and ledger thread until
// they are durable, every task with a claim on a volume that is in place; beside a bare SQLite loop that
// makes the same row changes in the same transactions. In task order and in random order.
//
//   bench_updates [TASKS [RECORDINGS]]
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <random>
#include <span>

#include "bench/bare_updates.h"
#include "bench/ingest_generator.h"
#include "bench/ledger_rows.h"
#include "bench/pipeline.h"

namespace extvold::bench {
namespace {

constexpr std::uint32_t kAgents = 1'000;
constexpr std::uint32_t kFrameworks = 20;
constexpr std::size_t kChunk = std::size_t{64} << 10U;

// The volumes that the tasks name, each attached where its task is.
void prepare(const std::string& path, std::size_t tasks) {
  auto opened = ledger::Ledger::open(path, {.now = {1}});
  if (!opened) stop(opened.error().message);
  Batch batch{{(*opened)->sequence().value + 1}, {1}, {}};
  for (std::uint32_t n = 0; n < kAgents; ++n) {
    Host host;
    host.id = {n + 1};
    host.name = fmt::format("host-{:05}.cluster", n);
    batch.changes.emplace_back(std::move(host));
  }
  for (std::size_t n = 0; n < tasks; ++n) {
    Volume volume = volume_row(n);
    volume.name = fmt::format("vol-{:06}", n);
    volume.pool = {ProviderName("local~bench"), "p1"};
    batch.changes.emplace_back(std::move(volume));
    batch.changes.emplace_back(attachment_row(n, kAgents));
  }
  const auto number = static_cast<std::int64_t>(tasks) + 1;
  batch.changes.emplace_back(Counters{kAgents + 1, number, 1, 1, number, 1});
  if (const auto done = (*opened)->commit(batch); !done) stop(done.error().message);
}

struct Pass {
  std::string name;
  std::size_t events = 0;
  double seconds = 0;
  double bare = 0;
  double bare_tuned = 0;
  Tap tap;
};

// Pushes one event of each task, as a socket would bring them.
Pass measure(Pipeline& pipeline, std::string name, const ElementTemplate& event,
             const std::vector<std::uint32_t>& order) {
  std::string bytes;
  for (const std::uint32_t n : order) {
    bytes += fmt::format("{}\n", event.size());
    event.append({n, n % kFrameworks, n % kAgents}, bytes);
  }
  Pass out;
  out.name = std::move(name);
  out.events = order.size();
  pipeline.tap(&out.tap);
  const double start = wall_seconds();
  for (std::size_t at = 0; at < bytes.size(); at += kChunk)
    pipeline.push(std::string_view(bytes).substr(at, kChunk));
  pipeline.finish();
  out.seconds = wall_seconds() - start;
  pipeline.tap(nullptr);
  return out;
}

// The same batches, grouped into transactions as the ledger thread did.
double bare(BareUpdates& loop, const Tap& tap) {
  const double start = wall_seconds();
  std::size_t from = 0;
  for (const Sequence last : tap.groups) {
    std::size_t to = from;
    while (to < tap.batches.size() && tap.batches[to].sequence <= last) ++to;
    if (to > from) loop.write(std::span(tap.batches).subspan(from, to - from));
    from = to;
  }
  if (from != tap.batches.size()) stop("a batch was not committed");
  return wall_seconds() - start;
}

struct Kinds {
  std::size_t tasks = 0, claims = 0, others = 0;
};

Kinds count(const Tap& tap) {
  Kinds out;
  for (const Batch& batch : tap.batches) {
    for (const Change& change : batch.changes) {
      const bool task =
          std::holds_alternative<TaskRow>(change) || std::holds_alternative<TaskStateChange>(change);
      const bool claim =
          std::holds_alternative<Claim>(change) || std::holds_alternative<ClaimStateChange>(change);
      ++(task ? out.tasks : claim ? out.claims : out.others);
    }
  }
  return out;
}

std::vector<Pass> run_ours(const std::string& ledger, const std::string& recordings, std::uint32_t tasks) {
  prepare(ledger, tasks);
  Pipeline pipeline(ledger, bench_policy());
  pipeline.step(reconcilers::EventsArrived{{SubscriptionOpened{"bench"}}});
  auto agents = IngestGenerator::load(
      recordings, {.agents = kAgents, .tasks = 0, .executors = 0, .frameworks = kFrameworks});
  if (!agents) stop(agents.error().message);
  std::string chunk;
  for (agents->next(kChunk, chunk); !chunk.empty(); agents->next(kChunk, chunk)) pipeline.push(chunk);
  pipeline.finish();

  std::vector<std::uint32_t> order(tasks);
  std::iota(order.begin(), order.end(), 0);
  std::vector<std::uint32_t> shuffled = order;
  std::shuffle(shuffled.begin(), shuffled.end(), std::mt19937_64(7));
  const auto event = [&](std::initializer_list<std::string_view> words) {
    auto found = recorded_event(recordings + "/move/stream.recordio", words);
    if (!found) stop(found.error().message);
    return std::move(*found);
  };
  const auto added = event({R"("type":"TASK_ADDED")", "docker_volume"});
  const auto starting = event({R"("type":"TASK_UPDATED")", R"("state":"TASK_STARTING"})"});
  const auto running = event({R"("type":"TASK_UPDATED")", R"("state":"TASK_RUNNING"})"});
  std::vector<Pass> out;
  out.push_back(measure(pipeline, "TASK_ADDED", added, order));
  out.push_back(measure(pipeline, "TASK_UPDATED, in task order", starting, order));
  out.push_back(measure(pipeline, "TASK_UPDATED, at random", running, shuffled));
  if (pipeline.engine().snapshot().claims().size() != tasks) stop("not every task has a claim");
  return out;
}

int run(std::uint32_t tasks, const std::string& recordings) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / fmt::format("extvold-bench-{}", getpid());
  std::filesystem::create_directories(folder);
  std::vector<Pass> passes = run_ours(folder / "ledger.db", recordings, tasks);
  {
    BareUpdates plain(folder / "plain.db", false);
    for (Pass& pass : passes) pass.bare = bare(plain, pass.tap);
    BareUpdates tuned(folder / "tuned.db", true);
    for (Pass& pass : passes) pass.bare_tuned = bare(tuned, pass.tap);
  }
  std::filesystem::remove_all(folder);
  fmt::print("updates   {} tasks, each with a claim; durable events a second, bytes to ledger\n", tasks);
  for (const Pass& pass : passes) {
    const Kinds kinds = count(pass.tap);
    const auto rate = [&](double seconds) { return static_cast<double>(pass.events) / seconds; };
    fmt::print("updates   {:28} {:8.0f}   bare SQLite {:8.0f}, tuned {:8.0f}   {:.2f} times{}\n", pass.name,
               rate(pass.seconds), rate(pass.bare), rate(pass.bare_tuned),
               std::min(pass.bare, pass.bare_tuned) / pass.seconds,
               pass.name == "TASK_ADDED" ? "" : " (goal: at least 0.6)");
    fmt::print("updates   {:28} {:8} transactions; rows: {} tasks, {} claims, {} others\n", "",
               pass.tap.groups.size(), kinds.tasks, kinds.claims, kinds.others);
  }
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace extvold::bench

int main(int argc, char** argv) {
  const long tasks = argc > 1 ? std::strtol(argv[1], nullptr, 10) : 200'000;
  if (tasks <= 0 || tasks > 1'000'000) return 2;
  return extvold::bench::run(static_cast<std::uint32_t>(tasks), argc > 2 ? argv[2] : "tests/data/mesos");
}
