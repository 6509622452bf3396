#include "tests/providers/rbd/ceph_cluster.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "model/check.h"
#include "tests/lib/skip.h"
#include "tests/providers/local_world.h"

namespace extvold::tests {
namespace {

namespace fs = std::filesystem;

constexpr const char* kAddress = "10.99.0.1";
const std::vector<std::string> kPrograms = {
    "/usr/bin/ceph",       "/usr/bin/rbd",      "/usr/bin/rados",    "/usr/bin/ceph-mon",
    "/usr/bin/ceph-osd",   "/usr/bin/ceph-mgr", "/usr/bin/rbd-fuse", "/usr/bin/ceph-authtool",
    "/usr/bin/monmaptool", "/usr/sbin/ip",      "/usr/bin/nsenter",  "/usr/bin/uuidgen",
    "/sbin/losetup",       "/sbin/mkfs.ext4",   "/bin/mount",        "/bin/umount"};

// Where the cluster can lie: it takes some 400 MB, and more while images are written. Empty: nowhere.
std::string roomy_folder() {
  constexpr std::uintmax_t kBytesMin = std::uintmax_t{1} << 30U;
  for (const char* folder : {"/dev/shm", "/var/tmp"}) {
    std::error_code error;
    const fs::space_info space = fs::space(folder, error);
    if (!error && space.available >= kBytesMin) return folder;
  }
  return {};
}

std::string config_text(const std::string& dir, const std::string& fsid) {
  return "[global]\nfsid = " + fsid + "\nmon host = v2:" + kAddress + ":3300,v1:" + kAddress +
         ":6789\npublic addr = " + kAddress + "\ncluster addr = " + kAddress + "\nrun dir = " + dir +
         "/run\nadmin socket = " + dir + "/run/$cluster-$name.$pid.asok\npid file = " + dir +
         "/run/$name.pid\nlog file = " + dir + "/log/$name.log\nkeyring = " + dir +
         "/admin.keyring\nmon data = " + dir + "/mon\nosd data = " + dir + "/osd\nmgr data = " + dir +
         "/mgr\ncrash dir = " + dir + "/crash\n" +
         R"(osd pool default size = 1
osd pool default min size = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon allow pool delete = true
mon data avail warn = 2
mon data avail crit = 1
paxos propose interval = 0.05
[mgr]
mgr initial modules =
[osd]
osd objectstore = bluestore
bluestore block size = 4294967296
osd max object name len = 256
osd max object namespace len = 64
osd memory target = 939524096
[client]
rbd cache = false
log file =
admin socket =
)";
}

pid_t start_process(const std::vector<std::string>& argv, const std::string& log) {
  std::vector<std::string> words = argv;
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const pid_t pid = ::fork();
  EXTVOLD_CHECK(pid >= 0);
  if (pid == 0) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    const int in = ::open("/dev/null", O_RDONLY);
    ::dup2(in, 0);
    ::dup2(out, 1);
    ::dup2(out, 2);
    ::execv(pointers[0], pointers.data());
    ::_exit(127);
  }
  return pid;
}

void kill_and_wait(pid_t pid) {
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

}  // namespace

std::string CephCluster::what_is_missing() {
  if (::geteuid() != 0) return "NEEDS ROOT";
  for (const std::string& program : kPrograms) {
    if (::access(program.c_str(), X_OK) != 0)
      return program + " is missing (apt install ceph-mon ceph-osd ceph-mgr ceph-common rbd-fuse iproute2 e2fsprogs)";
  }
  for (const char* device : {"/dev/fuse", "/dev/loop-control"}) {
    if (::access(device, R_OK | W_OK) != 0) return std::string(device) + " is missing";
  }
  if (CephCluster::run({"/sbin/losetup", "--find"}).exit_status != 0) return "no loop device is free";
  if (roomy_folder().empty()) return "neither /dev/shm nor /var/tmp has 1 GB free";
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(::unshare(CLONE_NEWNET | CLONE_NEWNS) == 0 ? 0 : 1);
  int status = 1;
  ::waitpid(pid, &status, 0);
  return status == 0 ? "" : "no network and mount namespaces can be made here";
}

CephCluster& CephCluster::instance() {
  static std::unique_ptr<CephCluster> cluster;
  if (const std::string missing = cluster == nullptr ? what_is_missing() : ""; !missing.empty()) {
    skip_test("NO REAL CEPH HERE: " + missing);
    std::fflush(stdout);
    ::_exit(77);
  }
  if (cluster == nullptr) {
    cluster.reset(new CephCluster());
    cluster->start_guardian();
    cluster->enter_namespaces();
    cluster->start_monitor();
    cluster->start_osd();
    cluster->make_users();
    for (const int number : {1, 2}) cluster->make_host(number);
  }
  return *cluster;
}

CephCluster::~CephCluster() {
  // All before any is waited for: one may wait for a file that another serves.
  for (const pid_t pid : started_) ::kill(pid, SIGKILL);
  for (const pid_t pid : started_) ::waitpid(pid, nullptr, 0);
  for (const pid_t pid : hosts_) kill_and_wait(pid);
  guardian_->end();
}

// It is forked before the namespaces are entered, so that they end with the test program, and their mounts.
void CephCluster::start_guardian() {
  std::string name = roomy_folder() + "/extvold-ceph-XXXXXX";
  EXTVOLD_CHECK(::mkdtemp(name.data()) != nullptr);
  dir = name;
  guardian_.emplace([this] {
    std::error_code ignored;
    for (int attempt = 0; attempt < 250 && fs::exists(dir, ignored); ++attempt) {
      fs::remove_all(dir, ignored);
      ::usleep(20'000);
    }
    return true;
  });
}

void CephCluster::enter_namespaces() {
  EXTVOLD_CHECK(::unshare(CLONE_NEWNET | CLONE_NEWNS) == 0);
  EXTVOLD_CHECK(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
  must({"/usr/sbin/ip", "link", "set", "lo", "up"});
  must({"/usr/sbin/ip", "address", "add", std::string(kAddress) + "/32", "dev", "lo"});
}

void CephCluster::start_monitor() {
  for (const char* one : {"/mon", "/osd", "/mgr", "/run", "/log", "/crash", "/wrap"})
    fs::create_directories(dir + one);
  std::string fsid = must({"/usr/bin/uuidgen"});
  fsid.pop_back();
  conf = dir + "/ceph.conf";
  write_text(conf, config_text(dir, fsid));
  const std::string secret = dir + "/admin.keyring";
  must({"/usr/bin/ceph-authtool", "--create-keyring", secret, "--gen-key", "-n", "mon.", "--cap", "mon",
        "allow *"});
  must({"/usr/bin/ceph-authtool", secret, "--gen-key", "-n", "client.admin", "--cap", "mon", "allow *",
        "--cap", "osd", "allow *", "--cap", "mgr", "allow *"});
  const std::string map = dir + "/monmap";
  const std::string place = std::string("[v2:") + kAddress + ":3300,v1:" + kAddress + ":6789]";
  must({"/usr/bin/monmaptool", "--create", "--fsid", fsid, "--addv", "a", place, map});
  must({"/usr/bin/ceph-mon", "--conf", conf, "--mkfs", "-i", "a", "--monmap", map, "--keyring", secret});
  monitor = start({"/usr/bin/ceph-mon", "--conf", conf, "-f", "-i", "a"});
  must_ceph({"auth", "get-or-create", "mgr.x", "mon", "allow profile mgr", "osd", "allow *", "-o",
             dir + "/mgr/keyring"});
  start({"/usr/bin/ceph-mgr", "--conf", conf, "-f", "-i", "x", "--keyring", dir + "/mgr/keyring"});
}

void CephCluster::start_osd() {
  std::string id = must({"/usr/bin/uuidgen"});
  id.pop_back();
  const std::string secret = dir + "/osd/keyring";
  must_ceph({"osd", "new", id});
  must_ceph({"auth", "get-or-create", "osd.0", "mon", "allow profile osd", "mgr", "allow profile osd", "osd",
             "allow *", "-o", secret});
  // Without the id the monitor refuses the OSD in silence, and all hangs.
  must({"/usr/bin/ceph-osd", "--conf", conf, "-i", "0", "--mkfs", "--osd-uuid", id, "--keyring", secret});
  osd = start({"/usr/bin/ceph-osd", "--conf", conf, "-f", "-i", "0", "--keyring", secret});
}

void CephCluster::make_users() {
  for (const std::string& pool : pools) {
    must_ceph({"osd", "pool", "create", pool, "4"});
    must_rbd({"pool", "init", pool});
  }
  keyring = dir + "/extvold.keyring";
  must_ceph({"auth", "get-or-create", "client.extvold", "mon", "profile rbd, allow command \"osd blocklist\"",
             "osd", "profile rbd pool=p1, profile rbd pool=p2", "-o", keyring});
  must_ceph({"auth", "get-or-create", "client.reader", "mon", "profile rbd", "osd", "profile rbd-read-only",
             "-o", dir + "/reader.keyring"});
  for (const char* one : {"/fuse1", "/fuse2", "/mount1", "/mount2"}) fs::create_directories(dir + one);
}

void CephCluster::make_host(int number) {
  int ends[2];
  EXTVOLD_CHECK(::pipe2(ends, O_CLOEXEC) == 0);
  const pid_t pid = ::fork();
  EXTVOLD_CHECK(pid >= 0);
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const bool ok = ::unshare(CLONE_NEWNET) == 0;
    if (!ok || ::write(ends[1], "x", 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  char byte = 0;
  EXTVOLD_CHECK(::read(ends[0], &byte, 1) == 1);
  for (const int end : ends) ::close(end);
  hosts_.push_back(pid);
  const std::string id = std::to_string(number);
  const std::string network = "10.99." + id + ".";
  const std::string link = "host" + id;
  must({"/usr/sbin/ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns",
        std::to_string(pid)});
  // No address of this machine is in a host's network: nobody fences himself.
  must({"/usr/sbin/ip", "link", "set", link, "up"});
  must({"/usr/sbin/ip", "route", "add", network + "0/24", "dev", link});
  must(on_host(number, {"/usr/sbin/ip", "link", "set", "lo", "up"}));
  must(on_host(number, {"/usr/sbin/ip", "address", "add", network + "2/24", "dev", "eth0"}));
  must(on_host(number, {"/usr/sbin/ip", "link", "set", "eth0", "up"}));
  must(on_host(number, {"/usr/sbin/ip", "route", "add", "default", "dev", "eth0"}));
  must(on_host(number, {"/usr/sbin/ip", "address", "add", network + "3/24", "dev", "eth0"}));
}

void CephCluster::come_from(int number, const std::string& address) const {
  must(on_host(number, {"/usr/sbin/ip", "route", "replace", "default", "dev", "eth0", "src", address}));
}

std::vector<std::string> CephCluster::on_host(int number, std::vector<std::string> argv) const {
  const pid_t pid = hosts_.at(static_cast<std::size_t>(number - 1));
  std::vector<std::string> words{"/usr/bin/nsenter", "--net=/proc/" + std::to_string(pid) + "/ns/net"};
  words.insert(words.end(), argv.begin(), argv.end());
  return words;
}

ProcessResult CephCluster::run(const std::vector<std::string>& argv, Duration deadline) {
  ForkingProcessRunner runner;
  ProcessRequest request;
  request.argv = argv;
  request.env = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
  request.deadline = deadline;
  ProcessResult result;
  runner.run(request, [&](const Result<ProcessResult>& ended) {
    INFO(argv.front());
    if (!ended) FAIL(ended.error().message);
    result = *ended;
  });
  runner.drain();
  return result;
}

std::string CephCluster::must(const std::vector<std::string>& argv) {
  const ProcessResult ended = run(argv);
  std::string text;
  for (const std::string& word : argv) text += word + " ";
  INFO(text);
  INFO(ended.standard_error);
  REQUIRE(ended.exit_status == 0);
  return ended.standard_output;
}

std::vector<std::string> CephCluster::admin_words(const char* program) const {
  return {program,
          "--conf",
          conf,
          "--id",
          "admin",
          "--keyring",
          dir + "/admin.keyring",
          "--rados_osd_op_timeout=20"};
}

ProcessResult CephCluster::rbd(std::vector<std::string> words) const {
  std::vector<std::string> argv = admin_words("/usr/bin/rbd");
  argv.insert(argv.end(), words.begin(), words.end());
  return run(argv);
}

std::string CephCluster::must_rbd(std::vector<std::string> words) const {
  std::vector<std::string> argv = admin_words("/usr/bin/rbd");
  argv.insert(argv.end(), words.begin(), words.end());
  return must(argv);
}

std::string CephCluster::must_ceph(std::vector<std::string> words) const {
  std::vector<std::string> argv = admin_words("/usr/bin/ceph");
  argv.insert(argv.end(), words.begin(), words.end());
  return must(argv);
}

pid_t CephCluster::start(const std::vector<std::string>& argv) {
  started_.push_back(start_process(argv, dir + "/log/started.log"));
  return started_.back();
}

void CephCluster::stop(pid_t pid) {
  if (std::erase(started_, pid) > 0) kill_and_wait(pid);
}

std::optional<int> CephCluster::exit_of(pid_t pid, Duration within) {
  const Instant until = boot_clock() + within;
  int status = 0;
  while (::waitpid(pid, &status, WNOHANG) == 0) {
    if (boot_clock() >= until) return std::nullopt;
    ::usleep(20'000);
  }
  std::erase(started_, pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void CephCluster::clear_pools() const {
  const auto names_in = [&](const std::vector<std::string>& words, const char* field) {
    std::vector<std::string> names;
    for (const nlohmann::json& one : nlohmann::json::parse(must_rbd(words), nullptr, false))
      names.push_back((one.is_object() ? one[field] : one).get<std::string>());
    return names;
  };
  // A clone has to go before its source.
  for (int round = 0; round < 4; ++round) {
    bool empty = true;
    for (const std::string& pool : pools) {
      for (const std::string& name : names_in({"ls", "--format", "json", pool}, "")) {
        empty = false;
        const std::string spec = pool + "/" + name;
        if (round > 0) {
          for (const std::string& snapshot : names_in({"snap", "ls", "--format", "json", spec}, "name"))
            rbd({"snap", "unprotect", spec + "@" + snapshot});
          rbd({"snap", "purge", "--no-progress", spec});
        }
        rbd({"rm", "--no-progress", spec});
      }
    }
    if (empty) return;
  }
  FAIL("an image cannot be removed");
}

}  // namespace extvold::tests
