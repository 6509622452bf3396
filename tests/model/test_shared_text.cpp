// SharedText, and the ids in it that a snapshot's claims share.
#include <catch2/catch.hpp>
#include <thread>

#include "model/snapshot.h"

namespace extvold {
namespace {

TEST_CASE("SharedText: a text like another, made once") {
  const SharedText made(std::string_view("7d68a27b-7250-472c-b135-95717b3dd9f6-S0"));
  const SharedText copy = made;
  CHECK(copy.view().data() == made.view().data());
  const SharedText apart(made.view());
  CHECK(apart.view().data() != made.view().data());
  CHECK(apart == made);
  CHECK((apart <=> made) == std::strong_ordering::equal);
  CHECK(SharedText(std::string_view("a")) < SharedText(std::string_view("b")));
  CHECK(SharedText(std::string_view("a")) < SharedText(std::string_view("aa")));
  CHECK(SharedText() < SharedText(std::string_view("a")));
  CHECK(made == "7d68a27b-7250-472c-b135-95717b3dd9f6-S0");
  CHECK(fmt::format("{:>4}|{}", SharedText(std::string_view("a")), SharedText()) == "   a|");
}

TEST_CASE("SharedText: moving and assigning, also from itself") {
  SharedText a(std::string_view("a text"));
  SharedText b = std::move(a);
  CHECK(a.empty());  // NOLINT(bugprone-use-after-move,clang-analyzer-cplusplus.Move): moved from is empty
  CHECK(b == "a text");
  SharedText& same = b;
  b = same;
  CHECK(b == "a text");
  b = SharedText();
  CHECK(b.empty());
  CHECK(b.size() == 0);
  CHECK(SharedText(std::string_view()).view().empty());
}

TEST_CASE("SharedText: copies of many threads") {
  const SharedText text(std::string_view("shared by all"));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([text] {
      for (int round = 0; round < 10'000; ++round) {
        const SharedText copy = text;  // NOLINT(performance-unnecessary-copy-initialization): the point
        if (copy.empty()) std::abort();
      }
    });
  }
  for (std::thread& one : threads) one.join();
  CHECK(text == "shared by all");
}

Claim claim(std::int64_t id, const char* agent, const char* framework) {
  Claim out;
  out.id = {id};
  out.agent = AgentId(agent);
  out.framework = FrameworkId(framework);
  out.task = TaskId(fmt::format("t{}", id));
  out.unresolved = Unresolved::no_such_volume;
  return out;
}

TEST_CASE("snapshot: claims share the ids of their agent and framework") {
  Snapshot snapshot;
  Agent agent;
  agent.id = AgentId("S1");
  snapshot.apply(agent);
  Framework framework;
  framework.id = FrameworkId("F1");
  snapshot.apply(framework);
  snapshot.apply(claim(1, "S1", "F1"));
  snapshot.apply(claim(2, "S2", "F2"));  // neither row is known yet
  snapshot.apply(claim(3, "S2", "F2"));
  const auto at = [&](std::int64_t id) { return *snapshot.claim(ClaimId{id}); };
  CHECK(at(1).agent.value.view().data() == snapshot.agents().begin()->first.value.view().data());
  CHECK(at(1).framework.value.view().data() == snapshot.frameworks().begin()->first.value.view().data());
  CHECK(at(2).agent.value.view().data() == at(3).agent.value.view().data());
  CHECK(at(2).agent.value == "S2");
}

TEST_CASE("snapshot: which view listed a claim, and whether as alive") {
  Snapshot snapshot;
  snapshot.apply(MesosView{4, {}, {}, {}});
  snapshot.apply(claim(1, "S1", "F1"));
  const Claim& one = *snapshot.claim(ClaimId{1});
  CHECK(one.listed_in_view.value == 0);
  snapshot.note_claim_listed({1}, true);
  snapshot.note_claim_listed({1}, false);  // it stands in both lists
  CHECK(one.listed_in_view.value == 4);
  CHECK(one.listed_alive.value);
  snapshot.apply(MesosView{5, {}, {}, {}});
  snapshot.note_claim_listed({1}, false);
  CHECK(one.listed_in_view.value == 5);
  CHECK_FALSE(one.listed_alive.value);
  snapshot.note_claim_listed({9}, true);  // unknown: nothing
}

}  // namespace
}  // namespace extvold
