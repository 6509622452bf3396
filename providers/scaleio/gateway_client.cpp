#include "providers/scaleio/gateway_client.h"

#include <algorithm>
#include <utility>

#include "providers/json_answer.h"
#include "providers/results.h"
#include "providers/scaleio/basic_auth.h"
#include "providers/scaleio/gateway_values.h"

namespace extvold::providers::scaleio {
namespace {

using nlohmann::json;

constexpr std::size_t kAnswerBytesMax = 64U << 20U;
constexpr int kUnauthorized = 401;
constexpr int kForbidden = 403;
constexpr int kNotFound = 404;
constexpr int kNotAcceptable = 406;
constexpr const char* kJson = "application/json";

// An ended session is answered with 401, by some versions with 403, and of what only reads also with the page
// of a login.
bool has_no_session(const GatewayRequest& request, const Result<json>& answer, int status) {
  if (status == kUnauthorized || status == kForbidden) return true;
  if (request.effect == Effect::changes) return false;
  return (status >= 300 && status < 400) || (status == 200 && !answer);
}

}  // namespace

GatewayClient::GatewayClient(const ScaleioConfig& config, ScaleioPorts ports)
    : config_(config), ports_(std::move(ports)), who_("gateway " + config.gateway) {}

void GatewayClient::open(Instant until, SessionDone done) {
  if (session_) {
    ports_.defer([done = std::move(done), session = *session_] { done(session); });
    return;
  }
  const Result<std::string> password = ports_.read_secret(config_.password_place);
  if (!password) {
    ports_.defer([done = std::move(done), error = password.error()] { done(tl::make_unexpected(error)); });
    return;
  }
  send({"GET", "/api/login", nullptr, Effect::reads, until}, basic_auth(config_.user, *password), kJson,
       [this, until, done = std::move(done)](const Result<json>& answer, int) {
         if (!answer) return done(wrap(answer.error(), "login as " + config_.user));
         Result<std::string> token = text_in(*answer, who_ + ": login");
         if (!token) return done(tl::make_unexpected(token.error()));
         ask_version(Session{*std::move(token), {}, {}, {}}, until, done);
       });
}

void GatewayClient::ask_version(Session session, Instant until, SessionDone done) {
  const std::string authorization = basic_auth("", session.token);
  send({"GET", "/api/version", nullptr, Effect::reads, until}, authorization, kJson,
       [this, until, session = std::move(session), done = std::move(done)](const Result<json>& answer,
                                                                           int) mutable {
         if (!answer) return done(tl::make_unexpected(answer.error()));
         Result<std::string> version = text_in(*answer, who_ + ": version");
         if (!version) return done(tl::make_unexpected(version.error()));
         session.version = api_version(*version);
         if (session.version.empty())
           return done(fail(Errc::uncertain, "{}: its version is no number", who_));
         session.media_type = std::string(kJson) + ";version=" + session.version;
         ask_system(std::move(session), until, std::move(done));
       });
}

void GatewayClient::ask_system(Session session, Instant until, SessionDone done) {
  const std::string authorization = basic_auth("", session.token);
  const std::string media_type = session.media_type;
  send({"GET", "/api/types/System/instances", nullptr, Effect::reads, until}, authorization, media_type,
       [this, until, session = std::move(session), done = std::move(done)](const Result<json>& answer,
                                                                           int status) mutable {
         const bool no_such_version = status == kNotFound || status == kNotAcceptable;
         if (no_such_version && session.media_type != kJson) {
           session.media_type = kJson;
           return ask_system(std::move(session), until, std::move(done));
         }
         if (!answer) return done(tl::make_unexpected(answer.error()));
         const auto systems = names_of(*answer);
         if (!systems) return done(wrap(systems.error(), who_ + ": systems"));
         if (systems->size() != 1) {
           return done(fail(Errc::invalid, "{}: is a gateway of {} systems; extvold serves those of one",
                            who_, systems->size()));
         }
         session.system_id = systems->begin()->first;
         session_ = session;
         done(std::move(session));
       });
}

void GatewayClient::call(GatewayRequest request, JsonDone done) {
  call_once(std::move(request), false, std::move(done));
}

void GatewayClient::call_once(GatewayRequest request, bool again, JsonDone done) {
  const Instant until = request.until;
  open(until, [this, again, request = std::move(request),
               done = std::move(done)](const Result<Session>& session) mutable {
    if (!session) {
      // The request itself has not left.
      return done(tl::make_unexpected(nothing_happened(session.error())));
    }
    const GatewayRequest now = request;
    send(now, basic_auth("", session->token), session->media_type,
         [this, again, token = session->token, request = std::move(request), done = std::move(done)](
             Result<json> answer, int status) mutable {
           const bool ended = has_no_session(request, answer, status);
           if (ended && session_ && session_->token == token) session_.reset();
           if (ended && !again) return call_once(std::move(request), true, std::move(done));
           done(std::move(answer));
         });
  });
}

void GatewayClient::send(const GatewayRequest& request, const std::string& authorization,
                         const std::string& media_type, std::function<void(Result<json>, int status)> done) {
  const std::string what = fmt::format("{}: {} {}", who_, request.method, request.path);
  const Duration left = request.until - ports_.clock();
  if (left.ns <= 0) {
    ports_.defer([done = std::move(done), what] {
      done(fail(Errc::unavailable, "{}: no time is left for it before the deadline", what), 0);
    });
    return;
  }
  HttpRequest http;
  http.method = request.method;
  http.url = config_.gateway + request.path;
  http.tls = config_.tls;
  http.headers = {{"Authorization", authorization}, {"Accept", media_type}};
  if (!request.body.is_null()) {
    http.headers.emplace_back("Content-Type", media_type);
    http.body = json_text(request.body);
  }
  http.deadline = request.effect == Effect::reads ? std::min(left, config_.look_deadline) : left;
  http.response_bytes_max = kAnswerBytesMax;
  http.safe_to_repeat = request.effect == Effect::reads;
  ports_.http.request(std::move(http), [what, done = std::move(done)](const Result<HttpResponse>& ended) {
    if (ended) return done(gateway_body(*ended, what), ended->status);
    Error error = ended.error();
    if (error.code == Errc::exhausted) error.code = Errc::uncertain;
    done(wrap(error, what), 0);
  });
}

}  // namespace extvold::providers::scaleio
