// Frames: any bytes, whole and in pieces: the same records, and never more bytes out than in.
#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/ingest/frame_reader.h"
#include "model/check.h"

namespace {

using extvold::ingest::FramePart;
using extvold::ingest::FrameReader;

// "<length>:<bytes>;" for each record; '!' at the end if the stream broke.
std::string read_all(std::string_view input, std::size_t piece) {
  FrameReader reader(1 << 20);
  std::string out;
  std::size_t bytes = 0;
  for (std::size_t at = 0; at < input.size(); at += piece) {
    std::string_view rest = input.substr(at, piece);
    while (true) {
      const auto part = reader.next(rest);
      if (!part) return out + "!";
      if (part->kind == FramePart::Kind::need_more) break;
      if (part->kind == FramePart::Kind::began) out += std::to_string(part->length) + ":";
      if (part->kind == FramePart::Kind::ended) out += ";";
      out += part->bytes;
      bytes += part->bytes.size();
    }
    EXTVOLD_CHECK(rest.empty());
  }
  EXTVOLD_CHECK(bytes <= input.size());
  EXTVOLD_CHECK(reader.offset() == input.size());
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string whole = read_all(input, size + 1);
  EXTVOLD_CHECK(read_all(input, 1) == whole);
  EXTVOLD_CHECK(read_all(input, 5) == whole);
  return 0;
}
