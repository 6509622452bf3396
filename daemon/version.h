// The version of this program: the one of CMakeLists.txt, a test compares them.
#pragma once

#include <string_view>

namespace extvold::daemon {

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace extvold::daemon
