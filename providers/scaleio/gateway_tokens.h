// The login of PowerFlex 4 in bytes: what its manager is sent and what it answers. Pure functions of foreign
// bytes, any thread; nothing here throws. Secrets go in and come out, and no message repeats one.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "model/instant.h"
#include "model/result.h"

namespace extvold::providers::scaleio {

struct ManagerTokens {
  std::string access;
  std::string refresh;  // empty: it gave none
  // How long they are good for; 0: it does not say.
  Duration access_for;
  Duration refresh_for;
};

// Errors: one that is no UTF-8 cannot be written in JSON.
Result<nlohmann::json> manager_login(const std::string& user, const std::string& password);

// Of its login as of its update-token.
Result<ManagerTokens> manager_tokens(const nlohmann::json& answer);

}  // namespace extvold::providers::scaleio
