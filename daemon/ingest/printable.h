// printable(): foreign bytes in a form that is safe in a log line.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace extvold::ingest {

// How much of a stream that makes no sense is shown: enough to recognise HTML or a shifted frame, too little
// for a secret.
inline constexpr std::size_t kShownBytes = 8;

// At most `limit` bytes of `text`; what is not printable ASCII becomes '?', and an ellipsis says that more
// followed.
inline std::string printable(std::string_view text, std::size_t limit) {
  std::string out(text.substr(0, limit));
  for (char& c : out) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  if (text.size() > limit) out += "...";
  return out;
}

}  // namespace extvold::ingest
