// Who gets credentials and who does not, what happens after a 401, and what is said of a refusal.
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <mutex>

#include "daemon/auth/refusal.h"
#include "daemon/http_client.h"
#include "daemon/mesos_reader.h"
#include "daemon/subscription.h"
#include "tests/daemon/auth_support.h"
#include "tests/daemon/reading.h"

namespace extvold::daemon::tests {
namespace {

constexpr std::string_view kMaster =
    R"({"type":"GET_MASTER","get_master":{"master_info":{"id":"m-1","ip":1,"port":5050}}})";

std::string redirect_to(const std::string& location) {
  return whole_answer("307 Temporary Redirect", "", "Location: " + location + "\r\n");
}

// A master that keeps the requests it got and answers as it is told.
class FakeMaster {
 public:
  using Answer = std::function<std::string(const std::string& request)>;
  explicit FakeMaster(Answer answer)
      : answer_(std::move(answer)), server([this](Connection& c, int) { serve(c); }) {}

  std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  // Of the request with that number: its Authorization; empty: none.
  std::string authorization(std::size_t number) {
    const std::string request = requests().at(number);
    const std::size_t at = request.find("Authorization: ");
    return at == std::string::npos ? "" : request.substr(at + 15, request.find('\r', at) - at - 15);
  }

 private:
  void serve(Connection& connection) {
    for (std::string request = connection.read_request(); !request.empty();
         request = connection.read_request()) {
      {
        const std::lock_guard lock(mutex_);
        requests_.push_back(request);
      }
      if (!connection.send(answer_(request))) return;
    }
  }

  Answer answer_;
  std::mutex mutex_;
  std::vector<std::string> requests_;

 public:
  RawServer server;  // last: its threads use all of the above
};

std::string stream(const std::string&) {
  return std::string(kStreamHead) + chunk("20\n{\"type\":\"HEARTBEAT\"}");
}
std::string unauthorized(const std::string&) { return whole_answer("401 Unauthorized", "401 Unauthorized."); }
FakeMaster::Answer wants(std::string value) {
  return [value = std::move(value)](const std::string& request) {
    return request.find("Authorization: " + value + "\r\n") != std::string::npos ? stream(request)
                                                                                 : unauthorized(request);
  };
}

struct Subscribing {
  explicit Subscribing(std::vector<std::string> urls, Authenticator* auth) : masters(std::move(urls)) {
    SubscriptionConfig config;
    config.backoff_min = milliseconds(5);
    config.backoff_max = milliseconds(40);
    const Subscription::Callbacks callbacks = {
        [this](const SubscriptionOpened& got) { opened.push_back(got); },
        [](std::string_view) { return Flow::go_on; },
        [this](const SubscriptionClosed& got) { closed.push_back(got); }};
    subscription = std::make_unique<Subscription>(
        loop, http, clock, random, config, [this]() -> Result<std::vector<std::string>> { return masters; },
        auth, callbacks);
    subscription->start();
  }
  bool until_opened() {
    return run_until(loop, [&] { return !opened.empty(); });
  }
  bool until_closed(std::size_t times = 1) {
    return run_until(loop, [&] { return closed.size() >= times; });
  }

  uv::Loop loop;
  SystemClock clock;
  FixedRandom random{0};
  CurlHttpClient http{loop, clock};
  std::vector<std::string> masters;
  std::vector<SubscriptionOpened> opened;
  std::vector<SubscriptionClosed> closed;
  std::unique_ptr<Subscription> subscription;
};

TEST_CASE("a configured master's redirect gets the credentials, a stranger's does not", "[daemon][auth]") {
  FakeMaster leader(stream);
  FakeMaster second(
      [&](const std::string&) { return redirect_to("//" + leader.server.host_port() + "/api/v1"); });
  FakeMaster first(
      [&](const std::string&) { return redirect_to("//" + second.server.host_port() + "/api/v1"); });
  TokenFile token("token=hush.hush");
  const bool second_is_configured = GENERATE(false, true);
  std::vector<std::string> masters = {first.server.url()};
  if (second_is_configured) masters.push_back(second.server.url());
  Subscribing s(masters, &token.auth);
  REQUIRE(s.until_opened());
  CHECK(s.opened[0].redirects == 2);
  CHECK(first.authorization(0) == "token=hush.hush");
  CHECK(second.authorization(0) == "token=hush.hush");  // named by a configured one
  CHECK(leader.authorization(0) == (second_is_configured ? "token=hush.hush" : ""));
  CHECK((s.opened[0].recipient == Recipient::trusted) == second_is_configured);
}

TEST_CASE("a stranger that wants credentials is told apart in the message", "[daemon][auth]") {
  FakeMaster leader(unauthorized);
  FakeMaster second(
      [&](const std::string&) { return redirect_to("//" + leader.server.host_port() + "/api/v1"); });
  FakeMaster first(
      [&](const std::string&) { return redirect_to("//" + second.server.host_port() + "/api/v1"); });
  TokenFile token("token=hush.hush");
  Subscribing s({first.server.url()}, &token.auth);
  REQUIRE(s.until_closed());
  CHECK(s.closed[0].code == Errc::permission);
  CHECK(s.closed[0].message.find("none were sent: no configured master named this host") !=
        std::string::npos);
  CHECK(leader.requests().size() == 1);
}

TEST_CASE("a redirect with credentials in it is refused, and they are not shown", "[daemon][auth]") {
  FakeMaster first([](const std::string&) { return redirect_to("//me:hush@127.0.0.1:1/api/v1"); });
  Subscribing s({first.server.url()}, nullptr);
  REQUIRE(s.until_closed());
  CHECK(s.closed[0].message.find("credentials in it: refused") != std::string::npos);
  CHECK(s.closed[0].message.find("hush") == std::string::npos);
}

TEST_CASE("after a 401 the token is read again and sent at once", "[daemon][auth]") {
  FakeMaster master(wants("Bearer new"));
  TokenFile token("Bearer old\n");
  token.auth.look();
  token.write("Bearer new\n");
  Subscribing s({master.server.url()}, &token.auth);
  REQUIRE(s.until_opened());
  CHECK(s.closed.empty());
  CHECK(master.authorization(0) == "Bearer old");
  CHECK(master.authorization(1) == "Bearer new");
  CHECK(token.logged.find("event=credentials_read") != std::string::npos);
}

TEST_CASE("a token that stays wrong is refused once a try, until the file has another", "[daemon][auth]") {
  FakeMaster master(wants("Bearer new"));
  TokenFile token("Bearer old.hush");
  Subscribing s({master.server.url()}, &token.auth);
  REQUIRE(s.until_closed(2));
  CHECK(s.closed[0].code == Errc::permission);
  CHECK(s.closed[0].message.find("wants other credentials than the token of " + token.dir.path("token")) !=
        std::string::npos);
  CHECK(s.closed[0].message.find("hush") == std::string::npos);
  token.write("Bearer new");
  REQUIRE(s.until_opened());
}

TEST_CASE("without a readable file no request goes out, and the reason is the file", "[daemon][auth]") {
  FakeMaster master(stream);
  TokenFile token("hush");  // no scheme
  Subscribing s({master.server.url()}, &token.auth);
  REQUIRE(s.until_closed(2));
  CHECK(s.closed[0].message.find("mesos: no credentials to send: " + token.dir.path("token")) !=
        std::string::npos);
  CHECK(master.requests().empty());
  CHECK(token.logged.find("event=credentials_unreadable") ==
        token.logged.rfind("event=credentials_unreadable"));
  token.write("Bearer good");
  REQUIRE(s.until_opened());
  CHECK(master.authorization(0) == "Bearer good");
}

TEST_CASE("what a server repeats of our credentials is not shown", "[daemon][auth]") {
  FakeMaster master([](const std::string& request) { return whole_answer("403 Forbidden", request); });
  TokenFile token("Bearer hush.hush.hush");
  Subscribing s({master.server.url()}, &token.auth);
  REQUIRE(s.until_closed());
  CHECK(s.closed[0].message.find("[redacted]") != std::string::npos);
  CHECK(s.closed[0].message.find("hush") == std::string::npos);
  CHECK(token.auth.redacted("is hush.hush") == "is [redacted]");  // cut off in the middle
  CHECK(token.auth.redacted("hush.hush.hush, Bearer hush.hush.hush") == "[redacted], [redacted]");
  CHECK(token.auth.redacted("nothing") == "nothing");
}

TEST_CASE("401, 403 and 503 say different things", "[daemon][auth]") {
  CHECK(refusal_text("master", 401, "401 Unauthorized.\n", nullptr, Recipient::trusted) ==
        "answered 401: 401 Unauthorized. (the master wants credentials, and none were sent)");
  TokenFile token("Bearer x");
  const std::string forbidden = refusal_text("agent", 403, "", &token.auth, Recipient::trusted);
  CHECK(forbidden.starts_with("answered 403 (the agent's ACLs do not allow this to the token of "));
  CHECK(refusal_text("master", 503, "No leader elected", nullptr, Recipient::trusted) ==
        "answered 503: No leader elected (the masters have not agreed yet on who leads: this passes, if most "
        "of "
        "them run)");
  CHECK(refusal_text("master", 500, "", nullptr, Recipient::trusted) == "answered 500");
}

TEST_CASE("what a look at the files finds is logged with its remedy", "[daemon][auth]") {
  TokenFile token("Bearer hush");
  REQUIRE(::chmod(token.dir.path("token").c_str(), 0644) == 0);
  AuthConfig config;
  config.section = "mesos";
  config.token = token.dir.path("token");
  config.ca = token.dir.path("none.pem");
  config.insecure_skip_verify = true;
  token.auth.set(config);
  CHECK(token.logged.find("chmod 600 " + token.dir.path("token")) != std::string::npos);
  CHECK(token.logged.find("none.pem: cannot be read") != std::string::npos);
  CHECK(token.logged.find("event=tls_not_verified") != std::string::npos);
  CHECK(token.logged.find("hush") == std::string::npos);
  HttpRequest request;
  REQUIRE(token.auth.prepare(request, Recipient::stranger));
  CHECK(request.headers.empty());
  CHECK_FALSE(request.tls.verify);
}

// Nothing here is about deadlines.
MesosReaderOptions patient() {
  MesosReaderOptions options = Reading::fast();
  options.master_deadline = options.agent_deadline = seconds(30);
  return options;
}

TEST_CASE("polls and agents get their own credentials, and other ones after a 401", "[daemon][auth]") {
  const auto answer = [](const std::string& want, std::string_view body) {
    return [want, body](const std::string& request) {
      const bool good = request.find("Authorization: " + want + "\r\n") != std::string::npos;
      return good ? whole_answer("200 OK", body) : unauthorized(request);
    };
  };
  FakeMaster master(answer("Bearer m2", kMaster));
  FakeMaster lists(answer("Bearer m3", R"({"type":"GET_TASKS","get_tasks":{"tasks":[]}})"));
  FakeMaster agent(answer("Bearer a2", R"({"type":"GET_AGENT"})"));
  TokenFile masters("Bearer m1"), agents("Bearer a1");
  masters.auth.look();
  agents.auth.look();
  Reading r(patient(), {&masters.auth, &agents.auth});
  masters.write("Bearer m2");
  agents.write("Bearer a2");
  r.reader.poll_master(master.server.url("/api/v1"), MasterCall::get_master);
  r.reader.read_agent(AgentId("S0"), agent.server.host_port());
  REQUIRE(run_until(r.loop, [&] { return r.reader.idle(); }));
  REQUIRE(master.requests().size() == 2);
  CHECK(master.authorization(1) == "Bearer m2");
  REQUIRE(agent.requests().size() >= 2);
  CHECK(agent.authorization(0) == "Bearer a1");
  CHECK(agent.authorization(1) == "Bearer a2");

  masters.write("Bearer m3");
  r.events.clear();
  r.reader.poll_master(lists.server.url("/api/v1"), MasterCall::get_tasks);
  REQUIRE(run_until(r.loop, [&] { return r.reader.idle(); }));
  REQUIRE(lists.requests().size() == 2);
  CHECK(lists.authorization(1) == "Bearer m3");
  CHECK(std::holds_alternative<PollEnded>(r.events.back()));

  r.reader.poll_master(lists.server.url("/api/v1"), MasterCall::get_tasks, Recipient::stranger);
  REQUIRE(run_until(r.loop, [&] { return r.reader.idle(); }));
  CHECK(lists.authorization(2).empty());
  REQUIRE(std::holds_alternative<PollFailed>(r.events.back()));
}

}  // namespace
}  // namespace extvold::daemon::tests
