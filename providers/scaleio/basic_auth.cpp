#include "providers/scaleio/basic_auth.h"

#include <cstdint>

namespace extvold::providers::scaleio {

std::string basic_auth(std::string_view user, std::string_view password) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string pair(user);
  pair += ':';
  pair += password;
  std::string out = "Basic ";
  for (std::size_t i = 0; i < pair.size(); i += 3) {
    std::uint32_t three = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      three = three << 8U | (i + j < pair.size() ? static_cast<unsigned char>(pair[i + j]) : 0U);
    }
    for (unsigned j = 0; j < 4; ++j) {
      out += i + j <= pair.size() ? kDigits[three >> (18U - 6U * j) & 63U] : '=';
    }
  }
  return out;
}

}  // namespace extvold::providers::scaleio
