// How each kind of value of the model becomes JSON and back. Strict: an unknown name, a wrong type, a word
// that is not in an enumeration is an error that names its place ("volumes[3].size_mb: ..."). A name that is
// absent keeps its default, so that a recording outlives a field that was added later.
//
// Templates over fields.h; values, any thread. Never throws.
#pragma once

#include <concepts>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/record/fields.h"
#include "daemon/record/time_text.h"

namespace extvold::daemon::record {

using Json = nlohmann::ordered_json;  // fields in the order of their declaration

// Whether fields that hold their default are left out: recordings are read by people, and most fields are.
enum class Defaults { left_out, written };

// ---- writing

template <typename T>
concept Enumeration = std::is_enum_v<T> && requires(T v) {
  enum_texts(v);
};

inline Json to_json(bool value, Defaults) { return value; }
template <std::integral T>
requires(!std::same_as<T, bool>) Json to_json(T value, Defaults) { return value; }
inline Json to_json(const std::string& value, Defaults) { return value; }
template <Enumeration E>
Json to_json(E value, Defaults) {
  return std::string(extvold::to_text(value));
}
inline Json to_json(Errc value, Defaults) { return std::string(extvold::to_text(value)); }
template <typename Tag, typename Text>
Json to_json(const TextId<Tag, Text>& value, Defaults) {
  return std::string(value.value);
}
template <typename Tag>
Json to_json(NumberId<Tag> value, Defaults) {
  return value.value;
}
inline Json to_json(Sequence value, Defaults) { return value.value; }
inline Json to_json(Generation value, Defaults) { return extvold::to_text(value); }
inline Json to_json(const PoolName& value, Defaults) {
  return value == PoolName{} ? std::string() : extvold::to_text(value);
}
inline Json to_json(Duration value, Defaults) { return to_text(value); }
inline Json to_json(Instant value, Defaults) { return to_text(value); }
inline Json to_json(WallTime value, Defaults) { return to_text(value); }
template <typename T>
Json to_json(const MemoryOnly<T>& value, Defaults defaults) {
  return to_json(value.value, defaults);
}
template <typename A, typename B>
Json to_json(const std::pair<A, B>& value, Defaults defaults) {
  return Json::array({to_json(value.first, defaults), to_json(value.second, defaults)});
}
template <typename T>
Json to_json(const std::optional<T>& value, Defaults defaults) {
  return value ? to_json(*value, defaults) : Json(nullptr);
}

template <Listed T>
Json to_json(const T& value, Defaults defaults);

template <typename T>
Json to_json(const std::vector<T>& values, Defaults defaults) {
  Json out = Json::array();
  for (const T& one : values) out.push_back(to_json(one, defaults));
  return out;
}

template <typename Tag, typename Text>
std::string key_text(const TextId<Tag, Text>& key) {
  return std::string(key.value);
}
template <typename Tag>
std::string key_text(NumberId<Tag> key) {
  return fmt::format("{}", key.value);
}
template <Enumeration E>
std::string key_text(E key) {
  return std::string(extvold::to_text(key));
}

template <typename K, typename V>
Json to_json(const std::map<K, V>& values, Defaults defaults) {
  Json out = Json::object();
  for (const auto& [key, value] : values) out[key_text(key)] = to_json(value, defaults);
  return out;
}

template <Listed T>
Json to_json(const T& value, Defaults defaults) {
  static const T plain{};
  Json out = Json::object();
  std::apply(
      [&](const auto&... one) {
        const auto put = [&](const auto& field) {
          Json json = to_json(value.*(field.member), defaults);
          if (defaults == Defaults::left_out && json == to_json(plain.*(field.member), defaults)) return;
          out[std::string(field.name)] = std::move(json);
        };
        (put(one), ...);
      },
      Fields<T>::list);
  return out;
}

// ---- reading

// Where in the document: "volumes[3].size_mb".
class Place {
 public:
  Place() = default;
  Place(const Place& above, std::string_view name) : above_(&above), name_(name) {}
  Place(const Place& above, std::size_t index) : above_(&above), index_(index) {}

  std::string text() const;
  template <typename... Args>
  tl::unexpected<Error> refuse(fmt::format_string<Args...> format, Args&&... args) const {
    const std::string what = fmt::format(format, std::forward<Args>(args)...);
    const std::string where = text();
    return fail(Errc::invalid, "{}{}{}", where, where.empty() ? "" : ": ", what);
  }

 private:
  const Place* above_ = nullptr;
  std::string_view name_;
  std::size_t index_ = 0;
};

// What stands there, short, for a message.
std::string shown(const Json& json);

Status from_json(const Json& json, bool& out, const Place& at);
Status from_json(const Json& json, std::string& out, const Place& at);
Status from_json(const Json& json, Errc& out, const Place& at);
Status from_json(const Json& json, Generation& out, const Place& at);
Status from_json(const Json& json, PoolName& out, const Place& at);
Status from_json(const Json& json, Duration& out, const Place& at);
Status from_json(const Json& json, Instant& out, const Place& at);
Status from_json(const Json& json, WallTime& out, const Place& at);

template <std::integral T>
requires(!std::same_as<T, bool>) Status from_json(const Json& json, T& out, const Place& at) {
  const auto too_large = [&] { return at.refuse("{} does not fit", shown(json)); };
  if (json.is_number_unsigned()) {
    const auto value = json.get<std::uint64_t>();
    if (!std::in_range<T>(value)) return too_large();
    out = static_cast<T>(value);
    return {};
  }
  if (!json.is_number_integer()) return at.refuse("a whole number is expected, not {}", shown(json));
  const auto value = json.get<std::int64_t>();
  if (!std::in_range<T>(value)) return too_large();
  out = static_cast<T>(value);
  return {};
}

template <Enumeration E>
Status from_json(const Json& json, E& out, const Place& at) {
  const auto value = json.is_string() ? from_text<E>(json.get_ref<const std::string&>()) : std::nullopt;
  if (!value)
    return at.refuse("one of {} is expected, not {}", fmt::join(enum_texts(E{}), ", "), shown(json));
  out = *value;
  return {};
}

template <typename Tag, typename Text>
Status from_json(const Json& json, TextId<Tag, Text>& out, const Place& at) {
  std::string text;
  TRY(from_json(json, text, at));
  out = TextId<Tag, Text>(std::string_view(text));
  return {};
}
template <typename Tag>
Status from_json(const Json& json, NumberId<Tag>& out, const Place& at) {
  return from_json(json, out.value, at);
}
inline Status from_json(const Json& json, Sequence& out, const Place& at) {
  return from_json(json, out.value, at);
}
template <typename T>
Status from_json(const Json& json, MemoryOnly<T>& out, const Place& at) {
  return from_json(json, out.value, at);
}
template <typename A, typename B>
Status from_json(const Json& json, std::pair<A, B>& out, const Place& at) {
  if (!json.is_array() || json.size() != 2)
    return at.refuse("a list of two is expected, not {}", shown(json));
  TRY(from_json(json[0], out.first, Place(at, std::size_t{0})));
  return from_json(json[1], out.second, Place(at, std::size_t{1}));
}
template <typename T>
Status from_json(const Json& json, std::optional<T>& out, const Place& at) {
  out.reset();
  if (json.is_null()) return {};
  T value{};
  TRY(from_json(json, value, at));
  out = std::move(value);
  return {};
}

template <Listed T>
Status from_json(const Json& json, T& out, const Place& at);

template <typename T>
Status from_json(const Json& json, std::vector<T>& out, const Place& at) {
  if (!json.is_array()) return at.refuse("a list is expected, not {}", shown(json));
  out.clear();
  for (std::size_t i = 0; i < json.size(); ++i) {
    T value{};
    TRY(from_json(json[i], value, Place(at, i)));
    out.push_back(std::move(value));
  }
  return {};
}

template <typename Tag, typename Text>
Status key_from_text(const std::string& text, TextId<Tag, Text>& out, const Place&) {
  out = TextId<Tag, Text>(std::string_view(text));
  return {};
}
Status number_from_key(const std::string& text, std::int64_t& out, const Place& at);
template <typename Tag>
Status key_from_text(const std::string& text, NumberId<Tag>& out, const Place& at) {
  return number_from_key(text, out.value, at);
}
template <Enumeration E>
Status key_from_text(const std::string& text, E& out, const Place& at) {
  return from_json(Json(text), out, at);
}

template <typename K, typename V>
Status from_json(const Json& json, std::map<K, V>& out, const Place& at) {
  if (!json.is_object()) return at.refuse("an object is expected, not {}", shown(json));
  out.clear();
  for (const auto& [name, value] : json.items()) {
    const Place here(at, name);
    K key{};
    TRY(key_from_text(name, key, here));
    TRY(from_json(value, out[key], here));
  }
  return {};
}

template <Listed T>
Status from_json(const Json& json, T& out, const Place& at) {
  if (!json.is_object()) return at.refuse("an object is expected, not {}", shown(json));
  out = T{};
  for (const auto& item : json.items()) {
    const std::string& name = item.key();  // not a structured binding: clang 14 cannot capture one
    const Json& value = item.value();
    Status status;
    bool known = false;
    std::apply(
        [&](const auto&... one) {
          const auto take = [&](const auto& field) {
            if (known || field.name != name) return;
            known = true;
            status = from_json(value, out.*(field.member), Place(at, name));
          };
          (take(one), ...);
        },
        Fields<T>::list);
    if (!known) return Place(at, name).refuse("this version knows no such field");
    TRY(std::move(status));
  }
  return {};
}

}  // namespace extvold::daemon::record
