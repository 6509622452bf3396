// Driver: the engine with a real ledger and a real ledger thread, a provider and a master that do what the
// test says.
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>

#include "daemon/api/backend.h"
#include "daemon/driver.h"
#include "daemon/log.h"
#include "ledger/files.h"
#include "ledger/ledger.h"
#include "tests/daemon/support.h"
#include "tests/lib/skip.h"

namespace extvold::daemon::tests {
namespace {

// A provider that keeps volumes in memory and answers in the next turn, or when the test says.
class FakeProvider final : public providers::Provider {
 public:
  FakeProvider(uv::Loop& loop, const Clock& clock) : clock_(clock), deferred_(loop) {
    info_.name = ProviderName("local~lab");
    info_.pools = {"disk"};
    info_.reach_all = true;
    info_.capabilities = {.create = true,
                          .attach_to_named_host = true,
                          .list_attachments = true,
                          .detach_enforced = true,
                          .exclusive_attach = true,
                          .fence_verifiable = false,
                          .shows_running_calls = true,
                          .host_reports = false};
  }
  const ProviderInfo& info() const override { return info_; }
  void observe(std::string volume_key, std::function<void(ProviderObservation)> done) override {
    ProviderObservation out;
    out.provider = info_.name;
    out.volume_key = volume_key;
    out.complete = true;
    out.sent_at = clock_.now();
    for (const auto& [key, volume] : volumes) {
      if (volume_key.empty() || volume_key == key) out.volumes.push_back(volume);
    }
    deferred_.post([this, out, done]() mutable {
      out.ended_at = clock_.now();
      done(out);
    });
  }
  void change_fence(FenceCall, std::function<void(FenceResult)>) override {
    FAIL("this provider has no fence");
  }
  void execute(OperationCall call, std::function<void(OperationResult)> done) override {
    calls.push_back(call);
    if (call.operation.kind == OperationKind::create)  // under way, and it shows
      volumes[call.volume.key] = {call.volume.key, "", call.ledger_id, "disk", 0, TriState::yes, {}};
    answers.push_back([this, call, done] { answer(call, done); });
    if (!hang) deferred_.post([this] { answer_one(); });
  }
  void answer_one() {
    if (answers.empty()) return;
    const auto answer = std::move(answers.front());
    answers.pop_front();
    answer();
  }

  std::map<std::string, ObservedVolume> volumes;
  std::vector<OperationCall> calls;
  std::deque<std::function<void()>> answers;
  bool hang = false;

 private:
  void answer(const OperationCall& call, const std::function<void(OperationResult)>& done) {
    OperationResult result;
    result.id = call.operation.id;
    result.state = OperationState::done;
    result.outcome = Outcome::changed;
    const std::string& key = call.volume.key;
    if (call.operation.kind == OperationKind::create) {
      volumes[key] = {key, "ref-" + key, call.ledger_id, "disk", call.volume.size_mb, TriState::no, {}};
      result.provider_ref = "ref-" + key;
    } else if (call.operation.kind == OperationKind::attach) {
      volumes[key].attachments = {{call.host_name, "/dev/x", false, TriState::no, TriState::no, {}, {}, {}}};
      result.host_identity = call.host_name;
      result.device = "/dev/x";
    } else {
      volumes[key].attachments.clear();
    }
    result.ended_at = clock_.now();
    done(result);
  }

  const Clock& clock_;
  ProviderInfo info_;
  uv::Deferred deferred_;
};

// A master whose stream the test writes.
class FakeStreams final : public HttpStreamSource {
 public:
  class Handle final : public HttpStream {
   public:
    explicit Handle(FakeStreams& owner) : owner_(owner) {}
    ~Handle() override {
      if (owner_.open == this) owner_.open = nullptr;
    }
    void resume() override {
      ++owner_.resumed;
      owner_.paused = false;
    }
    HttpStreamCallbacks callbacks;

   private:
    FakeStreams& owner_;
  };
  explicit FakeStreams(uv::Loop& loop) : deferred_(loop) {}
  std::unique_ptr<HttpStream> start_stream(HttpRequest request, HttpStreamCallbacks callbacks) override {
    if (request.body.find("SUBSCRIBE") == std::string::npos) {  // polls are refused: not what is tested here
      auto handle = std::make_unique<Silent>();
      deferred_.post([callbacks, alive = std::weak_ptr<int>(handle->alive)] {
        if (alive.expired()) return;  // cancelled
        callbacks.on_headers(503, {});
        callbacks.on_end({});
      });
      return handle;
    }
    auto handle = std::make_unique<Handle>(*this);
    handle->callbacks = std::move(callbacks);
    requests.push_back(request.body);
    open = handle.get();
    paused = false;
    return handle;
  }
  // Copies: a callback may destroy the stream.
  void accept(int status = 200) {
    const auto on_headers = open->callbacks.on_headers;
    on_headers(status, {{"content-type", "application/json"}});
  }
  Flow send(std::string_view bytes) {
    const auto on_bytes = open->callbacks.on_bytes;
    const Flow flow = on_bytes(bytes);
    if (flow == Flow::pause) paused = true;
    return flow;
  }
  void end(Status status) {
    const auto on_end = open->callbacks.on_end;
    on_end(std::move(status));
  }

  std::vector<std::string> requests;
  Handle* open = nullptr;
  bool paused = false;
  int resumed = 0;

 private:
  class Silent final : public HttpStream {
   public:
    void resume() override {}
    std::shared_ptr<int> alive = std::make_shared<int>(0);
  };
  uv::Deferred deferred_;
};

// Agents do not answer; the master only counts, so that the self-check is passed.
class DeadHttp final : public HttpClient {
 public:
  explicit DeadHttp(uv::Loop& loop) : deferred_(loop) {}
  void request(HttpRequest request, std::function<void(Result<HttpResponse>)> done) override {
    if (request.url.ends_with("/metrics/snapshot")) {
      deferred_.post([done] { done(HttpResponse{200, {}, R"({"master/tasks_running":0})", {}, {}}); });
      return;
    }
    deferred_.post([done] { done(fail(Errc::unavailable, "nobody there")); });
  }

 private:
  uv::Deferred deferred_;
};

std::string record(const std::string& json) { return std::to_string(json.size()) + "\n" + json; }

std::string snapshot_record() {
  return record(
      R"({"type":"SUBSCRIBED","subscribed":{"get_state":{"get_tasks":{"tasks":[]},"get_executors":{"executors":[]},)"
      R"("get_frameworks":{"frameworks":[]},"get_agents":{"agents":[]}},"heartbeat_interval_seconds":15.0}})");
}

std::string task_added(int number) {
  return record(R"({"type":"TASK_ADDED","task_added":{"task":{"name":"t","task_id":{"value":"t.)" +
                std::to_string(number) +
                R"("},"framework_id":{"value":"F"},"agent_id":{"value":"S0"},"state":"TASK_STAGING"}}})");
}

struct World {
  explicit World(std::function<void(DriverOptions&)> change = {}) { make(std::move(change)); }
  ~World() {
    if (driver != nullptr) stop();
  }

  void make(std::function<void(DriverOptions&)> change = {}) {
    auto fake = std::make_unique<FakeProvider>(loop, clock);
    provider = fake.get();
    Policy policy;
    policy.providers = {fake->info()};
    policy.detach_linger = milliseconds(1);
    DriverOptions options;
    options.ledger_path = ledger_path();
    options.masters.urls = {"http://127.0.0.1:1"};
    options.subscription.backoff_min = milliseconds(1);
    options.subscription.backoff_max = milliseconds(5);
    options.reader.master_jitter_max = {};
    options.reopen_min = milliseconds(5);
    options.reopen_max = milliseconds(20);
    if (change) change(options);
    if (options.dry_run) policy.observe_only = "dry run";
    std::vector<std::unique_ptr<providers::Provider>> providers;
    providers.push_back(std::move(fake));
    driver = std::make_unique<Driver>(DriverParts{loop, clock, random, http, streams, log}, options, policy,
                                      std::move(providers));
  }
  std::string ledger_path() const { return folder.path("ledger.db"); }
  void start() { REQUIRE(driver->start()); }
  void stop() {
    bool stopped = driver->status().state == DriverState::starting;
    if (!stopped) driver->stop(seconds(5), [&] { stopped = true; });
    until([&] { return stopped; });
    driver.reset();
  }
  template <typename F>
  void until(F condition) {
    const bool came = run_until(loop, condition, seconds(20));
    INFO(lines);
    REQUIRE(came);
  }
  Result<std::string> order(Order order) {
    std::optional<Result<std::string>> answer;
    driver->submit(std::move(order), 7, [&](Result<std::string> a) { answer = std::move(a); });
    CHECK_FALSE(answer.has_value());  // never from inside
    until([&] { return answer.has_value(); });
    return *answer;
  }
  void subscribe() {
    until([&] { return streams.open != nullptr; });
    streams.accept();
    streams.send(snapshot_record());
    until([&] { return driver->observed().view_complete; });
  }
  void release() { REQUIRE(order(Release{}).has_value()); }
  CreateVolume volume(const std::string& name) const {
    CreateVolume out;
    out.name = name;
    out.pool = {ProviderName("local~lab"), "disk"};
    out.size_mb = 16;
    return out;
  }
  const VolumeEntry* entry(const std::string& name) const { return driver->snapshot().volume_by_name(name); }
  bool available(const std::string& name) const {
    return entry(name) != nullptr && entry(name)->volume.state == VolumeState::available;
  }
  // As another program would read it.
  std::string sql(const std::string& query) const {
    sqlite3* db = nullptr;
    REQUIRE(sqlite3_open_v2(ledger_path().c_str(), &db, SQLITE_OPEN_READWRITE, nullptr) == SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    std::string out;
    const auto row = [](void* to, int columns, char** values, char**) {
      for (int i = 0; i < columns; ++i)
        *static_cast<std::string*>(to) += values[i] == nullptr ? "" : values[i];
      return 0;
    };
    char* error = nullptr;
    const int code = sqlite3_exec(db, query.c_str(), row, &out, &error);
    INFO(query << ": " << (error == nullptr ? "" : error));
    CHECK(code == SQLITE_OK);
    sqlite3_free(error);
    sqlite3_close(db);
    return out;
  }

  TempDir folder;
  SystemClock clock;
  FixedRandom random{3};
  uv::Loop loop;
  FakeStreams streams{loop};
  DeadHttp http{loop};
  std::string lines;
  Log log{[this](LogLevel, std::string_view line) { lines += std::string(line) + "\n"; }, LogLevel::info};
  FakeProvider* provider = nullptr;
  std::unique_ptr<Driver> driver;
};

// Keeps the ledger thread busy until released: commits wait behind it.
class Stall {
 public:
  explicit Stall(Driver& driver) {
    driver.with_ledger(
        [this](ledger::Ledger&) {
          std::unique_lock lock(mutex_);
          wake_.wait(lock, [this] { return released_; });
        },
        [](const Status&) {});
  }
  ~Stall() { release(); }
  void release() {
    {
      const std::lock_guard lock(mutex_);
      released_ = true;
    }
    wake_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  bool released_ = false;
};

}  // namespace

TEST_CASE("driver: an order becomes an operation, a call, a read-back, and rows that others can read") {
  World world;
  world.start();
  world.release();
  const Result<std::string> answer = world.order(world.volume("pgdata"));
  REQUIRE(answer.has_value());
  CHECK(world.sql("SELECT count(*) FROM volumes WHERE name = 'pgdata'") ==
        "1");  // answered when it is durable
  CHECK(world.sql("SELECT user_uid FROM history WHERE kind = 'volume.ordered'") == "7");
  world.until([&] { return world.available("pgdata"); });
  world.until([&] { return world.driver->status().batches_uncommitted == 0; });
  CHECK(world.sql("SELECT kind || state || outcome FROM operations") == "createdonechanged");
  REQUIRE(world.provider->calls.size() == 1);
  CHECK(world.lines.find("event=operation_recorded volume=pgdata") != std::string::npos);
  CHECK(world.lines.find("event=operation_done volume=pgdata") != std::string::npos);
  const DriverStatus status = world.driver->status();
  CHECK(status.state == DriverState::running);
  CHECK(status.counts.calls_started == 1);
  CHECK(status.counts.calls_ended == 1);
  CHECK(status.calls_running == 0);
}

TEST_CASE("driver: no call starts before its intent is durable") {
  World world;
  world.start();
  world.release();
  {
    Stall stall(*world.driver);
    bool answered = false;
    world.driver->submit(world.volume("pgdata"), 0, [&](const Result<std::string>&) { answered = true; });
    world.until([&] { return world.driver->status().batches_uncommitted > 0; });
    run_for(world.loop, milliseconds(50));
    CHECK_FALSE(answered);
    CHECK(world.provider->calls.empty());
    CHECK(world.entry("pgdata")->open_operation->state == OperationState::recorded);
    stall.release();
    world.until([&] { return answered; });
  }
  world.until([&] { return world.available("pgdata"); });
}

TEST_CASE("driver: a second one on the same ledger is refused, and says who has it") {
  World world;
  world.start();
  World other([&](DriverOptions& options) { options.ledger_path = world.ledger_path(); });
  const Status second = other.driver->start();
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().code == Errc::busy);
  CHECK(second.error().message.find(std::to_string(getpid())) != std::string::npos);
}

TEST_CASE("driver: the stream's events reach the ledger, the loss of the stream ends the view") {
  World world;
  world.start();
  world.subscribe();
  CHECK(world.driver->status().subscription == SubscriptionState::open);
  world.streams.send(task_added(1));
  world.until([&] { return world.sql("SELECT count(*) FROM tasks") == "1"; });
  world.streams.end(fail(Errc::uncertain, "connection reset"));
  world.until([&] { return !world.driver->observed().view_complete; });
  CHECK(world.driver->observed().view_incomplete_why.find("connection reset") != std::string::npos);
  CHECK(world.driver->status().counts.streams_lost == 1);
  world.subscribe();
  CHECK(world.driver->snapshot().view.epoch == 2);
}

TEST_CASE(
    "driver: an undecodable record drops the stream, what came before it counts, what came after does not") {
  World world;
  world.start();
  world.subscribe();
  world.streams.send(task_added(1) + record(R"({"type":"TASK_ADDED","task_added":{"task":{"name":7}}})") +
                     task_added(2));
  world.until([&] { return world.driver->status().subscription != SubscriptionState::open; });
  CHECK(world.driver->status().counts.streams_undecodable == 1);
  CHECK(world.lines.find("event=subscription_closed was_open=true") != std::string::npos);
  world.until([&] { return !world.driver->observed().view_complete; });
  world.until([&] { return world.driver->status().batches_uncommitted == 0; });
  CHECK(world.sql("SELECT group_concat(task) FROM tasks") == "t.1");
  world.subscribe();  // asked for anew
}

TEST_CASE("driver: events are stepped in bounded groups, in their order") {
  World world([](DriverOptions& options) { options.events_a_step_max = 10; });
  world.start();
  world.subscribe();
  const std::uint64_t before = world.driver->status().counts.steps;
  std::string bytes;
  for (int i = 0; i < 95; ++i) bytes += task_added(i);
  world.streams.send(bytes);
  world.until([&] { return world.sql("SELECT count(*) FROM tasks") == "95"; });
  const std::uint64_t steps = world.driver->status().counts.steps - before;
  CHECK(steps >= 10);
  CHECK(steps <= 60);  // with their commits; not one an event
}

TEST_CASE("driver: a ledger that does not keep up pauses the stream, and lets it go on") {
  World world([](DriverOptions& options) {
    options.events_a_step_max = 10;
    options.batches_uncommitted_max = 4;
  });
  world.start();
  world.subscribe();
  int sent = 0;
  {
    Stall stall(*world.driver);
    while (!world.streams.paused && sent < 10'000) {
      world.streams.send(task_added(sent++));
      world.loop.turn();
    }
    REQUIRE(world.streams.paused);
    CHECK(sent < 500);
    CHECK(world.driver->status().counts.stream_pauses == 1);
    run_for(world.loop, milliseconds(20));
    CHECK(world.streams.resumed == 0);
  }
  world.until([&] { return world.streams.resumed == 1; });
  CHECK(world.driver->status().subscription == SubscriptionState::open);
  world.until([&] { return world.sql("SELECT count(*) FROM tasks") == std::to_string(sent); });
}

TEST_CASE("driver: a pause that lasts drops the stream rather than have the master buffer without limit") {
  World world([](DriverOptions& options) {
    options.events_a_step_max = 10;
    options.batches_uncommitted_max = 4;
    options.pause_max = milliseconds(50);
  });
  world.start();
  world.subscribe();
  {
    Stall stall(*world.driver);
    for (int i = 0; !world.streams.paused && i < 10'000; ++i) {
      world.streams.send(task_added(i));
      world.loop.turn();
    }
    world.until([&] { return world.driver->status().subscription != SubscriptionState::open; });
    CHECK(world.driver->status().subscription_error.find("did not keep up") != std::string::npos);
  }
  world.subscribe();
}

TEST_CASE("driver: somebody else's write makes it read-only, and it takes the ledger up again") {
  World world;
  world.start();
  world.release();
  world.subscribe();
  REQUIRE(world.order(world.volume("one")).has_value());
  world.until([&] { return world.available("one"); });
  world.until([&] { return world.driver->status().batches_uncommitted == 0; });
  world.sql("UPDATE ledger_meta SET committed_at = committed_at + 1");
  const Result<std::string> answer = world.order(world.volume("two"));
  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().code == Errc::uncertain);
  CHECK(world.driver->status().counts.commit_failures >= 1);
  CHECK(world.lines.find("event=read_only") != std::string::npos);
  CHECK(world.provider->calls.size() == 1);  // nothing was done for what was not recorded
  world.until([&] { return world.driver->status().state == DriverState::running; });
  CHECK(world.lines.find("event=ledger_reopened") != std::string::npos);
  CHECK(world.entry("one") != nullptr);
  CHECK(world.entry("two") == nullptr);  // it was never recorded
  world.subscribe();
  REQUIRE(world.order(world.volume("two")).has_value());
  world.until([&] { return world.available("two"); });
}

TEST_CASE("driver: a call that runs while the ledger fails is settled by looking, not by its answer") {
  World world;
  world.start();
  world.release();
  world.provider->hang = true;
  REQUIRE(world.order(world.volume("one")).has_value());
  world.until([&] { return world.provider->calls.size() == 1; });
  world.until([&] { return world.driver->status().batches_uncommitted == 0; });
  world.sql("UPDATE ledger_meta SET committed_at = committed_at + 1");
  CHECK_FALSE(world.order(Hold{}).has_value());
  world.until([&] { return world.driver->status().state == DriverState::running; });
  world.until([&] { return world.entry("one")->open_operation->state == OperationState::uncertain; });
  world.provider->answer_one();  // the old engine's call ends now
  world.provider->hang = false;
  world.until([&] { return world.available("one"); });
  CHECK(world.provider->calls.size() == 1);
}

TEST_CASE("driver: while read-only, questions are answered and orders are refused with the reason") {
  World world;
  world.start();
  REQUIRE(world.order(world.volume("one")).has_value());
  world.stop();
  // A ledger that is older than its mark: somebody put an old copy in its place.
  const auto mark = ledger::HighWaterFile::read(world.ledger_path());
  REQUIRE(mark.has_value());
  REQUIRE(mark->has_value());
  ledger::HighWaterMark ahead = **mark;
  ahead.sequence.value += 100;
  REQUIRE(ledger::HighWaterFile::write(world.ledger_path(), ahead).has_value());
  world.make();
  world.start();
  CHECK(world.driver->status().state == DriverState::read_only);
  CHECK_FALSE(world.driver->status().read_only_reason.empty());
  CHECK(world.entry("one") != nullptr);
  const Result<std::string> answer = world.order(world.volume("two"));
  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().code == Errc::unavailable);
  CHECK(answer.error().message.find("read-only") != std::string::npos);
  std::size_t rows = 0;
  bool asked = false;
  world.driver->with_ledger([&](ledger::Ledger& ledger) { rows = ledger.history({})->size(); },
                            [&](const Status& ran) { asked = ran.has_value(); });
  world.until([&] { return asked; });
  CHECK(rows > 0);
  CHECK(world.streams.open == nullptr);
  CHECK(world.provider->calls.empty());
}

TEST_CASE("driver: a damaged ledger at the start makes it read-only, and it takes up what is put back") {
  World world;
  world.start();
  REQUIRE(world.order(world.volume("one")).has_value());
  world.stop();
  std::filesystem::copy_file(world.ledger_path(), world.folder.path("sound"));
  std::ofstream(world.ledger_path()) << std::string(10'000, 'x');
  world.make();
  world.start();
  CHECK(world.driver->status().state == DriverState::read_only);
  CHECK(world.driver->snapshot().volumes().empty());
  CHECK(world.driver->plan().operations.empty());
  const Status ready = api::DriverBackend(*world.driver, world.clock).ready();
  REQUIRE_FALSE(ready);
  CHECK(ready.error().message.find("extvold ledger restore") != std::string::npos);
  const Result<std::string> answer = world.order(world.volume("two"));
  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().message.find("extvold ledger restore") != std::string::npos);
  CHECK(std::filesystem::file_size(world.ledger_path()) == 10'000);  // left as it is
  std::filesystem::copy_file(world.folder.path("sound"), world.ledger_path(),
                             std::filesystem::copy_options::overwrite_existing);
  world.until([&] { return world.driver->status().state == DriverState::running; });
  CHECK(world.entry("one") != nullptr);
}

TEST_CASE("driver: a ledger that may only be read is shown, and taken up when it may be written") {
  if (::geteuid() != 0) return extvold::tests::skip_test("needs root, to give rights up");
  World world;
  world.start();
  REQUIRE(world.order(world.volume("one")).has_value());
  world.stop();
  std::filesystem::permissions(world.folder.path(""), std::filesystem::perms(0755));
  std::filesystem::permissions(world.ledger_path(), std::filesystem::perms(0644));
  const int user = ::setfsuid(65534);
  world.make();
  const Status started = world.driver->start();
  CHECK(world.driver->status().state == DriverState::read_only);
  ::setfsuid(static_cast<uid_t>(user));
  REQUIRE(started);
  CHECK(world.driver->status().read_only_reason.find("must be writable") != std::string::npos);
  CHECK(world.entry("one") != nullptr);
  CHECK(api::DriverBackend(*world.driver, world.clock).ready());
  world.until([&] { return world.driver->status().state == DriverState::running; });
}

TEST_CASE("driver: rows that somebody deleted under it make it read-only") {
  World world;
  world.start();
  REQUIRE(world.order(world.volume("one")).has_value());
  world.until([&] { return world.sql("SELECT count(*) FROM blocks") == "1"; });
  world.sql("DELETE FROM volumes");
  CHECK_FALSE(world.order(world.volume("two")).has_value());
  const auto& why = [&] { return world.driver->status().read_only_reason; };
  world.until([&] { return why().find("volume 1, which does not exist") != std::string::npos; });
  CHECK(world.driver->status().state == DriverState::read_only);
  CHECK(world.entry("one") != nullptr);  // what was known last
}

TEST_CASE("driver: a stop waits for the calls that run, and not for ever") {
  World world;
  world.start();
  world.release();
  world.provider->hang = true;
  REQUIRE(world.order(world.volume("one")).has_value());
  world.until([&] { return world.provider->calls.size() == 1; });
  bool stopped = false;
  SECTION("it ends in time: its result is recorded") {
    world.driver->stop(seconds(10), [&] { stopped = true; });
    run_for(world.loop, milliseconds(50));
    CHECK_FALSE(stopped);
    const Result<std::string> late = world.order(world.volume("two"));
    REQUIRE_FALSE(late.has_value());
    CHECK(late.error().code == Errc::unavailable);
    world.provider->answer_one();
    world.until([&] { return stopped; });
    CHECK(world.sql("SELECT outcome FROM operations") == "changed");
  }
  SECTION("it does not") {
    world.driver->stop(milliseconds(50), [&] { stopped = true; });
    world.until([&] { return stopped; });
    CHECK(world.sql("SELECT state FROM operations") == "issued");
  }
  const bool known = world.sql("SELECT outcome FROM operations") == "changed";
  world.driver.reset();
  world.make();
  world.start();
  if (!known) {  // it may have happened: looked at before anything else
    world.until(
        [&] { return world.sql("SELECT state FROM operations WHERE open_volume IS NOT NULL") != "issued"; });
    CHECK(world.sql("SELECT count(*) FROM history WHERE kind = 'operation.uncertain' AND rule = 'start'") ==
          "1");
  }
  CHECK(world.entry("one") != nullptr);
}

TEST_CASE("driver: a dry run beside it reads the same, changes nothing and starts nothing") {
  World world;
  world.start();
  world.release();
  world.provider->hang = true;
  REQUIRE(world.order(world.volume("one")).has_value());
  world.until([&] { return world.driver->status().batches_uncommitted == 0; });
  const std::string before = world.sql("SELECT sequence FROM ledger_meta");
  World dry([&](DriverOptions& options) {
    options.ledger_path = world.ledger_path();
    options.dry_run = true;
    options.masters.urls.clear();
  });
  REQUIRE(dry.driver->start());
  dry.until([&] { return dry.driver->status().counts.observations > 0; });
  run_for(dry.loop, milliseconds(50));
  CHECK(dry.provider->calls.empty());
  CHECK(dry.entry("one") != nullptr);
  CHECK(dry.driver->snapshot().sequence.value > std::stoll(before));  // tentative, in memory
  dry.stop();
  CHECK(world.sql("SELECT sequence FROM ledger_meta") == before);
}

TEST_CASE("driver: numbers of the policy may change while it runs") {
  World world;
  world.start();
  world.release();
  Policy changed = world.driver->policy();
  changed.observe_only = "another host acts";
  world.driver->set_policy(changed);
  REQUIRE(world.order(world.volume("one")).has_value());
  run_for(world.loop, milliseconds(50));
  CHECK(world.provider->calls.empty());
  changed.observe_only.clear();
  world.driver->set_policy(changed);
  world.until([&] { return world.available("one"); });
}

TEST_CASE("driver: a refusal that repeats itself is said once") {
  World world;
  world.start();
  for (int i = 0; i < 3; ++i) {
    world.until([&] { return world.streams.open != nullptr; });
    const std::size_t attempts = world.streams.requests.size();
    world.streams.accept(401);
    world.streams.send("401 Unauthorized.");
    world.streams.end({});
    world.until([&] { return world.streams.requests.size() > attempts; });
  }
  std::size_t said = 0;
  for (std::size_t at = world.lines.find("subscription_closed"); at != std::string::npos;
       at = world.lines.find("subscription_closed", at + 1))
    ++said;
  CHECK(said == 1);
  CHECK(world.driver->status().subscription_error.find("401") != std::string::npos);
  CHECK(world.driver->observed().view_incomplete_why.find("credentials") != std::string::npos);
}

}  // namespace extvold::daemon::tests
