// Session: one session with a ZooKeeper ensemble, made anew whenever it is lost.
//
// ZooKeeper's own client does the protocol, in its single-threaded form: it says which descriptor it waits
// for and for how long, and is called when that has come. Names are resolved before it gets them, because it
// would block the loop for that. Facts and traps of the library: docs/decisions/0016-zookeeper.md.
//
// Loop thread only; outlived by everything given to the constructor. No callback comes from inside a member
// function, and each may call any member function or destroy the Session. Each request is answered once,
// while the session lasts: once it is lost, or the Session destroyed, nothing of it is called any more. A
// `changed` callback is called at most once, when what was read may have changed since.
//
// Whether the session still exists at the servers can only be known backwards: they count its time-out from
// when they heard from us. So the session asks the leading server all the time (`sync`), and confirmed_at()
// is when the newest question was SENT that has been answered. Until confirmed_at() + timeout() nobody else
// can have been told that the session is over; who acts on its strength must stop a good part earlier.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/backoff.h"
#include "daemon/clock.h"
#include "daemon/uv/deferred.h"
#include "daemon/uv/lifeline.h"
#include "daemon/uv/name_lookup.h"
#include "daemon/uv/poll.h"
#include "daemon/uv/timer.h"
#include "daemon/zookeeper/address.h"
#include "model/enum_text.h"
#include "model/result.h"

struct _zhandle;

namespace extvold::daemon::zookeeper {

// connecting: there is no session yet. disconnected: it may live on at the servers, and is taken up again if
// a connection comes in time. lost: it is over, or nobody has answered for its whole time-out; a new one is
// tried for after a while.
EXTVOLD_ENUM(SessionState, closed, connecting, connected, disconnected, lost)

struct SessionOptions {
  Duration timeout = seconds(10);  // asked for; the servers have the last word
  Duration backoff_min = milliseconds(500);
  Duration backoff_max = seconds(10);
};

struct Node {
  std::string data;
  std::int64_t created_zxid = 0;     // never used twice in an ensemble's life
  std::int64_t ephemeral_owner = 0;  // a session's id; 0: the node is permanent
};

enum class NodeKind { permanent, ephemeral_sequential };

class Session {
 public:
  struct Callbacks {
    std::function<void(SessionState)> state;
    std::function<void()> confirmed;  // confirmed_at() has moved
  };

  Session(uv::Loop& loop, const Clock& clock, Random& random, Address address, SessionOptions options,
          Callbacks callbacks);
  ~Session();  // ends the session, which deletes its ephemeral nodes; may take a moment (1.5 s at worst)
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void start();
  // Ends it here without a word to the servers, who find out by its time-out. Nothing is called any more.
  void abandon();

  // While connected; unavailable at once otherwise. Errors: not_found, conflict (exists), permission,
  // unavailable; uncertain for a create whose answer got lost.
  void children(const std::string& path, std::function<void()> changed,
                std::function<void(Result<std::vector<std::string>>)> done);
  void get(const std::string& path, std::function<void(Result<Node>)> done);
  void exists(const std::string& path, std::function<void()> changed, std::function<void(Result<bool>)> done);
  // With credentials in the address, the node is readable by all and writable by their owner only, as Mesos
  // does it; without, by all. Answers the path, whose sequence number ZooKeeper chose.
  void create(const std::string& path, std::string_view data, NodeKind kind,
              std::function<void(Result<std::string>)> done);
  void remove(const std::string& path);

  SessionState state() const { return state_; }
  bool connected() const { return state_ == SessionState::connected; }
  std::int64_t id() const { return id_; }              // 0: none yet
  Duration timeout() const { return timeout_; }        // as the servers granted it
  Instant confirmed_at() const { return confirmed_; }  // {}: this session not yet
  const std::string& error() const { return error_; }  // why it was lost, or not made; empty while connected
  const Address& address() const { return address_; }

 private:
  friend struct SessionCallbacks;  // the C functions that the library calls

  struct Answer;
  struct Request {
    Session* session = nullptr;
    std::uint64_t number = 0;
    std::string path;
    std::function<void(Answer)> done;
  };

  void begin();
  void look_up(std::size_t server);
  void open();
  void close(bool abandon);
  void lose(std::string why);
  void arm();
  void on_ready(int status, int events);
  void on_tick();
  Duration pause() const;
  void check();
  void probe();
  void on_session_event(int state);
  void set_state(SessionState state);
  void later(std::function<void()> what);
  void deliver();
  Request* new_request(std::string path, std::function<void(Answer)> done);
  void sent(Request* request, int code);
  std::uint64_t new_watch(std::function<void()> changed);
  void answer(std::uint64_t number, Answer answer);

  uv::Loop& loop_;
  const Clock& clock_;
  Random& random_;
  Address address_;
  SessionOptions options_;
  Callbacks callbacks_;

  _zhandle* handle_ = nullptr;
  bool closing_ = false;
  SessionState state_ = SessionState::closed;
  std::int64_t id_ = 0;
  Duration timeout_;
  Instant begun_;
  Instant confirmed_;
  std::optional<Instant> probe_sent_;
  Instant probe_next_;
  std::string error_;
  std::string resolved_;  // "10.0.0.1:2181,::1:2181", what the library wants
  int fd_ = -1;           // that the library waits for; its own

  std::uint64_t next_number_ = 1;
  std::map<std::uint64_t, Request> requests_;
  std::map<std::uint64_t, std::function<void()>> watches_;
  std::deque<std::function<void()>> ready_;  // what the library told, to be handed on outside of it
  bool delivering_ = false;                  // deliver() is posted, or at work

  Backoff backoff_;
  std::optional<uv::Poll> poll_;
  uv::Timer tick_;
  uv::Timer retry_;
  uv::Deferred deferred_;
  std::unique_ptr<uv::NameLookup> lookup_;
  uv::Lifeline lifeline_;
};

}  // namespace extvold::daemon::zookeeper
