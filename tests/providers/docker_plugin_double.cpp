#include "tests/providers/docker_plugin_double.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "model/check.h"

namespace extvold::tests {
namespace {

using nlohmann::json;

HttpResponse json_response(int status, const std::string& body) {
  HttpResponse response;
  response.status = status;
  response.headers = {{"content-type", "application/vnd.docker.plugins.v1.1+json"}};
  response.body = body + "\n";
  return response;
}

HttpResponse text_response(int status, const std::string& body) {
  HttpResponse response;
  response.status = status;
  response.headers = {{"content-type", "text/plain; charset=utf-8"}};
  response.body = body + "\n";
  return response;
}

std::string method_of(const HttpRequest& request) {
  const std::size_t dot = request.url.rfind('.');
  return dot == std::string::npos ? std::string() : request.url.substr(dot + 1);
}

HttpResponse error_response(bool old_errors, const std::string& text) {
  return json_response(old_errors ? 200 : 500, json{{"Err", text}}.dump());
}

std::string mountpoint(const DoubleVolume& volume, bool always = false) {
  return volume.users.empty() && !always ? "" : "/var/lib/rexray/volumes/" + volume.name + "/data";
}

// Field by field in the order of the recordings.
std::string volume_text(const DoubleVolume& volume, const std::string& mountpoint) {
  std::string fields = volume.options.empty() ? "null" : json(volume.options).dump();
  const auto size = volume.options.find("size");
  return R"({"Name":")" + volume.name + R"(","Mountpoint":")" + mountpoint +
         R"(","Status":{"availabilityZone":"","fields":)" + fields + R"(,"iops":0,"name":")" + volume.name +
         R"(","server":"vfs","service":"vfs","size":)" +
         std::to_string(size == volume.options.end() ? 16 : std::stoi(size->second)) + R"(,"type":""}})";
}

}  // namespace

DoubleVolume* DockerPluginDouble::find(const std::string& name) {
  const auto found =
      std::find_if(volumes.begin(), volumes.end(), [&](const DoubleVolume& one) { return one.name == name; });
  return found == volumes.end() ? nullptr : &*found;
}

HttpResponse DockerPluginDouble::answer(const HttpRequest& request) {
  EXTVOLD_CHECK(request.method == "POST");
  if (request.url.ends_with("/Plugin.Activate"))
    return json_response(200, R"({"Implements": [")" + implements + R"("]})");
  const std::string method = method_of(request);
  const json body = json::parse(request.body, nullptr, false);
  if (!body.is_object()) return text_response(400, "invalid character 'o' in literal null (expecting 'u')");
  if (method == "Capabilities" && !knows_capabilities) return text_response(404, "404 page not found");
  if (method == "Capabilities") return json_response(200, R"({"Capabilities":{"Scope":")" + scope + R"("}})");
  const auto shown = [&](const DoubleVolume& one) {
    return shows_mounts && !shows_mount_in_path_only ? mountpoint(one, always_shows_mountpoint) : "";
  };
  if (method == "List") {
    std::string list;
    for (const DoubleVolume& one : volumes) {
      if (std::count(left_out_of_list.begin(), left_out_of_list.end(), one.name) != 0) continue;
      list += (list.empty() ? "" : ",") + volume_text(one, shown(one));
    }
    return json_response(200, R"({"Volumes":[)" + list + "]}");
  }
  const auto name_at = body.find("Name");
  const std::string name = name_at != body.end() && name_at->is_string() ? name_at->get<std::string>() : "";
  const DoubleVolume* volume = find(name);
  if (method == "Get" && !get_error.empty()) return error_response(old_errors, get_error);
  if (method == "Get" || method == "Path") {
    if (volume == nullptr && !missing_text.empty()) return error_response(old_errors, missing_text + name);
    const bool lost = loses_path && method == "Path" && volume != nullptr && volume->was_unmounted;
    if (volume == nullptr || lost)
      return error_response(old_errors,
                            "docker-legacy: " + method + ": " + name + ": failed: resource not found");
    if (method == "Get")
      return json_response(200, R"({"Volume":)" + volume_text(*volume, shown(*volume)) + "}");
    return json_response(
        200,
        R"({"Mountpoint":")" + (shows_mounts ? mountpoint(*volume, always_shows_mountpoint) : "") + R"("})");
  }
  if (!change_error.empty() && !does_it_first) return error_response(old_errors, change_error);
  HttpResponse response = change(method, name, request.body);
  return change_error.empty() ? response : error_response(old_errors, change_error);
}

HttpResponse DockerPluginDouble::change(const std::string& method, const std::string& name,
                                        const std::string& text) {
  const json body = json::parse(text, nullptr, false);
  DoubleVolume* volume = find(name);
  if (method == "Create") {
    if (volume != nullptr) return json_response(200, "{}");
    DoubleVolume made{name, {}, {}};
    const json given = body.value("Opts", json::object());
    for (const auto& [option, value] : given.items()) {
      if (!value.is_string())
        return text_response(400, "json: cannot unmarshal into Go value of type string");
      made.options[option] = value.get<std::string>();
    }
    volumes.push_back(std::move(made));
    return json_response(200, "{}");
  }
  const bool known = method == "Remove" || method == "Mount" || method == "Unmount";
  if (!known) return text_response(404, "404 page not found");
  if (volume == nullptr)
    return error_response(old_errors,
                          "docker-legacy: " + method + ": " + name + ": failed: resource not found");
  if (method == "Remove") {
    volumes.erase(volumes.begin() + (volume - volumes.data()));
    return json_response(200, "{}");
  }
  const std::string id = body.value("ID", "");
  auto& users = volume->users;
  const auto user = std::find(users.begin(), users.end(), id);
  if (method == "Mount") {
    if (user == users.end() || counts_calls) users.push_back(id);
    volume->was_unmounted = false;
    return json_response(200, R"({"Mountpoint":")" + mountpoint(*volume) + R"("})");
  }
  if (user != users.end())
    users.erase(user);
  else if (counts_calls && !users.empty())
    users.pop_back();
  volume->was_unmounted = users.empty();
  return json_response(200, "{}");
}

bool is_docker_change(const HttpRequest& request) {
  const std::string method = method_of(request);
  return method == "Create" || method == "Remove" || method == "Mount" || method == "Unmount";
}

HttpResponse docker_refusal(conformance::Fault fault, const HttpRequest& request) {
  if (fault == conformance::Fault::throttled) return text_response(429, "too many requests");
  if (fault == conformance::Fault::wrong_credentials) return text_response(401, "unauthorized");
  return error_response(false, "docker-legacy: " + method_of(request) + ": failed: no space left in pool");
}

RecordedCall recorded_docker_call(const std::string& name) {
  std::ifstream in(std::string(EXTVOLD_SOURCE_DIR) + "/tests/data/docker-plugin/" + name + ".txt");
  EXTVOLD_CHECK(in.good());
  std::stringstream all;
  all << in.rdbuf();
  const std::string text = all.str();
  RecordedCall call;
  const std::size_t line = text.find('\n');
  call.path = text.substr(5, line - 5);  // "POST "
  const std::size_t bar = text.find("\n---\n");
  call.request_body = text.substr(line + 1, bar - line - 1);
  const std::size_t head = text.find("HTTP/1.1 ");
  call.response.status = std::stoi(text.substr(head + 9, 3));
  const std::size_t length_at = text.find("Content-Length: ");
  const std::size_t length = std::stoul(text.substr(length_at + 16));
  const std::size_t blank = std::min(text.find("\r\n\r\n", head), text.find("\n\n", head));
  const std::size_t begin = blank + (text[blank] == '\r' ? 4 : 2);
  call.response.body = text.substr(begin, length);
  EXTVOLD_CHECK(call.response.body.size() == length);
  return call;
}

}  // namespace extvold::tests
