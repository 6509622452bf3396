// The helper that misbehaves: garbage, silence, death, a hang. And the helper that is killed at each of its
// steps: run again, it converges, with one loop device and one filesystem.
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <set>

#include "host/crash_point.h"
#include "host/fd.h"
#include "host/mkfs.h"
#include "host/probe.h"
#include "tests/providers/local_world.h"

using namespace extvold;
using namespace extvold::tests;
using host::UniqueFd;

namespace {

void set_environment(LocalWorld& world, std::vector<std::string> environment) {
  world.config.helper_environment = std::move(environment);
  world.restart();
}

void set_program(LocalWorld& world, const std::string& shell) {
  world.config.program = "/bin/sh";
  world.config.program_arguments = {"-c", shell};
  world.restart();
}

void check_uncertain(LocalWorld& world, const std::string& part) {
  const OperationResult result = world.execute(world.call(OperationKind::create, world.volume("xv-1")));
  INFO(result.error.message);
  CHECK(result.state == OperationState::uncertain);
  CHECK(result.error.code == Errc::uncertain);
  CHECK(result.error.message.find(part) != std::string::npos);
  CHECK(result.error.message.size() < 2000);
  const ProviderObservation seen = world.observe();
  CHECK_FALSE(seen.complete);
  CHECK(seen.volumes.empty());
  CHECK_FALSE(seen.why_incomplete.empty());
}

std::string uuid_on(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const auto found = host::identify(fd.get(), path);
  return found && *found ? (*found)->uuid : "";
}

}  // namespace

TEST_CASE("local: what is no proper answer is uncertain, and an observation incomplete") {
  LocalWorld world;
  SECTION("nothing") {
    set_program(world, "exit 0");
    check_uncertain(world, "nothing");
  }
  SECTION("garbage") {
    set_program(world, "head -c 100000 /dev/zero");
    check_uncertain(world, "not JSON");
  }
  SECTION("half an answer") {
    set_program(world, "printf '{\"ok\":true,\"changed\":tr'");
    check_uncertain(world, "not JSON");
  }
  SECTION("an answer with a field too few") {
    set_program(world, "echo '{\"ok\":true,\"changed\":true}'");
    check_uncertain(world, "missing");
  }
  SECTION("an answer and then a death") {
    set_program(world, "echo '{\"ok\":false,\"code\":\"conflict\",\"message\":\"m\"}'; kill -9 $$");
    check_uncertain(world, "status 137");
  }
  SECTION("an unknown code") {
    set_program(world, "echo '{\"ok\":false,\"code\":\"fine\",\"message\":\"m\"}'");
    check_uncertain(world, "unknown error code");
  }
  SECTION("complaints on standard error") {
    set_program(world, "echo 'oh no' >&2; exit 3");
    check_uncertain(world, "oh no");
  }
}

TEST_CASE("local: an error that the helper reports is the provider's, its text kept and bounded") {
  LocalWorld world;
  set_program(world, "printf '{\"ok\":false,\"code\":\"exhausted\",\"message\":\"full\\\\u0007 disk\"}'");
  const OperationResult result = world.execute(world.call(OperationKind::create, world.volume("xv-1")));
  CHECK(result.state == OperationState::failed);
  CHECK(result.error.code == Errc::exhausted);
  CHECK(result.error.message == "full  disk");
}

TEST_CASE("local: a helper that cannot be started has done nothing") {
  LocalWorld world;
  world.config.program = world.dir + "/no-such-program";
  world.restart();
  const OperationResult result = world.execute(world.call(OperationKind::create, world.volume("xv-1")));
  CHECK(result.state == OperationState::failed);
  CHECK(result.error.code == Errc::not_found);
  CHECK_FALSE(world.observe().complete);
}

TEST_CASE("local: a helper of another version refuses") {
  LocalWorld world;
  const std::string helper = world.config.program;
  set_program(world, "sed 's/\"protocol\":2/\"protocol\":1/' | " + helper);
  const OperationResult result = world.execute(world.call(OperationKind::create, world.volume("xv-1")));
  CHECK(result.state == OperationState::failed);
  CHECK(result.error.code == Errc::unavailable);
  CHECK(result.error.message.find("restart the daemon") != std::string::npos);
}

TEST_CASE("local: a hang ends at the deadline as uncertain, and its lock says that it is still at work") {
  LocalWorld world;
  const Volume volume = world.volume("xv-hang");
  set_environment(world, {"EXTVOLD_HELPER_STOP_AT=create.before_rename"});
  OperationCall create = world.call(OperationKind::create, volume);
  SECTION("killed at its deadline") {
    create.deadline = milliseconds(500);
    const OperationResult result = world.execute(create);
    CHECK(result.state == OperationState::uncertain);
    set_environment(world, {});
    CHECK(world.observe("xv-hang").complete);
    CHECK(world.observe("xv-hang").volumes.empty());  // half made is not made
  }
  SECTION("outliving the daemon") {
    int calls = 0;
    world.provider->execute(create, [&](const OperationResult&) { ++calls; });
    while (!exists(world.config.root + "/hdd/.xv-hang.img.new")) ::usleep(1000);
    const std::vector<pid_t> living = world.runner.forget(true);
    CHECK(calls == 0);
    set_environment(world, {});
    const ObservedVolume seen = world.inspect(volume);
    CHECK(seen.call_running == TriState::yes);
    CHECK(world.execute(create).error.code == Errc::busy);
    for (const pid_t pid : living) {
      ::kill(-pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
  }
  const OperationResult again = world.execute(create);
  INFO(again.error.message);
  CHECK(again.outcome == Outcome::changed);
  CHECK(world.inspect(volume).call_running == TriState::no);
}

TEST_CASE("local: a hung observation ends at its deadline as incomplete") {
  LocalWorld world;
  world.config.observe_deadline = milliseconds(300);
  set_environment(world, {"EXTVOLD_HELPER_STOP_AT=helper.request_read"});
  const ProviderObservation seen = world.observe();
  CHECK_FALSE(seen.complete);
}

// One volume's whole life, each operation crashing at `point` first (if it meets it) and then run until it is
// done. The invariants hold after every step.
TEST_CASE("local: killed at each step and run again, everything converges", "[root]") {
  if (lacks_root("loop devices")) return;
  std::set<std::string_view> met;
  for (const std::string_view point : host::kCrashPoints) {
    INFO("crash point " << point);
    LocalWorld world(LocalWorld::Where::memory);
    Volume volume = world.volume("xv-life");
    volume.mount_point = "/data";
    std::string uuid;

    const auto step = [&](OperationKind kind, const std::string& host) {
      INFO(to_text(kind) << " on " << host);
      OperationCall call = world.call(kind, volume, host);
      set_environment(world, {"EXTVOLD_HELPER_CRASH_AT=" + std::string(point)});
      const OperationResult crashed = world.execute(call);
      if (crashed.state == OperationState::uncertain) met.insert(point);
      INFO("first: " << crashed.error.message);
      CHECK((crashed.state == OperationState::uncertain || crashed.state == OperationState::done));
      set_environment(world, {});
      CHECK(world.observe().complete);
      CHECK(world.loops() <= 1);
      // Nobody calls it done before the devices on it have grown, too.
      if (kind == OperationKind::resize && point.starts_with("resize."))
        CHECK(world.inspect(volume).size_mb == 16);
      const OperationResult result = world.execute(call);
      INFO("again: " << result.error.message);
      REQUIRE(result.state == OperationState::done);
      if (crashed.state == OperationState::done) CHECK(result.outcome == Outcome::unchanged);
      CHECK(world.loops() <= 1);
      const ProviderObservation seen = world.observe();
      CHECK(seen.complete);
      return result;
    };

    step(OperationKind::create, "");
    CHECK(world.inspect(volume).size_mb == 16);
    step(OperationKind::attach, "a1");
    CHECK(world.inspect(volume).attachments.at(0).mounted == TriState::no);
    step(OperationKind::format, "a1");
    volume.format = FormatState::formatted;
    CHECK(step(OperationKind::attach, "a1").mounted);
    CHECK(world.inspect(volume).attachments.at(0).mounted == TriState::yes);
    write_text(world.dir + "/hosts/a1/mnt/data/row", "kept");
    step(OperationKind::detach, "a1");
    CHECK(world.loops() == 0);
    CHECK(uuid_on(world.image(volume)) == host::filesystem_uuid(volume.key));
    step(OperationKind::attach, "a2");
    CHECK(read_text(world.dir + "/hosts/a2/mnt/data/row") == "kept");
    volume.wanted_size_mb = 24;
    step(OperationKind::resize, "");
    volume.size_mb = 24;
    CHECK(world.inspect(volume).size_mb == 24);
    CHECK(read_text(world.dir + "/hosts/a2/mnt/data/row") == "kept");
    step(OperationKind::detach, "a2");
    step(OperationKind::attach, "a1");
    const auto fence = [&](FenceAct act) {
      const FenceCall call = world.fence_call(act, volume, "a1");
      set_environment(world, {"EXTVOLD_HELPER_CRASH_AT=" + std::string(point)});
      const FenceResult crashed = world.fence(call);
      if (crashed.state == FenceCallState::uncertain) met.insert(point);
      set_environment(world, {});
      const FenceResult between = world.fence(world.fence_call(FenceAct::check, volume, "a1"));
      INFO("between: " << between.seen);
      // Nobody says that it holds while the device is there, wherever the set was cut off.
      CHECK(between.held ==
            (exists(world.marks(volume)) && world.loops() == 0 ? TriState::yes : TriState::no));
      CHECK(world.fence(call).state == FenceCallState::done);
    };
    fence(FenceAct::set);
    CHECK(world.loops() == 0);
    CHECK(world.fence(world.fence_call(FenceAct::check, volume, "a1")).held == TriState::yes);
    CHECK(world.execute(world.call(OperationKind::attach, volume, "a1")).error.code == Errc::conflict);
    CHECK(world.execute(world.call(OperationKind::detach, volume, "a1")).outcome == Outcome::unchanged);
    fence(FenceAct::lift);
    CHECK_FALSE(exists(world.marks(volume)));
    step(OperationKind::attach, "a1");
    CHECK(read_text(world.dir + "/hosts/a1/mnt/data/row") == "kept");
    step(OperationKind::detach, "a1");
    step(OperationKind::remove, "");
    CHECK_FALSE(exists(world.image(volume)));
    CHECK_FALSE(exists(world.sidecar(volume)));
    CHECK(world.observe().volumes.empty());
  }
  for (const std::string_view point : host::kCrashPoints) {
    INFO(point);
    CHECK(met.contains(point));  // a point that no step meets is dead
  }
}

namespace {

// The helper behind a shell line, in a mount namespace of its own where the line may hide or replace files.
void set_prelude(LocalWorld& world, const std::string& shell) {
  world.config.program = "/usr/bin/unshare";
  world.config.program_arguments = {"-m", "/bin/sh", "-c",
                                    shell + "; exec " + std::string(EXTVOLD_HOST_HELPER)};
  world.restart();
}

void set_plain(LocalWorld& world) {
  world.config.program = EXTVOLD_HOST_HELPER;
  world.config.program_arguments = {};
  world.restart();
}

}  // namespace

TEST_CASE("local: without root, the refusal says so", "[root]") {
  if (lacks_root("to become nobody")) return;
  LocalWorld world;
  for (const char* folder : {"", "/root/hdd", "/hosts/a1"}) {
    std::filesystem::permissions(world.dir + folder, std::filesystem::perms::all);
  }
  const Volume volume = world.volume("xv-nobody");
  world.config.program = "/usr/bin/setpriv";
  world.config.program_arguments = {"--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all",
                                    EXTVOLD_HOST_HELPER};
  world.restart();
  CHECK(world.execute(world.call(OperationKind::create, volume)).state == OperationState::done);
  const OperationResult result = world.execute(world.call(OperationKind::attach, volume, "a1"));
  INFO(result.error.message);
  CHECK(result.state == OperationState::failed);
  CHECK(result.error.code == Errc::permission);
  CHECK(result.error.message.find("run as root") != std::string::npos);
  CHECK_FALSE(exists(world.record(volume, "a1")));
}

TEST_CASE("local: missing devices and tools are named, with the remedy", "[root]") {
  if (lacks_root("loop devices")) return;
  LocalWorld world;
  const Volume volume = world.volume("xv-missing");
  REQUIRE(world.execute(world.call(OperationKind::create, volume)).state == OperationState::done);
  SECTION("no loop driver") {
    set_prelude(world, "mount -t tmpfs none /dev");
    const OperationResult result = world.execute(world.call(OperationKind::attach, volume, "a1"));
    INFO(result.error.message);
    CHECK(result.state == OperationState::failed);
    CHECK(result.error.message.find("/dev/loop") != std::string::npos);
    CHECK_FALSE(exists(world.record(volume, "a1")));
  }
  SECTION("no mkfs") {
    REQUIRE(world.execute(world.call(OperationKind::attach, volume, "a1")).state == OperationState::done);
    set_prelude(world, "mount --bind /dev/null /usr/sbin/mkfs.ext4");
    const OperationResult result = world.execute(world.call(OperationKind::format, volume, "a1"));
    INFO(result.error.message);
    CHECK(result.state == OperationState::failed);
    CHECK_FALSE(result.format_refused);
    CHECK(result.error.message.find("apt install e2fsprogs") != std::string::npos);
  }
  SECTION("a mkfs that fails: it may have written") {
    REQUIRE(world.execute(world.call(OperationKind::attach, volume, "a1")).state == OperationState::done);
    set_prelude(world, "mount --bind /bin/false /usr/sbin/mkfs.ext4");
    CHECK(world.execute(world.call(OperationKind::format, volume, "a1")).state == OperationState::uncertain);
    set_plain(world);
    CHECK(world.execute(world.call(OperationKind::format, volume, "a1")).outcome == Outcome::changed);
  }
  SECTION("a mkfs that lies") {
    REQUIRE(world.execute(world.call(OperationKind::attach, volume, "a1")).state == OperationState::done);
    set_prelude(world, "mount --bind /bin/true /usr/sbin/mkfs.ext4");
    const OperationResult result = world.execute(world.call(OperationKind::format, volume, "a1"));
    CHECK(result.state == OperationState::uncertain);
    CHECK(result.error.message.find("does not read back") != std::string::npos);
  }
}

TEST_CASE("local: a detach that unmounted and cannot go on is uncertain", "[root]") {
  if (lacks_root("mounts")) return;
  LocalWorld world;
  Volume volume = world.formatted("xv-half");
  volume.mount_point = "/data";
  REQUIRE(world.execute(world.call(OperationKind::attach, volume, "a1")).state == OperationState::done);
  set_environment(world, {"EXTVOLD_HELPER_STOP_AT=detach.after_umount"});
  OperationResult result;
  const OperationCall detach = world.call(OperationKind::detach, volume, "a1");
  world.provider->execute(detach, [&](OperationResult ended) { result = std::move(ended); });
  siginfo_t stopped{};
  REQUIRE(::waitid(P_ALL, 0, &stopped, WSTOPPED | WNOWAIT) == 0);
  const std::string folder = world.dir + "/hosts/a1/mnt/data";
  std::filesystem::create_directories(folder);
  REQUIRE(::mount("tmpfs", folder.c_str(), "tmpfs", 0, nullptr) == 0);
  REQUIRE(::kill(stopped.si_pid, SIGCONT) == 0);
  world.runner.drain();
  INFO(result.error.message);
  CHECK(result.state == OperationState::uncertain);
  CHECK(result.error.message.find("something else is mounted") != std::string::npos);
  REQUIRE(::umount2(folder.c_str(), 0) == 0);
  set_environment(world, {});
  CHECK(world.execute(detach).outcome == Outcome::changed);
}

TEST_CASE("local: a mkfs that outlives its helper keeps the lock, ends its work, and is not run twice",
          "[root]") {
  if (lacks_root("loop devices")) return;
  LocalWorld world;
  const Volume volume = world.volume("xv-slow");
  REQUIRE(world.execute(world.call(OperationKind::create, volume)).state == OperationState::done);
  REQUIRE(world.execute(world.call(OperationKind::attach, volume, "a1")).state == OperationState::done);
  std::filesystem::create_directory(world.dir + "/real");
  std::filesystem::copy("/usr/sbin/mkfs.ext4", world.dir + "/real/mkfs.ext4");
  write_text(world.dir + "/slow", "#!/bin/sh\ntouch " + world.dir + "/began\nwhile [ ! -e " + world.dir +
                                      "/go ]; do sleep 0.05; done\nexec " + world.dir +
                                      "/real/mkfs.ext4 \"$@\"\n");
  std::filesystem::permissions(world.dir + "/slow", std::filesystem::perms::all);
  set_prelude(world, "mount --bind " + world.dir + "/slow /usr/sbin/mkfs.ext4");
  OperationCall format = world.call(OperationKind::format, volume, "a1");
  format.deadline = seconds(10);
  world.provider->execute(format, [](const OperationResult&) {});
  for (int i = 0; i < 2000 && !exists(world.dir + "/began"); ++i) ::usleep(5000);
  REQUIRE(exists(world.dir + "/began"));
  world.runner.forget(false);  // kills the helper and its process group
  set_plain(world);
  CHECK(world.inspect(volume).call_running == TriState::yes);
  CHECK(world.execute(format).error.code == Errc::busy);
  write_text(world.dir + "/go", "");
  for (int i = 0; i < 2000 && world.inspect(volume).call_running == TriState::yes; ++i) ::usleep(5000);
  const OperationResult again = world.execute(format);
  INFO(again.error.message);
  CHECK(again.state == OperationState::done);
  CHECK(again.outcome == Outcome::unchanged);
}
