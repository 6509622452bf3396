#include "providers/rbd/fence_target.h"

#include "providers/results.h"

namespace extvold::providers::rbd {

Result<AddressRange> target_of(const FenceCall& call) {
  const auto target = address_range_from_text(call.fence.target);
  if (target && !is_too_wide(*target)) return *target;
  return fail(Errc::invalid, "\"{}\" is no storage address of a host: write an address or a range into hosts",
              call.fence.target);
}

FenceResult failed_fence(const FenceCall& call, const Error& error, Instant sent_at, Instant now) {
  const std::string& who = call.host_name.empty() ? call.fence.target : call.host_name;
  return failed_call(call, {error.code, fmt::format("host {}: {}", who, error.message)}, sent_at, now);
}

Status check_barred(const AddressRange& target, const StoragePlaces& places) {
  const auto hit = [&](const char* what, const std::vector<AddressRange>& addresses) -> Status {
    for (const AddressRange& one : addresses) {
      if (!contains(target, one)) continue;
      return fail(Errc::invalid,
                  "{} holds {}, the address of {}: correct it in hosts, and fence this host otherwise",
                  to_text(target), to_text(one), what);
    }
    return {};
  };
  TRY(hit("this machine", places.own));
  if (target.is_one()) return {};
  TRY(hit("a monitor", places.monitors));
  return hit("an OSD", places.osds);
}

std::optional<WallTime> entry_of(const Blocklist& list, const AddressRange& target) {
  if (target.is_one()) {
    for (const BlockedClient& one : list.clients) {
      if (one.client.address == target && is_whole_address(one.client)) return one.until;
    }
    return std::nullopt;
  }
  for (const BlockedRange& one : list.ranges) {
    if (one.range == target) return one.until;
  }
  return std::nullopt;
}

std::string others_of(const Blocklist& list, const AddressRange& target) {
  std::size_t single = 0;
  std::string others;
  const auto note = [&](const std::string& entry) {
    others += fmt::format("; besides, {} stands there", entry);
  };
  for (const BlockedClient& one : list.clients) {
    if (!contains(target, one.client.address)) continue;
    if (!is_whole_address(one.client))
      ++single;
    else if (one.client.address != target)
      note("the address " + to_text(one.client.address));
  }
  for (const BlockedRange& one : list.ranges) {
    if (one.range == target && !target.is_one()) continue;
    if (contains(target, one.range) || contains(one.range, target))
      note(fmt::format("the range {}", range_text(one.range)));
  }
  if (single > 0) others += fmt::format("; {} entries of single clients there run out by themselves", single);
  constexpr std::size_t kShown = 300;
  if (others.size() > kShown) others = others.substr(0, kShown) + " ...";
  return others;
}

}  // namespace extvold::providers::rbd
