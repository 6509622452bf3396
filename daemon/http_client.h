// CurlHttpClient: the HttpClient port and the streams, on libcurl's multi interface, driven by the loop.
//
// Loop thread only; outlived by the loop and the clock. libcurl never calls a user of this class: what it
// delivers is kept and handed on in the next turn of the loop, so that a callback may start, cancel and
// destroy whatever it wants, this client included. Destroying the client cancels everything without a
// callback. Connections are kept alive and used again for requests that are safe to repeat. Proxies of the
// environment are ignored, redirects are not followed.
#pragma once

#include <curl/curl.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/clock.h"
#include "daemon/http_stream.h"
#include "daemon/uv/deferred.h"
#include "daemon/uv/poll.h"
#include "daemon/uv/timer.h"
#include "model/ports.h"

namespace extvold::daemon {

class CurlHttpClient final : public HttpClient, public HttpStreamSource {
 public:
  CurlHttpClient(uv::Loop& loop, const Clock& clock);
  ~CurlHttpClient() override;
  CurlHttpClient(const CurlHttpClient&) = delete;
  CurlHttpClient& operator=(const CurlHttpClient&) = delete;

  void request(HttpRequest request, std::function<void(Result<HttpResponse>)> done) override;
  std::unique_ptr<HttpStream> start_stream(HttpRequest request, HttpStreamCallbacks callbacks) override;

 private:
  struct Transfer;
  class Stream;
  struct MultiDeleter {
    void operator()(CURLM* multi) const noexcept { curl_multi_cleanup(multi); }
  };

  // Called by libcurl. The first two keep bytes, the last two keep the loop's watchers in step.
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* transfer) noexcept;
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* transfer) noexcept;
  static int on_socket(CURL* easy, curl_socket_t fd, int what, void* client, void* unused) noexcept;
  static int on_timeout(CURLM* multi, long timeout_ms, void* client) noexcept;

  Transfer& add(HttpRequest request);
  void begin(Transfer& transfer);
  void drive(curl_socket_t fd, int events);
  void collect_ended();
  static Status outcome(const Transfer& transfer, CURLcode code);
  void end_request(Transfer& transfer, CURLcode code);
  void detach_from_curl(Transfer& transfer);

  void schedule(Transfer& transfer);
  void deliver(std::uint64_t id);
  void cancel(std::uint64_t id);
  void resume(std::uint64_t id);

  uv::Loop& loop_;
  const Clock& clock_;
  std::unique_ptr<CURLM, MultiDeleter> multi_;
  std::map<curl_socket_t, std::unique_ptr<uv::Poll>> polls_;
  uv::Timer timer_;
  std::uint64_t next_id_ = 1;
  std::map<std::uint64_t, std::unique_ptr<Transfer>> transfers_;
  uv::Deferred deferred_;
  uv::Lifeline lifeline_;
};

// `location` as found in a redirect from `base`: absolute, protocol-relative (`//host:port/path`, what a
// Mesos master sends), or a path. Errc::invalid if it is no http(s) URL, or would leave https for http.
Result<std::string> resolve_redirect(const std::string& base, const std::string& location);

}  // namespace extvold::daemon
