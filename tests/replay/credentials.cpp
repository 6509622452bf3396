#include "tests/replay/credentials.h"

#include <cstdint>

#include "model/check.h"

namespace extvold::replay {

std::string base64(std::string_view bytes) {
  static constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = group << 8U | (j < count ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      text += j <= count ? kAlphabet[group >> (18U - 6U * j) & 63U] : '=';
    }
  }
  return text;
}

Status Credentials::add(std::string_view text) {
  const std::size_t equals = text.rfind('=');
  const std::size_t colon = text.find(':');
  if (equals == std::string_view::npos || colon == std::string_view::npos || colon > equals ||
      text.size() != equals + 2 || text[equals + 1] < '1' || text[equals + 1] > '9') {
    return fail(Errc::invalid, "credential `{}`: write USER:PASSWORD=CONNECTION, as in extvold:secret=1",
                text);
  }
  const std::string user_and_password(text.substr(0, equals));
  const int view = text[equals + 1] - '0';
  by_user_[user_and_password] = view;
  view_of_["Basic " + base64(user_and_password)] = view;
  return {};
}

Credentials Credentials::defaults() {
  Credentials credentials;
  EXTVOLD_CHECK(credentials.add("extvold:extvold=1").has_value());
  EXTVOLD_CHECK(credentials.add("blind:blind=2").has_value());
  return credentials;
}

std::optional<int> Credentials::view(const std::optional<std::string>& authorization) const {
  if (!authorization) return std::nullopt;
  const auto found = view_of_.find(*authorization);
  if (found == view_of_.end()) return std::nullopt;
  return found->second;
}

}  // namespace extvold::replay
