#include "tests/providers/conformance/subject_rexray_cli.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>

#include "model/check.h"

namespace extvold::tests::conformance {
namespace {

class NoHttp final : public HttpClient {
 public:
  void request(HttpRequest /*request*/, std::function<void(Result<HttpResponse>)> /*done*/) override {
    EXTVOLD_UNREACHABLE();
  }
};

}  // namespace

RexrayCliSubject::RexrayCliSubject(const std::string& dialect) : no_http_(std::make_unique<NoHttp>()) {
  std::string folder = "/dev/shm/extvold-rexray-XXXXXX";
  EXTVOLD_CHECK(::mkdtemp(folder.data()) != nullptr);
  dir_ = folder;
  set_state({{"dialect", dialect},
             {"host", "a1"},
             {"device", "/dev/xvda"},
             {"fault", ""},
             {"stage", "look"},
             {"next", 0},
             {"volumes", nlohmann::json::array()}});
  config.name = ProviderName("rexray~here");
  config.mode = providers::rexray::Mode::cli;
  config.program = EXTVOLD_REXRAY_DOUBLE;
  config.dialect = dialect == "3" ? 3 : 0;
  config.lock_folder = dir_;
  config.environment = {"REXRAY_DOUBLE=" + dir_ + "/state"};
  config.pools.resize(1);
  config.pools.front().name = "disks";
  restart();
}

RexrayCliSubject::~RexrayCliSubject() {
  for (const pid_t pid : left_) {
    ::kill(-pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
  std::filesystem::remove_all(dir_);
}

void RexrayCliSubject::restart() {
  const std::vector<pid_t> living = runner.forget(true);
  left_.insert(left_.end(), living.begin(), living.end());
  loop_.forget();
  provider_ = std::make_unique<providers::rexray::RexrayProvider>(
      config,
      providers::rexray::RexrayPorts{
          *no_http_, runner, [](const std::string& /*place*/) { return std::string(); },
          [this](Duration delay, std::function<void()> closure) { loop_.after(delay, std::move(closure)); },
          boot_clock});
}

void RexrayCliSubject::drain() {
  do {
    runner.drain();
  } while (loop_.step());
}

bool RexrayCliSubject::can(Stage stage, Fault fault) const {
  if (fault == Fault::throttled || fault == Fault::wrong_credentials || fault == Fault::late) return false;
  // A change says nothing that would be read, and its program is not started before it was asked what it is.
  return fault != Fault::not_reached || stage == Stage::look;
}

void RexrayCliSubject::arm(Stage stage, Fault fault) {
  if (fault == Fault::not_reached) {
    config.program = dir_ + "/no-such-program";
    return restart();
  }
  config.observe_deadline = fault == Fault::hang ? short_deadline() : seconds(20);
  restart();
  set("stage", stage == Stage::look ? "look" : "change");
  switch (fault) {
    case Fault::refused:
      return set("fault", "refused");
    case Fault::hang:
      return set("fault", "hang");
    case Fault::lost_answer:
      return set("fault", "lost_answer");
    case Fault::garbage:
      return set("fault", "garbage");
    case Fault::cut_short:
      return set("fault", "cut_short");
    case Fault::oversize:
      return set("fault", "oversize");
    case Fault::not_reached:
    case Fault::throttled:
    case Fault::wrong_credentials:
    case Fault::late:
      EXTVOLD_UNREACHABLE();
  }
}

void RexrayCliSubject::disarm() {
  set("fault", "");
  config.program = EXTVOLD_REXRAY_DOUBLE;
  config.observe_deadline = seconds(20);
  restart();
}

// What a former daemon left runs to its end by itself.
void RexrayCliSubject::let_late_calls_work() {
  for (const pid_t pid : left_) EXTVOLD_CHECK(::waitpid(pid, nullptr, 0) == pid);
  left_.clear();
}

nlohmann::json RexrayCliSubject::state() const {
  std::ifstream file(dir_ + "/state");
  return nlohmann::json::parse(file);
}

void RexrayCliSubject::set_state(const nlohmann::json& state) const {
  std::ofstream(dir_ + "/state") << state.dump(1);
}

void RexrayCliSubject::set(const char* key, const char* value) const {
  nlohmann::json now = state();
  now[key] = value;
  set_state(now);
}

void RexrayCliSubject::add(const std::string& name, std::int64_t size) const {
  nlohmann::json now = state();
  const int next = now["next"];
  now["next"] = next + 1;
  now["volumes"].push_back({{"id", fmt::format("added-{:03}", next)},
                            {"name", name},
                            {"size", size},
                            {"attachments", nlohmann::json::array()}});
  set_state(now);
}

int RexrayCliSubject::copies_of(const Volume& volume) {
  const nlohmann::json now = state();
  int copies = 0;
  for (const nlohmann::json& one : now["volumes"]) copies += one["name"] == volume.key ? 1 : 0;
  return copies;
}

std::vector<std::string> RexrayCliSubject::holders_of(const Volume& volume) {
  const nlohmann::json now = state();
  std::vector<std::string> holders;
  for (const nlohmann::json& one : now["volumes"]) {
    if (one["name"] != volume.key) continue;
    for (const nlohmann::json& host : one["attachments"]) holders.push_back(host);
  }
  return holders;
}

std::string RexrayCliSubject::make_foreign() {
  add("pgdata", 2);
  return "pgdata";
}

std::string RexrayCliSubject::state_of_foreign(const std::string& key) {
  const nlohmann::json now = state();
  std::string text;
  for (const nlohmann::json& one : now["volumes"]) {
    if (one["name"] == key) text += one.dump();
  }
  return text;
}

bool RexrayCliSubject::make_twin(const Volume& volume) {
  add(volume.key, 1);
  return true;
}

}  // namespace extvold::tests::conformance
