// What simdjson alone needs for some elements: the yardstick of the ingest benchmarks.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace extvold::bench {

// Parse each element, keep nothing. Behind the last one 64 bytes must be readable. The returned number only
// keeps the compiler from leaving the work out.
std::size_t dom_pass(std::span<const std::string_view> elements);
// Structure and UTF-8, then a walk over every value.
std::size_t ondemand_pass(std::span<const std::string_view> elements);

}  // namespace extvold::bench
