// What ingest skipped, replaced and counted, for status and metrics. Only ever grows; plain value, one
// thread.
#pragma once

#include <cstdint>

namespace extvold::ingest {

struct IngestCounters {
  std::uint64_t bytes = 0;            // of RecordIO or answers, HTTP coding removed
  std::uint64_t records = 0;          // complete records of the stream
  std::uint64_t elements = 0;         // tasks, agents, ... parsed one by one
  std::uint64_t elements_copied = 0;  // of those, across two pieces of input, or with parts left out
  std::uint64_t unknown_types = 0;    // event types that this version does not know
  std::uint64_t unknown_fields = 0;   // keys that this version does not know
  std::uint64_t unknown_values = 0;   // enum values that this version does not know, addresses that are none
  std::uint64_t replaced_bytes = 0;   // invalid UTF-8 and control characters, each replaced by '?'
  std::uint64_t cut_texts = 0;        // names and messages longer than what is kept
  bool operator==(const IngestCounters&) const = default;
};

}  // namespace extvold::ingest
