#include "tests/small_world/search.h"

#include <utility>

namespace extvold::small_world {

bool Search::run() { return visit(World(setting_), setting_.depth); }

// All that may follow, by name.
std::vector<std::uint64_t> Search::future_of(const World& world) const {
  std::vector<std::uint64_t> out;
  for (const Choice& choice : world.choices()) {
    World next = world.copy();
    next.take(choice);
    out.push_back(next.name()[0]);
  }
  return out;
}

bool Search::check_again(const World& world, const StateName& name) {
  const std::vector<std::uint64_t> future = future_of(world);
  const auto [known, fresh] = futures_.try_emplace(name, future);
  if (fresh || known->second == future) return true;
  violation_ = "two states have one name, and what may follow differs";
  const std::vector<Choice> choices = world.choices();
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (i >= known->second.size() || known->second[i] != future[i])
      path_.push_back("differs: " + world.text(choices[i]));
  }
  return false;
}

bool Search::visit(World world, int depth_left) {
  reached_ |= world.reached();
  if (!world.violation().empty()) {
    violation_ = world.violation();
    return false;
  }
  const auto [known, fresh] = seen_.try_emplace(world.name(), depth_left);
  if (verify_every_ > 0 && known->first[1] % static_cast<std::uint64_t>(verify_every_) == 0 &&
      !check_again(world, known->first))
    return false;
  if (!fresh && known->second >= depth_left) return true;
  known->second = depth_left;
  const std::vector<Choice> choices = world.choices();
  if (depth_left == 0) {
    cut_short_ = cut_short_ || !choices.empty();
    return true;
  }
  for (std::size_t i = 0; i < choices.size(); ++i) {
    const bool last = i + 1 == choices.size();
    World next = last ? std::move(world) : world.copy();
    path_.push_back(next.text(choices[i]));
    next.take(choices[i]);
    ++steps_;
    if (!visit(std::move(next), depth_left - 1)) return false;
    path_.pop_back();
  }
  return true;
}

}  // namespace extvold::small_world
