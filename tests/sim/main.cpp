// extvold-sim: runs seeds, says what they found, and how to see it again. docs/simulator.md.
#include <fmt/format.h>
#include <malloc.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <sstream>

#include "tests/sim/campaign.h"
#include "tests/sim/mutants.h"
#include "tests/sim/shrink.h"

namespace sim = extvold::sim;

namespace {

struct Arguments {
  std::uint64_t seed = 0;
  std::uint64_t from = 1;
  std::uint64_t seeds = 200;
  std::int64_t minutes = 0;
  int hosts = 0;
  int volumes = 0;
  int jobs = 1;
  int shrink_runs = 150;
  std::string without;
  std::string seeds_file;
  bool calm = false;
  bool trace = false;
  bool keep_going = false;
  bool no_shrink = false;
  bool list_probes = false;
  std::string without_rule;
  bool list_rules = false;
  bool mutants = false;
  std::string mutant;
  int seconds = 0;
  bool anew = false;
};

sim::Overrides overrides_of(const Arguments& arguments) {
  sim::Overrides out;
  if (arguments.minutes > 0) out.safety = extvold::minutes(arguments.minutes);
  if (arguments.hosts > 0) out.hosts = arguments.hosts;
  if (arguments.volumes > 0) out.volumes = arguments.volumes;
  out.calm = arguments.calm;
  std::istringstream names(arguments.without);
  for (std::string name; std::getline(names, name, ',');) {
    const auto fault = extvold::from_text<sim::Fault>(name);
    if (!fault) throw CLI::ValidationError("--without", "no kind of fault is named " + name);
    out.without.put(*fault);
  }
  return out;
}

// "147   what it found": a number at the start of a line; the rest is for people.
std::vector<std::uint64_t> read_seeds(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw CLI::ValidationError("--seeds-file", "cannot read " + path);
  std::vector<std::uint64_t> out;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line.front() >= '0' && line.front() <= '9') out.push_back(std::stoull(line));
  }
  return out;
}

// In this process, so that a debugger sees it.
int show(const Arguments& arguments, const sim::Overrides& overrides) {
  const sim::RunResult result =
      sim::run(sim::draw_config(arguments.seed, overrides),
               arguments.trace ? sim::Trace::Keep::print : sim::Trace::Keep::recent);
  if (!result.failed()) {
    fmt::print("seed {}: nothing is wrong; {} steps, {} calls, trace {:016x}\n", arguments.seed, result.steps,
               result.calls, result.hash);
    return 0;
  }
  constexpr std::size_t kLines = 40;
  const std::size_t from = result.trace.size() > kLines ? result.trace.size() - kLines : 0;
  for (std::size_t i = from; i < result.trace.size(); ++i) fmt::print("{}\n", result.trace[i]);
  fmt::print("seed {}: {}: {}\n", arguments.seed, result.rule, result.what);
  return 1;
}

void print_unreached(const sim::Probes& probes) {
  std::string never;
  for (std::size_t i = 0; i < sim::Probe_texts.size(); ++i) {
    if (probes.count(static_cast<sim::Probe>(i)) == 0) never += fmt::format(" {}", sim::Probe_texts[i]);
  }
  if (!never.empty()) fmt::print("never reached:{}\n", never);
}

void print_probes(const sim::Probes& probes) {
  for (std::size_t i = 0; i < sim::Probe_texts.size(); ++i)
    fmt::print("{:>10} {}\n", probes.count(static_cast<sim::Probe>(i)), sim::Probe_texts[i]);
}

// Of this process and of the jobs that have ended.
double processor_seconds() {
  double seconds = 0;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage{};
    getrusage(who, &usage);
    for (const timeval& one : {usage.ru_utime, usage.ru_stime})
      seconds += static_cast<double>(one.tv_sec) + static_cast<double>(one.tv_usec) / 1e6;
  }
  return seconds;
}

// The first finding also in fewer words. One that ends the process, or that another run does not show, is not
// made small: there is nothing to compare with.
void print_how_to_reproduce(const sim::CampaignResult& result, const Arguments& arguments,
                            const sim::Overrides& overrides) {
  if (result.findings.empty()) return;
  fmt::print("\n");
  for (const sim::Finding& one : result.findings)
    fmt::print("reproduce: ./dev sim {}\n", sim::command_line(one.seed, overrides));
  const sim::Finding& first = result.findings.front();
  if (!arguments.no_shrink && first.rule != "process_ended" && first.rule != "not_deterministic") {
    const sim::Overrides small = sim::shrink(first.seed, overrides, first.rule, arguments.shrink_runs);
    fmt::print("   or less: ./dev sim {}\n", sim::command_line(first.seed, small));
  }
  fmt::print("\n");
}

int campaign(const Arguments& arguments, const sim::Overrides& overrides) {
  sim::CampaignOptions options;
  options.overrides = overrides;
  options.jobs = arguments.jobs;
  options.keep_going = arguments.keep_going;
  if (!arguments.seeds_file.empty()) {
    options.seeds = read_seeds(arguments.seeds_file);
  } else {
    for (std::uint64_t n = 0; n < arguments.seeds; ++n) options.seeds.push_back(arguments.from + n);
  }
  const auto began = std::chrono::steady_clock::now();
  const double worked_before = processor_seconds();
  const sim::CampaignResult result = sim::run_campaign(options, [](const sim::Finding& finding) {
    fmt::print("seed {}: {}: {}\n", finding.seed, finding.rule, finding.what);
    std::fflush(stdout);
  });
  const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  const double worked = processor_seconds() - worked_before;
  print_how_to_reproduce(result, arguments, overrides);
  // A run that is done twice took twice as long, and counts as one.
  const double done = static_cast<double>(result.runs + result.repeated) /
                      static_cast<double>(std::max<std::int64_t>(1, result.runs));
  const double simulated = static_cast<double>(result.simulated.ns) / 1e9 * done;
  fmt::print(
      "{} runs ({} of them twice), {} findings; {} h simulated in {:.1f} s: {:.0f} times real time a job, "
      "{:.0f} times a second of a processor; {} steps, {} calls\n",
      result.runs, result.repeated, result.findings.size(), result.simulated.ns / 3'600'000'000'000, took,
      simulated / took / arguments.jobs, simulated / worked, result.steps, result.calls);
  if (arguments.list_probes) print_probes(result.probes);
  print_unreached(result.probes);
  return result.findings.empty() ? 0 : 1;
}

int mutants(const Arguments& arguments, const sim::Overrides& overrides, bool seeds_given) {
  sim::MutantOptions options;
  options.only = arguments.mutant;
  options.overrides = overrides;
  options.jobs = arguments.jobs;
  options.anew = arguments.anew;
  options.time_max = extvold::seconds(arguments.seconds);
  if (seeds_given) options.seeds_max = static_cast<std::int64_t>(arguments.seeds);
  if (!options.overrides.safety) options.overrides.safety = extvold::minutes(60);
  const extvold::Result<bool> as_listed = sim::hunt_mutants(options);
  if (!as_listed) throw CLI::ValidationError("--mutants", as_listed.error().message);
  return *as_listed ? 0 : 1;
}

// Set before anything runs: it is for the whole process.
void take_rules_away(const std::string& names) {
  if (names.empty()) return;
  if (const extvold::Status removed = sim::remove_rules(names); !removed)
    throw CLI::ValidationError("--without-rule", removed.error().message);
}

int list_rules() {
  const extvold::Result<std::string> rules = sim::describe_rules();
  if (!rules) throw CLI::ValidationError("--list-rules", rules.error().message);
  fmt::print("{}", *rules);
  return 0;
}

int dispatch(const Arguments& arguments, const sim::Overrides& overrides, bool seeds_given) {
  if (arguments.list_rules) return list_rules();
  if (arguments.mutants) return mutants(arguments, overrides, seeds_given);
  take_rules_away(arguments.without_rule);
  return arguments.seed != 0 ? show(arguments, overrides) : campaign(arguments, overrides);
}

}  // namespace

int main(int argc, char** argv) {
  // What one run gives back the next takes: the kernel would hand it out zeroed, page by page, each time.
  ::mallopt(M_MMAP_THRESHOLD, 1 << 30);
  ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
  CLI::App app{
      "Hunts for a run in which a single-writer volume gets a second writer before the first is proven gone"};
  Arguments arguments;
  app.add_option("--seed", arguments.seed, "one run of this seed, with the end of its trace if it fails");
  const CLI::Option* seeds = app.add_option("--seeds", arguments.seeds, "so many seeds (default 200)");
  app.add_option("--from", arguments.from, "the first of them (default 1)");
  app.add_option("--seeds-file", arguments.seeds_file, "the seeds of a file instead");
  app.add_option("--minutes", arguments.minutes, "virtual minutes with faults, a seed (default 60)");
  app.add_option("--hosts", arguments.hosts, "hosts, instead of what the seed draws");
  app.add_option("--volumes", arguments.volumes, "volumes, instead of what the seed draws");
  app.add_option("--without", arguments.without, "kinds of faults to leave out, with commas between");
  app.add_flag("--calm", arguments.calm, "no faults at all");
  app.add_option("--jobs", arguments.jobs, "processes (default 1)")->check(CLI::Range(1, 256));
  app.add_flag("--keep-going", arguments.keep_going, "do not stop at the first finding");
  app.add_flag("--no-shrink", arguments.no_shrink, "do not make a finding small");
  app.add_option("--shrink-runs", arguments.shrink_runs, "at most so many runs for that (default 150)");
  app.add_flag("--trace", arguments.trace, "with --seed: all that happens, as it happens");
  app.add_flag("--probes", arguments.list_probes, "how often each probe was hit");
  app.add_option("--without-rule", arguments.without_rule,
                 "safety rules to remove, with commas between (only in the mutants' build)");
  app.add_flag("--list-rules", arguments.list_rules, "the rules that can be removed");
  app.add_flag("--mutants", arguments.mutants, "look for a finding without each rule, or without --mutant");
  app.add_option("--mutant", arguments.mutant, "with --mutants: only this rule, or these, all removed");
  app.add_flag("--anew", arguments.anew, "with --mutants: seeds from 1, also for those that a test notices");
  app.add_option("--seconds", arguments.seconds, "with --mutants: at most so long for each");
  try {
    app.parse(argc, argv);
    const sim::Overrides overrides = overrides_of(arguments);
    return dispatch(arguments, overrides, seeds->count() > 0);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }
}
