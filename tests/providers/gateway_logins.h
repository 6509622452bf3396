// GatewayLogins: who is logged in at a gateway double, as the gateways of several versions have it.
//
//   gateway         up to 3.x: /api/login by Basic, its token as the password of nobody
//   gateway_bearer  4.x as dell/goscaleio has it: /api/login, its token as Bearer, but for the version
//   both            4.x as dell/python-powerflex has it: /api/login tells the version alone, all else needs
//   the
//                   token of /rest/auth/login
//   manager_page, manager_404  the same without an /api/login: a page, or nothing is there
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "model/ports.h"

namespace extvold::tests {

enum class LoginKind { gateway, gateway_bearer, both, manager_page, manager_404 };

struct GatewayLogins {
  // Nothing: whoever asks is logged in, and it is no login.
  std::optional<HttpResponse> answer(const HttpRequest& request, const std::string& path);
  // All tokens that were given.
  void forget() { token = access = renews = ""; }

  LoginKind kind = LoginKind::gateway;
  std::string password = "secret:1";
  std::string token;       // of /api/login; empty: nobody is logged in
  std::string access;      // of the manager
  std::string renews;      // the same, for update-token
  int ended_status = 401;  // a token that is none any more
  int login_status = 0;    // not 0: what every login is answered with
  bool seconds_as_text = true;
  Duration access_for = seconds(300);
  Duration renews_for = seconds(1800);
  std::function<Instant()> clock;
  int logins = 0;  // that were let in
  int renewals = 0;

 private:
  HttpResponse log_in(const HttpRequest& request);
  HttpResponse log_in_at_manager(const HttpRequest& request);
  HttpResponse update_token(const HttpRequest& request);
  HttpResponse give_tokens();
  bool is_logged_in(const std::string& authorization, const std::string& path) const;
  HttpResponse ended() const;
  bool is_of_manager() const { return kind != LoginKind::gateway && kind != LoginKind::gateway_bearer; }

  int given_ = 0;
  Instant access_until_;
  Instant renews_until_;
};

HttpResponse json_response(int status, const std::string& body);
HttpResponse html_response(int status);
std::string header(const HttpRequest& request, std::string_view name);

}  // namespace extvold::tests
