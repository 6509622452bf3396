#include "tests/providers/local_world.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "host/fd.h"
#include "model/check.h"
#include "tests/lib/skip.h"
#include "tests/providers/only_answer.h"

namespace extvold::tests {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLedger = "ledger-1";

std::vector<std::string> mounts_below(const std::string& dir) {
  std::ifstream in("/proc/self/mountinfo");
  std::vector<std::string> found;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::vector<std::string> fields{std::istream_iterator<std::string>(words),
                                    std::istream_iterator<std::string>()};
    if (fields.size() > 4 && fields[4].rfind(dir + "/", 0) == 0) found.push_back(fields[4]);
  }
  return found;
}

std::vector<std::string> loops_below(const std::string& dir) {
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator("/sys/block")) {
    std::ifstream in(entry.path() / "loop/backing_file");
    std::string line;
    if (std::getline(in, line) && line.rfind(dir + "/", 0) == 0)
      found.push_back("/dev/" + entry.path().filename().string());
  }
  return found;
}

bool clean(const std::string& dir) {
  for (int attempt = 0; attempt < 100; ++attempt) {
    const std::vector<std::string> mounts = mounts_below(dir);
    for (auto at = mounts.rbegin(); at != mounts.rend(); ++at)
      ::umount2(at->c_str(), attempt > 50 ? MNT_DETACH : 0);
    const std::vector<std::string> loops = loops_below(dir);
    for (const std::string& loop : loops) {
      const int fd = ::open(loop.c_str(), O_RDONLY | O_CLOEXEC);
      if (fd < 0) continue;
      ::ioctl(fd, LOOP_CLR_FD);
      ::close(fd);
    }
    if (mounts.empty() && loops.empty()) break;
    ::usleep(20'000);
  }
  std::error_code ignored;
  fs::remove_all(dir, ignored);
  return loops_below(dir).empty() && !fs::exists(dir);
}

}  // namespace

bool lacks_root(const char* why) {
  if (::geteuid() == 0) return false;
  skip_test(std::string("NEEDS ROOT: skipped ") + why);
  return true;
}

LocalWorld::LocalWorld(Where where) {
  std::string name = where == Where::memory ? "/dev/shm/extvold-local-XXXXXX" : "/tmp/extvold-local-XXXXXX";
  EXTVOLD_CHECK(::mkdtemp(name.data()) != nullptr);
  dir = fs::canonical(name).string();
  for (const char* one : {"/root/hdd", "/root/ssd", "/hosts/a1", "/hosts/a2"})
    fs::create_directories(dir + one);
  guardian_.emplace([this] { return clean(dir); });
  config.name = ProviderName("local~test");
  config.root = dir + "/root";
  config.hosts_dir = dir + "/hosts";
  config.pools = {{"hdd", 400, 0}, {"ssd", 9000, 0}};
  config.format_host = "a1";
  config.program = EXTVOLD_HOST_HELPER;
  config.program_arguments = {};
  restart();
}

LocalWorld::~LocalWorld() {
  runner.forget(false);
  CHECK(guardian_->end());  // it says if something could not be removed
}

void LocalWorld::restart() {
  EXTVOLD_CHECK(check_local_config(config).has_value());
  provider = std::make_unique<providers::local::LocalProvider>(config, runner, boot_clock);
}

OperationResult LocalWorld::execute(const OperationCall& call) {
  const auto result = only_answer<OperationResult>(
      [&](auto done) { provider->execute(call, std::move(done)); }, [&] { runner.drain(); });
  CHECK(result.id == call.operation.id);
  return result;
}

FenceCall LocalWorld::fence_call(FenceAct act, const Volume& volume, const std::string& host,
                                 const std::string& key, Generation generation) const {
  FenceCall call;
  call.act = act;
  call.fence.id = FenceId{9};
  call.fence.key = OperationId(key);
  call.fence.rung = FenceRung::volume;
  call.fence.target = host;
  call.ledger_id = kLedger;
  call.volume = volume;
  call.attachment_generation = generation;
  call.deadline = seconds(60);
  return call;
}

FenceResult LocalWorld::fence(const FenceCall& call) {
  const Instant before = boot_clock();
  const auto result = only_answer<FenceResult>(
      [&](auto done) { provider->change_fence(call, std::move(done)); }, [&] { runner.drain(); });
  CHECK(result.id == call.fence.id);
  CHECK(result.act == call.act);
  CHECK(result.sent_at >= before);
  CHECK(result.ended_at >= result.sent_at);
  if (call.act != FenceAct::check) CHECK(result.held == TriState::unknown);
  return result;
}

ProviderObservation LocalWorld::observe(const std::string& key) {
  ProviderObservation seen;
  const Instant before = boot_clock();
  provider->observe(key, [&](ProviderObservation answer) { seen = std::move(answer); });
  runner.drain();
  CHECK(seen.provider == config.name);
  CHECK(seen.volume_key == key);
  CHECK(seen.sent_at >= before);
  CHECK(seen.ended_at >= seen.sent_at);
  return seen;
}

ObservedVolume LocalWorld::inspect(const Volume& volume) {
  const ProviderObservation seen = observe(volume.key);
  INFO(seen.why_incomplete);
  REQUIRE(seen.complete);
  REQUIRE(seen.volumes.size() == 1);
  return seen.volumes[0];
}

Volume LocalWorld::volume(const std::string& key, std::int64_t size_mb, Filesystem filesystem) const {
  Volume volume;
  volume.id = VolumeId{7};
  volume.name = "name-of-" + key;
  volume.key = key;
  volume.pool = PoolName{config.name, "hdd"};
  volume.size_mb = size_mb;
  volume.iops = 10;
  volume.filesystem = filesystem;
  volume.format = filesystem == Filesystem::none ? FormatState::not_wanted : FormatState::wanted;
  return volume;
}

OperationCall LocalWorld::call(OperationKind kind, const Volume& volume, const std::string& host) const {
  OperationCall call;
  call.operation.id = OperationId("op-" + volume.key + "-" + std::string(to_text(kind)));
  call.operation.kind = kind;
  call.operation.generation = Generation{1, 2};
  call.ledger_id = kLedger;
  call.volume = volume;
  call.host_name = host;
  call.deadline = seconds(60);
  return call;
}

Volume LocalWorld::formatted(const std::string& key, std::int64_t size_mb, Filesystem filesystem) {
  Volume made = volume(key, size_mb, filesystem);
  for (const OperationKind kind :
       {OperationKind::create, OperationKind::attach, OperationKind::format, OperationKind::detach}) {
    const OperationResult result = execute(call(kind, made, "a1"));
    INFO(to_text(kind) << ": " << result.error.message);
    REQUIRE(result.state == OperationState::done);
    if (kind == OperationKind::create) made.provider_ref = result.provider_ref;
  }
  made.format = FormatState::formatted;
  return made;
}

std::string LocalWorld::image(const Volume& volume) const {
  return config.root + "/" + volume.pool.pool + "/" + volume.key + ".img";
}
std::string LocalWorld::sidecar(const Volume& volume) const {
  return config.root + "/" + volume.pool.pool + "/" + volume.key + ".json";
}
std::string LocalWorld::record(const Volume& volume, const std::string& host) const {
  return config.hosts_dir + "/" + host + "/attachments/" + volume.pool.pool + "~" + volume.key + ".img.json";
}
std::string LocalWorld::lock(const Volume& volume) const {
  return config.root + "/.lock-" + volume.pool.pool + "~" + volume.key + ".img";
}

std::string LocalWorld::marks(const Volume& volume) const {
  return config.root + "/.fences-" + volume.pool.pool + "~" + volume.key + ".img";
}

std::size_t LocalWorld::loops() const { return loops_below(dir).size(); }

void write_text(const std::string& path, std::string_view text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  EXTVOLD_CHECK(out.good());
}

std::string read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) return {};
  std::string text(static_cast<std::size_t>(in.tellg()), '\0');
  in.seekg(0);
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  return text;
}

bool exists(const std::string& path) {
  struct stat st {};
  return ::lstat(path.c_str(), &st) == 0;
}

int run_program(const std::vector<std::string>& argv) {
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, words[0], &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return 127;
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string losetup(const std::string& image) {
  const host::UniqueFd control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  for (int attempt = 0; attempt < 10; ++attempt) {
    const std::string path = "/dev/loop" + std::to_string(::ioctl(control.get(), LOOP_CTL_GET_FREE));
    const host::UniqueFd loop(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    const host::UniqueFd file(::open(image.c_str(), O_RDWR | O_CLOEXEC));
    if (::ioctl(loop.get(), LOOP_SET_FD, file.get()) == 0) return path;
  }
  FAIL("no loop device");
  return {};
}

void clear_loop(const std::string& device) {
  const host::UniqueFd loop(::open(device.c_str(), O_RDONLY | O_CLOEXEC));
  ::ioctl(loop.get(), LOOP_CLR_FD);
}

}  // namespace extvold::tests
