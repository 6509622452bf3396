#include "model/result.h"

#include <array>

namespace extvold {
namespace {

constexpr std::array<std::string_view, 11> kErrcText = {"invalid",   "not_found",   "conflict", "permission",
                                                        "exhausted", "unavailable", "busy",     "throttled",
                                                        "uncertain", "corrupt",     "internal"};

}  // namespace

std::string_view to_text(Errc code) { return kErrcText.at(static_cast<std::size_t>(code)); }

Errc errc_from_text(std::string_view text) {
  for (std::size_t i = 0; i < kErrcText.size(); ++i) {
    if (kErrcText[i] == text) return static_cast<Errc>(i);
  }
  return Errc::internal;
}

tl::unexpected<Error> wrap(const Error& error, std::string_view context) {
  return tl::make_unexpected(
      Error{error.code, fmt::format("{}: {}", context, error.message), error.retry_after});
}

}  // namespace extvold
