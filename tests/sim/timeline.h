// Timeline: virtual time. What is to happen waits in one queue, ordered by when and then by who asked first;
// nothing else moves the clock. One thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "model/change.h"
#include "model/instant.h"

namespace extvold::sim {

class Timeline {
 public:
  using Act = std::function<void()>;

  Instant now() const { return now_; }
  // The wall clock may be set back and forth (`set_wall_ahead`); Instants do not care.
  WallTime wall() const { return {kEpoch + now_.ns + wall_ahead_.ns}; }
  void set_wall_ahead(Duration by) { wall_ahead_ = by; }

  void at(Instant when, Act act) {
    queue_.push_back({std::max(when, now_), next_++, std::move(act)});
    std::push_heap(queue_.begin(), queue_.end());
  }
  void after(Duration delay, Act act) { at(now_ + delay, std::move(act)); }

  // Everything up to and at `end`, in order; `stop` is asked between two acts.
  template <typename Stop>
  void run_until(Instant end, const Stop& stop) {
    while (!queue_.empty() && queue_.front().when <= end) {
      std::pop_heap(queue_.begin(), queue_.end());
      const Entry entry = std::move(queue_.back());
      queue_.pop_back();
      now_ = entry.when;
      ++acts_;
      entry.act();
      if (stop()) return;
    }
    now_ = std::max(now_, end);
  }
  std::int64_t acts() const { return acts_; }

 private:
  static constexpr std::int64_t kEpoch = 1'700'000'000'000'000'000;
  struct Entry {
    Instant when;
    std::uint64_t order = 0;
    Act act;
    // Of a heap, whose top is the largest.
    bool operator<(const Entry& other) const {
      return when != other.when ? when > other.when : order > other.order;
    }
  };
  Instant now_{seconds(1000).ns};
  Duration wall_ahead_;
  std::uint64_t next_ = 0;
  std::int64_t acts_ = 0;
  std::vector<Entry> queue_;
};

}  // namespace extvold::sim
