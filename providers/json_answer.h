// JsonAnswer: what an HTTP server that speaks JSON answered, read once for all providers that talk to one.
// Plain value; pure functions, any thread. Nothing here throws.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "model/instant.h"
#include "model/ports.h"
#include "model/result.h"

namespace extvold::providers {

struct JsonAnswer {
  int status = 0;
  // Discarded (is_discarded()) if the body is not JSON, null if it is empty: what an empty body means is the
  // protocol's business.
  nlohmann::json body;
  std::string shown;     // the body in one line, cut off, for messages
  Duration retry_after;  // of its Retry-After, where that is a number of seconds; 0: it does not say
  Instant sent_at;
  Instant ended_at;
};

// Errors: those of HttpClient, with `who` (as "gateway https://10.0.0.1") before them.
Result<JsonAnswer> json_answer(const Result<HttpResponse>& ended, std::string_view who);

// Retry-After (RFC 9110, 10.2.3), where it is a number of seconds. 0: it is not there, or is a date.
Duration retry_after(const HttpResponse& answer);

// `value` as the body of a request, whatever bytes its texts hold.
std::string json_text(const nlohmann::json& value);

// A name as one segment of a URL's path: every byte but letters, digits, '-', '.', '_' and '~' as %XX
// (RFC 3986, 2.3).
std::string path_segment(std::string_view name);

// The text below `name`, or empty if there is none.
std::string text_of(const nlohmann::json& object, const char* name);

}  // namespace extvold::providers
