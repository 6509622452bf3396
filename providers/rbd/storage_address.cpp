#include "providers/rbd/storage_address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>

namespace extvold::providers::rbd {
namespace {

constexpr std::size_t kTextMax = 100;

template <typename Number>
std::optional<Number> whole_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<AddressRange> one_address(std::string_view text) {
  if (text.empty() || text.size() > kTextMax) return std::nullopt;
  const std::string terminated(text);
  AddressRange address;
  if (::inet_pton(AF_INET, terminated.c_str(), address.bytes.data()) == 1) {
    address.prefix = 32;
    return address;
  }
  if (::inet_pton(AF_INET6, terminated.c_str(), address.bytes.data()) != 1) return std::nullopt;
  address.v6 = true;
  address.prefix = 128;
  return address;
}

bool bit_of(const AddressRange& range, int bit) {
  const auto at = static_cast<unsigned>(bit);
  return ((range.bytes[at / 8] >> (7 - at % 8)) & 1U) != 0;
}

std::optional<AddressRange> with_prefix(std::optional<AddressRange> range, std::string_view prefix) {
  const auto bits = whole_number<int>(prefix);
  if (!range || !bits || *bits < 0 || *bits > range->prefix) return std::nullopt;
  for (int bit = *bits; bit < range->prefix; ++bit) {
    if (bit_of(*range, bit)) return std::nullopt;
  }
  range->prefix = *bits;
  return range;
}

struct AddressAndRest {
  std::optional<AddressRange> address;
  std::uint16_t port = 0;
  std::string_view rest;  // after "ADDRESS:PORT/"
};

// "10.0.0.7:0/REST" or "[fd00::7]:0/REST".
AddressAndRest address_before_slash(std::string_view text) {
  const std::size_t slash = text.rfind('/');
  if (slash == std::string_view::npos || slash == 0) return {};
  const std::string_view front = text.substr(0, slash);
  const std::size_t colon = front.rfind(':');
  if (colon == std::string_view::npos) return {};
  const auto port = whole_number<std::uint16_t>(front.substr(colon + 1));
  if (!port) return {};
  std::string_view host = front.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const std::optional<AddressRange> address = one_address(host);
  if (!address || address->v6 != bracketed) return {};
  return {address, *port, text.substr(slash + 1)};
}

}  // namespace

std::optional<AddressRange> address_range_from_text(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return one_address(text);
  return with_prefix(one_address(text.substr(0, slash)), text.substr(slash + 1));
}

std::string to_text(const AddressRange& range) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(range.v6 ? AF_INET6 : AF_INET, range.bytes.data(), text.data(), text.size());
  std::string out(text.data());
  if (!range.is_one()) out += "/" + std::to_string(range.prefix);
  return out;
}

std::string range_text(const AddressRange& range) {
  return range.is_one() ? fmt::format("{}/{}", to_text(range), range.prefix) : to_text(range);
}

bool is_whole_address(const ClientAddress& client) { return client.port == 0 && client.nonce == 0; }

bool contains(const AddressRange& outer, const AddressRange& inner) {
  if (outer.v6 != inner.v6 || outer.prefix > inner.prefix) return false;
  for (int bit = 0; bit < outer.prefix; ++bit) {
    if (bit_of(outer, bit) != bit_of(inner, bit)) return false;
  }
  return true;
}

bool is_v4_mapped(const AddressRange& range) {
  constexpr std::array<std::uint8_t, 12> kMark{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return range.v6 && std::equal(kMark.begin(), kMark.end(), range.bytes.begin());
}

bool is_too_wide(const AddressRange& range) { return range.prefix < (range.v6 ? 48 : 16); }

std::optional<ClientAddress> client_address_from_text(std::string_view text) {
  const AddressAndRest parts = address_before_slash(text);
  if (!parts.address) return std::nullopt;
  const auto nonce = whole_number<std::uint64_t>(parts.rest);
  if (!nonce) return std::nullopt;
  return ClientAddress{*parts.address, parts.port, *nonce};
}

std::optional<AddressRange> blocked_range_from_text(std::string_view text) {
  constexpr std::string_view kMark = "cidr:";
  if (text.substr(0, kMark.size()) == kMark) text.remove_prefix(kMark.size());
  const AddressAndRest parts = address_before_slash(text);
  if (!parts.address) return address_range_from_text(text);
  return with_prefix(parts.address, parts.rest);
}

}  // namespace extvold::providers::rbd
