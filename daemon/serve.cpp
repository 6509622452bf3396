#include "daemon/serve.h"

#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <utility>

#include "daemon/api/api.h"
#include "daemon/config_power.h"
#include "daemon/http_server.h"
#include "daemon/machine.h"
#include "daemon/notify.h"
#include "daemon/uv/signal.h"

namespace extvold::daemon {
namespace {

constexpr Duration kStopMax = seconds(100);  // TimeoutStopSec= of the unit is more
constexpr Duration kStatusEvery = seconds(10);

enum class ExitCode : int { stopped = 0, failed = 1, bad_configuration = 2 };

void log_problems(Log& log, const ConfigResult& loaded) {
  for (const ConfigProblem& problem : loaded.errors)
    log.error("config_error", {{"problem", to_text(problem)}});
  for (const ConfigProblem& problem : loaded.warnings)
    log.warning("config_warning", {{"problem", to_text(problem)}});
}

void log_machine_problems(Log& log, const Config& config) {
  for (const SectionProblem& one : power_problems(config))
    log.warning("power_problem", {{"section", one.section}, {"problem", one.what}});
  for (const SectionProblem& one : provider_secret_problems(config))
    log.warning("secret_problem", {{"section", one.section}, {"problem", one.what}});
}

// The running daemon: the driver, who may ask it, and what it is told by signals.
class Service {
 public:
  Service(Machine& machine, Config config, std::unique_ptr<Driver> driver, Log& log)
      : machine_(machine),
        config_(std::move(config)),
        driver_(std::move(driver)),
        log_(log),
        backend_(*driver_, machine.clock),
        api_(backend_),
        notify_(machine.loop),
        status_timer_(machine.loop),
        terminate_(machine.loop, SIGTERM, [this] { stop("SIGTERM"); }),
        interrupt_(machine.loop, SIGINT, [this] { stop("SIGINT"); }),
        reload_(machine.loop, SIGHUP, [this] { reload(); }) {}

  Status start() {
    TRY(driver_->start());
    HttpServer::Options options;
    options.socket_path = config_.socket_path;
    options.group = config_.socket_group;
    auto server = HttpServer::listen(
        machine_.loop, options, [this](HttpServer::Request request, HttpServer::Responder responder) {
          const auto shared = std::make_shared<HttpServer::Responder>(std::move(responder));
          api_.handle(request,
                      [shared](HttpServer::Response response) { shared->answer(std::move(response)); });
        });
    if (!server) return wrap(server.error(), "query socket");
    server_ = std::move(*server);
    const DriverStatus status = driver_->status();
    log_.info("started", {{"ledger", status.ledger_path},
                          {"ledger_id", status.identity.id},
                          {"incarnation", status.identity.incarnation},
                          {"sequence", status.committed.value},
                          {"state", to_text(status.state)},
                          {"mode", to_text(driver_->snapshot().mode)},
                          {"acting", driver_->policy().observe_only.empty() ? "as the mode says"
                                                                            : driver_->policy().observe_only},
                          {"volumes", driver_->snapshot().volumes().size()},
                          {"socket", config_.socket_path}});
    notify_.ready(status_line());
    notify_.start_watchdog([this] { return driver_->healthy(); });
    show_status();
    return {};
  }

 private:
  std::string status_line() const {
    const DriverStatus status = driver_->status();
    if (status.state == DriverState::read_only) return fmt::format("read-only: {}", status.read_only_reason);
    const bool acts = driver_->snapshot().mode == Mode::active && driver_->policy().observe_only.empty();
    return fmt::format(
        "{}; {} volumes; {}", acts ? "acting" : "observing", driver_->snapshot().volumes().size(),
        status.subscription == SubscriptionState::open ? fmt::format("subscribed to {}", status.master)
                                                       : std::string("not subscribed"));
  }

  void show_status() {
    std::string line = status_line();
    if (line != shown_) notify_.status(line);
    shown_ = std::move(line);
    status_timer_.start(kStatusEvery, [this] { show_status(); });
  }

  void stop(std::string_view why) {
    if (std::exchange(stopping_, true)) {
      log_.warning("stopped_at_once", {{"signal", why}});
      return machine_.loop.stop();
    }
    log_.info("stopping", {{"signal", why}});
    notify_.stopping();
    status_timer_.stop();
    driver_->stop(kStopMax, [this] {
      log_.info("stopped", {{"sequence", driver_->status().committed.value}});
      machine_.loop.stop();
    });
  }

  void reload() {
    ConfigResult loaded = load_config(config_.file);
    log_problems(log_, loaded);
    if (!loaded.config)
      return log_.error("reload_refused", {{"file", config_.file}, {"kept", "the old one"}});
    notify_.reloading();
    for (const std::string& key : needs_restart(config_, *loaded.config))
      log_.warning("reload_needs_restart", {{"key", key}, {"kept", "the old value until a restart"}});
    log_machine_problems(log_, *loaded.config);
    log_.set_least(loaded.config->log_level);
    driver_->set_policy(loaded.config->policy);
    driver_->set_auth(loaded.config->master_auth, loaded.config->agents_auth);
    config_.master_auth = loaded.config->master_auth;
    config_.agents_auth = loaded.config->agents_auth;
    config_.policy = std::move(loaded.config->policy);
    config_.log_level = loaded.config->log_level;
    config_.active = loaded.config->active;
    log_.info("reloaded", {{"file", config_.file}, {"active", config_.active}});
    notify_.ready(status_line());
  }

  Machine& machine_;
  Config config_;
  std::unique_ptr<Driver> driver_;
  Log& log_;
  api::DriverBackend backend_;
  api::Api api_;
  std::unique_ptr<HttpServer> server_;
  Notify notify_;
  std::string shown_;
  bool stopping_ = false;
  uv::Timer status_timer_;
  uv::Signal terminate_;
  uv::Signal interrupt_;
  uv::Signal reload_;
};

}  // namespace

int serve(const std::string& config_file) {
  Machine machine;
  const bool journal = stderr_is_journal();
  Log log(stderr_sink(journal), LogLevel::info, journal ? nullptr : &machine.clock);
  ConfigResult loaded = load_config(config_file);
  log_problems(log, loaded);
  if (!loaded.config) return static_cast<int>(ExitCode::bad_configuration);
  log.set_least(loaded.config->log_level);
  log_machine_problems(log, *loaded.config);
  Result<std::unique_ptr<Driver>> driver = machine.make_driver(*loaded.config, /*dry_run=*/false, log);
  if (!driver) {
    log.error("cannot_start", {{"reason", driver.error().message}});
    return static_cast<int>(ExitCode::failed);
  }
  Service service(machine, std::move(*loaded.config), std::move(*driver), log);
  if (const Status started = service.start(); !started) {
    log.error("cannot_start", {{"reason", started.error().message}});
    return static_cast<int>(ExitCode::failed);
  }
  machine.loop.run();
  return static_cast<int>(ExitCode::stopped);
}

}  // namespace extvold::daemon
