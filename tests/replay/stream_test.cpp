#include <rapidcheck.h>

#include "tests/replay/recordings_for_test.h"
#include "tests/replay/stream_session.h"

namespace extvold::replay {
namespace {

struct Cluster {
  explicit Cluster(const std::string& name, std::uint16_t shift = 0)
      : recording(load(name)), history(recording) {
    addresses.learn(recording);
    for (const Endpoint& endpoint : recording.endpoints) {
      addresses.add(endpoint, static_cast<std::uint16_t>(endpoint.port + shift));
    }
  }
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  StreamPlan plan(int view, Millis at) const {
    return plan_stream(history, addresses, *history.connection(view, at), at);
  }

  Recording recording;
  History history;
  Addresses addresses;
};

std::vector<StreamRecord> records_of(const std::vector<TimedPiece>& pieces) {
  std::string bytes;
  std::vector<Piece> cuts;
  for (const TimedPiece& piece : pieces) {
    cuts.push_back({piece.t, bytes.size(), bytes.size() + piece.bytes.size()});
    bytes += piece.bytes;
  }
  auto records = split_records(bytes, cuts);
  REQUIRE(records);
  REQUIRE(!records->empty());
  CHECK(records->back().end == bytes.size());
  return std::move(*records);
}

// What a subscriber holds who folds what it was sent.
Json folded(const std::vector<StreamRecord>& records) {
  auto state = ClusterState::from_subscribed(records.front().value);
  REQUIRE(state);
  for (const StreamRecord& record : records) state->apply(record.t, record.value);
  return state->subscribed();
}

Json sorted_tasks(const Json& subscribed) {
  std::set<std::string> tasks;
  for (const auto& [list, all] : subscribed["subscribed"]["get_state"]["get_tasks"].items()) {
    for (const Json& task : all) tasks.insert(list + nlohmann::json(task).dump());
  }
  return tasks;
}

TEST_CASE("the first subscriber gets the recorded pieces, byte for byte", "[stream]") {
  for (const char* name : kScenarios) {
    const Cluster cluster(name);
    for (const Connection& connection : cluster.recording.connections) {
      const StreamPlan plan = plan_stream(cluster.history, cluster.addresses, connection, connection.opened);
      REQUIRE(plan.pieces.size() == connection.pieces.size());
      std::string bytes;
      for (std::size_t i = 0; i < plan.pieces.size(); ++i) {
        CHECK(plan.pieces[i].t == connection.pieces[i].t);
        CHECK(plan.pieces[i].bytes.size() == connection.pieces[i].end - connection.pieces[i].begin);
        bytes += plan.pieces[i].bytes;
      }
      CHECK(bytes == connection.bytes);
      CHECK(plan.cut == connection.closed);
    }
  }
}

TEST_CASE("whenever a subscriber comes, in the end it has seen the same tasks", "[stream]") {
  for (const char* name : kScenarios) {
    const Cluster cluster(name);
    const Connection& connection = cluster.recording.connections.back();
    const Json whole = sorted_tasks(folded(connection.records));
    for (const StreamRecord& record : connection.records) {
      for (const Millis at : {record.t - 1, record.t, record.t + 1}) {
        if (at < connection.opened) continue;
        const StreamPlan plan = plan_stream(cluster.history, cluster.addresses, connection, at);
        const std::vector<StreamRecord> records = records_of(plan.pieces);
        INFO(name << " at " << at);
        CHECK(text_at(records[0].value, {"type"}) == "SUBSCRIBED");
        CHECK(text_at(records[1].value, {"type"}) == "HEARTBEAT");
        CHECK(records[1].t <= std::max(at, connection.records[1].t));
        CHECK(sorted_tasks(folded(records)) == whole);
      }
    }
  }
}

TEST_CASE("rewritten events are whole records, one chunk for each recorded one", "[stream]") {
  for (const char* name : kScenarios) {
    const Cluster cluster(name, 4321);
    const Connection& connection = cluster.recording.connections.front();
    const StreamPlan plan = plan_stream(cluster.history, cluster.addresses, connection, connection.opened);
    CHECK(plan.pieces.size() == connection.pieces.size());
    CHECK(records_of(plan.pieces).size() == connection.records.size());
    for (const TimedPiece& piece : plan.pieces) {
      CHECK(piece.bytes.find(":5051") == std::string::npos);
      CHECK(piece.bytes.find("\"port\":5051") == std::string::npos);
    }
  }
}

TEST_CASE("pieces that cut records in two stay cut, rewritten or not", "[stream]") {
  Cluster cluster("move", 54'000 - 5050);
  Connection connection = cluster.recording.connections.front();
  connection.pieces.clear();
  for (std::size_t i = 0; i < connection.bytes.size(); i += 700) {
    connection.pieces.push_back(
        {static_cast<Millis>(1000 + i), i, std::min(i + 700, connection.bytes.size())});
  }
  auto records = split_records(connection.bytes, connection.pieces);
  REQUIRE(records);
  connection.records = std::move(*records);
  connection.opened = 500;
  const StreamPlan from_start = plan_stream(cluster.history, cluster.addresses, connection, 600);
  CHECK(from_start.pieces.size() == connection.pieces.size());
  CHECK(records_of(from_start.pieces).size() == connection.records.size());
  const StreamPlan late = plan_stream(cluster.history, cluster.addresses, connection, 5000);
  CHECK(records_of(late.pieces).size() < connection.records.size());
}

TEST_CASE("a view that was recorded later answers at once", "[stream]") {
  const Cluster cluster("authenticated");
  const StreamPlan plan = cluster.plan(2, 500);
  REQUIRE(plan.pieces.size() == 2);
  CHECK(plan.pieces[0].t == 500);
  CHECK(plan.pieces[1].t == 500);
}

TEST_CASE("the clock starts once, runs at its speed and stops at its holds", "[clock]") {
  ReplayClock clock(10, {5000, 2000});
  CHECK(!clock.at({1}));
  CHECK(!clock.when(1000));
  clock.start(200, {0});
  CHECK(clock.at({0}) == 200);
  CHECK(clock.at(Instant{} + milliseconds(100)) == 1200);
  CHECK(clock.at(Instant{} + seconds(100)) == 2000);
  CHECK(clock.held(Instant{} + seconds(100)));
  CHECK(clock.when(1200) == Instant{} + milliseconds(100));
  CHECK(!clock.when(2001));
  clock.release(Instant{} + milliseconds(50));  // not held yet: no effect
  CHECK(clock.at(Instant{} + seconds(100)) == 2000);
  clock.release(Instant{} + seconds(100));
  CHECK(clock.at(Instant{} + seconds(101)) == 5000);
  clock.release(Instant{} + seconds(101));
  CHECK(clock.at(Instant{} + seconds(102)) == 15'000);
}

TEST_CASE("the clock shows what it promised when it promised", "[clock]") {
  CHECK(rc::check(
      [](std::uint32_t start, std::uint32_t ahead, std::uint16_t speed_tenths, std::uint32_t now_ms) {
        RC_PRE(speed_tenths > 0);
        ReplayClock clock(static_cast<double>(speed_tenths) / 10.0, {});
        const Instant now = Instant{} + milliseconds(now_ms);
        clock.start(start, now);
        const Millis target = static_cast<Millis>(start) + ahead % 10'000'000;
        const auto when = clock.when(target);
        RC_ASSERT(when.has_value());
        RC_ASSERT(*clock.at(*when) >= target);
        RC_ASSERT(*when >= now);
      }));
}

struct Played {
  std::vector<std::pair<Instant, std::string>> chunks;
  std::optional<Instant> broken;
};

// Reads a session as the server does, `room` bytes at a time.
Played play(StreamSession& session, Instant from, Instant until, std::size_t room = 1U << 20U) {
  Played played;
  for (Instant now = from; now <= until;) {
    while (true) {
      const std::string_view due = session.due(now);
      if (due.empty()) break;
      const std::string chunk(due.substr(0, room));
      session.take(chunk.size(), now);
      played.chunks.emplace_back(now, chunk);
    }
    if (session.broken(now)) {
      played.broken = now;
      break;
    }
    const Instant next = session.next_look();
    if (next == kNever) break;
    now = std::max(next, now + Duration{1});
  }
  return played;
}

TEST_CASE("a session sends pieces at their times and breaks as recorded", "[stream]") {
  const Cluster cluster("failover");
  ReplayClock clock(2, {});
  clock.start(227, {0});
  StreamSession session(cluster.plan(0, 227), clock, {0});
  const Played played = play(session, {0}, Instant{} + seconds(60));
  const Connection& connection = cluster.recording.connections.front();
  REQUIRE(played.chunks.size() == connection.pieces.size());
  for (std::size_t i = 0; i < played.chunks.size(); ++i) {
    CHECK(played.chunks[i].first.ns == (connection.pieces[i].t - 227) * 500'000);
  }
  REQUIRE(played.broken);
  CHECK(played.broken->ns == std::int64_t{4657 - 227} * 500'000);
}

TEST_CASE("heartbeats go on after the last row, and while the clock is held", "[stream]") {
  const Cluster cluster("move");
  const double speed = GENERATE(1.0, 10.0, 0.1);
  const bool held = GENERATE(true, false);
  ReplayClock clock(speed, held ? std::vector<Millis>{3000} : std::vector<Millis>{});
  clock.start(847, {0});
  StreamSession session(cluster.plan(0, 847), clock, {0});
  const Played played = play(session, {0}, Instant{} + seconds(2000));
  CHECK(!played.broken);
  Instant last{0};
  std::int64_t beats = 0;
  const Duration most{static_cast<std::int64_t>(16.5e9 / std::max(speed, 1.0))};
  for (const auto& [when, chunk] : played.chunks) {
    if (chunk.find("HEARTBEAT") == std::string::npos) continue;
    CHECK((when - last) <= most);
    last = when;
    ++beats;
  }
  const double expected = 2000.0 / 15.0 * std::max(speed, 1.0);
  CHECK(static_cast<double>(beats) > expected * 0.9);
  CHECK(static_cast<double>(beats) < expected * 1.1 + 2);
}

TEST_CASE("a small reader gets the same bytes", "[stream]") {
  const Cluster cluster("move");
  ReplayClock clock(1, {});
  clock.start(847, {0});
  StreamSession session(cluster.plan(0, 847), clock, {0});
  const Played played = play(session, {0}, Instant{} + seconds(200), 7);
  std::string bytes;
  for (const auto& [when, chunk] : played.chunks) bytes += chunk;
  const std::string& recorded = cluster.recording.connections.front().bytes;
  REQUIRE(bytes.size() > recorded.size());
  CHECK(bytes.substr(0, recorded.size()) == recorded);
  CHECK(bytes.substr(recorded.size()).starts_with(kHeartbeat));
}

}  // namespace
}  // namespace extvold::replay
