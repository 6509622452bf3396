// DriverWorld: the driver with a real ledger and a real ledger thread, a provider and a master that do what
// the test says. One thread, that of its loop, save for the ledger's.
#pragma once

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

  std::string hosts_attribute() const override { return attribute; }
  void know_hosts(std::vector<HostIdentity> hosts) override { info_.host_identities = std::move(hosts); }

  std::string attribute;
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

inline std::string record(const std::string& json) { return std::to_string(json.size()) + "\n" + json; }

inline std::string snapshot_record() {
  return record(
      R"({"type":"SUBSCRIBED","subscribed":{"get_state":{"get_tasks":{"tasks":[]},"get_executors":{"executors":[]},)"
      R"("get_frameworks":{"frameworks":[]},"get_agents":{"agents":[]}},"heartbeat_interval_seconds":15.0}})");
}

inline std::string agent_added(const std::string& id, const std::string& host,
                               const std::string& attributes) {
  return record(R"({"type":"AGENT_ADDED","agent_added":{"agent":{"agent_info":{"hostname":")" + host +
                R"(","port":5051,"id":{"value":")" + id + R"("},"attributes":[)" + attributes +
                R"(]},"active":true,"version":"1.11.0","pid":"slave(1)@127.0.0.1:5051"}}})");
}

inline std::string task_added(int number) {
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

}  // namespace extvold::daemon::tests
