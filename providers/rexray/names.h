// Which texts may stand in a header or a URL's path where REX-Ray gives them a meaning. Pure functions, any
// thread.
#pragma once

#include <algorithm>
#include <string_view>

namespace extvold::providers::rexray {

// An instance id, a driver, a service, a field: printable, not empty, and without the characters that the
// header Libstorage-Instanceid separates its parts with (`driver:service=ID,key=value&key=value,metadata`).
inline bool is_plain_identity(std::string_view text) {
  constexpr std::size_t kBytesMax = 256;
  const auto plain = [](char c) {
    return c > ' ' && c < '\x7f' && c != ',' && c != '=' && c != '&' && c != ';' && c != '"';
  };
  return !text.empty() && text.size() <= kBytesMax && std::all_of(text.begin(), text.end(), plain);
}

// What extvold itself makes is named so; nothing else is ever looked up by its name.
inline bool is_own_key(std::string_view key) { return key.starts_with("xv-"); }

}  // namespace extvold::providers::rexray
