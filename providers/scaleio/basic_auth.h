// `Basic BASE64(user:password)`: the value of an Authorization header. Pure; a secret comes out.
#pragma once

#include <string>
#include <string_view>

namespace extvold::providers::scaleio {

std::string basic_auth(std::string_view user, std::string_view password);

}  // namespace extvold::providers::scaleio
