// Calls of a provider that speaks HTTP, each run to its one answer. `World` has a provider and the HttpDouble
// behind it. For tests.
#pragma once

#include <string>
#include <utility>

#include "model/call.h"
#include "model/observation.h"
#include "tests/providers/only_answer.h"

namespace extvold::tests {

inline OperationCall call_of(OperationKind kind, const Volume& volume, const std::string& host = "a1") {
  OperationCall call;
  call.operation.id = OperationId("op-1");
  call.operation.kind = kind;
  call.operation.generation = {1, 2};
  call.ledger_id = "ledger-1";
  call.volume = volume;
  call.host_name = host;
  return call;
}

template <typename World>
OperationResult execute(World& world, const OperationCall& call) {
  return only_answer<OperationResult>([&](auto done) { world.provider->execute(call, std::move(done)); },
                                      [&] { world.http.drain(); });
}

template <typename World>
ProviderObservation observe(World& world, const std::string& key = "") {
  return only_answer<ProviderObservation>([&](auto done) { world.provider->observe(key, std::move(done)); },
                                          [&] { world.http.drain(); });
}

}  // namespace extvold::tests
