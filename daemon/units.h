// Durations and sizes as people write them: "10s", "1h30m", "10GB". Shared by the configuration and the
// command line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/instant.h"
#include "model/result.h"

namespace extvold::daemon {

// One or more of <whole number><unit>, the units ms, s, m (or min), h, d in falling order: "250ms", "10s",
// "1h30m". Errc::invalid for anything else, a bare number included.
Result<Duration> parse_duration(std::string_view text);
// The shortest such text, exact to the millisecond: "1h30m", "0s".
std::string duration_text(Duration duration);

// <number><unit>, the units MB, GB, TB (also MiB, GiB, TiB: the same here), as Mesos counts: MB is 2^20
// bytes. A number may have a fraction if the result is whole megabytes: "1.5GB" is 1536. Errc::invalid for
// anything else.
Result<std::int64_t> parse_size_mb(std::string_view text);
std::string size_text(std::int64_t megabytes);  // "10GB", "1536MB": the largest unit that is exact

}  // namespace extvold::daemon
