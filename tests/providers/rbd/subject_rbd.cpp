#include "tests/providers/rbd/subject_rbd.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "model/check.h"
#include "providers/rbd/image_ref.h"
#include "tests/providers/local_world.h"

namespace extvold::tests::conformance {
namespace {

namespace fs = std::filesystem;

// What comes instead of the program, which is $REAL, with its words "$@".
std::string misbehaviour(Stage stage, Fault fault, const std::string& dir) {
  switch (fault) {
    case Fault::not_reached:
      return R"(exec $REAL "$@" --mon_host v2:10.99.0.1:9 --client_mount_timeout=1)";
    case Fault::refused:
      return stage == Stage::change ? "echo 'rbd: create error: (28) No space left on device' >&2; exit 28"
                                    : "echo 'rbd: listing images failed: (5) Input/output error' >&2; exit 5";
    case Fault::wrong_credentials:
      return R"(exec $REAL "$@" --id reader --keyring )" + dir +
             (stage == Stage::change ? "/reader.keyring" : "/extvold.keyring");
    case Fault::hang:
      return "exec sleep 600";
    case Fault::late:
      return R"(printf '%s\n' "$@" > )" + dir + "/wrap/late.$$; exec sleep 600";
    case Fault::lost_answer:
      return R"($REAL "$@" >/dev/null 2>&1; kill -9 $$)";
    case Fault::garbage:
      return R"($REAL "$@" >/dev/null || exit; head -c 1000 /dev/urandom)";
    case Fault::cut_short:
      return R"($REAL "$@" > )" + dir + "/wrap/out.$$ || exit; head -c $(($(stat -c %s " + dir +
             "/wrap/out.$$) / 2)) " + dir + "/wrap/out.$$; rm " + dir + "/wrap/out.$$";
    case Fault::oversize:
      return R"($REAL "$@" >/dev/null || exit; head -c 70000000 /dev/zero)";
    case Fault::throttled:
      break;
  }
  return "";
}

}  // namespace

RbdSubject::RbdSubject() : ceph(CephCluster::instance()) {
  ceph.clear_pools();
  config.name = ProviderName("rbd~test");
  config.conf_file = ceph.conf;
  config.keyring = ceph.keyring;
  config.pools = {{"p1", 400}, {"p2", 900}};
  config.host_identities = {{"a1", "10.99.1.2"}, {"a2", "10.99.2.0/24"}};
  config.storage_timeout = seconds(5);
  config.remove_deadline = seconds(1);  // else one that hangs outlives the deadline of its call
  make_provider();
}

void RbdSubject::make_provider() {
  const Status checked = providers::rbd::check_rbd_config(config);
  INFO((checked ? "" : checked.error().message));
  REQUIRE(checked);
  provider_ = std::make_unique<providers::rbd::RbdProvider>(
      config, runner_, boot_clock,
      [this](std::function<void()> closure) { deferred_.push_back(std::move(closure)); });
}

void RbdSubject::restart() {
  const std::vector<pid_t> living = runner_.forget(true);
  left_.insert(left_.end(), living.begin(), living.end());
  deferred_.clear();
  make_provider();
}

void RbdSubject::drain() {
  do {
    runner_.drain();
    const std::deque<std::function<void()>> closures = std::exchange(deferred_, {});
    for (const auto& closure : closures) closure();
    runner_.drain();
  } while (!deferred_.empty());
}

bool RbdSubject::can(Stage stage, Fault fault) const {
  if (fault == Fault::throttled) return false;  // Ceph queues, and does not refuse
  // What a change prints is not read, so one way to spoil it will do; its exit counts, and a look.
  if (stage == Stage::change) return fault != Fault::cut_short && fault != Fault::oversize;
  return fault != Fault::late && fault != Fault::lost_answer;  // as a hang, as a refusal
}

void RbdSubject::write_script(const std::string& program, Stage stage, const std::string& wrong) {
  const std::string through = R"(exec $REAL "$@")";
  const std::string path = ceph.dir + "/wrap/" + program;
  write_text(path, "#!/bin/sh\nREAL=/usr/bin/" + program +
                       "\nfor word in \"$@\"; do case \"$word\" in\n"
                       "create | clone | rm | rename | set | protect | unprotect | add | resize)\n" +
                       (stage == Stage::change ? wrong : through) + "\nexit ;;\nesac; done\n" +
                       (stage == Stage::look ? wrong : through) + "\n");
  REQUIRE(::chmod(path.c_str(), 0700) == 0);
}

void RbdSubject::arm(Stage stage, Fault fault) {
  if (stage == Stage::look && fault == Fault::hang) config.observe_deadline = seconds(1);
  for (const auto& [program, path] :
       {std::pair{"rbd", &config.rbd_program}, std::pair{"ceph", &config.ceph_program},
        std::pair{"rados", &config.rados_program}}) {
    *path = ceph.dir + "/wrap/" + program;
    if (stage == Stage::look && fault == Fault::not_reached)
      *path += ".none";
    else
      write_script(program, stage, misbehaviour(stage, fault, ceph.dir));
  }
  make_provider();
}

void RbdSubject::disarm() {
  config.observe_deadline = seconds(60);
  config.rbd_program = "/usr/bin/rbd";
  config.ceph_program = "/usr/bin/ceph";
  config.rados_program = "/usr/bin/rados";
  make_provider();
}

void RbdSubject::let_late_calls_work() {
  for (const pid_t pid : left_) {
    int status = 0;
    EXTVOLD_CHECK(::waitpid(pid, &status, 0) == pid);
  }
  left_.clear();
  for (const auto& entry : fs::directory_iterator(ceph.dir + "/wrap")) {
    if (entry.path().filename().string().rfind("late.", 0) != 0) continue;
    std::vector<std::string> argv{"/usr/bin/rbd"};
    const std::string words = read_text(entry.path());
    for (std::size_t at = 0; at < words.size();) {
      const std::size_t end = words.find('\n', at);
      argv.push_back(words.substr(at, end - at));
      at = end + 1;
    }
    CephCluster::run(argv);
    fs::remove(entry.path());
  }
}

int RbdSubject::copies_of(const Volume& volume) {
  int copies = 0;
  for (const std::string& one : ceph.pools) {
    if (ceph.must_rbd({"ls", "--format", "json", one}).find("\"" + volume.key + "\"") != std::string::npos)
      ++copies;
  }
  return copies;
}

std::vector<std::string> RbdSubject::holders_of(const Volume&) { return {}; }

std::string RbdSubject::make_foreign() {
  ceph.must_rbd({"create", "--size", "4M", "p1/somebodys"});
  return "p1/somebodys";
}

std::string RbdSubject::state_of_foreign(const std::string& key) {
  return ceph.must_rbd({"info", "--format", "json", key}) + ceph.must_rbd({"status", key});
}

bool RbdSubject::make_twin(const Volume& volume) {
  ceph.must_rbd({"create", "--size", "4M", "p2/" + volume.key});
  return true;
}

void RbdSubject::answer_words_of(const std::string& program,
                                 const std::vector<std::pair<std::string, std::string>>& words) {
  const std::string path = ceph.dir + "/wrap/" + program;
  std::string script = "#!/bin/sh\nREAL=/usr/bin/" + program + "\nfor word in \"$@\"; do case \"$word\" in\n";
  for (const auto& [word, instead] : words) {
    if (!word.empty()) script += word + ")\n" + instead + "\nexit 0 ;;\n";
  }
  write_text(path, script + "esac; done\nexec $REAL \"$@\"\n");
  REQUIRE(::chmod(path.c_str(), 0700) == 0);
}

void RbdSubject::answer_word(const std::string& word, const std::string& instead,
                             const std::string& other_word, const std::string& instead_of_other) {
  answer_words_of("rbd", {{word, instead}, {other_word, instead_of_other}});
  config.rbd_program = ceph.dir + "/wrap/rbd";
  make_provider();
}

void RbdSubject::answer_ceph_word(const std::string& word, const std::string& instead) {
  answer_words_of("ceph", {{word, instead}});
  config.ceph_program = ceph.dir + "/wrap/ceph";
  make_provider();
}

void RbdSubject::kill_at(const std::string& word, bool after_work) {
  answer_word(word, std::string(after_work ? "/usr/bin/rbd \"$@\" >/dev/null 2>&1\n" : "") + "kill -9 $$");
}

void RbdSubject::pretend_watcher(const std::string& address) {
  answer_word("status", R"(echo '{"watchers":[{"address":")" + address + R"(","client":4213,"cookie":1}]}')");
}

std::string header_of(const Volume& volume) {
  return "rbd_header." + providers::rbd::image_ref_from_text(volume.provider_ref)->id;
}

}  // namespace extvold::tests::conformance
