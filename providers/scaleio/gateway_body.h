// What the gateway's answer says: its JSON, or an error of ours by the gateway's status, number and text.
// Pure functions of foreign bytes, any thread; nothing here throws.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "model/ports.h"
#include "model/result.h"

namespace extvold::providers::scaleio {

// It is for people: what a gateway of 4.x, or a proxy before it, answers with where it has no JSON.
bool is_page(const HttpResponse& answer);

// The body of an answer that is no error; null if it is empty. Errors carry the gateway's number and text.
// `uncertain`: the answer makes no sense (a page among it), or is an error that is not known to mean that
// nothing happened. `permission` with 401 and 403: the token is none any more, or what was asked is not
// allowed. `secret`: no message shows a body.
Result<nlohmann::json> gateway_body(const HttpResponse& answer, std::string_view what, bool secret = false);

}  // namespace extvold::providers::scaleio
