// Ingest: a SUBSCRIBED record of 10,000 agents and 200,000 tasks from a socket to the committed ledger,
// beside a bare simdjson pass over the same bytes and a bare SQLite insert of the same rows. And its peak
// memory, in a process of its own.
//
//   bench_ingest [RECORDINGS [AGENTS [TASKS]]]
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "bench/bare_insert.h"
#include "bench/ingest_generator.h"
#include "bench/pipeline.h"
#include "bench/simdjson_pass.h"
#include "daemon/ingest/element_scanner.h"

namespace extvold::bench {
namespace {

constexpr std::size_t kChunk = std::size_t{64} << 10U;

struct Shape {
  std::string recordings = "tests/data/mesos";
  IngestShape ingest;
};

IngestGenerator generator(const Shape& shape) {
  auto made = IngestGenerator::load(shape.recordings, shape.ingest);
  if (!made) stop(made.error().message);
  return std::move(*made);
}

// A child that writes the record into a socket; the other end.
int record_from_socket(const Shape& shape, pid_t& writer) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) stop("socketpair failed");
  writer = fork();
  if (writer == 0) {
    close(ends[0]);
    IngestGenerator source = generator(shape);
    std::string chunk;
    for (source.next(kChunk, chunk); !chunk.empty(); source.next(kChunk, chunk)) {
      for (std::size_t at = 0; at < chunk.size();) {
        const ssize_t n = write(ends[1], chunk.data() + at, chunk.size() - at);
        if (n <= 0) std::_Exit(1);
        at += static_cast<std::size_t>(n);
      }
    }
    std::_Exit(0);
  }
  close(ends[1]);
  return ends[0];
}

struct Figures {
  double seconds = 0;
  double peak = 0;
  std::int64_t changes = 0;
  std::uint64_t bytes = 0;
  std::uint64_t claims = 0;
};

// In a process of its own, so that the peak is its own.
Figures ingest(const Shape& shape, const std::string& ledger) {
  int result[2];
  if (pipe(result) != 0) stop("pipe failed");
  const pid_t child = fork();
  if (child == 0) {
    Figures out;
    pid_t writer = 0;
    Pipeline pipeline(ledger, bench_policy());
    const int socket = record_from_socket(shape, writer);
    std::string buffer(kChunk, '\0');
    ssize_t n = read(socket, buffer.data(), buffer.size());  // the writer is ready now
    const double start = wall_seconds();
    pipeline.step(reconcilers::EventsArrived{{SubscriptionOpened{"bench"}}});
    for (; n > 0; n = read(socket, buffer.data(), buffer.size())) {
      pipeline.push(std::string_view(buffer).substr(0, static_cast<std::size_t>(n)));
      out.bytes += static_cast<std::uint64_t>(n);
    }
    pipeline.finish();
    out.seconds = wall_seconds() - start;
    out.peak = peak_mib();
    out.changes = pipeline.changes();
    out.claims = pipeline.engine().snapshot().claims().size();
    waitpid(writer, nullptr, 0);
    if (write(result[1], &out, sizeof out) != sizeof out) std::_Exit(1);
    std::_Exit(0);
  }
  Figures out;
  close(result[1]);
  if (read(result[0], &out, sizeof out) != sizeof out) stop("the measured process failed");
  close(result[0]);
  waitpid(child, nullptr, 0);
  return out;
}

double bare_parse(const Shape& shape) {
  std::string record;
  std::string chunk;
  IngestGenerator source = generator(shape);
  record.reserve(source.record_bytes() + 1024);
  for (source.next(kChunk, chunk); !chunk.empty(); source.next(kChunk, chunk)) record += chunk;
  record.append(64, ' ');
  std::vector<std::string_view> elements;
  ingest::ElementScanner scanner;
  std::string_view body = record;
  body.remove_prefix(body.find('\n') + 1);
  scanner.begin(ingest::stream_nodes());
  scanner.feed(body.substr(0, body.rfind('}', body.size() - 64 - 22) + 1));
  for (auto part = scanner.next(); part && part->kind != ingest::ScanPart::Kind::need_more;
       part = scanner.next()) {
    if (part->kind == ingest::ScanPart::Kind::value && part->json.front() == '{')
      elements.push_back(part->json);
  }
  double best = 1e9;
  for (int i = 0; i < 3; ++i) {
    const double start = wall_seconds();
    if (dom_pass(elements) == 0) stop("nothing was parsed");
    best = std::min(best, wall_seconds() - start);
  }
  return best;
}

int run(int argc, char** argv) {
  Shape shape;
  if (argc > 1) shape.recordings = argv[1];
  if (argc > 2) shape.ingest.agents = static_cast<std::uint32_t>(std::atoi(argv[2]));
  if (argc > 3) shape.ingest.tasks = static_cast<std::uint32_t>(std::atoi(argv[3]));
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / fmt::format("extvold-bench-{}", getpid());
  std::filesystem::create_directories(folder);
  const std::string ledger = folder / "ledger.db";
  const Figures ours = ingest(shape, ledger);
  const double parse = bare_parse(shape);
  const BareInsert insert = bare_insert(ledger, folder / "bare.db", 5'000);
  std::filesystem::remove_all(folder);
  fmt::print("ingest    {} agents, {} tasks, {:.0f} MB, {} claims\n", shape.ingest.agents, shape.ingest.tasks,
             static_cast<double>(ours.bytes) / 1e6, ours.claims);
  fmt::print("ingest    bare simdjson pass        {:8.2f} s\n", parse);
  fmt::print("ingest    bare SQLite insert        {:8.2f} s    {} rows\n", insert.seconds, insert.rows);
  fmt::print(
      "ingest    socket to committed       {:8.2f} s    {} changes, {:.2f} times the sum of both (goal: at "
      "most 1.5)\n",
      ours.seconds, ours.changes, ours.seconds / (parse + insert.seconds));
  fmt::print("ingest    peak memory               {:8.1f} MiB  (goal: at most 150)\n", ours.peak);
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace extvold::bench

int main(int argc, char** argv) { return extvold::bench::run(argc, argv); }
