// The path and the parameters of a request line, decoded strictly: what is not clear is refused, not guessed.
// Values.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "model/result.h"

namespace extvold::daemon {

struct RequestUri {
  std::string path;  // decoded, begins with '/'
  std::map<std::string, std::string> query;
};

// Errc::invalid: a bad %-escape, an escaped '/' or NUL (the path could be read in two ways), a parameter
// given twice. In the query `+` is a space, and a parameter without `=` is empty.
Result<RequestUri> parse_request_uri(std::string_view uri);

}  // namespace extvold::daemon
