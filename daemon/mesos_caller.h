// MesosCaller: asks the master for one change, once, and says what it answered.
//
// Loop thread only; outlived by everything given to the constructor. Each call() ends in exactly one
// callback, never from inside it, unless the caller is gone by then. A request is sent again only where the
// answer shows that nothing was done with it. The answer is no result: whoever calls reads it back. Facts:
// Mesos 1.11 operator API, reference section 5; requests and answers are recorded in
// tests/data/mesos/reservations.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/auth/authenticator.h"
#include "daemon/clock.h"
#include "model/mesos_operation.h"
#include "model/ports.h"

namespace extvold::daemon {

// The body that asks for it. Resources that are there already are named as the master itself does: `slaves`
// is its answer to GET /slaves?slave_id=ID (empty for kinds that need none). Errors: not_found, conflict
// (there is more than one that could be meant), corrupt (not the answer to that question).
Result<std::string> mesos_call_body(const MesosOperation& operation, std::string_view slaves,
                                    const std::string& principal);
constexpr bool names_what_is_there(MesosOperationKind kind) {
  return is_of_resources(kind) && kind != MesosOperationKind::reserve_resources;
}

class MesosCaller {
 public:
  using Done = std::function<void(MesosCallResult)>;

  // `auth`: who we are to the master. May be null.
  MesosCaller(HttpClient& http, const Clock& clock, Authenticator* auth, Duration deadline)
      : http_(http), clock_(clock), auth_(auth), deadline_(deadline) {}

  // `url` as the subscription was answered at, "http://host:port/api/v1". `may_go_on` is asked once more
  // where something had to be looked up before the change could be asked for.
  void call(const std::string& url, Recipient recipient, MesosOperation operation,
            std::function<bool()> may_go_on, Done done);

 private:
  struct Call;
  using CallPtr = std::shared_ptr<Call>;

  void ask_for_resources(const CallPtr& call);
  void ask(const CallPtr& call);
  void send(const CallPtr& call, HttpRequest request, std::function<void(HttpResponse)> answered);
  void on_answer(const CallPtr& call, const HttpResponse& answer);
  void end(const CallPtr& call, MesosAnswer answer, Error error);

  HttpClient& http_;
  const Clock& clock_;
  Authenticator* auth_;
  Duration deadline_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);  // the client's callbacks ask here first
};

}  // namespace extvold::daemon
