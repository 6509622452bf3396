// Budget: how often a provider may be asked, by its configuration and by what it says itself.
//
// Plain value, loop thread only; part of what is observed of a provider (model/observed.h), so that a plan
// sees it. It is lost with the engine: the next one begins with what is configured, and learns again.
//
// Calls leave evenly, one each 1/rate seconds; what was not used in the last kSlack may be made up for, so
// that timers which come late do not cost a part of it. Without a limit in the configuration there is none
// until the provider says that it is asked too often (Errc::throttled). Then nothing more is asked for a
// while, and half as often after that; each kGrowEvery without such a word it is a quarter more, until the
// configured limit, or kNoLimitFrom calls a second (docs/decisions/0041).
#pragma once

#include <cstdint>

#include "model/instant.h"

namespace extvold {

struct Budget {
  std::int64_t learned_milli = 0;  // calls in 1,000 seconds; 0: it never complained, or that is long ago
  Instant free_at;                 // when the next call would be due, had none been late
  Instant paused_until;
  Instant grows_at;
  int complaints = 0;  // in a row

  // Everywhere `limit`: calls a second by configuration; 0: none.

  // How many calls may leave now; INT_MAX without any limit.
  int calls_now(int limit, Instant now) const;
  // When the next may, if none may now.
  Instant next_call(int limit) const;
  // Calls in 1,000 seconds, by configuration and by what was learned; 0: no limit.
  std::int64_t rate_milli(int limit) const;

  // One leaves. One that does not wait for its turn (a fence) takes the next one's, if that is free yet.
  void spend(int limit, Instant now);
  // The provider said that it is asked too often. `retry_after`: how long it asks to wait; 0: it does not
  // say.
  void throttled(int limit, Duration retry_after, Instant now);
  // It did what it was asked.
  void served(int limit, Instant now);

  bool operator==(const Budget&) const = default;
};

}  // namespace extvold
