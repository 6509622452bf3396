#include "tests/providers/libstorage_double.h"

#include <fmt/format.h>

#include <algorithm>

namespace extvold::tests {
namespace {

using Json = nlohmann::ordered_json;
using conformance::Fault;
using conformance::Stage;

constexpr std::string_view kHost = "http://ls:7979";
constexpr std::int64_t kStartTime = 1795403981;

std::string header(const HttpRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.headers) {
    if (key == name) return value;
  }
  return {};
}

// "vfs=a1,region=r" -> "a1"
std::string asker_of(const HttpRequest& request) {
  const std::string value = header(request, "Libstorage-Instanceid");
  const std::size_t begin = value.find('=');
  if (!value.starts_with("vfs=")) return {};
  return value.substr(begin + 1, value.find(',') - begin - 1);
}

HttpResponse answer_of(int status, const Json& body) {
  HttpResponse response;
  response.status = status;
  response.headers = {{"content-type", "application/json"}};
  response.body = body.dump(2);
  return response;
}

HttpResponse error_of(int status, const std::string& message, Json error) {
  return answer_of(status, {{"message", message}, {"status", status}, {"error", std::move(error)}});
}

HttpResponse not_found(const std::string& id) {
  return error_of(404, "resource not found", {{"resourceID", id}});
}

HttpResponse bad_schema(const std::string& why) {
  const std::string text = "validate req schema: validation error: " + why;
  return error_of(500, text, text);
}

bool is_change(const HttpRequest& request) { return request.method != "GET"; }

}  // namespace

LibstorageVolume& LibstorageDouble::add(const std::string& name, std::int64_t size) {
  volumes.push_back({fmt::format("vfs-{:03}", next_id_++), name, size, {}});
  return volumes.back();
}

LibstorageVolume* LibstorageDouble::volume(const std::string& id) {
  const auto found =
      std::find_if(volumes.begin(), volumes.end(), [&](const auto& one) { return one.id == id; });
  return found == volumes.end() ? nullptr : &*found;
}

// attachmentState: 2 attached to the asker, 3 available, 4 attached to another.
Json LibstorageDouble::shown(const LibstorageVolume& volume, const std::string& asker) const {
  Json out = Json::object();
  int state = volume.attachments.empty() ? 3 : 4;
  for (const auto& [host, device_name] : volume.attachments) {
    if (host == asker) state = 2;
    out["attachments"].push_back({{"deviceName", device_name},
                                  {"instanceID", {{"id", host}, {"driver", "vfs"}, {"service", ""}}},
                                  {"status", "attached"},
                                  {"volumeID", volume.id}});
  }
  out["attachmentState"] = state;
  out["name"] = volume.name;
  out["size"] = volume.size;
  out["id"] = volume.id;
  out["type"] = "";
  return out;
}

HttpResponse LibstorageDouble::finished(int status, Json body, const std::string& query) {
  const bool async = query.find("async") != std::string::npos;
  if (!async && task_polls == 0) return answer_of(status, body);
  const Json task = {{"id", tasks_.size()}, {"queueTime", kStartTime}, {"state", async ? "" : "running"}};
  tasks_.push_back({std::move(body), async ? 0 : task_polls});
  return answer_of(async ? 202 : 408, task);
}

HttpResponse LibstorageDouble::tasks_answer(const std::string& path) {
  const auto shown_task = [&](std::size_t id) {
    Task& task = tasks_[id];
    Json out = {{"id", id}};
    const bool ended = task.polls_left-- <= 0;
    if (ended) out["completeTime"] = kStartTime;
    out["queueTime"] = kStartTime;
    out["startTime"] = kStartTime;
    out["state"] = ended ? "success" : "running";
    if (ended) out["result"] = task.result;
    return out;
  };
  if (path == "/tasks") {
    Json all = Json::object();
    for (std::size_t id = 0; id < tasks_.size(); ++id) all[std::to_string(id)] = shown_task(id);
    return answer_of(200, all);
  }
  const std::string id = path.substr(std::string_view("/tasks/").size());
  for (std::size_t i = 0; i < tasks_.size(); ++i) {
    if (std::to_string(i) == id) return answer_of(200, shown_task(i));
  }
  return not_found(id);
}

HttpResponse LibstorageDouble::create(const HttpRequest& request, const std::string& query) {
  const Json body = Json::parse(request.body, nullptr, false);
  if (body.is_discarded()) return bad_schema("parse error at byte 0 (state=0)");
  if (!body.is_object() || !body.contains("name")) return bad_schema("\"#\" must have property \"name\"");
  if (!body["name"].is_string()) return bad_schema("\"#/name\": must be of type \"string\"");
  for (const auto& item : body.items()) {
    if (item.key() == "size" && !item.value().is_number_integer())
      return bad_schema("\"#/size\": must be of type \"integer\"");
  }
  const LibstorageVolume& made = add(body["name"], body.contains("size") ? std::int64_t{body["size"]} : 0);
  return finished(201, shown(made, ""), query);
}

HttpResponse LibstorageDouble::change(const HttpRequest& request, LibstorageVolume* volume,
                                      const std::string& query) {
  const std::string asker = asker_of(request);
  if (request.method == "DELETE") {
    if (ignores_removes) return answer_of(204, nullptr);
    volumes.erase(volumes.begin() + (volume - volumes.data()));
    HttpResponse response = answer_of(204, nullptr);
    response.body.clear();
    return response;
  }
  if (query.starts_with("snapshot")) {
    return answer_of(201, {{"name", Json::parse(request.body)["snapshotName"]},
                           {"id", volume->id + "-000"},
                           {"startTime", kStartTime},
                           {"status", "online"},
                           {"volumeID", volume->id},
                           {"volumeSize", volume->size}});
  }
  const Json body = Json::parse(request.body, nullptr, false);
  if (!body.is_object()) return bad_schema("parse error at byte 0 (state=0)");
  if (query.starts_with("attach")) {
    volume->attachments.emplace_back(
        asker, body.contains("nextDeviceName") ? std::string(body["nextDeviceName"]) : device);
    // Its answer shows the new one alone.
    LibstorageVolume only = *volume;
    only.attachments = {volume->attachments.back()};
    return finished(200, {{"volume", shown(only, asker)}, {"attachToken", ""}}, query);
  }
  if (!ignores_detaches)
    std::erase_if(volume->attachments, [&](const auto& one) { return one.first == asker; });
  LibstorageVolume only = *volume;
  only.attachments.clear();
  return finished(205, shown(only, asker), query);
}

HttpResponse LibstorageDouble::volumes_answer(const HttpRequest& request, const std::string& path,
                                              const std::string& query) {
  const std::string asker = asker_of(request);
  if (path == "/volumes") {
    Json all = Json::object();
    for (const LibstorageVolume& one : volumes) all["vfs"][one.id] = shown(one, asker);
    return answer_of(200, all);
  }
  const std::string below = path.substr(std::string_view("/volumes/").size());
  const std::string service = below.substr(0, below.find('/'));
  if (service != "vfs") return not_found(service);
  if (below == service) {
    if (is_change(request)) return create(request, query);
    Json all = Json::object();
    for (const LibstorageVolume& one : volumes) all[one.id] = shown(one, asker);
    return answer_of(200, all);
  }
  const bool of_host = query.starts_with("attach") && query.find('=') == std::string::npos;
  if ((of_host || query.starts_with("detach")) && asker.empty())
    return error_of(400, "missing instance ID", {{"service", "vfs"}});
  const std::string id = below.substr(service.size() + 1);
  LibstorageVolume* found = volume(id);
  if (found == nullptr) return not_found(id);
  return is_change(request) ? change(request, found, query) : answer_of(200, shown(*found, asker));
}

HttpResponse LibstorageDouble::answer(const HttpRequest& request) {
  if (!token.empty() && header(request, "Authorization") != "Bearer " + token)
    return error_of(401, "invalid security token", Json::object());
  const std::string rest = request.url.substr(kHost.size());
  const std::string path = rest.substr(0, rest.find('?'));
  const std::string query = rest.find('?') == std::string::npos ? "" : rest.substr(rest.find('?') + 1);
  if (path.starts_with("/tasks")) return tasks_answer(path);
  if (path.starts_with("/volumes")) return volumes_answer(request, path, query);
  if (path == "/services") {
    return answer_of(200, {{"vfs",
                            {{"name", "vfs"},
                             {"driver",
                              {{"name", "vfs"},
                               {"type", "object"},
                               {"nextDevice", {{"ignore", true}, {"prefix", ""}, {"pattern", ""}}}}}}}});
  }
  HttpResponse response;
  response.status = 404;
  response.body = "404 page not found\n";
  return response;
}

Result<HttpResponse> LibstorageDouble::faulty(const HttpRequest& request) {
  switch (fault_) {
    case Fault::not_reached:
      return fail(Errc::unavailable, "connection refused");
    case Fault::refused:
      return error_of(500, "volume size too small", Json::object());
    case Fault::throttled:
      return error_of(429, "Too Many Requests", Json::object());
    case Fault::wrong_credentials:
      return error_of(401, "invalid security token", Json::object());
    case Fault::late:
      late_.push_back(request);
      [[fallthrough]];
    case Fault::hang:
      return fail(Errc::uncertain, "no answer in time");
    case Fault::lost_answer:
      (void)answer(request);
      return fail(Errc::uncertain, "the connection broke");
    case Fault::garbage: {
      HttpResponse response = answer(request);
      response.body = std::string("\x01{{<\n\xff", 6) + std::string(5000, 'x');
      response.status = 502;
      return response;
    }
    case Fault::cut_short: {
      HttpResponse response = answer(request);
      response.body.resize(response.body.size() / 2);
      return response;
    }
    case Fault::oversize:
      (void)answer(request);
      return fail(Errc::exhausted, "the answer is too large");
  }
  return answer(request);
}

void LibstorageDouble::request(HttpRequest request, std::function<void(Result<HttpResponse>)> done) {
  requests.push_back(request);
  std::deque<Scripted>& scripted = is_change(request) ? next_changes : next_looks;
  Result<HttpResponse> response = HttpResponse{};
  Duration takes = milliseconds(3);
  const bool hit = armed_ && is_change(request) == (stage_ == Stage::change);
  if (!scripted.empty()) {
    const Scripted next = std::move(scripted.front());
    scripted.pop_front();
    if (next.does_it) (void)answer(request);
    if (next.then) next.then();
    response->status = next.status;
    response->body = next.body;
  } else if (hit) {
    response = faulty(request);
    if (fault_ == Fault::hang || fault_ == Fault::late) takes = request.deadline;
  } else {
    response = answer(request);
  }
  if (response) {
    response->sent_at = loop_.now();
    response->ended_at = loop_.now() + takes;
  }
  loop_.after(takes, [response = std::move(response), done = std::move(done)] { done(response); });
}

void LibstorageDouble::arm(Stage stage, Fault fault) {
  armed_ = true;
  stage_ = stage;
  fault_ = fault;
}

void LibstorageDouble::let_late_calls_work() {
  for (const HttpRequest& request : std::exchange(late_, {})) (void)answer(request);
}

}  // namespace extvold::tests
