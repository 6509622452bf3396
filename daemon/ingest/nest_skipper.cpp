#include "daemon/ingest/nest_skipper.h"

#include <array>
#include <bit>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace extvold::ingest {

namespace {

enum class Class : std::uint8_t { plain, quote, backslash, open, close };

constexpr std::array<Class, 256> classify() {
  std::array<Class, 256> table{};
  table['"'] = Class::quote;
  table['\\'] = Class::backslash;
  table['{'] = table['['] = Class::open;
  table['}'] = table[']'] = Class::close;
  return table;
}
constexpr std::array<Class, 256> kClasses = classify();

}  // namespace

NestSkipper::Progress NestSkipper::feed_plain(State& state, std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (state.escaped) {
      state.escaped = false;
      continue;
    }
    switch (kClasses[static_cast<unsigned char>(bytes[i])]) {
      case Class::plain:
        break;
      case Class::quote:
        state.in_string = !state.in_string;
        break;
      case Class::backslash:
        state.escaped = true;
        break;
      case Class::open:
        if (!state.in_string && ++state.depth > kMaxDepth) return {End::too_deep, i};
        break;
      case Class::close:
        if (!state.in_string && --state.depth == 0) return {End::found, i + 1};
        break;
    }
  }
  return {End::not_yet, bytes.size()};
}

#if defined(__x86_64__)

namespace {

#define EXTVOLD_AVX2 __attribute__((target("avx2,bmi,popcnt,pclmul")))

struct Masks {  // one bit a byte of a block of 64
  std::uint64_t quote = 0;
  std::uint64_t backslash = 0;
  std::uint64_t open = 0;
  std::uint64_t close = 0;
};

EXTVOLD_AVX2 inline std::uint64_t equal_bytes(__m256i low, __m256i high, char wanted) {
  const __m256i pattern = _mm256_set1_epi8(wanted);
  const auto a = static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, pattern)));
  const auto b = static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, pattern)));
  return std::uint64_t{b} << 32 | a;
}

EXTVOLD_AVX2 inline Masks block_masks(const char* data) {
  const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(data));
  const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(data + 32));
  // '[' and '{', ']' and '}' differ in one bit only.
  const __m256i bit = _mm256_set1_epi8(0x20);
  const __m256i low_or = _mm256_or_si256(low, bit);
  const __m256i high_or = _mm256_or_si256(high, bit);
  return {equal_bytes(low, high, '"'), equal_bytes(low, high, '\\'), equal_bytes(low_or, high_or, '{'),
          equal_bytes(low_or, high_or, '}')};
}

// The bytes that follow an odd run of backslashes (the first of an even pair included). `escaped` carries
// over the block's border. The method is that of Langdale and Lemire, "Parsing gigabytes of JSON per second",
// section 3.1.1.
EXTVOLD_AVX2 inline std::uint64_t escaped_bytes(std::uint64_t backslash, bool& escaped) {
  backslash &= ~static_cast<std::uint64_t>(escaped);
  const std::uint64_t follows = backslash << 1 | static_cast<std::uint64_t>(escaped);
  constexpr std::uint64_t kEven = 0x5555555555555555ULL;
  const std::uint64_t odd_starts = backslash & ~kEven & ~follows;
  std::uint64_t even_series = 0;
  escaped = __builtin_add_overflow(odd_starts, backslash, &even_series);
  return (kEven ^ even_series << 1) & follows;
}

// Bit i: an odd number of quotes up to and including byte i.
EXTVOLD_AVX2 inline std::uint64_t prefix_xor(std::uint64_t bits) {
  const __m128i all = _mm_set1_epi8('\xff');
  const __m128i product = _mm_clmulepi64_si128(_mm_set_epi64x(0, static_cast<std::int64_t>(bits)), all, 0);
  return static_cast<std::uint64_t>(_mm_cvtsi128_si64(product));
}

// Where a block goes deeper than allowed, or 64: the slow answer for blocks that might.
EXTVOLD_AVX2 std::size_t too_deep_at(std::uint64_t open, std::uint64_t close, std::int32_t depth) {
  for (std::uint64_t both = open | close; both != 0; both &= both - 1) {
    depth += (open & both & (~both + 1)) != 0 ? 1 : -1;
    if (depth > NestSkipper::kMaxDepth) return static_cast<std::size_t>(std::countr_zero(both));
  }
  return 64;
}

EXTVOLD_AVX2 NestSkipper::Progress feed_avx2(NestSkipper::State& state, std::string_view bytes) {
  std::size_t at = 0;
  std::int32_t depth = state.depth;
  bool escaped = state.escaped;
  std::uint64_t inside = state.in_string ? ~std::uint64_t{0} : 0;
  for (; bytes.size() - at >= 64; at += 64) {
    Masks masks = block_masks(bytes.data() + at);
    if (masks.backslash != 0 || escaped) {
      const std::uint64_t harmless = ~escaped_bytes(masks.backslash, escaped);
      masks.quote &= harmless;
      masks.open &= harmless;
      masks.close &= harmless;
    }
    const std::uint64_t in_string = prefix_xor(masks.quote) ^ inside;
    inside = static_cast<std::uint64_t>(static_cast<std::int64_t>(in_string) >> 63);
    const std::uint64_t open = masks.open & ~in_string;
    const std::uint64_t close = masks.close & ~in_string;
    const std::int32_t closes = std::popcount(close);
    std::size_t end = 64;
    if (closes >= depth) {  // the end may be here: look at each closing bracket
      std::int32_t level = depth;
      for (std::uint64_t left = close; left != 0; left &= left - 1) {
        const std::uint64_t before = (left & (~left + 1)) - 1;
        if (--level + std::popcount(open & before) != 0) continue;
        end = static_cast<std::size_t>(std::countr_zero(left));
        break;
      }
    }
    const std::int32_t opens = std::popcount(open);
    if (depth + opens > NestSkipper::kMaxDepth) {
      const std::size_t deep = too_deep_at(open, close, depth);
      if (deep < end) return {NestSkipper::End::too_deep, at + deep};
    }
    if (end < 64) {
      state = {};
      return {NestSkipper::End::found, at + end + 1};
    }
    depth += opens - closes;
  }
  state.depth = depth;
  state.escaped = escaped;
  state.in_string = inside != 0;
  NestSkipper::Progress rest = NestSkipper::feed_plain(state, bytes.substr(at));
  rest.used += at;
  return rest;
}

}  // namespace

NestSkipper::Kernel NestSkipper::best_kernel() {
  static const bool fast = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
                           __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("pclmul");
  return fast ? feed_avx2 : feed_plain;
}

#else

NestSkipper::Kernel NestSkipper::best_kernel() { return feed_plain; }

#endif

}  // namespace extvold::ingest
