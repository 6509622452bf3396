// What the cases of the conformance suite say to a provider, and what they ask of its answers.
#pragma once

#include "tests/providers/conformance/subject.h"

namespace extvold::tests::conformance {

Volume volume_of(Subject& subject, const std::string& key, std::int64_t size_mb = 0);
OperationCall call_of(OperationKind kind, const Volume& volume, const std::string& host = "");

// Each ends in exactly one callback, and never from inside the call.
OperationResult execute(Subject& subject, const OperationCall& call);
// The daemon dies between this call and its answer, which nobody is told.
void break_off(Subject& subject, const OperationCall& call);
ProviderObservation observe(Subject& subject, const std::string& key = "");
FenceResult fence(Subject& subject, const FenceCall& call);

// The one volume of a direct inspect, which must be complete.
ObservedVolume inspect(Subject& subject, const Volume& volume);

void check_done(const OperationResult& result, Outcome outcome);
// Failed or uncertain, with a text that fits into a log line.
void check_not_done(const OperationResult& result);
// What a change that went wrong so may say of itself. A provider that reads back by itself may know that what
// was answered badly is done.
void check_by_fault(const OperationResult& result, Fault fault);

// Made, and its provider_ref noted.
Volume created(Subject& subject, const std::string& key);
// Attached to that host; what the attachment says is in the result.
OperationResult attached(Subject& subject, const Volume& volume, const std::string& host);
// As the ledger asks for it: by the identity and the device that were recorded.
OperationCall detach_call(const Volume& volume, const std::string& host, const OperationResult& attached);

}  // namespace extvold::tests::conformance
