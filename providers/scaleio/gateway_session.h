// GatewaySession: who we are at the gateway, by either of its two logins (docs/decisions/0050).
//
//   gateway   GET /api/login by Basic, and its token as the password of nobody; since version 4 as Bearer
//   manager   POST /rest/auth/login of PowerFlex 4: an access token for minutes, one that renews it for
//   longer
//
// Loop thread only. One login at a time, however many ask for it. What the gateway rejected is not tried
// again for a while: it may lock the account. `config`, `ports` and `http` must outlive it, and it must
// outlive its calls.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "providers/scaleio/gateway_http.h"
#include "providers/scaleio/gateway_tokens.h"

namespace extvold::providers::scaleio {

struct Session {
  std::string authorization;  // of a header; a secret
  std::string version;        // of the API: "3.6"
  std::string media_type = kPlainJson;
  std::string system_id;  // of the MDM cluster
  Instant good_until = kNever;
  std::string refresh_token;  // empty: only a login renews it
  Instant refresh_until = kNever;
};

using SessionDone = std::function<void(Result<Session>)>;

class GatewaySession {
 public:
  GatewaySession(const ScaleioConfig& config, const ScaleioPorts& ports, GatewayHttp& http);
  GatewaySession(const GatewaySession&) = delete;
  GatewaySession& operator=(const GatewaySession&) = delete;

  // The session that stands, or a renewed one, or a new one.
  void open(Instant until, SessionDone done);

  // The gateway does not know it any more.
  void drop(const std::string& authorization);

 private:
  struct Attempt;
  using AttemptPtr = std::shared_ptr<Attempt>;
  struct Waiter {
    Instant until;
    SessionDone done;
  };
  struct Rejection {
    std::size_t password_hash = 0;
    Instant until;
    Error error;
  };

  void begin_soon();
  void begin();
  void renew();
  void log_in();
  void log_in_at_gateway(const AttemptPtr& attempt);
  void on_gateway_login(const AttemptPtr& attempt, const GatewayAnswer& answer);
  void log_in_at_manager(const AttemptPtr& attempt);
  void on_manager_login(const AttemptPtr& attempt, const GatewayAnswer& answer, Instant asked_at);
  void ask_version(const AttemptPtr& attempt);
  void ask_system(const AttemptPtr& attempt);
  void send(const AttemptPtr& attempt, GatewayRequest request, std::function<void(GatewayAnswer)> done);
  void reject(const AttemptPtr& attempt, const Error& error, std::string_view other_login);
  void finish(const Result<Session>& result);

  const ScaleioConfig& config_;
  const ScaleioPorts& ports_;
  GatewayHttp& http_;
  std::optional<Session> session_;
  std::deque<Waiter> waiting_;
  bool under_way_ = false;
  Instant until_;  // of what is under way
  std::optional<Rejection> rejection_;
};

}  // namespace extvold::providers::scaleio
