// Times as text, for files, the query API and people: exact in both directions.
//
// Values, any thread. No local time zone anywhere: UTC, written with Z.
#pragma once

#include <string>
#include <string_view>

#include "model/instant.h"
#include "model/result.h"

namespace extvold::daemon::record {

// "90s", "10m", "1h", "1500us": a whole number of the largest unit of h, m, s, ms, us, ns that leaves no
// rest.
std::string to_text(Duration duration);
Result<Duration> duration_from_text(std::string_view text);

// "1000s", "1000500ms": since the boot of the machine, in s, ms, us or ns. kNever is "never".
std::string to_text(Instant instant);
Result<Instant> instant_from_text(std::string_view text);

// "2026-01-31T23:59:59Z", with as many decimals as it needs. Reading also takes a space for the T, no Z, and
// no time.
std::string to_text(WallTime time);
Result<WallTime> wall_time_from_text(std::string_view text);

}  // namespace extvold::daemon::record
