#include "tests/replay/history.h"

#include "tests/replay/recordings_for_test.h"

namespace extvold::replay {
namespace {

const Json kNone;
const Json kWhole = {{"show_nested", true}, {"show_standalone", true}};

bool lists(const History& history, const std::string& endpoint, const char* call, Moment at,
           const std::string& text) {
  const Row* row = history.row(endpoint, call, kNone, 0, at);
  REQUIRE(row != nullptr);
  return row->body.find(text) != std::string::npos;
}

TEST_CASE("a killed master refuses until the next recorded connection", "[history]") {
  const Recording recording = load("failover");
  const History history(recording);
  CHECK(history.condition("m1", 4647) == Condition::answering);
  CHECK(history.condition("m1", 4648) == Condition::refused);
  CHECK(history.condition("m1", 7183) == Condition::refused);
  CHECK(history.condition("m1", 7184) == Condition::answering);
  CHECK(history.connection(0, 4000)->number == 1);
  CHECK(history.connection(0, 4700) == nullptr);
  CHECK(history.connection(0, 7184)->number == 2);
  CHECK(history.connection(0, 99'000'000)->number == 2);  // the state stays
  // Not a row of the dead master, although none of the new one was recorded yet.
  const Row* agents = history.row("m1", "GET_AGENTS", kNone, 0, 7185);
  REQUIRE(agents != nullptr);
  CHECK(agents->t > 7184);
  CHECK(history.told("m1", "GET_AGENTS", 0, 7185) == nullptr);
}

TEST_CASE("freeze and thaw of the timeline are the judge, not the watch's time-outs", "[history]") {
  const Recording recording = load("partition");
  const History history(recording);
  CHECK(history.condition("a1", 2781) == Condition::answering);
  CHECK(history.condition("a1", 2782) == Condition::frozen);
  CHECK(history.condition("a1", 8794) == Condition::frozen);
  CHECK(history.condition("a1", 8795) == Condition::answering);
  // After the thaw the same process answers, at first as before.
  const Row* containers = history.row("a1", "GET_CONTAINERS", kWhole, 0, 8800);
  REQUIRE(containers != nullptr);
  CHECK(containers->outcome == Outcome::answered);
  CHECK(containers->t < 2782);
}

TEST_CASE("a killed agent refuses at once, then says 503, then answers", "[history]") {
  const Recording recording = load("agent_restart");
  const History history(recording);
  CHECK(history.condition("a1", 2778) == Condition::answering);
  CHECK(history.condition("a1", 2779) == Condition::refused);
  CHECK(history.condition("a1", 4263) == Condition::refused);
  CHECK(history.condition("a1", 4264) == Condition::answering);
  // GET_AGENT was asked 11 ms after the first answer: the new process' word, not the old one's.
  CHECK(history.row("a1", "GET_AGENT", kNone, 0, 4265)->status == 503);
  CHECK(history.row("a1", "GET_AGENT", kNone, 0, 5000)->status == 503);
  CHECK(history.row("a1", "GET_AGENT", kNone, 0, 6400)->status == 200);
  CHECK(history.condition("a2", 9833) == Condition::answering);
  CHECK(history.condition("a2", 9834) == Condition::refused);
  CHECK(history.condition("a2", 99'000) == Condition::refused);
  CHECK(history.condition("a3", 15'000) == Condition::answering);  // it leaves gracefully, and takes its time
  CHECK(history.condition("a3", 16'612) == Condition::refused);
}

TEST_CASE("before the clock everything answers as at its first good row", "[history]") {
  for (const char* name : kScenarios) {
    const Recording recording = load(name);
    const History history(recording);
    INFO(name);
    CHECK(history.condition("m1", std::nullopt) == Condition::answering);
    CHECK(history.condition("a1", std::nullopt) == Condition::answering);
    const Row* agent = history.row("a1", "GET_AGENT", kNone, 0, std::nullopt);
    REQUIRE(agent != nullptr);
    CHECK(agent->status == 200);
    // An agent that has not registered yet has no id.
    CHECK(text_at(parse_json(agent->body), {"get_agent", "agent_info", "id", "value"}).empty());
  }
}

TEST_CASE("polls and watch are one history", "[history]") {
  const Recording recording = load("move");
  const History history(recording);
  int from_polls = 0;
  for (const Row& row : recording.rows) {
    if (row.outcome != Outcome::answered) continue;
    const Row* latest = history.row(row.endpoint, row.call, row.arguments, 0, row.t);
    REQUIRE(latest != nullptr);
    CHECK(latest->t == row.t);
    from_polls += row.polled ? 1 : 0;
  }
  CHECK(from_polls == 48);
}

TEST_CASE("an answer without nested containers is not one to a call that asks for them", "[history]") {
  const Recording recording = load("pods");
  const History history(recording);
  const Row* whole = history.row("a1", "GET_CONTAINERS", kWhole, 0, 3100);
  const Row* roots = history.row("a1", "GET_CONTAINERS", kNone, 0, 3100);
  REQUIRE(whole != nullptr);
  REQUIRE(roots != nullptr);
  CHECK(whole->body.find("\"parent\"") != std::string::npos);
  CHECK(roots->body.find("\"parent\"") == std::string::npos);
}

TEST_CASE("the rows of two principals are told apart by what they show", "[history]") {
  const Recording recording = load("authenticated");
  const History history(recording);
  CHECK(history.has_views());
  CHECK(lists(history, "m1", "GET_TASKS", 2500, "t.1"));
  int blind = 0;
  for (const Row& row : recording.rows) {
    if (history.view_of(row) != 2) continue;
    CHECK(row.t > 2277);
    CHECK(row.t < 4338);
    ++blind;
  }
  CHECK(blind >= 6);
  CHECK(history.row("m1", "GET_TASKS", kNone, 2, 6000)->body.find("t.1") == std::string::npos);
  CHECK(history.row("m1", "GET_TASKS", kNone, 1, 3500)->body.find("t.1") != std::string::npos);
  CHECK(history.connection(2, 0)->number == 2);
  CHECK(history.start(1) == 245);
  CHECK(history.start(2) == 2277);
}

TEST_CASE("in move the volume's container is seen gone before the next one starts", "[history]") {
  const Recording recording = load("move");
  const History history(recording);
  CHECK(lists(history, "a1", "GET_TASKS", 8000, "pg.1"));
  const auto containers = [&](const char* agent, Millis at) {
    const Json answer = parse_json(history.row(agent, "GET_CONTAINERS", kWhole, 0, at)->body);
    const Json* all = find_path(answer, {"get_containers", "containers"});
    return all == nullptr ? std::size_t{0} : all->size();
  };
  CHECK(containers("a1", 8000) == 1);
  CHECK(containers("a1", 14'000) == 0);
}

}  // namespace
}  // namespace extvold::replay
