// Decodes a stream whole and in pieces, and checks that it makes no difference.
#pragma once

#include <string_view>
#include <vector>

#include "daemon/ingest/record_decoder.h"
#include "model/check.h"
#include "tests/fuzz/same_events.h"

namespace extvold::tests {

struct Outcome {
  std::vector<MesosEvent> events;
  bool broken = false;
  bool whole = false;
};

inline Outcome decode_pieces(std::string_view input, std::size_t piece) {
  Outcome out;
  ingest::IngestCounters counters;
  // An element beyond 1 KiB, a sixteenth, loses what is to be left out: within the reach of a fuzzer's
  // inputs.
  ingest::RecordDecoder decoder(counters, {1 << 20, 1 << 14});
  for (std::size_t at = 0; at < input.size() && !out.broken; at += piece) {
    const std::string_view view = input.substr(at, piece);
    const std::vector<char> exact(view.begin(), view.end());  // so that every read beyond it is seen
    const auto done = decoder.push({exact.data(), exact.size()}, out.events);
    out.broken = !done;
    EXTVOLD_CHECK(done || done.error().code == Errc::corrupt);
  }
  out.whole = decoder.finish().has_value();
  EXTVOLD_CHECK(!(out.broken && out.whole));
  return out;
}

inline void check_same(const Outcome& a, const Outcome& b) {
  EXTVOLD_CHECK(a.broken == b.broken);
  EXTVOLD_CHECK(a.whole == b.whole);
  EXTVOLD_CHECK(same_events(a.events, b.events));
}

inline void check_splits(std::string_view input) {
  const Outcome whole = decode_pieces(input, input.size() + 1);
  check_same(decode_pieces(input, 1), whole);
  check_same(decode_pieces(input, 61), whole);
}

}  // namespace extvold::tests
