// One endpoint's HTTP server (libmicrohttpd, driven from our loop): listens, is frozen or refuses, as it is
// told. Loop thread only; handler and listener outlive it.
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "model/instant.h"
#include "model/result.h"
#include "tests/replay/answers.h"
#include "tests/replay/listener.h"
#include "tests/replay/stream_session.h"

struct MHD_Connection;
struct MHD_Daemon;

namespace extvold::replay {

class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  virtual Reply answer(const Ask& ask, Instant now) = 0;
  // After a Reply::Kind::stream.
  virtual StreamSession subscribe(const Reply& reply, Instant now) = 0;
};

class HttpPort {
 public:
  HttpPort(std::string endpoint, Listener listener, HttpHandler& handler);
  HttpPort(const HttpPort&) = delete;
  HttpPort& operator=(const HttpPort&) = delete;
  ~HttpPort();

  const std::string& endpoint() const { return endpoint_; }
  std::uint16_t number() const { return listener_.port(); }

  Status open();  // no effect while open
  void close();   // every connection breaks as when a process dies: no final chunk, no answer
  // While frozen requests are read and kept; they are answered after the thaw, as by a process that was
  // stopped.
  void set_frozen(bool frozen);

  int poll_fd() const;  // -1 while closed
  void run(Instant now);
  Instant next_look(Instant now) const;  // when run() has something to do, beside what poll_fd() tells

 private:
  friend struct HttpCallbacks;
  struct Request;
  struct Stream;

  int reply_to(MHD_Connection* connection, Request& request);
  int queue_text(MHD_Connection* connection, const Request& request, const Reply& reply);
  int queue_stream(MHD_Connection* connection, const Reply& reply);

  std::string endpoint_;
  Listener listener_;
  HttpHandler& handler_;
  MHD_Daemon* daemon_ = nullptr;
  bool frozen_ = false;
  std::set<MHD_Connection*> kept_;  // suspended: frozen
  std::set<MHD_Connection*> hung_;  // suspended: never answered
  std::list<Stream> streams_;
};

Instant monotonic_now();

}  // namespace extvold::replay
