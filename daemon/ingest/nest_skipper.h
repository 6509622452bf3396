// NestSkipper: where does this JSON array or object end? Fast, because every byte of a snapshot passes
// through it once.
//
// It knows strings, escapes and depth, nothing else: whether what lies inside is JSON is for the parser to
// say. Bytes may be split anywhere. A plain value, no thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace extvold::ingest {

class NestSkipper {
 public:
  // What a real answer nests to is below 20 (reference 9.22); deeper than this is hostile.
  static constexpr std::int32_t kMaxDepth = 128;

  enum class End : std::uint8_t {
    not_yet,   // all bytes used, the value goes on
    found,     // `used` is just past the closing bracket
    too_deep,  // more than kMaxDepth levels
  };
  struct Progress {
    End end = End::not_yet;
    std::size_t used = 0;
  };

  // The next byte fed is the opening bracket.
  void begin() { state_ = State{}; }
  Progress feed(std::string_view bytes) { return kernel_(state_, bytes); }

  // Carried from one piece to the next.
  struct State {
    std::int32_t depth = 0;
    bool in_string = false;
    bool escaped = false;  // the next byte follows a backslash
  };
  using Kernel = Progress (*)(State&, std::string_view);

  // The plain loop, and the best that this processor can do; the tests compare them.
  static Progress feed_plain(State& state, std::string_view bytes);
  static Kernel best_kernel();

 private:
  State state_;
  Kernel kernel_ = best_kernel();
};

}  // namespace extvold::ingest
