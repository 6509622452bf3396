// How a call to a provider ended, built in one place. Pure functions, any thread.
#pragma once

#include "model/call.h"
#include "model/fence.h"
#include "model/result.h"

namespace extvold::providers {

// `uncertain` if the error says that it may have happened (Errc::uncertain), else `failed`: nothing happened
// and nothing will any more.
OperationResult failed_call(const OperationCall& call, Error error, Instant now);
OperationResult done_call(const OperationCall& call, Outcome outcome, Instant now);

FenceResult failed_call(const FenceCall& call, Error error, Instant sent_at, Instant now);

}  // namespace extvold::providers
