// What an error text of REX-Ray or libStorage means. The API answers 500 to nearly everything and the program
// ends with 1, so the text is all there is (read in the sources of 0.3 to 0.12). Pure functions, any thread.
#pragma once

#include <optional>
#include <string_view>

#include "model/result.h"

namespace extvold::providers::rexray {

// None: not known, so that a change may have happened. Errc::uncertain: known to be told of what may have
// happened. conflict also for what "is already so", and for "no volumes found", which says only that none was
// left over after filtering: a look tells.
std::optional<Errc> class_of_error(std::string_view text);

}  // namespace extvold::providers::rexray
