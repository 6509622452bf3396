#include "providers/csi/csi_provider.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "model/check.h"
#include "providers/csi/csi_operation.h"
#include "providers/csi/fence_host.h"
#include "providers/csi/observe_volumes.h"
#include "providers/results.h"

namespace extvold::providers::csi {
namespace {

// "xv-...": made of the ledger's id, so that nobody else has it.
bool is_own_key(std::string_view key) { return key.starts_with("xv-") && key.size() <= 128; }

bool has_node(OperationKind kind) { return kind == OperationKind::attach || kind == OperationKind::detach; }

// What needs no question to the driver.
Status check_call(const CsiConfig& config, const OperationCall& call) {
  const Volume& volume = call.volume;
  switch (call.operation.kind) {
    case OperationKind::create:
      if (!config.create)
        return fail(Errc::invalid, "provider {} does not create volumes (create = false)", config.name.value);
      if (!is_own_key(volume.key)) return fail(Errc::invalid, "\"{}\" is no name that we make", volume.key);
      return {};
    case OperationKind::format:
      return fail(
          Errc::invalid,
          "a CSI driver's volume is formatted by its node plugin when it is staged, not by this provider");
    case OperationKind::attach:
    case OperationKind::detach:
      if (!config.attach) {
        return fail(Errc::invalid, "provider {} does not attach (attach = false): its node plugin does",
                    config.name.value);
      }
      break;
    case OperationKind::resize:
      if (!config.resize) {
        return fail(Errc::invalid, "provider {} does not make volumes larger (resize = false)",
                    config.name.value);
      }
      break;
    case OperationKind::remove:
      if (!config.create)
        return fail(Errc::invalid, "provider {} does not remove volumes (create = false)", config.name.value);
      // Of one whose create was not answered the id is found out.
      return volume.provider_ref.empty() && !is_own_key(volume.key)
                 ? fail(Errc::invalid, "\"{}\" is no name that we make", volume.key)
                 : Status{};
  }
  if (!volume.provider_ref.empty()) return {};
  return fail(Errc::invalid, "the driver's id of it is not known, and a driver finds no volume by its name");
}

ProviderInfo info_of(const CsiConfig& config) {
  ProviderInfo info;
  info.name = config.name;
  const bool fences = !config.addons_endpoint.empty();
  info.capabilities = Capabilities{.create = config.create,
                                   .clone = config.clone,
                                   .shows_created = false,
                                   // What nobody shows cannot be read back.
                                   .attach_to_named_host = config.attach && config.list_attachments,
                                   .list_attachments = config.list_attachments,
                                   .fence_host = fences,
                                   .fence_verifiable = fences,
                                   .fence_bars_late_calls = fences,
                                   .keeps_tags = false,
                                   .resize = config.resize,
                                   .resize_attached = config.resize_attached,
                                   .formatting = Formatting::node_side};
  for (const CsiPool& pool : config.pools) info.pools.push_back(pool.name);
  info.reach_all = config.reach_all;
  info.settle_time = config.settle_time;
  info.calls_max = config.calls_max;
  info.calls_per_second = config.calls_per_second;
  info.host_identities = config.host_identities;
  info.hosts_by_name = config.hosts_by_name;
  return info;
}

}  // namespace

struct CsiProvider::Connections {
  Connections(const CsiConfig& config, const CsiPorts& ports) : driver(config, config.endpoint, ports) {
    if (!config.addons_endpoint.empty()) addons.emplace(config, config.addons_endpoint, ports);
  }

  CsiDriver driver;
  std::optional<CsiDriver> addons;
};

CsiProvider::CsiProvider(CsiConfig config, CsiPorts ports)
    : config_(std::move(config)),
      info_(info_of(config_)),
      connections_(std::make_unique<Connections>(config_, ports)) {}

CsiProvider::~CsiProvider() = default;

void CsiProvider::know_volumes(std::vector<KnownVolume> known) { known_ = std::move(known); }

// What the configuration says comes first: of a host that it names, and of a node that it gives to another.
void CsiProvider::know_hosts(std::vector<HostIdentity> hosts) {
  info_.host_identities = config_.host_identities;
  for (HostIdentity& one : hosts) {
    const auto& known = config_.host_identities;
    const bool is_told = std::any_of(known.begin(), known.end(), [&](const HostIdentity& other) {
      return other.host == one.host || other.identity == one.identity;
    });
    if (!is_told && is_node_id(one.identity)) info_.host_identities.push_back(std::move(one));
  }
}

void CsiProvider::observe(std::string volume_key, std::function<void(ProviderObservation)> done) {
  ProviderObservation seen;
  seen.provider = config_.name;
  seen.volume_key = std::move(volume_key);
  seen.sent_at = connections_->driver.now();
  observe_volumes(connections_->driver, known_, std::move(seen), std::move(done));
}

Result<std::string> CsiProvider::node_of(const OperationCall& call) const {
  if (!call.host_identity.empty()) return call.host_identity;
  std::string node = identity_of(info_, call.host_name);
  if (!node.empty()) return node;
  return fail(Errc::not_found,
              "the node id of host {} is not known: add it to hosts of provider {} (as its NodeGetInfo "
              "says it){}",
              call.host_name, config_.name.value,
              config_.hosts_attribute.empty()
                  ? std::string()
                  : fmt::format(", or give its agent the attribute {}", config_.hosts_attribute));
}

void CsiProvider::execute(OperationCall call, std::function<void(OperationResult)> done) {
  CsiDriver& driver = connections_->driver;
  const Instant until = driver.now() + call.deadline;
  CsiOperation operation{
      driver, {}, std::move(call), {}, until, std::move(done), [this](const std::string& node) {
        return host_of(info_, node);
      }};
  Status checked = check_call(config_, operation.call);
  const OperationKind kind = operation.call.operation.kind;
  if (checked && has_node(kind)) {
    const Result<std::string> node = node_of(operation.call);
    if (node)
      operation.node_id = *node;
    else
      checked = tl::make_unexpected(node.error());
  }
  if (!checked) {
    const Error error = checked.error();
    return driver.defer([operation = std::move(operation), error] { operation.fail(error); });
  }
  driver.discover(until, [operation = std::move(operation), kind](Result<DriverCapabilities> can) mutable {
    if (!can) return operation.fail(can.error());
    operation.can = *std::move(can);
    switch (kind) {
      case OperationKind::create:
        return create_volume(std::move(operation));
      case OperationKind::remove:
        return remove_volume(std::move(operation));
      case OperationKind::attach:
        return publish_volume(std::move(operation));
      case OperationKind::detach:
        return unpublish_volume(std::move(operation));
      case OperationKind::resize:
        return resize_volume(std::move(operation));
      case OperationKind::format:
        break;
    }
    EXTVOLD_UNREACHABLE();
  });
}

void CsiProvider::change_fence(FenceCall call, std::function<void(FenceResult)> done) {
  EXTVOLD_CHECK(call.fence.rung == FenceRung::host);  // no other rung is named by the capabilities
  if (!connections_->addons) {                        // one that was set before the configuration changed
    const Instant now = connections_->driver.now();
    const Error error{
        Errc::invalid,
        fmt::format("host {}: without addons_endpoint of provider {} its fence is neither seen nor "
                    "taken back",
                    call.host_name, config_.name.value)};
    return connections_->driver.defer([call = std::move(call), error, now, done = std::move(done)] {
      done(failed_call(call, error, now, now));
    });
  }
  change_host_fence(*connections_->addons, std::move(call), std::move(done));
}

}  // namespace extvold::providers::csi
