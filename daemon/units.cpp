#include "daemon/units.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>
#include <optional>

namespace extvold::daemon {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t worth;
};

// Falling, so that parse_duration() can insist on the order and duration_text() can go through once.
constexpr std::array<Unit, 6> kDurationUnits = {
    {{"d", 86'400'000}, {"h", 3'600'000}, {"min", 60'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};
constexpr std::array<Unit, 6> kSizeUnits = {
    {{"TB", 1 << 20}, {"TiB", 1 << 20}, {"GB", 1 << 10}, {"GiB", 1 << 10}, {"MB", 1}, {"MiB", 1}}};

constexpr std::int64_t kDurationMsMax = std::int64_t{100} * 365 * 86'400'000;

// The digits at the front of `text`, removed from it. nullopt: there are none, or too many.
std::optional<std::int64_t> take_number(std::string_view& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || text.front() == '-') return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

template <std::size_t N>
const Unit* unit_named(const std::array<Unit, N>& units, std::string_view name) {
  for (const Unit& unit : units) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  const auto bad = [&] {
    return fail(Errc::invalid,
                "\"{}\" is no duration: write a number and a unit, as \"500ms\", \"10s\", "
                "\"5m\", \"1h30m\", \"7d\"",
                text.substr(0, 64));
  };
  std::string_view rest = text;
  std::int64_t total_ms = 0;
  std::int64_t last_worth = std::numeric_limits<std::int64_t>::max();
  if (rest.empty()) return bad();
  while (!rest.empty()) {
    const std::optional<std::int64_t> number = take_number(rest);
    const Unit* unit = unit_named(kDurationUnits, rest.substr(0, rest.find_first_of("0123456789")));
    if (!number || unit == nullptr || unit->worth >= last_worth) return bad();
    rest.remove_prefix(unit->name.size());
    last_worth = unit->worth;
    if (*number > (kDurationMsMax - total_ms) / unit->worth) return bad();
    total_ms += *number * unit->worth;
  }
  return milliseconds(total_ms);
}

std::string duration_text(Duration duration) {
  std::int64_t left_ms = duration.ns / 1'000'000;
  if (left_ms == 0) return "0s";
  std::string out = left_ms < 0 ? "-" : "";
  if (left_ms < 0) left_ms = -left_ms;
  for (const Unit& unit : kDurationUnits) {
    if (unit.name == "min" || left_ms < unit.worth) continue;
    out += fmt::format("{}{}", left_ms / unit.worth, unit.name);
    left_ms %= unit.worth;
  }
  return out;
}

Result<std::int64_t> parse_size_mb(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return fail(Errc::invalid, "\"{}\" is no size: {}", text.substr(0, 64), why);
  };
  constexpr std::string_view kHow = "write a number and a unit, as \"512MB\", \"10GB\", \"1.5TB\"";
  std::string_view rest = text;
  if (rest.empty()) return bad(kHow);
  const std::optional<std::int64_t> whole = take_number(rest);
  if (!whole) return bad(kHow);
  std::int64_t fraction = 0;
  std::int64_t fraction_of = 1;
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    const std::size_t digits = rest.find_first_not_of("0123456789");
    if (digits == 0 || digits == std::string_view::npos || digits > 6) return bad(kHow);
    for (char c : rest.substr(0, digits)) {
      fraction = fraction * 10 + (c - '0');
      fraction_of *= 10;
    }
    rest.remove_prefix(digits);
  }
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  const Unit* unit = unit_named(kSizeUnits, rest);
  if (unit == nullptr) return bad(kHow);
  constexpr std::int64_t kMegabytesMax = std::int64_t{1} << 40;
  if (*whole > kMegabytesMax / unit->worth) return bad("that is more than any disk holds");
  if (fraction * unit->worth % fraction_of != 0) return bad("it is not a whole number of megabytes");
  return *whole * unit->worth + fraction * unit->worth / fraction_of;
}

std::string size_text(std::int64_t megabytes) {
  for (const Unit& unit : kSizeUnits) {
    if (megabytes != 0 && megabytes % unit.worth == 0)
      return fmt::format("{}{}", megabytes / unit.worth, unit.name);
  }
  return fmt::format("{}MB", megabytes);
}

}  // namespace extvold::daemon
