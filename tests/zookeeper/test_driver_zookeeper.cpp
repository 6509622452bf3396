// The driver with a real ZooKeeper: whose events count, and when it may act.
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "daemon/driver.h"
#include "tests/lib/skip.h"
#include "tests/zookeeper/server.h"

namespace extvold::daemon::zookeeper::tests {
namespace {

using extvold::tests::skip_test;

// Lists nothing, and answers a call only when it is told to.
class HangingProvider final : public providers::Provider {
 public:
  HangingProvider(uv::Loop& loop, const Clock& clock) : clock_(clock), deferred_(loop) {
    info_.name = ProviderName("local~lab");
    info_.pools = {"disk"};
    info_.capabilities.create = true;
  }
  const ProviderInfo& info() const override { return info_; }
  void observe(std::string volume_key, std::function<void(ProviderObservation)> done) override {
    ProviderObservation out;
    out.provider = info_.name;
    out.volume_key = std::move(volume_key);
    out.complete = true;
    out.sent_at = clock_.now();
    deferred_.post([this, out, done]() mutable {
      out.ended_at = clock_.now();
      done(out);
    });
  }
  void change_fence(FenceCall, std::function<void(FenceResult)>) override {
    FAIL("this provider has no fence");
  }
  void execute(OperationCall call, std::function<void(OperationResult)> done) override {
    calls.push_back(call.volume.name);
    hanging_.emplace_back(call.operation.id, std::move(done));
    if (on_call) on_call();
  }
  void fail_all() {
    for (const auto& [id, done] : std::exchange(hanging_, {})) {
      OperationResult result;
      result.id = id;
      result.state = OperationState::failed;
      result.error = {Errc::unavailable, "as the test wants it"};
      result.ended_at = clock_.now();
      done(result);
    }
  }
  std::vector<std::string> calls;
  std::function<void()> on_call;

 private:
  std::vector<std::pair<OperationId, std::function<void(OperationResult)>>> hanging_;
  const Clock& clock_;
  ProviderInfo info_;
  uv::Deferred deferred_;
};

// Remembers who was asked, and which stream is open.
class Streams final : public HttpStreamSource {
 public:
  std::unique_ptr<HttpStream> start_stream(HttpRequest request, HttpStreamCallbacks callbacks) override {
    const bool subscribes = request.body.find("SUBSCRIBE") != std::string::npos;
    if (subscribes) {
      asked.push_back(request.url);
      open = std::move(callbacks);
    }
    return std::make_unique<Handle>(subscribes ? this : nullptr);
  }
  void accept() const {
    const auto on_headers = open->on_headers;
    on_headers(200, {{"content-type", "application/json"}});
    const std::string json =
        R"({"type":"SUBSCRIBED","subscribed":{"get_state":{"get_tasks":{"tasks":[]},)"
        R"("get_executors":{"executors":[]},"get_frameworks":{"frameworks":[]},"get_agents":{"agents":[]}},)"
        R"("heartbeat_interval_seconds":15.0}})";
    open->on_bytes(std::to_string(json.size()) + "\n" + json);
  }
  std::vector<std::string> asked;
  std::optional<HttpStreamCallbacks> open;

 private:
  class Handle final : public HttpStream {
   public:
    explicit Handle(Streams* owner) : owner_(owner) {}
    ~Handle() override {
      if (owner_ != nullptr) owner_->open.reset();
    }
    void resume() override {}

   private:
    Streams* owner_;
  };
};

class NoHttp final : public HttpClient {
 public:
  void request(HttpRequest, std::function<void(Result<HttpResponse>)>) override {}
};

struct World {
  explicit World(const Server& server, Duration operation_deadline = seconds(120)) {
    auto hanging = std::make_unique<HangingProvider>(loop, clock);
    provider = hanging.get();
    Policy policy;
    policy.providers = {hanging->info()};
    policy.providers[0].settle_time = milliseconds(1);
    policy.operation_deadline = operation_deadline;
    DriverOptions settings;
    settings.ledger_path = folder.path("ledger.db");
    settings.subscription.backoff_min = milliseconds(5);
    settings.subscription.backoff_max = milliseconds(50);
    LinkOptions link;
    link.address = server.address("/mesos", "extvold:secret");
    link.session = options();
    link.guard_path = "/extvold/mesos";
    link.identity = {"m1", 7};
    settings.masters.zookeeper = link;
    std::vector<std::unique_ptr<providers::Provider>> providers;
    providers.push_back(std::move(hanging));
    driver = std::make_unique<Driver>(DriverParts{loop, clock, random, http, streams, log}, settings, policy,
                                      std::move(providers));
    REQUIRE(driver->start());
  }
  ~World() { stop(); }
  void stop() {
    if (driver == nullptr) return;
    bool stopped = false;
    driver->stop(milliseconds(20), [&] { stopped = true; });
    CHECK(run_until(loop, [&] { return stopped; }));
    driver.reset();
  }
  void until(const std::function<bool()>& holds) {
    const bool came = run_until(loop, holds, seconds(60));
    INFO(lines);
    REQUIRE(came);
  }
  bool may_act() const { return driver->policy().observe_only.empty(); }
  bool holds_guard() const { return driver->status().zookeeper->guard_acting; }
  // For longer than the guard is certain, and for less than the session lasts.
  static void freeze() { ::usleep(3'200'000); }
  void order(const Order& order) {
    bool done = false;
    driver->submit(order, 0, [&](const Result<std::string>& answer) { done = answer.has_value(); });
    until([&] { return done; });
  }
  static CreateVolume volume(const std::string& name) {
    CreateVolume out;
    out.name = name;
    out.pool = {ProviderName("local~lab"), "disk"};
    out.size_mb = 16;
    return out;
  }

  TempDir folder;
  SystemClock clock;
  FixedRandom random{3};
  uv::Loop loop;
  Streams streams;
  NoHttp http;
  std::string lines;
  Log log{[this](LogLevel, std::string_view line) { lines += std::string(line) + "\n"; }, LogLevel::info};
  HangingProvider* provider = nullptr;
  std::unique_ptr<Driver> driver;
};

// The nodes of those who ask for the guard.
std::size_t candidates(Client& client) {
  const std::vector<std::string> names = client.children("/extvold/mesos");
  return static_cast<std::size_t>(
      std::count_if(names.begin(), names.end(), [](const auto& name) { return name.starts_with("guard-"); }));
}

std::string master(int number) {
  return fmt::format(R"({{"address":{{"hostname":"m{0}","ip":"10.0.0.{0}","port":5050}},"id":"id-{0}"}})",
                     number);
}

TEST_CASE("the stream is the leader's, and another one's as soon as another leads", "[zookeeper][driver]") {
  if (const std::string why = why_no_server(); !why.empty()) return skip_test(why);
  Server server;
  World world(server);
  Client masters(world.loop, server.address("/mesos", "extvold:secret"));
  world.until(
      [&] { return world.driver->status().subscription_error.find("no /mesos") != std::string::npos; });
  CHECK(world.streams.asked.empty());

  masters.create("/mesos");
  masters.create("/mesos/json.info_0000000005", master(1));
  world.until([&] { return world.streams.open.has_value(); });
  CHECK(world.streams.asked == std::vector<std::string>{"http://10.0.0.1:5050/api/v1"});
  world.streams.accept();
  world.until([&] { return world.driver->observed().view_complete; });
  CHECK(world.driver->status().zookeeper->leader_id == "id-1");

  masters.create("/mesos/json.info_0000000004", master(2));
  world.until([&] { return world.streams.asked.size() == 2; });
  CHECK(world.streams.asked.back() == "http://10.0.0.2:5050/api/v1");
  world.until([&] { return !world.driver->observed().view_complete; });
  CHECK(world.lines.find("http://10.0.0.2:5050 leads now") != std::string::npos);
  world.streams.accept();
  world.until([&] { return world.driver->observed().view_complete; });

  masters.remove("/mesos/json.info_0000000005");  // who does not lead matters to nobody
  run_for(world.loop, milliseconds(50));
  CHECK(world.streams.asked.size() == 2);
  masters.remove("/mesos/json.info_0000000004");
  world.until([&] { return !world.streams.open && !world.driver->observed().view_complete; });
  CHECK(world.driver->status().subscription == SubscriptionState::connecting);
  CHECK(world.lines.find("secret") == std::string::npos);
}

TEST_CASE("nothing is started without the guard", "[zookeeper][driver][guard]") {
  if (const std::string why = why_no_server(); !why.empty()) return skip_test(why);
  Server server;
  World world(server);
  CHECK_FALSE(world.may_act());  // from the very start
  CHECK(world.driver->policy().observe_only.find("guard /extvold/mesos") != std::string::npos);
  world.until([&] { return world.may_act(); });
  world.order(Release{});
  world.order(World::volume("a"));
  world.until([&] { return world.provider->calls.size() == 1; });

  // Ordered, and then this process is frozen for longer than the guard is certain.
  world.driver->submit(World::volume("b"), 0, [](const Result<std::string>&) {});
  World::freeze();
  CHECK(world.may_act());  // nobody has told it
  world.until([&] { return !world.may_act(); });
  CHECK(world.provider->calls.size() == 1);
  world.until([&] { return world.provider->calls.size() == 2; });
  CHECK(world.may_act());  // the guard was confirmed again

  // An operator's `active = false` gives the guard away, when the calls that it covers have ended.
  Policy policy = world.driver->policy();
  policy.observe_only = "not here";
  world.driver->set_policy(policy);
  Client other(world.loop, server.address("/mesos", "extvold:secret"));
  run_for(world.loop, milliseconds(50));
  CHECK(candidates(other) == 1);
  world.provider->fail_all();
  world.until([&] { return candidates(other) == 0; });
  CHECK(world.driver->policy().observe_only == "not here");
  CHECK(world.provider->calls.size() == 2);
  policy.observe_only.clear();
  world.driver->set_policy(policy);
  CHECK_FALSE(world.may_act());
  world.until([&] { return world.may_act(); });
  world.until([&] { return world.provider->calls.size() == 3; });

  // Its calls still run when it ends: the guard is not handed on before its time-out is over.
  world.stop();
  CHECK(candidates(other) == 1);
  CHECK(run_until(
      world.loop, [&] { return candidates(other) == 0; }, seconds(60)));
}

TEST_CASE("a daemon with another ledger waits until the calls of the one before are over",
          "[zookeeper][driver][guard]") {
  if (const std::string why = why_no_server(); !why.empty()) return skip_test(why);
  Server server;
  {
    World first(server);
    first.until([&] { return first.may_act() && !first.driver->policy().takes_over; });
    CHECK_FALSE(first.driver->policy().others_acted);
  }
  World second(server, seconds(2));
  second.until([&] { return second.may_act(); });
  const Instant began = second.clock.now();
  CHECK(second.driver->policy().takes_over);
  CHECK(second.driver->status().zookeeper->guard_takes_over);
  second.driver->set_policy(second.driver->policy());  // a reload changes nothing of it
  second.until([&] { return second.may_act() && !second.driver->policy().takes_over; });
  CHECK(second.clock.now() >= began + seconds(1));
  CHECK(second.driver->policy().others_acted);
}

TEST_CASE("the guard is asked for each call, also of one step", "[zookeeper][driver][guard]") {
  if (const std::string why = why_no_server(); !why.empty()) return skip_test(why);
  Server server;
  World world(server);
  world.until([&] { return world.may_act(); });
  world.order(Release{});
  std::vector<bool> held;
  world.provider->on_call = [&] {
    held.push_back(world.holds_guard());
    World::freeze();  // whatever follows in this step comes too late
  };
  for (const char* name : {"a", "b", "c"})
    world.driver->submit(World::volume(name), 0, [](const Result<std::string>&) {});
  world.until([&] { return held.size() >= 3; });
  CHECK(std::count(held.begin(), held.end(), false) == 0);
}

TEST_CASE("a leader that redirects elsewhere is not followed", "[zookeeper][driver]") {
  if (const std::string why = why_no_server(); !why.empty()) return skip_test(why);
  Server server;
  World world(server);
  Client masters(world.loop, server.address("/mesos", "extvold:secret"));
  masters.create("/mesos");
  masters.create("/mesos/json.info_0000000005", master(1));
  world.until([&] { return world.streams.asked.size() == 1; });
  const auto redirect = world.streams.open->on_headers;
  redirect(307, {{"location", "//10.0.0.9:5050/api/v1"}});
  world.until([&] { return world.streams.asked.size() == 2; });
  CHECK(world.streams.asked.back() == "http://10.0.0.9:5050/api/v1");
  const auto opened = world.streams.open->on_headers;
  opened(200, {{"content-type", "application/json"}});
  world.until([&] { return world.streams.asked.size() == 3; });
  CHECK(world.streams.asked.back() == "http://10.0.0.1:5050/api/v1");
  CHECK(world.driver->status().subscription_error.find("it does not know yet that it leads") !=
        std::string::npos);
  CHECK_FALSE(world.driver->observed().view_complete);
  world.streams.accept();
  world.until([&] { return world.driver->observed().view_complete; });
}

}  // namespace
}  // namespace extvold::daemon::zookeeper::tests
