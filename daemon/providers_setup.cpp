#include "daemon/providers_setup.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <utility>

#include "daemon/auth/credential_file.h"
#include "daemon/one_line_secret.h"
#include "daemon/uv/delays.h"
#include "providers/csi/csi_provider.h"
#include "providers/docker/docker_provider.h"
#include "providers/fence_agent/fence_agents.h"
#include "providers/local/local_provider.h"
#include "providers/rbd/rbd_provider.h"
#include "providers/rexray/rexray_provider.h"
#include "providers/scaleio/scaleio_provider.h"

namespace extvold::daemon {

namespace {

using MadeProvider = Result<std::unique_ptr<providers::Provider>>;

std::function<Instant()> clock_of(const ProviderPorts& ports) {
  return [&clock = ports.clock] { return clock.now(); };
}

std::function<void(std::function<void()>)> defer_of(const ProviderPorts& ports) {
  return [&deferred = ports.deferred](std::function<void()> closure) { deferred.post(std::move(closure)); };
}

MadeProvider make(providers::local::LocalConfig config, const std::string& program,
                  const ProviderPorts& ports) {
  config.program = program;
  TRY(providers::local::check_local_config(config));
  return std::make_unique<providers::local::LocalProvider>(std::move(config), ports.processes,
                                                           clock_of(ports));
}

MadeProvider make(providers::docker::DockerConfig config, const std::string&, const ProviderPorts& ports) {
  TRY(providers::docker::check_docker_config(config));
  return std::make_unique<providers::docker::DockerProvider>(
      std::move(config), providers::docker::DockerPorts{ports.http, defer_of(ports), clock_of(ports)});
}

MadeProvider make(providers::scaleio::ScaleioConfig config, const std::string&, const ProviderPorts& ports) {
  TRY(providers::scaleio::check_scaleio_config(config));
  return std::make_unique<providers::scaleio::ScaleioProvider>(
      std::move(config),
      providers::scaleio::ScaleioPorts{ports.http, &read_one_line_secret, defer_of(ports), clock_of(ports)});
}

MadeProvider make(providers::rexray::RexrayConfig config, const std::string& program,
                  const ProviderPorts& ports) {
  if (config.mode == providers::rexray::Mode::cli) config.helper = program;
  TRY(providers::rexray::check_rexray_config(config));
  // The provider's own, and so never later than it.
  const auto delays = std::make_shared<uv::Delays>(ports.loop);
  return std::make_unique<providers::rexray::RexrayProvider>(
      std::move(config),
      providers::rexray::RexrayPorts{ports.http, ports.processes, &read_one_line_secret,
                                     [delays](Duration delay, std::function<void()> closure) {
                                       delays->after(delay, std::move(closure));
                                     },
                                     clock_of(ports)});
}

Result<std::string> read_csi_secret(const std::string& path) {
  ASSIGN(const Secret secret, read_secret_file(path));
  return std::string(secret.reveal());
}

MadeProvider make(const providers::csi::CsiConfig& config, const std::string&, const ProviderPorts& ports) {
  TRY(providers::csi::check_csi_config(config));
  return std::make_unique<providers::csi::CsiProvider>(
      config, providers::csi::CsiPorts{ports.mailbox.post(), &read_csi_secret, clock_of(ports)});
}

MadeProvider make(providers::rbd::RbdConfig config, const std::string&, const ProviderPorts& ports) {
  TRY(providers::rbd::check_rbd_config(config));
  return std::make_unique<providers::rbd::RbdProvider>(std::move(config), ports.processes, clock_of(ports),
                                                       defer_of(ports));
}

}  // namespace

Result<std::vector<std::unique_ptr<providers::Provider>>> make_providers(const Config& config,
                                                                         const std::string& program,
                                                                         const ProviderPorts& ports) {
  std::vector<std::unique_ptr<providers::Provider>> out;
  for (const ProviderConfig& one : config.providers) {
    ASSIGN(out.emplace_back(), std::visit([&](const auto& of) { return make(of, program, ports); }, one));
  }
  return out;
}

std::unique_ptr<providers::PowerFence> make_power(const Config& config, ProcessRunner& processes,
                                                  uv::Deferred& deferred, const Clock& clock) {
  if (config.power.empty()) return nullptr;
  // Beside the ledger: a folder that is ours, there before the first call, and shared by all that may act.
  const std::string lock_folder = config.ledger_path.substr(0, config.ledger_path.rfind('/'));
  return std::make_unique<providers::fence_agent::FenceAgents>(
      config.power, lock_folder.empty() ? "/" : lock_folder,
      providers::fence_agent::FenceAgentsPorts{
          processes, &read_one_line_secret,
          [&deferred](std::function<void()> closure) { deferred.post(std::move(closure)); },
          [&clock] { return clock.now(); }});
}

Policy policy_of(const Config& config, const std::vector<std::unique_ptr<providers::Provider>>& providers) {
  Policy policy = config.policy;
  for (const auto& provider : providers) policy.providers.push_back(provider->info());
  policy.power_hosts = providers::fence_agent::hosts_of(config.power);
  return policy;
}

Result<std::string> own_program() {
  std::array<char, 4096> path{};
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size() - 1);
  if (length <= 0) return fail(Errc::internal, "/proc/self/exe cannot be read: is /proc mounted?");
  return std::string(path.data(), static_cast<std::size_t>(length));
}

}  // namespace extvold::daemon
