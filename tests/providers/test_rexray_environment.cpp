// The rexray provider and the file with its program's environment.
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "providers/rexray/environment_file.h"
#include "tests/providers/conformance/calls.h"
#include "tests/providers/conformance/subject_rexray_cli.h"

using extvold::Errc;
using extvold::OperationKind;
using extvold::OperationResult;
using extvold::ProviderObservation;
using extvold::Volume;
using extvold::tests::conformance::call_of;
using extvold::tests::conformance::check_not_done;
using extvold::tests::conformance::created;
using extvold::tests::conformance::execute;
using extvold::tests::conformance::observe;
using extvold::tests::conformance::RexrayCli1Subject;
namespace rexray = extvold::providers::rexray;

TEST_CASE("rexray cli: 0.1 is set up by its environment, which is read from a file at each call") {
  RexrayCli1Subject subject;
  nlohmann::json state = subject.state();
  state["wants"] = "REXRAY_STORAGEDRIVERS=ec2";
  subject.set_state(state);
  CHECK_FALSE(observe(subject).complete);
  subject.config.environment_file = subject.dir() + "/environment";
  const auto write = [&](const std::string& text, ::mode_t mode = 0600) {
    ::unlink(subject.config.environment_file.c_str());
    std::ofstream(subject.config.environment_file) << text;
    REQUIRE(::chmod(subject.config.environment_file.c_str(), mode) == 0);
  };
  subject.restart();
  const auto why = [&] {
    const ProviderObservation seen = observe(subject);
    CHECK_FALSE(seen.complete);
    CHECK(seen.why_incomplete.find("secret") == std::string::npos);
    return seen.why_incomplete;
  };
  CHECK(why().find("No such file") != std::string::npos);
  write("REXRAY_STORAGEDRIVERS=ec2\nAWS_SECRET_KEY=secret\n", 0640);
  CHECK(why().find("chmod 600") != std::string::npos);
  write("AWS_SECRET_KEY=secret\nsecret\n");
  CHECK(why().find("environment: line 2 is not KEY=VALUE") != std::string::npos);

  write("# of ec2\n\nREXRAY_STORAGEDRIVERS=ec2\nAWS_SECRET_KEY=secret=x y\n");
  CHECK(observe(subject).complete);
  const Volume volume = created(subject, "xv-one");
  write("REXRAY_STORAGEDRIVERS=scaleio\n");
  CHECK(why().find("no storage driver") != std::string::npos);
  write("secret", 0600);
  const OperationResult refused = execute(subject, call_of(OperationKind::remove, volume));
  check_not_done(refused);
  CHECK(refused.error.code == Errc::invalid);
  CHECK(refused.error.message.find("KEY=VALUE") != std::string::npos);
  CHECK(subject.copies_of(volume) == 1);
}

TEST_CASE("rexray cli: what an environment file may hold") {
  const auto lines = rexray::parse_environment("A=1\r\n# B=2\n  \nC_2= x=y \nD=");
  REQUIRE(lines);
  CHECK(*lines == std::vector<std::string>{"A=1", "C_2= x=y ", "D="});
  for (const char* const bad : {"A", "=1", "export A=1", " A=1", "2=1", "A=\"1\"", "A='1'", "A=1\nA=2"}) {
    INFO(bad);
    CHECK_FALSE(rexray::parse_environment(bad));
  }
  CHECK_FALSE(rexray::parse_environment(std::string_view("A=\0", 3)));
  CHECK(rexray::merged_environment({"PATH=/bin", "HOME=/root"}, {"HOME=/x", "A=1"}) ==
        std::vector<std::string>{"PATH=/bin", "HOME=/x", "A=1"});
}

TEST_CASE("rexray cli: 0.1 reads no configuration, so that none may be named") {
  RexrayCli1Subject subject;
  subject.config.config_file = "/etc/rexray/config.yml";
  subject.restart();
  const ProviderObservation seen = observe(subject);
  CHECK_FALSE(seen.complete);
  CHECK(seen.why_incomplete.find("environment_file") != std::string::npos);
}
