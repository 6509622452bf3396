// ScaleioWorld: a scaleio provider over a gateway double; hosts a1 and a2 are its two SDCs.
#pragma once

#include <memory>

#include "providers/scaleio/scaleio_provider.h"
#include "tests/providers/gateway_double.h"
#include "tests/providers/http_double.h"

namespace extvold::tests {

struct ScaleioWorld {
  ScaleioWorld();
  ScaleioWorld(const ScaleioWorld&) = delete;
  ScaleioWorld& operator=(const ScaleioWorld&) = delete;

  // A new provider of `config`, with no memory; what was under way goes on and is told to nobody.
  void restart();

  Instant now() const { return http.now() + passed; }

  GatewayDouble gateway;
  HttpDouble http;
  std::string password = "secret:1";  // in the file
  Duration passed;                    // beside what the requests took
  providers::scaleio::ScaleioConfig config;
  std::unique_ptr<providers::scaleio::ScaleioProvider> provider;
};

inline constexpr const char* kGuidA1 = "B0E3BFB8-C20B-43BF-93C8-13339E85AA50";
inline constexpr const char* kGuidA2 = "C1F4CFC9-D31C-54C0-A4D9-2444AF96BB61";

}  // namespace extvold::tests
