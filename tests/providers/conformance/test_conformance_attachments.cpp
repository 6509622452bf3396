// Conformance: attachments are made, seen and ended, by the identity that was recorded and nobody else's;
// what a provider cannot do it refuses in words.
#include <catch2/catch.hpp>

#include "tests/providers/conformance/calls.h"
#include "tests/providers/conformance/subjects.h"
#include "tests/providers/local_world.h"

using namespace extvold;
using namespace extvold::tests::conformance;

namespace {

const std::vector<std::string> kNobody;

// False: it cannot, has said so as it should, and nothing more can be asked of it.
bool can_attach(Subject& subject) {
  if (subject.attaching_needs_root() && tests::lacks_root("attaching")) return false;
  if (subject.provider().info().capabilities.attach_to_named_host) return true;
  const Volume volume = created(subject, "xv-one");
  for (const OperationKind kind : {OperationKind::attach, OperationKind::detach}) {
    const OperationResult result = execute(subject, call_of(kind, volume, "a1"));
    check_not_done(result);
    CHECK(result.state == OperationState::failed);
    CHECK(result.error.code == Errc::invalid);
  }
  return false;
}

// Whoever is asked to, takes nothing from another host.
void keeps_from_another_host(Subject& subject, const Volume& volume) {
  const std::vector<std::string> hosts = subject.hosts();
  const OperationResult second = execute(subject, call_of(OperationKind::attach, volume, hosts[1]));
  check_not_done(second);
  CHECK(second.error.message.find(hosts[0]) != std::string::npos);
  const OperationResult detached = execute(subject, call_of(OperationKind::detach, volume, hosts[1]));
  if (!subject.attaches_to_one_host()) {
    CHECK(second.error.code == Errc::conflict);
    return check_done(detached, Outcome::unchanged);
  }
  CHECK(second.state == OperationState::failed);
  check_not_done(detached);
  CHECK(detached.state == OperationState::failed);
  CHECK(detached.error.code == Errc::invalid);
}

void attaches_and_detaches(Subject& subject) {
  const std::vector<std::string> hosts = subject.hosts();
  const Volume volume = created(subject, "xv-one");
  const OperationResult first = attached(subject, volume, hosts[0]);
  check_done(execute(subject, call_of(OperationKind::attach, volume, hosts[0])), Outcome::unchanged);
  CHECK(subject.holders_of(volume) == std::vector<std::string>{first.host_identity});
  if (subject.provider().info().capabilities.list_attachments) {
    const ObservedVolume seen = inspect(subject, volume);
    REQUIRE(seen.attachments.size() == 1);
    CHECK(seen.attachments.front().host_identity == first.host_identity);
  }

  keeps_from_another_host(subject, volume);
  CHECK(subject.holders_of(volume) == std::vector<std::string>{first.host_identity});
  const OperationResult removed = execute(subject, call_of(OperationKind::remove, volume));
  check_not_done(removed);
  CHECK(subject.copies_of(volume) == 1);

  const OperationCall detach = detach_call(volume, hosts[0], first);
  check_done(execute(subject, detach), Outcome::changed);
  CHECK(subject.holders_of(volume) == kNobody);
  CHECK(inspect(subject, volume).attachments.empty());
  check_done(execute(subject, detach), Outcome::unchanged);
  const std::string next = subject.attaches_to_one_host() ? hosts[0] : hosts[1];
  const OperationResult moved = attached(subject, volume, next);
  CHECK(subject.holders_of(volume) == std::vector<std::string>{moved.host_identity});
}

void attaches_whatever_goes_wrong(Subject& subject, Fault fault) {
  const std::vector<std::string> hosts = subject.hosts();
  const Volume volume = created(subject, "xv-one");
  OperationCall attach = call_of(OperationKind::attach, volume, hosts[0]);
  attach.deadline = fault == Fault::hang || fault == Fault::late ? subject.short_deadline() : seconds(60);
  subject.arm(Stage::change, fault);
  const OperationResult result = execute(subject, attach);
  subject.disarm();
  check_by_fault(result, fault);
  if (result.state == OperationState::failed) CHECK(subject.holders_of(volume) == kNobody);
  subject.let_late_calls_work();
  if (result.state == OperationState::failed) CHECK(subject.holders_of(volume) == kNobody);
  subject.restart();
  attach.deadline = seconds(60);
  const OperationResult again = execute(subject, attach);
  INFO(again.error.message);
  CHECK(again.state == OperationState::done);
  CHECK(subject.holders_of(volume) == std::vector<std::string>{again.host_identity});
}

void detaches_whatever_goes_wrong(Subject& subject, Fault fault) {
  const std::vector<std::string> hosts = subject.hosts();
  const Volume volume = created(subject, "xv-one");
  const OperationResult held = attached(subject, volume, hosts[0]);
  const std::vector<std::string> holder{held.host_identity};
  OperationCall detach = detach_call(volume, hosts[0], held);
  detach.deadline = fault == Fault::hang || fault == Fault::late ? subject.short_deadline() : seconds(60);
  subject.arm(Stage::change, fault);
  const OperationResult result = execute(subject, detach);
  subject.disarm();
  check_by_fault(result, fault);
  if (result.state == OperationState::done) CHECK(subject.holders_of(volume) == kNobody);
  if (result.state == OperationState::failed) CHECK(subject.holders_of(volume) == holder);
  subject.let_late_calls_work();
  if (result.state == OperationState::failed) CHECK(subject.holders_of(volume) == holder);
  subject.restart();
  detach.deadline = seconds(60);
  CHECK(execute(subject, detach).state == OperationState::done);
  CHECK(subject.holders_of(volume) == kNobody);
}

void survives_a_restart_in_the_middle(Subject& subject) {
  const std::string host = subject.hosts()[0];
  const Volume volume = created(subject, "xv-one");
  const OperationCall attach = call_of(OperationKind::attach, volume, host);
  break_off(subject, attach);
  const OperationResult held = execute(subject, attach);
  INFO(held.error.message);
  REQUIRE(held.state == OperationState::done);
  CHECK(subject.holders_of(volume) == std::vector<std::string>{held.host_identity});
  const OperationCall detach = detach_call(volume, host, held);
  break_off(subject, detach);
  CHECK(execute(subject, detach).state == OperationState::done);
  CHECK(subject.holders_of(volume) == kNobody);
}

// Somebody gave it the name of one of ours by mistake, or the ledger is another cluster's.
void leaves_foreign_volumes_alone(Subject& subject) {
  const std::string key = subject.make_foreign();
  const std::string before = subject.state_of_foreign(key);
  Volume volume = volume_of(subject, "xv-one");
  volume.key = key;
  const OperationResult attach = execute(subject, call_of(OperationKind::attach, volume, subject.hosts()[0]));
  check_not_done(attach);
  CHECK(attach.state == OperationState::failed);
  CHECK(subject.state_of_foreign(key) == before);
  execute(subject, call_of(OperationKind::detach, volume, subject.hosts()[0]));
  CHECK(subject.state_of_foreign(key) == before);
}

}  // namespace

TEMPLATE_TEST_CASE("conformance: attached to one host, detached from it, attached to another",
                   "[conformance]", EXTVOLD_ATTACHING_SUBJECTS) {
  TestType subject;
  if (can_attach(subject)) attaches_and_detaches(subject);
}

TEMPLATE_TEST_CASE("conformance: whatever goes wrong with an attach, it converges and is on one host",
                   "[conformance]", EXTVOLD_ATTACHING_SUBJECTS) {
  {
    TestType subject;
    if (!can_attach(subject)) return;
  }
  for (const Fault fault : kAllFaults) {
    INFO(to_text(fault));
    TestType subject;
    if (subject.can(Stage::change, fault)) attaches_whatever_goes_wrong(subject, fault);
  }
}

TEMPLATE_TEST_CASE(
    "conformance: whatever goes wrong with a detach, nobody is told that it is gone while it is not",
    "[conformance]", EXTVOLD_ATTACHING_SUBJECTS) {
  {
    TestType subject;
    if (!can_attach(subject)) return;
  }
  for (const Fault fault : kAllFaults) {
    INFO(to_text(fault));
    TestType subject;
    if (subject.can(Stage::change, fault)) detaches_whatever_goes_wrong(subject, fault);
  }
}

TEMPLATE_TEST_CASE("conformance: a crash between an attach or a detach and its answer", "[conformance]",
                   EXTVOLD_ATTACHING_SUBJECTS) {
  TestType subject;
  if (can_attach(subject)) survives_a_restart_in_the_middle(subject);
}

TEMPLATE_TEST_CASE("conformance: what is not ours is attached and detached for nobody", "[conformance]",
                   EXTVOLD_ATTACHING_SUBJECTS) {
  TestType subject;
  if (can_attach(subject)) leaves_foreign_volumes_alone(subject);
}
