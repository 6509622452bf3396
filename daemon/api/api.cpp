#include "daemon/api/api.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <utility>

#include "daemon/api/fences.h"
#include "daemon/api/order_fields.h"
#include "daemon/record/record.h"

namespace extvold::daemon::api {
namespace {

constexpr std::int64_t kExplainedRows = 12;
constexpr std::int64_t kHistoryLimit = 10'000;
constexpr std::int64_t kPageLimit = 10'000;
constexpr std::int64_t kFencesMax = 50;  // of a host, those that ended included

HttpServer::Response json_response(const Json& json, int status = 200) {
  HttpServer::Response out;
  out.status = status;
  out.body = json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  return out;
}

// "/v1/volumes/{name}" against "/v1/volumes/db": {name: db}. A name is one segment and not empty.
bool matches(std::string_view pattern, std::string_view path, std::map<std::string, std::string>& names) {
  names.clear();
  while (!pattern.empty() || !path.empty()) {
    if (pattern.empty() || path.empty() || pattern.front() != '/' || path.front() != '/') return false;
    pattern.remove_prefix(1);
    path.remove_prefix(1);
    const std::string_view expected = pattern.substr(0, pattern.find('/'));
    const std::string_view got = path.substr(0, path.find('/'));
    if (expected.starts_with('{')) {
      if (got.empty()) return false;
      names.emplace(expected.substr(1, expected.size() - 2), got);
    } else if (expected != got) {
      return false;
    }
    pattern.remove_prefix(expected.size());
    path.remove_prefix(got.size());
  }
  return true;
}

using Query = std::map<std::string, std::string>;

Status refuse_unknown(const Query& query, std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : query) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return fail(Errc::invalid, "parameter \"{}\" is not known here{}{}", name,
                  known.size() == 0 ? "" : "; known: ", fmt::join(known, ", "));
    }
  }
  return {};
}

Result<std::int64_t> number_parameter(const Query& query, const std::string& name, std::int64_t fallback,
                                      std::int64_t least, std::int64_t most) {
  const auto at = query.find(name);
  if (at == query.end()) return fallback;
  std::int64_t value = 0;
  const char* end = at->second.data() + at->second.size();
  const auto [stop, error] = std::from_chars(at->second.data(), end, value);
  if (error != std::errc{} || stop != end || value < least || value > most)
    return fail(Errc::invalid, "{}={}: a whole number from {} to {} is expected", name, at->second, least,
                most);
  return value;
}

Result<Page> page_of(const Query& query) {
  Page page;
  ASSIGN(page.after, number_parameter(query, "after", 0, 0, INT64_MAX));
  ASSIGN(page.limit, number_parameter(query, "limit", page.limit, 1, kPageLimit));
  return page;
}

// Also one that was removed, the newest of that name: history outlives volumes.
const VolumeEntry* volume_named(const Snapshot& snapshot, std::string_view name) {
  if (const VolumeEntry* entry = snapshot.volume_by_name(name)) return entry;
  const VolumeEntry* newest = nullptr;
  for (const auto& [id, entry] : snapshot.volumes()) {
    if (entry.volume.name == name) newest = &entry;
  }
  return newest;
}

Result<ledger::HistoryFilter> history_filter(const Snapshot& snapshot, const Query& query) {
  TRY(refuse_unknown(query, {"volume", "host", "framework", "task", "since", "before", "limit"}));
  ledger::HistoryFilter filter;
  const auto text = [&](const char* name) {
    const auto at = query.find(name);
    return at == query.end() ? std::string() : at->second;
  };
  if (const std::string name = text("volume"); !name.empty()) {
    const VolumeEntry* entry = volume_named(snapshot, name);
    if (entry == nullptr)
      return fail(Errc::not_found, "no volume {}, not among the removed ones either", name);
    filter.volume = entry->volume.id;
  }
  if (const std::string name = text("host"); !name.empty()) {
    const Host* host = snapshot.host_by_name(name);
    if (host == nullptr) return fail(Errc::not_found, "no host {}", name);
    filter.host = host->id;
  }
  filter.framework = FrameworkId(text("framework"));
  filter.task = TaskId(text("task"));
  if (const std::string since = text("since"); !since.empty()) {
    ASSIGN(filter.since, record::wall_time_from_text(since));
  }
  ASSIGN(filter.before, number_parameter(query, "before", INT64_MAX, 1, INT64_MAX));
  ASSIGN(filter.limit, number_parameter(query, "limit", 1000, 1, kHistoryLimit));
  return filter;
}

}  // namespace

struct RouteTable {
  struct Route {
    std::string_view method;
    std::string_view path;
    void (Api::*handler)(Api::Call call);
  };
  static constexpr std::array<Route, 34> kRoutes = {{
      {"GET", "/v1/status", &Api::get_status},
      {"GET", "/v1/volumes", &Api::get_volumes},
      {"GET", "/v1/volumes/{name}", &Api::get_volume},
      {"GET", "/v1/attachments", &Api::get_attachments},
      {"GET", "/v1/claims", &Api::get_claims},
      {"GET", "/v1/operations", &Api::get_operations},
      {"GET", "/v1/hosts", &Api::get_hosts},
      {"GET", "/v1/fences", &Api::get_fences},
      {"GET", "/v1/fences/{host}", &Api::get_fences_of_host},
      {"GET", "/v1/agents", &Api::get_agents},
      {"GET", "/v1/reservations", &Api::get_reservations},
      {"GET", "/v1/mesos_operations", &Api::get_mesos_operations},
      {"GET", "/v1/pools", &Api::get_pools},
      {"GET", "/v1/foreign", &Api::get_foreign},
      {"GET", "/v1/plan", &Api::get_plan},
      {"GET", "/v1/history", &Api::get_history},
      {"GET", "/v1/explain/{name}", &Api::get_explanation},
      {"GET", "/v1/recording", &Api::get_recording},
      {"POST", "/v1/volumes", &Api::order<CreateVolume>},
      {"DELETE", "/v1/volumes/{name}", &Api::order_volume<RemoveVolume>},
      {"POST", "/v1/volumes/{name}/restore", &Api::order_volume<RestoreVolume>},
      {"POST", "/v1/volumes/{name}/purge", &Api::order_volume<PurgeVolume>},
      {"POST", "/v1/volumes/{name}/attach", &Api::order_volume<AttachVolume>},
      {"POST", "/v1/volumes/{name}/detach", &Api::order_volume<DetachVolume>},
      {"POST", "/v1/volumes/{name}/adopt", &Api::order_volume<AdoptVolume>},
      {"POST", "/v1/volumes/{name}/resize", &Api::order_volume<ResizeVolume>},
      {"POST", "/v1/volumes/{name}/format", &Api::order_volume<ForceFormat>},
      {"POST", "/v1/hold", &Api::order<Hold>},
      {"POST", "/v1/release", &Api::order<Release>},
      {"POST", "/v1/fence/confirm", &Api::order<FenceConfirm>},
      {"POST", "/v1/fence/hold", &Api::order<FenceHold>},
      {"POST", "/v1/fence/release", &Api::order<FenceRelease>},
      {"POST", "/v1/mesos_operations", &Api::order<AskMesos>},
      {"POST", "/v1/reconcile", &Api::reconcile},
  }};
};

std::vector<std::pair<std::string_view, std::string_view>> routes() {
  std::vector<std::pair<std::string_view, std::string_view>> out;
  for (const auto& route : RouteTable::kRoutes) out.emplace_back(route.method, route.path);
  return out;
}

int http_status(Errc code) {
  switch (code) {
    case Errc::invalid:
      return 400;
    case Errc::permission:
      return 403;
    case Errc::not_found:
      return 404;
    case Errc::conflict:
      return 409;
    case Errc::unavailable:
    case Errc::busy:
    case Errc::throttled:
      return 503;
    case Errc::uncertain:
      return 504;
    case Errc::exhausted:
      return 507;
    case Errc::corrupt:
    case Errc::internal:
      return 500;
  }
  return 500;
}

Errc errc_of_http_status(int status) {
  for (Errc code : {Errc::permission, Errc::not_found, Errc::conflict, Errc::unavailable, Errc::uncertain,
                    Errc::exhausted}) {
    if (http_status(code) == status) return code;
  }
  return status >= 400 && status < 500 ? Errc::invalid : Errc::internal;
}

HttpServer::Response error_response(const Error& error) {
  return json_response(
      {{"error", {{"code", std::string(extvold::to_text(error.code))}, {"message", error.message}}}},
      http_status(error.code));
}

void Api::handle(const HttpServer::Request& request, Answer answer) {
  Call call{request, {}, std::move(answer)};
  std::string allowed;
  for (const auto& route : RouteTable::kRoutes) {
    if (!matches(route.path, request.path, call.names)) continue;
    if (route.method != request.method) {
      allowed += fmt::format("{}{}", allowed.empty() ? "" : ", ", route.method);
      continue;
    }
    if (Status status = backend_.ready(); !status) return call.answer(error_response(status.error()));
    return (this->*route.handler)(std::move(call));
  }
  if (allowed.empty())
    return call.answer(
        error_response({Errc::not_found, fmt::format("{}: no such route; see docs/api.md", request.path)}));
  HttpServer::Response response = error_response(
      {Errc::invalid, fmt::format("{} {}: only {} is possible here", request.method, request.path, allowed)});
  response.status = 405;
  response.headers["Allow"] = allowed;
  call.answer(std::move(response));
}

World Api::world() const {
  return {backend_.snapshot(), backend_.observed(), backend_.policy(), backend_.now(),
          backend_.driver_status().has_value()};
}

// ---- what is asked

// Goes on, or answers with what is wrong.
#define EXTVOLD_API_TRY(expr) \
  if (Status status = (expr); !status) return call.answer(error_response(status.error()))

void Api::get_status(Call call) {
  EXTVOLD_API_TRY(refuse_unknown(call.request.query, {}));
  auto facts = std::make_shared<StatusFacts>();
  auto answer = [this, facts, reply = std::move(call.answer)](const Status&) {
    facts->driver = backend_.driver_status();
    facts->engine = backend_.engine_counts();
    if (facts->driver) facts->ledger_path = facts->driver->ledger_path;
    reply(json_response(status_view(world(), *facts)));
  };
  // A ledger that cannot be asked is part of the status, not an error of it.
  backend_.with_ledger(
      [facts](ledger::Ledger& ledger) {
        facts->ledger_path = ledger.path();
        if (auto wal = ledger.wal()) facts->wal = *wal;
      },
      std::move(answer));
}

void Api::get_volumes(Call call) {
  const Query& query = call.request.query;
  EXTVOLD_API_TRY(refuse_unknown(query, {"removed", "after", "limit"}));
  const auto page = page_of(query);
  if (!page) return call.answer(error_response(page.error()));
  const auto removed = query.find("removed");
  if (removed != query.end() && removed->second != "true" && removed->second != "false")
    return call.answer(error_response({Errc::invalid, "removed=: true or false is expected"}));
  call.answer(
      json_response(volumes_view(world(), *page, removed != query.end() && removed->second == "true")));
}

void Api::get_volume(Call call) {
  EXTVOLD_API_TRY(refuse_unknown(call.request.query, {}));
  const VolumeEntry* entry = volume_named(backend_.snapshot(), call.names["name"]);
  if (entry == nullptr)
    return call.answer(error_response({Errc::not_found, fmt::format("no volume {}", call.names["name"])}));
  call.answer(json_response(volume_detail(world(), *entry)));
}

void Api::get_attachments(Call call) {
  EXTVOLD_API_TRY(refuse_unknown(call.request.query, {"after", "limit"}));
  const auto page = page_of(call.request.query);
  call.answer(page ? json_response(attachments_view(world(), *page)) : error_response(page.error()));
}

void Api::get_claims(Call call) {
  EXTVOLD_API_TRY(refuse_unknown(call.request.query, {"after", "limit"}));
  const auto page = page_of(call.request.query);
  call.answer(page ? json_response(claims_view(world(), *page)) : error_response(page.error()));
}

void Api::get_operations(Call call) {
  EXTVOLD_API_TRY(refuse_unknown(call.request.query, {}));
  call.answer(json_response(operations_view(world())));
}

void Api::get_hosts(Call call) {
  EXTVOLD_API_TRY(refuse_unknown(call.request.query, {}));
  call.answer(json_response(hosts_view(world())));
}

void Api::get_fences(Call call) {
  EXTVOLD_API_TRY(refuse_unknown(call.request.query, {}));
  call.answer(json_response(fences_view(world())));
}

void Api::get_fences_of_host(Call call) {
  EXTVOLD_API_TRY(refuse_unknown(call.request.query, {}));
  const std::string name = call.names["host"];
  if (backend_.snapshot().host_by_name(name) == nullptr)
    return call.answer(error_response({Errc::not_found, fmt::format("no host {}", name)}));
  auto rows = std::make_shared<Result<std::vector<FenceStatusRow>>>();
  auto answer = [this, rows, name, reply = std::move(call.answer)](const Status& status) {
    if (!status) return reply(error_response(status.error()));
    if (!*rows) return reply(error_response(rows->error()));
    if (Status ready = backend_.ready(); !ready) return reply(error_response(ready.error()));
    const Host* host = backend_.snapshot().host_by_name(name);
    if (host == nullptr) return reply(error_response({Errc::not_found, "the host is gone"}));
    reply(json_response(fences_of_host_view(world(), *host, **rows)));
  };
  backend_.with_ledger(
      [rows, name](ledger::Ledger& ledger) { *rows = ledger.fences_of_host(name, kFencesMax); },
      std::move(answer));
}

void Api::get_agents(Call call) {
  EXTVOLD_API_TRY(refuse_unknown(call.request.query, {}));
  call.answer(json_response(agents_list(world())));
}

void Api::get_reservations(Call call) {
  EXTVOLD_API_TRY(refuse_unknown(call.request.query, {}));
  call.answer(json_response(reservations_view(world())));
}

void Api::get_mesos_operations(Call call) {
  EXTVOLD_API_TRY(refuse_unknown(call.request.query, {}));
  call.answer(json_response(mesos_operations_view(world())));
}

void Api::get_pools(Call call) {
  EXTVOLD_API_TRY(refuse_unknown(call.request.query, {}));
  call.answer(json_response(pools_view(world())));
}

void Api::get_foreign(Call call) {
  EXTVOLD_API_TRY(refuse_unknown(call.request.query, {"after", "limit"}));
  const auto page = page_of(call.request.query);
  if (!page) return call.answer(error_response(page.error()));
  call.answer(json_response(foreign_view(backend_.foreign(), *page)));
}

void Api::get_plan(Call call) {
  EXTVOLD_API_TRY(refuse_unknown(call.request.query, {}));
  call.answer(json_response(plan_view(backend_.snapshot(), backend_.plan(), backend_.now())));
}

void Api::get_history(Call call) {
  auto filter = history_filter(backend_.snapshot(), call.request.query);
  if (!filter) return call.answer(error_response(filter.error()));
  auto rows = std::make_shared<Result<std::vector<ledger::HistoryRow>>>();
  auto answer = [this, rows, reply = std::move(call.answer)](const Status& status) {
    if (!status) return reply(error_response(status.error()));
    if (!*rows) return reply(error_response(rows->error()));
    reply(json_response(history_view(backend_.snapshot(), **rows)));
  };
  backend_.with_ledger([rows, filter = *filter](ledger::Ledger& ledger) { *rows = ledger.history(filter); },
                       std::move(answer));
}

void Api::get_explanation(Call call) {
  EXTVOLD_API_TRY(refuse_unknown(call.request.query, {}));
  const std::string name = call.names["name"];
  const VolumeEntry* entry = volume_named(backend_.snapshot(), name);
  if (entry == nullptr) {
    return call.answer(error_response(
        {Errc::not_found,
         fmt::format("no volume {}; tasks that name one which is not there stand in `extvold status` under "
                     "unresolved",
                     name)}));
  }
  ledger::HistoryFilter filter;
  filter.volume = entry->volume.id;
  filter.limit = kExplainedRows;
  auto rows = std::make_shared<std::vector<ledger::HistoryRow>>();
  // Without the history an explanation is still one.
  auto answer = [this, rows, id = entry->volume.id, reply = std::move(call.answer)](const Status&) {
    if (Status ready = backend_.ready(); !ready) return reply(error_response(ready.error()));
    const VolumeEntry* again = backend_.snapshot().volume(id);
    if (again == nullptr) return reply(error_response({Errc::not_found, "the volume is gone"}));
    reply(json_response(explanation(world(), *again, *rows)));
  };
  backend_.with_ledger(
      [rows, filter](ledger::Ledger& ledger) {
        if (auto found = ledger.history(filter)) *rows = *std::move(found);
      },
      std::move(answer));
}

void Api::get_recording(Call call) {
  EXTVOLD_API_TRY(refuse_unknown(call.request.query, {}));
  const Now now = backend_.now();
  const Plan plan = backend_.plan();
  call.answer(json_response({{"snapshot", record::snapshot_to_json(backend_.snapshot())},
                             {"observed", record::to_json(backend_.observed(), record::Defaults::left_out)},
                             {"policy", record::to_json(backend_.policy(), record::Defaults::written)},
                             {"now", record::to_text(now.at)},
                             {"as_of", record::to_text(now.wall)}}));
}

// ---- what is ordered

void Api::submit(Call call, Order order) {
  EXTVOLD_API_TRY(refuse_unknown(call.request.query, {}));
  backend_.submit(std::move(order), static_cast<std::int64_t>(call.request.peer.uid),
                  [reply = std::move(call.answer)](Result<std::string> answer) {
                    reply(answer ? json_response({{"message", *answer}}) : error_response(answer.error()));
                  });
}

namespace {

Result<Json> body_of(const HttpServer::Request& request) {
  if (request.body.empty()) return Json(Json::object());
  ASSIGN(Json json, record::parse_json(request.body));
  if (!json.is_object()) return fail(Errc::invalid, "the body must be a JSON object");
  return json;
}

}  // namespace

template <typename T>
void Api::order(Call call) {
  const auto body = body_of(call.request);
  if (!body) return call.answer(error_response(body.error()));
  auto value = record::value_from_json<T>(*body);
  if (!value) return call.answer(error_response(value.error()));
  submit(std::move(call), Order(*std::move(value)));
}

// The volume stands in the path; the body may say it again, but not another one.
template <typename T>
void Api::order_volume(Call call) {
  auto body = body_of(call.request);
  if (!body) return call.answer(error_response(body.error()));
  const Json name = call.names["name"];
  const auto said = body->find("name");
  if (said != body->end() && *said != name)
    return call.answer(
        error_response({Errc::invalid, "name: the path and the body name two different volumes"}));
  (*body)["name"] = name;
  auto value = record::value_from_json<T>(*body);
  if (!value) return call.answer(error_response(value.error()));
  submit(std::move(call), Order(*std::move(value)));
}

void Api::reconcile(Call call) {
  const auto body = body_of(call.request);
  if (!body) return call.answer(error_response(body.error()));
  if (!body->empty()) return call.answer(error_response({Errc::invalid, "this order takes no fields"}));
  submit(std::move(call), Order(ReconcileNow{}));
}

}  // namespace extvold::daemon::api
