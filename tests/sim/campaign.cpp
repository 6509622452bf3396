#include "tests/sim/campaign.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "model/check.h"

namespace extvold::sim {
namespace {

// One line a seed, tabs between: what a worker tells. Its first word is "begin" or "end".
std::string line_of(std::uint64_t seed, const RunResult& result, bool repeated) {
  std::string out = fmt::format("end\t{}\t{}\t{}\t{}\t{}", seed, repeated ? 1 : 0, result.simulated.ns,
                                result.steps, result.calls);
  for (std::size_t i = 0; i < Probe_texts.size(); ++i)
    out += fmt::format("\t{}", result.probes.count(static_cast<Probe>(i)));
  std::string what = result.what;
  std::replace_if(
      what.begin(), what.end(), [](char c) { return c == '\t' || c == '\n'; }, ' ');
  return out + fmt::format("\t{}\t{}\n", result.rule, what);
}

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(fd, text.data(), text.size());
    if (wrote <= 0) ::_exit(3);
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
}

RunResult run_seed(std::uint64_t seed, const Overrides& overrides) {
  const Config config = draw_config(seed, overrides);
  RunResult result = run(config, Trace::Keep::nothing);
  if (seed % 5 != 0) return result;
  const RunResult again = run(config, Trace::Keep::nothing);
  if (again.hash == result.hash || result.failed()) return result;
  result.rule = "not_deterministic";
  result.what = fmt::format("its trace hash was {:016x}, then {:016x}", result.hash, again.hash);
  return result;
}

struct Worker {
  pid_t pid = -1;
  int fd = -1;
  std::vector<std::uint64_t> seeds;  // still to do, the present one first
  bool running = false;              // the first of them
  std::string buffer;
};

class Campaign {
 public:
  Campaign(const CampaignOptions& options, const std::function<void(const Finding&)>& found)
      : options_(options), found_(found) {}

  CampaignResult result() {
    workers_.resize(static_cast<std::size_t>(std::max(1, options_.jobs)));
    for (std::size_t i = 0; i < options_.seeds.size(); ++i)
      workers_[i % workers_.size()].seeds.push_back(options_.seeds[i]);
    for (Worker& one : workers_) start(one);
    while (std::any_of(workers_.begin(), workers_.end(), [](const Worker& one) { return one.fd >= 0; }))
      wait();
    std::sort(result_.findings.begin(), result_.findings.end(),
              [](const Finding& a, const Finding& b) { return a.seed < b.seed; });
    return std::move(result_);
  }

 private:
  void start(Worker& worker) {
    if (worker.seeds.empty()) return;
    int ends[2];
    EXTVOLD_CHECK(::pipe(ends) == 0);
    worker.pid = ::fork();
    EXTVOLD_CHECK(worker.pid >= 0);
    if (worker.pid == 0) {
      ::close(ends[0]);
      for (const std::uint64_t seed : worker.seeds) {
        write_all(ends[1], fmt::format("begin\t{}\n", seed));
        ::alarm(options_.seconds_max);
        write_all(ends[1], line_of(seed, run_seed(seed, options_.overrides), seed % 5 == 0));
      }
      ::_exit(0);
    }
    ::close(ends[1]);
    worker.fd = ends[0];
    worker.buffer.clear();
  }

  void wait() {
    std::vector<pollfd> fds;
    for (const Worker& one : workers_) fds.push_back({one.fd, POLLIN, 0});
    ::poll(fds.data(), fds.size(), -1);
    for (std::size_t i = 0; i < fds.size(); ++i) {
      if ((fds[i].revents & (POLLIN | POLLHUP)) != 0) read(workers_[i]);
    }
  }

  void read(Worker& worker) {
    char bytes[65536];
    const ssize_t got = ::read(worker.fd, bytes, sizeof bytes);
    if (got <= 0) return ended(worker);
    worker.buffer.append(bytes, static_cast<std::size_t>(got));
    for (std::size_t at = worker.buffer.find('\n'); at != std::string::npos; at = worker.buffer.find('\n')) {
      const std::string line = worker.buffer.substr(0, at);
      worker.buffer.erase(0, at + 1);
      take(worker, line);
    }
  }

  void take(Worker& worker, const std::string& line) {
    std::vector<std::string_view> parts;
    std::string_view rest = line;
    for (std::size_t tab = rest.find('\t'); tab != std::string_view::npos; tab = rest.find('\t')) {
      parts.push_back(rest.substr(0, tab));
      rest.remove_prefix(tab + 1);
    }
    parts.push_back(rest);
    worker.running = parts[0] == "begin";
    if (worker.running) return;
    const auto number = [&](std::size_t i) {
      std::int64_t out = 0;
      std::from_chars(parts[i].data(), parts[i].data() + parts[i].size(), out);
      return out;
    };
    ++result_.runs;
    result_.repeated += number(2);
    result_.simulated = {result_.simulated.ns + number(3)};
    result_.steps += number(4);
    result_.calls += number(5);
    for (std::size_t i = 0; i < Probe_texts.size(); ++i)
      result_.probes.add(static_cast<Probe>(i), number(6 + i));
    const std::size_t end = 6 + Probe_texts.size();
    const std::uint64_t seed = worker.seeds.front();
    worker.seeds.erase(worker.seeds.begin());
    if (!parts[end].empty()) note({seed, std::string(parts[end]), std::string(parts[end + 1])});
  }

  void note(Finding finding) {
    found_(finding);
    result_.findings.push_back(std::move(finding));
    if (options_.keep_going) return;
    for (Worker& one : workers_) {
      one.seeds.clear();
      if (one.pid > 0) ::kill(one.pid, SIGKILL);
    }
  }

  // At its last seed, or because that ended it.
  void ended(Worker& worker) {
    ::close(worker.fd);
    worker.fd = -1;
    int status = 0;
    ::waitpid(worker.pid, &status, 0);
    worker.pid = -1;
    if (worker.seeds.empty()) return;
    const std::uint64_t seed = worker.seeds.front();
    worker.seeds.erase(worker.seeds.begin());
    const std::string how = WIFSIGNALED(status)
                                ? fmt::format("signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)))
                                : fmt::format("exit status {}", WEXITSTATUS(status));
    note({seed, "process_ended", "the production code ended its process: " + how});
    start(worker);
  }

  const CampaignOptions& options_;
  const std::function<void(const Finding&)>& found_;
  std::vector<Worker> workers_;
  CampaignResult result_;
};

}  // namespace

CampaignResult run_campaign(const CampaignOptions& options,
                            const std::function<void(const Finding&)>& found) {
  return Campaign(options, found).result();
}

}  // namespace extvold::sim
