#include "providers/scaleio/gateway_client.h"

#include <utility>

#include "providers/results.h"

namespace extvold::providers::scaleio {
namespace {

constexpr int kUnauthorized = 401;
constexpr int kForbidden = 403;

enum class Ended { no, refused, perhaps_done };

// How the end of a session is told: with 401; by some versions with 403, which of a new session says that it
// is not allowed; by what stands before the gateway with the page of a login, which does not say what became
// of the request.
Ended session_ended(const GatewayAnswer& answer, bool is_new) {
  if (answer.status == kUnauthorized) return Ended::refused;
  if (answer.status == kForbidden) return is_new ? Ended::no : Ended::refused;
  const bool elsewhere = answer.status >= 300 && answer.status < 400;
  return elsewhere || (answer.status == 200 && answer.is_page) ? Ended::perhaps_done : Ended::no;
}

}  // namespace

GatewayClient::GatewayClient(const ScaleioConfig& config, ScaleioPorts ports)
    : ports_(std::move(ports)), http_(config, ports_), session_(config, ports_, http_) {}

void GatewayClient::call(GatewayRequest request, JsonDone done) {
  call_once(std::move(request), false, std::move(done));
}

void GatewayClient::call_once(GatewayRequest request, bool again, JsonDone done) {
  const Instant until = request.until;
  session_.open(until, [this, again, request = std::move(request),
                        done = std::move(done)](const Result<Session>& session) mutable {
    if (!session) {
      // The request itself has not left, and what is wrong with the login says nothing of what it asks for.
      Error error = nothing_happened(session.error());
      if (error.code == Errc::not_found || error.code == Errc::conflict) error.code = Errc::unavailable;
      return done(tl::make_unexpected(std::move(error)));
    }
    const GatewayRequest now = request;
    const GatewayHeaders headers{session->authorization, session->media_type};
    http_.send(now, headers,
               [this, again, authorization = headers.authorization, request = std::move(request),
                done = std::move(done)](GatewayAnswer answer) mutable {
                 const Ended ended = session_ended(answer, again);
                 if (ended != Ended::no) session_.drop(authorization);
                 const bool nothing_done = ended == Ended::refused || request.effect == Effect::reads;
                 if (ended != Ended::no && nothing_done && !again)
                   return call_once(std::move(request), true, std::move(done));
                 done(std::move(answer.body));
               });
  });
}

}  // namespace extvold::providers::scaleio
