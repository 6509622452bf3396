// What committing costs through the ledger, next to a bare SQLite loop that makes the same row changes in the
// same batches, equally durable (WAL, synchronous=FULL).
//
//   bench_events_ledger [TASKS [TASKS_A_BATCH [DIRECTORY]]]
//
// The bare loop runs with SQLite's own settings and with the ledger's (page cache, checkpoint distance); the
// ratio is to the faster of the two. What stands between an event's bytes and the ledger is in bench_updates.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <functional>
#include <random>

#include "bench/bare_updates.h"
#include "bench/ledger_rows.h"
#include "bench/pipeline.h"
#include "ledger/ledger.h"

namespace extvold::bench {
namespace {

constexpr std::size_t kHosts = 1000;

struct Elapsed {
  double wall = 0;
  double cpu = 0;
};

double clock_seconds(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

template <typename Run>
void add_time(Elapsed& sum, Run&& run) {
  const double wall = clock_seconds(CLOCK_MONOTONIC);
  const double cpu = clock_seconds(CLOCK_THREAD_CPUTIME_ID);
  run();
  sum.wall += clock_seconds(CLOCK_MONOTONIC) - wall;
  sum.cpu += clock_seconds(CLOCK_THREAD_CPUTIME_ID) - cpu;
}

// One way of writing: gets batches, is timed.
class Writer {
 public:
  virtual ~Writer() = default;
  virtual void prepare(const std::vector<Change>& base) = 0;  // not timed
  virtual void write(const Batch& batch) = 0;
};

class Ours final : public Writer {
 public:
  explicit Ours(const std::string& path) {
    auto opened = ledger::Ledger::open(path, {});
    if (!opened) stop(opened.error().message);
    ledger_ = std::move(*opened);
  }
  void prepare(const std::vector<Change>& base) override {
    write({{ledger_->sequence().value + 1}, {}, base});
  }
  void write(const Batch& batch) override {
    const auto done = ledger_->commit(batch);
    if (!done) stop(done.error().message);
    if (done->tasks_not_found != 0) stop("tasks are missing");
  }

 private:
  std::unique_ptr<ledger::Ledger> ledger_;
};

class Bare final : public Writer {
 public:
  Bare(const std::string& path, bool tuned) : loop_(path, tuned) {}
  void prepare(const std::vector<Change>&) override {}
  void write(const Batch& batch) override { loop_.write({&batch, 1}); }

 private:
  BareUpdates loop_;
};

struct Load {
  std::size_t tasks = 200'000;
  std::size_t batch = 500;
  std::filesystem::path directory = ".";
};

using Fill = std::function<void(std::size_t task, std::vector<Change>& changes)>;

Elapsed pass(Writer& writer, const Load& load, const std::vector<std::size_t>& order, std::int64_t& sequence,
             const Fill& fill) {
  Elapsed sum;
  for (std::size_t from = 0; from < order.size(); from += load.batch) {
    Batch batch{{++sequence}, {1'700'000'000'000'000'000}, {}};
    batch.changes.reserve(load.batch * 2);
    for (std::size_t i = from; i < std::min(order.size(), from + load.batch); ++i)
      fill(order[i], batch.changes);
    add_time(sum, [&] { writer.write(batch); });
  }
  return sum;
}

struct Figures {
  Elapsed insert, as_made, in_order, at_random;
};

Figures measure(Writer& writer, const Load& load) {
  std::vector<Change> base = host_rows(kHosts);
  for (std::size_t n = 0; n < load.tasks; ++n) base.emplace_back(volume_row(n));
  writer.prepare(base);
  base.clear();
  std::vector<std::size_t> order(load.tasks);
  for (std::size_t n = 0; n < load.tasks; ++n) order[n] = n;
  std::int64_t sequence = 1;
  Figures out;
  // As a snapshot brings them: in the order of no key.
  out.insert = pass(writer, load, order, sequence, [](std::size_t n, std::vector<Change>& changes) {
    changes.emplace_back(task_row(n, kHosts));
    changes.emplace_back(claim_row(n, kHosts));
  });
  const auto updates = [](TaskState state) {
    return [state](std::size_t n, std::vector<Change>& changes) {
      changes.emplace_back(task_update(n, state));
      changes.emplace_back(claim_update(n, state));
    };
  };
  out.as_made = pass(writer, load, order, sequence, updates(TaskState::task_starting));
  std::vector<std::size_t> shuffled = order;
  std::shuffle(shuffled.begin(), shuffled.end(), std::mt19937_64(7));
  // Task order is the order of the task ids, which is how they lie in the table.
  std::sort(order.begin(), order.end(), [](std::size_t a, std::size_t b) {
    return task_update(a, TaskState::task_running).task < task_update(b, TaskState::task_running).task;
  });
  out.in_order = pass(writer, load, order, sequence, updates(TaskState::task_killing));
  out.at_random = pass(writer, load, shuffled, sequence, updates(TaskState::task_running));
  return out;
}

// Tasks a second, and microseconds of processor time a task: on a busy machine only the latter means much.
void print(const char* what, const Load& load, const Elapsed& plain, const Elapsed& tuned,
           const Elapsed& ours) {
  const auto rate = [&](const Elapsed& e) { return static_cast<double>(load.tasks) / e.wall; };
  const auto cost = [&](const Elapsed& e) { return e.cpu * 1e6 / static_cast<double>(load.tasks); };
  std::printf("%-24s %8.0f (%5.1f) %8.0f (%5.1f) %8.0f (%5.1f) %7.2f (%4.2f)\n", what, rate(plain),
              cost(plain), rate(tuned), cost(tuned), rate(ours), cost(ours),
              rate(ours) / std::max(rate(plain), rate(tuned)), std::min(plain.cpu, tuned.cpu) / ours.cpu);
}

void run(const Load& load) {
  const auto scratch = load.directory / fmt::format("bench-events-{}", clock_seconds(CLOCK_REALTIME));
  std::filesystem::create_directories(scratch);
  const auto with = [&](auto make) {
    const auto writer = make();
    return measure(*writer, load);
  };
  const Figures plain = with([&] { return std::make_unique<Bare>(scratch / "plain.db", false); });
  const Figures tuned = with([&] { return std::make_unique<Bare>(scratch / "tuned.db", true); });
  const Figures ours = with([&] { return std::make_unique<Ours>(scratch / "ledger.db"); });
  std::filesystem::remove_all(scratch);
  std::printf(
      "%zu tasks with claims, %zu a transaction, synchronous=FULL: tasks a second (us of processor a task)\n",
      load.tasks, load.batch);
  std::printf("%-24s %12s %12s %12s %8s %12s\n", "", "bare SQLite", "bare, tuned", "ledger", "ratio",
              "cpu ratio");
  print("insert task and claim", load, plain.insert, tuned.insert, ours.insert);
  print("update, as inserted", load, plain.as_made, tuned.as_made, ours.as_made);
  print("update, in task order", load, plain.in_order, tuned.in_order, ours.in_order);
  print("update, at random", load, plain.at_random, tuned.at_random, ours.at_random);
}

}  // namespace
}  // namespace extvold::bench

int main(int argc, char** argv) {
  extvold::bench::Load load;
  if (argc > 1) load.tasks = std::strtoul(argv[1], nullptr, 10);
  if (argc > 2) load.batch = std::strtoul(argv[2], nullptr, 10);
  load.directory = argc > 3 ? std::filesystem::path(argv[3]) : std::filesystem::temp_directory_path();
  if (load.tasks == 0 || load.batch == 0) return 2;
  extvold::bench::run(load);
  return 0;
}
