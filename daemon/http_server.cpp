#include "daemon/http_server.h"

#include <microhttpd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>

#include "daemon/unix_listener.h"
#include "model/ascii.h"
#include "model/check.h"

namespace extvold::daemon {
namespace {

// A body that goes on and on is read (libmicrohttpd answers only after it) up to this multiple, then the
// connection is cut.
constexpr std::size_t kDiscardFactor = 4;

struct ResponseDeleter {
  void operator()(MHD_Response* response) const noexcept { MHD_destroy_response(response); }
};

HttpServer::Response plain_text(int status, std::string text) {
  return {status, std::move(text) + "\n", "text/plain; charset=utf-8", {}};
}

HttpServer::Peer peer_of(MHD_Connection* connection) {
  const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  EXTVOLD_CHECK(info != nullptr);
  ucred credentials{};
  socklen_t size = sizeof credentials;
  EXTVOLD_CHECK(getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0);
  return {credentials.uid, credentials.gid, credentials.pid};
}

MHD_Result collect_header(void* owner, MHD_ValueKind, const char* name, const char* value) {
  auto& headers = *static_cast<std::map<std::string, std::string>*>(owner);
  std::string& kept = headers[lower_case(name)];
  if (!kept.empty()) kept += ", ";
  kept += value == nullptr ? "" : value;
  return MHD_YES;
}

}  // namespace

// One request, from its first line until libmicrohttpd is done with it. While `suspended` libmicrohttpd does
// not look at the connection.
struct HttpServer::Exchange {
  HttpServer* server = nullptr;
  std::uint64_t id = 0;
  std::string uri;
  bool begun = false;
  bool too_large = false;
  std::size_t body_bytes = 0;
  Request request;
  MHD_Connection* connection = nullptr;
  bool suspended = false;
  Responder* responder = nullptr;
  std::optional<Response> response;  // libmicrohttpd sends its body from here
};

struct HttpServer::Callbacks {
  static void* on_uri(void* owner, const char* uri, MHD_Connection* connection) {
    auto* server = static_cast<HttpServer*>(owner);
    auto exchange = std::make_unique<Exchange>();
    exchange->server = server;
    exchange->id = server->next_id_++;
    exchange->uri = uri;
    exchange->connection = connection;
    Exchange* const raw = exchange.get();
    server->exchanges_.emplace(raw->id, std::move(exchange));
    return raw;
  }

  // Called with the headers, then with each piece of the body, then without one, and once more after a
  // resume.
  static MHD_Result on_access(void*, MHD_Connection*, const char*, const char* method, const char*,
                              const char* data, std::size_t* data_size, void** context) {
    auto& exchange = *static_cast<Exchange*>(*context);
    if (exchange.response) return send(exchange);
    if (!std::exchange(exchange.begun, true)) return begin(exchange, method);
    if (*data_size > 0) return add_body(exchange, data, data_size);
    if (exchange.too_large) return refuse(exchange, 413, "the body is too large");
    if (exchange.server->stopping_) return refuse(exchange, 503, "extvold is stopping");
    exchange.suspended = true;
    MHD_suspend_connection(exchange.connection);
    exchange.server->deferred_.post([server = exchange.server, id = exchange.id] { server->dispatch(id); });
    return MHD_YES;
  }

  static void on_completed(void*, MHD_Connection*, void** context, MHD_RequestTerminationCode) {
    auto* exchange = static_cast<Exchange*>(std::exchange(*context, nullptr));
    if (exchange == nullptr) return;
    if (exchange->responder != nullptr) exchange->responder->exchange_ = nullptr;
    exchange->server->exchanges_.erase(exchange->id);
  }

  // The %-escapes are decoded by parse_request_uri(); libmicrohttpd's own decoding would lose which '/' was
  // one.
  static std::size_t keep_escapes(void*, MHD_Connection*, char* text) {
    return std::char_traits<char>::length(text);
  }

 private:
  static MHD_Result begin(Exchange& exchange, const char* method) {
    Request& request = exchange.request;
    request.method = method;
    request.peer = peer_of(exchange.connection);
    MHD_get_connection_values(exchange.connection, MHD_HEADER_KIND, collect_header, &request.headers);
    auto uri = parse_request_uri(exchange.uri);
    if (!uri) return refuse(exchange, 400, uri.error().message);
    request.path = std::move(uri->path);
    request.query = std::move(uri->query);
    const char* length = MHD_lookup_connection_value(exchange.connection, MHD_HEADER_KIND, "Content-Length");
    if (length != nullptr && std::strtoull(length, nullptr, 10) > exchange.server->options_.body_bytes_max) {
      return refuse(exchange, 413, "the body is too large");
    }
    return MHD_YES;
  }

  static MHD_Result add_body(Exchange& exchange, const char* data, std::size_t* data_size) {
    const std::size_t max = exchange.server->options_.body_bytes_max;
    exchange.body_bytes += *data_size;
    if (exchange.body_bytes > max * kDiscardFactor) return MHD_NO;
    exchange.too_large = exchange.body_bytes > max;
    if (!exchange.too_large) exchange.request.body.append(data, *data_size);
    *data_size = 0;
    return MHD_YES;
  }

  static MHD_Result refuse(Exchange& exchange, int status, std::string why) {
    exchange.response = plain_text(status, std::move(why));
    return send(exchange);
  }

  static MHD_Result send(Exchange& exchange) {
    Response& response = *exchange.response;
    const std::unique_ptr<MHD_Response, ResponseDeleter> raw(
        MHD_create_response_from_buffer(response.body.size(), response.body.data(), MHD_RESPMEM_PERSISTENT));
    if (raw == nullptr) return MHD_NO;
    MHD_add_response_header(raw.get(), MHD_HTTP_HEADER_CONTENT_TYPE, response.content_type.c_str());
    for (const auto& [name, value] : response.headers) {
      MHD_add_response_header(raw.get(), name.c_str(), value.c_str());
    }
    return MHD_queue_response(exchange.connection, static_cast<unsigned>(response.status), raw.get());
  }
};

Result<std::unique_ptr<HttpServer>> HttpServer::listen(uv::Loop& loop, Options options, Handler handler) {
  ASSIGN(UniqueFd fd, listen_unix(options.socket_path, options.group));
  auto server = std::make_unique<HttpServer>(Private{}, loop, std::move(options), std::move(handler));
  TRY(server->start(std::move(fd)));
  return server;
}

HttpServer::HttpServer(Private, uv::Loop& loop, Options options, Handler handler)
    : options_(std::move(options)),
      handler_(std::move(handler)),
      loop_(loop),
      timer_(loop),
      deferred_(loop) {}

Status HttpServer::start(UniqueFd listen_fd) {
  struct stat status {};
  if (::stat(options_.socket_path.c_str(), &status) == 0) {
    socket_device_ = status.st_dev;
    socket_inode_ = status.st_ino;
  }
  mhd_ = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, nullptr, nullptr, Callbacks::on_access,
                          this, MHD_OPTION_LISTEN_SOCKET, listen_fd.get(),                 //
                          MHD_OPTION_URI_LOG_CALLBACK, Callbacks::on_uri, this,            //
                          MHD_OPTION_UNESCAPE_CALLBACK, Callbacks::keep_escapes, nullptr,  //
                          MHD_OPTION_NOTIFY_COMPLETED, Callbacks::on_completed, nullptr,   //
                          MHD_OPTION_CONNECTION_LIMIT, options_.connections_max,           //
                          MHD_OPTION_CONNECTION_TIMEOUT, options_.idle_timeout_s,          //
                          MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
  if (mhd_ == nullptr)
    return fail(Errc::internal, "socket {}: libmicrohttpd does not start", options_.socket_path);
  listen_fd.release();  // closed by MHD_stop_daemon
  const auto* info = MHD_get_daemon_info(mhd_, MHD_DAEMON_INFO_EPOLL_FD);
  EXTVOLD_CHECK(info != nullptr);
  poll_ = std::make_unique<uv::Poll>(loop_, info->epoll_fd, [this](int, int) { drive(); });
  poll_->start(UV_READABLE);
  return {};
}

HttpServer::~HttpServer() {
  stopping_ = true;
  for (const auto& [id, exchange] : exchanges_) {
    if (exchange->responder != nullptr) std::exchange(exchange->responder, nullptr)->exchange_ = nullptr;
    if (std::exchange(exchange->suspended, false)) {
      exchange->response = plain_text(503, "extvold is stopping");
      MHD_resume_connection(exchange->connection);  // stopping with a suspended connection is not allowed
    }
  }
  poll_.reset();
  if (mhd_ != nullptr) {
    MHD_run(mhd_);
    MHD_stop_daemon(mhd_);
  }
  struct stat status {};
  if (socket_inode_ != 0 && ::stat(options_.socket_path.c_str(), &status) == 0 &&
      status.st_dev == socket_device_ && status.st_ino == socket_inode_) {
    ::unlink(options_.socket_path.c_str());
  }
}

void HttpServer::drive() {
  MHD_run(mhd_);
  MHD_UNSIGNED_LONG_LONG timeout_ms = 0;
  if (MHD_get_timeout(mhd_, &timeout_ms) == MHD_YES) {
    timer_.start(milliseconds(static_cast<std::int64_t>(timeout_ms)), [this] { drive(); });
  } else {
    timer_.stop();
  }
}

void HttpServer::dispatch(std::uint64_t id) {
  const auto found = exchanges_.find(id);
  if (found == exchanges_.end()) return;
  Exchange& exchange = *found->second;
  const auto handler = handler_;  // a copy: it may destroy this object
  handler(std::move(exchange.request), Responder(exchange));
}

void HttpServer::answer(Exchange& exchange, Response response) {
  exchange.responder = nullptr;
  exchange.response = std::move(response);
  exchange.suspended = false;
  MHD_resume_connection(exchange.connection);
  deferred_.post(
      [this] { drive(); });  // without a thread of its own libmicrohttpd has nothing that would wake the loop
}

HttpServer::Responder::Responder(Exchange& exchange) : exchange_(&exchange) { exchange.responder = this; }

HttpServer::Responder::Responder(Responder&& other) noexcept { take(other); }

HttpServer::Responder& HttpServer::Responder::operator=(Responder&& other) noexcept {
  if (this != &other) {
    give_up();
    take(other);
  }
  return *this;
}

HttpServer::Responder::~Responder() { give_up(); }

void HttpServer::Responder::take(Responder& other) noexcept {
  exchange_ = std::exchange(other.exchange_, nullptr);
  spent_ = std::exchange(other.spent_, true);
  if (exchange_ != nullptr) exchange_->responder = this;
}

void HttpServer::Responder::give_up() noexcept {
  if (exchange_ == nullptr) return;
  answer(plain_text(500, "extvold did not answer this request: that is a bug"));
}

void HttpServer::Responder::answer(Response response) {
  EXTVOLD_CHECK(!std::exchange(spent_, true));
  Exchange* const exchange = std::exchange(exchange_, nullptr);
  if (exchange != nullptr) exchange->server->answer(*exchange, std::move(response));
}

}  // namespace extvold::daemon
