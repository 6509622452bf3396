// What a look says of a fence, on a real Ceph: which entry is ours, which clients are that host's.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>

#include "tests/providers/conformance/calls.h"
#include "tests/providers/rbd/fence_calls.h"

using namespace extvold;
using namespace extvold::tests;
using namespace extvold::tests::conformance;

TEST_CASE("rbd fence: a host that was given another address and writes from there is not held by the old one",
          "[rbd]") {
  RbdSubject subject;
  const Volume volume = created(subject, "xv-renumbered");
  subject.config.host_identities = {{"a1", "10.99.1.3"}, {"a2", "10.99.2.0/24"}};
  subject.restart();
  set_fence(subject, "10.99.1.2");
  subject.ceph.come_from(1, "10.99.1.3");
  const pid_t writer = start_writer(subject, 1, "xv-renumbered");
  FenceCall check = fence_call(FenceAct::check, "10.99.1.2");
  check.host_name = "a1";
  FenceCall of_volume = check;
  of_volume.volume = volume;
  for (const FenceCall& call : {check, of_volume}) {
    const FenceResult seen = fence(subject, call);
    CHECK(seen.state == FenceCallState::done);
    CHECK(seen.held == TriState::unknown);
    CHECK_THAT(seen.seen, Catch::Contains("p1/xv-renumbered at 10.99.1.3") && Catch::Contains("a1 too"));
  }
  // Another host's client is none of this fence's business.
  check.host_name = "a2";
  CHECK(fence(subject, check).held == TriState::yes);
  subject.ceph.stop(writer);
  subject.ceph.come_from(1, "10.99.1.2");
  lift_fence(subject, "10.99.1.2");
}

TEST_CASE("rbd fence: a look at it needs neither tags nor numbers, and keeps to its own time", "[rbd]") {
  RbdSubject subject;
  const Volume volume = created(subject, "xv-seen");
  subject.make_twin(volume);
  const std::string target = "10.99.1.2";
  set_fence(subject, target);
  subject.answer_ceph_word("df", "exit 5");
  CHECK_FALSE(observe(subject).complete);
  check_held(subject, target);
  // An image that has no header nobody has open.
  CephCluster::must({"/usr/bin/rados", "--conf", subject.ceph.conf, "--pool", "p1", "rm", header_of(volume)});
  check_held(subject, target);
  subject.disarm();

  subject.answer_word("status", "exec sleep 600");
  FenceCall check = fence_call(FenceAct::check, target);
  check.deadline = seconds(2);
  const Instant began = boot_clock();
  const FenceResult hung = fence(subject, check);
  CHECK(boot_clock() - began < seconds(10));
  CHECK(hung.held == TriState::unknown);
  subject.disarm();
  lift_fence(subject, target);
}

TEST_CASE("rbd fence: a range is fenced as one, and lifting leaves the entries of single clients", "[rbd]") {
  RbdSubject subject;
  const Volume volume = created(subject, "xv-ranged");
  const std::string target = "10.99.2.0/24";
  subject.ceph.must_ceph({"osd", "blocklist", "add", "10.99.2.2:0/4711", "3600"});
  set_fence(subject, target);
  check_held(subject, target);
  CHECK(exit_of_new_client(subject, 2) == ESHUTDOWN);
  CHECK(exit_of_new_client(subject, 1) == 0);
  CHECK_THAT(check_fence(subject, target).seen, Catch::Contains("entries of single clients there run out"));
  // An address in the range is fenced, but not by an entry of its own.
  CHECK(check_fence(subject, "10.99.2.2").held == TriState::no);
  lift_fence(subject, target);
  CHECK(exit_of_new_client(subject, 2) == 0);
  CHECK(subject.ceph.must_ceph({"osd", "dump"}).find("10.99.2.2:0/4711") != std::string::npos);
  subject.ceph.must_ceph({"osd", "blocklist", "rm", "10.99.2.2:0/4711"});
}

TEST_CASE(
    "rbd fence: an entry that stands is no proof while the image has a watcher there, or cannot be seen",
    "[rbd]") {
  RbdSubject subject;
  const Volume volume = created(subject, "xv-watched");
  const std::string target = "10.99.1.2";
  set_fence(subject, target);
  subject.arm(Stage::look, Fault::hang);
  FenceCall check = fence_call(FenceAct::check, target);
  check.deadline = seconds(1);
  const FenceResult hung = fence(subject, check);
  subject.disarm();
  CHECK(hung.state == FenceCallState::failed);
  CHECK(hung.held == TriState::unknown);
  check_held(subject, target);

  // What a Ceph that is slower than this one would still show.
  subject.pretend_watcher("10.99.1.2:0/4711");
  const FenceResult watched = check_fence(subject, target);
  CHECK(watched.held == TriState::unknown);
  CHECK_THAT(watched.seen, Catch::Contains("xv-watched"));
  FenceCall of_volume = fence_call(FenceAct::check, target);
  of_volume.volume = volume;
  CHECK(fence(subject, of_volume).held == TriState::unknown);
  subject.disarm();
  CHECK(fence(subject, of_volume).held == TriState::yes);
  lift_fence(subject, target);
}

TEST_CASE("rbd fence: neither this machine nor a range with a monitor in it is barred", "[rbd]") {
  RbdSubject subject;
  for (const auto& [target, whose] :
       {std::pair{"10.99.0.1", "this machine"}, std::pair{"10.99.0.0/24", "this machine"}}) {
    const FenceResult refused = fence(subject, fence_call(FenceAct::set, target));
    CHECK(refused.state == FenceCallState::failed);
    CHECK(refused.error.code == Errc::invalid);
    CHECK_THAT(refused.error.message, Catch::Contains(whose));
    CHECK(check_fence(subject, target).held == TriState::no);
  }
}

TEST_CASE("rbd fence: an entry for a port bars nobody, and is not taken for that of the address", "[rbd]") {
  RbdSubject subject;
  subject.ceph.must_ceph({"osd", "blocklist", "add", "10.99.1.2:6789/0", "3600"});
  CHECK(exit_of_new_client(subject, 1) == 0);
  CHECK(check_fence(subject, "10.99.1.2").held == TriState::no);
  set_fence(subject, "10.99.1.2");
  check_held(subject, "10.99.1.2");
  lift_fence(subject, "10.99.1.2");
  CHECK(subject.ceph.must_ceph({"osd", "dump"}).find("10.99.1.2:6789/0") != std::string::npos);
  subject.ceph.must_ceph({"osd", "blocklist", "rm", "10.99.1.2:6789/0"});
}

TEST_CASE("rbd fence: each renewal lengthens it, and it stands whenever one is broken off", "[rbd]") {
  RbdSubject subject;
  for (const auto& [target, host] : {std::pair{"10.99.1.2", 1}, std::pair{"10.99.2.0/24", 2}}) {
    INFO(target);
    set_fence(subject, target);
    WallTime until = check_fence(subject, target).expires_at;
    for (int renewal = 0; renewal < 3; ++renewal) {
      ::usleep(100'000);
      set_fence(subject, target);
      check_held(subject, target);
      const WallTime longer = check_fence(subject, target).expires_at;
      CHECK(longer > until);
      until = longer;
    }
    for (const char* step : {"rm", "add"}) {
      subject.answer_ceph_word(step, "kill -9 $$");
      CHECK(fence(subject, fence_call(FenceAct::set, target)).state == FenceCallState::uncertain);
      subject.disarm();
      CHECK(exit_of_new_client(subject, host) == ESHUTDOWN);
      CHECK(check_fence(subject, target).expires_at == until);
    }
    subject.answer_ceph_word("rm", "$REAL \"$@\"; kill -9 $$");
    CHECK(fence(subject, fence_call(FenceAct::lift, target)).state == FenceCallState::uncertain);
    subject.disarm();
    lift_fence(subject, target);
    CHECK(exit_of_new_client(subject, host) == 0);
  }
  for (const char* entry : {"10.99.1.2:0/0", "10.99.1.2:0/32", "10.99.2.0:0/2", "10.99.2.128:0/25"})
    CHECK(subject.ceph.must_ceph({"osd", "dump"}).find(entry) == std::string::npos);
}

TEST_CASE("rbd fence: what is no address of a host is refused, and a key that may not is told so", "[rbd]") {
  RbdSubject subject;
  for (const char* target :
       {"", "a1", "0.0.0.0/0", "10.0.0.0/8", "10.99.1.2:0/17", "10.99.1.2 --yes", "::/0"}) {
    for (const FenceAct act : {FenceAct::set, FenceAct::check, FenceAct::lift}) {
      const FenceResult refused = fence(subject, fence_call(act, target));
      CHECK(refused.state == FenceCallState::failed);
      CHECK(refused.error.code == Errc::invalid);
    }
  }
  subject.arm(Stage::change, Fault::wrong_credentials);
  const FenceResult denied = fence(subject, fence_call(FenceAct::set, "10.99.1.2"));
  subject.disarm();
  CHECK(denied.state == FenceCallState::failed);
  CHECK(denied.error.code == Errc::permission);
  subject.arm(Stage::change, Fault::hang);
  FenceCall set = fence_call(FenceAct::set, "10.99.1.2");
  set.deadline = seconds(1);
  CHECK(fence(subject, set).state == FenceCallState::uncertain);
  subject.disarm();
  CHECK(check_fence(subject, "10.99.1.2").held == TriState::no);
}

TEST_CASE("rbd fence: a look finds a user who may not set one, before it is needed, and changes nothing",
          "[rbd]") {
  RbdSubject subject;
  created(subject, "xv-one");
  const auto epoch = [&] {
    const std::string dump = subject.ceph.must_ceph({"osd", "dump"});
    return dump.substr(0, dump.find('\n'));
  };
  const std::string before = epoch();
  CHECK(observe(subject).complete);
  CHECK(epoch() == before);
  subject.config.user = "reader";
  subject.config.keyring = subject.ceph.dir + "/reader.keyring";
  subject.restart();
  const ProviderObservation seen = observe(subject);
  CHECK_FALSE(seen.complete);
  CHECK_THAT(seen.why_incomplete,
             Catch::Contains("client.reader could not fence") && Catch::Contains("EACCES"));
  CHECK(observe(subject, "xv-one").complete);
  // What an older Ceph answers.
  subject.config.user = "extvold";
  subject.config.keyring = subject.ceph.keyring;
  subject.answer_ceph_word("range", "echo 'Invalid command: range not in add|rm' >&2; exit 22");
  CHECK_THAT(observe(subject).why_incomplete, Catch::Contains("could not fence"));
  subject.disarm();
}
