// A master that sends a snapshot of 500 MB at 20 MB/s, over TCP: how long until it is in the ledger, and with
// how much memory. With a stall in its middle, if asked for.
//
//   bench_slow_master [RECORDINGS [MB [MB_PER_SECOND [STALL_SECONDS]]]]
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <thread>

#include "bench/ingest_generator.h"
#include "bench/pipeline.h"
#include "daemon/clock.h"
#include "daemon/http_client.h"
#include "daemon/random.h"
#include "daemon/subscription.h"
#include "daemon/uv/loop.h"

namespace extvold::bench {
namespace {

constexpr std::size_t kPiece = std::size_t{64} << 10U;
// What is kept grows with the claims; what passes through does not grow with the record.
double goal_mib(std::size_t claims) { return 64 + static_cast<double>(claims) / 1024; }

struct Wish {
  std::string recordings = "tests/data/mesos";
  double megabytes = 500;
  double megabytes_a_second = 20;
  double stall_seconds = 0;
};

// So many tasks that the record has about that size.
IngestGenerator generator(const Wish& wish) {
  IngestShape shape;
  for (int i = 0; i < 2; ++i) {
    auto made = IngestGenerator::load(wish.recordings, shape);
    if (!made) stop(made.error().message);
    const double ratio = wish.megabytes * 1e6 / static_cast<double>(made->record_bytes());
    shape.tasks = static_cast<std::uint32_t>(static_cast<double>(shape.tasks) * ratio);
    if (i == 0) shape.agents = std::min(shape.agents, shape.tasks / 20 + 1);
  }
  auto made = IngestGenerator::load(wish.recordings, shape);
  if (!made) stop(made.error().message);
  return std::move(*made);
}

void send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(socket, bytes.data(), bytes.size());
    if (n <= 0) std::_Exit(1);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

// Answers one request with the record, not faster than that, and ends the stream.
void be_master(int listener, const Wish& wish) {
  IngestGenerator source = generator(wish);
  const int socket = accept(listener, nullptr, nullptr);
  std::string request;
  while (request.find("SUBSCRIBE") == std::string::npos) {
    char bytes[4096];
    const ssize_t n = read(socket, bytes, sizeof bytes);
    if (n <= 0) std::_Exit(1);
    request.append(bytes, static_cast<std::size_t>(n));
  }
  send_all(socket, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
  const double start = wall_seconds();
  double stalled = 0;
  std::uint64_t sent = 0;
  std::string piece;
  const auto pause = [](double seconds) {
    if (seconds > 0) std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  };
  for (source.next(kPiece, piece); !piece.empty(); source.next(kPiece, piece)) {
    send_all(socket, fmt::format("{:x}\r\n{}\r\n", piece.size(), piece));
    sent += piece.size();
    if (stalled == 0 && wish.stall_seconds > 0 && sent > source.record_bytes() / 2) {
      stalled = wish.stall_seconds;
      pause(stalled);
    }
    const double due = static_cast<double>(sent) / (wish.megabytes_a_second * 1e6);
    pause(start + stalled + due - wall_seconds());
  }
  send_all(socket, "0\r\n\r\n");
  std::_Exit(0);
}

int listen_on(std::string& url) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener, generic, size) != 0 || listen(listener, 1) != 0 ||
      getsockname(listener, generic, &size) != 0)
    stop("cannot listen on 127.0.0.1");
  url = fmt::format("http://127.0.0.1:{}", ntohs(address.sin_port));
  return listener;
}

struct Outcome {
  std::uint64_t bytes = 0;
  double opened_at = 0;
  std::optional<std::string> closed{};
};

// The subscription as the daemon has it, its bytes into the engine and the ledger.
Outcome subscribe(const std::string& url, Pipeline& pipeline) {
  Outcome out;
  daemon::uv::Loop loop;
  const daemon::SystemClock clock;
  daemon::SystemRandom random;
  daemon::CurlHttpClient http(loop, clock);
  daemon::Subscription::Callbacks callbacks;
  callbacks.opened = [&](const daemon::SubscriptionOpened&) {
    out.opened_at = wall_seconds();
    pipeline.step(reconcilers::EventsArrived{{SubscriptionOpened{url}}});
  };
  callbacks.bytes = [&](std::string_view bytes) {
    out.bytes += bytes.size();
    pipeline.push(bytes);
    return daemon::Flow::go_on;
  };
  callbacks.closed = [&](const daemon::SubscriptionClosed& closed) { out.closed = closed.message; };
  daemon::Subscription subscription(
      loop, http, clock, random, {}, [&]() -> Result<std::vector<std::string>> { return std::vector{url}; },
      nullptr, callbacks);
  subscription.start();
  while (!out.closed) loop.turn();
  subscription.stop();
  return out;
}

int run(int argc, char** argv) {
  Wish wish;
  if (argc > 1) wish.recordings = argv[1];
  if (argc > 2) wish.megabytes = std::atof(argv[2]);
  if (argc > 3) wish.megabytes_a_second = std::atof(argv[3]);
  if (argc > 4) wish.stall_seconds = std::atof(argv[4]);
  std::string url;
  const int listener = listen_on(url);
  const pid_t master = fork();
  if (master == 0) be_master(listener, wish);
  close(listener);
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / fmt::format("extvold-bench-{}", getpid());
  std::filesystem::create_directories(folder);
  Outcome outcome;
  std::int64_t changes = 0;
  std::size_t claims = 0;
  double seconds = 0;
  {
    Pipeline pipeline(folder / "ledger.db", bench_policy());
    reset_peak();
    outcome = subscribe(url, pipeline);
    pipeline.finish();
    seconds = wall_seconds() - outcome.opened_at;
    changes = pipeline.changes();
    claims = pipeline.engine().snapshot().claims().size();
  }
  std::filesystem::remove_all(folder);
  int status = 0;
  waitpid(master, &status, 0);
  if (status != 0 || outcome.opened_at == 0) stop("the master was not read to its end: " + *outcome.closed);
  fmt::print("slow      {:.0f} MB at {:.0f} MB/s, a stall of {:.0f} s, {} changes, {} claims\n",
             static_cast<double>(outcome.bytes) / 1e6, wish.megabytes_a_second, wish.stall_seconds, changes,
             claims);
  fmt::print("slow      socket to committed       {:8.2f} s    ({:.2f} s is the master's share)\n", seconds,
             static_cast<double>(outcome.bytes) / 1e6 / wish.megabytes_a_second + wish.stall_seconds);
  fmt::print(
      "slow      peak memory               {:8.1f} MiB  (goal: at most {:.0f}, 64 and 1 KiB a claim)\n",
      peak_mib(), goal_mib(claims));
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace extvold::bench

int main(int argc, char** argv) { return extvold::bench::run(argc, argv); }
