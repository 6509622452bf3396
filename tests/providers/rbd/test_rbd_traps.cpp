// What is easily got wrong with Ceph, on a real one: inherited metadata, names that are used again, images
// that are half made or half removed, clones and their snapshots, watchers, keys in error messages.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/providers/conformance/calls.h"
#include "tests/providers/local_world.h"
#include "tests/providers/rbd/rbd_checks.h"
#include "tests/providers/rbd/subject_rbd.h"

using namespace extvold;
using namespace extvold::tests;
using namespace extvold::tests::conformance;

namespace {

std::string metadata_of(RbdSubject& subject, const std::string& spec) {
  return subject.ceph.must_rbd({"image-meta", "list", "--format", "json", spec});
}

}  // namespace

TEST_CASE("rbd: killed at each step of a create, the next try ends it, and there is one image", "[rbd]") {
  const std::vector<std::pair<std::string, bool>> steps = {
      {"create", false}, {"create", true}, {"image-meta", true}, {"config", true}, {"rename", true}};
  for (const auto& [step, after] : steps) {
    RbdSubject subject;
    INFO((after ? "after " : "instead of ") << step);
    Volume volume = volume_of(subject, "xv-one");
    volume.iops = 50;
    const OperationCall create = call_of(OperationKind::create, volume);
    subject.kill_at(step, after);
    CHECK(execute(subject, create).state == OperationState::uncertain);
    subject.disarm();
    const ProviderObservation between = observe(subject, "xv-one");
    CHECK(between.complete);
    CHECK(between.volumes.empty() == (step != "rename"));
    const OperationResult again = execute(subject, create);
    INFO(again.error.message);
    CHECK(again.state == OperationState::done);
    CHECK(subject.ceph.must_rbd({"ls", "p1"}) == "xv-one\n");
    CHECK_THAT(metadata_of(subject, "p1/xv-one"), Catch::Contains("\"conf_rbd_qos_iops_limit\":\"50\""));
    CHECK(inspect(subject, volume).ledger_id == "ledger-1");
  }
}

TEST_CASE("rbd: who clones or copies an image of ours inherits its tag, and has made no image of ours",
          "[rbd]") {
  RbdSubject subject;
  const Volume volume = created(subject, "xv-one");
  subject.ceph.must_rbd({"cp", "--no-progress", "p1/xv-one", "p1/xv-copy"});
  CHECK_THAT(metadata_of(subject, "p1/xv-copy"), Catch::Contains("ledger-1"));
  const ProviderObservation seen = observe(subject);
  REQUIRE(listed(seen, "xv-copy") != nullptr);
  CHECK(listed(seen, "xv-copy")->ledger_id.empty());
  CHECK(listed(seen, "xv-one")->ledger_id == "ledger-1");
  check_conflict(execute(subject, call_of(OperationKind::remove, volume_of(subject, "xv-copy"))),
                 "not of this ledger");
  check_conflict(execute(subject, call_of(OperationKind::create, volume_of(subject, "xv-copy"))),
                 "in the way");
}

TEST_CASE("rbd: an image of the same name that was made anew is another one", "[rbd]") {
  RbdSubject subject;
  const Volume volume = created(subject, "xv-one");
  subject.ceph.must_rbd({"rm", "--no-progress", "p1/xv-one"});
  subject.ceph.must_rbd({"create", "--size", "4M", "p1/xv-one"});
  check_conflict(execute(subject, call_of(OperationKind::remove, volume)), "another one of that name");
  CHECK(subject.copies_of(volume) == 1);
  CHECK(inspect(subject, volume).provider_ref != volume.provider_ref);
  CHECK(inspect(subject, volume).ledger_id.empty());
}

TEST_CASE("rbd: a removal that was broken off is not taken for one that is done, and is ended", "[rbd]") {
  RbdSubject subject;
  const Volume volume = created(subject, "xv-one");
  CephCluster::must({"/usr/bin/rados", "--conf", subject.ceph.conf, "--pool", "p1", "rm", header_of(volume)});
  CHECK_FALSE(observe(subject).complete);
  for (const std::string& key : {std::string(), std::string("xv-one")})
    CHECK_THAT(observe(subject, key).why_incomplete, Catch::Contains("`rbd rm p1/xv-one`"));
  check_conflict(execute(subject, call_of(OperationKind::create, volume_of(subject, "xv-one"))),
                 "cannot be opened");
  check_done(execute(subject, call_of(OperationKind::remove, volume)), Outcome::changed);
  CHECK(subject.copies_of(volume) == 0);
  CHECK(observe(subject).complete);
}

TEST_CASE("rbd: an image that a long list left out is asked for, and is not called broken", "[rbd]") {
  RbdSubject subject;
  const Volume volume = created(subject, "xv-one");
  created(subject, "xv-two");
  // As librbd says it, and ends well.
  const std::string left_out =
      R"($REAL "$@" | sed 's/{"image":"xv-one"[^}]*},\{0,1\}//'; echo 'rbd: error opening xv-one: (110) Connection timed out' >&2)";
  subject.answer_word("--long", left_out);
  CHECK(observe(subject).complete);
  REQUIRE(listed(observe(subject), "xv-one") != nullptr);
  CHECK(listed(observe(subject), "xv-one")->provider_ref == volume.provider_ref);
  CHECK(listed(observe(subject), "xv-one")->size_mb == volume.size_mb);
  subject.answer_word("info",
                      "echo 'rbd: error opening image xv-one: (110) Connection timed out' >&2; exit 110",
                      "--long", left_out);
  const ProviderObservation seen = observe(subject);
  CHECK_FALSE(seen.complete);
  CHECK_THAT(seen.why_incomplete, Catch::Contains("xv-one") && Catch::Contains("(110)"));
  CHECK_THAT(seen.why_incomplete, !Catch::Contains("rbd rm"));
}

TEST_CASE("rbd: without the program that reads tags no list is complete", "[rbd]") {
  RbdSubject subject;
  created(subject, "xv-one");
  subject.config.rados_program = "/none";
  subject.restart();
  CHECK_FALSE(observe(subject).complete);
  CHECK_FALSE(observe(subject, "xv-one").complete);
  subject.disarm();
}

TEST_CASE("rbd: a configuration that cannot be read is said with its name", "[rbd]") {
  RbdSubject subject;
  subject.config.conf_file = "/etc/ceph/none.conf";
  subject.restart();
  CHECK_THAT(observe(subject).why_incomplete,
             Catch::Contains("conf_file /etc/ceph/none.conf cannot be read"));
  const OperationResult result =
      execute(subject, call_of(OperationKind::create, volume_of(subject, "xv-one")));
  CHECK(result.state == OperationState::failed);
  CHECK(result.error.code == Errc::unavailable);
}

TEST_CASE("rbd: what a create that never ended has left goes with its volume", "[rbd]") {
  RbdSubject subject;
  const Volume volume = volume_of(subject, "xv-one");
  subject.kill_at("rename", false);
  CHECK(execute(subject, call_of(OperationKind::create, volume)).state == OperationState::uncertain);
  subject.disarm();
  const ProviderObservation seen = observe(subject);
  REQUIRE(seen.volumes.size() == 1);
  CHECK(seen.volumes.front().key == "p1/xv-one.new");
  CHECK(seen.volumes.front().ledger_id.empty());
  check_done(execute(subject, call_of(OperationKind::remove, volume)), Outcome::changed);
  CHECK(observe(subject).volumes.empty());
}

TEST_CASE("rbd: who has an image open is seen as its host, and it is not removed under him", "[rbd]") {
  RbdSubject subject;
  const Volume volume = created(subject, "xv-one");
  const CephCluster& ceph = subject.ceph;
  const pid_t user = subject.ceph.start(
      ceph.on_host(2, {"/usr/bin/rbd", "--conf", ceph.conf, "--id", "extvold", "--keyring", ceph.keyring,
                       "bench", "--io-type", "write", "--io-total", "100G", "--io-size", "4K", "p1/xv-one"}));
  bool attached = false;
  for (int attempt = 0; attempt < 50 && !attached; ++attempt)
    attached = !inspect(subject, volume).attachments.empty();
  CHECK(attached);
  for (const std::string& key : {std::string(), std::string("xv-one")}) {
    const ProviderObservation seen = observe(subject, key);
    REQUIRE(listed(seen, "xv-one") != nullptr);
    REQUIRE(listed(seen, "xv-one")->attachments.size() == 1);
    CHECK(listed(seen, "xv-one")->attachments.front().host_identity == "10.99.2.0/24");
  }
  check_conflict(execute(subject, call_of(OperationKind::remove, volume)), "is open on a2");
  CHECK(subject.copies_of(volume) == 1);
  // Nobody has to wait for the watch of one that was killed: the blocklist ends it.
  subject.ceph.stop(user);
  subject.ceph.must_ceph({"osd", "blocklist", "add", "10.99.2.2"});
  CHECK(inspect(subject, volume).attachments.empty());
  subject.ceph.must_ceph({"osd", "blocklist", "rm", "10.99.2.2"});
}

TEST_CASE("rbd: a list shows what is free in its pools, and a pool that is not there makes it incomplete",
          "[rbd]") {
  RbdSubject subject;
  const ProviderObservation seen = observe(subject);
  REQUIRE(seen.pools.size() == 2);
  CHECK(seen.pools[0].name.pool == "p1");
  CHECK(seen.pools[0].iops == 400);
  CHECK(seen.pools[0].free_mb > 1000);
  CHECK(seen.pools[0].capacity_mb >= seen.pools[0].free_mb);
  subject.config.pools.push_back({"p3", 0});
  subject.restart();
  CHECK_FALSE(observe(subject).complete);
  CHECK_FALSE(observe(subject, "xv-one").complete);
  CHECK(execute(subject, call_of(OperationKind::create, volume_of(subject, "xv-one"))).state ==
        OperationState::failed);
}

TEST_CASE("rbd: a key that cannot be read is an error of ours, and stands in no message", "[rbd]") {
  RbdSubject subject;
  const std::string good = read_text(subject.config.keyring);
  const std::string path = subject.ceph.dir + "/bad.keyring";
  const std::size_t at = good.find("AQ");
  REQUIRE(at != std::string::npos);
  const std::string secret = good.substr(at + 4, 20);
  subject.config.keyring = path;
  subject.restart();
  for (const char* how : {"none", "malformed", "wrong"}) {
    INFO(how);
    std::string text = good;
    if (std::string(how) == "malformed") text.replace(at, 4, "AQZZ");
    if (std::string(how) == "wrong") text[at + 30] = text[at + 30] == 'x' ? 'y' : 'x';
    if (std::string(how) != "none") write_text(path, text);
    const ProviderObservation seen = observe(subject);
    CHECK_FALSE(seen.complete);
    CHECK_THAT(seen.why_incomplete, !Catch::Contains(secret.substr(0, 10)));
    const OperationResult result =
        execute(subject, call_of(OperationKind::create, volume_of(subject, "xv-one")));
    INFO(result.error.message);
    CHECK(result.state == OperationState::failed);
    CHECK(result.error.code == Errc::permission);
    CHECK_THAT(result.error.message, !Catch::Contains(secret.substr(0, 10)));
  }
  ::unlink(path.c_str());
}
