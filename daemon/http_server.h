// HttpServer: HTTP/1.1 on a unix socket, for the query API and the command line. On libmicrohttpd, driven by
// the loop.
//
// Loop thread only; outlived by the loop. It knows no paths and no JSON: each complete request goes to the
// handler together with a Responder, which may be kept and answered later, from any callback of the loop. The
// handler is never called from inside libmicrohttpd, so it may do anything, also destroy the server.
// Destroying the server answers what is open with 503 as far as the sockets take it, makes the Responders
// mute, and removes the socket file.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "daemon/request_uri.h"
#include "daemon/unique_fd.h"
#include "daemon/uv/deferred.h"
#include "daemon/uv/poll.h"
#include "daemon/uv/timer.h"
#include "model/result.h"

struct MHD_Daemon;

namespace extvold::daemon {

class HttpServer {
 public:
  // Who is at the other end, as the kernel says (SO_PEERCRED: at the time of its connect). The pid is for
  // people: it may be another process by now.
  struct Peer {
    uid_t uid = 0;
    gid_t gid = 0;
    pid_t pid = 0;
  };

  struct Request {
    std::string method;
    std::string path;  // decoded
    std::map<std::string, std::string> query;
    std::map<std::string, std::string> headers;  // names in lower case
    std::string body;
    Peer peer;
  };

  struct Response {
    int status = 200;
    std::string body;
    std::string content_type = "application/json";
    std::map<std::string, std::string> headers;
  };

  // The right and the duty to answer one request. Answering twice is a bug; destroying it unanswered answers
  // 500.
  class Responder;

  using Handler = std::function<void(Request, Responder)>;

  struct Options {
    std::string socket_path;
    std::string group;  // may connect too; empty: only the user that runs the daemon (and root)
    std::size_t body_bytes_max = 1U << 20U;  // more is answered 413
    unsigned connections_max = 64;
    unsigned idle_timeout_s = 30;  // a connection that neither sends nor waits for an answer
  };

  // Errors: those of listen_unix().
  static Result<std::unique_ptr<HttpServer>> listen(uv::Loop& loop, Options options, Handler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  struct Private {
   private:
    friend class HttpServer;
    Private() = default;
  };
  HttpServer(Private, uv::Loop& loop, Options options, Handler handler);  // listen() is the way to make one

 private:
  struct Exchange;
  struct Callbacks;  // what libmicrohttpd calls

  Status start(UniqueFd listen_fd);
  void drive();
  void dispatch(std::uint64_t id);
  void answer(Exchange& exchange, Response response);

  Options options_;
  Handler handler_;
  uv::Loop& loop_;
  dev_t socket_device_ = 0;
  ino_t socket_inode_ = 0;
  bool stopping_ = false;
  std::uint64_t next_id_ = 1;
  std::map<std::uint64_t, std::unique_ptr<Exchange>> exchanges_;
  MHD_Daemon* mhd_ = nullptr;
  uv::Timer timer_;
  uv::Deferred deferred_;
  std::unique_ptr<uv::Poll> poll_;
};

class HttpServer::Responder {
 public:
  Responder(Responder&& other) noexcept;
  Responder& operator=(Responder&& other) noexcept;
  ~Responder();

  void answer(Response response);

 private:
  friend class HttpServer;
  explicit Responder(Exchange& exchange);
  void take(Responder& other) noexcept;
  void give_up() noexcept;

  Exchange* exchange_ = nullptr;  // null: answered, moved from, or the server is gone
  bool spent_ = false;            // answered or moved from
};

}  // namespace extvold::daemon
