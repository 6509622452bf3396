// Recent: a set that remembers the newest of what was put in, up to a bound, and forgets the oldest.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

namespace extvold::small_world {
class EngineMemory;
}

namespace extvold::reconcilers {

template <typename Key>
class Recent {
 public:
  // Whether it was not there.
  bool insert(Key key) {
    const auto [it, fresh] = stamps_.try_emplace(std::move(key), next_stamp_);
    if (!fresh) return false;
    by_age_.emplace(next_stamp_++, it);
    if (stamps_.size() > kMax) erase(by_age_.begin()->second->first);
    return true;
  }
  void erase(const Key& key) {
    const auto it = stamps_.find(key);
    if (it == stamps_.end()) return;
    by_age_.erase(it->second);
    stamps_.erase(it);
  }
  bool contains(const Key& key) const { return !stamps_.empty() && stamps_.contains(key); }
  void clear() {
    by_age_.clear();
    stamps_.clear();
  }

 private:
  friend class small_world::EngineMemory;
  static constexpr std::size_t kMax = 10'000;
  std::map<Key, std::uint64_t> stamps_;
  std::map<std::uint64_t, typename std::map<Key, std::uint64_t>::iterator> by_age_;
  std::uint64_t next_stamp_ = 0;
};

}  // namespace extvold::reconcilers
