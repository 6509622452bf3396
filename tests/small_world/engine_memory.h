// EngineMemory: looks into an engine, to copy it and to tell two of them apart. The engine itself is neither
// copied nor compared: a daemon has one.
//
// What is put into a fingerprint is all that decides what the engine will do. Left out is what only people
// read (texts, wall times, counts), what is only filled and emptied within one step of this world (lists that
// are being read), and what these worlds never use (pools, reservations, changes asked of the master).
#pragma once

#include <memory>

#include "reconcilers/engine.h"
#include "tests/small_world/fingerprint.h"

namespace extvold::small_world {

Snapshot copy_of(const Snapshot& from);
// As a ledger would hold it: without what is only in memory.
Snapshot stored_copy_of(const Snapshot& from);
// `observed`: with which its instants are compared; none: a ledger's, which has none.
void put(Fingerprint& print, const Snapshot& snapshot, const Observed* observed);
void put(Fingerprint& print, const Observed& observed);
void put(Fingerprint& print, const ProviderObservation& observation);

class EngineMemory {
 public:
  static std::unique_ptr<reconcilers::Engine> copy(const reconcilers::Engine& from);
  static void put(Fingerprint& print, const reconcilers::Engine& engine);
  // What an answer to a question that was sent then would be later than.
  static void put_later_than(Fingerprint& print, const reconcilers::Engine& engine, Instant sent_at,
                             VolumeId volume);
  static void put_later_than(Fingerprint& print, const reconcilers::Engine& engine, Instant sent_at,
                             const AgentId& agent);
  static void put_later_than(Fingerprint& print, const reconcilers::Engine& engine, Instant sent_at,
                             FenceId fence);

 private:
  using Name = reconcilers::Engine::NameOnAgent;
  template <typename Value>
  static void copy(const reconcilers::Recent<Name, Value>& from, reconcilers::Recent<Name, Value>& to);
  static void put(Fingerprint& print, const reconcilers::Recent<Name>& names);
  static void put_polls(Fingerprint& print, const reconcilers::Engine& engine);
  static void put_fence_work(Fingerprint& print, const reconcilers::Engine& engine);
};

}  // namespace extvold::small_world
