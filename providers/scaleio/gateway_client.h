// GatewayClient: the ScaleIO gateway's REST API: login, the API version that it wants named, requests.
//
// Loop thread only. Keeps the session: a token that the gateway may forget at any time; then it logs in again
// and repeats the request once. `config` and what the ports name must outlive it, and it must outlive its
// calls. No message repeats the password or a token.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
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

struct Session {
  std::string token;
  std::string version;     // of the API: "3.6"
  std::string media_type;  // of requests and answers: "application/json;version=3.6"
  std::string system_id;   // of the MDM cluster
};

enum class Effect { reads, changes };

struct GatewayRequest {
  std::string method;
  std::string path;     // "/api/types/Volume/instances"
  nlohmann::json body;  // null: none
  Effect effect = Effect::reads;
  Instant until;  // when no time is left
};

class GatewayClient {
 public:
  GatewayClient(const ScaleioConfig& config, ScaleioPorts ports);

  // Logs in unless that was done before.
  void open(Instant until, std::function<void(Result<Session>)> done);

  // Errors: as gateway_body() and HttpClient have them; an answer too large to be read is `uncertain`.
  void call(GatewayRequest request, std::function<void(Result<nlohmann::json>)> done);

 private:
  using JsonDone = std::function<void(Result<nlohmann::json>)>;
  using SessionDone = std::function<void(Result<Session>)>;

  void call_once(GatewayRequest request, bool again, JsonDone done);
  void send(const GatewayRequest& request, const std::string& authorization, const std::string& media_type,
            std::function<void(Result<nlohmann::json>, int status)> done);
  void ask_version(Session session, Instant until, SessionDone done);
  void ask_system(Session session, Instant until, SessionDone done);

  const ScaleioConfig& config_;
  ScaleioPorts ports_;
  std::string who_;
  std::optional<Session> session_;
};

}  // namespace extvold::providers::scaleio
