// Addresses: network addresses as a fence names them and as ListClusterFence shows them, compared as numbers
// and not as texts: "10.0.0.1", "10.0.0.1/32" and what lies in "10.0.0.0/24". Plain values; pure functions,
// any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace extvold::providers::csi {

struct AddressRange {
  bool is_v6 = false;
  std::array<std::uint8_t, 16>
      bytes{};  // an IPv4 address in the first four; the bits behind the prefix are 0
  int prefix = 0;
  bool operator==(const AddressRange&) const = default;
};

// "ADDRESS" or "ADDRESS/PREFIX"; nothing else before or behind it.
std::optional<AddressRange> address_range_from_text(std::string_view text);
std::string to_text(const AddressRange& range);

// As an attachment records them: "10.0.0.1/32 fd00::1/128", in order, each once, whatever their spelling and
// order were. REQUIRES: each is an address.
std::string ranges_text(const std::vector<std::string>& addresses);
// nullopt: one of them is no address, or there is none.
std::optional<std::vector<AddressRange>> ranges_from_text(std::string_view text);

// Every address of `inner` is in `outer`.
bool covers(const AddressRange& outer, const AddressRange& inner);
// Every address of `range` is in one of them.
bool covers_all(const std::vector<AddressRange>& entries, const AddressRange& range);

}  // namespace extvold::providers::csi
