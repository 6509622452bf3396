// A 128-bit FNV-1a hash: stable names derived from names. Not for secrets, and not against an adversary.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace extvold::host {

using Hash128 = std::array<std::uint8_t, 16>;

// Over the parts, each with its length: {"ab","c"} and {"a","bc"} differ.
Hash128 hash128(std::initializer_list<std::string_view> parts);

std::string hex_text(const Hash128& hash);  // 32 digits

// "xxxxxxxx-xxxx-8xxx-...": a version 8 (custom) UUID of RFC 9562.
std::string uuid_text(Hash128 hash);

}  // namespace extvold::host
