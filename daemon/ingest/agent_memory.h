// AgentMemory: what each agent's total_resources held when they were last parsed, so that bytes that are the
// same are not parsed again.
//
// Lives longer than one answer to GET_AGENTS. An agent that neither the newest answer nor the one before it
// named is forgotten, and costs one parse when it comes back. One thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "model/mesos.h"

namespace extvold::ingest {

class AgentMemory {
 public:
  // Another answer begins.
  void begin_answer() {
    std::erase_if(agents_, [this](const auto& one) { return one.second.answer < answer_; });
    ++answer_;
  }

  // What these bytes meant for that agent; null: they are new, keep() them.
  SharedReservations find(const AgentId& agent, std::uint64_t hash) {
    const auto known = agents_.find(agent);
    if (known == agents_.end() || known->second.hash != hash) return nullptr;
    known->second.answer = answer_;
    return known->second.reservations;
  }
  void keep(const AgentId& agent, std::uint64_t hash, SharedReservations reservations) {
    agents_.insert_or_assign(agent, Known{hash, answer_, std::move(reservations)});
  }

  std::size_t size() const { return agents_.size(); }

 private:
  struct Known {
    std::uint64_t hash = 0;
    std::uint64_t answer = 0;  // the newest that named it so
    SharedReservations reservations;
  };
  struct Hash {
    std::size_t operator()(const AgentId& id) const { return std::hash<std::string_view>()(id.value); }
  };
  std::unordered_map<AgentId, Known, Hash> agents_;
  std::uint64_t answer_ = 0;
};

}  // namespace extvold::ingest
