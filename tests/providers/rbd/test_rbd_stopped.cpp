// A part of the cluster that stands still, on a real Ceph: every call ends within a few storage_timeouts, and
// says what may have happened.
#include <signal.h>

#include <catch2/catch.hpp>

#include "tests/providers/conformance/calls.h"
#include "tests/providers/rbd/fence_calls.h"

using namespace extvold;
using namespace extvold::tests;
using namespace extvold::tests::conformance;

namespace {

// As long as it lives a process of the cluster is stopped; afterwards the cluster is well again.
class Stopped {
 public:
  Stopped(RbdSubject& subject, pid_t pid) : subject_(subject), pid_(pid) { ::kill(pid, SIGSTOP); }
  Stopped(const Stopped&) = delete;
  Stopped& operator=(const Stopped&) = delete;
  ~Stopped() {
    ::kill(pid_, SIGCONT);
    CHECK(wait_until([&] { return subject_.ceph.rbd({"ls", "p1"}).exit_status == 0; }));
  }

 private:
  RbdSubject& subject_;
  const pid_t pid_;
};

template <typename Call>
auto in_time(const Call& call) {
  const Instant began = boot_clock();
  auto result = call();
  CHECK(boot_clock() - began < seconds(30));  // of several programs, two seconds for each of their operations
  return result;
}

OperationResult create_in_time(RbdSubject& subject, const std::string& key) {
  return in_time([&] { return execute(subject, call_of(OperationKind::create, volume_of(subject, key))); });
}

std::string stops(pid_t pid) { return "kill -STOP " + std::to_string(pid) + R"(; exec $REAL "$@")"; }

}  // namespace

TEST_CASE("rbd: while an OSD stands still nothing is called done or not there, and a fence can be set",
          "[rbd]") {
  RbdSubject subject;
  subject.config.storage_timeout = seconds(2);
  subject.restart();
  created(subject, "xv-one");
  {
    const Stopped stopped(subject, subject.ceph.osd);
    CHECK_FALSE(in_time([&] { return observe(subject); }).complete);
    CHECK_FALSE(in_time([&] { return observe(subject, "xv-one"); }).complete);
    const OperationResult created = create_in_time(subject, "xv-two");
    CHECK(created.state == OperationState::failed);
    CHECK(created.error.code == Errc::unavailable);
    const FenceResult set = in_time([&] { return fence(subject, fence_call(FenceAct::set, "10.99.1.2")); });
    CHECK(set.state == FenceCallState::done);
    const FenceResult seen =
        in_time([&] { return fence(subject, fence_call(FenceAct::check, "10.99.1.2")); });
    CHECK(seen.held == TriState::unknown);
  }
  lift_fence(subject, "10.99.1.2");
  subject.answer_word("create", stops(subject.ceph.osd));
  CHECK(create_in_time(subject, "xv-two").state == OperationState::uncertain);
  subject.disarm();
  { const Stopped stopped(subject, subject.ceph.osd); }
  CHECK(create_in_time(subject, "xv-two").state == OperationState::done);
}

TEST_CASE("rbd: while the monitor stands still nothing is called done, held or not there", "[rbd]") {
  RbdSubject subject;
  subject.config.storage_timeout = seconds(2);
  subject.restart();
  created(subject, "xv-one");
  {
    const Stopped stopped(subject, subject.ceph.monitor);
    CHECK_FALSE(in_time([&] { return observe(subject); }).complete);
    const OperationResult created = create_in_time(subject, "xv-two");
    CHECK(created.state == OperationState::failed);
    CHECK(created.error.code == Errc::unavailable);
    const FenceResult set = in_time([&] { return fence(subject, fence_call(FenceAct::set, "10.99.1.2")); });
    CHECK(set.state == FenceCallState::failed);
    CHECK(set.error.code == Errc::unavailable);
    CHECK(in_time([&] { return fence(subject, fence_call(FenceAct::check, "10.99.1.2")); }).held ==
          TriState::unknown);
  }
  subject.answer_ceph_word("add", stops(subject.ceph.monitor));
  const FenceResult set = in_time([&] { return fence(subject, fence_call(FenceAct::set, "10.99.1.2")); });
  CHECK(set.state != FenceCallState::done);
  subject.disarm();
  { const Stopped stopped(subject, subject.ceph.monitor); }
  CHECK(check_fence(subject, "10.99.1.2").held == TriState::no);
}
