// One call to RexrayProvider on its way. Loop thread only; shared by the callbacks that carry it on.
#pragma once

#include <functional>
#include <string>

#include "providers/rexray/rexray_provider.h"

namespace extvold::providers::rexray {

struct RexrayProvider::Job {
  OperationCall call;
  std::function<void(OperationResult)> done;
  Instant end_at;
  std::string host;  // its identity, where the call has one
};

}  // namespace extvold::providers::rexray
