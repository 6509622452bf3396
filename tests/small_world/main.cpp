// extvold-small-world: searches small worlds (docs/small-world.md).
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <ctime>

#include "tests/small_world/search.h"

namespace extvold::small_world {
namespace {

struct Arguments {
  int depth = 0;  // 0: each world's own
  int less = 0;   // than that
  std::string only;
  bool lying = false;
  bool shallow = false;
  int verify = 0;
  int crashes = -1;  // -1: as each world has it
  int partitions = -1;
  int lost_answers = -1;
  int slow_looks = -1;
};

struct Totals {
  std::int64_t states = 0;
  std::uint32_t reached = 0;
};

std::string reached_text(std::uint32_t bits, bool which) {
  std::string out;
  for (std::size_t i = 0; i < Reached_texts.size(); ++i) {
    if ((bits >> i & 1U) == (which ? 1U : 0U)) out += fmt::format(" {}", Reached_texts[i]);
  }
  return out;
}

// What was found is printed with the path that leads to it.
bool search(const Setting& setting, const Arguments& arguments, Totals& totals) {
  const std::clock_t begin = std::clock();
  Search search(setting);
  search.verify(arguments.verify);
  const bool clean = search.run();
  const double took = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  totals.states += search.states();
  totals.reached |= search.reached();
  fmt::print("{:<14} depth {:>3}{} {:>9} states {:>9} steps {:>6.1f} s of CPU  {}\n", setting.name,
             setting.depth, search.exhausted() ? " (all)" : "      ", search.states(), search.steps(), took,
             clean ? "nothing found" : "FOUND");
  if (clean) fmt::print("{:14} reached:{}\n", "", reached_text(search.reached(), true));
  if (!clean) {
    int number = 0;
    for (const std::string& step : search.path()) fmt::print("  {:>3}. {}\n", ++number, step);
    fmt::print("  => {}\n", search.violation());
  }
  std::fflush(stdout);
  return clean;
}

void overrule(Setting& setting, const Arguments& arguments) {
  if (arguments.depth > 0) setting.depth = arguments.depth;
  setting.depth = std::max(setting.depth - arguments.less, 0);
  if (arguments.crashes >= 0) setting.crashes = arguments.crashes;
  if (arguments.partitions >= 0) setting.partitions = arguments.partitions;
  if (arguments.lost_answers >= 0) setting.lost_answers = arguments.lost_answers;
  if (arguments.slow_looks >= 0) setting.slow_looks = arguments.slow_looks;
}

int run(const Arguments& arguments) {
  Totals totals;
  int worlds = 0;
  int found = 0;
  for (Setting& setting : arguments.lying ? lying_settings() : honest_settings()) {
    if (!arguments.only.empty() && arguments.only != setting.name) continue;
    overrule(setting, arguments);
    ++worlds;
    if (!search(setting, arguments, totals)) ++found;
  }
  fmt::print("{} worlds, {} distinct states, something found in {}\n", worlds, totals.states, found);
  const std::string missed = reached_text(totals.reached, false);
  if (worlds == 0) return 2;
  // A search that does not get far has shown nothing.
  const bool whole = !arguments.lying && !arguments.shallow && arguments.only.empty();
  if (whole && !missed.empty()) {
    fmt::print("never reached:{}\n", missed);
    return 1;
  }
  return found == (arguments.lying ? worlds : 0) ? 0 : 1;
}

}  // namespace
}  // namespace extvold::small_world

int main(int argc, char** argv) {
  extvold::small_world::Arguments arguments;
  CLI::App app("Searches all that can happen in small worlds around the production engine.");
  app.add_option("--depth", arguments.depth, "choices on a path (default: each world's own)");
  app.add_option("--less", arguments.less, "so many fewer");
  app.add_option("--world", arguments.only, "only this one");
  app.add_flag("--lying", arguments.lying,
               "worlds that break a promise: fails unless something is found in each");
  app.add_flag("--shallow", arguments.shallow, "not deep enough to reach everything, and that is right");
  app.add_option("--verify", arguments.verify,
                 "compare what follows from states of one name, in one of so many");
  app.add_option("--crashes", arguments.crashes, "so many on a path, instead of each world's own");
  app.add_option("--partitions", arguments.partitions, "the same");
  app.add_option("--lost-answers", arguments.lost_answers, "the same");
  app.add_option("--slow-looks", arguments.slow_looks, "the same");
  CLI11_PARSE(app, argc, argv);
  return extvold::small_world::run(arguments);
}
