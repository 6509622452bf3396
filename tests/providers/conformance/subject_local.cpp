#include "tests/providers/conformance/subject_local.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "model/check.h"

namespace extvold::tests::conformance {
namespace {

// What the helper is wrapped in: HELPER is its path.
std::string misbehaviour(Fault fault) {
  switch (fault) {
    case Fault::refused:
      return "printf '{\"ok\":false,\"code\":\"exhausted\",\"message\":\"no space left\"}'";
    case Fault::hang:
      return "exec sleep 600";
    case Fault::lost_answer:
      return "printf %s \"$request\" | $HELPER >/dev/null; kill -9 $$";
    case Fault::garbage:
      return "printf %s \"$request\" | $HELPER >/dev/null; head -c 1000 /dev/urandom";
    case Fault::cut_short:
      return "printf %s \"$request\" | $HELPER | head -c 12";
    case Fault::oversize:
      return "printf %s \"$request\" | $HELPER >/dev/null; head -c 5000000 /dev/zero";
    case Fault::not_reached:
    case Fault::throttled:
    case Fault::wrong_credentials:
    case Fault::late:
      break;
  }
  return "";
}

}  // namespace

LocalSubject::LocalSubject() : world_(LocalWorld::Where::memory), helper_(world_.config.program) {}

bool LocalSubject::can(Stage stage, Fault fault) const {
  if (fault == Fault::throttled || fault == Fault::wrong_credentials) return false;
  if (fault == Fault::late) return false;  // test_local_faults.cpp: helpers that outlive their deadline
  return stage == Stage::change || fault != Fault::oversize;  // a list may be as large as it likes
}

void LocalSubject::arm(Stage stage, Fault fault) {
  world_.config.observe_deadline = short_deadline();
  if (fault == Fault::not_reached) {
    world_.config.program = world_.dir + "/no-such-program";
  } else {
    const std::string look = R"(case "$request" in *'"verb":"local.observe"'*) )";
    const std::string through = R"(printf %s "$request" | $HELPER)";
    const std::string wrong = misbehaviour(fault);
    world_.config.program = "/bin/sh";
    world_.config.program_arguments = {"-c", "HELPER=" + helper_ + "; request=$(cat); " + look +
                                                 (stage == Stage::look ? wrong : through) + " ;; *) " +
                                                 (stage == Stage::look ? through : wrong) + " ;; esac"};
  }
  world_.restart();
}

void LocalSubject::disarm() {
  world_.config.observe_deadline = seconds(20);
  world_.config.program = helper_;
  world_.config.program_arguments = {};
  world_.restart();
}

void LocalSubject::restart() {
  const std::vector<pid_t> living = world_.runner.forget(true);
  left_.insert(left_.end(), living.begin(), living.end());
  world_.restart();
}

// Helpers that a former daemon left run to their end by themselves.
void LocalSubject::let_late_calls_work() {
  for (const pid_t pid : left_) {
    int status = 0;
    EXTVOLD_CHECK(::waitpid(pid, &status, 0) == pid);
  }
  left_.clear();
}

int LocalSubject::copies_of(const Volume& volume) {
  int copies = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(world_.config.root)) {
    if (entry.path().filename() == volume.key + ".img") ++copies;
  }
  return copies;
}

std::vector<std::string> LocalSubject::holders_of(const Volume& volume) {
  std::vector<std::string> holders;
  if (world_.loops() == 0) return holders;
  for (const std::string& host : hosts()) {
    if (exists(world_.record(volume, host))) holders.push_back(host);
  }
  return holders;
}

std::string LocalSubject::make_foreign() {
  write_text(world_.config.root + "/hdd/somebodys.img", std::string(1 << 20, 'x'));
  return "hdd/somebodys.img";
}

std::string LocalSubject::state_of_foreign(const std::string& key) {
  struct stat st {};
  const std::string path = world_.config.root + "/" + key;
  if (::stat(path.c_str(), &st) != 0) return "gone";
  return std::to_string(st.st_ino) + " " + std::to_string(st.st_mtim.tv_sec) + " " +
         std::to_string(st.st_mtim.tv_nsec) + " " + read_text(path);
}

}  // namespace extvold::tests::conformance
