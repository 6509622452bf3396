// How a call to a provider ended, built in one place. Pure functions, any thread.
#pragma once

#include "model/call.h"
#include "model/fence.h"
#include "model/observation.h"
#include "model/provider_info.h"
#include "model/result.h"

namespace extvold::providers {

// `uncertain` if the error says that it may have happened (Errc::uncertain), else `failed`: nothing happened
// and nothing will any more.
OperationResult failed_call(const OperationCall& call, Error error, Instant now);
OperationResult done_call(const OperationCall& call, Outcome outcome, Instant now);

// Of a look that did not come back, before anything was changed: whatever it says, nothing happened.
Error nothing_happened(Error error);

// Why what was seen is not everything.
void note_incomplete(ProviderObservation& seen, const Error& error);

// As the provider knows the host of the call: as it was recorded when attaching, else by its configuration.
// Empty: nobody told.
std::string identity_of_call(const ProviderInfo& provider, const OperationCall& call);

FenceResult failed_call(const FenceCall& call, Error error, Instant sent_at, Instant now);

}  // namespace extvold::providers
