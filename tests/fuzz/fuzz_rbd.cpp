// What the rbd provider reads that others wrote: the output of Ceph's programs, addresses, references, tags.
// The first byte picks the parser. What has a text of its own must survive being written and read again.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "model/check.h"
#include "providers/rbd/ceph_output.h"
#include "providers/rbd/ceph_tools.h"
#include "providers/rbd/image_ref.h"
#include "providers/rbd/storage_address.h"

namespace rbd = extvold::providers::rbd;

namespace {

void read_names(std::string_view text) {
  if (const auto ref = rbd::image_ref_from_text(text)) EXTVOLD_CHECK(rbd::to_text(*ref) == text);
  if (const auto tag = rbd::tag_from_text(text)) EXTVOLD_CHECK(rbd::to_text(*tag) == text);
  if (const auto range = rbd::address_range_from_text(text)) {
    EXTVOLD_CHECK(rbd::address_range_from_text(rbd::to_text(*range)) == range);
    EXTVOLD_CHECK(rbd::contains(*range, *range));
  }
  (void)rbd::client_address_from_text(text);
  (void)rbd::blocked_range_from_text(text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 10) {
    case 0:
      (void)rbd::parse_names(text);
      break;
    case 1:
      (void)rbd::parse_rows(text);
      break;
    case 2:
      (void)rbd::parse_info(text);
      break;
    case 3:
      (void)rbd::parse_watchers(text);
      break;
    case 4:
      (void)rbd::parse_snapshots(text);
      break;
    case 5:
      (void)rbd::parse_omap_value(text);
      break;
    case 6:
      (void)rbd::parse_df(text);
      break;
    case 7:
      (void)rbd::parse_osd_dump(text);
      break;
    case 8:
      EXTVOLD_CHECK(rbd::shown_of(text).size() <= 400);
      break;
    case 9:
      read_names(text);
      break;
  }
  return 0;
}
