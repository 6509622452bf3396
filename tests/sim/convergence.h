// Convergence: what still keeps a world from being as it should, once nothing goes wrong any more: an
// operation that is open, a wish that is neither met nor stands with a person for a reason that only a person
// can end.
#pragma once

#include <string>

namespace extvold::sim {

class World;

// One sentence; empty: all is well.
std::string what_is_missing(World& world);

}  // namespace extvold::sim
