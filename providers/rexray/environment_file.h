// A file with the environment of the program `rexray`: 0.1 is set up by it alone (REXRAY_STORAGEDRIVERS,
// AWS_*, GOSCALEIO_*), the later ones read it too. It holds secrets: no message repeats what stands in it.
// Any thread; a read blocks for a local file of at most 64 KiB.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/result.h"

namespace extvold::providers::rexray {

// KEY=VALUE, a line each; the value is what stands there, to the end of the line. Lines without anything, and
// those that begin with '#', say nothing. Errc::invalid.
Result<std::vector<std::string>> parse_environment(std::string_view text);

// Errors: unavailable (it cannot be read), permission (others than its owner may read it), invalid.
Result<std::vector<std::string>> read_environment_file(const std::string& path);

// `more` wins over what `base` says of the same key.
std::vector<std::string> merged_environment(std::vector<std::string> base, std::vector<std::string> more);

}  // namespace extvold::providers::rexray
