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
#include "tests/daemon/driver_world.h"
#include "tests/daemon/support.h"
#include "tests/lib/skip.h"

namespace extvold::daemon::tests {

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

TEST_CASE("driver: a provider knows hosts by their agents' attributes, before it is asked") {
  World world;
  world.provider->attribute = "csi_node";
  world.start();
  world.subscribe();
  for (const auto& [agent, host, attributes] :
       {std::tuple("S1", "a1",
                   R"({"name":"zone","type":"TEXT","text":{"value":"csi_node:x"}},)"
                   R"({"name":"csi_node","type":"TEXT","text":{"value":"i-0abc"}})"),
        std::tuple("S2", "a2", R"({"name":"csi_nodes","type":"TEXT","text":{"value":"i-1"}})"),
        std::tuple("S3", "a3", R"({"name":"csi_node","type":"TEXT","text":{"value":"i-twice"}})"),
        std::tuple("S4", "a4", R"({"name":"csi_node","type":"TEXT","text":{"value":"i-twice"}})")})
    world.streams.send(agent_added(agent, host, attributes));
  world.until([&] { return world.driver->snapshot().agents().size() == 4; });
  REQUIRE(world.order(ReconcileNow{}).has_value());
  world.until([&] { return !world.provider->info().host_identities.empty(); });
  // a2 tells nothing, and of one name that two hosts bear nobody knows whose it is.
  CHECK(world.provider->info().host_identities == std::vector<HostIdentity>{{"a1", "i-0abc"}});
  world.until([&] { return world.driver->policy().providers.at(0).host_identities.size() == 1; });
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
