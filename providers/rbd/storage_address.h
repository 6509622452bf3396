// AddressRange: a host's address, or the range of its addresses, as Ceph knows its clients. Plain value; pure
// functions, any thread.
//
// Ceph writes a client as "10.0.0.7:0/3710147553" or "[fd00::7]:0/3710147553": address, port (0), and a nonce
// that each client process has anew.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace extvold::providers::rbd {

struct AddressRange {
  bool v6 = false;
  std::array<std::uint8_t, 16> bytes{};  // of the network; v4: the first four
  int prefix = 0;                        // in bits; all of them: one address
  auto operator<=>(const AddressRange&) const = default;
  bool is_one() const { return prefix == (v6 ? 128 : 32); }
};

// "10.0.0.7", "10.0.7.0/24", "fd00::7", "fd00::/64". A range whose host bits are not zero is no range.
std::optional<AddressRange> address_range_from_text(std::string_view text);
std::string to_text(const AddressRange& range);
// With its prefix, also where that is one address.
std::string range_text(const AddressRange& range);
bool contains(const AddressRange& outer, const AddressRange& inner);
// "::ffff:10.0.0.7": the kernel's way to write v4 as v6; to Ceph it is another address.
bool is_v4_mapped(const AddressRange& range);
// So wide that it cannot be one host: a slip of the pen that would cut off everybody.
bool is_too_wide(const AddressRange& range);

struct ClientAddress {
  AddressRange address;
  std::uint16_t port = 0;
  std::uint64_t nonce = 0;
  bool operator==(const ClientAddress&) const = default;
};
// Every client of that address: as an entry of the blocklist Ceph takes port 0 with nonce 0 for that.
bool is_whole_address(const ClientAddress& client);
std::optional<ClientAddress> client_address_from_text(std::string_view text);

// An entry of `range_blocklist`: "cidr:10.0.7.0:0/24", "cidr:[fd00::]:0/64" (and without "cidr:").
std::optional<AddressRange> blocked_range_from_text(std::string_view text);

}  // namespace extvold::providers::rbd
