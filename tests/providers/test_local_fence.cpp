// The local provider's fence: whoever has the device open or mounted, nothing reaches the image any more; the
// host gets it back only after the fence was lifted; and nobody else loses anything.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>

#include "host/crash_point.h"
#include "host/fd.h"
#include "host/loop.h"
#include "tests/lib/skip.h"
#include "tests/providers/local_world.h"

using namespace extvold;
using namespace extvold::tests;
using host::UniqueFd;

namespace {

constexpr std::size_t kPage = 4096;

void set_environment(LocalWorld& world, std::vector<std::string> environment) {
  world.config.helper_environment = std::move(environment);
  world.restart();
}

OperationResult attach(LocalWorld& world, const Volume& volume, const std::string& host,
                       Generation generation = {1, 2}) {
  OperationCall call = world.call(OperationKind::attach, volume, host);
  call.operation.generation = generation;
  const OperationResult result = world.execute(call);
  INFO(result.error.message);
  REQUIRE(result.state == OperationState::done);
  return result;
}

void set(LocalWorld& world, const Volume& volume, const std::string& host) {
  const FenceResult result = world.fence(world.fence_call(FenceAct::set, volume, host));
  INFO(result.error.message);
  REQUIRE(result.state == FenceCallState::done);
}

FenceResult look(LocalWorld& world, const Volume& volume, const std::string& host,
                 const std::string& key = "fence-1") {
  FenceResult result = world.fence(world.fence_call(FenceAct::check, volume, host, key));
  INFO(result.error.message);
  CHECK(result.state == FenceCallState::done);
  return result;
}

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

struct Mapping {
  explicit Mapping(int fd)
      : bytes(static_cast<char*>(::mmap(nullptr, 4 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0))) {
    REQUIRE(bytes != MAP_FAILED);
  }
  ~Mapping() { ::munmap(bytes, 4 * kPage); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  char* bytes;
};

}  // namespace

TEST_CASE("local fence: no opener of the device reaches the image any more, by no way", "[root]") {
  if (lacks_root("loop devices")) return;
  LocalWorld world;
  const Volume volume = world.volume("xv-raw", 16, Filesystem::none);
  REQUIRE(world.execute(world.call(OperationKind::create, volume)).state == OperationState::done);
  const std::string device = attach(world, volume, "a1").device;
  {
    const UniqueFd cached(::open(device.c_str(), O_RDWR | O_CLOEXEC));
    const UniqueFd direct(::open(device.c_str(), O_RDWR | O_DIRECT | O_CLOEXEC));
    REQUIRE((cached && direct));
    const Mapping mapped(cached.get());
    mapped.bytes[2 * kPage] = 'm';
    REQUIRE(::pwrite(cached.get(), "before", 6, 0) == 6);  // not synced: the fence writes it back first
    set(world, volume, "a1");
    const std::string image = read_text(world.image(volume));
    CHECK(image.substr(0, 6) == "before");
    CHECK(image[2 * kPage] == 'm');

    alignas(kPage) char page[kPage];
    std::memset(page, 'x', sizeof page);
    for (const off_t at : {off_t{0}, off_t{512}, off_t{1} << 20U}) {
      CHECK(::pwrite(cached.get(), page, sizeof page, at) < 0);
      CHECK(::pwrite(direct.get(), page, sizeof page, at) < 0);
      CHECK(::pread(direct.get(), page, sizeof page, at) <= 0);
    }
    mapped.bytes[2 * kPage] = 'M';
    ::msync(mapped.bytes, 4 * kPage, MS_SYNC);
    ::fsync(cached.get());
    CHECK(read_text(world.image(volume)) == image);

    const FenceResult seen = look(world, volume, "a1");
    INFO(seen.seen);
    CHECK(seen.held == TriState::yes);
    CHECK(contains(seen.seen, device + " is left, open by"));
    CHECK(contains(seen.seen, "reaches nothing of it"));
    CHECK(world.inspect(volume).attachments.empty());
    CHECK(world.execute(world.call(OperationKind::detach, volume, "a1")).outcome == Outcome::unchanged);
    // The next host has it while the old opener is still there, and the fence stays as it is.
    const std::string next = attach(world, volume, "a2").device;
    CHECK(next != device);
    const UniqueFd other(::open(next.c_str(), O_RDWR | O_CLOEXEC));
    REQUIRE(::pwrite(other.get(), "after", 5, 0) == 5);
    REQUIRE(::fsync(other.get()) == 0);
    CHECK(::pwrite(cached.get(), page, sizeof page, 0) < 0);
    CHECK(read_text(world.image(volume)).substr(0, 6) == "aftere");
    CHECK(look(world, volume, "a1").held == TriState::yes);
    CHECK(world.inspect(volume).attachments.at(0).host_identity == "a2");
  }
  for (int i = 0; i < 500 && world.loops() > 1; ++i) ::usleep(5000);
  CHECK(world.loops() == 1);  // the left-over went with its last opener
  CHECK(world.execute(world.call(OperationKind::detach, volume, "a2")).outcome == Outcome::changed);
}

TEST_CASE("local fence: a mounted filesystem with a writer stops, and the next host reads what was synced",
          "[root]") {
  if (lacks_root("mounts")) return;
  for (const Filesystem filesystem : {Filesystem::ext4, Filesystem::xfs}) {
    INFO(to_text(filesystem));
    LocalWorld world;
    Volume volume = world.formatted("xv-fs", filesystem == Filesystem::xfs ? 320 : 16, filesystem);
    volume.mount_point = "/data";
    const std::string folder = world.dir + "/hosts/a1/mnt/data";
    REQUIRE(attach(world, volume, "a1").mounted);
    const UniqueFd file(::open((folder + "/row").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    REQUIRE(::write(file.get(), "synced", 6) == 6);
    REQUIRE(::fsync(file.get()) == 0);
    const pid_t elsewhere = ::fork();  // keeps a copy of the mount in a namespace of its own
    if (elsewhere == 0) {
      ::execl("/usr/bin/unshare", "unshare", "-m", "--propagation", "private", "/bin/sleep", "60", nullptr);
      ::_exit(127);
    }
    ::usleep(300'000);
    REQUIRE(::write(file.get(), "not synced", 10) == 10);
    set(world, volume, "a1");
    const std::string image = read_text(world.image(volume));
    CHECK(::write(file.get(), "late", 4) < 0);
    CHECK(::open((folder + "/new").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644) < 0);
    ::fsync(file.get());
    CHECK(read_text(world.image(volume)) == image);
    CHECK_FALSE(exists(folder));
    CHECK(look(world, volume, "a1").held == TriState::yes);
    const OperationResult next = attach(world, volume, "a2");
    CHECK(next.mounted);
    CHECK(read_text(world.dir + "/hosts/a2/mnt/data/row").substr(0, 6) == "synced");
    CHECK(world.execute(world.call(OperationKind::detach, volume, "a2")).outcome == Outcome::changed);
    ::kill(elsewhere, SIGKILL);
    ::waitpid(elsewhere, nullptr, 0);
  }
}

TEST_CASE("local fence: a fenced host gets the volume back only when its last fence was lifted", "[root]") {
  if (lacks_root("loop devices")) return;
  LocalWorld world;
  const Volume volume = world.volume("xv-lift");
  REQUIRE(world.execute(world.call(OperationKind::create, volume)).state == OperationState::done);
  CHECK(look(world, volume, "a1").held == TriState::no);
  const auto act = [&](FenceAct one, const std::string& key) {
    return world.fence(world.fence_call(one, volume, "a1", key)).state;
  };
  const auto refused = [&](const std::string& host) {
    const OperationResult result = world.execute(world.call(OperationKind::attach, volume, host));
    if (result.state == OperationState::done) return false;
    CHECK(result.state == OperationState::failed);
    CHECK(result.error.code == Errc::conflict);
    CHECK(contains(result.error.message, "fenced from host " + host));
    return true;
  };
  CHECK(act(FenceAct::lift, "fence-1") == FenceCallState::done);  // what does not stand
  for (int again = 0; again < 2; ++again) CHECK(act(FenceAct::set, "fence-1") == FenceCallState::done);
  CHECK(act(FenceAct::set, "fence-2") == FenceCallState::done);
  CHECK(look(world, volume, "a1", "fence-2").held == TriState::yes);
  CHECK(look(world, volume, "a1", "fence-3").held == TriState::no);
  CHECK(look(world, volume, "a2").held == TriState::no);
  CHECK(refused("a1"));
  CHECK(act(FenceAct::lift, "fence-1") == FenceCallState::done);
  CHECK(look(world, volume, "a1").held == TriState::no);
  CHECK(refused("a1"));
  CHECK_FALSE(refused("a2"));
  CHECK(world.execute(world.call(OperationKind::detach, volume, "a2")).outcome == Outcome::changed);
  CHECK(act(FenceAct::lift, "fence-2") == FenceCallState::done);
  CHECK_FALSE(refused("a1"));
  // One of an attachment that is there again proves nothing.
  CHECK(look(world, volume, "a1").held == TriState::no);
  CHECK(world.execute(world.call(OperationKind::format, volume, "a1")).outcome == Outcome::changed);
  write_text(world.marks(volume), "garbage");
  CHECK(world.execute(world.call(OperationKind::format, volume, "a1")).state == OperationState::failed);
  CHECK(world.fence(world.fence_call(FenceAct::check, volume, "a1")).held == TriState::unknown);
  CHECK(act(FenceAct::set, "fence-1") == FenceCallState::failed);
  REQUIRE(::unlink(world.marks(volume).c_str()) == 0);
  CHECK(world.execute(world.call(OperationKind::detach, volume, "a1")).outcome == Outcome::changed);
  CHECK(act(FenceAct::set, "fence-1") == FenceCallState::done);
  CHECK(world.execute(world.call(OperationKind::remove, volume)).outcome == Outcome::changed);
  CHECK_FALSE(exists(world.marks(volume)));
}

TEST_CASE("local fence: another host's attachment and a newer one are never touched", "[root]") {
  if (lacks_root("loop devices")) return;
  LocalWorld world;
  Volume volume = world.volume("xv-other", 16, Filesystem::none);
  REQUIRE(world.execute(world.call(OperationKind::create, volume)).state == OperationState::done);
  SECTION("a newer one of the same host") {
    const std::string device = attach(world, volume, "a1", {1, 7}).device;
    const FenceResult late = world.fence(world.fence_call(FenceAct::set, volume, "a1"));
    INFO(late.error.message);
    CHECK(late.state == FenceCallState::failed);
    CHECK(late.error.code == Errc::conflict);
    CHECK(contains(late.error.message, "generation"));
    CHECK_FALSE(exists(world.marks(volume)));
    CHECK(world.inspect(volume).attachments.at(0).device == device);
    CHECK(look(world, volume, "a1").held == TriState::no);
    const FenceResult right = world.fence(world.fence_call(FenceAct::set, volume, "a1", "fence-1", {1, 7}));
    CHECK(right.state == FenceCallState::done);
    CHECK(world.loops() == 0);
  }
  SECTION("two read-only hosts") {
    volume.access = AccessMode::ro;
    std::vector<std::string> devices;
    for (const char* host : {"a1", "a2"}) {
      OperationCall call = world.call(OperationKind::attach, volume, host);
      call.read_only = true;
      const OperationResult result = world.execute(call);
      REQUIRE(result.state == OperationState::done);
      devices.push_back(result.device);
    }
    const UniqueFd opened(::open(devices[1].c_str(), O_RDONLY | O_CLOEXEC));
    set(world, volume, "a1");
    CHECK(look(world, volume, "a1").held == TriState::yes);
    char byte = 'x';
    CHECK(::pread(opened.get(), &byte, 1, 0) == 1);
    CHECK(world.inspect(volume).attachments.size() == 1);
    CHECK(world.inspect(volume).attachments.at(0).host_identity == "a2");
  }
  SECTION("another ledger's volume") {
    attach(world, volume, "a1");
    FenceCall call = world.fence_call(FenceAct::set, volume, "a1");
    call.ledger_id = "ledger-2";
    CHECK(world.fence(call).error.code == Errc::conflict);
    CHECK(world.loops() == 1);
  }
}

TEST_CASE("local fence: a call that still holds the volume makes it busy, and cannot slip through later",
          "[root]") {
  if (lacks_root("loop devices")) return;
  LocalWorld world;
  const Volume volume = world.volume("xv-slip", 16, Filesystem::none);
  REQUIRE(world.execute(world.call(OperationKind::create, volume)).state == OperationState::done);
  // An attach that has passed every check and is about to make its device.
  set_environment(world, {"EXTVOLD_HELPER_STOP_AT=attach.after_intent"});
  world.provider->execute(world.call(OperationKind::attach, volume, "a1"), [](const OperationResult&) {});
  siginfo_t stopped{};
  REQUIRE(::waitid(P_ALL, 0, &stopped, WSTOPPED | WNOWAIT) == 0);
  const std::vector<pid_t> living = world.runner.forget(true);  // the daemon died, the helper did not
  set_environment(world, {});
  const FenceResult busy = world.fence(world.fence_call(FenceAct::set, volume, "a1"));
  INFO(busy.error.message);
  CHECK(busy.state == FenceCallState::failed);
  CHECK(busy.error.code == Errc::busy);
  CHECK(contains(busy.error.message, "still at work"));
  CHECK(look(world, volume, "a1").held == TriState::no);
  REQUIRE(::kill(stopped.si_pid, SIGCONT) == 0);
  for (const pid_t pid : living) ::waitpid(pid, nullptr, 0);
  CHECK(world.loops() == 1);
  CHECK(look(world, volume, "a1").held == TriState::no);
  set(world, volume, "a1");
  CHECK(world.loops() == 0);
  CHECK(look(world, volume, "a1").held == TriState::yes);
}

TEST_CASE("local fence: one that was cut short is uncertain, and a look says who still writes", "[root]") {
  if (lacks_root("loop devices")) return;
  LocalWorld world;
  const Volume volume = world.volume("xv-short", 16, Filesystem::none);
  REQUIRE(world.execute(world.call(OperationKind::create, volume)).state == OperationState::done);
  const std::string device = attach(world, volume, "a1").device;
  const UniqueFd opened(::open(device.c_str(), O_RDWR | O_CLOEXEC));
  set_environment(world, {"EXTVOLD_HELPER_STOP_AT=fence.after_mark"});
  FenceCall call = world.fence_call(FenceAct::set, volume, "a1");
  call.deadline = milliseconds(300);
  CHECK(world.fence(call).state == FenceCallState::uncertain);
  set_environment(world, {});
  const FenceResult seen = look(world, volume, "a1");
  INFO(seen.seen);
  CHECK(seen.held == TriState::no);
  CHECK(contains(seen.seen, device + ", open by"));
  CHECK(contains(seen.seen, "pid " + std::to_string(::getpid())));
  CHECK(world.execute(world.call(OperationKind::attach, volume, "a1")).error.code == Errc::conflict);
  for (int i = 0;
       i < 500 && world.fence(world.fence_call(FenceAct::set, volume, "a1")).state != FenceCallState::done;
       ++i)
    ::usleep(5000);  // what was killed gives its lock back
  CHECK(look(world, volume, "a1").held == TriState::yes);
}

TEST_CASE("local fence: a host whose folder is gone can be fenced", "[root]") {
  if (lacks_root("loop devices")) return;
  LocalWorld world;
  Volume volume = world.formatted("xv-gone");
  volume.mount_point = "/data";
  attach(world, volume, "a1");
  REQUIRE(::umount2((world.dir + "/hosts/a1/mnt/data").c_str(), MNT_DETACH) == 0);
  std::filesystem::remove_all(world.dir + "/hosts/a1");
  CHECK(world.loops() == 1);
  set(world, volume, "a1");
  CHECK(world.loops() == 0);
  CHECK(look(world, volume, "a1").held == TriState::yes);
  CHECK(world.fence(world.fence_call(FenceAct::lift, volume, "a1")).state == FenceCallState::done);
  CHECK(look(world, volume, "a1").held == TriState::no);
}

TEST_CASE("local fence: what lies over a mount of the host stays", "[root]") {
  if (lacks_root("mounts")) return;
  LocalWorld world;
  Volume volume = world.formatted("xv-over");
  volume.mount_point = "/data";
  attach(world, volume, "a1");
  const std::string folder = world.dir + "/hosts/a1/mnt/data";
  REQUIRE(::mount("tmpfs", folder.c_str(), "tmpfs", 0, nullptr) == 0);
  write_text(folder + "/mine", "kept");
  set(world, volume, "a1");
  CHECK(look(world, volume, "a1").held == TriState::yes);
  CHECK(read_text(folder + "/mine") == "kept");
  REQUIRE(::umount2(folder.c_str(), 0) == 0);
}

TEST_CASE("host loop: a device with partitions is not cut off, and says so", "[root]") {
  if (lacks_root("loop devices")) return;
  LocalWorld world;
  const Volume volume = world.volume("xv-part", 16, Filesystem::none);
  REQUIRE(world.execute(world.call(OperationKind::create, volume)).state == OperationState::done);
  const std::string device = attach(world, volume, "a1").device;
  if (run_program({"/usr/bin/addpart", device, "1", "8", "1024"}) != 0 &&
      run_program({"/usr/sbin/addpart", device, "1", "8", "1024"}) != 0)
    return skip_test("this kernel gives loop devices no partitions");
  const FenceResult result = world.fence(world.fence_call(FenceAct::set, volume, "a1"));
  INFO(result.error.message);
  CHECK(result.state == FenceCallState::uncertain);
  CHECK(contains(result.error.message, "partitions"));
  CHECK(look(world, volume, "a1").held == TriState::no);
  if (run_program({"/usr/bin/delpart", device, "1"}) != 0) run_program({"/usr/sbin/delpart", device, "1"});
  set(world, volume, "a1");
  CHECK(look(world, volume, "a1").held == TriState::yes);
}
