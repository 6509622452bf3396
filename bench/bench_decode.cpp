// How fast is a SUBSCRIBED record decoded, next to a bare simdjson pass over the same elements? And in how
// much memory?
//
//   bench_decode [RECORDINGS [AGENTS [TASKS]]]
//
// Bare passes: DOM (parses and checks everything, keeps nothing) and on-demand (its structural pass, then
// every value walked).
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "bench/ingest_generator.h"
#include "bench/simdjson_pass.h"
#include "daemon/ingest/element_scanner.h"
#include "daemon/ingest/record_decoder.h"

namespace extvold::bench {

namespace {

constexpr std::size_t kChunk = std::size_t{64} << 10;
constexpr int kRounds = 5;

[[noreturn]] void stop(const std::string& why) {
  std::fprintf(stderr, "bench_decode: %s\n", why.c_str());
  std::exit(1);
}

// Processor time of this process: everything here computes, nothing waits, and other programs do not count.
double now() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

// The best of some rounds: the machine's noise only ever adds.
template <typename Run>
double best_seconds(Run&& run) {
  double best = 1e9;
  for (int i = 0; i < kRounds; ++i) {
    const double begin = now();
    run();
    best = std::min(best, now() - begin);
  }
  return best;
}

void print(const char* what, double seconds, std::size_t bytes, double bare) {
  std::printf("%-44s %8.1f ms %8.0f MB/s %6.2f x\n", what, seconds * 1e3,
              static_cast<double>(bytes) / seconds / 1e6, bare > 0 ? seconds / bare : 1.0);
}

// Generator to decoder, piece by piece, in a process of its own: its peak is what the decoding itself needs.
void print_memory(IngestGenerator& generator) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    ingest::IngestCounters counters;
    ingest::RecordDecoder decoder(counters);
    std::vector<MesosEvent> events;
    std::string chunk;
    for (generator.next(kChunk, chunk); !chunk.empty(); generator.next(kChunk, chunk)) {
      if (const Status done = decoder.push(chunk, events); !done) stop(done.error().message);
      events.clear();
    }
    std::_Exit(0);
  }
  int status = 0;
  rusage usage{};
  if (wait4(child, &status, 0, &usage) != child || status != 0) stop("the measured process failed");
  std::printf("peak memory, generator to decoder              %8.1f MiB\n",
              static_cast<double>(usage.ru_maxrss) / 1024);
}

std::vector<std::string_view> cut_elements(std::string_view record) {
  std::vector<std::string_view> elements;
  ingest::ElementScanner scanner;
  record.remove_prefix(record.find('\n') + 1);
  scanner.begin(ingest::stream_nodes());
  scanner.feed(record.substr(0, record.rfind('}', record.size() - 22) + 1));
  while (true) {
    auto part = scanner.next();
    if (!part || part->kind == ingest::ScanPart::Kind::need_more) return elements;
    if (part->kind == ingest::ScanPart::Kind::value && part->json.front() == '{')
      elements.push_back(part->json);
  }
}

int run(int argc, char** argv) {
  const std::string recordings = argc > 1 ? argv[1] : "tests/data/mesos";
  IngestShape shape;
  if (argc > 2) shape.agents = static_cast<std::uint32_t>(std::atoi(argv[2]));
  if (argc > 3) shape.tasks = static_cast<std::uint32_t>(std::atoi(argv[3]));
  auto generator = IngestGenerator::load(recordings, shape);
  if (!generator) stop(generator.error().message);
  print_memory(*generator);

  generator->rewind();
  std::string record;
  std::string chunk;
  record.reserve(generator->record_bytes() + 1024);
  for (generator->next(kChunk, chunk); !chunk.empty(); generator->next(kChunk, chunk)) record += chunk;
  const std::vector<std::string_view> elements = cut_elements(record);
  record.append(64, ' ');
  const std::size_t bytes = record.size() - 64;
  std::printf("%u agents, %u tasks: %.1f MB, %zu elements\n", shape.agents, shape.tasks,
              static_cast<double>(bytes) / 1e6, elements.size());

  const double bare = best_seconds([&] { dom_pass(elements); });
  print("bare simdjson, DOM", bare, bytes, 0);
  print("bare simdjson, on-demand, every value", best_seconds([&] { ondemand_pass(elements); }), bytes, bare);
  print("scanner alone", best_seconds([&] { cut_elements(std::string_view(record).substr(0, bytes)); }),
        bytes, bare);

  std::size_t count = 0;
  ingest::IngestCounters counters;
  const double decoder = best_seconds([&] {
    ingest::RecordDecoder one(counters);
    std::vector<MesosEvent> events;
    count = 0;
    for (std::size_t at = 0; at < bytes; at += kChunk) {
      const Status done = one.push(std::string_view(record).substr(at, std::min(kChunk, bytes - at)), events);
      if (!done) stop(done.error().message);
      count += events.size();
      events.clear();
    }
  });
  print("decoder, bytes to events", decoder, bytes, bare);
  std::printf("%zu events, %.2f us each; %llu of %llu elements copied\n", count,
              decoder * 1e6 / static_cast<double>(count),
              static_cast<unsigned long long>(counters.elements_copied),
              static_cast<unsigned long long>(counters.elements));
  return 0;
}

}  // namespace

}  // namespace extvold::bench

int main(int argc, char** argv) { return extvold::bench::run(argc, argv); }
