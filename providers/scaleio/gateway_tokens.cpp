#include "providers/scaleio/gateway_tokens.h"

#include <charconv>
#include <optional>

#include "providers/json_answer.h"
#include "providers/scaleio/gateway_values.h"

namespace extvold::providers::scaleio {
namespace {

using nlohmann::json;

constexpr std::int64_t kSecondsMax = 10LL * 365 * 86400;

// As itself or as a text: its own description of the API has the one, what it answers the other.
Duration seconds_in(const json& answer, const char* name) {
  const auto at = answer.find(name);
  std::int64_t told = 0;
  if (at != answer.end() && at->is_number_integer()) told = at->get<std::int64_t>();
  const std::string text = text_of(answer, name);
  std::from_chars(text.data(), text.data() + text.size(), told);
  return told > 0 && told <= kSecondsMax ? seconds(told) : Duration{};
}

}  // namespace

Result<json> manager_login(const std::string& user, const std::string& password) {
  json body = {{"username", user}, {"password", password}};
  if (json::parse(json_text(body), nullptr, false) != body) {
    return fail(Errc::invalid,
                "the user or the password is no UTF-8, which the login of PowerFlex 4 needs; "
                "store the file in UTF-8, or choose another password");
  }
  return body;
}

Result<ManagerTokens> manager_tokens(const json& answer) {
  if (!answer.is_object()) return fail(Errc::uncertain, "the answer is no object");
  ManagerTokens out;
  const auto at = answer.find("access_token");
  ASSIGN(out.access, text_in(at == answer.end() ? json(nullptr) : *at, "access_token", kTokenBytesMax));
  const auto refresh = answer.find("refresh_token");
  if (refresh != answer.end() && !refresh->is_null()) {
    ASSIGN(out.refresh, text_in(*refresh, "refresh_token", kTokenBytesMax));
  }
  out.access_for = seconds_in(answer, "expires_in");
  out.refresh_for = seconds_in(answer, "refresh_expires_in");
  return out;
}

}  // namespace extvold::providers::scaleio
