// The scheme and authority of a URL, of which all that is asked of one server is made. Values.
#pragma once

#include <string>

namespace extvold::daemon {

// "http://10.0.0.1:5050" of "http://10.0.0.1:5050/api/v1".
inline std::string url_base(const std::string& url) {
  const std::size_t scheme = url.find("://");
  return url.substr(0, url.find('/', scheme == std::string::npos ? 0 : scheme + 3));
}

}  // namespace extvold::daemon
