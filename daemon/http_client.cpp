#include "daemon/http_client.h"

#include <optional>
#include <utility>

#include "daemon/curl_easy.h"
#include "model/check.h"

namespace extvold::daemon {
namespace {

constexpr long kIdleConnectionsMax = 64;
// How much of a stream is kept while its reader has no turn; then the socket is left alone and TCP slows the
// sender.
constexpr std::size_t kPendingBytesMax = 1U << 20U;

}  // namespace

// One request or stream, from its start to its last callback. libcurl holds its address (CURLOPT_PRIVATE and
// the two write callbacks), so it lives on the heap.
struct CurlHttpClient::Transfer {
  CurlHttpClient* client = nullptr;
  std::uint64_t id = 0;
  HttpRequest request;
  CurlEasy easy;  // null when libcurl is done with it
  CurlLists lists;
  CurlErrorText error_text{};
  HeaderCollector answer;
  std::string bytes;  // the body so far; of a stream, what was not handed on yet
  bool too_large = false;
  Instant sent_at;

  std::function<void(Result<HttpResponse>)> done;  // a request

  bool is_stream = false;
  Stream* handle = nullptr;
  HttpStreamCallbacks callbacks;
  bool headers_delivered = false;
  bool paused_by_reader = false;
  bool paused_in_curl = false;
  bool scheduled = false;
  std::optional<Status> end;
};

class CurlHttpClient::Stream final : public HttpStream {
 public:
  Stream(CurlHttpClient& client, std::uint64_t id) : client_(&client), id_(id) {}
  ~Stream() override {
    if (client_ != nullptr) client_->cancel(id_);
  }
  void resume() override {
    if (client_ != nullptr) client_->resume(id_);
  }
  void detach() { client_ = nullptr; }

 private:
  CurlHttpClient* client_;
  std::uint64_t id_;
};

CurlHttpClient::CurlHttpClient(uv::Loop& loop, const Clock& clock)
    : loop_(loop), clock_(clock), timer_(loop), deferred_(loop) {
  EXTVOLD_CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == 0);
  multi_.reset(curl_multi_init());
  EXTVOLD_CHECK(multi_ != nullptr);
  CURLM* const multi = multi_.get();
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timeout);
  curl_multi_setopt(multi, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING));
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, kIdleConnectionsMax);
}

CurlHttpClient::~CurlHttpClient() {
  for (const auto& [id, transfer] : transfers_) {
    if (transfer->handle != nullptr) transfer->handle->detach();
    if (transfer->easy != nullptr) curl_multi_remove_handle(multi_.get(), transfer->easy.get());
  }
  transfers_.clear();
  // Closing the kept-alive connections would call these.
  curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETFUNCTION, nullptr);
  curl_multi_setopt(multi_.get(), CURLMOPT_TIMERFUNCTION, nullptr);
  polls_.clear();
  multi_.reset();
  curl_global_cleanup();
}

void CurlHttpClient::request(HttpRequest request, std::function<void(Result<HttpResponse>)> done) {
  Transfer& transfer = add(std::move(request));
  transfer.done = std::move(done);
  if (auto checked = check_request(transfer.request); !checked) {
    deferred_.post(
        [done = std::move(transfer.done), error = checked.error()] { done(tl::make_unexpected(error)); });
    transfers_.erase(transfer.id);
    return;
  }
  begin(transfer);
}

std::unique_ptr<HttpStream> CurlHttpClient::start_stream(HttpRequest request, HttpStreamCallbacks callbacks) {
  Transfer& transfer = add(std::move(request));
  auto stream = std::make_unique<Stream>(*this, transfer.id);
  transfer.is_stream = true;
  transfer.handle = stream.get();
  transfer.callbacks = std::move(callbacks);
  if (auto checked = check_request(transfer.request); !checked) {
    transfer.end = std::move(checked);
    schedule(transfer);
  } else {
    begin(transfer);
  }
  return stream;
}

CurlHttpClient::Transfer& CurlHttpClient::add(HttpRequest request) {
  const std::uint64_t id = next_id_++;
  auto transfer = std::make_unique<Transfer>();
  transfer->client = this;
  transfer->id = id;
  transfer->request = std::move(request);
  return *transfers_.emplace(id, std::move(transfer)).first->second;
}

void CurlHttpClient::begin(Transfer& transfer) {
  // A new one each time: connections are kept by the multi handle, and nothing else is to stay of an earlier
  // request.
  transfer.easy.reset(curl_easy_init());
  EXTVOLD_CHECK(transfer.easy != nullptr);
  CURL* const easy = transfer.easy.get();
  transfer.lists =
      prepare_easy(easy, transfer.request, transfer.is_stream ? CurlMode::stream : CurlMode::whole_answer,
                   transfer.error_text);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, &transfer);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
  transfer.sent_at = clock_.now();
  // Only asks for a timeout of zero: nothing is sent, and nobody called, before the next turn.
  EXTVOLD_CHECK(curl_multi_add_handle(multi_.get(), easy) == CURLM_OK);
}

std::size_t CurlHttpClient::on_header(char* data, std::size_t size, std::size_t count, void* owner) noexcept {
  auto& transfer = *static_cast<Transfer*>(owner);
  if (!transfer.answer.add_line({data, size * count})) {
    transfer.too_large = true;
    return 0;
  }
  if (transfer.is_stream && transfer.answer.complete() && !transfer.headers_delivered) {
    transfer.client->schedule(transfer);
  }
  return size * count;
}

std::size_t CurlHttpClient::on_body(char* data, std::size_t size, std::size_t count, void* owner) noexcept {
  auto& transfer = *static_cast<Transfer*>(owner);
  const std::size_t bytes = size * count;
  if (transfer.is_stream) {
    if (transfer.paused_by_reader || transfer.bytes.size() >= kPendingBytesMax) {
      transfer.paused_in_curl = true;
      return CURL_WRITEFUNC_PAUSE;  // libcurl keeps these bytes and hands them over again
    }
    transfer.client->schedule(transfer);
  } else if (transfer.bytes.size() + bytes > transfer.request.response_bytes_max) {
    transfer.too_large = true;
    return 0;
  }
  transfer.bytes.append(data, bytes);
  return bytes;
}

int CurlHttpClient::on_socket(CURL*, curl_socket_t fd, int what, void* owner, void*) noexcept {
  auto* client = static_cast<CurlHttpClient*>(owner);
  if (what == CURL_POLL_REMOVE) {
    client->polls_.erase(fd);
    return 0;
  }
  auto& poll = client->polls_[fd];
  if (poll == nullptr) {
    poll = std::make_unique<uv::Poll>(client->loop_, fd, [client, fd](int status, int events) {
      const int in = (events & UV_READABLE) != 0 ? CURL_CSELECT_IN : 0;
      const int out = (events & UV_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0;
      // Of a broken descriptor libcurl is told that it may be read and written: it then meets the error
      // itself, and asks again on a new connection if only a kept one had been closed. CURL_CSELECT_ERR alone
      // ends the request.
      client->drive(fd, status < 0 ? CURL_CSELECT_IN | CURL_CSELECT_OUT : in | out);
    });
  }
  poll->start(((what & CURL_POLL_IN) != 0 ? UV_READABLE : 0) |
              ((what & CURL_POLL_OUT) != 0 ? UV_WRITABLE : 0));
  return 0;
}

int CurlHttpClient::on_timeout(CURLM*, long timeout_ms, void* owner) noexcept {
  auto* client = static_cast<CurlHttpClient*>(owner);
  if (timeout_ms < 0) {
    client->timer_.stop();
  } else {
    client->timer_.start(milliseconds(timeout_ms), [client] { client->drive(CURL_SOCKET_TIMEOUT, 0); });
  }
  return 0;
}

void CurlHttpClient::drive(curl_socket_t fd, int events) {
  int running = 0;
  EXTVOLD_CHECK(curl_multi_socket_action(multi_.get(), fd, events, &running) == CURLM_OK);
  collect_ended();
}

void CurlHttpClient::collect_ended() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;  // `message` ends with the next call to libcurl
    void* found = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &found);
    auto& transfer = *static_cast<Transfer*>(found);
    if (transfer.is_stream) {
      transfer.end = outcome(transfer, code);
      detach_from_curl(transfer);
      schedule(transfer);
    } else {
      end_request(transfer, code);
    }
  }
}

Status CurlHttpClient::outcome(const Transfer& transfer, CURLcode code) {
  if (transfer.too_large) {
    return fail(Errc::exhausted, "{} {}: the answer is larger than {} bytes, or its headers are",
                transfer.request.method, transfer.request.url, transfer.request.response_bytes_max);
  }
  if (code != CURLE_OK) {
    return tl::make_unexpected(
        transfer_error(transfer.easy.get(), code, transfer.request, transfer.error_text));
  }
  return {};
}

void CurlHttpClient::end_request(Transfer& transfer, CURLcode code) {
  Result<HttpResponse> result;
  if (auto ended = outcome(transfer, code); !ended) {
    result = tl::make_unexpected(std::move(ended).error());
  } else {
    result->status = transfer.answer.status();
    result->headers = transfer.answer.take();
    result->body = std::move(transfer.bytes);
    result->sent_at = transfer.sent_at;
    result->ended_at = clock_.now();
  }
  detach_from_curl(transfer);
  deferred_.post(
      [done = std::move(transfer.done), result = std::move(result)]() mutable { done(std::move(result)); });
  transfers_.erase(transfer.id);
}

void CurlHttpClient::detach_from_curl(Transfer& transfer) {
  curl_multi_remove_handle(multi_.get(), transfer.easy.get());
  transfer.easy.reset();
}

void CurlHttpClient::schedule(Transfer& transfer) {
  if (std::exchange(transfer.scheduled, true)) return;
  deferred_.post([this, id = transfer.id] { deliver(id); });
}

// Hands on what a stream has for its reader: headers, bytes, end. The reader may cancel the stream in each of
// these calls (then the transfer is no longer in transfers_), or destroy this client (then the lifeline is
// cut).
void CurlHttpClient::deliver(std::uint64_t id) {
  const uv::Lifeline::Watch alive(lifeline_);
  const auto find = [&]() -> Transfer* {
    if (alive.cut()) return nullptr;
    const auto found = transfers_.find(id);
    return found == transfers_.end() ? nullptr : found->second.get();
  };
  Transfer* transfer = find();
  if (transfer == nullptr) return;
  transfer->scheduled = false;

  if (transfer->answer.complete() && !std::exchange(transfer->headers_delivered, true)) {
    const auto on_headers = std::move(transfer->callbacks.on_headers);
    const HttpHeaders headers = transfer->answer.headers();
    if (on_headers) on_headers(transfer->answer.status(), headers);
    if (transfer = find(); transfer == nullptr) return;
  }
  if (!transfer->bytes.empty() && !transfer->paused_by_reader) {
    std::string bytes = std::exchange(transfer->bytes, {});
    auto on_bytes = std::exchange(transfer->callbacks.on_bytes, nullptr);
    const Flow flow = on_bytes(bytes);
    if (transfer = find(); transfer == nullptr) return;
    transfer->callbacks.on_bytes = std::move(on_bytes);
    bytes.clear();
    transfer->bytes = std::move(bytes);  // for its memory
    transfer->paused_by_reader = flow == Flow::pause;
  }
  if (transfer->paused_by_reader) return;
  if (std::exchange(transfer->paused_in_curl, false) && transfer->easy != nullptr) {
    curl_easy_pause(transfer->easy.get(), CURLPAUSE_CONT);  // may call on_body, which schedules
    return;
  }
  if (transfer->end && transfer->bytes.empty()) {
    const auto on_end = std::move(transfer->callbacks.on_end);
    Status end = std::move(*transfer->end);
    transfer->handle->detach();
    transfers_.erase(id);
    if (on_end) on_end(std::move(end));
  }
}

void CurlHttpClient::cancel(std::uint64_t id) {
  const auto found = transfers_.find(id);
  if (found == transfers_.end()) return;
  if (found->second->easy != nullptr) detach_from_curl(*found->second);
  transfers_.erase(found);
}

void CurlHttpClient::resume(std::uint64_t id) {
  const auto found = transfers_.find(id);
  if (found == transfers_.end() || !std::exchange(found->second->paused_by_reader, false)) return;
  schedule(*found->second);
}

Result<std::string> resolve_redirect(const std::string& base, const std::string& location) {
  struct UrlDeleter {
    void operator()(CURLU* url) const noexcept { curl_url_cleanup(url); }
  };
  struct TextDeleter {
    void operator()(char* text) const noexcept { curl_free(text); }
  };
  const std::unique_ptr<CURLU, UrlDeleter> url(curl_url());
  EXTVOLD_CHECK(url != nullptr);
  const auto part = [&](CURLUPart which) {
    char* text = nullptr;
    curl_url_get(url.get(), which, &text, 0);
    const std::unique_ptr<char, TextDeleter> owned(text);
    return std::string(text != nullptr ? text : "");
  };
  if (curl_url_set(url.get(), CURLUPART_URL, base.c_str(), 0) != CURLUE_OK) {
    return fail(Errc::invalid, "{}: not a URL", base);
  }
  const std::string base_scheme = part(CURLUPART_SCHEME);
  if (location.empty() || curl_url_set(url.get(), CURLUPART_URL, location.c_str(), 0) != CURLUE_OK) {
    return fail(Errc::invalid, "{} redirects to \"{}\", which is not a URL", base, location);
  }
  if (!part(CURLUPART_USER).empty() || !part(CURLUPART_PASSWORD).empty()) {
    return fail(Errc::invalid, "{} redirects to a URL with credentials in it: refused, they are not ours",
                base);
  }
  const std::string scheme = part(CURLUPART_SCHEME);
  if ((scheme != "http" && scheme != "https") || (base_scheme == "https" && scheme != "https")) {
    return fail(Errc::invalid, "{} redirects to {}: refused, {} is not as safe", base, location, scheme);
  }
  return part(CURLUPART_URL);
}

}  // namespace extvold::daemon
