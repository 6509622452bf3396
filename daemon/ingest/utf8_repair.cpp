#include "daemon/ingest/utf8_repair.h"

namespace extvold::ingest {

namespace {

unsigned at(std::span<const char> text, std::size_t i) {
  return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
}

bool within(unsigned byte, unsigned first, unsigned last) { return byte >= first && byte <= last; }

// The length of the well-formed character that begins at i, or 0. The table is that of RFC 3629, section 4.
std::size_t character(std::span<const char> text, std::size_t i) {
  const unsigned lead = at(text, i);
  const unsigned second = at(text, i + 1);
  const bool third = within(at(text, i + 2), 0x80, 0xbf);
  const bool fourth = within(at(text, i + 3), 0x80, 0xbf);
  if (lead < 0x80) return 1;
  if (within(lead, 0xc2, 0xdf)) return within(second, 0x80, 0xbf) ? 2 : 0;
  if (lead == 0xe0) return within(second, 0xa0, 0xbf) && third ? 3 : 0;
  if (lead == 0xed) return within(second, 0x80, 0x9f) && third ? 3 : 0;
  if (within(lead, 0xe1, 0xef)) return within(second, 0x80, 0xbf) && third ? 3 : 0;
  if (lead == 0xf0) return within(second, 0x90, 0xbf) && third && fourth ? 4 : 0;
  if (within(lead, 0xf1, 0xf3)) return within(second, 0x80, 0xbf) && third && fourth ? 4 : 0;
  if (lead == 0xf4) return within(second, 0x80, 0x8f) && third && fourth ? 4 : 0;
  return 0;
}

}  // namespace

std::size_t repair_utf8(std::span<char> text) {
  std::size_t replaced = 0;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = character(text, i);
    if (length == 0) {
      text[i] = '?';
      ++replaced;
    }
    i += length == 0 ? 1 : length;
  }
  return replaced;
}

}  // namespace extvold::ingest
