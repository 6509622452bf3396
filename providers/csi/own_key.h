// Which names we make ourselves. Pure function, any thread.
#pragma once

#include <string_view>

namespace extvold::providers::csi {

// "xv-...": random enough that nobody else makes it. A driver that takes the name for the id shows it in its
// lists.
inline bool is_own_key(std::string_view key) { return key.starts_with("xv-") && key.size() <= 128; }

}  // namespace extvold::providers::csi
