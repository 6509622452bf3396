// The JSON of recordings: key order is kept, so that what is served again looks as it did. Values; any
// thread.
#pragma once

#include <nlohmann/json.hpp>

#include <initializer_list>
#include <string>
#include <string_view>

namespace extvold::replay {

using Json = nlohmann::ordered_json;

// The value at a path of object keys, or nullptr where a step is missing. Never throws.
inline const Json* find_path(const Json& from, std::initializer_list<const char*> path) {
  const Json* at = &from;
  for (const char* key : path) {
    if (!at->is_object()) return nullptr;
    const auto next = at->find(key);
    if (next == at->end()) return nullptr;
    at = &*next;
  }
  return at;
}

// The same for a string; an empty one where it is missing or of another type.
inline std::string text_at(const Json& from, std::initializer_list<const char*> path) {
  const Json* found = find_path(from, path);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

inline Json parse_json(std::string_view text) { return Json::parse(text, nullptr, false); }

// Bytes that are not UTF-8 are replaced: dump() would throw.
inline std::string dump_json(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace extvold::replay
