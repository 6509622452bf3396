// The configuration: whatever the file holds, an answer with places that are in it, and never both errors and
// a Config.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "daemon/config.h"
#include "daemon/units.h"
#include "model/check.h"

using namespace std::string_view_literals;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const extvold::daemon::ConfigResult result = extvold::daemon::parse_config(text, "fuzz.toml", "host");
  EXTVOLD_CHECK(result.config.has_value() == result.errors.empty());
  for (const auto* problems : {&result.errors, &result.warnings}) {
    for (const extvold::daemon::ConfigProblem& problem : *problems) {
      EXTVOLD_CHECK(!problem.what.empty());
      EXTVOLD_CHECK(extvold::daemon::to_text(problem).starts_with("fuzz.toml"));
    }
  }
  if (const auto duration = extvold::daemon::parse_duration(text.substr(0, 40)))
    EXTVOLD_CHECK(extvold::daemon::parse_duration(extvold::daemon::duration_text(*duration)) == *duration);
  if (const auto megabytes = extvold::daemon::parse_size_mb(text.substr(0, 40)))
    EXTVOLD_CHECK(extvold::daemon::parse_size_mb(extvold::daemon::size_text(*megabytes)) == *megabytes);
  return 0;
}
