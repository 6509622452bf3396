// Conformance: a volume is made larger, once, and never smaller; nothing is called done that was not; who
// cannot says so and changes nothing.
#include <catch2/catch.hpp>

#include "tests/providers/conformance/calls.h"
#include "tests/providers/conformance/subjects.h"
#include "tests/providers/local_world.h"

using namespace extvold;
using namespace extvold::tests::conformance;

namespace {

OperationCall resize_call(Volume volume, std::int64_t size_mb) {
  volume.wanted_size_mb = size_mb;
  return call_of(OperationKind::resize, volume);
}

void refuses(Subject& subject) {
  const Volume volume = created(subject, "xv-one");
  const std::int64_t before = inspect(subject, volume).size_mb;
  const OperationResult result = execute(subject, resize_call(volume, 2 * volume.size_mb + 8192));
  check_not_done(result);
  CHECK(result.state == OperationState::failed);
  CHECK(result.error.code == Errc::invalid);
  CHECK(inspect(subject, volume).size_mb == before);
}

void grows_and_never_shrinks(Subject& subject) {
  const Volume volume = created(subject, "xv-one");
  const OperationCall twice = resize_call(volume, 2 * volume.size_mb);
  check_done(execute(subject, twice), Outcome::changed);
  CHECK(inspect(subject, volume).size_mb == 2 * volume.size_mb);
  check_done(execute(subject, twice), Outcome::unchanged);
  // A ledger of before the growth asks for less than there is.
  check_done(execute(subject, resize_call(volume, volume.size_mb + 1)), Outcome::unchanged);
  CHECK(inspect(subject, volume).size_mb == 2 * volume.size_mb);
  CHECK(subject.copies_of(volume) == 1);
}

void grows_whatever_goes_wrong(Subject& subject, Fault fault) {
  const Volume volume = created(subject, "xv-one");
  OperationCall resize = resize_call(volume, 2 * volume.size_mb);
  resize.deadline = fault == Fault::hang || fault == Fault::late ? subject.short_deadline() : seconds(60);
  subject.arm(Stage::change, fault);
  const OperationResult result = execute(subject, resize);
  subject.disarm();
  check_by_fault(result, fault);
  const std::int64_t then = inspect(subject, volume).size_mb;
  if (result.state == OperationState::done) CHECK(then == 2 * volume.size_mb);
  if (result.state == OperationState::failed) CHECK(then == volume.size_mb);
  subject.let_late_calls_work();
  if (result.state == OperationState::failed) CHECK(inspect(subject, volume).size_mb == volume.size_mb);
  subject.restart();
  resize.deadline = seconds(60);
  const OperationResult again = execute(subject, resize);
  INFO(again.error.message);
  CHECK(again.state == OperationState::done);
  CHECK(inspect(subject, volume).size_mb == 2 * volume.size_mb);
}

void grows_no_foreign_one(Subject& subject) {
  const std::string key = subject.make_foreign();
  const std::string before = subject.state_of_foreign(key);
  Volume volume = volume_of(subject, "xv-one");
  volume.key = key;
  const OperationResult result = execute(subject, resize_call(volume, 1 << 20));
  check_not_done(result);
  CHECK(result.state == OperationState::failed);
  CHECK(subject.state_of_foreign(key) == before);
}

void grows_under_its_host(Subject& subject) {
  const Volume volume = created(subject, "xv-one");
  const OperationResult there = attached(subject, volume, subject.hosts()[0]);
  const OperationResult result = execute(subject, resize_call(volume, 2 * volume.size_mb));
  if (subject.provider().info().capabilities.resize_attached) {
    check_done(result, Outcome::changed);
    CHECK(inspect(subject, volume).size_mb == 2 * volume.size_mb);
  } else {
    check_not_done(result);
    CHECK(result.state == OperationState::failed);
    CHECK(inspect(subject, volume).size_mb == volume.size_mb);
  }
  CHECK(subject.holders_of(volume) == std::vector<std::string>{there.host_identity});
}

}  // namespace

TEMPLATE_TEST_CASE("conformance: a volume is made larger, or its provider says that it cannot be",
                   "[conformance]", EXTVOLD_SUBJECTS) {
  TestType subject;
  if (!subject.provider().info().capabilities.resize) return refuses(subject);
  grows_and_never_shrinks(subject);
}

TEMPLATE_TEST_CASE("conformance: whatever goes wrong with a resize, nothing else is said than what is so",
                   "[conformance]", EXTVOLD_SUBJECTS) {
  for (const Fault fault : kAllFaults) {
    INFO(to_text(fault));
    TestType subject;
    if (!subject.provider().info().capabilities.resize) continue;
    if (subject.can(Stage::change, fault)) grows_whatever_goes_wrong(subject, fault);
  }
}

TEMPLATE_TEST_CASE("conformance: what is not ours is not made larger", "[conformance]", EXTVOLD_SUBJECTS) {
  TestType subject;
  grows_no_foreign_one(subject);
}

TEMPLATE_TEST_CASE("conformance: a volume is made larger under its host, or not before it is detached",
                   "[conformance]", EXTVOLD_SUBJECTS) {
  TestType subject;
  const Capabilities& can = subject.provider().info().capabilities;
  if (!can.resize || !can.attach_to_named_host) return;
  if (subject.attaching_needs_root() && extvold::tests::lacks_root("attaching")) return;
  grows_under_its_host(subject);
}
