// Conformance: volumes are made, seen and removed; whatever goes wrong, there is never a second one, nothing
// is called done that was not, and a look that is not whole says so.
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/providers/conformance/calls.h"
#include "tests/providers/conformance/subjects.h"

using namespace extvold;
using namespace extvold::tests::conformance;

namespace {

const ObservedVolume* listed(const ProviderObservation& seen, const std::string& key) {
  const auto found = std::find_if(seen.volumes.begin(), seen.volumes.end(),
                                  [&](const ObservedVolume& one) { return one.key == key; });
  return found == seen.volumes.end() ? nullptr : &*found;
}

void makes_and_removes_once(Subject& subject) {
  CHECK(observe(subject).volumes.empty());
  const Volume volume = created(subject, "xv-one");
  CHECK_FALSE(volume.provider_ref.empty());
  CHECK(volume.size_mb >= subject.size_mb());
  CHECK(volume.size_mb % subject.provider().info().size_step_mb == 0);
  const OperationResult again =
      execute(subject, call_of(OperationKind::create, volume_of(subject, "xv-one")));
  check_done(again, Outcome::unchanged);
  CHECK(again.provider_ref == volume.provider_ref);
  CHECK(again.granted_size_mb == volume.size_mb);
  CHECK(subject.copies_of(volume) == 1);

  const Volume larger = volume_of(subject, "xv-one", 2 * subject.size_mb());
  const OperationResult refused = execute(subject, call_of(OperationKind::create, larger));
  check_not_done(refused);
  CHECK(refused.error.code == Errc::conflict);

  const ObservedVolume seen = inspect(subject, volume);
  CHECK(seen.provider_ref == volume.provider_ref);
  CHECK(seen.size_mb == volume.size_mb);
  CHECK(seen.pool == subject.pool());
  CHECK(seen.attachments.empty());
  const ProviderObservation list = observe(subject);
  CHECK(list.complete);
  REQUIRE(listed(list, "xv-one") != nullptr);
  CHECK(listed(list, "xv-one")->provider_ref == volume.provider_ref);

  const OperationCall remove = call_of(OperationKind::remove, volume);
  check_done(execute(subject, remove), Outcome::changed);
  CHECK(subject.copies_of(volume) == 0);
  const ProviderObservation gone = observe(subject, "xv-one");
  CHECK(gone.complete);
  CHECK(gone.volumes.empty());
  check_done(execute(subject, remove), Outcome::unchanged);
}

// What is given up may have happened. Asked for again, it converges; there is never a second one.
void makes_one_whatever_goes_wrong(Subject& subject, Fault fault) {
  const Volume volume = volume_of(subject, "xv-one");
  OperationCall create = call_of(OperationKind::create, volume);
  create.deadline = fault == Fault::hang || fault == Fault::late ? subject.short_deadline() : seconds(60);
  subject.arm(Stage::change, fault);
  const OperationResult result = execute(subject, create);
  subject.disarm();
  check_by_fault(result, fault);
  if (result.state == OperationState::done) CHECK(subject.copies_of(volume) == 1);
  if (result.state == OperationState::failed) CHECK(subject.copies_of(volume) == 0);
  subject.let_late_calls_work();
  if (result.state == OperationState::failed) CHECK(subject.copies_of(volume) == 0);
  subject.restart();
  create.deadline = seconds(60);
  const OperationResult again = execute(subject, create);
  INFO(again.error.message);
  CHECK(again.state == OperationState::done);
  CHECK_FALSE(again.provider_ref.empty());
  CHECK(subject.copies_of(volume) == 1);
}

void removes_whatever_goes_wrong(Subject& subject, Fault fault) {
  const Volume volume = created(subject, "xv-one");
  OperationCall remove = call_of(OperationKind::remove, volume);
  remove.deadline = fault == Fault::hang || fault == Fault::late ? subject.short_deadline() : seconds(60);
  subject.arm(Stage::change, fault);
  const OperationResult result = execute(subject, remove);
  subject.disarm();
  check_by_fault(result, fault);
  if (result.state == OperationState::done) CHECK(subject.copies_of(volume) == 0);
  if (result.state == OperationState::failed) CHECK(subject.copies_of(volume) == 1);
  subject.let_late_calls_work();
  if (result.state == OperationState::failed) CHECK(subject.copies_of(volume) == 1);
  subject.restart();
  remove.deadline = seconds(60);
  CHECK(execute(subject, remove).state == OperationState::done);
  CHECK(subject.copies_of(volume) == 0);
}

// Nothing that cannot be read is taken for something that is not there.
void says_when_it_does_not_see_all(Subject& subject, Fault fault) {
  const Volume volume = created(subject, "xv-one");
  subject.arm(Stage::look, fault);
  for (const std::string& key : {std::string(), std::string("xv-one"), std::string("xv-none")}) {
    const ProviderObservation seen = observe(subject, key);
    CHECK_FALSE(seen.complete);
    CHECK(seen.why_incomplete.size() < 2000);
    CHECK(seen.why_incomplete.find('\n') == std::string::npos);
  }
  subject.disarm();
  CHECK(observe(subject).complete);
  CHECK(inspect(subject, volume).key == "xv-one");
}

void survives_a_restart_in_the_middle(Subject& subject) {
  const Volume volume = volume_of(subject, "xv-one");
  const OperationCall create = call_of(OperationKind::create, volume);
  break_off(subject, create);
  CHECK(execute(subject, create).state == OperationState::done);
  CHECK(subject.copies_of(volume) == 1);
  const OperationCall remove = call_of(OperationKind::remove, volume);
  break_off(subject, remove);
  CHECK(execute(subject, remove).state == OperationState::done);
  CHECK(subject.copies_of(volume) == 0);
}

void leaves_foreign_volumes_alone(Subject& subject) {
  const std::string key = subject.make_foreign();
  const std::string before = subject.state_of_foreign(key);
  const ProviderObservation list = observe(subject);
  CHECK(list.complete);
  REQUIRE(listed(list, key) != nullptr);
  CHECK(listed(list, key)->ledger_id.empty());

  // Somebody gave it the name of one of ours by mistake, or the ledger is another cluster's.
  Volume volume = volume_of(subject, "xv-one");
  volume.key = key;
  for (const OperationKind kind : {OperationKind::create, OperationKind::remove}) {
    const OperationResult result = execute(subject, call_of(kind, volume));
    check_not_done(result);
    CHECK(result.state == OperationState::failed);
  }
  CHECK(subject.state_of_foreign(key) == before);
}

void acts_on_no_name_that_is_there_twice(Subject& subject) {
  const Volume volume = created(subject, "xv-one");
  if (!subject.make_twin(volume)) return;
  // It is not said which of them is meant; by its id it is.
  CHECK(execute(subject, call_of(OperationKind::create, volume_of(subject, "xv-one"))).state ==
        OperationState::failed);
  CHECK_FALSE(observe(subject, "xv-one").complete);
  CHECK(subject.copies_of(volume) == 2);
}

}  // namespace

TEMPLATE_TEST_CASE("conformance: a volume is made once and removed once", "[conformance]", EXTVOLD_SUBJECTS) {
  TestType subject;
  makes_and_removes_once(subject);
}

TEMPLATE_TEST_CASE("conformance: whatever goes wrong with a create, there is one volume in the end",
                   "[conformance]", EXTVOLD_SUBJECTS) {
  for (const Fault fault : kAllFaults) {
    INFO(to_text(fault));
    TestType subject;
    if (subject.can(Stage::change, fault)) makes_one_whatever_goes_wrong(subject, fault);
  }
}

TEMPLATE_TEST_CASE("conformance: whatever goes wrong with a remove, nothing else is said than what is so",
                   "[conformance]", EXTVOLD_SUBJECTS) {
  for (const Fault fault : kAllFaults) {
    INFO(to_text(fault));
    TestType subject;
    if (subject.can(Stage::change, fault)) removes_whatever_goes_wrong(subject, fault);
  }
}

TEMPLATE_TEST_CASE("conformance: a look that fails is incomplete and says why", "[conformance]",
                   EXTVOLD_SUBJECTS) {
  for (const Fault fault : kAllFaults) {
    INFO(to_text(fault));
    TestType subject;
    if (subject.can(Stage::look, fault)) says_when_it_does_not_see_all(subject, fault);
  }
}

TEMPLATE_TEST_CASE("conformance: a crash between a call and its answer", "[conformance]", EXTVOLD_SUBJECTS) {
  TestType subject;
  survives_a_restart_in_the_middle(subject);
}

TEMPLATE_TEST_CASE("conformance: what is not ours is listed and never touched", "[conformance]",
                   EXTVOLD_SUBJECTS) {
  TestType subject;
  leaves_foreign_volumes_alone(subject);
}

TEMPLATE_TEST_CASE("conformance: a name that is there twice names nothing", "[conformance]",
                   EXTVOLD_SUBJECTS) {
  TestType subject;
  acts_on_no_name_that_is_there_twice(subject);
}
