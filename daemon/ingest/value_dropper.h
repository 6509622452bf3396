// ValueDropper: copies one element without the values that no codec reads and that may be huge: a framework's
// offers, the bytes that it attaches to a status. So the bound for an element holds for what is kept of it.
//
// Left out is a string, array or object under a named key at a given depth; `null`, which counts as absent,
// stands in its place. Everything else is copied as it is, and judged by the parser. Of a value left out only
// brackets and strings are looked at. A plain state machine: bytes may be split anywhere. No thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "daemon/ingest/nest_skipper.h"
#include "daemon/ingest/places.h"

namespace extvold::ingest {

class ValueDropper {
 public:
  // The next byte fed is the element's first.
  void begin(std::span<const LeftOut> left_out);
  // Appends what is kept of `bytes` to `out`, to which nobody else may append until the element's end.
  void feed(std::string_view bytes, std::string& out);

 private:
  enum class State : std::uint8_t { structure, string, after_string, value, dropped_nest, dropped_string };

  const char* pass_structure(const char* at, const char* end, std::string& out);
  const char* pass_string(const char* at, const char* end);
  const char* begin_value(const char* at, std::string& out);
  bool is_left_out(std::string_view key) const;

  std::span<const LeftOut> left_out_;
  NestSkipper nest_;
  State state_ = State::structure;
  std::int32_t depth_ = 0;
  bool escaped_ = false;       // in a string: the next byte follows a backslash
  std::size_t string_at_ = 0;  // in `out`, the inside of the newest string
  std::size_t string_end_ = 0;
};

}  // namespace extvold::ingest
