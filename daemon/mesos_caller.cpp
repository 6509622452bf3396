#include "daemon/mesos_caller.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "daemon/auth/refusal.h"
#include "daemon/url_base.h"

namespace extvold::daemon {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kAnswerBytesMax = std::size_t{16} << 20;
constexpr std::size_t kExplanationBytesMax = 512;

Json agent_id(const MesosOperation& operation) { return {{"value", operation.agent.value.str()}}; }

Json labels_json(const MesosRequest& request) {
  Json list = Json::array();
  for (const auto& [key, value] : request.labels) list.push_back({{"key", key}, {"value", value}});
  return {{"labels", std::move(list)}};
}

Json scalar(std::int64_t milli) {
  if (milli % 1000 == 0) return {{"value", milli / 1000}};
  return {{"value", static_cast<double>(milli) / 1000.0}};
}

Json new_reservation(const MesosRequest& request, const std::string& principal) {
  Json one = {{"type", "DYNAMIC"}, {"role", request.role}};
  const std::string& who = request.principal.empty() ? principal : request.principal;
  if (!who.empty()) one["principal"] = who;
  if (!request.labels.empty()) one["labels"] = labels_json(request);
  return one;
}

// ---- what the agent has

const Json& member(const Json& of, const char* name) {
  static const Json kNull;
  if (!of.is_object()) return kNull;
  const auto found = of.find(name);
  return found == of.end() ? kNull : *found;
}

std::string text_of(const Json& json) { return json.is_string() ? json.get<std::string>() : std::string(); }

std::int64_t milli_of(const Json& resource) {
  const Json& value = member(member(resource, "scalar"), "value");
  const double amount = value.is_number() ? value.get<double>() : 0.0;
  return amount > 0.0 && amount < 9e12 ? static_cast<std::int64_t>(amount * 1000.0 + 0.5) : 0;
}

std::string persistence_of(const Json& resource) {
  return text_of(member(member(member(resource, "disk"), "persistence"), "id"));
}

// Of the reservation that counts, the last; in any order, as Mesos compares them.
bool has_labels(const Json& reservation, const MesosRequest& request) {
  std::vector<std::pair<std::string, std::string>> labels;
  const Json& list = member(member(reservation, "labels"), "labels");
  if (list.is_array()) {
    for (const Json& one : list)
      labels.emplace_back(text_of(member(one, "key")), text_of(member(one, "value")));
  }
  auto wanted = request.labels;
  std::sort(labels.begin(), labels.end());
  std::sort(wanted.begin(), wanted.end());
  return labels == wanted;
}

// Static reservations belong to the agent's configuration: nobody can give them back.
bool is_reserved_so(const Json& resource, const MesosRequest& request) {
  const Json& reservations = member(resource, "reservations");
  if (!reservations.is_array() || reservations.empty()) return false;
  const Json& last = reservations.back();
  const bool of_principal =
      request.principal.empty() || text_of(member(last, "principal")) == request.principal;
  return text_of(member(last, "type")) == "DYNAMIC" && of_principal && has_labels(last, request);
}

bool is_meant(const Json& resource, const MesosOperation& operation) {
  const MesosRequest& request = operation.request;
  if (operation.kind == MesosOperationKind::destroy_volumes)
    return persistence_of(resource) == request.persistence_id;
  return text_of(member(resource, "name")) == request.resource && persistence_of(resource).empty() &&
         is_reserved_so(resource, request) && milli_of(resource) >= request.amount_milli;
}

// One that lies on no disk of its own goes before those that do.
Result<Json> resource_meant(const MesosOperation& operation, std::string_view slaves) {
  const Json answer = Json::parse(slaves, nullptr, /*allow_exceptions=*/false);
  const Json& list = member(answer, "slaves");
  if (!list.is_array())
    return fail(Errc::corrupt, "the master's answer to /slaves is not its list of agents");
  const Json* meant = nullptr;
  bool plain = false;
  for (const Json& agent : list) {
    if (text_of(member(agent, "id")) != operation.agent.value.view()) continue;
    const Json& of_role = member(member(agent, "reserved_resources_full"), operation.request.role.c_str());
    if (!of_role.is_array()) continue;
    for (const Json& one : of_role) {
      if (!is_meant(one, operation)) continue;
      const bool is_plain = member(one, "disk").is_null();
      if (meant != nullptr && is_plain == plain) {
        return fail(Errc::conflict, "more than one reservation of agent {} could be meant",
                    operation.agent.value);
      }
      if (meant != nullptr && plain) continue;
      meant = &one;
      plain = is_plain;
    }
  }
  if (meant != nullptr) return *meant;
  return fail(Errc::not_found, "agent {} has nothing reserved for role {} that this could mean",
              operation.agent.value, operation.request.role);
}

// As the master listed it, without the old form of the reservation that it lists beside the new one.
Json resource_of(const Json& listed) {
  Json out = Json::object();
  for (const char* name :
       {"provider_id", "name", "type", "scalar", "reservations", "disk", "revocable", "shared"}) {
    if (const Json& value = member(listed, name); !value.is_null()) out[name] = value;
  }
  return out;
}

Result<Json> resources(const MesosOperation& operation, std::string_view slaves,
                       const std::string& principal) {
  const MesosRequest& request = operation.request;
  if (operation.kind == MesosOperationKind::reserve_resources) {
    return Json::array({{{"name", request.resource},
                         {"type", "SCALAR"},
                         {"scalar", scalar(request.amount_milli)},
                         {"reservations", Json::array({new_reservation(request, principal)})}}});
  }
  ASSIGN(const Json listed, resource_meant(operation, slaves));
  Json one = resource_of(listed);
  if (operation.kind != MesosOperationKind::destroy_volumes) one["scalar"] = scalar(request.amount_milli);
  if (operation.kind == MesosOperationKind::create_volumes) {
    Json persistence = {{"id", request.persistence_id}};
    // Must be that of the caller, as the reservation's is.
    if (const Json& who = member(one["reservations"].back(), "principal"); who.is_string())
      persistence["principal"] = who;
    if (!one["disk"].is_object()) one["disk"] = Json::object();
    one["disk"]["persistence"] = std::move(persistence);
    one["disk"]["volume"] = {{"mode", "RW"}, {"container_path", request.container_path}};
  }
  return Json::array({std::move(one)});
}

Errc refusal_code(int status) {
  switch (status) {
    case 400:
      return Errc::invalid;
    case 401:
    case 403:
      return Errc::permission;
    case 404:
      return Errc::not_found;
    case 409:
      return Errc::conflict;
    default:
      return Errc::unavailable;
  }
}

// Answers after which nothing was done. 307: it does not lead any more. 503: nobody leads, it has not
// finished its recovery, or it is just about to mark the agent otherwise.
bool is_refusal(int status) { return (status >= 300 && status < 500) || status == 501 || status == 503; }

}  // namespace

Result<std::string> mesos_call_body(const MesosOperation& operation, std::string_view slaves,
                                    const std::string& principal) {
  std::string type(to_text(operation.kind));
  const std::string field = type;
  for (char& c : type) c = c == '_' ? c : static_cast<char>(c - 'a' + 'A');
  Json call = {{"agent_id", agent_id(operation)}};
  if (is_of_resources(operation.kind)) {
    ASSIGN(Json list, resources(operation, slaves, principal));
    const bool volumes = operation.kind == MesosOperationKind::create_volumes ||
                         operation.kind == MesosOperationKind::destroy_volumes;
    call[volumes ? "volumes" : "resources"] = std::move(list);
  } else if (operation.kind == MesosOperationKind::drain_agent) {
    // A Duration is an object here; "10mins" is refused (reference section 5).
    if (operation.request.grace_seconds >= 0)
      call["max_grace_period"] = {{"seconds", operation.request.grace_seconds}};
    call["mark_gone"] = operation.request.mark_gone;
  }
  return Json{{"type", type}, {field, std::move(call)}}.dump(-1, ' ', false, Json::error_handler_t::replace);
}

struct MesosCaller::Call {
  std::string base;
  Recipient recipient = Recipient::trusted;
  MesosOperation operation;
  Done done;
  std::function<bool()> may_go_on;
  std::string slaves;
  bool asked = false;     // the change itself was sent
  bool repeated = false;  // with other credentials, after a 401
};

void MesosCaller::call(const std::string& url, Recipient recipient, MesosOperation operation,
                       std::function<bool()> may_go_on, Done done) {
  auto call = std::make_shared<Call>();
  call->base = url_base(url);
  call->recipient = recipient;
  call->operation = std::move(operation);
  call->may_go_on = std::move(may_go_on);
  call->done = std::move(done);
  if (names_what_is_there(call->operation.kind)) return ask_for_resources(call);
  ask(call);
}

void MesosCaller::end(const CallPtr& call, MesosAnswer answer, Error error) {
  MesosCallResult result;
  result.id = call->operation.id;
  result.agent = call->operation.agent;
  result.answer = answer;
  result.error = std::move(error);
  result.ended_at = clock_.now();
  call->done(std::move(result));
}

// An agent's id is made by a master: letters, digits and '-'. What else there is, is escaped.
void MesosCaller::ask_for_resources(const CallPtr& call) {
  HttpRequest request;
  request.url = call->base + "/slaves?slave_id=";
  for (const char c : call->operation.agent.value.view()) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
    request.url += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  request.safe_to_repeat = true;
  send(call, std::move(request), [this, call](const HttpResponse& answer) {
    if (answer.status != 200) {
      return end(call, MesosAnswer::refused,
                 {Errc::unavailable, fmt::format("nothing was asked: /slaves {}",
                                                 refusal_text("master", answer.status,
                                                              answer.body.substr(0, kExplanationBytesMax),
                                                              auth_, call->recipient))});
    }
    if (!call->may_go_on())
      return end(call, MesosAnswer::refused,
                 {Errc::conflict, "nothing was asked: it was not to act any more"});
    call->slaves = answer.body;
    ask(call);
  });
}

void MesosCaller::ask(const CallPtr& call) {
  const std::string principal = auth_ == nullptr ? std::string() : auth_->principal(call->recipient);
  Result<std::string> body = mesos_call_body(call->operation, call->slaves, principal);
  HttpRequest request;
  request.method = "POST";
  request.url = call->base + "/api/v1";
  request.headers = {{"Accept", "application/json"}, {"Content-Type", "application/json"}};
  if (body) request.body = *std::move(body);
  if (!body) {
    // Never from inside call(): this comes after an answer, or the body needs none and cannot fail.
    return end(call, MesosAnswer::refused, body.error());
  }
  call->asked = true;
  send(call, std::move(request), [this, call](const HttpResponse& answer) { on_answer(call, answer); });
}

void MesosCaller::send(const CallPtr& call, HttpRequest request, std::function<void(HttpResponse)> answered) {
  request.deadline = deadline_;
  request.response_bytes_max = kAnswerBytesMax;
  std::uint64_t credentials = 0;
  HttpRequest again = request;
  if (auth_ != nullptr) {
    Result<std::uint64_t> sent = auth_->prepare(request, call->recipient);
    if (!sent) {
      // A request that cannot be made ends like one that finds nobody: from the loop, with its reason.
      const Error error = sent.error();
      request = HttpRequest{};
      request.url = "http://127.0.0.1:0/";
      return http_.request(std::move(request), [this, call, error, alive = std::weak_ptr<int>(alive_)](
                                                   const Result<HttpResponse>&) {
        if (!alive.expired()) end(call, MesosAnswer::refused, error);
      });
    }
    credentials = *sent;
  }
  http_.request(
      std::move(request), [this, call, again = std::move(again), credentials, answered = std::move(answered),
                           alive = std::weak_ptr<int>(alive_)](Result<HttpResponse> answer) mutable {
        if (alive.expired()) return;
        if (!answer) {
          const bool sent = answer.error().code == Errc::uncertain || answer.error().code == Errc::exhausted;
          return end(call, sent && call->asked ? MesosAnswer::unknown : MesosAnswer::refused, answer.error());
        }
        if (answer->status == 401 && auth_ != nullptr && auth_->sends_credentials(call->recipient) &&
            !std::exchange(call->repeated, true) && auth_->is_worth_repeating(credentials))
          return send(call, std::move(again), std::move(answered));
        answered(*std::move(answer));
      });
}

void MesosCaller::on_answer(const CallPtr& call, const HttpResponse& answer) {
  if (answer.status == 200 || answer.status == 202) return end(call, MesosAnswer::accepted, {});
  const std::string text = refusal_text("master", answer.status, answer.body.substr(0, kExplanationBytesMax),
                                        auth_, call->recipient);
  if (is_refusal(answer.status)) return end(call, MesosAnswer::refused, {refusal_code(answer.status), text});
  end(call, MesosAnswer::unknown, {Errc::uncertain, text});
}

}  // namespace extvold::daemon
