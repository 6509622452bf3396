// Texts of the small value types: ids, generations, pool names, operation states.
#include <array>

#include "model/ids.h"
#include "model/operation.h"
#include "model/storage.h"

namespace extvold {

std::string to_text(Generation generation) {
  return fmt::format("{}.{}", generation.incarnation, generation.counter);
}

std::string to_text(const PoolName& name) { return fmt::format("{}~{}", name.provider.value, name.pool); }

std::optional<PoolName> pool_name_from_text(std::string_view text) {
  const std::size_t first = text.find('~');
  if (first == std::string_view::npos || first == 0) return std::nullopt;
  const std::size_t second = text.find('~', first + 1);
  if (second == std::string_view::npos || second == first + 1 || second + 1 == text.size())
    return std::nullopt;
  if (text.find('~', second + 1) != std::string_view::npos) return std::nullopt;
  return PoolName{ProviderName(text.substr(0, second)), std::string(text.substr(second + 1))};
}

bool operation_may_move(OperationState from, OperationState to) {
  switch (from) {
    case OperationState::recorded:  // failed: superseded before it was tried; uncertain: found at start-up,
                                    // it may have been tried
      return to == OperationState::issued || to == OperationState::failed || to == OperationState::uncertain;
    case OperationState::issued:
      return to != OperationState::recorded;
    case OperationState::uncertain:  // issued: the same operation tried again under the same id
      return to != OperationState::recorded;
    case OperationState::done:
    case OperationState::failed:
      return false;
  }
  return false;
}

namespace {

// FNV-1a, 64 bit, twice with different seeds: an identifier, not a secret; equal input gives equal text on
// every machine.
std::uint64_t fnv1a(std::string_view text, std::uint64_t hash) {
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 1099511628211ULL;
  }
  hash ^= hash >> 32U;  // the last characters must reach the high bits too
  return hash * 0x9E3779B97F4A7C15ULL;
}

}  // namespace

std::string derived_name(std::string_view prefix, std::string_view text) {
  constexpr std::string_view kBase32 = "abcdefghijklmnopqrstuvwxyz234567";
  const std::array<std::uint64_t, 2> halves = {fnv1a(text, 14695981039346656037ULL),
                                               fnv1a(text, 0xCBF29CE4A5B1C3D7ULL)};
  std::string out(prefix);
  for (const std::uint64_t half : halves) {
    for (unsigned shift = 0; shift < 65; shift += 5)
      out += kBase32[(half >> (shift > 59 ? 59U : shift)) & 31U];
  }
  return out;
}

OperationId operation_id(std::string_view ledger_id, OperationKind kind, VolumeId volume, HostId host,
                         Generation generation) {
  return OperationId(derived_name(
      "op-", fmt::format("{}/{}/{}/{}/{}", ledger_id, to_text(kind), volume.value, host.value,
                         kind == OperationKind::create ? std::string("create") : to_text(generation))));
}

}  // namespace extvold
