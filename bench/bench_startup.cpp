// How long the program takes from its start until it tells systemd that it is ready, with a large ledger; and
// what of that is opening and reading the ledger, how much memory what was read needs, and how long checks
// take.
//
//   bench_startup [VOLUMES [DIRECTORY]]
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>

#include "bench/ledger_rows.h"
#include "bench/pipeline.h"
#include "daemon/unique_fd.h"
#include "ledger/ledger.h"

namespace extvold::bench {
namespace {

constexpr std::size_t kHosts = 1000;

template <typename T>
T value_of(Result<T> result) {
  if (!result) stop(result.error().message);
  return std::move(*result);
}

double seconds(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

template <typename Run>
auto timed(const char* what, Run&& run) {
  const double wall = seconds(CLOCK_MONOTONIC);
  const double cpu = seconds(CLOCK_THREAD_CPUTIME_ID);
  auto out = run();
  std::printf("%-44s %8.0f ms (processor %.0f ms)\n", what, (seconds(CLOCK_MONOTONIC) - wall) * 1e3,
              (seconds(CLOCK_THREAD_CPUTIME_ID) - cpu) * 1e3);
  return out;
}

double resident_mib() {
  std::ifstream file("/proc/self/statm");
  long size = 0;
  long resident = 0;
  file >> size >> resident;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

void fill(const std::string& path, std::size_t volumes) {
  const auto ledger = value_of(ledger::Ledger::open(path, {}));
  Batch batch{{1}, {1}, host_rows(kHosts)};
  const auto next = static_cast<std::int64_t>(volumes) + 1;
  batch.changes.emplace_back(Counters{kHosts + 1, next, next, 1, next, 1});
  for (std::size_t n = 0; n < volumes; ++n) {
    Volume volume = volume_row(n);
    volume.pool = {ProviderName("local~bench"), "p1"};
    batch.changes.emplace_back(std::move(volume));
    batch.changes.emplace_back(attachment_row(n, kHosts));
    batch.changes.emplace_back(claim_row(n, kHosts));
    Operation attach;
    attach.id = OperationId(derived_name("op-", fmt::format("attach {}", n)));
    attach.kind = OperationKind::attach;
    attach.state = OperationState::done;
    attach.outcome = Outcome::changed;
    attach.volume = {static_cast<std::int64_t>(n) + 1};
    attach.host = {static_cast<std::int64_t>(n % kHosts) + 1};
    attach.generation = {1, static_cast<std::int64_t>(n) + 1};
    attach.rule = "attach.wanted_claim";
    attach.recorded_at = attach.ended_at = {1};
    batch.changes.emplace_back(std::move(attach));
    if (batch.changes.size() < 4000 && n + 1 < volumes) continue;
    value_of(ledger->commit(batch));
    batch = {{batch.sequence.value + 1}, {1}, {}};
  }
}

void read(const std::string& path, std::size_t volumes) {
  const auto ledger = timed("open for writing", [&] { return value_of(ledger::Ledger::open(path, {})); });
  const double before = resident_mib();
  const Snapshot snapshot = timed("load()", [&] { return value_of(ledger->load()); });
  if (snapshot.volumes().size() != volumes) stop("volumes are missing");
  const double used = resident_mib() - before;
  std::printf(
      "%-44s %8.0f MiB (%.2f KiB a volume with attachment and claim, page cache of SQLite included)\n",
      "resident for it", used, used * 1024 / static_cast<double>(volumes));
  const auto invariants =
      timed("check: invariants", [&] { return value_of(ledger->check(ledger::CheckDepth::invariants)); });
  for (const auto& one : invariants)
    std::printf("  %s: %s: %s\n", one.check.c_str(), one.subject.c_str(), one.problem.c_str());
  timed("check: pages", [&] { return value_of(ledger->check(ledger::CheckDepth::pages)).size(); });
  timed("volume_status, all rows", [&] {
    int rows = 0;
    const auto count = [](void* out, int, char**, char**) { return ++*static_cast<int*>(out), 0; };
    sqlite3_exec(ledger->database().handle(), "SELECT * FROM volume_status", count, &rows, nullptr);
    return rows;
  });
}

// A datagram socket as systemd's; the program's own messages.
class NotifySocket {
 public:
  explicit NotifySocket(std::string path) : path_(std::move(path)), fd_(socket(AF_UNIX, SOCK_DGRAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    const timeval patience{60, 0};
    setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      bench::stop("cannot bind " + path_);
  }
  const std::string& path() const { return path_; }
  void await(std::string_view word) {
    char message[4096];
    while (true) {
      const ssize_t n = recv(fd_.get(), message, sizeof message, 0);
      if (n <= 0) bench::stop("extvold did not say " + std::string(word));
      if (std::string_view(message, static_cast<std::size_t>(n)).find(word) != std::string_view::npos) return;
    }
  }

 private:
  std::string path_;
  daemon::UniqueFd fd_;
};

void serve(const std::string& program, const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder / "storage/p1");
  const std::string config = folder / "extvold.toml";
  std::ofstream(config) << fmt::format(R"([ledger]
path = "{0}/ledger.db"
[api]
socket = "{0}/extvold.sock"
[log]
level = "error"
[providers.bench]
type = "local"
root = "{0}/storage"
hosts_dir = "{0}/hosts"
pools = [{{ name = "p1" }}]
)",
                                       folder.string());
  NotifySocket notify(folder / "notify");
  const double start = seconds(CLOCK_MONOTONIC);
  const pid_t child = fork();
  if (child == 0) {
    setenv("NOTIFY_SOCKET", notify.path().c_str(), 1);
    execl(program.c_str(), program.c_str(), "serve", "--config", config.c_str(), nullptr);
    std::_Exit(127);
  }
  notify.await("READY=1");
  std::printf("%-44s %8.0f ms (goal: under 2000)\n", "extvold serve, from its start to ready",
              (seconds(CLOCK_MONOTONIC) - start) * 1e3);
  kill(child, SIGTERM);
  waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace extvold::bench

int main(int argc, char** argv) {
  const std::size_t volumes = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 100'000;
  const std::filesystem::path base =
      argc > 2 ? std::filesystem::path(argv[2]) : std::filesystem::temp_directory_path();
  const auto scratch = base / fmt::format("bench-startup-{}", getpid());
  std::filesystem::create_directories(scratch);
  const std::string path = scratch / "ledger.db";
  // In a process of its own, so that filling leaves no memory behind.
  const pid_t child = fork();
  if (child == 0) {
    extvold::bench::fill(path, volumes);
    std::exit(0);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child || status != 0) return 1;
  std::printf("a ledger of %zu volumes, attachments, claims, operations: %.0f MiB\n", volumes,
              static_cast<double>(std::filesystem::file_size(path)) / (1 << 20));
  std::fflush(stdout);
  extvold::bench::read(path, volumes);
  std::fflush(stdout);
  extvold::bench::serve(std::filesystem::path(argv[0]).parent_path() / "extvold", scratch);
  std::filesystem::remove_all(scratch);
  return 0;
}
