#include "tests/replay/http_port.h"

#include <microhttpd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <utility>

#include "model/check.h"
#include "tests/replay/gzip.h"

namespace extvold::replay {
namespace {

constexpr std::size_t kRequestBytesMax = 1U << 20U;
constexpr std::size_t kGzipFrom = 1024;  // libprocess compresses from this size on
// A chunk is at most this long: longer than any recorded or folded record, so that one piece is one chunk.
constexpr std::size_t kConnectionMemory = 8U << 20U;

std::optional<std::string> header(MHD_Connection* connection, const char* name) {
  const char* value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
  return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
}

}  // namespace

Instant monotonic_now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return {static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec};
}

struct HttpPort::Request {
  Ask ask;
  bool takes_gzip = false;
  bool too_large = false;
};

struct HttpPort::Stream {
  HttpPort* port;
  MHD_Connection* connection;
  StreamSession session;
  bool suspended = false;
};

// What libmicrohttpd calls; C linkage types, so static members of a friend.
struct HttpCallbacks {
  static MHD_Result access(void* cls, MHD_Connection* connection, const char* url, const char* method,
                           const char* /*version*/, const char* data, std::size_t* size, void** con_cls) {
    auto* port = static_cast<HttpPort*>(cls);
    auto* request = static_cast<HttpPort::Request*>(*con_cls);
    if (request == nullptr) {
      request = new HttpPort::Request;
      *con_cls = request;
      request->ask.endpoint = port->endpoint_;
      request->ask.method = method;
      request->ask.path = url;
      if (const char* id = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "slave_id"))
        request->ask.slave_id = id;
      // The recorded answers are to questions without arguments; only metrics have harmless ones (timeout),
      // and what asks for one agent is answered out of all.
      const bool one_agent = request->ask.slave_id && request->ask.path.ends_with("/slaves");
      if (!one_agent && MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, nullptr, nullptr) > 0 &&
          !request->ask.path.ends_with("/metrics/snapshot")) {
        request->ask.path += "?…";
      }
      request->ask.content_type = header(connection, "Content-Type");
      request->ask.accept = header(connection, "Accept");
      request->ask.authorization = header(connection, "Authorization");
      request->takes_gzip =
          header(connection, "Accept-Encoding").value_or("").find("gzip") != std::string::npos;
      return MHD_YES;
    }
    if (*size > 0) {
      if (request->ask.body.size() + *size > kRequestBytesMax) {
        request->too_large = true;
      } else {
        request->ask.body.append(data, *size);
      }
      *size = 0;
      return MHD_YES;
    }
    return port->reply_to(connection, *request) == 0 ? MHD_YES : MHD_NO;
  }

  static void completed(void* cls, MHD_Connection* connection, void** con_cls,
                        MHD_RequestTerminationCode /*why*/) {
    auto* port = static_cast<HttpPort*>(cls);
    port->kept_.erase(connection);
    port->hung_.erase(connection);
    delete static_cast<HttpPort::Request*>(*con_cls);
    *con_cls = nullptr;
  }

  static ssize_t read(void* cls, std::uint64_t /*position*/, char* buffer, std::size_t room) {
    auto* stream = static_cast<HttpPort::Stream*>(cls);
    const Instant now = monotonic_now();
    const std::string_view due = stream->session.due(now);
    if (!due.empty()) {
      const std::size_t count = std::min(room, due.size());
      std::memcpy(buffer, due.data(), count);
      stream->session.take(count, now);
      return static_cast<ssize_t>(count);
    }
    if (stream->session.broken(now))
      return MHD_CONTENT_READER_END_WITH_ERROR;  // closes without the final chunk
    stream->suspended = true;
    MHD_suspend_connection(stream->connection);
    return 0;
  }

  static void free_stream(void* cls) {
    auto* stream = static_cast<HttpPort::Stream*>(cls);
    stream->port->streams_.remove_if([&](const HttpPort::Stream& other) { return &other == stream; });
  }
};

HttpPort::HttpPort(std::string endpoint, Listener listener, HttpHandler& handler)
    : endpoint_(std::move(endpoint)), listener_(std::move(listener)), handler_(handler) {}

HttpPort::~HttpPort() { close(); }

Status HttpPort::open() {
  if (daemon_ != nullptr) return {};
  ASSIGN(const int fd, listener_.listen());
  daemon_ = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, nullptr, nullptr,
                             &HttpCallbacks::access, this, MHD_OPTION_LISTEN_SOCKET, fd,
                             MHD_OPTION_NOTIFY_COMPLETED, &HttpCallbacks::completed, this,
                             MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnectionMemory, MHD_OPTION_END);
  if (daemon_ == nullptr) {
    ::close(fd);
    return fail(Errc::internal, "{}: libmicrohttpd does not start on port {}", endpoint_, number());
  }
  return {};
}

void HttpPort::close() {
  if (daemon_ == nullptr) return;
  // libmicrohttpd insists that nothing is suspended when it stops; it does not answer them any more.
  for (MHD_Connection* connection : kept_) MHD_resume_connection(connection);
  for (MHD_Connection* connection : hung_) MHD_resume_connection(connection);
  for (Stream& stream : streams_) {
    if (std::exchange(stream.suspended, false)) MHD_resume_connection(stream.connection);
  }
  // The port first: who sees his stream end and comes again is refused.
  if (const MHD_socket fd = MHD_quiesce_daemon(daemon_); fd != MHD_INVALID_SOCKET) ::close(fd);
  MHD_stop_daemon(std::exchange(daemon_, nullptr));
  EXTVOLD_CHECK(streams_.empty());
  kept_.clear();
  hung_.clear();
}

void HttpPort::set_frozen(bool frozen) {
  if (frozen_ == frozen) return;
  frozen_ = frozen;
  if (frozen_) return;
  for (MHD_Connection* connection : std::exchange(kept_, {})) MHD_resume_connection(connection);
}

int HttpPort::poll_fd() const {
  if (daemon_ == nullptr) return -1;
  const MHD_DaemonInfo* info = MHD_get_daemon_info(daemon_, MHD_DAEMON_INFO_EPOLL_FD);
  return info != nullptr ? info->epoll_fd : -1;
}

void HttpPort::run(Instant now) {
  if (daemon_ == nullptr) return;
  for (Stream& stream : streams_) {
    if (stream.suspended && stream.session.next_look() <= now) {
      stream.suspended = false;
      MHD_resume_connection(stream.connection);
    }
  }
  MHD_run(daemon_);
}

Instant HttpPort::next_look(Instant now) const {
  if (daemon_ == nullptr) return kNever;
  Instant next = kNever;
  MHD_UNSIGNED_LONG_LONG wait_ms = 0;
  if (MHD_get_timeout(daemon_, &wait_ms) == MHD_YES) {
    next = now + milliseconds(static_cast<std::int64_t>(std::min<MHD_UNSIGNED_LONG_LONG>(wait_ms, 1000)));
  }
  for (const Stream& stream : streams_) {
    if (stream.suspended) next = std::min(next, stream.session.next_look());
  }
  return next;
}

// 0: done or kept; -1: close the connection.
int HttpPort::reply_to(MHD_Connection* connection, Request& request) {
  if (request.too_large) return -1;
  if (frozen_) {
    kept_.insert(connection);
    MHD_suspend_connection(connection);
    return 0;
  }
  const Reply reply = handler_.answer(request.ask, monotonic_now());
  switch (reply.kind) {
    case Reply::Kind::text:
      return queue_text(connection, request, reply);
    case Reply::Kind::stream:
      return queue_stream(connection, reply);
    case Reply::Kind::hang:
      hung_.insert(connection);
      MHD_suspend_connection(connection);
      return 0;
    case Reply::Kind::cut:
      return -1;
  }
  return -1;
}

int HttpPort::queue_text(MHD_Connection* connection, const Request& request, const Reply& reply) {
  std::string body = reply.body;
  const bool zip = request.takes_gzip && body.size() >= kGzipFrom;
  if (zip) body = gzip(body);
  MHD_Response* response = MHD_create_response_from_buffer(body.size(), body.data(), MHD_RESPMEM_MUST_COPY);
  if (response == nullptr) return -1;
  for (const auto& [name, value] : reply.headers)
    MHD_add_response_header(response, name.c_str(), value.c_str());
  if (zip) MHD_add_response_header(response, "Content-Encoding", "gzip");
  const MHD_Result queued = MHD_queue_response(connection, static_cast<unsigned>(reply.status), response);
  MHD_destroy_response(response);
  return queued == MHD_YES ? 0 : -1;
}

int HttpPort::queue_stream(MHD_Connection* connection, const Reply& reply) {
  streams_.push_back({this, connection, handler_.subscribe(reply, monotonic_now()), false});
  MHD_Response* response = MHD_create_response_from_callback(
      MHD_SIZE_UNKNOWN, 64U << 10U, &HttpCallbacks::read, &streams_.back(), &HttpCallbacks::free_stream);
  if (response == nullptr) {
    streams_.pop_back();
    return -1;
  }
  for (const auto& [name, value] : reply.headers)
    MHD_add_response_header(response, name.c_str(), value.c_str());
  const MHD_Result queued = MHD_queue_response(connection, MHD_HTTP_OK, response);
  MHD_destroy_response(response);
  return queued == MHD_YES ? 0 : -1;
}

}  // namespace extvold::replay
