// Search: every path of choices through a small world, up to a depth. States that were seen are not gone into
// again, unless they are met with more choices left than before.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "tests/small_world/world.h"

namespace extvold::small_world {

class Search {
 public:
  explicit Search(const Setting& setting) : setting_(setting) {}

  // Also goes again into every so many-th state that is met again, and compares what may follow: what differs
  // is a mistake of the fingerprint.
  void verify(int every) { verify_every_ = every; }
  // Until all is seen or something is found. True: nothing is.
  bool run();

  std::int64_t states() const { return static_cast<std::int64_t>(seen_.size()); }
  std::int64_t steps() const { return steps_; }  // choices that were taken
  // Nothing was found, and no state was left because of the depth.
  bool exhausted() const { return violation_.empty() && !cut_short_; }
  std::uint32_t reached() const { return reached_; }  // on any path; bits, by Reached
  const std::string& violation() const { return violation_; }
  const std::vector<std::string>& path() const { return path_; }  // to it

 private:
  struct Hash {
    std::size_t operator()(const StateName& name) const { return name[0]; }
  };

  bool visit(World world, int depth_left);
  std::vector<std::uint64_t> future_of(const World& world) const;
  bool check_again(const World& world, const StateName& name);

  const Setting& setting_;
  std::unordered_map<StateName, int, Hash> seen_;  // the most choices that were left there
  std::unordered_map<StateName, std::vector<std::uint64_t>, Hash> futures_;  // of those that are verified
  int verify_every_ = 0;
  std::int64_t steps_ = 0;
  bool cut_short_ = false;
  std::uint32_t reached_ = 0;
  std::string violation_;
  std::vector<std::string> path_;
};

}  // namespace extvold::small_world
