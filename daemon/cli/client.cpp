#include "daemon/cli/client.h"

#include <curl/curl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "daemon/record/record.h"
#include "daemon/unique_fd.h"

namespace extvold::daemon::cli {
namespace {

constexpr long kConnectMs = 5'000;
constexpr long kAnswerMs = 120'000;

struct EasyDeleter {
  void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};

std::string escaped(CURL* easy, const std::string& text) {
  char* raw = curl_easy_escape(easy, text.data(), static_cast<int>(text.size()));
  if (raw == nullptr) return {};
  std::string out = raw;
  curl_free(raw);
  return out;
}

std::string url_of(CURL* easy, const Ask& ask) {
  std::string out = "http://localhost/v1";
  for (const std::string& segment : ask.path) out += "/" + escaped(easy, segment);
  char mark = '?';
  for (const auto& [name, value] : ask.query) {
    out += fmt::format("{}{}={}", mark, escaped(easy, name), escaped(easy, value));
    mark = '&';
  }
  return out;
}

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* body) noexcept {
  static_cast<std::string*>(body)->append(data, size * count);
  return size * count;
}

// The answer's JSON, or the error that its body tells.
Result<Json> judge(int status, const std::string& body) {
  auto json = record::parse_json(body);
  if (status == 200 && json) return json;
  if (json && json->contains("error") && (*json)["error"].is_object()) {
    const Json& error = (*json)["error"];
    const auto text = [&](const char* name) {
      const auto at = error.find(name);
      return at != error.end() && at->is_string() ? at->get<std::string>() : std::string();
    };
    return fail(errc_from_text(text("code")), "{}", text("message"));
  }
  if (status == 200)
    return fail(Errc::internal, "the daemon's answer cannot be read: {}", json.error().message);
  return fail(api::errc_of_http_status(status), "the daemon answered {}", status);
}

}  // namespace

Result<bool> DaemonClient::somebody_listens() const {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path_.size() >= sizeof(address.sun_path))
    return fail(Errc::invalid, "{}: too long for a unix socket (107 bytes at most)", socket_path_);
  std::memcpy(address.sun_path, socket_path_.data(), socket_path_.size());
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return fail(Errc::internal, "socket: {}", std::strerror(errno));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return true;
  switch (errno) {
    case ENOENT:
    case ECONNREFUSED:
    case ENOTDIR:
      return false;
    case EACCES:
    case EPERM:
      return fail(Errc::permission,
                  "{}: you may not ask the daemon: be root, or a member of the group in [api] group",
                  socket_path_);
    default:
      return fail(Errc::unavailable, "{}: {}", socket_path_, std::strerror(errno));
  }
}

Result<Json> DaemonClient::call(const Ask& ask) {
  const std::unique_ptr<CURL, EasyDeleter> easy(curl_easy_init());
  if (easy == nullptr) return fail(Errc::internal, "libcurl cannot be used");
  std::string body;
  const std::string sent =
      ask.body.is_null() ? std::string() : ask.body.dump(-1, ' ', false, Json::error_handler_t::replace);
  const std::unique_ptr<curl_slist, ListDeleter> headers(
      curl_slist_append(curl_slist_append(nullptr, "Content-Type: application/json"), "Expect:"));
  CURL* raw = easy.get();
  const std::string url = url_of(raw, ask);
  curl_easy_setopt(raw, CURLOPT_UNIX_SOCKET_PATH, socket_path_.c_str());
  curl_easy_setopt(raw, CURLOPT_URL, url.c_str());
  curl_easy_setopt(raw, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(raw, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(raw, CURLOPT_CONNECTTIMEOUT_MS, kConnectMs);
  curl_easy_setopt(raw, CURLOPT_TIMEOUT_MS, kAnswerMs);
  curl_easy_setopt(raw, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(raw, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(raw, CURLOPT_WRITEDATA, &body);
  if (ask.method != "GET") {
    curl_easy_setopt(raw, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(sent.size()));
    curl_easy_setopt(raw, CURLOPT_POSTFIELDS, sent.c_str());
    curl_easy_setopt(raw, CURLOPT_CUSTOMREQUEST, ask.method.c_str());
  }
  const CURLcode code = curl_easy_perform(raw);
  if (code == CURLE_COULDNT_CONNECT) return fail(Errc::unavailable, "no daemon answers at {}", socket_path_);
  if (code != CURLE_OK) {
    return fail(ask.method == "GET" ? Errc::unavailable : Errc::uncertain, "{}: {}{}", socket_path_,
                curl_easy_strerror(code),
                ask.method == "GET" ? "" : "; the order may have been taken: see `extvold history`");
  }
  long status = 0;
  curl_easy_getinfo(raw, CURLINFO_RESPONSE_CODE, &status);
  return judge(static_cast<int>(status), body);
}

Result<Json> LocalClient::call(const Ask& ask) {
  HttpServer::Request request;
  request.method = ask.method;
  request.path = "/v1";
  for (const std::string& segment : ask.path) {
    if (segment.find('/') != std::string::npos)
      return fail(Errc::invalid, "\"{}\": a name has no '/'", segment);
    request.path += "/" + segment;
  }
  request.query = ask.query;
  if (!ask.body.is_null()) request.body = ask.body.dump(-1, ' ', false, Json::error_handler_t::replace);
  request.peer.uid = uid_;
  std::optional<HttpServer::Response> answer;
  api_.handle(request, [&](HttpServer::Response response) { answer = std::move(response); });
  if (!answer) return fail(Errc::internal, "the question was not answered");
  return judge(answer->status, answer->body);
}

}  // namespace extvold::daemon::cli
