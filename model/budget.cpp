#include "model/budget.h"

#include <algorithm>
#include <climits>

namespace extvold {
namespace {

constexpr Duration kSlack = milliseconds(20);
constexpr Duration kGrowEvery = seconds(10);
constexpr Duration kPauseMin = seconds(1);
constexpr Duration kPauseMax = seconds(60);
constexpr Duration kRetryAfterMax = minutes(10);  // of what a provider asks for
constexpr std::int64_t kFirstMilli = 16'000;      // of which half is tried first, where no limit is known
constexpr std::int64_t kLeastMilli = 100;         // one call in ten seconds
constexpr std::int64_t kNoLimitFromMilli = 1'000'000;  // as many as no provider is asked for

Duration interval_of(std::int64_t rate_milli) { return {1'000'000'000'000 / rate_milli}; }

}  // namespace

std::int64_t Budget::rate_milli(int limit) const {
  const std::int64_t configured = std::int64_t{limit} * 1000;
  if (learned_milli == 0) return configured;
  return configured == 0 ? learned_milli : std::min(configured, learned_milli);
}

Instant Budget::next_call(int limit) const {
  if (rate_milli(limit) == 0) return paused_until;
  return std::max(paused_until, free_at);
}

int Budget::calls_now(int limit, Instant now) const {
  if (now < paused_until) return 0;
  const std::int64_t rate = rate_milli(limit);
  if (rate == 0) return INT_MAX;
  if (now < free_at) return 0;
  const Duration unused = std::min(now - free_at, kSlack);
  return static_cast<int>(1 + unused.ns / interval_of(rate).ns);
}

void Budget::spend(int limit, Instant now) {
  const std::int64_t rate = rate_milli(limit);
  if (rate == 0 || now < free_at) return;
  free_at = std::max(free_at, Instant{now.ns - kSlack.ns}) + interval_of(rate);
}

void Budget::throttled(int limit, Duration retry_after, Instant now) {
  const Duration asked = std::min(retry_after, kRetryAfterMax);
  // What left before the pause began and is answered in it, is answered by the same word.
  if (now < paused_until) {
    paused_until = std::max(paused_until, now + asked);
  } else {
    const std::int64_t rate = rate_milli(limit);
    learned_milli = std::max(kLeastMilli, (rate == 0 ? kFirstMilli : rate) / 2);
    const Duration pause = std::min(kPauseMin * (std::int64_t{1} << std::min(complaints, 6)), kPauseMax);
    ++complaints;
    paused_until = now + std::max(asked, pause);
  }
  free_at = std::max(free_at, paused_until);
  grows_at = paused_until + kGrowEvery;
}

void Budget::served(int limit, Instant now) {
  if (learned_milli == 0 || now < grows_at) return;
  complaints = 0;
  learned_milli += std::max(kLeastMilli, learned_milli / 4);
  grows_at = now + kGrowEvery;
  const std::int64_t enough = limit == 0 ? kNoLimitFromMilli : std::int64_t{limit} * 1000;
  if (learned_milli >= enough) learned_milli = 0;
}

}  // namespace extvold
