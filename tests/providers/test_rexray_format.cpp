// What the program rexray attached is formatted under extvold's guard, on a real device.
#include <catch2/catch.hpp>

#include "host/mkfs.h"
#include "providers/rexray/format_helper.h"
#include "tests/providers/conformance/calls.h"
#include "tests/providers/conformance/subject_rexray_cli.h"
#include "tests/providers/local_world.h"

using extvold::Errc;
using extvold::Filesystem;
using extvold::OperationCall;
using extvold::OperationKind;
using extvold::OperationResult;
using extvold::OperationState;
using extvold::Outcome;
using extvold::Result;
using extvold::Volume;
using extvold::VolumeOrigin;
using extvold::tests::run_program;
using extvold::tests::conformance::RexrayCli1Subject;
namespace conformance = extvold::tests::conformance;
namespace rexray = extvold::providers::rexray;

namespace {

// A loop device on a file of that size, for as long as this lives.
class Loop {
 public:
  Loop(RexrayCli1Subject& subject, int size_mb) {
    const std::string image = subject.dir() + "/image";
    REQUIRE(run_program({"/usr/bin/truncate", "-s", std::to_string(size_mb) + "M", image}) == 0);
    extvold::ProcessRequest losetup;
    losetup.argv = {"/usr/sbin/losetup", "--show", "-f", image};
    subject.runner.run(losetup, [&](const Result<extvold::ProcessResult>& ended) {
      REQUIRE(ended);
      REQUIRE(ended->exit_status == 0);
      path = ended->standard_output.substr(0, ended->standard_output.find('\n'));
    });
    subject.runner.drain();
  }
  ~Loop() { run_program({"/usr/sbin/losetup", "-d", path}); }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  std::string path;
};

void put_device(const RexrayCli1Subject& subject, const std::string& device) {
  nlohmann::json state = subject.state();
  state["device"] = device;
  subject.set_state(state);
}

}  // namespace

TEST_CASE("rexray format: a new volume gets its filesystem once, and what is not blank keeps what it has") {
  if (extvold::tests::lacks_root("formatting a loop device")) return;
  RexrayCli1Subject subject;
  subject.config.cli_host = "a1";
  subject.config.helper = EXTVOLD_HOST_HELPER;
  subject.config.helper_arguments = {};
  subject.restart();
  CHECK(subject.provider().info().format_host == "a1");
  const Loop loop(subject, 1024);
  put_device(subject, loop.path);
  Volume volume = conformance::created(subject, "xv-one");
  volume.filesystem = Filesystem::ext4;
  OperationCall format = conformance::call_of(OperationKind::format, volume, "a1");
  CHECK(conformance::execute(subject, format).error.code == Errc::conflict);  // not attached
  format.device = conformance::attached(subject, volume, "a1").device;
  CHECK(format.device == loop.path);

  conformance::check_done(conformance::execute(subject, format), Outcome::changed);
  conformance::check_done(conformance::execute(subject, format), Outcome::unchanged);
  CHECK_FALSE(subject.state().contains("formatted"));  // by REX-Ray's own command

  REQUIRE(run_program({"/usr/sbin/wipefs", "-q", "-a", loop.path}) == 0);
  REQUIRE(run_program({"/usr/sbin/mkfs.ext4", "-q", loop.path}) == 0);  // somebody's
  const OperationResult refused = conformance::execute(subject, format);
  INFO(refused.error.message);
  CHECK(refused.state == OperationState::failed);
  CHECK(refused.format_refused);

  OperationCall other = format;
  other.device = "/dev/xvdz";
  CHECK(conformance::execute(subject, other).error.message.find("not /dev/xvdz as recorded") !=
        std::string::npos);
  other = format;
  other.volume.size_mb = 2048;
  CHECK(conformance::execute(subject, other).state == OperationState::failed);
  other = format;
  other.volume.origin = VolumeOrigin::cloned;
  CHECK(conformance::execute(subject, other).error.message.find("never formatted") != std::string::npos);
}

TEST_CASE("rexray format: without a helper, or far from the program, nothing is formatted") {
  RexrayCli1Subject subject;
  CHECK(subject.provider().info().format_host.empty());
  Volume volume = conformance::volume_of(subject, "xv-one");
  volume.filesystem = Filesystem::ext4;
  const OperationResult result =
      conformance::execute(subject, conformance::call_of(OperationKind::format, volume, "a1"));
  CHECK(result.state == OperationState::failed);
  CHECK(result.error.code == Errc::invalid);
  CHECK_FALSE(result.format_refused);
}

TEST_CASE("rexray format: the double knows the command of 0.1 that extvold never starts") {
  RexrayCli1Subject subject;
  const auto status = [&](std::vector<std::string> words) {
    extvold::ProcessRequest process;
    process.argv = {subject.config.program};
    process.argv.insert(process.argv.end(), words.begin(), words.end());
    process.env = subject.config.environment;
    extvold::ProcessResult got;
    subject.runner.run(process, [&](const Result<extvold::ProcessResult>& ended) {
      REQUIRE(ended);
      got = *ended;
    });
    subject.runner.drain();
    return std::to_string(got.exit_status) + got.standard_error.substr(0, 14);
  };
  CHECK(status({"format-device", "--devicename=/dev/xvdb", "--fstype=ext4", "--overwritefs"}) == "0");
  CHECK(subject.state()["formatted"] == nlohmann::json({"/dev/xvdb"}));
  CHECK(status({"format-device"}).starts_with("1"));
  CHECK(status({"format-device", "--deviceName=/dev/xvdb"}) == "0Error: unknown");
  CHECK(subject.state()["formatted"].size() == 1);
  const extvold::tests::conformance::RexrayCli4Subject newest;
  subject.config.environment = newest.config.environment;
  CHECK(status({"format-device", "--devicename=/dev/xvdb"}) == "0Error: unknown");
}

TEST_CASE("rexray format: an order and an answer are read as they were written, and nothing else is") {
  rexray::FormatOrder order;
  order.device = "/dev/xvdb";
  order.size_mb = 1024;
  order.key = "xv-one";
  const auto read = [](const std::string& text) {
    return rexray::parse_format_order(nlohmann::json::parse(text, nullptr, false));
  };
  REQUIRE(read(rexray::format_request_text(order)));
  CHECK(*read(rexray::format_request_text(order)) == order);
  for (const char* const device : {"", "/etc/passwd", "/dev/../etc/passwd", "xvdb"}) {
    rexray::FormatOrder bad = order;
    bad.device = device;
    CHECK_FALSE(read(rexray::format_request_text(bad)));
  }
  order.filesystem = Filesystem::none;
  CHECK_FALSE(read(rexray::format_request_text(order)));

  const rexray::FormatAnswer answer{.changed = false, .refused = true, .reason = "not blank"};
  CHECK(*rexray::parse_format_answer(rexray::format_answer_text(answer)) == answer);
  const auto code = [](const char* text) {
    const Result<rexray::FormatAnswer> got = rexray::parse_format_answer(text);
    REQUIRE_FALSE(got);
    return got.error().code;
  };
  CHECK(code(R"({"ok":false,"code":"busy","message":"mounted"})") == Errc::busy);
  for (const char* const bad : {"", "[]", "{}", R"({"ok":true})", R"({"ok":false,"code":"no","message":""})",
                                R"({"ok":true,"changed":1,"refused":false,"reason":""})"})
    CHECK(code(bad) == Errc::uncertain);
}
