// The rexray provider at a libStorage server: what the API is known to do to those who trust it.
#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>

#include "tests/providers/conformance/calls.h"
#include "tests/providers/conformance/subject_rexray_rest.h"

using extvold::Errc;
using extvold::ObservedVolume;
using extvold::OperationCall;
using extvold::OperationKind;
using extvold::OperationResult;
using extvold::OperationState;
using extvold::Outcome;
using extvold::ProviderObservation;
using extvold::seconds;
using extvold::Volume;
using extvold::VolumeOrigin;
using extvold::tests::LibstorageDouble;
using namespace extvold::tests::conformance;  // NOLINT: the suite's own words

namespace {

std::string header(const extvold::HttpRequest& request, const std::string& name) {
  for (const auto& [key, value] : request.headers) {
    if (key == name) return value;
  }
  return {};
}

void check_uncertain(const OperationResult& result, const std::string& says) {
  INFO(result.error.message);
  CHECK(result.state == OperationState::uncertain);
  CHECK(result.error.code == Errc::uncertain);
  CHECK(result.error.message.find(says) != std::string::npos);
}

void check_failed(const OperationResult& result, Errc code, const std::string& says) {
  INFO(result.error.message);
  CHECK(result.state == OperationState::failed);
  CHECK(result.error.code == code);
  CHECK(result.error.message.find(says) != std::string::npos);
}

LibstorageDouble::Scripted scripted(int status, const std::string& body, bool does_it = false) {
  LibstorageDouble::Scripted out;
  out.status = status;
  out.body = body;
  out.does_it = does_it;
  return out;
}

std::string message(const std::string& text) { return R"({"message":")" + text + R"(","status":500})"; }

}  // namespace

TEST_CASE("rexray rest: an attach says for whom it is, and never forces") {
  RexrayRestSubject subject;
  subject.config.host_identities = {{"a1", "i-0001"}};
  subject.config.hosts_by_name = false;
  subject.config.instance_fields = {{"availabilityZone", "us-east-1a"}, {"region", "us-east-1"}};
  subject.restart();
  const Volume volume = created(subject, "xv-one");
  const OperationResult held = attached(subject, volume, "a1");
  CHECK(held.host_identity == "i-0001");
  const auto& requests = subject.server().requests;
  const auto post =
      std::find_if(requests.rbegin(), requests.rend(), [](const auto& one) { return one.method == "POST"; });
  CHECK(post->url == "http://ls:7979/volumes/vfs/vfs-000?attach");
  CHECK(post->body == R"({"force":false})");
  CHECK(header(*post, "Libstorage-Instanceid") == "vfs=i-0001,availabilityZone=us-east-1a&region=us-east-1");
  // Nobody told as whom a2 is known.
  check_failed(execute(subject, call_of(OperationKind::attach, volume, "a2")), Errc::not_found, "`hosts`");
  // A look names the host in our words, and the storage's.
  OperationCall other = call_of(OperationKind::attach, volume, "a2");
  other.host_identity = "i-0002";
  check_failed(execute(subject, other), Errc::conflict, "a1 (i-0001)");
  other.host_identity = "i-0002,region=x";
  check_failed(execute(subject, other), Errc::invalid, "is no instance id");
}

TEST_CASE(
    "rexray rest: a volume that vfs has attached twice is nobody's to attach, and is detached one by one") {
  RexrayRestSubject subject;
  const Volume volume = created(subject, "xv-one");
  const OperationResult held = attached(subject, volume, "a1");
  subject.server().volume("vfs-000")->attachments.emplace_back("a2", "");
  check_failed(execute(subject, call_of(OperationKind::attach, volume, "a1")), Errc::conflict, "a1, a2");
  CHECK(inspect(subject, volume).attachments.size() == 2);
  check_done(execute(subject, detach_call(volume, "a1", held)), Outcome::changed);
  CHECK(subject.holders_of(volume) == std::vector<std::string>{"a2"});
  // An attachment that nobody is named for may be anybody's.
  subject.server().volume("vfs-000")->attachments.front().first = "";
  check_failed(execute(subject, call_of(OperationKind::attach, volume, "a1")), Errc::conflict, "not name");
  check_failed(execute(subject, call_of(OperationKind::detach, volume, "a1")), Errc::conflict, "not name");
  CHECK(inspect(subject, volume).attachments.front().host_identity.empty());
}

TEST_CASE("rexray rest: two attaches at once are found out by the look that follows") {
  RexrayRestSubject subject;
  const Volume volume = created(subject, "xv-one");
  LibstorageDouble::Scripted race = scripted(200, "{}", true);
  race.then = [&] { subject.server().volume("vfs-000")->attachments.emplace_back("a2", ""); };
  subject.server().next_changes.push_back(race);
  check_uncertain(execute(subject, call_of(OperationKind::attach, volume, "a1")), "a1, a2");
}

TEST_CASE("rexray rest: a task that goes on is waited for, and is uncertain when the time is up") {
  RexrayRestSubject subject;
  subject.server().task_polls = 5;
  const Volume volume = created(subject, "xv-one");
  const OperationResult held = attached(subject, volume, "a1");
  check_done(execute(subject, detach_call(volume, "a1", held)), Outcome::changed);

  subject.server().task_polls = 1000;
  OperationCall attach = call_of(OperationKind::attach, volume, "a1");
  attach.deadline = seconds(10);
  check_uncertain(execute(subject, attach), "still at work");
}

TEST_CASE("rexray rest: what a task ends with counts for no more than an answer") {
  RexrayRestSubject subject;
  const Volume volume = created(subject, "xv-one");
  const std::string running = R"({"id":7,"queueTime":1,"state":"running"})";
  const OperationCall attach = call_of(OperationKind::attach, volume, "a1");
  const auto attach_with = [&](const std::string& task, int status = 200) {
    subject.server().next_changes.push_back(scripted(408, running));
    subject.server().next_looks.push_back(
        scripted(200, R"({"attachmentState":3,"id":"vfs-000","name":"xv-one","size":1})"));
    subject.server().next_looks.push_back(scripted(status, task));
    return execute(subject, attach);
  };
  check_uncertain(attach_with(R"({"id":7,"queueTime":1,"state":"success"})"), "it is not attached");
  check_uncertain(attach_with(R"({"id":7,"queueTime":1,"state":"error","error":{}})"), "says nothing");
  check_uncertain(attach_with(R"({"id":7,"queueTime":1,"state":"error","error":{"message":"timed out"}})"),
                  "timed out");
  check_failed(attach_with(R"({"id":7,"queueTime":1,"state":"error","error":"volume size too small"})"),
               Errc::invalid, "too small");
  // The server was started anew, and counts from 0.
  check_uncertain(attach_with(R"({"id":8,"queueTime":1,"state":"success"})"), "not told of any more");
  check_uncertain(attach_with(R"({"message":"resource not found","status":404})", 404), "not told of");
  check_uncertain(attach_with(R"({"id":7,"queueTime":1,"state":"resting"})"), "resting");
  subject.server().next_changes.push_back(scripted(202, "{}"));
  check_uncertain(execute(subject, attach), "HTTP status 202");
  CHECK(subject.holders_of(volume).empty());
}

TEST_CASE("rexray rest: of a 500 only known words say that nothing happened") {
  RexrayRestSubject subject;
  const Volume volume = created(subject, "xv-one");
  const OperationCall attach = call_of(OperationKind::attach, volume, "a1");
  const auto attach_with = [&](int status, const std::string& body, bool does_it = false) {
    subject.server().next_changes.push_back(scripted(status, body, does_it));
    return execute(subject, attach);
  };
  check_uncertain(attach_with(500, message("RequestLimitExceeded")), "RequestLimitExceeded");
  check_uncertain(attach_with(500, "<html>oops</html>"), "oops");
  check_uncertain(attach_with(502, ""), "502");
  check_uncertain(attach_with(302, ""), "302");
  check_uncertain(attach_with(500, message("Timeout occured waiting for storage action")), "Timeout");
  check_failed(attach_with(500, message("error authenticating")), Errc::permission, "authenticating");
  check_failed(attach_with(500, message("volume already attached to another host")), Errc::conflict,
               "another host");
  check_failed(attach_with(400, message("missing instance ID")), Errc::invalid, "instance ID");
  check_failed(attach_with(404, "404 page not found"), Errc::invalid, "no libStorage server");
  check_failed(attach_with(404, R"({"message":"resource not found","error":{"resourceID":"vfs-000"}})"),
               Errc::not_found, "resource not found");
  CHECK(subject.holders_of(volume).empty());
  // What is refused because it is so already is looked at.
  check_done(attach_with(500, message("volume already attached to instance"), true), Outcome::changed);
}

TEST_CASE("rexray rest: calls that succeed without doing anything are not believed") {
  RexrayRestSubject subject;
  const Volume volume = created(subject, "xv-one");
  subject.server().ignores_removes = true;
  check_uncertain(execute(subject, call_of(OperationKind::remove, volume)), "remove.disable");
  const OperationResult held = attached(subject, volume, "a1");
  subject.server().ignores_detaches = true;
  check_uncertain(execute(subject, detach_call(volume, "a1", held)), "it is attached to a1");
  subject.server().next_changes.push_back(scripted(201, R"({"id":"vfs-009","name":"xv-two"})"));
  check_uncertain(execute(subject, call_of(OperationKind::create, volume_of(subject, "xv-two"))),
                  "create.disable");
}

TEST_CASE("rexray rest: a 404 of the service is no volume that is gone") {
  RexrayRestSubject subject;
  const Volume volume = created(subject, "xv-one");
  subject.config.service = "nosvc";
  subject.restart();
  const ProviderObservation seen = observe(subject, "xv-one");
  CHECK_FALSE(seen.complete);
  CHECK(seen.why_incomplete.find("no service nosvc") != std::string::npos);
  check_failed(execute(subject, call_of(OperationKind::remove, volume)), Errc::not_found, "nosvc");
  CHECK(subject.copies_of(volume) == 1);
}

TEST_CASE("rexray rest: where an inspect answers 500 the list tells whether it is there") {
  RexrayRestSubject subject;
  const Volume volume = created(subject, "xv-one");
  subject.server().next_looks.push_back(scripted(500, message("InvalidVolume.NotFound")));
  const OperationResult held = attached(subject, volume, "a1");
  check_done(execute(subject, detach_call(volume, "a1", held)), Outcome::changed);
  // Removed, and the driver's word for that is 500.
  subject.server().next_looks.push_back(
      scripted(200, R"({"attachmentState":3,"id":"vfs-000","name":"xv-one","size":1})"));
  subject.server().next_looks.push_back(scripted(500, message("InvalidVolume.NotFound")));
  check_done(execute(subject, call_of(OperationKind::remove, volume)), Outcome::changed);
}

TEST_CASE("rexray rest: an id that has come to name another volume is left alone") {
  RexrayRestSubject subject;
  const Volume volume = created(subject, "xv-one");
  subject.server().volume("vfs-000")->name = "somebodys";
  for (const OperationKind kind : {OperationKind::attach, OperationKind::detach, OperationKind::remove})
    check_failed(execute(subject, call_of(kind, volume, "a1")), Errc::conflict, "somebodys");
  CHECK(subject.server().volumes.size() == 1);
}

TEST_CASE("rexray rest: foreign volumes that share a name go by their ids") {
  RexrayRestSubject subject;
  subject.server().add("pgdata", 1);
  subject.server().add("pgdata", 1);
  subject.server().add("", 1);
  const ProviderObservation seen = observe(subject);
  REQUIRE(seen.complete);
  REQUIRE(seen.volumes.size() == 3);
  CHECK(seen.volumes[0].key == "pgdata (vfs-000)");
  CHECK(seen.volumes[1].key == "pgdata (vfs-001)");
  CHECK(seen.volumes[2].key == "vfs-002");
  CHECK_FALSE(observe(subject, "pgdata").complete);
  // Adopted by its id, it is attached like any other.
  Volume adopted = volume_of(subject, "xv-x");
  adopted.origin = VolumeOrigin::adopted;
  adopted.key = "pgdata (vfs-001)";
  adopted.provider_ref = "vfs-001";
  attached(subject, adopted, "a1");
  CHECK(subject.server().volume("vfs-001")->attachments.size() == 1);
  adopted.provider_ref = "";
  check_failed(execute(subject, call_of(OperationKind::remove, adopted)), Errc::invalid, "by its id");
}

TEST_CASE("rexray rest: what cannot be read makes a look incomplete, not shorter") {
  RexrayRestSubject subject;
  subject.server().add("good", 1);
  for (const char* const bad :
       {R"("x")", R"({"name":"n"})", R"({"id":"other","name":"n"})", R"({"id":"bad","name":7})",
        R"({"id":"bad","size":-1})", R"({"id":"bad","attachments":{}})", R"({"id":"bad","attachments":[7]})",
        R"({"id":"bad","attachments":[{"volumeID":"vfs-7","instanceID":{"id":"a1"}}]})",
        R"({"id":"bad","attachments":[],"Attachments":[{"instanceID":{"id":"a1"}}]})",
        R"({"id":"bad","name":"n"})", R"({"id":"bad","name":"n","attachmentState":null})",
        R"({"id":"bad","name":"n","attachmentState":0})", R"({"id":"bad","name":"n","attachmentState":1})",
        R"({"id":"bad","name":"n","attachmentState":5})", R"({"id":"bad","name":"n","attachmentState":"3"})",
        R"({"id":"bad","name":"n","attachments":[]})"}) {
    INFO(bad);
    const std::string good = R"({"good":{"attachmentState":3,"id":"good","name":"good","size":1},"bad":)";
    subject.server().next_looks.push_back(scripted(200, good + bad + "}"));
    const ProviderObservation seen = observe(subject);
    CHECK_FALSE(seen.complete);
    REQUIRE(seen.volumes.size() == 1);
    CHECK(seen.volumes.front().key == "good");
  }
  for (const char* const body : {"null", "[]", "", "{", "7"}) {
    subject.server().next_looks.push_back(scripted(200, body));
    CHECK_FALSE(observe(subject).complete);
  }
  subject.server().next_looks.push_back(scripted(408, R"({"id":7,"queueTime":1,"state":"running"})"));
  CHECK_FALSE(observe(subject).complete);
}

TEST_CASE("rexray rest: who has a volume may not be told, but that it is held is") {
  RexrayRestSubject subject;
  const Volume volume = created(subject, "xv-one");
  // As the rbd driver says of what another host has mapped, and as an asker's own that is listed nowhere.
  for (const char* const state : {"4", "2"}) {
    const std::string one =
        std::string(R"({"id":"vfs-000","name":"xv-one","size":1,"attachmentState":)") + state + "}";
    subject.server().next_looks.push_back(scripted(200, R"({"vfs-000":)" + one + "}"));
    const ProviderObservation seen = observe(subject);
    REQUIRE(seen.complete);
    REQUIRE(seen.volumes.front().attachments.size() == 1);
    CHECK(seen.volumes.front().attachments.front().host_identity.empty());
    for (const OperationKind kind : {OperationKind::attach, OperationKind::detach, OperationKind::remove}) {
      subject.server().next_looks.push_back(scripted(200, one));
      check_failed(execute(subject, call_of(kind, volume, "a1")), Errc::conflict, "not name");
    }
  }
  // Not told at all: nothing is done with it.
  for (const char* const state : {"", R"(,"attachmentState":1)"}) {
    const std::string one = std::string(R"({"id":"vfs-000","name":"xv-one","size":1)") + state + "}";
    for (const OperationKind kind : {OperationKind::attach, OperationKind::detach, OperationKind::remove}) {
      subject.server().next_looks.push_back(scripted(200, one));
      check_failed(execute(subject, call_of(kind, volume, "a1")), Errc::unavailable, "attachmentState");
    }
  }
  CHECK(subject.copies_of(volume) == 1);
}

TEST_CASE("rexray rest: a list without attachments, as it was recorded, is no list of free volumes") {
  RexrayRestSubject subject;
  std::ifstream file(std::string(EXTVOLD_SOURCE_DIR) +
                     "/tests/data/rexray/rexray-two-hosts/rest-volumes-attachments-0.txt");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const nlohmann::json body = nlohmann::json::parse(text.substr(text.find('{')));
  subject.server().next_looks.push_back(scripted(200, body["vfs"].dump()));
  const ProviderObservation seen = observe(subject);
  CHECK_FALSE(seen.complete);
  CHECK(seen.volumes.empty());
  CHECK(seen.why_incomplete.find("vfs-000: REX-Ray does not say whether it is attached") !=
        std::string::npos);
}

TEST_CASE("rexray rest: what the EBS driver says of an empty list and of a missing device name") {
  RexrayRestSubject subject;
  subject.server().next_looks.push_back(scripted(500, message("no volume returned")));
  CHECK_FALSE(observe(subject).complete);  // of another driver it says nothing
  subject.config.driver = "ebs";
  subject.restart();
  subject.server().next_looks.push_back(scripted(500, message("no volume returned")));
  const ProviderObservation none = observe(subject);
  CHECK(none.complete);
  CHECK(none.volumes.empty());
  subject.server().next_looks.push_back(scripted(500, message("no volume returned")));
  const Volume volume = created(subject, "xv-one");
  subject.server().next_looks.push_back(scripted(500, message("error getting volume: no volume returned")));
  CHECK_FALSE(observe(subject).complete);
  subject.server().next_changes.push_back(scripted(500, message("missing next device")));
  check_failed(execute(subject, call_of(OperationKind::attach, volume, "a1")), Errc::invalid,
               "missing next device");
}

TEST_CASE("rexray rest: a driver that answers nobody is asked for an instance") {
  RexrayRestSubject subject;
  subject.server().next_looks.push_back(scripted(400, message("missing instance ID")));
  const ProviderObservation seen = observe(subject);
  CHECK_FALSE(seen.complete);
  CHECK(seen.why_incomplete.find("look_identity") != std::string::npos);
}

TEST_CASE("rexray rest: a token is sent, and is in no message") {
  RexrayRestSubject subject;
  subject.config.token_place = "/run/token";
  subject.server().token = "secret of /run/token";
  subject.restart();
  const Volume volume = created(subject, "xv-one");
  CHECK(header(subject.server().requests.front(), "Authorization") == "Bearer secret of /run/token");
  subject.server().token = "another";
  const OperationResult result = execute(subject, call_of(OperationKind::attach, volume, "a1"));
  check_failed(result, Errc::permission, "token_file");
  CHECK(result.error.message.find("secret") == std::string::npos);
}

TEST_CASE("rexray rest: sizes are whole GiB, and what was granted is told") {
  RexrayRestSubject subject;
  OperationCall create = call_of(OperationKind::create, volume_of(subject, "xv-one", 1500));
  OperationResult made = execute(subject, create);
  check_done(made, Outcome::changed);
  CHECK(made.granted_size_mb == 2048);
  check_done(execute(subject, create), Outcome::unchanged);
  CHECK(inspect(subject, create.volume).size_mb == 2048);
  // ScaleIO makes 8 GiB of it by itself.
  subject.config.size_step_gb = 8;
  subject.restart();
  subject.server().volume("vfs-000")->size = 8;
  made = execute(subject, create);
  check_done(made, Outcome::unchanged);
  CHECK(made.granted_size_mb == 8192);
  subject.server().volume("vfs-000")->size = 16;
  check_failed(execute(subject, create), Errc::conflict, "16384 MB");
}

TEST_CASE("rexray rest: of the names for a device one is taken that the host has free") {
  RexrayRestSubject subject;
  subject.config.device_names = {"/dev/xvdf", "/dev/xvdg"};
  subject.restart();
  const auto device_of = [&](const std::string& key) {
    return attached(subject, created(subject, key), "a1").device;
  };
  CHECK(device_of("xv-one") == "/dev/xvdf");
  CHECK(device_of("xv-two") == "/dev/xvdg");
  const Volume third = created(subject, "xv-three");
  check_failed(execute(subject, call_of(OperationKind::attach, third, "a1")), Errc::exhausted,
               "device_names");
  CHECK(attached(subject, third, "a2").device == "/dev/xvdf");
}

TEST_CASE("rexray rest: what REX-Ray cannot do is refused in words") {
  RexrayRestSubject subject;
  const Volume volume = volume_of(subject, "xv-one");
  OperationCall clone = call_of(OperationKind::create, volume);
  clone.source_ref = "vfs-000";
  check_failed(execute(subject, clone), Errc::invalid, "empty volume");
  check_failed(execute(subject, call_of(OperationKind::format, volume, "a1")), Errc::invalid, "format");
  Volume elsewhere = volume;
  elsewhere.pool.pool = "nowhere";
  check_failed(execute(subject, call_of(OperationKind::create, elsewhere)), Errc::invalid, "no pool nowhere");
  extvold::FenceCall call;
  call.act = extvold::FenceAct::set;
  const extvold::FenceResult fenced = fence(subject, call);
  CHECK(fenced.state == extvold::FenceCallState::failed);
  CHECK(fenced.error.code == Errc::invalid);
  CHECK_FALSE(subject.provider().info().capabilities.detach_enforced);
  CHECK_FALSE(subject.provider().info().capabilities.exclusive_attach);
}

TEST_CASE("rexray rest: a volume's type and zone say whose pool it is") {
  RexrayRestSubject subject;
  subject.config.pools.resize(2);
  subject.config.pools[0] = {"fast", "io1", "", 4000, 1 << 20, true};
  subject.config.pools[1] = {"cheap", "standard", "us-east-1a", 0, 0, false};
  subject.restart();
  subject.server().next_looks.push_back(scripted(200, R"({
      "v1":{"attachmentState":3,"id":"v1","name":"a","type":"io1"},
      "v2":{"attachmentState":3,"id":"v2","name":"b","type":"standard","availabilityZone":"us-east-1a"},
      "v3":{"attachmentState":3,"id":"v3","name":"c","type":"standard","availabilityZone":"us-east-1b"}})"));
  const ProviderObservation seen = observe(subject);
  REQUIRE(seen.volumes.size() == 3);
  CHECK(seen.volumes[0].pool == "fast");
  CHECK(seen.volumes[1].pool == "cheap");
  CHECK(seen.volumes[2].pool.empty());
  REQUIRE(seen.pools.size() == 2);
  CHECK(seen.pools[0].capacity_mb == 1 << 20);
  Volume volume = volume_of(subject, "xv-one");
  volume.pool.pool = "fast";
  volume.iops = 300;
  check_done(execute(subject, call_of(OperationKind::create, volume)), Outcome::changed);
  const auto& requests = subject.server().requests;
  const auto post =
      std::find_if(requests.begin(), requests.end(), [](const auto& one) { return one.method == "POST"; });
  CHECK(post->body == R"({"iops":300,"name":"xv-one","opts":{},"size":1,"type":"io1"})");
}
