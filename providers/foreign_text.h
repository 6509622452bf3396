// What a storage system or a program said, made fit for a log line, the ledger and a person's terminal. Pure
// functions, any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace extvold::providers {

// On one line: runs of blanks and of what is not printable ASCII become one space, the end is cut off at
// `bytes_max` with "...".
std::string in_one_line(std::string_view text, std::size_t bytes_max = 400);

}  // namespace extvold::providers
