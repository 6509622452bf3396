// Recent: a map, or a set, that remembers the newest of what was put in, up to a bound, and forgets the
// oldest.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <variant>

namespace extvold::small_world {
class EngineMemory;
}

namespace extvold::reconcilers {

template <typename Key, typename Value = std::monostate>
class Recent {
 public:
  // Whether it was not there.
  bool insert(Key key, Value value = {}) {
    const auto [it, fresh] = entries_.try_emplace(std::move(key), Entry{next_stamp_, value});
    if (!fresh) return false;
    by_age_.emplace(next_stamp_++, it);
    if (entries_.size() > kMax) erase(by_age_.begin()->second->first);
    return true;
  }
  void erase(const Key& key) {
    const auto it = entries_.find(key);
    if (it == entries_.end()) return;
    by_age_.erase(it->second.stamp);
    entries_.erase(it);
  }
  bool contains(const Key& key) const { return !entries_.empty() && entries_.contains(key); }
  // None: it was not put in, or forgotten.
  const Value* find(const Key& key) const {
    const auto it = entries_.find(key);
    return it == entries_.end() ? nullptr : &it->second.value;
  }
  void clear() {
    by_age_.clear();
    entries_.clear();
  }

 private:
  friend class small_world::EngineMemory;
  static constexpr std::size_t kMax = 10'000;
  struct Entry {
    std::uint64_t stamp = 0;
    Value value;
  };
  std::map<Key, Entry> entries_;
  std::map<std::uint64_t, typename std::map<Key, Entry>::iterator> by_age_;
  std::uint64_t next_stamp_ = 0;
};

}  // namespace extvold::reconcilers
