#include "providers/rbd/fence_target.h"

#include <algorithm>

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

std::array<BarForm, 2> forms_of(const AddressRange& target) {
  if (target.is_one()) return {BarForm{true, {target}}, BarForm{false, {target}}};
  AddressRange low = target;
  ++low.prefix;
  AddressRange high = low;
  const auto bit = static_cast<unsigned>(target.prefix);
  high.bytes[bit / 8] = static_cast<std::uint8_t>(high.bytes[bit / 8] | (0x80U >> (bit % 8)));
  return {BarForm{false, {target}}, BarForm{false, {low, high}}};
}

namespace {

std::optional<WallTime> end_of_part(const Blocklist& list, bool is_address, const AddressRange& part) {
  if (is_address) {
    for (const BlockedClient& one : list.clients) {
      if (one.client.address == part && is_whole_address(one.client)) return one.until;
    }
    return std::nullopt;
  }
  for (const BlockedRange& one : list.ranges) {
    if (one.range == part) return one.until;
  }
  return std::nullopt;
}

}  // namespace

std::optional<WallTime> end_of(const Blocklist& list, const BarForm& form) {
  std::optional<WallTime> end;
  for (const AddressRange& part : form.parts) {
    const auto until = end_of_part(list, form.is_address, part);
    if (!until) return std::nullopt;
    if (!end || *until < *end) end = until;
  }
  return end;
}

std::vector<AddressRange> standing_of(const Blocklist& list, const BarForm& form) {
  std::vector<AddressRange> standing;
  for (const AddressRange& part : form.parts) {
    if (end_of_part(list, form.is_address, part)) standing.push_back(part);
  }
  return standing;
}

std::optional<WallTime> fence_end(const Blocklist& list, const AddressRange& target) {
  std::optional<WallTime> end;
  for (const BarForm& form : forms_of(target)) {
    const auto until = end_of(list, form);
    if (until && (!end || *end < *until)) end = until;
  }
  return end;
}

std::string others_of(const Blocklist& list, const AddressRange& target) {
  std::size_t single = 0;
  std::string others;
  const auto note = [&](const std::string& entry) {
    others += fmt::format("; besides, {} stands there", entry);
  };
  const auto is_ours = [&](bool is_address, const AddressRange& part) {
    for (const BarForm& form : forms_of(target)) {
      if (form.is_address != is_address) continue;
      if (std::find(form.parts.begin(), form.parts.end(), part) != form.parts.end()) return true;
    }
    return false;
  };
  for (const BlockedClient& one : list.clients) {
    if (!contains(target, one.client.address)) continue;
    if (!is_whole_address(one.client))
      ++single;
    else if (!is_ours(true, one.client.address))
      note("the address " + to_text(one.client.address));
  }
  for (const BlockedRange& one : list.ranges) {
    if (is_ours(false, one.range)) continue;
    if (contains(target, one.range) || contains(one.range, target))
      note("the range " + range_text(one.range));
  }
  if (single > 0) others += fmt::format("; {} entries of single clients there run out by themselves", single);
  constexpr std::size_t kShown = 300;
  if (others.size() > kShown) others = others.substr(0, kShown) + " ...";
  return others;
}

}  // namespace extvold::providers::rbd
