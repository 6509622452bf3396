// Events: each line a record, framed here, so that the fuzzer can change a record without breaking its
// length.
#include <algorithm>
#include <cstdint>
#include <string>

#include "tests/fuzz/decode_pieces.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view lines(reinterpret_cast<const char*>(data), size);
  std::string stream;
  while (!lines.empty()) {
    const std::string_view record = lines.substr(0, lines.find('\n'));
    stream += std::to_string(record.size()) + "\n";
    stream += record;
    lines.remove_prefix(std::min(record.size() + 1, lines.size()));
  }
  extvold::tests::check_splits(stream);
  return 0;
}
