// Time as values. The core never reads a clock: every instant is handed in.
//
// Instant orders things and times things out; it is monotonic and means nothing outside this run of the
// process (except that two processes on one boot share it: CLOCK_BOOTTIME). WallTime is for people and
// records only: no decision compares it.
#pragma once

#include <compare>
#include <cstdint>

namespace extvold {

struct Duration {
  std::int64_t ns = 0;
  auto operator<=>(const Duration&) const = default;
};

constexpr Duration milliseconds(std::int64_t n) { return {n * 1'000'000}; }
constexpr Duration seconds(std::int64_t n) { return {n * 1'000'000'000}; }
constexpr Duration minutes(std::int64_t n) { return seconds(n * 60); }
constexpr Duration operator*(Duration d, std::int64_t n) { return {d.ns * n}; }

struct Instant {
  std::int64_t ns = 0;
  auto operator<=>(const Instant&) const = default;
};

constexpr Duration operator+(Duration a, Duration b) { return {a.ns + b.ns}; }
constexpr Duration operator-(Duration a, Duration b) { return {a.ns - b.ns}; }
constexpr Instant operator+(Instant t, Duration d) { return {t.ns + d.ns}; }
constexpr Duration operator-(Instant a, Instant b) { return {a.ns - b.ns}; }

constexpr Instant kNever{INT64_MAX};

struct WallTime {  // nanoseconds since 1970-01-01 UTC
  std::int64_t ns = 0;
  auto operator<=>(const WallTime&) const = default;
};

// The two faces of one moment, handed to the core together.
struct Now {
  Instant at;
  WallTime wall;
  // What the wall clock of now says that another moment was.
  constexpr WallTime wall_of(Instant then) const { return {wall.ns - (at - then).ns}; }
};

// A field that no row of the ledger holds: it is lost at a restart (T{}: "before this run") and does not
// count in comparisons.
template <typename T>
struct MemoryOnly {
  T value{};
  MemoryOnly() = default;
  MemoryOnly(T v) : value(v) {}  // NOLINT(google-explicit-constructor): it is meant to be assigned to
  bool operator==(const MemoryOnly&) const { return true; }
};

}  // namespace extvold
