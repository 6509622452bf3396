#include "providers/rbd/rbd_provider.h"

#include <algorithm>
#include <utility>

#include "model/check.h"
#include "providers/foreign_text.h"
#include "providers/results.h"

namespace extvold::providers::rbd {
namespace {

constexpr Duration kYear = seconds(365LL * 24 * 3600);

Status check_pools(const RbdConfig& config) {
  const std::string& who = config.name.value;
  if (config.pools.empty()) return fail(Errc::invalid, "provider {}: has no pools", who);
  for (std::size_t i = 0; i < config.pools.size(); ++i) {
    const RbdPool& pool = config.pools[i];
    if (!is_plain_pool(pool.name))
      return fail(Errc::invalid, "provider {}: pool \"{}\": is no name of a pool", who,
                  in_one_line(pool.name));
    if (pool.iops < 0) return fail(Errc::invalid, "provider {}: pool {}: iops is negative", who, pool.name);
    for (std::size_t j = 0; j < i; ++j) {
      if (config.pools[j].name == pool.name)
        return fail(Errc::invalid, "provider {}: pool {}: is there twice", who, pool.name);
    }
  }
  return {};
}

// Two hosts with one address would be fenced as one.
Status check_identities(const RbdConfig& config) {
  const std::string& who = config.name.value;
  std::vector<AddressRange> ranges;
  for (const HostIdentity& one : config.host_identities) {
    const auto range = address_range_from_text(one.identity);
    if (!range || to_text(*range) != one.identity) {
      return fail(Errc::invalid,
                  "provider {}: host {}: \"{}\" is no address and no range of addresses, as \"10.0.0.7\" or "
                  "\"10.0.7.0/24\"",
                  who, one.host, in_one_line(one.identity, 100));
    }
    if (is_v4_mapped(*range))
      return fail(Errc::invalid,
                  "provider {}: host {}: {} is an IPv4 address written as IPv6: write it as Ceph does, "
                  "as \"10.0.0.7\"",
                  who, one.host, one.identity);
    if (is_too_wide(*range))
      return fail(Errc::invalid, "provider {}: host {}: {} is wider than one host", who, one.host,
                  one.identity);
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      if (!contains(ranges[i], *range) && !contains(*range, ranges[i])) continue;
      return fail(Errc::invalid,
                  "provider {}: the hosts {} and {} share addresses: a fence would cut off both", who,
                  config.host_identities[i].host, one.host);
    }
    ranges.push_back(*range);
  }
  return {};
}

}  // namespace

Status check_rbd_config(const RbdConfig& config) {
  const std::string& who = config.name.value;
  const auto absolute = [&](const char* what, const std::string& path) -> Status {
    if (!path.empty() && path.front() == '/') return {};
    return fail(Errc::invalid, "provider {}: {} = \"{}\": must be an absolute path", who, what, path);
  };
  TRY(absolute("rbd_program", config.rbd_program));
  TRY(absolute("ceph_program", config.ceph_program));
  TRY(absolute("rados_program", config.rados_program));
  TRY(absolute("conf_file", config.conf_file));
  TRY(absolute("keyring", config.keyring));
  if (!is_plain_pool(config.user))
    return fail(Errc::invalid, "provider {}: user = \"{}\": write the name without \"client.\"", who,
                in_one_line(config.user, 100));
  TRY(check_pools(config));
  TRY(check_identities(config));
  if (config.storage_timeout < seconds(1) || config.storage_timeout > minutes(5))
    return fail(Errc::invalid, "provider {}: storage_timeout: must be between 1s and 5m", who);
  // An attach elsewhere needs 30 days that are left, and nobody may be there to renew it for a while.
  if (config.blocklist_for < kYear || config.blocklist_for > kYear * 50)
    return fail(Errc::invalid, "provider {}: blocklist_for: must be between 1 and 50 years", who);
  if (config.looks_max < 1 || config.calls_max < 1)
    return fail(Errc::invalid, "provider {}: looks_max and calls_max must be at least 1", who);
  return {};
}

RbdProvider::RbdProvider(RbdConfig config, ProcessRunner& runner, std::function<Instant()> clock,
                         std::function<void(std::function<void()>)> defer)
    : config_(std::move(config)),
      clock_(std::move(clock)),
      defer_(std::move(defer)),
      tools_(config_, runner, clock_, defer_),
      looks_(tools_) {
  info_.name = config_.name;
  info_.capabilities = Capabilities{.create = true,
                                    .clone = true,
                                    .list_attachments = true,
                                    .fence_host = true,
                                    .fence_verifiable = true,
                                    .fence_bars_late_calls = true,
                                    .resize = true,
                                    .resize_attached = true,
                                    .formatting = Formatting::nobody};
  for (const RbdPool& pool : config_.pools) info_.pools.push_back(pool.name);
  info_.reach_all = config_.reach_all;
  // A program that outlives us waits this long for each of a few operations.
  info_.settle_time = std::max(seconds(60), config_.storage_timeout * 3);
  info_.calls_max = config_.calls_max;
  info_.calls_per_second = config_.calls_per_second;
  info_.host_identities = config_.host_identities;
  info_.hosts_by_name = false;
}

void RbdProvider::observe(std::string volume_key, std::function<void(ProviderObservation)> done) {
  ProviderObservation seen;
  seen.provider = config_.name;
  seen.volume_key = std::move(volume_key);
  seen.sent_at = clock_();
  observe_images(site(), std::move(seen), std::move(done));
}

void RbdProvider::execute(OperationCall call, std::function<void(OperationResult)> done) {
  if (call.operation.kind == OperationKind::create)
    return create_image(site(), std::move(call), std::move(done));
  if (call.operation.kind == OperationKind::remove)
    return remove_image(site(), std::move(call), std::move(done));
  if (call.operation.kind == OperationKind::resize)
    return resize_image(site(), std::move(call), std::move(done));
  const Error error{
      Errc::invalid,
      fmt::format("volume {}: {} is nothing that Ceph can be told for another host: each host maps "
                  "and unmaps images by itself (rbd map), until extvold's node side does it there",
                  call.volume.name, to_text(call.operation.kind))};
  defer_([this, call = std::move(call), error, done = std::move(done)] {
    done(failed_call(call, error, clock_()));
  });
}

void RbdProvider::change_fence(FenceCall call, std::function<void(FenceResult)> done) {
  EXTVOLD_CHECK(call.fence.rung == FenceRung::host);  // no other rung is named by the capabilities
  change_host_fence(site(), std::move(call), std::move(done));
}

}  // namespace extvold::providers::rbd
