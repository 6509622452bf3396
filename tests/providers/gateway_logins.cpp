#include "tests/providers/gateway_logins.h"

#include <nlohmann/json.hpp>

#include "providers/scaleio/basic_auth.h"

namespace extvold::tests {
namespace {

using nlohmann::json;
using providers::scaleio::basic_auth;

HttpResponse unauthorized() {
  return json_response(401, R"({"message":"Unauthorized","httpStatusCode":401,"errorCode":0})");
}

// As the manager tells an error.
HttpResponse manager_error(int status, const std::string& message) {
  const json one = {{"code", "IAM0001"}, {"severity", "ERROR"}, {"message", message}};
  return json_response(status, json{{"http_status_code", status}, {"messages", json::array({one})}}.dump());
}

// As the server around it does.
HttpResponse server_error(int status, const std::string& error, const std::string& path) {
  return json_response(status, json{{"timestamp", "2026-11-29T02:00:00.000+00:00"},
                                    {"status", status},
                                    {"error", error},
                                    {"message", error},
                                    {"path", path}}
                                   .dump());
}

// Strict: a POST of plain JSON with these fields and no others, from nobody in particular.
std::optional<json> body_of(const HttpRequest& request, const std::vector<std::string>& fields) {
  const bool plain = header(request, "Content-Type") == "application/json" &&
                     header(request, "Accept") == "application/json";
  if (request.method != "POST" || !plain || !header(request, "Authorization").empty()) return std::nullopt;
  json body = json::parse(request.body, nullptr, false);
  if (!body.is_object() || body.size() != fields.size()) return std::nullopt;
  for (const std::string& field : fields) {
    if (!body.contains(field) || !body[field].is_string()) return std::nullopt;
  }
  return body;
}

}  // namespace

HttpResponse json_response(int status, const std::string& body) {
  HttpResponse response;
  response.status = status;
  response.headers = {{"content-type", "application/json;version=3.6"}};
  response.body = body;
  return response;
}

HttpResponse html_response(int status) {
  HttpResponse response;
  response.status = status;
  response.headers = {{"content-type", "text/html;charset=utf-8"}};
  response.body = "<!doctype html>\n<html><head><title>PowerFlex</title></head></html>";
  return response;
}

std::string header(const HttpRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.headers) {
    if (key == name) return value;
  }
  return {};
}

std::optional<HttpResponse> GatewayLogins::answer(const HttpRequest& request, const std::string& path) {
  const bool is_login = path == "/api/login" || path == "/rest/auth/login";
  if (is_login && login_status != 0) return json_response(login_status, R"({"message":"No way"})");
  if (path == "/api/login") return log_in(request);
  if (path.starts_with("/rest/auth/")) {
    if (!is_of_manager()) return html_response(404);
    if (path == "/rest/auth/login") return log_in_at_manager(request);
    if (path == "/rest/auth/update-token") return update_token(request);
    return server_error(404, "Not Found", path);
  }
  if (is_logged_in(header(request, "Authorization"), path)) return std::nullopt;
  return ended();
}

HttpResponse GatewayLogins::log_in(const HttpRequest& request) {
  if (kind == LoginKind::manager_page) return html_response(200);
  if (kind == LoginKind::manager_404) return server_error(404, "Not Found", "/api/login");
  if (request.method != "GET") return html_response(405);
  if (header(request, "Authorization") != basic_auth("admin", password)) return unauthorized();
  token = "YWRtaW46MTQyNzk5NzMyMTY3" + std::to_string(++given_);
  if (kind != LoginKind::both) ++logins;  // there it tells the version and no more
  return json_response(200, json(token).dump());
}

HttpResponse GatewayLogins::log_in_at_manager(const HttpRequest& request) {
  const std::optional<json> body = body_of(request, {"username", "password"});
  if (!body) return manager_error(400, "Bad request");
  if ((*body)["username"] != "admin" || (*body)["password"] != password)
    return manager_error(401, "Invalid username or password");
  ++logins;
  return give_tokens();
}

HttpResponse GatewayLogins::update_token(const HttpRequest& request) {
  const std::optional<json> body = body_of(request, {"refresh_token"});
  if (!body) return manager_error(400, "Bad request");
  const bool good = !renews.empty() && (*body)["refresh_token"] == renews && clock() < renews_until_;
  if (!good) return server_error(401, "Unauthorized", "/rest/auth/update-token");
  ++renewals;
  return give_tokens();
}

// Tokens of several thousand bytes, as a JWT with many roles has them.
HttpResponse GatewayLogins::give_tokens() {
  access = "access-" + std::to_string(++given_) + "." + std::string(6000, 'x');
  renews = "renews-" + std::to_string(given_) + "." + std::string(6000, 'y');
  access_until_ = clock() + access_for;
  renews_until_ = clock() + renews_for;
  const auto told = [&](Duration time) {
    const std::int64_t count = time.ns / seconds(1).ns;
    return seconds_as_text ? json(std::to_string(count)) : json(count);
  };
  return json_response(200, json{{"scope", "openid profile email"},
                                 {"access_token", access},
                                 {"expires_in", told(access_for)},
                                 {"refresh_expires_in", told(renews_for)},
                                 {"refresh_token", renews},
                                 {"token_type", "Bearer"},
                                 {"id_token", "x.y.z"},
                                 {"session_state", "b7a7"}}
                                .dump());
}

bool GatewayLogins::is_logged_in(const std::string& authorization, const std::string& path) const {
  const bool by_basic = !token.empty() && authorization == basic_auth("", token);
  if (kind == LoginKind::gateway) return by_basic;
  if (by_basic && path == "/api/version") return true;
  if (kind == LoginKind::gateway_bearer) return !token.empty() && authorization == "Bearer " + token;
  return !access.empty() && authorization == "Bearer " + access && clock() < access_until_;
}

// os-brick knows 403 for it too, a proxy before the gateway shows its login.
HttpResponse GatewayLogins::ended() const {
  if (ended_status == 200 || ended_status == 302) return html_response(ended_status);
  const json body = {{"message", "Token is invalid"}, {"httpStatusCode", ended_status}, {"errorCode", 0}};
  return json_response(ended_status, body.dump());
}

}  // namespace extvold::tests
