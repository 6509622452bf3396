#include "providers/scaleio/gateway_session.h"

#include <algorithm>
#include <utility>

#include "providers/results.h"
#include "providers/scaleio/basic_auth.h"
#include "providers/scaleio/gateway_values.h"

namespace extvold::providers::scaleio {
namespace {

using nlohmann::json;

constexpr Duration kRenewBefore = seconds(30);
constexpr Duration kRejectedFor = seconds(30);

bool is_rejected(const GatewayAnswer& answer) { return answer.status == 401 || answer.status == 403; }

// No login there: the web server's own answers, or its page.
bool is_no_login(const GatewayAnswer& answer) {
  const int status = answer.status;
  return status == 404 || status == 405 || (status >= 300 && status < 400) ||
         (status == 200 && answer.is_page);
}

// A login changes nothing, whatever becomes of it.
Error failed_login(const Error& error, int status) {
  Error out = nothing_happened(error);
  if (status >= 500) out.code = Errc::unavailable;
  return out;
}

std::string bearer(const std::string& token) { return "Bearer " + token; }

// Renewed a little before its end, so that no request meets it.
Instant good_until(Instant asked_at, Duration good_for) {
  if (good_for.ns == 0) return kNever;
  return asked_at + Duration{good_for.ns - std::min(kRenewBefore.ns, good_for.ns / 2)};
}

void take_tokens(Session& session, const ManagerTokens& tokens, Instant asked_at) {
  session.authorization = bearer(tokens.access);
  session.good_until = good_until(asked_at, tokens.access_for);
  session.refresh_token = tokens.refresh;
  session.refresh_until = good_until(asked_at, tokens.refresh_for);
}

}  // namespace

struct GatewaySession::Attempt {
  std::string password;
  std::string gateway_token;  // of /api/login; empty: not asked, or it is no login
  Session session;
};

GatewaySession::GatewaySession(const ScaleioConfig& config, const ScaleioPorts& ports, GatewayHttp& http)
    : config_(config), ports_(ports), http_(http) {}

// ---- who waits

void GatewaySession::open(Instant until, SessionDone done) {
  if (session_ && ports_.clock() < session_->good_until) {
    ports_.defer([done = std::move(done), session = *session_] { done(session); });
    return;
  }
  waiting_.push_back({until, std::move(done)});
  if (!under_way_) begin_soon();
}

void GatewaySession::drop(const std::string& authorization) {
  if (session_ && session_->authorization == authorization) session_.reset();
}

void GatewaySession::begin_soon() {
  under_way_ = true;
  ports_.defer([this] { begin(); });
}

void GatewaySession::begin() {
  until_ = kNever;
  for (const Waiter& one : waiting_) until_ = std::min(until_, one.until);
  if (session_ && !session_->refresh_token.empty() && ports_.clock() < session_->refresh_until)
    return renew();
  log_in();
}

// Who has more time than the one whose time ended it goes on.
void GatewaySession::finish(const Result<Session>& result) {
  under_way_ = false;
  session_.reset();
  if (result) session_ = *result;
  const bool out_of_time = !result && ports_.clock() >= until_;
  std::deque<Waiter> answered;
  for (Waiter& one : std::exchange(waiting_, {}))
    (out_of_time && one.until > until_ ? waiting_ : answered).push_back(std::move(one));
  if (!waiting_.empty()) begin_soon();
  for (const Waiter& one : answered) one.done(result);
}

// ---- logins

void GatewaySession::renew() {
  GatewayRequest request{
      "POST", "/rest/auth/update-token", {{"refresh_token", session_->refresh_token}}, Effect::reads, until_,
      true};
  http_.send(request, {}, [this, asked_at = ports_.clock()](const GatewayAnswer& answer) {
    const Result<ManagerTokens> tokens =
        answer.body ? manager_tokens(*answer.body) : tl::make_unexpected(answer.body.error());
    // Dropped meanwhile: the gateway has forgotten it.
    if (!tokens || !session_) return log_in();
    Session session = *session_;
    take_tokens(session, *tokens, asked_at);
    finish(std::move(session));
  });
}

void GatewaySession::log_in() {
  Result<std::string> password = ports_.read_secret(config_.password_place);
  if (!password) return finish(tl::make_unexpected(password.error()));
  const bool again = rejection_ && rejection_->password_hash == std::hash<std::string>()(*password);
  if (again && ports_.clock() < rejection_->until) return finish(tl::make_unexpected(rejection_->error));
  auto attempt = std::make_shared<Attempt>();
  attempt->password = *std::move(password);
  if (config_.login == Login::manager) return log_in_at_manager(attempt);
  log_in_at_gateway(attempt);
}

void GatewaySession::log_in_at_gateway(const AttemptPtr& attempt) {
  attempt->session.authorization = basic_auth(config_.user, attempt->password);
  send(attempt, {"GET", "/api/login", nullptr, Effect::reads, until_, true},
       [this, attempt](const GatewayAnswer& answer) { on_gateway_login(attempt, answer); });
}

void GatewaySession::on_gateway_login(const AttemptPtr& attempt, const GatewayAnswer& answer) {
  if (is_no_login(answer) && config_.login == Login::detect) return log_in_at_manager(attempt);
  if (is_rejected(answer)) return reject(attempt, answer.body.error(), "manager");
  const std::string as = "login as " + config_.user;
  if (!answer.body) return finish(wrap(failed_login(answer.body.error(), answer.status), as));
  Result<std::string> token = text_in(*answer.body, http_.who() + ": login", kTokenBytesMax);
  if (!token) return finish(wrap(token.error(), as));
  attempt->gateway_token = *std::move(token);
  attempt->session.authorization = basic_auth("", attempt->gateway_token);
  ask_version(attempt);
}

void GatewaySession::log_in_at_manager(const AttemptPtr& attempt) {
  Result<json> body = manager_login(config_.user, attempt->password);
  if (!body) return finish(tl::make_unexpected(body.error()));
  attempt->session.authorization.clear();
  send(attempt, {"POST", "/rest/auth/login", *std::move(body), Effect::reads, until_, true},
       [this, attempt, asked_at = ports_.clock()](const GatewayAnswer& answer) {
         on_manager_login(attempt, answer, asked_at);
       });
}

void GatewaySession::on_manager_login(const AttemptPtr& attempt, const GatewayAnswer& answer,
                                      Instant asked_at) {
  if (is_no_login(answer) && !attempt->gateway_token.empty()) {
    attempt->session.authorization = bearer(attempt->gateway_token);
    return ask_system(attempt);
  }
  if (is_rejected(answer)) return reject(attempt, answer.body.error(), "gateway");
  const std::string as = "login as " + config_.user;
  if (!answer.body) return finish(wrap(failed_login(answer.body.error(), answer.status), as));
  const Result<ManagerTokens> tokens = manager_tokens(*answer.body);
  if (!tokens) return finish(wrap(tokens.error(), http_.who() + ": " + as));
  take_tokens(attempt->session, *tokens, asked_at);
  if (attempt->session.version.empty()) return ask_version(attempt);
  ask_system(attempt);
}

void GatewaySession::reject(const AttemptPtr& attempt, const Error& error, std::string_view other_login) {
  Error told = error;
  told.message = fmt::format(
      "login as {}: {} (not tried again for 30 seconds: it might lock the account; mend user or "
      "password_file, or if they are right, write login = \"{}\")",
      config_.user, error.message, other_login);
  rejection_ = Rejection{std::hash<std::string>()(attempt->password), ports_.clock() + kRejectedFor, told};
  finish(tl::make_unexpected(std::move(told)));
}

// ---- what is asked once it is in

void GatewaySession::send(const AttemptPtr& attempt, GatewayRequest request,
                          std::function<void(GatewayAnswer)> done) {
  const Session& session = attempt->session;
  http_.send(request, {session.authorization, session.media_type}, std::move(done));
}

void GatewaySession::ask_version(const AttemptPtr& attempt) {
  send(attempt, {"GET", "/api/version", nullptr, Effect::reads, until_},
       [this, attempt](const GatewayAnswer& answer) {
         Session& session = attempt->session;
         if (!answer.body) return finish(tl::make_unexpected(answer.body.error()));
         const Result<std::string> version = text_in(*answer.body, http_.who() + ": version");
         if (!version) return finish(tl::make_unexpected(version.error()));
         session.version = api_version(*version);
         if (session.version.empty())
           return finish(fail(Errc::uncertain, "{}: its version is no number", http_.who()));
         const bool is_of_gateway = !attempt->gateway_token.empty();
         if (!is_of_gateway) return ask_system(attempt);
         if (!is_at_least(session.version, 4)) {
           session.media_type = fmt::format("{};version={}", kPlainJson, session.version);
           return ask_system(attempt);
         }
         if (config_.login == Login::detect) return log_in_at_manager(attempt);
         session.authorization = bearer(attempt->gateway_token);
         ask_system(attempt);
       });
}

void GatewaySession::ask_system(const AttemptPtr& attempt) {
  send(attempt, {"GET", "/api/types/System/instances", nullptr, Effect::reads, until_},
       [this, attempt](const GatewayAnswer& answer) {
         Session& session = attempt->session;
         const bool no_such_version = answer.status == 404 || answer.status == 406;
         if (no_such_version && session.media_type != kPlainJson) {
           session.media_type = kPlainJson;
           return ask_system(attempt);
         }
         if (!answer.body) return finish(tl::make_unexpected(answer.body.error()));
         const auto systems = names_of(*answer.body);
         if (!systems) return finish(wrap(systems.error(), http_.who() + ": systems"));
         if (systems->size() != 1) {
           return finish(fail(Errc::invalid, "{}: is a gateway of {} systems; extvold serves those of one",
                              http_.who(), systems->size()));
         }
         session.system_id = systems->begin()->first;
         finish(session);
       });
}

}  // namespace extvold::providers::scaleio
