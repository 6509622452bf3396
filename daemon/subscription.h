// Subscription: one connection to the leading master's event stream, made again whenever it is lost.
//
// It knows bytes, not records: they go to `Callbacks::bytes` as they come (daemon/ingest makes records of
// them). It sends SUBSCRIBE, proves who we are (Authenticator), follows a redirect to the leader, watches
// that bytes keep coming, and after each end waits a while (Backoff) before the next try. Facts about the
// protocol: Apache Mesos 1.11, src/master/http.cpp.
//
// Loop thread only; outlived by everything given to the constructor. No callback comes from inside a member
// function, and each may call any member function or destroy the Subscription. Order: opened, bytes…, closed;
// or, for a try that failed, closed alone. After stop() nothing is called.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/auth/authenticator.h"
#include "daemon/backoff.h"
#include "daemon/clock.h"
#include "daemon/http_stream.h"
#include "daemon/uv/deferred.h"
#include "daemon/uv/lifeline.h"
#include "daemon/uv/timer.h"
#include "model/result.h"

namespace extvold::daemon {

struct SubscriptionConfig {
  // What a master sends (DEFAULT_HEARTBEAT_INTERVAL); see also set_heartbeat_interval().
  Duration heartbeat_interval = seconds(15);
  int silent_heartbeats_max = 5;  // so many intervals without a byte, and the connection counts as dead
  Duration backoff_min = seconds(1);
  Duration backoff_max = seconds(60);
  Duration healthy_after = seconds(60);  // open for so long: the next loss starts at backoff_min again
  int redirects_max = 5;
};

// Where a master may be: `http://host:port` or a whole URL, tried in turn, one per attempt. Asked before each
// attempt. An error (nobody leads) is reported as closed and tried again. With ZooKeeper this is the leader
// that is known at that moment; when it changes, drop() and retry_now() are called.
using MasterUrls = std::function<Result<std::vector<std::string>>()>;

struct SubscriptionOpened {
  std::string url;  // that answered 200, after redirects
  int redirects = 0;
  Recipient recipient = Recipient::trusted;  // whether it may have our credentials
};

struct SubscriptionClosed {
  // permission (401, 403, TLS, no credentials to send), invalid (the master does not understand us, or is
  // none), unavailable (anything that may pass by itself), or what drop() was given.
  Errc code = Errc::unavailable;
  std::string message;  // names the URL; holds up to 512 bytes of what the master said
  bool was_open = false;
  Duration retry_in;
};

class Subscription {
 public:
  struct Callbacks {
    std::function<void(const SubscriptionOpened&)> opened;
    std::function<Flow(std::string_view)> bytes;  // pause: no more until resume()
    std::function<void(const SubscriptionClosed&)> closed;
  };

  // `auth` may be null: no credentials, the system's authorities.
  Subscription(uv::Loop& loop, HttpStreamSource& http, const Clock& clock, Random& random,
               SubscriptionConfig config, MasterUrls masters, Authenticator* auth, Callbacks callbacks);
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

  void start();
  void stop();
  // After bytes() answered pause. While paused the watchdog rests: the silence is ours.
  void resume();
  // Gives up the present connection or attempt, e.g. for an undecodable record or a full queue; `closed`
  // follows.
  void drop(Errc code, std::string why);
  // There is news about where to try: ends the wait between two attempts, and begins their backoff anew.
  void retry_now();
  // What SUBSCRIBED said (heartbeat_interval_seconds), for this connection and the next. A value outside 1 s
  // to 10 min is not believed: the present one stays.
  void set_heartbeat_interval(Duration interval);

  bool is_open() const { return state_ == State::open; }

 private:
  enum class State {
    stopped,
    waiting,     // for the next attempt
    connecting,  // no answer yet
    open,        // 200: bytes are events
    refused,     // another status: bytes are the master's explanation
  };

  void attempt();
  void connect(std::string url, Recipient recipient);
  bool is_configured(const std::string& url) const;
  void on_headers(int status, const HttpHeaders& headers);
  void on_redirect(const HttpHeaders& headers);
  Flow on_bytes(std::string_view bytes);
  void on_end(const Status& status);
  void close_refused();
  void close(Errc code, std::string message);
  SubscriptionClosed begin_waiting(Errc code, std::string message);
  void watch();
  void on_watchdog(bool second_look);
  Duration silence_max() const { return config_.heartbeat_interval * config_.silent_heartbeats_max; }

  HttpStreamSource& http_;
  const Clock& clock_;
  Random& random_;
  SubscriptionConfig config_;
  MasterUrls masters_;
  Authenticator* auth_;
  Callbacks callbacks_;

  State state_ = State::stopped;
  std::size_t attempts_ = 0;
  int redirects_ = 0;
  std::vector<std::string> configured_;  // what masters_ answered for this attempt
  std::string url_;
  Recipient recipient_ = Recipient::stranger;
  std::uint64_t credentials_sent_ = 0;
  bool repeated_ = false;  // with other credentials, after a 401 in this attempt
  int refusal_status_ = 0;
  std::string refusal_;
  bool paused_ = false;
  std::optional<SubscriptionClosed> dropped_;  // to be reported in the next turn
  Instant opened_at_;
  Instant last_byte_at_;
  Backoff backoff_;
  uv::Timer retry_;
  uv::Timer watchdog_;
  uv::Deferred deferred_;
  std::unique_ptr<HttpStream> stream_;
  uv::Lifeline lifeline_;
};

}  // namespace extvold::daemon
