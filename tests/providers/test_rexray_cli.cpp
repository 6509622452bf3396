// The rexray provider at the program, in all of its dialects.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "providers/rexray/commands.h"
#include "providers/rexray/rexray_cli.h"
#include "providers/rexray/yaml_list.h"
#include "tests/providers/conformance/calls.h"
#include "tests/providers/conformance/subject_rexray_cli.h"

using extvold::Errc;
using extvold::OperationCall;
using extvold::OperationKind;
using extvold::OperationResult;
using extvold::OperationState;
using extvold::Outcome;
using extvold::ProviderObservation;
using extvold::Result;
using extvold::Volume;
using namespace extvold::tests::conformance;  // NOLINT: the suite's own words
namespace rexray = extvold::providers::rexray;
using rexray::Words;

namespace {

void check_not_done_as(const OperationResult& result, Errc code, const std::string& says) {
  INFO(result.error.message);
  CHECK(result.state == (code == Errc::uncertain ? OperationState::uncertain : OperationState::failed));
  CHECK(result.error.code == code);
  CHECK(result.error.message.find(says) != std::string::npos);
}

void set(const RexrayCliSubject& subject, const char* key, const char* value) {
  nlohmann::json state = subject.state();
  state[key] = value;
  subject.set_state(state);
}

void fault(const RexrayCliSubject& subject, const char* what) {
  set(subject, "stage", "change");
  set(subject, "fault", what);
}

}  // namespace

TEST_CASE("rexray cli: the words of the original plan are those of dialect 1") {
  const rexray::CliVersion oldest = rexray::version_of_dialect(1);
  rexray::NewVolume wish;
  wish.name = "persistent-data";
  wish.size_gb = 10;
  CHECK(rexray::create_words(oldest, wish) ==
        Words{"new-volume", "--size=10", "--volumename=persistent-data"});
  CHECK(rexray::attach_words(oldest, "vol-425e94af") == Words{"attach-volume", "--volumeid=vol-425e94af"});
  CHECK(rexray::detach_words(oldest, "vol-425e94af") == Words{"detach-volume", "--volumeid=vol-425e94af"});
  CHECK(rexray::remove_words(oldest, "vol-425e94af") == Words{"remove-volume", "--volumeid=vol-425e94af"});
  CHECK(rexray::list_words(oldest) == Words{"get-volume"});
}

TEST_CASE("rexray cli: each later dialect has words of its own") {
  rexray::NewVolume wish;
  wish.name = "xv-one";
  wish.size_gb = 2;
  wish.iops = 100;
  wish.type = "io1";
  wish.availability_zone = "z";
  const rexray::CliVersion second = rexray::version_of_dialect(2);
  CHECK(rexray::create_words(second, wish) == Words{"volume", "new", "--size=2", "--volumename=xv-one",
                                                    "--volumetype=io1", "--iops=100", "--availabilityzone=z",
                                                    "--format=json"});
  CHECK(rexray::remove_words(second, "v") == Words{"volume", "remove", "--volumeid=v"});
  CHECK(rexray::map_words(rexray::version_of_dialect(3)) == Words{"volume", "map", "--format=json"});
  const rexray::CliVersion newest = rexray::version_of_dialect(4);
  CHECK(rexray::create_words(newest, wish) == Words{"volume", "create", "xv-one", "--size=2",
                                                    "--volumeType=io1", "--iops=100", "--availabilityZone=z",
                                                    "--format=json"});
  CHECK(rexray::remove_words(newest, "vfs-000") == Words{"volume", "rm", "vfs-000", "--format=json"});
  CHECK(rexray::list_words(newest) == Words{"volume", "ls", "--format=json"});
}

TEST_CASE("rexray cli: the version says which dialect it is, and an unknown one is refused") {
  const auto dialect = [](const std::string& text) {
    const Result<rexray::CliVersion> version = rexray::parse_version(text);
    return version ? version->dialect : 0;
  };
  CHECK(dialect("\nRexray Version: 0.1.150605\n") == 1);
  CHECK(dialect("Binary: /usr/bin/rexray\nSemVer: 0.2.0\nOsArch: Linux-x86_64\n") == 2);
  CHECK(dialect("REX-Ray\n-------\nSemVer: 0.5.1\n\nlibStorage\n----------\nSemVer: 0.3.8\n") == 3);
  CHECK(dialect("REX-Ray\n-------\nSemVer: 0.12.0+3\n\nlibStorage\n----------\nSemVer: 0.1.0\n") == 4);
  CHECK(dialect("REX-Ray\n-------\nSemVer: 0.6.1\n") == 4);
  CHECK_FALSE(rexray::parse_version("SemVer: 0.2.1\n")->json);
  CHECK(rexray::parse_version("SemVer: 0.3.0-rc1\n")->json);
  for (const char* const text :
       {"", "SemVer:\n", "SemVer: 0.13.0\n", "SemVer: 1.0.0\n", "SemVer: x\n", "SemVer: 0.6x\n",
        "SemVer: 0\n", "SemVer: 0.6.0\n", "SemVer: 0.6.0-rc3\n", "SemVer: 0.7\n", "Rexray Version: 0.6.1\n",
        "Usage: rexray [flags]\n", "SemVer: 99999999999.1\n"}) {
    INFO(text);
    CHECK_FALSE(rexray::parse_version(text));
  }
}

TEMPLATE_TEST_CASE("rexray cli: to its own host it attaches, and to no other", "", RexrayCli1Subject,
                   RexrayCli2YamlSubject, RexrayCli2Subject, RexrayCli3Subject, RexrayCli4Subject) {
  TestType subject;
  subject.config.cli_host = "a1";
  subject.restart();
  CHECK(subject.provider().info().capabilities.attach_to_named_host);
  const Volume volume = created(subject, "xv-one");
  check_not_done_as(execute(subject, call_of(OperationKind::attach, volume, "a2")), Errc::invalid,
                    "its own host a1 only");
  const OperationResult held = attached(subject, volume, "a1");
  CHECK(held.host_identity == "a1");
  CHECK(held.device.starts_with("/dev/xvd"));
  check_done(execute(subject, call_of(OperationKind::attach, volume, "a1")), Outcome::unchanged);
  CHECK(inspect(subject, volume).attachments.size() == 1);
  check_not_done_as(execute(subject, call_of(OperationKind::remove, volume)), Errc::conflict, "a1");
  check_done(execute(subject, detach_call(volume, "a1", held)), Outcome::changed);
  check_done(execute(subject, detach_call(volume, "a1", held)), Outcome::unchanged);
  CHECK(subject.holders_of(volume).empty());
}

TEST_CASE("rexray cli: what another host has is refused before the program is asked") {
  RexrayCli4Subject subject;
  subject.config.cli_host = "a1";
  subject.restart();
  const Volume volume = created(subject, "xv-one");
  nlohmann::json state = subject.state();
  state["volumes"][0]["attachments"] = {"a2"};
  subject.set_state(state);
  check_not_done_as(execute(subject, call_of(OperationKind::attach, volume, "a1")), Errc::conflict, "a2");
  // It is not ours to end either.
  check_done(execute(subject, call_of(OperationKind::detach, volume, "a1")), Outcome::unchanged);
  CHECK(subject.holders_of(volume) == std::vector<std::string>{"a2"});
}

TEST_CASE("rexray cli: \"no volumes found\" is resolved by a look") {
  RexrayCli4Subject subject;
  subject.config.cli_host = "a1";
  subject.restart();
  const Volume volume = created(subject, "xv-one");
  fault(subject, "steal");  // attached elsewhere since our look: filtered out
  check_not_done_as(execute(subject, call_of(OperationKind::attach, volume, "a1")), Errc::conflict,
                    "no volumes found");
  CHECK(subject.holders_of(volume) == std::vector<std::string>{"thief"});
}

TEST_CASE("rexray cli: calls that succeed without doing anything are not believed") {
  RexrayCli4Subject subject;
  subject.config.cli_host = "a1";
  subject.restart();
  const Volume volume = created(subject, "xv-one");
  fault(subject, "disabled");
  check_not_done_as(execute(subject, call_of(OperationKind::create, volume_of(subject, "xv-two"))),
                    Errc::uncertain, "create.disable");
  check_not_done_as(execute(subject, call_of(OperationKind::remove, volume)), Errc::uncertain,
                    "remove.disable");
  check_not_done_as(execute(subject, call_of(OperationKind::attach, volume, "a1")), Errc::uncertain,
                    "it is not attached");
}

TEST_CASE("rexray cli: an attach that shows another identity than was configured is uncertain") {
  RexrayCli4Subject subject;
  subject.config.cli_host = "a1";
  subject.restart();
  const Volume volume = created(subject, "xv-one");
  set(subject, "host", "vm");
  check_not_done_as(execute(subject, call_of(OperationKind::attach, volume, "a1")), Errc::uncertain,
                    "it is attached to vm");
}

TEST_CASE("rexray cli: an id that rexray would take for another volume too is refused") {
  RexrayCli4Subject subject;
  subject.config.cli_host = "a1";
  subject.restart();
  const Volume volume = created(subject, "xv-one");
  for (const char* const name : {"vfs-000", "VFS-000-old", "vfs-0001"}) {
    nlohmann::json state = subject.state();
    state["volumes"][1] = {
        {"id", "other"}, {"name", name}, {"size", 1}, {"attachments", nlohmann::json::array()}};
    subject.set_state(state);
    for (const OperationKind kind : {OperationKind::attach, OperationKind::remove})
      check_not_done_as(execute(subject, call_of(kind, volume, "a1")), Errc::conflict, "would take volume");
    CHECK(subject.state()["volumes"].size() == 2);
  }
  Volume expression = volume;
  expression.provider_ref = "/.*/";
  check_not_done_as(execute(subject, call_of(OperationKind::remove, expression)), Errc::conflict, "no text");
  expression.provider_ref = "--force";
  check_not_done_as(execute(subject, call_of(OperationKind::remove, expression)), Errc::conflict, "no text");
}

TEST_CASE("rexray cli: a program of another dialect than configured does nothing and is found out") {
  RexrayCli1Subject subject;
  const Volume volume = created(subject, "xv-one");
  for (const int dialect : {2, 4}) {
    subject.config.dialect = dialect;
    subject.restart();
    check_not_done_as(execute(subject, call_of(OperationKind::remove, volume)), Errc::invalid, "dialect");
    const ProviderObservation seen = observe(subject);
    CHECK_FALSE(seen.complete);
    CHECK(seen.why_incomplete.find("dialect") != std::string::npos);
  }
  CHECK(subject.copies_of(volume) == 1);
}

TEST_CASE("rexray cli: that dialect 3 shows its own attachments only has to be known from the start") {
  RexrayCli3Subject subject;
  CHECK_FALSE(subject.provider().info().capabilities.list_attachments);
  subject.config.dialect = 0;
  subject.restart();
  const ProviderObservation seen = observe(subject);
  CHECK_FALSE(seen.complete);
  CHECK(seen.why_incomplete.find("dialect = 3") != std::string::npos);
}

TEST_CASE("rexray cli: 0.6.0 lists no attachments, so its volumes are not free") {
  RexrayCliSubject subject("4old");
  ProviderObservation seen = observe(subject);
  CHECK_FALSE(seen.complete);
  CHECK(seen.why_incomplete.find("use 0.6.1 or later") != std::string::npos);
  // Whoever configures the dialect has not asked which version it is.
  subject.config.dialect = 4;
  subject.config.cli_host = "a1";
  subject.restart();
  CHECK(observe(subject).complete);  // it is empty
  subject.make_foreign();
  seen = observe(subject);
  CHECK_FALSE(seen.complete);
  CHECK(seen.why_incomplete.find("does not say whether it is attached") != std::string::npos);
}

TEST_CASE("rexray cli: what 0.6 and later print of a held volume without saying who has it") {
  const rexray::CliVersion newest = rexray::version_of_dialect(4);
  const auto read = [&](const std::string& state) {
    return rexray::read_cli_list(newest, R"([{"name":"pg0","size":1,"id":"v","type":"")" + state + "}]");
  };
  const Result<rexray::StorageList> held = read(R"(,"attachmentState":4)");
  REQUIRE(held);
  CHECK(held->unreadable.empty());
  CHECK(held->volumes.front().attachments == std::vector<rexray::StorageAttachment>{{"", ""}});
  CHECK(read(R"(,"attachmentState":3)")->volumes.front().attachments.empty());
  CHECK_FALSE(read(R"(,"attachmentState":1)")->unreadable.empty());
  CHECK_FALSE(read("")->unreadable.empty());
  // Installed since 0.3 was asked for its version; it knows `volume get` as well.
  const Result<rexray::StorageList> newer = rexray::read_cli_list(
      rexray::version_of_dialect(2), R"([{"name":"pg0","size":1,"id":"v","type":"","attachmentState":1}])");
  REQUIRE(newer);
  CHECK_FALSE(newer->unreadable.empty());
}

TEST_CASE("rexray cli: one that cannot start is unavailable, and no other dialect") {
  RexrayCli4Subject subject;
  subject.config.cli_host = "a1";
  subject.restart();
  const Volume volume = created(subject, "xv-one");
  set(subject, "stage", "look");
  set(subject, "fault", "oops");
  const ProviderObservation seen = observe(subject);
  CHECK_FALSE(seen.complete);
  CHECK(seen.why_incomplete.find("Oops, an error occured!") != std::string::npos);
  CHECK(seen.why_incomplete.find("dialect") == std::string::npos);
  check_not_done_as(execute(subject, call_of(OperationKind::remove, volume)), Errc::unavailable, "Oops");
  fault(subject, "oops");
  check_not_done_as(execute(subject, call_of(OperationKind::attach, volume, "a1")), Errc::unavailable,
                    "Oops");
}

TEMPLATE_TEST_CASE("rexray cli: a volume may be called as a help begins", "", RexrayCli1Subject,
                   RexrayCli2YamlSubject, RexrayCli2Subject, RexrayCli3Subject, RexrayCli4Subject) {
  TestType subject;
  subject.config.cli_host = "a1";
  subject.restart();
  nlohmann::json state = subject.state();
  state["volumes"].push_back(
      {{"id", "other"}, {"name", "Usage: x"}, {"size", 1}, {"attachments", nlohmann::json::array()}});
  subject.set_state(state);
  const ProviderObservation seen = observe(subject);
  INFO(seen.why_incomplete);
  REQUIRE(seen.complete);
  CHECK(seen.volumes.front().key == "Usage: x");
  attached(subject, created(subject, "xv-one"), "a1");
}

TEST_CASE("rexray cli: IOPS that nobody is told of are refused in words") {
  RexrayCli4Subject subject;
  Volume volume = volume_of(subject, "xv-one");
  volume.iops = 100;
  check_not_done_as(execute(subject, call_of(OperationKind::create, volume)), Errc::invalid, "--iops");
  CHECK(subject.copies_of(volume) == 0);
  subject.config.pools.front().send_iops = true;
  subject.restart();
  check_done(execute(subject, call_of(OperationKind::create, volume)), Outcome::changed);
}

TEST_CASE("rexray cli: while a program of an earlier call lives no other one is started for its volume") {
  RexrayCli4Subject subject;
  const Volume volume = created(subject, "xv-one");
  const int lock = ::open((subject.dir() + "/rexray~here-vfs-000.lock").c_str(), O_CREAT | O_RDWR, 0600);
  REQUIRE(::flock(lock, LOCK_EX) == 0);
  check_not_done_as(execute(subject, call_of(OperationKind::remove, volume)), Errc::busy, "");
  CHECK(subject.copies_of(volume) == 1);
  ::close(lock);
  check_done(execute(subject, call_of(OperationKind::remove, volume)), Outcome::changed);
}

TEST_CASE("rexray cli: of YAML what 0.1 prints is read, and nothing else") {
  const std::string text =
      "- name: 'it''s: one'\n  volumeid: vol-1\n  size: \"10\"\n  networkname: \"a\\tb\\x41\"\n"
      "  attachments:\n  - volumeid: vol-1\n    instanceid: i-1\n  - volumeid: vol-1\n    instanceid: i-2\n"
      "- name: two\n  volumeid: vol-2\n  size: \"8\"\n  attachments: []\n";
  const Result<nlohmann::json> list = rexray::read_yaml_list(text);
  REQUIRE(list);
  CHECK(*list == nlohmann::json::parse(R"([
      {"name":"it's: one","volumeid":"vol-1","size":"10","networkname":"a\tbA",
       "attachments":[{"volumeid":"vol-1","instanceid":"i-1"},{"volumeid":"vol-1","instanceid":"i-2"}]},
      {"name":"two","volumeid":"vol-2","size":"8","attachments":[]}])"));
  CHECK(rexray::read_yaml_list("")->empty());
  CHECK(rexray::read_yaml_list("[]\n")->empty());
  for (const char* const bad :
       {"- name: a", "name: a\n", "- name a\n", "- name: a\n  name: b\n", "- name: &x a\n",
        "- name: a\n\n- name: b\n", "- name: |\n", "- name: \"a\n", "- name: 'a'b'\n",
        "- name: a\n    volumeid: b\n", "- name: a: b\n", "- name: \"\\u0041\"\n", "-\n", "- name:a\n",
        "---\n- name: a\n", "- attachments:\n    volumeid: x\n"}) {
    INFO(bad);
    CHECK_FALSE(rexray::read_yaml_list(bad));
  }
  // A line of more than 80 columns goes on in the next, within quotes too.
  const std::string words =
      "a name of somebody's that has many words in it and is therefore broken at some blank";
  const auto long_name = [&](const std::string& quote, std::size_t at) {
    std::string written = words;
    if (quote == "'") written.replace(written.find('\''), 1, "''");
    written.replace(written.find(' ', at), 1, "\n    ");
    return "- name: " + quote + written + quote +
           "\n  volumeid: vol-1\n  attachments:\n  - volumeid: vol-1\n";
  };
  for (const char* const quote : {"", "'", "\""}) {
    INFO(quote);
    const Result<nlohmann::json> read = rexray::read_yaml_list(long_name(quote, 75));
    REQUIRE(read);
    CHECK((*read)[0]["name"] == words);
    CHECK((*read)[0]["attachments"].size() == 1);
  }
  CHECK_FALSE(rexray::read_yaml_list(long_name("", 40)));  // nothing breaks it there
  // Cut off between two lines: the volume has no attachments field, so it is none.
  const rexray::CliVersion oldest = rexray::version_of_dialect(1);
  const Result<rexray::StorageList> cut = rexray::read_cli_list(oldest, "- name: a\n  volumeid: vol-1\n");
  REQUIRE(cut);
  CHECK_FALSE(cut->unreadable.empty());
}
