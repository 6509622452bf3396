// repair_utf8(): every byte that is not part of well-formed UTF-8 becomes '?'.
//
// Mesos writes strings without looking (reference 9.5), so one bad byte in one label must not cost the
// record. '?' rather than U+FFFD: the length stays, the text is repaired in place, and no byte below 0x80
// changes, so neither does the JSON's structure. The price: two names that differ only in such bytes become
// equal.
#pragma once

#include <cstddef>
#include <span>

namespace extvold::ingest {

// The number of bytes replaced. Well-formed is RFC 3629: no overlong forms, no surrogates, nothing above
// U+10FFFF.
std::size_t repair_utf8(std::span<char> text);

}  // namespace extvold::ingest
