#include "model/fence.h"

#include <fmt/format.h>

namespace extvold {

bool fence_may_move(FenceState from, FenceState to) {
  switch (from) {
    case FenceState::recorded:
      return to == FenceState::issued || to == FenceState::uncertain || to == FenceState::failed;
    case FenceState::issued:
      return to == FenceState::uncertain || to == FenceState::held || to == FenceState::failed;
    case FenceState::uncertain:
    case FenceState::held:
      return to != FenceState::recorded && to != FenceState::lifted;
    case FenceState::lifting:
      return to == FenceState::lifted;
    case FenceState::failed:
    case FenceState::lifted:
      return false;
  }
  return false;
}

OperationId fence_key(std::string_view ledger_id, FenceRung rung, HostId host, Generation generation) {
  return OperationId(derived_name(
      "op-", fmt::format("{}/fence/{}/{}/{}", ledger_id, to_text(rung), host.value, to_text(generation))));
}

}  // namespace extvold
