#include "host/hash.h"

#include <fmt/format.h>

namespace extvold::host {
namespace {

__extension__ using Uint128 = unsigned __int128;

// Offset basis and prime of the 128-bit FNV-1a (draft-eastlake-fnv).
constexpr Uint128 kBasis = (static_cast<Uint128>(0x6c62272e07bb0142U) << 64U) | 0x62b821756295c58dU;
constexpr Uint128 kPrime = (static_cast<Uint128>(0x0000000001000000U) << 64U) | 0x000000000000013bU;

}  // namespace

Hash128 hash128(std::initializer_list<std::string_view> parts) {
  Uint128 hash = kBasis;
  const auto take = [&hash](std::uint8_t byte) { hash = (hash ^ byte) * kPrime; };
  for (const std::string_view part : parts) {
    for (unsigned shift = 0; shift < 64; shift += 8) take(static_cast<std::uint8_t>(part.size() >> shift));
    for (const char c : part) take(static_cast<std::uint8_t>(c));
  }
  Hash128 out{};
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(hash >> (8 * (15 - i)));
  return out;
}

std::string hex_text(const Hash128& hash) {
  std::string text;
  for (const std::uint8_t byte : hash) text += fmt::format("{:02x}", byte);
  return text;
}

std::string uuid_text(Hash128 hash) {
  hash[6] = static_cast<std::uint8_t>((hash[6] & 0x0fU) | 0x80U);
  hash[8] = static_cast<std::uint8_t>((hash[8] & 0x3fU) | 0x80U);
  std::string text = hex_text(hash);
  for (const std::size_t at : {20U, 16U, 12U, 8U}) text.insert(at, "-");
  return text;
}

}  // namespace extvold::host
