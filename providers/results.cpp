#include "providers/results.h"

#include <utility>

namespace extvold::providers {

OperationResult failed_call(const OperationCall& call, Error error, Instant now) {
  OperationResult result;
  result.id = call.operation.id;
  result.state = error.code == Errc::uncertain ? OperationState::uncertain : OperationState::failed;
  result.error = std::move(error);
  result.ended_at = now;
  return result;
}

OperationResult done_call(const OperationCall& call, Outcome outcome, Instant now) {
  OperationResult result;
  result.id = call.operation.id;
  result.state = OperationState::done;
  result.outcome = outcome;
  result.ended_at = now;
  return result;
}

Error nothing_happened(Error error) {
  if (error.code == Errc::uncertain) error.code = Errc::unavailable;
  return error;
}

void note_incomplete(ProviderObservation& seen, const Error& error) {
  seen.why_incomplete = error.message;
  seen.throttled = error.code == Errc::throttled;
  seen.retry_after = error.retry_after;
}

std::string identity_of_call(const ProviderInfo& provider, const OperationCall& call) {
  return call.host_identity.empty() ? identity_of(provider, call.host_name) : call.host_identity;
}

FenceResult failed_call(const FenceCall& call, Error error, Instant sent_at, Instant now) {
  FenceResult result;
  result.id = call.fence.id;
  result.act = call.act;
  result.state = error.code == Errc::uncertain ? FenceCallState::uncertain : FenceCallState::failed;
  result.error = std::move(error);
  result.sent_at = sent_at;
  result.ended_at = now;
  return result;
}

}  // namespace extvold::providers
