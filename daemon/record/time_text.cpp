#include "daemon/record/time_text.h"

#include <array>
#include <charconv>
#include <chrono>
#include <optional>
#include <utility>

namespace extvold::daemon::record {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t ns;
};
constexpr std::array<Unit, 6> kUnits = {{{"h", 3'600'000'000'000},
                                         {"m", 60'000'000'000},
                                         {"s", 1'000'000'000},
                                         {"ms", 1'000'000},
                                         {"us", 1'000},
                                         {"ns", 1}}};

std::string in_unit(std::int64_t ns, std::size_t largest) {
  if (ns == 0) return "0s";
  for (std::size_t i = largest; i < kUnits.size(); ++i) {
    if (ns % kUnits[i].ns == 0) return fmt::format("{}{}", ns / kUnits[i].ns, kUnits[i].name);
  }
  return {};
}

std::optional<std::int64_t> from_unit(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  for (const Unit& one : kUnits) {
    std::int64_t ns = 0;
    if (one.name == unit && !__builtin_mul_overflow(number, one.ns, &ns)) return ns;
  }
  return std::nullopt;
}

// Takes exactly `digits` digits off the front.
bool take_number(std::string_view& text, std::size_t digits, std::int64_t& number) {
  number = 0;
  if (text.size() < digits) return false;
  for (std::size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    number = number * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return true;
}

bool take_char(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

bool take_time_of_day(std::string_view& text, std::int64_t& ns) {
  std::int64_t hours = 0;
  std::int64_t minutes = 0;
  std::int64_t seconds = 0;
  if (!take_number(text, 2, hours) || !take_char(text, ':') || !take_number(text, 2, minutes)) return false;
  if (take_char(text, ':') && !take_number(text, 2, seconds)) return false;
  if (hours > 23 || minutes > 59 || seconds > 59) return false;
  ns = ((hours * 60 + minutes) * 60 + seconds) * 1'000'000'000;
  if (!take_char(text, '.')) return true;
  std::int64_t scale = 100'000'000;
  std::size_t digits = 0;
  for (std::int64_t digit = 0; take_number(text, 1, digit); ++digits) {
    if (scale == 0) return false;
    ns += digit * scale;
    scale /= 10;
  }
  return digits > 0;
}

}  // namespace

std::string to_text(Duration duration) { return in_unit(duration.ns, 0); }

Result<Duration> duration_from_text(std::string_view text) {
  if (const auto ns = from_unit(text)) return Duration{*ns};
  return fail(Errc::invalid,
              "\"{}\" is no duration: a whole number with h, m, s, ms, us or ns, as in \"10m\"", text);
}

std::string to_text(Instant instant) {
  return instant == kNever ? std::string("never") : in_unit(instant.ns, 2);
}

Result<Instant> instant_from_text(std::string_view text) {
  if (text == "never") return kNever;
  if (const auto ns = from_unit(text)) return Instant{*ns};
  return fail(Errc::invalid,
              "\"{}\" is no instant: a whole number with s, ms, us or ns, as in \"1000s\", or \"never\"",
              text);
}

std::string to_text(WallTime time) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  constexpr std::int64_t kDay = 86'400 * kSecond;
  const std::int64_t day = time.ns >= 0 ? time.ns / kDay : -((-(time.ns + 1)) / kDay) - 1;
  const std::int64_t rest = time.ns - day * kDay;
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{day}}};
  std::string out = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", int{date.year()},
                                unsigned{date.month()}, unsigned{date.day()}, rest / (3600 * kSecond),
                                rest / (60 * kSecond) % 60, rest / kSecond % 60);
  if (rest % kSecond != 0) {
    out += fmt::format(".{:09}", rest % kSecond);
    while (out.back() == '0') out.pop_back();
  }
  return out + "Z";
}

Result<WallTime> wall_time_from_text(std::string_view text) {
  const std::string_view whole = text;
  const auto bad = [&] {
    return fail(Errc::invalid, "\"{}\" is no time: write it as in \"2026-01-31T23:59:59Z\" (UTC)", whole);
  };
  std::int64_t year = 0;
  std::int64_t month = 0;
  std::int64_t day = 0;
  std::int64_t of_day_ns = 0;
  if (!take_number(text, 4, year) || !take_char(text, '-') || !take_number(text, 2, month) ||
      !take_char(text, '-') || !take_number(text, 2, day))
    return bad();
  if ((take_char(text, 'T') || take_char(text, ' ')) && !take_time_of_day(text, of_day_ns)) return bad();
  take_char(text, 'Z');
  if (!text.empty()) return bad();
  const std::chrono::year_month_day date{std::chrono::year{static_cast<int>(year)},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok()) return bad();
  const std::int64_t days = std::chrono::sys_days{date}.time_since_epoch().count();
  std::int64_t ns = 0;
  if (__builtin_mul_overflow(days, std::int64_t{86'400'000'000'000}, &ns) ||
      __builtin_add_overflow(ns, of_day_ns, &ns))
    return bad();
  return WallTime{ns};
}

}  // namespace extvold::daemon::record
