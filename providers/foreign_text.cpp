#include "providers/foreign_text.h"

namespace extvold::providers {

std::string in_one_line(std::string_view text, std::size_t bytes_max) {
  std::string line;
  for (const char c : text) {
    const bool shown = c > ' ' && c < '\x7f';
    if (shown)
      line += c;
    else if (!line.empty() && line.back() != ' ')
      line += ' ';
    if (line.size() > bytes_max + 1) break;
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  if (line.size() > bytes_max) line = line.substr(0, bytes_max - 3) + "...";
  return line;
}

}  // namespace extvold::providers
