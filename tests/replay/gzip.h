// Answers are compressed for who accepts it, as libprocess does. Pure.
#pragma once

#include <string>
#include <string_view>

namespace extvold::replay {

std::string gzip(std::string_view bytes);

}  // namespace extvold::replay
