#include "tests/small_world/fingerprint.h"

#include <algorithm>
#include <tuple>

#include "model/check.h"

namespace extvold::small_world {
namespace {

// What is further away than that never comes here: the intervals of what is not looked at (setting.cpp).
constexpr Duration kFar = seconds(100'000);
// Waits are minutes or a retry's jittered one; the steps between add up to microseconds, and time that passes
// goes a little too far (World::pass_time). What is as near to each other as that is the same.
constexpr std::int64_t kNear = 250'000'000;

std::int64_t nearly(Duration span) { return (span.ns + kNear / 2) / kNear; }

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  hash ^= value + 0x9e3779b97f4a7c15 + (hash << 6) + (hash >> 2);
  hash *= 0xff51afd7ed558ccd;
  return hash ^ (hash >> 32);
}

}  // namespace

void Fingerprint::text(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  number(static_cast<std::int64_t>(hash));
}

void Fingerprint::ordered(Order order, std::int64_t volume, std::int64_t value) {
  EXTVOLD_CHECK(volume < kVolumesMax);
  const auto type = static_cast<std::uint8_t>(static_cast<std::uint8_t>(order) * kVolumesMax + volume);
  ranked_.push_back({type, value, static_cast<std::uint32_t>(tokens_.size())});
  tokens_.push_back({type, value});
}

void Fingerprint::span(Duration span, Duration most) {
  if (span < most && nearly(span) == nearly(most)) return number(-1'000'000);  // almost, and not yet
  number(nearly(std::min(span, most)));
}

void Fingerprint::ago(Instant at, Duration most) {
  if (at.ns == 0) return number(-1);
  if (at > now_) return number(-2 - nearly(at - now_));
  span(now_ - at, most);
}

void Fingerprint::due(Instant at) {
  if (at <= now_) return number(-1);
  if (at >= now_ + kFar) return number(-2);
  number(nearly(at - now_));
  ordered(Order::due, 0, at.ns);
}

// Each becomes the how manieth it is of its kind; 0 stays.
void Fingerprint::rank() {
  std::sort(ranked_.begin(), ranked_.end(), [](const Ranked& a, const Ranked& b) {
    return std::tie(a.type, a.value) < std::tie(b.type, b.value);
  });
  std::int64_t place = 0;
  const Ranked* before = nullptr;
  for (const Ranked& one : ranked_) {
    if (before == nullptr || before->type != one.type) {
      place = one.value == 0 ? 0 : 1;
    } else if (before->value != one.value) {
      ++place;
    }
    before = &one;
    tokens_[one.token].value = place;
  }
}

StateName Fingerprint::name() {
  rank();
  StateName out = {0x243f6a8885a308d3, 0x13198a2e03707344};
  for (const Token& one : tokens_) {
    const auto value = static_cast<std::uint64_t>(one.value);
    out[0] = mix(out[0], value * 131 + one.type);
    out[1] = mix(out[1], value ^ (static_cast<std::uint64_t>(one.type) << 56));
  }
  return out;
}

}  // namespace extvold::small_world
