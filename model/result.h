// Result<T>: how everything that can fail in a correct program reports it.
//
// Values, copied freely, any thread. An Error has a code for programs and a message for people; the message
// names the thing, the place and, where there is one, the remedy. Errors are wrapped once per layer with the
// object they concern and logged once, by whoever decides to go on. Bugs are not errors: they are
// EXTVOLD_CHECK (check.h).
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

#include "model/instant.h"

namespace extvold {

// What a caller may do about a failure. Spelled the same in SQL, JSON and logs.
enum class Errc {
  invalid,      // report: the request makes no sense
  not_found,    // report
  conflict,     // report: the world is in another state than the request assumes
  permission,   // report: not allowed, or no root
  exhausted,    // report: no capacity, no slot, disk full
  unavailable,  // retry with backoff: nothing happened
  busy,         // retry with backoff: nothing happened
  throttled,    // retry with backoff, and ask less often: nothing happened
  uncertain,    // it may have happened: observe before anything else touches this volume
  corrupt,      // stop writing
  internal,     // a dependency broke its contract
};

std::string_view to_text(Errc code);
// `text` must be one of the spellings above; anything else is Errc::internal.
Errc errc_from_text(std::string_view text);

struct [[nodiscard]] Error {
  Errc code = Errc::internal;
  std::string message;
  Duration retry_after{};  // throttled: how long it asks to wait; 0: it does not say

  bool operator==(const Error&) const = default;
};

// tl::expected itself is not [[nodiscard]] in Debian 12, so a dropped error would compile silently.
template <typename T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
};

using Status = Result<void>;

// return fail(Errc::not_found, "volume {}: no such volume", name);
template <typename... Args>
tl::unexpected<Error> fail(Errc code, fmt::format_string<Args...> format, Args&&... args) {
  return tl::make_unexpected(Error{code, fmt::format(format, std::forward<Args>(args)...)});
}

// The same code, with `context: ` put before the message.
tl::unexpected<Error> wrap(const Error& error, std::string_view context);

}  // namespace extvold

#define EXTVOLD_CONCAT_INNER(a, b) a##b
#define EXTVOLD_CONCAT(a, b) EXTVOLD_CONCAT_INNER(a, b)

// TRY(expr): hand an error on to the caller.
#define TRY(expr) EXTVOLD_TRY_IMPL(EXTVOLD_CONCAT(extvold_try_, __COUNTER__), expr)
#define EXTVOLD_TRY_IMPL(tmp, expr)                                                  \
  do {                                                                               \
    if (auto tmp = (expr); !tmp) return tl::make_unexpected(std::move(tmp).error()); \
  } while (false)

// ASSIGN(auto x, expr): bind the value, or hand the error on to the caller.
#define ASSIGN(decl, expr) EXTVOLD_ASSIGN_IMPL(EXTVOLD_CONCAT(extvold_assign_, __COUNTER__), decl, expr)
#define EXTVOLD_ASSIGN_IMPL(tmp, decl, expr)                    \
  auto tmp = (expr);                                            \
  if (!tmp) return tl::make_unexpected(std::move(tmp).error()); \
  decl = std::move(*tmp)
