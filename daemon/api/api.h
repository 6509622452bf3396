// Api: the query API, `/v1/...`: JSON over HTTP for the command line, scripts and dashboards. docs/api.md
// says what each route takes and answers; a test keeps that page and routes() in step.
//
// Loop thread only; outlived by its Backend. Knows no sockets: the daemon gives it what HttpServer received,
// the command line calls it in its own process when no daemon runs (ledger_backend.h), tests call it with a
// fake. Reads answer from what the backend holds in memory at that moment; history comes from the ledger;
// orders are answered when they are durable.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/api/backend.h"
#include "daemon/http_server.h"
#include "daemon/record/codec.h"

namespace extvold::daemon::api {

using record::Json;

// invalid 400, permission 403, not_found 404, conflict 409, exhausted 507, unavailable and busy 503,
// uncertain 504, corrupt and internal 500.
int http_status(Errc code);
Errc errc_of_http_status(int status);  // for what answers without our error body

// {"error":{"code":"conflict","message":"..."}}
HttpServer::Response error_response(const Error& error);

class Api {
 public:
  using Answer = std::function<void(HttpServer::Response)>;

  explicit Api(Backend& backend) : backend_(backend) {}

  // `answer` is called exactly once, perhaps before this returns.
  void handle(const HttpServer::Request& request, Answer answer);

 private:
  friend struct RouteTable;  // api.cpp
  struct Call {
    const HttpServer::Request& request;
    std::map<std::string, std::string> names;  // {name} of the path
    Answer answer;
  };

  void get_status(Call call);
  void get_volumes(Call call);
  void get_volume(Call call);
  void get_attachments(Call call);
  void get_claims(Call call);
  void get_operations(Call call);
  void get_hosts(Call call);
  void get_fences(Call call);
  void get_fences_of_host(Call call);
  void get_agents(Call call);
  void get_reservations(Call call);
  void get_mesos_operations(Call call);
  void get_pools(Call call);
  void get_foreign(Call call);
  void get_plan(Call call);
  void get_history(Call call);
  void get_explanation(Call call);
  void get_recording(Call call);
  template <typename T>
  void order_volume(Call call);
  template <typename T>
  void order(Call call);
  void reconcile(Call call);
  void submit(Call call, Order order);
  World world() const;

  Backend& backend_;
};

// Method and path ("/v1/volumes/{name}") of each, in the order of docs/api.md.
std::vector<std::pair<std::string_view, std::string_view>> routes();

}  // namespace extvold::daemon::api
