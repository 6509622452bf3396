// Records: any bytes as the answer to SUBSCRIBE, whole and in pieces: the same events, the same end.
#include <cstdint>

#include "tests/fuzz/decode_pieces.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  extvold::tests::check_splits({reinterpret_cast<const char*>(data), size});
  return 0;
}
