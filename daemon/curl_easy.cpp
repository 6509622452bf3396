#include "daemon/curl_easy.h"

#include <sys/socket.h>

#include <algorithm>

#include "model/ascii.h"
#include "model/check.h"

namespace extvold::daemon {
namespace {

constexpr std::size_t kHeaderBytesMax = 256U << 10U;
constexpr long kConnectTimeoutMs = 10'000;
// libcurl keeps parsed CA files by name, for a day if not told otherwise: a replaced one is to count soon.
constexpr long kCaCacheSeconds = 60;
constexpr long kReceiveBufferBytes = 256L << 10U;

template <typename T>
void set(CURL* easy, CURLoption option, T value) {
  EXTVOLD_CHECK(curl_easy_setopt(easy, option, value) == CURLE_OK);
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c < 0x7f && std::string_view("()<>@,;:\\\"/[]?={}").find(c) == std::string_view::npos;
  });
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == 0x7f; });
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return to_lower(x) == to_lower(y); });
}

bool has_header(const HttpRequest& request, std::string_view name) {
  return std::any_of(request.headers.begin(), request.headers.end(),
                     [&](const auto& header) { return equals_ignoring_case(header.first, name); });
}

void append(CurlList& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  EXTVOLD_CHECK(longer != nullptr);
  static_cast<void>(list.release());  // now part of `longer`
  list.reset(longer);
}

CurlList make_header_list(const HttpRequest& request) {
  CurlList list;
  // Two headers that libcurl would add by itself: one delays a body by a second, the other is a lie for JSON.
  if (!has_header(request, "Expect")) append(list, "Expect:");
  if (!has_header(request, "Content-Type")) append(list, "Content-Type:");
  for (const auto& [name, value] : request.headers) {
    // libcurl's way to say "present but empty"; "name:" would remove it.
    append(list, value.empty() ? name + ";" : fmt::format("{}: {}", name, value));
  }
  return list;
}

void set_method(CURL* easy, const HttpRequest& request) {
  const bool has_body = !request.body.empty();
  if (request.method == "HEAD") {
    set(easy, CURLOPT_NOBODY, 1L);
  } else if (request.method == "POST" || has_body) {
    set(easy, CURLOPT_POST, 1L);
    set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(easy, CURLOPT_POSTFIELDS, request.body.c_str());
    if (request.method != "POST") set(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  } else {
    set(easy, CURLOPT_HTTPGET, 1L);
    if (request.method != "GET") set(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
}

// libcurl sends a request again, by itself, when a kept-alive connection turns out to be dead before any byte
// of an answer, also a POST, and the server may have done it already. So what is not safe to repeat gets a
// connection of its own.
bool may_be_repeated(const HttpRequest& request) {
  return request.safe_to_repeat || request.method == "GET" || request.method == "HEAD";
}

// libcurl 7.88 makes sockets that children inherit: a child stuck in the kernel would hold the event stream
// open.
curl_socket_t open_socket(void*, curlsocktype, curl_sockaddr* address) {
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

void set_tls(CURL* easy, const HttpTls& tls) {
  set(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(easy, CURLOPT_SSL_VERIFYPEER, tls.verify ? 1L : 0L);
  set(easy, CURLOPT_SSL_VERIFYHOST, tls.verify ? 2L : 0L);
  set(easy, CURLOPT_CA_CACHE_TIMEOUT, kCaCacheSeconds);
  // Resumed sessions skip the certificates: a client certificate that was replaced must be shown.
  set(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
  if (!tls.ca_file.empty()) {
    set(easy, CURLOPT_CAINFO, tls.ca_file.c_str());
    set<const char*>(easy, CURLOPT_CAPATH, nullptr);  // else the system's authorities count as well
  }
  if (tls.certificate_file.empty()) return;
  set(easy, CURLOPT_SSLCERT, tls.certificate_file.c_str());
  set(easy, CURLOPT_SSLKEY, (tls.key_file.empty() ? tls.certificate_file : tls.key_file).c_str());
  set(easy, CURLOPT_KEYPASSWD, "");  // else OpenSSL asks for it at the terminal, and the loop waits
}

// What TLS failures are about, with the file that can be wrong. Empty: `code` is none of them.
std::string tls_remedy(CURLcode code, const HttpTls& tls) {
  if (code == CURLE_PEER_FAILED_VERIFICATION) {
    return fmt::format(
        "its certificate must be valid now, issued for the name in the URL, by an authority in {}",
        tls.ca_file.empty() ? "the system's list (name another with `ca`)" : tls.ca_file);
  }
  if (code == CURLE_SSL_CACERT_BADFILE)
    return fmt::format("{} must be a PEM file with the authorities' certificates", tls.ca_file);
  if (code == CURLE_SSL_CERTPROBLEM) {
    return fmt::format("{} must be our certificate and {} its key, PEM, without a pass phrase",
                       tls.certificate_file, tls.key_file.empty() ? tls.certificate_file : tls.key_file);
  }
  return {};
}

// The server ended the handshake, or the connection just after it (TLS 1.3), over our certificate.
bool is_refused_certificate(CURLcode code, const CurlErrorText& error_text) {
  const std::string_view text = error_text.data();
  return (code == CURLE_SSL_CONNECT_ERROR || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR) &&
         (text.find("certificate required") != std::string_view::npos ||
          text.find("alert bad certificate") != std::string_view::npos ||
          text.find("alert unknown ca") != std::string_view::npos ||
          text.find("alert certificate expired") != std::string_view::npos ||
          text.find("handshake failure") != std::string_view::npos);
}

}  // namespace

Status check_request(const HttpRequest& request) {
  if (!is_token(request.method)) return fail(Errc::invalid, "{:?}: not an HTTP method", request.method);
  if (has_control(request.url) || request.url.find(' ') != std::string::npos) {
    return fail(Errc::invalid, "{:?}: a URL has no spaces or control characters", request.url);
  }
  for (const auto& [name, value] : request.headers) {
    if (!is_token(name) || has_control(value)) {
      return fail(Errc::invalid, "{}: HTTP header {:?} has a character that may not be sent", request.url,
                  name);
    }
  }
  return {};
}

CurlLists prepare_easy(CURL* easy, const HttpRequest& request, CurlMode mode, CurlErrorText& error_text) {
  error_text[0] = '\0';
  set(easy, CURLOPT_ERRORBUFFER, error_text.data());
  set(easy, CURLOPT_URL, request.url.c_str());
  set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy, CURLOPT_NOSIGNAL, 1L);
  set(easy, CURLOPT_QUICK_EXIT, 1L);  // else cancelling waits for a hanging name lookup, and the loop with it
  set(easy, CURLOPT_PROXY, "");  // an http_proxy in the environment is not meant for the cluster's inside
  set(easy, CURLOPT_FOLLOWLOCATION, 0L);
  set(easy, CURLOPT_PATH_AS_IS, 1L);
  set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(easy, CURLOPT_BUFFERSIZE, kReceiveBufferBytes);
  set(easy, CURLOPT_OPENSOCKETFUNCTION, &open_socket);
  set(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  set(easy, CURLOPT_TCP_KEEPIDLE, 30L);
  set(easy, CURLOPT_TCP_KEEPINTVL, 10L);
  set_tls(easy, request.tls);
  if (!request.unix_socket.empty()) set(easy, CURLOPT_UNIX_SOCKET_PATH, request.unix_socket.c_str());

  long connect_timeout_ms = kConnectTimeoutMs;
  if (mode == CurlMode::whole_answer) {
    const long deadline_ms = std::max(1L, static_cast<long>(request.deadline.ns / 1'000'000));
    connect_timeout_ms = std::min(connect_timeout_ms, deadline_ms);
    set(easy, CURLOPT_TIMEOUT_MS, deadline_ms);
  }
  if (request.accept_gzip) set(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
  if (mode == CurlMode::stream) set(easy, CURLOPT_FORBID_REUSE, 1L);
  if (mode == CurlMode::stream || !may_be_repeated(request)) set(easy, CURLOPT_FRESH_CONNECT, 1L);
  set(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_timeout_ms);

  set_method(easy, request);
  CurlLists lists;
  lists.headers = make_header_list(request);
  set(easy, CURLOPT_HTTPHEADER, lists.headers.get());
  if (!request.connect_to.empty()) {
    append(lists.connect_to, "::" + request.connect_to);
    set(easy, CURLOPT_CONNECT_TO, lists.connect_to.get());
  }
  return lists;
}

Error transfer_error(CURL* easy, CURLcode code, const HttpRequest& request, const CurlErrorText& error_text) {
  std::string what =
      fmt::format("{} {}{}{}: {}", request.method, request.url, request.unix_socket.empty() ? "" : " on ",
                  request.unix_socket, error_text[0] != '\0' ? error_text.data() : curl_easy_strerror(code));
  if (const std::string remedy = tls_remedy(code, request.tls); !remedy.empty())
    return {Errc::permission, fmt::format("{} ({})", what, remedy)};
  // Refused in the handshake, so the server has not read the request, however much of it was sent.
  if (is_refused_certificate(code, error_text)) {
    return {Errc::permission,
            fmt::format("{} ({})", what,
                        request.tls.certificate_file.empty()
                            ? "it wants a client certificate, and none is configured: `certificate` and `key`"
                            : request.tls.certificate_file + " is not one that it accepts")};
  }
  // With TLS 1.3 the refusal comes after the handshake, and may be lost when the connection is reset.
  if (request.url.starts_with("https:") && request.tls.certificate_file.empty() &&
      (code == CURLE_SSL_CONNECT_ERROR || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR)) {
    what += " (perhaps it wants a client certificate, and none is configured: `certificate` and `key`)";
  }
  if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL) return {Errc::invalid, what};
  // Grows with every byte that the kernel took, also those of an automatic second try.
  long sent_bytes = 0;
  curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent_bytes);
  if (sent_bytes == 0) return {Errc::unavailable, what};
  return {Errc::uncertain, what};
}

bool HeaderCollector::add_line(std::string_view line) {
  bytes_ += line.size();
  if (bytes_ > kHeaderBytesMax) return false;
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r' || line.back() == ' '))
    line.remove_suffix(1);
  if (complete_) return true;  // trailers
  if (line.starts_with("HTTP/")) {
    const std::size_t space = line.find(' ');
    status_ = 0;
    if (space != std::string_view::npos) {
      for (char c : line.substr(space + 1, 3))
        status_ = c >= '0' && c <= '9' ? status_ * 10 + (c - '0') : status_;
    }
    headers_.clear();
    return true;
  }
  if (line.empty()) {
    complete_ = status_ >= 200 || status_ == 101;
    return true;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return true;
  std::string name(line.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(), to_lower);
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  headers_.emplace_back(std::move(name), std::string(value));
  return true;
}

}  // namespace extvold::daemon
