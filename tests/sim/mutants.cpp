#include "tests/sim/mutants.h"

#include <fmt/format.h>

#include "reconcilers/rule.h"

#ifndef EXTVOLD_MUTANTS

namespace extvold::sim {
namespace {

tl::unexpected<Error> whole() {
  return fail(Errc::invalid, "this build has all of its rules; `./dev mutants` makes one that can lose them");
}

}  // namespace

Status remove_rules(const std::string&) { return whole(); }
Result<std::string> describe_rules() { return whole(); }
Result<bool> hunt_mutants(const MutantOptions&) { return whole(); }

}  // namespace extvold::sim

#else

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>

#include "model/check.h"
#include "tests/sim/campaign.h"
#include "tests/sim/mutant_list.h"

namespace extvold::sim {
namespace {

using reconcilers::Rule;
using Clock = std::chrono::steady_clock;

Result<std::vector<Rule>> rules_named(const std::string& names) {
  std::vector<Rule> out;
  std::istringstream rest(names);
  for (std::string name; std::getline(rest, name, ',');) {
    const auto rule = from_text<Rule>(name);
    if (!rule) return fail(Errc::not_found, "no rule is named {}: --list-rules has them", name);
    out.push_back(*rule);
  }
  return out;
}

// What a hunt for one mutant came to.
struct Hunt {
  std::optional<Finding> finding;
  std::int64_t seeds = 0;
  double seconds = 0;
};

class Hunter {
 public:
  explicit Hunter(const MutantOptions& options) : options_(options) {}

  // `known`: where it was found before, tried first; 0: nowhere.
  Hunt hunt(const std::vector<Rule>& rules, std::uint64_t known) {
    Hunt out;
    const auto began = Clock::now();
    const auto took = [&] { return std::chrono::duration<double>(Clock::now() - began).count(); };
    if (known != 0) chunk(rules, static_cast<std::int64_t>(known), static_cast<std::int64_t>(known), out);
    constexpr std::int64_t kChunk = 16;  // after which the clock is looked at
    for (std::int64_t from = 1; from <= options_.seeds_max && !out.finding; from += kChunk) {
      chunk(rules, from, std::min(from + kChunk - 1, options_.seeds_max), out);
      if (options_.time_max.ns > 0 && took() * 1e9 > static_cast<double>(options_.time_max.ns)) break;
    }
    out.seconds = took();
    return out;
  }

 private:
  void chunk(const std::vector<Rule>& rules, std::int64_t from, std::int64_t to, Hunt& out) {
    std::set<std::uint64_t> left;
    for (std::int64_t seed = from; seed <= to; ++seed) left.insert(static_cast<std::uint64_t>(seed));
    for (const std::uint64_t seed : fails_anyway_) left.erase(seed);
    while (!left.empty() && !out.finding) {
      reconcilers::restore_rules();
      for (const Rule rule : rules) reconcilers::remove_rule(rule);
      const CampaignResult result = campaign({left.begin(), left.end()});
      reconcilers::restore_rules();
      out.seeds += result.runs;
      if (result.findings.empty()) return;
      const Finding& first = result.findings.front();
      left.erase(first.seed);
      // That a pointer is null where a rule said that it is not is no counterexample.
      if (first.rule == "process_ended" && first.what.find("signal 11") != std::string::npos) continue;
      // What goes wrong with all the rules, too, says nothing about this one.
      if (campaign({first.seed}).findings.empty()) {
        out.finding = first;
      } else {
        fails_anyway_.insert(first.seed);
      }
    }
  }

  CampaignResult campaign(std::vector<std::uint64_t> seeds) const {
    CampaignOptions options;
    options.seeds = std::move(seeds);
    options.overrides = options_.overrides;
    options.jobs = options_.jobs;
    options.keep_going = false;
    options.seconds_max = 120;  // without a rule it may also go round in circles
    return run_campaign(options, [](const Finding&) {});
  }

  const MutantOptions& options_;
  std::set<std::uint64_t> fails_anyway_;
};

// Whether this test fails without the rule, and passes with all of them. "program name-of-the-test": a
// program of the same build, which reads EXTVOLD_WITHOUT_RULE.
bool fails(const std::string& program, const std::string& test, std::string_view without) {
  const pid_t child = ::fork();
  EXTVOLD_CHECK(child >= 0);
  if (child == 0) {
    ::setenv("EXTVOLD_WITHOUT_RULE", std::string(without).c_str(), 1);
    const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    ::dup2(nowhere, STDOUT_FILENO);
    ::dup2(nowhere, STDERR_FILENO);
    ::execl(program.c_str(), program.c_str(), test.c_str(), nullptr);
    ::_exit(127);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
    throw std::runtime_error(program + " could not be run: `./dev mutants` builds it");
  return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

bool test_notices(const Mutant& mutant) {
  const std::size_t space = mutant.test.find(' ');
  const std::string beside = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const std::string name(mutant.test.substr(0, space));
  const std::string program = fmt::format("{0}/tests/{1}/test_{1}", beside, name.substr(sizeof "test_" - 1));
  const std::string test(space == std::string_view::npos ? "" : mutant.test.substr(space + 1));
  return fails(program, test, to_text(mutant.rule)) && !fails(program, test, "");
}

std::string names_of(const std::vector<Rule>& rules) {
  std::string out;
  for (const Rule rule : rules) out += (out.empty() ? "" : ",") + std::string(to_text(rule));
  return out;
}

void print_row(const std::vector<Rule>& rules, const Hunt& hunt, std::string_view note) {
  const std::string by = hunt.finding ? hunt.finding->rule : "not found";
  const std::string seed = hunt.finding ? fmt::format("{}", hunt.finding->seed) : "";
  fmt::print("| {} | {} | {} | {} | {:.0f} |{}{}\n", names_of(rules), by, seed, hunt.seeds, hunt.seconds,
             note.empty() ? "" : " ", note);
  std::fflush(stdout);
}

}  // namespace

Status remove_rules(const std::string& names) {
  ASSIGN(const std::vector<Rule> rules, rules_named(names));
  for (const Rule rule : rules) reconcilers::remove_rule(rule);
  return {};
}

Result<std::string> describe_rules() {
  std::string out;
  for (const Mutant& one : kMutants) {
    out += fmt::format("{:<26} {}", to_text(one.rule), one.guards);
    if (one.also) out += fmt::format(" (guarded twice: with {})", to_text(*one.also));
    if (!one.open.empty()) out += fmt::format(" (open: {})", one.open);
    out += '\n';
  }
  return out;
}

Result<bool> hunt_mutants(const MutantOptions& options) {
  Hunter hunter(options);
  fmt::print("| rule | found by | seed | runs | seconds |\n| --- | --- | --- | --- | --- |\n");
  if (options.only.find(',') != std::string::npos) {
    ASSIGN(const std::vector<Rule> rules, rules_named(options.only));
    const Hunt hunt = hunter.hunt(rules, 0);
    print_row(rules, hunt, {});
    return hunt.finding.has_value();
  }
  ASSIGN(const std::vector<Rule> only, rules_named(options.only));
  bool as_listed = true;
  for (const Mutant& one : kMutants) {
    if (!only.empty() && only.front() != one.rule) continue;
    if (!one.test.empty() && !options.anew) {
      const bool noticed = test_notices(one);
      as_listed = as_listed && noticed;
      fmt::print("| {} | {}{} | | | |\n", to_text(one.rule), noticed ? "" : "not noticed by ", one.test);
      std::fflush(stdout);
      continue;
    }
    if (!one.open.empty() && only.empty() && !options.anew) {  // by its name it is hunted all the same
      as_listed = false;
      fmt::print("| {} | open: {} | | | |\n", to_text(one.rule), one.open);
      continue;
    }
    std::vector<Rule> rules{one.rule};
    if (one.also) rules.push_back(*one.also);
    const Hunt hunt = hunter.hunt(rules, options.anew ? 0 : one.seed);
    as_listed = as_listed && hunt.finding.has_value();
    print_row(rules, hunt, {});
  }
  return as_listed;
}

}  // namespace extvold::sim

#endif
