#include "providers/csi/addresses.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "model/check.h"

namespace extvold::providers::csi {
namespace {

std::uint8_t mask_of_byte(int prefix, int byte) {
  const int bits = prefix - byte * 8;
  if (bits >= 8) return 0xff;
  if (bits <= 0) return 0;
  return static_cast<std::uint8_t>(0xff << (8 - bits));
}

}  // namespace

std::optional<AddressRange> address_range_from_text(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string address(text.substr(0, slash));
  if (address.find('\0') != std::string::npos) return std::nullopt;
  AddressRange range;
  range.is_v6 = address.find(':') != std::string::npos;
  if (::inet_pton(range.is_v6 ? AF_INET6 : AF_INET, address.c_str(), range.bytes.data()) != 1)
    return std::nullopt;
  const int prefix_max = range.is_v6 ? 128 : 32;
  range.prefix = prefix_max;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), range.prefix);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    if (range.prefix < 0 || range.prefix > prefix_max) return std::nullopt;
  }
  for (int i = 0; i < 16; ++i) {
    std::uint8_t& byte = range.bytes[static_cast<std::size_t>(i)];
    byte = static_cast<std::uint8_t>(byte & mask_of_byte(range.prefix, i));
  }
  return range;
}

std::string to_text(const AddressRange& range) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(range.is_v6 ? AF_INET6 : AF_INET, range.bytes.data(), text.data(), text.size());
  return std::string(text.data()) + "/" + std::to_string(range.prefix);
}

std::string ranges_text(const std::vector<std::string>& addresses) {
  std::set<std::string> texts;
  for (const std::string& one : addresses) {
    const auto range = address_range_from_text(one);
    EXTVOLD_CHECK(range.has_value());
    texts.insert(to_text(*range));
  }
  return fmt::format("{}", fmt::join(texts, " "));
}

std::optional<std::vector<AddressRange>> ranges_from_text(std::string_view text) {
  std::vector<AddressRange> ranges;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const auto range = address_range_from_text(text.substr(0, end));
    if (!range) return std::nullopt;
    ranges.push_back(*range);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (ranges.empty()) return std::nullopt;
  return ranges;
}

bool covers(const AddressRange& outer, const AddressRange& inner) {
  if (outer.is_v6 != inner.is_v6 || outer.prefix > inner.prefix) return false;
  for (int i = 0; i < 16; ++i) {
    const auto at = static_cast<std::size_t>(i);
    if ((inner.bytes[at] & mask_of_byte(outer.prefix, i)) != outer.bytes[at]) return false;
  }
  return true;
}

bool covers_all(const std::vector<AddressRange>& entries, const AddressRange& range) {
  std::vector<AddressRange> inside;
  for (const AddressRange& entry : entries) {
    if (covers(entry, range)) return true;
    if (covers(range, entry)) inside.push_back(entry);
  }
  if (inside.empty() || range.prefix >= (range.is_v6 ? 128 : 32)) return false;
  AddressRange half = range;
  const auto byte = static_cast<std::size_t>(range.prefix / 8);
  ++half.prefix;
  if (!covers_all(inside, half)) return false;
  half.bytes[byte] = static_cast<std::uint8_t>(half.bytes[byte] | (0x80 >> (range.prefix % 8)));
  return covers_all(inside, half);
}

}  // namespace extvold::providers::csi
