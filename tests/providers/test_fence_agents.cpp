// The power rung: a scripted agent that keeps its power in a file and can fail, hang, lie and babble, and the
// real fence_dummy of the package fence-agents.
#include <fcntl.h>
#include <rapidcheck.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <deque>
#include <filesystem>

#include "host/files.h"
#include "providers/fence_agent/fence_agents.h"
#include "tests/lib/forking_process_runner.h"
#include "tests/lib/skip.h"
#include "tests/providers/local_world.h"
#include "tests/providers/only_answer.h"

using namespace extvold;
using namespace extvold::tests;
using namespace extvold::providers::fence_agent;

namespace {

// What it is told it appends to `told`; `mood` beside it says how it behaves.
constexpr std::string_view kAgent = R"sh(#!/bin/sh
dir=${0%/*}
while IFS= read -r line; do
  printf '%s\n' "$line" >> "$dir/told"
  case $line in
    action=*) action=${line#action=} ;;
    plug=*) plug=${line#plug=} ;;
    password=*) password=${line#password=} ;;
  esac
done
echo "$# arguments" >> "$dir/told"
mood=$(cat "$dir/mood")
case $mood in
  fail) echo "Unable to connect, ${password}: tried $password" >&2; exit 1 ;;
  hang) sleep 60 ;;
  dead) kill -9 $$ ;;
  silent2) exit 2 ;;
  both) echo "Status: ON, was OFF"; exit 2 ;;
  lie) [ "$action" = status ] || { echo "Success: Powered OFF"; exit 0; } ;;
  odd) echo "Status: OFF"; exit 77 ;;
  flood) head -c 200000 /dev/zero | tr '\0' x; echo "Status: OFF"; exit 2 ;;
  broken) eval "if fi" ;;
esac
case $action in
  on | off) echo "$action" > "$dir/power-$plug"; echo "Success: Powered $action" ;;
  status)
    [ "$(cat "$dir/power-$plug" 2> /dev/null)" = off ] && { echo "Status: OFF"; exit 2; }
    echo "Status: ON" ;;
esac
)sh";

class PowerWorld {
 public:
  PowerWorld() {
    std::string name = "/tmp/extvold-power-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    dir = name;
    agent.name = "rack1";
    agent.program = dir + "/agent";
    agent.options = {{"ip", "10.1.0.9"}, {"plug", "9"}};
    agent.secret_place = "/secret";
    agent.hosts = {{"a1", {{"plug", "1"}}}, {"a2", {{"plug", "2"}}}};
    agent.deadline = seconds(20);
    write_text(agent.program, kAgent);
    REQUIRE(::chmod(agent.program.c_str(), 0755) == 0);
    mood("well");
    restart();
  }
  ~PowerWorld() {
    runner.forget(false);
    std::filesystem::remove_all(dir);
  }
  PowerWorld(const PowerWorld&) = delete;
  PowerWorld& operator=(const PowerWorld&) = delete;

  void mood(std::string_view text) const { write_text(dir + "/mood", text); }
  std::string told() const { return read_text(dir + "/told"); }

  void restart() {
    fence = std::make_unique<FenceAgents>(
        std::vector<FenceAgentConfig>{agent}, dir,
        FenceAgentsPorts{runner, [this](const std::string&) { return secret; },
                         [this](std::function<void()> closure) { deferred.push_back(std::move(closure)); },
                         boot_clock});
  }

  FenceResult call(FenceAct act, const std::string& host = "a1") {
    FenceCall call;
    call.act = act;
    call.fence.id = FenceId{4};
    call.fence.rung = FenceRung::power;
    call.fence.target = host;
    const Instant before = boot_clock();
    const auto result =
        only_answer<FenceResult>([&](auto done) { fence->change_fence(call, std::move(done)); },
                                 [&] {
                                   for (; !deferred.empty(); deferred.pop_front()) deferred.front()();
                                   runner.drain();
                                 });
    CHECK(result.id == call.fence.id);
    CHECK(result.act == act);
    CHECK(result.sent_at >= before);
    CHECK(result.ended_at >= result.sent_at);
    CHECK(result.error.message.size() < 1000);
    for (const std::string& text : {result.error.message, result.seen}) {
      CHECK(text.find("hunter2") == std::string::npos);
      CHECK(text.find('\n') == std::string::npos);
    }
    return result;
  }
  TriState held(const std::string& host = "a1") { return call(FenceAct::check, host).held; }

  std::string dir;
  Result<std::string> secret = std::string("hunter2");
  FenceAgentConfig agent;
  ForkingProcessRunner runner;
  std::deque<std::function<void()>> deferred;
  std::unique_ptr<FenceAgents> fence;
};

}  // namespace

TEST_CASE("power: off, looked at, on again, each host by its own options and nothing on the command line") {
  PowerWorld world;
  CHECK(world.fence->covers("a1"));
  CHECK_FALSE(world.fence->covers("a3"));
  CHECK(hosts_of({world.agent}) == std::vector<std::string>{"a1", "a2"});
  CHECK(world.held() == TriState::no);
  CHECK(world.told() == "action=status\nip=10.1.0.9\nplug=1\npassword=hunter2\n0 arguments\n");
  for (int again = 0; again < 2; ++again) {
    CHECK(world.call(FenceAct::set).state == FenceCallState::done);
    const FenceResult off = world.call(FenceAct::check);
    CHECK(off.state == FenceCallState::done);
    CHECK(off.held == TriState::yes);
    CHECK(off.seen.find("Status: OFF") != std::string::npos);
  }
  CHECK(world.held("a2") == TriState::no);
  CHECK(world.call(FenceAct::lift).state == FenceCallState::done);
  CHECK(world.held() == TriState::no);
}

TEST_CASE("power: a look proves nothing unless the agent says OFF in word and in status") {
  PowerWorld world;
  REQUIRE(world.call(FenceAct::set).state == FenceCallState::done);
  const auto look = [&](std::string_view mood, FenceCallState state) {
    INFO(mood);
    world.mood(mood);
    const FenceResult result = world.call(FenceAct::check);
    INFO(result.error.message);
    CHECK(result.state == state);
    CHECK(result.held == TriState::unknown);
    CHECK_FALSE(result.error.message.empty());
  };
  look("fail", FenceCallState::failed);
  look("dead", FenceCallState::uncertain);
  look("silent2", FenceCallState::uncertain);
  look("both", FenceCallState::uncertain);
  look("odd", FenceCallState::uncertain);
  look("flood", FenceCallState::uncertain);
  look("broken", FenceCallState::uncertain);  // a shell ends with 2 on a script that it cannot read
  world.mood("well");
  CHECK(world.held() == TriState::yes);
}

TEST_CASE("power: an agent that claims to have switched it off is not believed without a look") {
  PowerWorld world;
  world.mood("lie");
  CHECK(world.call(FenceAct::set).state == FenceCallState::done);
  CHECK(world.held() == TriState::no);
}

TEST_CASE("power: an order that failed may have been carried out, and the secret is not told") {
  PowerWorld world;
  for (const FenceAct act : {FenceAct::set, FenceAct::lift}) {
    for (const std::string_view mood : {"fail", "dead", "broken"}) {
      INFO(mood);
      world.mood(mood);
      const FenceResult result = world.call(act);
      INFO(result.error.message);
      CHECK(result.state == FenceCallState::uncertain);
      CHECK(result.error.code == Errc::uncertain);
      CHECK(result.error.message.find("[power.rack1], host a1") == 0);
    }
  }
  world.mood("fail");
  CHECK(world.call(FenceAct::set).error.message.find("[redacted]: tried [redacted]") != std::string::npos);
}

// As a left-over of this host's switch has it. What was killed just now may still be ending.
host::UniqueFd lock_of_a1(const PowerWorld& world) {
  host::UniqueFd lock(::open((world.dir + "/.power-a1").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  bool locked = false;
  for (int i = 0; i < 2000 && !locked; ++i) {
    locked = host::lock_exclusively(lock.get(), "lock").has_value();
    if (!locked) ::usleep(5000);
  }
  REQUIRE(locked);
  return lock;
}

TEST_CASE("power: an agent that hangs is killed at its deadline, and one that lives on bars the next") {
  PowerWorld world;
  world.agent.deadline = milliseconds(300);
  world.restart();
  world.mood("hang");
  for (const FenceAct act : {FenceAct::set, FenceAct::check, FenceAct::lift}) {
    lock_of_a1(world);  // the one before has ended
    const FenceResult result = world.call(act);
    INFO(result.error.message);
    CHECK(result.state == FenceCallState::uncertain);
    CHECK(result.held == TriState::unknown);
  }
  world.mood("well");
  world.agent.deadline = seconds(20);
  world.restart();
  {
    const host::UniqueFd lock = lock_of_a1(world);
    const FenceResult barred = world.call(FenceAct::lift);
    CHECK(barred.state == FenceCallState::failed);
    CHECK(barred.error.code == Errc::busy);
    CHECK(world.held("a2") == TriState::no);
  }
  CHECK(world.call(FenceAct::lift).state == FenceCallState::done);
}

TEST_CASE("power: what cannot be started has done nothing") {
  PowerWorld world;
  const auto failed = [&](FenceAct act, Errc code, const std::string& host = "a1") {
    const FenceResult result = world.call(act, host);
    INFO(result.error.message);
    CHECK(result.state == FenceCallState::failed);
    CHECK(result.error.code == code);
    CHECK(result.held == TriState::unknown);
  };
  failed(FenceAct::set, Errc::not_found, "a3");
  world.secret = fail(Errc::permission, "/secret: cannot be read: Permission denied");
  failed(FenceAct::set, Errc::permission);
  for (const char* bad : {"hunter2\naction=on", "hunter2 ", "\"hunter2\"", ""}) {
    world.secret = std::string(bad);
    failed(FenceAct::set, Errc::invalid);
  }
  CHECK(world.told().empty());
  world.secret = std::string("hunter2");
  world.agent.program = world.dir + "/no-such";
  world.restart();
  failed(FenceAct::set, Errc::not_found);
  failed(FenceAct::check, Errc::not_found);
}

TEST_CASE("power: no option gets a second line to the agent, whatever it is made of") {
  CHECK(problem_of_option("plug", "1").empty());
  CHECK(problem_of_option("password_script", "/usr/local/bin/secret").empty());
  for (const char* name : {"", "Plug", "plug\n", "pl ug", "plug=1", "#plug", "action", "option", "help",
                           "version", "passwd", "password", "snmp-priv-passwd", "secret_key", "verbose",
                           "debug_file", "missing-as-off", "missing_as_off"}) {
    INFO(name);
    CHECK_FALSE(problem_of_option(name, "1").empty());
  }
  CHECK(rc::check("what is accepted is one line that reads back", [] {
    const auto name = *rc::gen::container<std::string>(rc::gen::elementOf(std::string("ab_-=\n #\"P")));
    const auto value = *rc::gen::container<std::string>(rc::gen::arbitrary<char>());
    if (!problem_of_option(name, value).empty()) return;
    const std::string line = fmt::format("{}={}", name, value);
    RC_ASSERT(line.find_first_of(std::string_view("\n\r\0", 3)) == std::string::npos);
    RC_ASSERT(line.find('=') == name.size());
    RC_ASSERT(line.front() != '#');
    RC_ASSERT(line.front() != ' ');
    RC_ASSERT(line.back() != ' ');
  }));
}

TEST_CASE("power: whatever an agent prints ends as a bounded line without the secret") {
  PowerWorld world;
  write_text(world.agent.program, "#!/bin/sh\ncat > /dev/null\ncat \"${0%/*}/says\" >&2\nexit 1\n");
  std::string wild;
  for (int i = 0; i < 256; ++i) wild += static_cast<char>(i);
  for (const std::string& says :
       {fmt::format("{}hunter2{}", wild, wild), std::string(1000, 'x') + "hunter2",
        std::string((64U << 10U) - 4, ' ') + "hunter2 and more", std::string("hunt")}) {
    write_text(world.dir + "/says", says);
    const FenceResult result = world.call(FenceAct::set);
    CHECK(result.state == FenceCallState::uncertain);
    CHECK(result.error.message.find("hunt") == std::string::npos);
    for (const char c : result.error.message) CHECK((c >= ' ' && c < '\x7f'));
  }
}

TEST_CASE("power: the real fence_dummy is told, asked and believed as any agent") {
  if (::access("/usr/sbin/fence_dummy", X_OK) != 0)
    return skip_test("NEEDS fence-agents (apt install fence-agents): skipped the real fence_dummy");
  PowerWorld world;
  world.agent.program = "/usr/sbin/fence_dummy";
  world.agent.options = {};
  world.agent.secret_place.clear();
  const std::string file = world.dir + "/status file";
  world.agent.hosts = {{"a1", {{"status_file", file}}}};
  world.restart();
  write_text(file, "on");
  CHECK(world.held() == TriState::no);
  for (int again = 0; again < 2; ++again) {
    const FenceResult off = world.call(FenceAct::set);
    INFO(off.error.message);
    CHECK(off.state == FenceCallState::done);
    CHECK(read_text(file) == "off");
    CHECK(world.held() == TriState::yes);
  }
  CHECK(world.call(FenceAct::lift).state == FenceCallState::done);
  CHECK(read_text(file) == "on");
  CHECK(world.held() == TriState::no);
  write_text(file, "between");
  const FenceResult odd = world.call(FenceAct::check);
  INFO(odd.error.message);
  CHECK(odd.state == FenceCallState::failed);
  CHECK(odd.held == TriState::unknown);
  CHECK(odd.error.message.find("Unable to obtain correct plug status") != std::string::npos);
  // An option that it does not know it repeats, value and all: a secret in such a line must not come back.
  world.agent.secret_place = "/secret";
  world.agent.secret_option = "no_such_option";
  world.restart();
  CHECK(world.call(FenceAct::check).error.message.find("[redacted]") != std::string::npos);
}
