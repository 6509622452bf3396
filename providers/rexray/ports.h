// RexrayPorts: how the `rexray` provider reaches the world. A plain value of references; loop thread only.
#pragma once

#include <functional>
#include <string>

#include "model/instant.h"
#include "model/ports.h"
#include "model/result.h"

namespace extvold::providers::rexray {

struct RexrayPorts {
  HttpClient& http;
  ProcessRunner& runner;
  // What a secret's place holds; asked at each request, so that a new secret counts at once.
  std::function<Result<std::string>(const std::string& place)> read_secret;
  // Runs it after a while, from the loop, also after none; never after the provider has ended.
  std::function<void(Duration, std::function<void()>)> after;
  std::function<Instant()> clock;
};

}  // namespace extvold::providers::rexray
