// GatewayHttp: one request to the gateway and its answer, read as JSON.
//
// Loop thread only; keeps nothing. `config` and what the ports name must outlive it, and it must outlive its
// calls. No message repeats a header.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "model/ports.h"
#include "providers/scaleio/scaleio_config.h"

namespace extvold::providers::scaleio {

struct ScaleioPorts {
  HttpClient& http;
  // What a secret's place holds; asked at each login, so that a new secret counts at once.
  std::function<Result<std::string>(const std::string& place)> read_secret;
  std::function<void(std::function<void()>)> defer;  // runs it later, from the loop
  std::function<Instant()> clock;
};

enum class Effect { reads, changes };

struct GatewayRequest {
  std::string method;
  std::string path;     // "/api/types/Volume/instances"
  nlohmann::json body;  // null: none
  Effect effect = Effect::reads;
  Instant until;                // when no time is left
  bool answers_secret = false;  // no message shows what comes back
};

inline constexpr const char* kPlainJson = "application/json";

struct GatewayHeaders {
  std::string authorization;            // its value, a secret; empty: none
  std::string media_type = kPlainJson;  // of request and answer: "application/json;version=3.6"
};

struct GatewayAnswer {
  Result<nlohmann::json> body;  // as gateway_body() has it; errors also those of HttpClient
  int status = 0;               // 0: no answer came
  bool is_page = false;         // for people: a login, a proxy's excuse
};

class GatewayHttp {
 public:
  GatewayHttp(const ScaleioConfig& config, const ScaleioPorts& ports);

  // An answer too large to be read is `uncertain`.
  void send(const GatewayRequest& request, const GatewayHeaders& headers,
            std::function<void(GatewayAnswer)> done);

  const std::string& who() const { return who_; }

 private:
  const ScaleioConfig& config_;
  const ScaleioPorts& ports_;
  std::string who_;
};

}  // namespace extvold::providers::scaleio
