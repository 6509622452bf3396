#include "providers/csi/csi_config.h"

#include <algorithm>
#include <set>

#include "providers/csi/addresses.h"

namespace extvold::providers::csi {
namespace {

constexpr int kFencePrefixMinV4 = 16;
constexpr int kFencePrefixMinV6 = 48;

constexpr std::int64_t kSizeMbMax = std::int64_t{1} << 40;  // an exabyte
// The specification's bounds of a node id and of a map.
constexpr std::size_t kNodeIdBytesMax = 256;
constexpr std::size_t kMapBytesMax = 4096;

bool is_unix(const std::string& endpoint) { return endpoint.starts_with("unix:/"); }

Status check_endpoint(const CsiConfig& config, const char* key, const std::string& endpoint) {
  if (is_unix(endpoint)) return {};
  const std::size_t colon = endpoint.rfind(':');
  const bool has_port = colon != std::string::npos && colon > 0 && colon + 1 < endpoint.size() &&
                        std::all_of(endpoint.begin() + static_cast<std::ptrdiff_t>(colon) + 1, endpoint.end(),
                                    [](char c) { return c >= '0' && c <= '9'; });
  if (has_port && endpoint.find('/') == std::string::npos) return {};
  return fail(Errc::invalid, "provider {}: {} = \"{}\": must be \"unix:/path/of/socket\" or \"host:port\"",
              config.name.value, key, endpoint);
}

// There is no TLS: what goes over a network, everybody there can read.
Status check_secret(const CsiConfig& config, const char* key, const std::string& path,
                    const std::string& endpoint) {
  if (path.empty()) return {};
  if (path.front() != '/') {
    return fail(Errc::invalid, "provider {}: {} = \"{}\": must be an absolute path", config.name.value, key,
                path);
  }
  if (is_unix(endpoint)) return {};
  return fail(Errc::invalid,
              "provider {}: {}: secrets are sent over a unix socket only: let endpoint be \"unix:/path\"",
              config.name.value, key);
}

Status check_map(const CsiConfig& config, const std::string& what, const Texts& texts) {
  std::size_t bytes = 0;
  for (const auto& [key, value] : texts) bytes += key.size() + value.size();
  if (bytes <= kMapBytesMax) return {};
  return fail(Errc::invalid, "provider {}: {}: more than {} bytes", config.name.value, what, kMapBytesMax);
}

Status check_pools(const CsiConfig& config) {
  if (config.pools.empty()) return fail(Errc::invalid, "provider {}: has no pools", config.name.value);
  std::set<std::string> names;
  for (const CsiPool& pool : config.pools) {
    if (pool.name.empty() || pool.name.find('~') != std::string::npos) {
      return fail(Errc::invalid, "provider {}: pool \"{}\": is no name of a pool", config.name.value,
                  pool.name);
    }
    if (!names.insert(pool.name).second)
      return fail(Errc::invalid, "provider {}: pool {}: is there twice", config.name.value, pool.name);
    if (pool.iops < 0 || pool.capacity_mb < 0 || pool.capacity_mb > kSizeMbMax) {
      return fail(Errc::invalid, "provider {}: pool {}: iops or capacity_mb out of range", config.name.value,
                  pool.name);
    }
    TRY(check_map(config, "pool " + pool.name + ": parameters", pool.parameters));
    TRY(check_map(config, "pool " + pool.name + ": topology", pool.topology));
  }
  return {};
}

Status check_attribute(const CsiConfig& config) {
  const auto& name = config.hosts_attribute;
  if (name.find_first_of(":\n") == std::string::npos) return {};
  return fail(Errc::invalid, "provider {}: hosts_attribute = \"{}\": is no name of an agent's attribute",
              config.name.value, name);
}

Status check_hosts(const CsiConfig& config) {
  std::set<std::string> hosts;
  std::set<std::string> nodes;
  for (const HostIdentity& one : config.host_identities) {
    if (one.host.empty() || !is_node_id(one.identity)) {
      return fail(Errc::invalid, "provider {}: hosts: \"{}\" = \"{}\": is no node id", config.name.value,
                  one.host, one.identity);
    }
    if (!hosts.insert(one.host).second || !nodes.insert(one.identity).second) {
      return fail(Errc::invalid, "provider {}: hosts: \"{}\" = \"{}\": is there twice", config.name.value,
                  one.host, one.identity);
    }
  }
  return {};
}

// What it names is barred for years: a slip that bars a whole network must not pass.
Result<AddressRange> check_fence_address(const CsiConfig& config, const std::string& node,
                                         const std::string& text) {
  const std::optional<AddressRange> range = address_range_from_text(text);
  if (!range) {
    return fail(Errc::invalid, "provider {}: fence_addresses: \"{}\": \"{}\" is no address (\"10.0.0.1/32\")",
                config.name.value, node, text);
  }
  const std::string address = text.substr(0, text.find('/'));
  if (address_range_from_text(address)->bytes != range->bytes) {
    return fail(
        Errc::invalid,
        "provider {}: fence_addresses: \"{}\": {} names the network {}: write {} if the host alone is "
        "meant",
        config.name.value, node, text, to_text(*range), address);
  }
  if (range->prefix < (range->is_v6 ? kFencePrefixMinV6 : kFencePrefixMinV4)) {
    return fail(Errc::invalid, "provider {}: fence_addresses: \"{}\": {} is more than one host can have",
                config.name.value, node, text);
  }
  return *range;
}

Status check_fence(const CsiConfig& config) {
  if (config.addons_endpoint.empty()) {
    if (config.fence_addresses.empty() && config.fence_secrets_file.empty() &&
        config.fence_parameters.empty())
      return {};
    return fail(Errc::invalid, "provider {}: says how to fence, but has no addons_endpoint",
                config.name.value);
  }
  TRY(check_endpoint(config, "addons_endpoint", config.addons_endpoint));
  TRY(check_secret(config, "fence_secrets_file", config.fence_secrets_file, config.addons_endpoint));
  TRY(check_map(config, "fence_parameters", config.fence_parameters));
  if (config.fence_addresses.empty()) {
    return fail(Errc::invalid, "provider {}: addons_endpoint: fences nobody without fence_addresses",
                config.name.value);
  }
  std::vector<std::pair<AddressRange, std::string>> all;  // and whose
  for (const auto& [node, addresses] : config.fence_addresses) {
    if (addresses.empty())
      return fail(Errc::invalid, "provider {}: fence_addresses: \"{}\": has none", config.name.value, node);
    for (const std::string& one : addresses) {
      ASSIGN(const AddressRange range, check_fence_address(config, node, one));
      for (const auto& [other, whose] : all) {
        if (whose == node || (!covers(other, range) && !covers(range, other))) continue;
        return fail(Errc::invalid, "provider {}: fence_addresses: {} of \"{}\" is of \"{}\", too",
                    config.name.value, one, node, whose);
      }
      all.emplace_back(range, node);
    }
  }
  return {};
}

}  // namespace

bool is_node_id(std::string_view text) { return !text.empty() && text.size() <= kNodeIdBytesMax; }

std::string fence_addresses_of(const CsiConfig& config, const std::string& node) {
  const auto found = config.fence_addresses.find(node);
  if (config.addons_endpoint.empty() || found == config.fence_addresses.end()) return {};
  return ranges_text(found->second);
}

Status check_csi_config(const CsiConfig& config) {
  TRY(check_endpoint(config, "endpoint", config.endpoint));
  TRY(check_pools(config));
  TRY(check_secret(config, "create_secrets_file", config.create_secrets_file, config.endpoint));
  TRY(check_secret(config, "publish_secrets_file", config.publish_secrets_file, config.endpoint));
  TRY(check_hosts(config));
  if (config.resize_attached && !config.resize)
    return fail(Errc::invalid, "provider {}: resize_attached = true: without resize = true nothing grows",
                config.name.value);
  if (config.resize && !config.resize_attached && !config.list_attachments) {
    return fail(Errc::invalid,
                "provider {}: resize = true: without list_attachments nobody can tell that a volume is "
                "published nowhere: set resize_attached = true if the driver grows it in use",
                config.name.value);
  }
  TRY(check_attribute(config));
  if (config.list_attachments && !config.attach) {
    return fail(Errc::invalid, "provider {}: list_attachments without attach: nothing is ever attached",
                config.name.value);
  }
  return check_fence(config);
}

}  // namespace extvold::providers::csi
