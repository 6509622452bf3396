// Clones and their snapshots, on a real Ceph, of both kinds; and that our own programs at work on an image
// are not taken for a host that has it.
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/providers/conformance/calls.h"
#include "tests/providers/rbd/fence_calls.h"
#include "tests/providers/rbd/rbd_checks.h"

using namespace extvold;
using namespace extvold::tests;
using namespace extvold::tests::conformance;

namespace {

OperationCall clone_call(RbdSubject& subject, const Volume& source, const std::string& key) {
  Volume clone = volume_of(subject, key);
  clone.origin = VolumeOrigin::cloned;
  OperationCall call = call_of(OperationKind::create, clone);
  call.source_ref = source.provider_ref;
  return call;
}

void lives_and_ends(RbdSubject& subject) {
  Volume source = volume_of(subject, "xv-source");
  source.iops = 50;
  const OperationResult made = execute(subject, call_of(OperationKind::create, source));
  check_done(made, Outcome::changed);
  source.provider_ref = made.provider_ref;
  for (const char* step : {"create", "protect", "clone"}) {  // each is killed after its work, and tried again
    subject.kill_at(step, true);
    CHECK(execute(subject, clone_call(subject, source, "xv-clone")).state == OperationState::uncertain);
  }
  subject.disarm();
  const OperationCall create = clone_call(subject, source, "xv-clone");
  const OperationResult cloned = execute(subject, create);
  check_done(cloned, Outcome::changed);
  check_done(execute(subject, create), Outcome::unchanged);
  CHECK_THAT(subject.ceph.must_rbd({"image-meta", "list", "--format", "json", "p1/xv-clone"}),
             Catch::Contains("\"conf_rbd_qos_iops_limit\":\"0\""));
  CHECK(listed(observe(subject), "xv-clone")->ledger_id == "ledger-1");

  check_conflict(execute(subject, call_of(OperationKind::remove, source)), "source of the clone p1/xv-clone");
  Volume clone = create.volume;
  clone.provider_ref = cloned.provider_ref;
  check_done(execute(subject, call_of(OperationKind::remove, clone)), Outcome::changed);
  CHECK(subject.ceph.must_rbd({"snap", "ls", "--format", "json", "p1/xv-source"}) == "[]\n");

  OperationCall larger = clone_call(subject, source, "xv-larger");
  larger.volume.size_mb = 8;
  CHECK(execute(subject, larger).granted_size_mb == 8);
  OperationCall smaller = clone_call(subject, source, "xv-smaller");
  smaller.volume.size_mb = 2;
  CHECK(execute(subject, smaller).error.code == Errc::invalid);
  OperationCall other = clone_call(subject, source, "xv-other");
  other.source_ref += "1";
  CHECK(execute(subject, other).error.code == Errc::not_found);
  // A snapshot that is somebody else's is not removed with the image.
  subject.ceph.must_rbd({"rm", "--no-progress", "p1/xv-larger"});
  subject.ceph.must_rbd({"snap", "create", "--no-progress", "p1/xv-source@nightly"});
  check_conflict(execute(subject, call_of(OperationKind::remove, source)), "nightly");
  CHECK(subject.copies_of(source) == 1);
}

// A program that has the image open for two seconds besides, as one of ours has that is slow.
std::string slowly(RbdSubject& subject, const std::string& spec) {
  const CephCluster& ceph = subject.ceph;
  return "/usr/bin/rbd --conf " + ceph.conf + " --id extvold --keyring " + ceph.keyring +
         " bench --io-type write --io-total 100G --io-size 4K " + spec +
         R"( >/dev/null 2>&1 &
bench=$!; sleep 2; kill -INT $bench; wait $bench; exec $REAL "$@")";
}

}  // namespace

TEST_CASE(
    "rbd: a clone has its source's data, its own tag and limit, and keeps its source from being removed",
    "[rbd]") {
  RbdSubject subject;
  lives_and_ends(subject);
}

TEST_CASE("rbd: so does a clone that needs no protected snapshot", "[rbd]") {
  RbdSubject subject;
  subject.ceph.must_ceph({"osd", "set-require-min-compat-client", "mimic"});
  lives_and_ends(subject);
  subject.ceph.clear_pools();
  subject.ceph.must_ceph({"osd", "set-require-min-compat-client", "luminous", "--yes-i-really-mean-it"});
}

TEST_CASE("rbd: a program of ours at work on an image is no host that has it", "[rbd]") {
  RbdSubject subject;
  Volume source = created(subject, "xv-source");
  const auto seen_meanwhile = [&](const OperationCall& call, const std::string& slow_word) {
    subject.answer_word(slow_word, slowly(subject, "p1/xv-source"), "status", R"(sleep 1; exec $REAL "$@")");
    ProviderObservation seen;
    OperationResult result;
    // Both take the same steps: the slow one and the look for watchers are started together.
    subject.provider().execute(call, [&](OperationResult ended) { result = std::move(ended); });
    subject.provider().observe("xv-source", [&](ProviderObservation ended) { seen = std::move(ended); });
    subject.drain();
    subject.disarm();
    CHECK(result.state == OperationState::done);
    INFO(seen.why_incomplete);
    CHECK(seen.complete);
    for (const ObservedVolume& one : seen.volumes) CHECK(one.attachments.empty());
  };
  const OperationCall clone = clone_call(subject, source, "xv-clone");
  seen_meanwhile(clone, "snap");
  Volume made = clone.volume;
  made.provider_ref = inspect(subject, made).provider_ref;
  check_done(execute(subject, call_of(OperationKind::remove, made)), Outcome::changed);
  seen_meanwhile(call_of(OperationKind::remove, source), "rm");
}

TEST_CASE("rbd: what a killed program of ours may have left open is not taken for a host's", "[rbd]") {
  RbdSubject subject;
  subject.answer_word("image-meta", "kill -9 $$", "status",
                      R"(echo '{"watchers":[{"address":"10.99.0.1:0/4711","client":4213,"cookie":1}]}')");
  CHECK(execute(subject, call_of(OperationKind::create, volume_of(subject, "xv-one"))).state ==
        OperationState::uncertain);
  const ProviderObservation seen = observe(subject);
  CHECK_FALSE(seen.complete);
  CHECK_THAT(seen.why_incomplete, Catch::Contains("p1/xv-one.new") && Catch::Contains("killed"));
  REQUIRE(seen.volumes.size() == 1);
  CHECK(seen.volumes.front().attachments.empty());
}

TEST_CASE("rbd: the removal of a large image has a time of its own, and one that was killed goes on",
          "[rbd]") {
  RbdSubject subject;
  const Volume volume = created(subject, "xv-one");
  subject.ceph.must_rbd({"bench", "--io-type", "write", "--io-total", "4M", "--io-size", "64K", "p1/xv-one"});
  OperationCall remove = call_of(OperationKind::remove, volume);
  remove.deadline = seconds(2);
  subject.config.remove_deadline = seconds(2);
  subject.answer_word("rm", R"(sleep 5; exec $REAL "$@")");
  CHECK(execute(subject, remove).state == OperationState::uncertain);
  CHECK(subject.copies_of(volume) == 1);
  subject.config.remove_deadline = seconds(60);
  subject.restart();
  check_done(execute(subject, remove), Outcome::changed);
  CHECK(subject.copies_of(volume) == 0);
}

TEST_CASE("rbd: an image is made larger under a client that goes on", "[rbd]") {
  RbdSubject subject;
  Volume volume = created(subject, "xv-one");
  volume.wanted_size_mb = 2 * volume.size_mb;
  const pid_t client = start_writer(subject, 2, "xv-one");
  check_done(execute(subject, call_of(OperationKind::resize, volume)), Outcome::changed);
  const ObservedVolume seen = inspect(subject, volume);
  CHECK(seen.size_mb == volume.wanted_size_mb);
  CHECK(seen.attachments.size() == 1);
  CHECK_FALSE(subject.ceph.exit_of(client, seconds(1)));  // it writes on
  subject.ceph.stop(client);
}
