#include "daemon/zookeeper/session.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <zookeeper/zookeeper.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "model/check.h"

namespace extvold::daemon::zookeeper {
namespace {

constexpr std::int64_t kProbesATimeout = 6;
// After a failed attempt the next server waits for this part of the time-out: the library would try again at
// once, and spin while nobody listens.
constexpr std::int64_t kPausesATimeout = 60;

Errc errc_from_code(int code) {
  switch (code) {
    case ZNONODE:
      return Errc::not_found;
    case ZNODEEXISTS:
      return Errc::conflict;
    case ZNOAUTH:
    case ZAUTHFAILED:
      return Errc::permission;
    case ZBADARGUMENTS:
    case ZINVALIDACL:
      return Errc::invalid;
    case ZCONNECTIONLOSS:
    case ZOPERATIONTIMEOUT:
    case ZSESSIONEXPIRED:
    case ZSESSIONMOVED:
    case ZINVALIDSTATE:
    case ZCLOSING:
    case ZTHROTTLEDOP:
      return Errc::unavailable;
  }
  return Errc::internal;
}

int to_ms(Duration duration) { return static_cast<int>(duration.ns / 1'000'000); }

}  // namespace

struct Session::Answer {
  int code = ZOK;
  std::string text;
  std::vector<std::string> names;
  Node node;

  Error error(const std::string& path) const {
    return {errc_from_code(code), fmt::format("ZooKeeper: {}: {}", path, zerror(code))};
  }
};

// They only note what came: the library is in the middle of its work when it calls them.
struct SessionCallbacks {
  static void watcher(zhandle_t* handle, int type, int state, const char*, void* context) noexcept {
    auto* session = const_cast<Session*>(static_cast<const Session*>(zoo_get_context(handle)));
    if (session->closing_) return;
    if (type == ZOO_SESSION_EVENT) {  // all watches are told of these; only the session's own counts
      if (context == session) session->later([session, state] { session->on_session_event(state); });
      return;
    }
    const auto number = reinterpret_cast<std::uint64_t>(context);
    session->later([session, number] {
      const auto watch = session->watches_.extract(number);
      if (!watch.empty()) watch.mapped()();
    });
  }
  static void on_names(int code, const String_vector* names, const void* data) noexcept {
    Session::Answer answer;
    for (std::int32_t i = 0; code == ZOK && names != nullptr && i < names->count; ++i)
      answer.names.emplace_back(names->data[i]);
    note(code, std::move(answer), data);
  }
  static void on_data(int code, const char* value, int size, const Stat* stat, const void* data) noexcept {
    Session::Answer answer;
    if (code == ZOK && value != nullptr && size > 0)  // -1: the node holds null
      answer.node.data.assign(value, static_cast<std::size_t>(size));
    if (code == ZOK && stat != nullptr) {
      answer.node.created_zxid = stat->czxid;
      answer.node.ephemeral_owner = stat->ephemeralOwner;
    }
    note(code, std::move(answer), data);
  }
  static void on_stat(int code, const Stat*, const void* data) noexcept { note(code, {}, data); }
  static void on_nothing(int code, const void* data) noexcept { note(code, {}, data); }
  static void on_text(int code, const char* text, const void* data) noexcept {
    Session::Answer answer;
    if (code == ZOK && text != nullptr) answer.text = text;
    note(code, std::move(answer), data);
  }
  static void note(int code, Session::Answer answer, const void* data) noexcept {
    const auto* request = static_cast<const Session::Request*>(data);
    Session* session = request->session;
    if (session->closing_) return;
    answer.code = code;
    session->later([session, number = request->number, answer = std::move(answer)]() mutable {
      session->answer(number, std::move(answer));
    });
  }
};

Session::Session(uv::Loop& loop, const Clock& clock, Random& random, Address address, SessionOptions options,
                 Callbacks callbacks)
    : loop_(loop),
      clock_(clock),
      random_(random),
      address_(std::move(address)),
      options_(options),
      callbacks_(std::move(callbacks)),
      timeout_(options.timeout),
      backoff_(options.backoff_min, options.backoff_max),
      tick_(loop),
      retry_(loop),
      deferred_(loop) {}

Session::~Session() { close(/*abandon=*/false); }

void Session::start() {
  EXTVOLD_CHECK(state_ == SessionState::closed);
  state_ = SessionState::connecting;
  begin();
}

void Session::abandon() {
  close(/*abandon=*/true);
  retry_.stop();
  state_ = SessionState::closed;
}

// ---- Making a session and losing it

void Session::begin() {
  confirmed_ = {};
  id_ = 0;
  resolved_.clear();
  look_up(0);
}

// One server after the other; those that cannot be resolved are left out.
void Session::look_up(std::size_t server) {
  if (server == address_.servers.size()) return open();
  const Server& named = address_.servers[server];
  if (uv::is_numeric_address(named.host)) {
    resolved_ += fmt::format("{}{}:{}", resolved_.empty() ? "" : ",", named.host, named.port);
    return look_up(server + 1);
  }
  lookup_ = std::make_unique<uv::NameLookup>(
      loop_, address_.servers[server].host,
      [this, server](const std::vector<std::string>& addresses, const std::string& error) {
        const Server& one = address_.servers[server];
        if (!error.empty()) error_ = fmt::format("{}: {}", one.host, error);
        for (const std::string& address : addresses)
          resolved_ += fmt::format("{}{}:{}", resolved_.empty() ? "" : ",", address, one.port);
        look_up(server + 1);
      });
}

void Session::open() {
  if (resolved_.empty()) {
    deferred_.post([this] { lose(error_); });
    return;
  }
  // The library writes to stderr, the address with it. What matters it also answers.
  begun_ = clock_.now();
  zoo_set_debug_level(static_cast<ZooLogLevel>(0));
  handle_ =
      zookeeper_init(resolved_.c_str(), SessionCallbacks::watcher, to_ms(options_.timeout), nullptr, this, 0);
  if (handle_ == nullptr) {
    const std::string why = std::generic_category().message(errno);
    deferred_.post([this, why] { lose(why); });
    return;
  }
  if (!address_.credentials.empty()) {
    zoo_add_auth(handle_, "digest", address_.credentials.data(),
                 static_cast<int>(address_.credentials.size()), nullptr, nullptr);
  }
  arm();
}

// `abandon`: the servers are left to find out by themselves. Else the library tells them, and waits up to
// 1.5 s for their answer.
void Session::close(bool abandon) {
  poll_.reset();
  tick_.stop();
  lookup_.reset();
  if (handle_ != nullptr) {
    closing_ = true;
    if (abandon && fd_ >= 0) ::shutdown(fd_, SHUT_RDWR);
    zookeeper_close(handle_);
    closing_ = false;
    handle_ = nullptr;
  }
  fd_ = -1;
  probe_sent_.reset();
  requests_.clear();
  watches_.clear();
  ready_.clear();
}

void Session::lose(std::string why) {
  close(/*abandon=*/true);
  confirmed_ = {};
  error_ = std::move(why);
  retry_.start(backoff_.next(random_), [this] {
    set_state(SessionState::connecting);
    begin();
  });
  set_state(SessionState::lost);  // the last thing: it may destroy this object
}

void Session::set_state(SessionState state) {
  if (std::exchange(state_, state) == state || !callbacks_.state) return;
  const auto callback = callbacks_.state;  // a copy: it may destroy this object
  callback(state);
}

void Session::on_session_event(int state) {
  if (state == ZOO_CONNECTED_STATE) {
    id_ = zoo_client_id(handle_)->client_id;
    timeout_ = milliseconds(zoo_recv_timeout(handle_));
    error_.clear();
    backoff_.reset();
    probe_sent_.reset();
    probe_next_ = {};
    set_state(SessionState::connected);
  } else if (state == ZOO_EXPIRED_SESSION_STATE) {
    lose("the session has expired");
  } else if (state == ZOO_AUTH_FAILED_STATE) {
    lose("the servers refuse the credentials");
  } else if (state_ == SessionState::connected) {
    error_ = "the connection is broken";
    set_state(SessionState::disconnected);
  }
}

// ---- The loop and the library

// Asks the library what it waits for. It may close its descriptor and open another of the same number in any
// call, so that nothing of ours watches the descriptor while it works.
void Session::arm() {
  if (handle_ == nullptr) return;
  poll_.reset();
  fd_ = -1;
  int fd = -1;
  int interest = 0;
  timeval wait{};
  const int code = zookeeper_interest(handle_, &fd, &interest, &wait);
  Duration until{seconds(wait.tv_sec).ns + wait.tv_usec * 1'000};
  if (code == ZOK && fd >= 0) {
    fd_ = fd;
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);  // children must not inherit it
    const int events = ((interest & ZOOKEEPER_READ) != 0 ? UV_READABLE : 0) |
                       ((interest & ZOOKEEPER_WRITE) != 0 ? UV_WRITABLE : 0);
    poll_.emplace(loop_, fd, [this](int status, int came) { on_ready(status, came); });
    if (events != 0) poll_->start(events);
  } else {
    until = std::max(until, pause());
  }
  until = std::clamp(until, milliseconds(1), Duration{timeout_.ns / (2 * kProbesATimeout)});
  tick_.start(until, [this] { on_tick(); });
}

void Session::on_ready(int status, int events) {
  int came = ((events & UV_READABLE) != 0 ? ZOOKEEPER_READ : 0) |
             ((events & UV_WRITABLE) != 0 ? ZOOKEEPER_WRITE : 0);
  if (status < 0) came = ZOOKEEPER_READ | ZOOKEEPER_WRITE;  // let it find the error
  poll_.reset();
  // What failed comes as an event, and as answers.
  if (const int code = zookeeper_process(handle_, came); code == ZOK || code == ZNOTHING) return arm();
  fd_ = -1;
  tick_.start(pause(), [this] { on_tick(); });
}

void Session::on_tick() {
  poll_.reset();
  arm();  // pings, connects, gives a silent server up
  check();
}

Duration Session::pause() const { return std::max(milliseconds(5), Duration{timeout_.ns / kPausesATimeout}); }

// The session's time-out counts from when it was confirmed last, or begun.
void Session::check() {
  const Instant now = clock_.now();
  if (now - std::max(begun_, confirmed_) > timeout_) {
    later([this] { lose(fmt::format("no answer from {} for {} ms", address_.text(), to_ms(timeout_))); });
    return;
  }
  if (connected() && !probe_sent_ && now >= probe_next_) probe();
}

// `sync` goes to the leading server and back. A read would be answered by a server that has lost the others,
// and with them all knowledge of whether this session exists.
void Session::probe() {
  const Instant sent_at = clock_.now();
  probe_sent_ = sent_at;
  probe_next_ = sent_at + Duration{timeout_.ns / kProbesATimeout};
  Request* request = new_request("/", [this, sent_at](const Answer& answer) {
    probe_sent_.reset();
    if (answer.code != ZOK) return;
    confirmed_ = sent_at;
    const auto callback = callbacks_.confirmed;  // a copy: it may destroy this object
    if (callback) callback();
  });
  sent(request, zoo_async(handle_, "/", SessionCallbacks::on_text, request));
}

void Session::later(std::function<void()> what) {
  ready_.push_back(std::move(what));
  if (!std::exchange(delivering_, true)) deferred_.post([this] { deliver(); });
}

void Session::deliver() {
  const uv::Lifeline::Watch alive(lifeline_);
  while (!ready_.empty()) {
    const auto what = std::move(ready_.front());
    ready_.pop_front();
    what();
    if (alive.cut()) return;
  }
  delivering_ = false;
  if (connected() && !probe_sent_ && clock_.now() >= probe_next_) probe();
}

// ---- Requests

Session::Request* Session::new_request(std::string path, std::function<void(Answer)> done) {
  const std::uint64_t number = next_number_++;
  Request& request = requests_[number];
  request = {this, number, std::move(path), std::move(done)};
  return &request;
}

// A code other than ZOK: the library has not taken the request, and will not answer it.
void Session::sent(Request* request, int code) {
  if (code == ZOK) return arm();
  Answer failed;
  failed.code = code;
  later([this, number = request->number, failed]() mutable { answer(number, std::move(failed)); });
}

void Session::answer(std::uint64_t number, Answer answer) {
  const auto request = requests_.extract(number);
  if (!request.empty()) request.mapped().done(std::move(answer));
}

std::uint64_t Session::new_watch(std::function<void()> changed) {
  if (!changed) return 0;
  const std::uint64_t number = next_number_++;
  watches_[number] = std::move(changed);
  return number;
}

void Session::children(const std::string& path, std::function<void()> changed,
                       std::function<void(Result<std::vector<std::string>>)> done) {
  const std::uint64_t watch = new_watch(std::move(changed));
  Request* request = new_request(path, [this, path, watch, done = std::move(done)](Answer answer) {
    if (answer.code == ZOK) return done(std::move(answer.names));
    watches_.erase(watch);  // it was not set
    done(tl::make_unexpected(answer.error(path)));
  });
  sent(request, !connected() ? ZINVALIDSTATE
                             : zoo_awget_children(
                                   handle_, path.c_str(), watch == 0 ? nullptr : SessionCallbacks::watcher,
                                   reinterpret_cast<void*>(watch), SessionCallbacks::on_names, request));
}

void Session::get(const std::string& path, std::function<void(Result<Node>)> done) {
  Request* request = new_request(path, [path, done = std::move(done)](Answer answer) {
    if (answer.code == ZOK) return done(std::move(answer.node));
    done(tl::make_unexpected(answer.error(path)));
  });
  sent(request,
       !connected() ? ZINVALIDSTATE : zoo_aget(handle_, path.c_str(), 0, SessionCallbacks::on_data, request));
}

void Session::exists(const std::string& path, std::function<void()> changed,
                     std::function<void(Result<bool>)> done) {
  const std::uint64_t watch = new_watch(std::move(changed));
  Request* request = new_request(path, [this, path, watch, done = std::move(done)](const Answer& answer) {
    if (answer.code == ZOK || answer.code == ZNONODE) return done(answer.code == ZOK);
    watches_.erase(watch);
    done(tl::make_unexpected(answer.error(path)));
  });
  sent(request, !connected()
                    ? ZINVALIDSTATE
                    : zoo_awexists(handle_, path.c_str(), watch == 0 ? nullptr : SessionCallbacks::watcher,
                                   reinterpret_cast<void*>(watch), SessionCallbacks::on_stat, request));
}

void Session::create(const std::string& path, std::string_view data, NodeKind kind,
                     std::function<void(Result<std::string>)> done) {
  Request* request = new_request(path, [path, done = std::move(done)](Answer answer) {
    if (answer.code == ZOK) return done(std::move(answer.text));
    Error error = answer.error(path);
    // Of a request that went out and was not answered.
    if (answer.code == ZCONNECTIONLOSS || answer.code == ZOPERATIONTIMEOUT) error.code = Errc::uncertain;
    done(tl::make_unexpected(std::move(error)));
  });
  std::array<ACL, 2> entries = {ACL{ZOO_PERM_READ, ZOO_ANYONE_ID_UNSAFE}, ACL{ZOO_PERM_ALL, ZOO_AUTH_IDS}};
  const ACL_vector own{static_cast<std::int32_t>(entries.size()), entries.data()};
  const ACL_vector* acl = address_.credentials.empty() ? &ZOO_OPEN_ACL_UNSAFE : &own;
  const int flags = kind == NodeKind::permanent ? 0 : ZOO_EPHEMERAL | ZOO_SEQUENCE;
  sent(request, !connected() ? ZINVALIDSTATE
                             : zoo_acreate(handle_, path.c_str(), data.data(), static_cast<int>(data.size()),
                                           acl, flags, SessionCallbacks::on_text, request));
}

void Session::remove(const std::string& path) {
  if (!connected()) return;
  Request* request = new_request(path, [](const Answer&) {});
  sent(request, zoo_adelete(handle_, path.c_str(), -1, SessionCallbacks::on_nothing, request));
}

}  // namespace extvold::daemon::zookeeper
