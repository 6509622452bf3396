#include "daemon/subscription.h"

#include <catch2/catch.hpp>
#include <memory>
#include <mutex>
#include <set>

#include "daemon/http_client.h"
#include "tests/daemon/auth_support.h"
#include "tests/daemon/support.h"

namespace extvold::daemon::tests {
namespace {

SubscriptionConfig fast() {
  SubscriptionConfig config;
  config.heartbeat_interval = seconds(2);
  config.backoff_min = milliseconds(5);
  config.backoff_max = milliseconds(40);
  return config;
}

struct Fixture {
  uv::Loop loop;
  SystemClock clock;
  FixedRandom random{0};
  CurlHttpClient http{loop, clock};
  std::vector<std::string> masters;
  std::vector<SubscriptionOpened> opened;
  std::string bytes;
  std::vector<SubscriptionClosed> closed;
  std::function<Flow()> on_bytes = [] { return Flow::go_on; };
  std::function<void()> on_opened = [] {};
  std::function<void()> on_closed = [] {};
  std::unique_ptr<Subscription> subscription;

  void start(std::vector<std::string> urls, SubscriptionConfig config = fast(),
             Authenticator* auth = nullptr) {
    masters = std::move(urls);
    const Subscription::Callbacks callbacks = {[this](const SubscriptionOpened& got) {
                                                 opened.push_back(got);
                                                 on_opened();
                                               },
                                               [this](std::string_view got) {
                                                 bytes += got;
                                                 return on_bytes();
                                               },
                                               [this](const SubscriptionClosed& got) {
                                                 closed.push_back(got);
                                                 on_closed();
                                               }};
    subscription = std::make_unique<Subscription>(
        loop, http, clock, random, config, [this]() -> Result<std::vector<std::string>> { return masters; },
        auth, callbacks);
    subscription->start();
  }
  bool until_closed(std::size_t times) {
    return run_until(loop, [&] { return closed.size() >= times; });
  }
};

TEST_CASE("a subscription sends SUBSCRIBE and hands on the bytes", "[daemon][subscription]") {
  std::string seen;
  RawServer master([&](Connection& connection, int number) {
    if (number == 0) seen = connection.read_request();
    connection.send(std::string(kStreamHead) + chunk("20\n{\"type\":\"HEARTB") + chunk("EAT\"}"));
    connection.wait_for_hangup();
  });
  Fixture f;
  TokenFile token("token=abc\n");
  f.start({master.url()}, fast(), &token.auth);
  CHECK(f.opened.empty());
  REQUIRE(run_until(f.loop, [&] { return f.bytes.size() == 23; }));
  CHECK(f.bytes == "20\n{\"type\":\"HEARTBEAT\"}");
  REQUIRE(f.opened.size() == 1);
  CHECK(f.opened[0].url == master.url("/api/v1"));
  CHECK(f.opened[0].redirects == 0);
  CHECK(f.subscription->is_open());
  CHECK(seen ==
        "POST /api/v1 HTTP/1.1\r\nHost: " + master.host_port() +
            "\r\nContent-Type: application/json\r\nAccept: application/json\r\nAuthorization: token=abc\r\n"
            "Content-Length: 20\r\n\r\n{\"type\":\"SUBSCRIBE\"}");
}

TEST_CASE("a lost connection is reported and made again", "[daemon][subscription]") {
  const bool clean = GENERATE(true, false);
  RawServer master([&](Connection& connection, int) {
    connection.read_request();
    connection.send(std::string(kStreamHead) + chunk("x") + (clean ? "0\r\n\r\n" : ""));
  });
  Fixture f;
  f.start({master.url("/")});
  REQUIRE(f.until_closed(2));
  CHECK(f.opened.size() == 2);
  CHECK(f.bytes == "xx");
  CHECK(f.closed[0].code == Errc::unavailable);
  CHECK(f.closed[0].was_open);
  CHECK(f.closed[0].message.find(master.url("/api/v1")) != std::string::npos);
  CHECK((f.closed[0].message.find("too many subscribers") != std::string::npos) == clean);
}

TEST_CASE("a redirect to the leader is followed with body and headers", "[daemon][subscription]") {
  std::string seen;
  RawServer leader([&](Connection& connection, int) {
    seen = connection.read_request();
    connection.send(std::string(kStreamHead) + chunk("x"));
    connection.wait_for_hangup();
  });
  RawServer follower([&](Connection& connection, int) {
    connection.read_request();
    connection.send(
        whole_answer("307 Temporary Redirect", "", "Location: //" + leader.host_port() + "/api/v1\r\n"));
    connection.wait_for_hangup();
  });
  Fixture f;
  TokenFile token("Basic eDp5");
  f.start({follower.url()}, fast(), &token.auth);
  REQUIRE(run_until(f.loop, [&] { return f.bytes == "x"; }));
  CHECK(f.opened.at(0).url == leader.url("/api/v1"));
  CHECK(f.opened.at(0).redirects == 1);
  CHECK(seen.starts_with("POST /api/v1 HTTP/1.1\r\nHost: " + leader.host_port()));
  CHECK(seen.find("Authorization: Basic eDp5\r\n") != std::string::npos);
  CHECK(seen.ends_with("{\"type\":\"SUBSCRIBE\"}"));
  CHECK(f.closed.empty());
}

TEST_CASE("redirects in a circle end, and one that leads nowhere says so", "[daemon][subscription]") {
  std::string location;
  std::unique_ptr<RawServer> master;
  master = std::make_unique<RawServer>([&](Connection& connection, int) {
    connection.read_request();
    connection.send(whole_answer("307 Temporary Redirect", "", location));
  });
  Fixture f;
  SECTION("circle") {
    location = "Location: //" + master->host_port() + "/api/v1\r\n";
    f.start({master->url()});
    REQUIRE(f.until_closed(1));
    CHECK(master->connections() == 6);
    CHECK(f.closed[0].message.find("redirected 5 times") != std::string::npos);
  }
  SECTION("no location") {
    f.start({master->url()});
    REQUIRE(f.until_closed(1));
    CHECK(f.closed[0].code == Errc::invalid);
  }
  CHECK(f.opened.empty());
  f.subscription.reset();
}

TEST_CASE("a refusal is reported with the master's own words", "[daemon][subscription]") {
  struct Case {
    std::string line;
    std::string body;
    Errc code;
    std::string hint;
  };
  const Case c = GENERATE(Case{"401 Unauthorized", "401 Unauthorized.", Errc::permission, "credentials"},
                          Case{"403 Forbidden", "403 Forbidden.", Errc::permission, "ACLs"},
                          Case{"503 Service Unavailable", "No leader elected\n", Errc::unavailable,
                               "the masters have not agreed yet on who leads: this passes"},
                          Case{"503 Service Unavailable", "Master has not finished recovery",
                               Errc::unavailable, "it leads, and is still reading its registry: this passes"},
                          Case{"503 Service Unavailable", "Busy", Errc::unavailable, "this passes"},
                          Case{"415 Unsupported Media Type", "Expecting 'Content-Type' of application/json",
                               Errc::invalid, "Mesos 1.11"},
                          Case{"500 Internal Server Error", "", Errc::unavailable, ""},
                          Case{"404 Not Found", std::string(100'000, 'x'), Errc::invalid, "xxx"});
  RawServer master([&](Connection& connection, int) {
    connection.read_request();
    connection.send(whole_answer(c.line, c.body));
    connection.wait_for_hangup();
  });
  Fixture f;
  f.start({master.url()});
  REQUIRE(f.until_closed(1));
  CHECK(f.opened.empty());
  CHECK(f.bytes.empty());
  CHECK(f.closed[0].code == c.code);
  CHECK_FALSE(f.closed[0].was_open);
  INFO(f.closed[0].message);
  CHECK(f.closed[0].message.starts_with(master.url("/api/v1") + " answered " + c.line.substr(0, 3)));
  CHECK(f.closed[0].message.find(c.hint) != std::string::npos);
  if (c.body.size() < 500) {
    CHECK(f.closed[0].message.find(c.body.substr(0, c.body.find('\n'))) != std::string::npos);
  }
  CHECK(f.closed[0].message.size() < 800);
}

TEST_CASE("an answer that is no stream of events is refused", "[daemon][subscription]") {
  RawServer master([&](Connection& connection, int) {
    connection.read_request();
    connection.send(whole_answer("200 OK", "<html>hello</html>", "Content-Type: text/html\r\n"));
  });
  Fixture f;
  f.start({master.url()});
  REQUIRE(f.until_closed(1));
  CHECK(f.closed[0].code == Errc::invalid);
  CHECK(f.closed[0].message.find("text/html") != std::string::npos);
  CHECK(f.bytes.empty());
}

TEST_CASE("silence ends the connection, bytes do not have to be records", "[daemon][subscription]") {
  std::string how;
  RawServer master([&](Connection& connection, int) {
    connection.read_request();
    if (how == "no answer") return connection.wait_for_hangup();
    if (how == "refusal without end") {
      connection.send("HTTP/1.1 503 Service Unavailable\r\nTransfer-Encoding: chunked\r\n\r\n");
      while (connection.send(chunk("."))) std::this_thread::sleep_for(std::chrono::milliseconds(10));
      return;
    }
    connection.send(kStreamHead);
    for (int i = 0; i < 40; ++i) {  // 800 ms, twice what is allowed
      connection.send(chunk("."));
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    connection.wait_for_hangup();
  });
  how = GENERATE(as<std::string>(), "no answer", "refusal without end", "trickle, then silence");
  INFO(how);
  SubscriptionConfig config = fast();
  config.heartbeat_interval = milliseconds(80);
  Fixture f;
  f.start({master.url()}, config);
  REQUIRE(f.until_closed(1));
  CHECK(f.closed[0].code == Errc::unavailable);
  const bool refused = how.starts_with("refusal");
  CHECK(f.closed[0].message.find(refused ? "answered 503: ..." : "not a byte for") != std::string::npos);
  if (how.starts_with("trickle")) CHECK(f.bytes.size() == 40);
}

TEST_CASE("the watchdog looks a second time when the loop itself was late", "[daemon][subscription]") {
  RawServer master([&](Connection& connection, int) {
    connection.read_request();
    connection.send(kStreamHead);
    while (connection.send(chunk("."))) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  });
  SubscriptionConfig config = fast();
  config.heartbeat_interval = milliseconds(100);
  Fixture f;
  bool slept = false;
  f.on_bytes = [&] {
    if (!std::exchange(slept, true)) std::this_thread::sleep_for(std::chrono::milliseconds(800));
    return Flow::go_on;
  };
  f.start({master.url()}, config);
  REQUIRE(run_until(f.loop, [&] { return slept; }));
  run_for(f.loop, milliseconds(100));
  CHECK(f.closed.empty());
}

TEST_CASE("while paused the watchdog rests, and resume goes on", "[daemon][subscription]") {
  RawServer master([&](Connection& connection, int) {
    connection.read_request();
    connection.send(kStreamHead);
    for (int i = 0; i < 8; ++i) connection.send(chunk(std::string(1U << 20U, '.')));
    connection.wait_for_hangup();
  });
  SubscriptionConfig config = fast();
  config.heartbeat_interval = milliseconds(20);
  Fixture f;
  f.on_bytes = [] { return Flow::pause; };
  f.start({master.url()}, config);
  REQUIRE(run_until(f.loop, [&] { return !f.bytes.empty(); }));
  const std::size_t before = f.bytes.size();
  run_for(f.loop, milliseconds(300));
  CHECK(f.closed.empty());
  CHECK(f.bytes.size() == before);
  f.on_bytes = [] { return Flow::go_on; };
  f.subscription->resume();
  CHECK(f.bytes.size() == before);
  REQUIRE(run_until(f.loop, [&] { return f.bytes.size() == 8U << 20U; }));
  REQUIRE(f.until_closed(1));  // it is silent now
}

TEST_CASE("waits grow while nothing works and shrink after a healthy time", "[daemon][subscription]") {
  bool healthy = false;
  RawServer master([&](Connection& connection, int) {
    connection.read_request();
    connection.send(kStreamHead);
    if (healthy) std::this_thread::sleep_for(std::chrono::milliseconds(600));
  });
  SubscriptionConfig config = fast();
  config.healthy_after = milliseconds(500);
  Fixture f;
  f.start({master.url()}, config);
  REQUIRE(f.until_closed(4));
  healthy = true;
  const std::size_t before = f.closed.size();
  REQUIRE(f.until_closed(before + 2));
  f.subscription->stop();
  const int expected_ms[] = {10, 20, 40, 40};
  for (std::size_t i = 0; i < 4; ++i) CHECK(f.closed[i].retry_in == milliseconds(expected_ms[i]));
  CHECK(f.closed.back().retry_in == milliseconds(10));
}

TEST_CASE("masters are tried in turn", "[daemon][subscription]") {
  RawServer master([&](Connection& connection, int) {
    connection.read_request();
    connection.send(kStreamHead);
    connection.wait_for_hangup();
  });
  Fixture f;
  f.start({"http://127.0.0.1:1", master.url()});
  REQUIRE(run_until(f.loop, [&] { return !f.opened.empty(); }));
  REQUIRE(f.closed.size() == 1);
  CHECK(f.closed[0].code == Errc::unavailable);
  CHECK(f.closed[0].message.find("http://127.0.0.1:1/api/v1") != std::string::npos);
}

// docs/decisions/0017-redirect.md
TEST_CASE("a master that refuses holds nobody up, and nothing but SUBSCRIBE is asked",
          "[daemon][subscription]") {
  const std::string line = GENERATE(as<std::string>(), "401 Unauthorized", "403 Forbidden",
                                    "500 Internal Server Error", "503 Service Unavailable");
  std::mutex mutex;
  std::set<std::string> asked;
  const auto note = [&](const std::string& request) {
    const std::lock_guard lock(mutex);
    asked.insert(request.substr(0, request.find("\r\n")));
  };
  RawServer leader([&](Connection& connection, int) {
    note(connection.read_request());
    connection.send(kStreamHead);
    connection.wait_for_hangup();
  });
  RawServer refuses([&](Connection& connection, int) {
    note(connection.read_request());
    connection.send(whole_answer(line, "no"));
    connection.wait_for_hangup();
  });
  RawServer follows([&](Connection& connection, int) {
    note(connection.read_request());
    connection.send(
        whole_answer("307 Temporary Redirect", "", "Location: //" + leader.host_port() + "/api/v1\r\n"));
    connection.wait_for_hangup();
  });
  Fixture f;
  f.start({refuses.url(), follows.url()});
  REQUIRE(run_until(f.loop, [&] { return !f.opened.empty(); }));
  CHECK(f.opened[0].url == leader.url("/api/v1"));
  REQUIRE(f.closed.size() == 1);
  CHECK(f.closed[0].message.find("answered " + line.substr(0, 3)) != std::string::npos);
  const std::lock_guard lock(mutex);
  CHECK(asked == std::set<std::string>{"POST /api/v1 HTTP/1.1"});
}

TEST_CASE("no master known is reported and asked again", "[daemon][subscription]") {
  Fixture f;
  f.start({});
  REQUIRE(f.until_closed(2));
  CHECK(f.closed[0].code == Errc::invalid);
}

TEST_CASE("drop ends the connection with its reason, stop ends it without", "[daemon][subscription]") {
  RawServer master([&](Connection& connection, int) {
    connection.read_request();
    connection.send(std::string(kStreamHead) + chunk("x"));
    connection.wait_for_hangup();
  });
  Fixture f;
  f.on_bytes = [&] {
    if (f.bytes.size() == 1) f.subscription->drop(Errc::corrupt, "a record is not JSON");
    CHECK(f.closed.size() == (f.bytes.size() == 1 ? 0 : 1));  // not from inside drop()
    return Flow::pause;
  };
  f.start({master.url()});
  REQUIRE(f.until_closed(1));
  CHECK(f.closed[0].code == Errc::corrupt);
  CHECK(f.closed[0].was_open);
  CHECK(f.closed[0].message == master.url("/api/v1") + ": a record is not JSON");
  REQUIRE(run_until(f.loop, [&] { return f.bytes == "xx"; }));
  f.subscription->drop(Errc::internal, "not reported any more");
  f.subscription->stop();
  run_for(f.loop, milliseconds(60));
  CHECK(f.closed.size() == 1);
  CHECK(master.connections() == 2);
  f.subscription->start();
  CHECK(run_until(f.loop, [&] { return f.bytes == "xxx"; }));
}

TEST_CASE("each callback may destroy the subscription", "[daemon][subscription]") {
  RawServer master([&](Connection& connection, int) {
    connection.read_request();
    connection.send(std::string(kStreamHead) + chunk("x"));
  });
  Fixture f;
  const auto destroy = [&] { f.subscription.reset(); };
  SECTION("opened") { f.on_opened = destroy; }
  SECTION("bytes") {
    f.on_bytes = [&] {
      destroy();
      return Flow::pause;
    };
  }
  SECTION("closed") { f.on_closed = destroy; }
  SECTION("closed after drop") {
    f.on_opened = [&] { f.subscription->drop(Errc::busy, "the queue is full"); };
    f.on_closed = destroy;
  }
  f.start({master.url()});
  REQUIRE(run_until(f.loop, [&] { return f.subscription == nullptr; }));
  run_for(f.loop, milliseconds(20));
}

TEST_CASE("the master's own heartbeat interval is believed within reason", "[daemon][subscription]") {
  RawServer master([&](Connection& connection, int) {
    connection.read_request();
    connection.send(kStreamHead);
    connection.wait_for_hangup();
  });
  SubscriptionConfig config = fast();
  config.silent_heartbeats_max = 1;
  config.heartbeat_interval = minutes(1);
  Fixture f;
  f.on_opened = [&] {
    f.subscription->set_heartbeat_interval(seconds(1));
    f.subscription->set_heartbeat_interval(Duration{});
    f.subscription->set_heartbeat_interval(minutes(60));
  };
  f.start({master.url()}, config);
  REQUIRE(f.until_closed(1));
  CHECK(f.closed[0].message.find("not a byte for 1 s") != std::string::npos);
}

}  // namespace
}  // namespace extvold::daemon::tests
