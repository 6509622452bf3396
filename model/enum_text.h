// EXTVOLD_ENUM(Name, a, b, c): an enum class whose enumerators are spelled in C++ exactly as in SQL, JSON and
// logs.
//
// An enumerator that would be a C++ keyword carries a trailing underscore, which the text does not have
// (operator_ → "operator").
//   to_text(Name::a) == "a"        from_text<Name>("a") == Name::a        from_text<Name>("zzz") ==
//   std::nullopt
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace extvold {

constexpr std::size_t count_enumerators(std::string_view list) {
  std::size_t n = 1;
  for (char c : list) n += c == ',' ? 1U : 0U;
  return n;
}

template <std::size_t N>
constexpr std::array<std::string_view, N> split_enumerators(std::string_view list) {
  std::array<std::string_view, N> out{};
  for (std::size_t i = 0; i < N; ++i) {
    const std::size_t comma = list.find(',');
    std::string_view one = list.substr(0, comma);
    while (!one.empty() && one.front() == ' ') one.remove_prefix(1);
    while (!one.empty() && (one.back() == ' ' || one.back() == '_')) one.remove_suffix(1);
    out[i] = one;
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
  return out;
}

}  // namespace extvold

#define EXTVOLD_ENUM(Name, ...)                                                               \
  enum class Name : std::uint8_t { __VA_ARGS__ };                                             \
  inline constexpr auto Name##_texts =                                                        \
      ::extvold::split_enumerators<::extvold::count_enumerators(#__VA_ARGS__)>(#__VA_ARGS__); \
  constexpr std::span<const std::string_view> enum_texts(Name) { return Name##_texts; }       \
  constexpr std::string_view to_text(Name v) { return Name##_texts[static_cast<std::size_t>(v)]; }

namespace extvold {

template <typename E>
constexpr std::optional<E> from_text(std::string_view text) {
  const auto texts = enum_texts(E{});
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (texts[i] == text) return static_cast<E>(i);
  }
  return std::nullopt;
}

}  // namespace extvold
