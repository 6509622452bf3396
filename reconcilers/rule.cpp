// Which rules are removed: only in the mutants' build (CMakeLists.txt), for the whole process, set before
// anything runs. Programs that have no option for it (the unit tests) read EXTVOLD_WITHOUT_RULE, one name.
#include "reconcilers/rule.h"

#include <bitset>
#include <cstdlib>

#include "model/check.h"

namespace extvold::reconcilers {
namespace {

std::bitset<Rule_texts.size()> named_by_environment() {
  std::bitset<Rule_texts.size()> out;
  if (const char* name = std::getenv("EXTVOLD_WITHOUT_RULE"); name != nullptr && *name != '\0') {
    const auto rule = from_text<Rule>(name);
    EXTVOLD_CHECK(rule.has_value());
    out.set(static_cast<std::size_t>(*rule));
  }
  return out;
}

std::bitset<Rule_texts.size()> removed = named_by_environment();

}  // namespace

bool is_removed(Rule rule) { return removed[static_cast<std::size_t>(rule)]; }
void remove_rule(Rule rule) { removed.set(static_cast<std::size_t>(rule)); }
void restore_rules() { removed.reset(); }

}  // namespace extvold::reconcilers
