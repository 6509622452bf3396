// GatewayClient: requests to the ScaleIO gateway's REST API, each within a session.
//
// Loop thread only. A session that the gateway has forgotten is opened again, and the request repeated once.
// `config` and what the ports name must outlive it, and it must outlive its calls. No message repeats the
// password or a token.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>

#include "providers/scaleio/gateway_http.h"
#include "providers/scaleio/gateway_session.h"

namespace extvold::providers::scaleio {

class GatewayClient {
 public:
  GatewayClient(const ScaleioConfig& config, ScaleioPorts ports);
  GatewayClient(const GatewayClient&) = delete;
  GatewayClient& operator=(const GatewayClient&) = delete;

  // Logs in unless that was done before.
  void open(Instant until, SessionDone done) { session_.open(until, std::move(done)); }

  // Errors: as gateway_body() and HttpClient have them; an answer too large to be read is `uncertain`.
  void call(GatewayRequest request, std::function<void(Result<nlohmann::json>)> done);

 private:
  using JsonDone = std::function<void(Result<nlohmann::json>)>;

  void call_once(GatewayRequest request, bool again, JsonDone done);

  ScaleioPorts ports_;
  GatewayHttp http_;
  GatewaySession session_;
};

}  // namespace extvold::providers::scaleio
